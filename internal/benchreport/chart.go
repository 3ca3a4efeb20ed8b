package benchreport

import (
	"fmt"
	"math"
	"slices"
)

// Sizes of charts in pixels.
const (
	wide   = 960 // on a desktop and in a picture
	narrow = 340 // on a phone

	labelSize = 13 // of a font
	tickSize  = 11
	titleSize = 15

	// besideFrom is the width from which names stand beside the rows; below it
	// they stand above them.
	besideFrom = 600
)

// maxChartRows bounds a chart; the tables have all variants.
const maxChartRows = 40

// maxDots bounds the dots of one row; of more samples every k-th by rank is
// drawn, the least and the largest among them.
const maxDots = 400

// A strip is a row of the chart of distributions.
type strip struct {
	name   string
	paint  paint
	values []float64
	sum    summary
}

// frame begins a chart: its title and the room for names and figures.
type frame struct {
	*scene
	f          *fonts
	from, to   float64 // of the plot
	rowHeight  float64
	middle     float64 // of a row's plot, below the row's top
	nameBeside bool
}

// newFrame lays out rows with names on the left and figures on the right.
func newFrame(f *fonts, title, desc string, width, rowHeight float64, names, figures []string) *frame {
	s := &scene{width: width, title: title, desc: desc}
	fr := &frame{scene: s, f: f, from: 10, to: width - 14, rowHeight: rowHeight, middle: rowHeight / 2, nameBeside: width >= besideFrom}
	if fr.nameBeside {
		fr.from = 12 + widest(f, names, labelSize, false) + 6
		fr.to = width - widest(f, figures, labelSize, true) - 16
	} else {
		fr.rowHeight += 17
		fr.middle += 17
	}
	size := float64(titleSize)
	for _, l := range fr.breakText(title, width-8, size, true) {
		s.height += size + 4
		s.write(4, s.height, size, ink, left, true, l)
	}
	s.height += 8
	return fr
}

// breakText breaks text into lines of at most width pixels.
func (fr *frame) breakText(text string, width, size float64, bold bool) []string {
	columns := int(width / (fr.f.width("n", size, bold)))
	return wrap(text, max(columns, 8))
}

func widest(f *fonts, texts []string, size float64, bold bool) (w float64) {
	for _, t := range texts {
		w = max(w, f.width(t, size, bold))
	}
	return w
}

// row writes the name and the figure of the row at y.
func (fr *frame) row(y float64, name, figure string) {
	base := y + fr.middle + labelSize*.35
	if !fr.nameBeside {
		base = y + labelSize + 1
		fr.write(4, base, labelSize, ink, left, false, name)
		fr.write(fr.width-4, base, labelSize, ink, right, true, figure)
		return
	}
	fr.write(fr.from-10, base, labelSize, ink, right, false, name)
	fr.write(fr.width-4, base, labelSize, ink, right, true, figure)
}

// axis draws grid lines from the scene's height on for n rows, and the labels of
// the ticks below them.
func (fr *frame) axis(a axis, n int, in []scale) {
	bottom := fr.height + float64(n)*fr.rowHeight
	for _, t := range a.ticks(fr.f, tickSize, in) {
		x := a.at(t.value)
		fr.line(1, grid, false, point{x, fr.height}, point{x, bottom})
		half := fr.f.width(t.text, tickSize, false) / 2
		fr.write(min(max(x, half+1), fr.width-half-1), bottom+tickSize+4, tickSize, muted, middle, false, t.text)
	}
}

// distribution draws every sample as a dot on a logarithmic axis, with the
// median and its interval.
func distribution(f *fonts, title string, rows []strip, width float64) *scene {
	rows = rows[:min(len(rows), maxChartRows)]
	var names, figures []string
	low, high := math.Inf(1), 0.
	for _, r := range rows {
		names = append(names, r.name)
		figures = append(figures, human(r.sum.P50, times))
		for _, x := range r.values {
			if x > 0 {
				low = min(low, x)
			}
			high = max(high, x)
		}
	}
	fr := newFrame(f, title, describe(title, names, figures), width, 30, names, figures)
	fr.keys(kinds(rows))
	a := logAxis(low, high, fr.from, fr.to)
	fr.axis(a, len(rows), times)
	for i, r := range rows {
		y := fr.height + float64(i)*fr.rowHeight
		fr.row(y, r.name, figures[i])
		at := y + fr.middle
		if len(r.sum.rounds) >= leastForInterval {
			fr.rect(a.at(r.sum.Low), at-10, max(a.at(r.sum.High)-a.at(r.sum.Low), 1), 20, r.paint, .3)
		}
		fr.dots(2.2, r.paint, .6, swarm(thin(r.values), a, at))
		fr.rect(a.at(r.sum.P50)-1, at-11, 2, 22, ink, 1)
	}
	fr.height += float64(len(rows))*fr.rowHeight + tickSize + 10
	return fr.scene
}

// kinds is the legend of the rows' colours.
func kinds(rows []strip) (keys legend) {
	all := legend{{zipColor, "zip"}, {containerColor, "container"}, {ec2Color, "thin function and EC2"}, {floorColor, "no model"}}
	for _, k := range all {
		if slices.ContainsFunc(rows, func(r strip) bool { return r.paint == k.paint }) {
			keys = append(keys, k)
		}
	}
	return keys
}

// describe puts a chart into words.
func describe(title string, names, figures []string) string {
	d := title + ": "
	for i, n := range names {
		if i > 0 {
			d += "; "
		}
		d += n + " " + figures[i]
	}
	return d + "."
}

// thin returns at most maxDots of the values, by rank.
func thin(xs []float64) []float64 {
	xs = slices.Sorted(slices.Values(xs))
	if len(xs) <= maxDots {
		return xs
	}
	some := make([]float64, maxDots)
	for i := range some {
		some[i] = xs[i*(len(xs)-1)/(maxDots-1)]
	}
	return some
}

// swarm places sorted values beside each other where they would hide one
// another, as far as the row has room.
func swarm(xs []float64, a axis, y float64) []point {
	lanes := []float64{0, -3.6, 3.6, -7.2, 7.2}
	last := make([]float64, len(lanes))
	for i := range last {
		last[i] = math.Inf(-1)
	}
	at := make([]point, len(xs))
	for i, v := range xs {
		x, lane := a.at(v), 0
		for k := range lanes {
			if x-last[k] >= 4 {
				lane = k
				break
			}
			if last[k] < last[lane] {
				lane = k
			}
		}
		last[lane] = x
		at[i] = point{x, y + lanes[lane]}
	}
	return at
}

// A bar is a row of a bar chart: parts that are put end to end.
type bar struct {
	name   string
	figure string
	parts  []part
}

type part struct {
	value float64
	paint paint
}

func (b bar) total() (sum float64) {
	for _, p := range b.parts {
		sum += p.value
	}
	return min(sum, math.MaxFloat64)
}

// A legend names the paints of a bar chart.
type legend []struct {
	paint paint
	text  string
}

// magnify is below which part of the longest bar the others are drawn again on
// an axis of their own.
const magnify = .06

// bars draws bars on an axis from zero, the shortest first, and those that are
// too short to be seen once more, magnified.
func bars(f *fonts, title string, rows []bar, keys legend, width float64, in []scale) *scene {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b bar) int {
		switch x, y := a.total(), b.total(); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	rows = rows[max(0, len(rows)-maxChartRows):]
	var names, figures []string
	for _, r := range rows {
		names, figures = append(names, r.name), append(figures, r.figure)
	}
	fr := newFrame(f, title, describe(title, names, figures), width, 22, names, figures)
	fr.keys(keys)
	for panel := 0; len(rows) > 0 && panel < 4; panel++ {
		longest := rows[len(rows)-1].total()
		if panel > 0 {
			fr.height += 12
			fr.write(4, fr.height+labelSize, labelSize, muted, left, false, fmt.Sprintf("magnified: the axis ends at %s", tickLabel(linearEnd(longest), in)))
			fr.height += labelSize + 10
		}
		fr.panel(rows, axis{low: 0, high: linearEnd(longest), from: fr.from, to: fr.to}, in)
		n := 0
		for n < len(rows) && rows[n].total() < magnify*longest {
			n++
		}
		rows = rows[:n]
	}
	return fr.scene
}

// linearEnd is where the axis of bars ends.
func linearEnd(longest float64) float64 {
	if !(longest > 0) {
		return 1
	}
	step := nice(longest/5, true)
	return min(step*math.Ceil(longest/step*.9999), math.MaxFloat64)
}

// keys draws the legend.
func (fr *frame) keys(keys legend) {
	x := 4.
	for _, k := range keys {
		w := 18 + fr.f.width(k.text, labelSize, false) + 16
		if x > 4 && x+w > fr.width {
			x = 4
			fr.height += labelSize + 6
		}
		fr.rect(x, fr.height+1, 12, 12, k.paint, 1)
		fr.write(x+18, fr.height+12, labelSize, ink, left, false, k.text)
		x += w
	}
	if len(keys) > 0 {
		fr.height += labelSize + 12
	}
}

// panel draws the rows, the longest at the bottom.
func (fr *frame) panel(rows []bar, a axis, in []scale) {
	fr.axis(a, len(rows), in)
	for i, r := range rows {
		y := fr.height + float64(i)*fr.rowHeight
		fr.row(y, r.name, r.figure)
		sum := 0.
		for _, p := range r.parts {
			from, to := a.at(sum), a.at(sum+p.value)
			sum += p.value
			if p.value > 0 {
				fr.rect(from, y+fr.middle-7, max(to-from, .7), 14, p.paint, 1)
			}
		}
	}
	fr.height += float64(len(rows))*fr.rowHeight + tickSize + 8
}
