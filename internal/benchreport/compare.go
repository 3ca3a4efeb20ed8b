package benchreport

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"coldstream/internal/measure"
)

// A comparison is what two runs have in common.
type comparison struct {
	Title  string
	Note   string
	Tables []table
}

// compareRuns compares each run with the first one of its platform.
func compareRuns(runs []*dataset) (all []comparison) {
	for i, b := range runs {
		first := slices.IndexFunc(runs, func(d *dataset) bool { return d.run.Platform == b.run.Platform })
		switch {
		case first < i:
			all = append(all, compare(runs[first], b))
		case i > 0:
			all = append(all, comparison{Title: runs[0].name + " and " + b.name,
				Note: fmt.Sprintf("not compared: one is of %s, the other of %s", label(runs[0].run.Platform), label(b.run.Platform))})
		}
	}
	return all
}

// compare compares every figure that two runs have.
func compare(a, b *dataset) comparison {
	c := comparison{Title: a.name + " and " + b.name,
		Note: "medians; the ratio is of the second run by the first, ~ where chance may be the cause (Mann-Whitney U-test, p of 0.05 and more). Of 100 figures that did not change some 5 show a ratio all the same."}
	for _, k := range []string{"cpu", "goarch", "gomaxprocs", "memory", "region"} {
		if x, y := a.run.Config[k], b.run.Config[k]; x != y {
			c.Note += fmt.Sprintf(" Not the same %s: %s and %s.", k, orNone(x), orNone(y))
		}
	}
	for _, g := range a.groups {
		t := table{Title: g.title(), Head: []string{"variant and figure", "first", "second", "ratio", "p", "n"}}
		for _, v := range a.with(g, a.units(g)...) {
			for _, unit := range a.units(g) {
				xs, ys := a.values[cell{g, v, unit}], b.values[cell{g, v, unit}]
				if len(xs) == 0 || len(ys) == 0 {
					continue
				}
				s, u, in := a.summary(g, v, unit), b.summary(g, v, unit), scalesOf(unit)
				ratio, p := difference(xs, ys)
				t.Rows = append(t.Rows, []string{label(v) + ": " + figureTitle(unit), human(s.P50, in), human(u.P50, in), ratio, p, strconv.Itoa(s.N) + "+" + strconv.Itoa(u.N)})
			}
		}
		if len(t.Rows) > 0 {
			c.Tables = append(c.Tables, t)
		}
	}
	t := table{Title: "Size", Head: []string{"variant and figure", "first", "second", "ratio"}}
	for _, name := range a.variants {
		x, y := a.variant(name), b.variant(name)
		for _, f := range []struct {
			title string
			a, b  int64
		}{{"upload", x.UploadBytes, y.UploadBytes}, {"disk", x.DiskBytes, y.DiskBytes}} {
			if f.a > 0 && f.b > 0 {
				t.Rows = append(t.Rows, []string{label(name) + ": " + f.title, bytesOf(f.a), bytesOf(f.b), factor(float64(f.b) / float64(f.a))})
			}
		}
	}
	if len(t.Rows) > 0 {
		c.Tables = append(c.Tables, t)
	}
	if len(c.Tables) == 0 {
		c.Note = "nothing to compare: they have no figure in common"
	}
	return c
}

// difference writes the ratio of two sets of samples, ~ if it may be chance, and
// its p-value.
func difference(a, b []float64) (ratio, p string) {
	d := measure.Compare(a, b)
	if math.IsNaN(d.P) {
		return "~", missing
	}
	p = strconv.FormatFloat(d.P, 'f', 3, 64)
	if d.P < .001 {
		p = "<0.001"
	}
	if !d.Significant() {
		return "~", p
	}
	return factor(d.Ratio), p
}

// units returns the units of a group's samples, the usual ones first.
func (d *dataset) units(g group) []string {
	usual := []string{measure.First, measure.Init, measure.Invoke, measure.Time}
	var others []string
	for c := range d.values {
		if c.group == g && !slices.Contains(usual, c.unit) && !slices.Contains(others, c.unit) {
			others = append(others, c.unit)
		}
	}
	slices.Sort(others)
	return append(usual, others...)
}

func orNone(s string) string {
	if s == "" {
		return "not known"
	}
	return clip(printable(s), 2*labelWidth)
}
