package benchreport

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// A curve is a line of the cost chart: a figure over posts per second.
type curve struct {
	name  string
	paint paint
	at    []point // rate and figure
}

// maxCurves bounds the lines of a chart; the tables have all options.
const maxCurves = 12

// curvePaints tell options apart, together with the mark at each point.
var curvePaints = []paint{zipColor, containerColor, ec2Color, extraColor, floorColor, ink}

// charts draws dollars and waiting time over the rate, for the cheapest
// architecture of each variant.
func (c *costs) charts(f *fonts) (all []figureSet) {
	for _, chartOf := range []struct {
		title, caption string
		in             []scale
		figure         func(*estimated) float64
	}{
		{"Dollars a month by posts a second", axesNote + "What Firehose itself charges is in every line. Each option with the memory size and the architecture that cost least while it keeps up.",
			[]scale{{1, dollar}}, func(e *estimated) float64 { return e.DollarsPerMonth }},
		{"p99 of a call by posts a second", "What Firehose waits for 99 of 100 calls, cold ones included. Its limit is five minutes.",
			times, func(e *estimated) float64 { return float64(e.P99) }},
	} {
		if rates := slices.Compact(slices.Sorted(slices.Values(c.in.PostsPerSecond))); len(rates) == 1 {
			if rows := c.options(rates[0], chartOf.figure, chartOf.in); len(rows) > 0 {
				title, _, _ := strings.Cut(chartOf.title, " by ")
				all = append(all, chart(strings.TrimPrefix(chartOf.caption, axesNote), func(width float64) *scene {
					return bars(f, title+" at "+rateTitle(rates[0]), rows, nil, width, chartOf.in)
				}))
			}
			continue
		}
		curves := c.curves(chartOf.figure)
		if len(curves) == 0 {
			continue
		}
		all = append(all, chart(chartOf.caption, func(width float64) *scene {
			return lines(f, chartOf.title, curves, width, chartOf.in)
		}))
	}
	return all
}

// axesNote begins the caption of a chart over the rate.
const axesNote = "Both axes are logarithmic. "

// options returns a figure at one rate, a bar for each option.
func (c *costs) options(rate float64, figure func(*estimated) float64, in []scale) (rows []bar) {
	for _, e := range c.best(rate) {
		if y := figure(&e); y > 0 && !math.IsInf(y, 0) {
			i := slices.IndexFunc(c.served, func(s served) bool { return s.option.Name == e.option.Name })
			rows = append(rows, bar{c.served[i].title, human(y, in), []part{{y, paintOf(e.option.Kind)}}})
		}
	}
	return rows
}

// curves returns a figure over the rates, one line for each variant.
func (c *costs) curves(figure func(*estimated) float64) (all []curve) {
	rates := slices.Sorted(slices.Values(c.in.PostsPerSecond))
	for i, s := range c.served[:min(len(c.served), maxCurves)] {
		line := curve{name: s.title, paint: curvePaints[i%len(curvePaints)]}
		for _, rate := range slices.Compact(rates) {
			for _, e := range c.best(rate) {
				if y := figure(&e); e.option.Name == s.option.Name && y > 0 && !math.IsInf(y, 0) {
					line.at = append(line.at, point{rate, y})
				}
			}
		}
		if len(line.at) > 0 {
			all = append(all, line)
		}
	}
	return all
}

// bills has the parts of each option's cost, one table for each rate.
func (c *costs) bills() (all []table) {
	for _, rate := range c.in.PostsPerSecond {
		t := table{Title: rateTitle(rate), Head: []string{"option", "part", "$ a month", "formula"}, Words: true}
		for _, e := range c.best(rate) {
			name := fmt.Sprintf("%s, %d MB", e.name(), e.option.MemoryMB)
			for _, p := range e.Parts {
				t.Rows = append(t.Rows, []string{name, printable(p.Name), money(p.Dollars), printable(p.Formula)})
			}
			t.Rows = append(t.Rows, []string{name, "total", money(e.DollarsPerMonth), missing})
		}
		all = append(all, t)
	}
	return all
}

// lines draws curves on two logarithmic axes, with a legend below.
func lines(f *fonts, title string, curves []curve, width float64, in []scale) *scene {
	low, high := point{math.Inf(1), math.Inf(1)}, point{}
	var names, figures []string
	for _, c := range curves {
		var ys []string
		for _, p := range c.at {
			low, high = point{min(low.x, p.x), min(low.y, p.y)}, point{max(high.x, p.x), max(high.y, p.y)}
			ys = append(ys, fmt.Sprintf("%s at %s", human(p.y, in), rateTitle(p.x)))
		}
		names, figures = append(names, c.name), append(figures, strings.Join(ys, ", "))
	}
	fr := newFrame(f, title, describe(title, names, figures), width, 0, nil, nil)
	const height = 300.
	y := logAxis(low.y, high.y, fr.height+height, fr.height+6)
	left := 0.
	yTicks := y.vertical(in)
	for _, t := range yTicks {
		left = max(left, f.width(t.text, tickSize, false))
	}
	x := logAxis(low.x, high.x, left+16, width-24)
	for _, t := range yTicks {
		fr.line(1, grid, false, point{x.from, y.at(t.value)}, point{x.to, y.at(t.value)})
		fr.write(x.from-6, y.at(t.value)+tickSize*.35, tickSize, muted, right, false, t.text)
	}
	for _, t := range x.ticks(f, tickSize, []scale{{1, "/s"}}) {
		fr.line(1, grid, false, point{x.at(t.value), y.to}, point{x.at(t.value), y.from})
		fr.write(x.at(t.value), y.from+tickSize+5, tickSize, muted, middle, false, t.text)
	}
	for i, c := range curves {
		at := make([]point, len(c.at))
		for k, p := range c.at {
			at[k] = point{x.at(p.x), y.at(p.y)}
		}
		fr.line(2, c.paint, i >= len(curvePaints), at...)
		for _, p := range at {
			fr.mark(i, p, c.paint)
		}
	}
	fr.height += height + tickSize + 16
	fr.curveKeys(curves)
	return fr.scene
}

// vertical returns ticks that are a line apart or more.
func (a axis) vertical(in []scale) []tick {
	for _, values := range a.candidates() {
		var ts []tick
		last, fits := math.Inf(1), true
		for _, v := range values {
			fits = fits && last-a.at(v) >= tickSize*1.8
			last = a.at(v)
			ts = append(ts, tick{v, tickLabel(v, in)})
		}
		if fits && len(ts) > 0 {
			return ts
		}
	}
	return nil
}

// mark draws the i-th curve's mark: a disc, a square or a cross, another one
// where the colours come again.
func (fr *frame) mark(i int, p point, c paint) {
	switch (i + i/len(curvePaints)) % 3 {
	case 0:
		fr.dots(4, c, 1, []point{p})
	case 1:
		fr.rect(p.x-4, p.y-4, 8, 8, c, 1)
	default:
		fr.line(2, c, false, point{p.x - 4, p.y - 4}, point{p.x + 4, p.y + 4})
		fr.line(2, c, false, point{p.x - 4, p.y + 4}, point{p.x + 4, p.y - 4})
	}
}

// curveKeys draws the legend.
func (fr *frame) curveKeys(curves []curve) {
	x := 4.
	for i, c := range curves {
		w := 40 + fr.f.width(c.name, labelSize, false) + 16
		if x > 4 && x+w > fr.width {
			x = 4
			fr.height += labelSize + 8
		}
		middle := fr.height + 7
		fr.line(2, c.paint, i >= len(curvePaints), point{x, middle}, point{x + 30, middle})
		fr.mark(i, point{x + 15, middle}, c.paint)
		fr.write(x+38, fr.height+12, labelSize, ink, left, false, c.name)
		x += w
	}
	fr.height += labelSize + 8
}
