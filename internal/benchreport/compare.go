package benchreport

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

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
		Note: "medians with their 95 % intervals; the ratio is of the second run by the first, ~ where chance may be the cause (Mann-Whitney U-test, p of 0.05 and more). p, n and intervals count a round as one, by its median, as the events of one process are alike. Of 100 figures that did not change some 5 show a ratio all the same."}
	for _, d := range []*dataset{a, b} {
		if d.roundless() {
			c.Note += fmt.Sprintf(" %s names no rounds: each of its events counts as one, which makes p too small.", d.name)
		}
	}
	for _, k := range []string{"cpu", "goarch", "gomaxprocs", "memory", "region"} {
		if x, y := a.run.Config[k], b.run.Config[k]; x != y {
			c.Note += fmt.Sprintf(" Not the same %s: %s and %s.", k, orNone(x), orNone(y))
		}
	}
	var left []string
	for _, g := range a.groups {
		t := table{Title: g.title(), Head: []string{"variant and figure", "first", "second", "ratio", "p", "n", "first, 95 %", "second, 95 %"}}
		for _, v := range a.with(g, a.units(g)...) {
			if why := unlike(a, b, v, memoryOf(g.Settings) == 0); why != "" {
				if !slices.Contains(left, why) && len(b.samples[line{g, v}]) > 0 {
					left = append(left, why)
				}
				continue
			}
			for _, unit := range a.units(g) {
				s, u, in := a.summary(g, v, unit), b.summary(g, v, unit), scalesOf(unit)
				if s.N == 0 || u.N == 0 {
					continue
				}
				ratio, p := difference(s, u)
				t.Rows = append(t.Rows, []string{label(v) + ": " + figureTitle(unit), human(s.P50, in), human(u.P50, in), ratio, p,
					strconv.Itoa(len(s.rounds)) + "+" + strconv.Itoa(len(u.rounds)), interval(s, in), interval(u, in)})
			}
		}
		if t.dropEmpty(); len(t.Rows) > 0 {
			c.Tables = append(c.Tables, t)
		}
	}
	t := table{Title: "Size", Head: []string{"variant and figure", "first", "second", "ratio"}}
	for _, name := range a.variants {
		if unlike(a, b, name, false) != "" {
			continue
		}
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
	if len(left) > 0 {
		c.Note += " Not compared: " + strings.Join(left, "; ") + "."
	}
	return c
}

// unlike says why a variant is not the same thing in two runs, "" if it is as far
// as is known; its memory size counts where the samples do not name their own.
func unlike(a, b *dataset, name string, memory bool) string {
	v, w := a.variant(name), b.variant(name)
	x, y := map[string]string{"arch": a.knownArch(v), "model": v.Model}, map[string]string{"arch": b.knownArch(w), "model": w.Model}
	if memory {
		x["memory"], y["memory"] = v.Versions["memory"], w.Versions["memory"]
	}
	for _, k := range []string{"arch", "model", "memory"} {
		if x[k] != "" && y[k] != "" && x[k] != y[k] {
			return fmt.Sprintf("%s (%s %s and %s)", label(name), k, label(x[k]), label(y[k]))
		}
	}
	return ""
}

// roundless reports whether a run does not tell its rounds, as the Go benchmark
// format does not.
func (d *dataset) roundless() bool {
	return !slices.ContainsFunc(d.run.Samples, func(s measure.Sample) bool { return s.Round > 0 })
}

// difference writes the ratio of a figure's medians, ~ if it may be chance, and
// its p-value.
func difference(a, b summary) (ratio, p string) {
	d := measure.Compare(a.rounds, b.rounds)
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
	return factor(b.P50 / a.P50), p
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
