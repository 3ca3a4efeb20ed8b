package benchreport

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"coldstream/internal/measure"
)

// A group is what samples of several variants have in common, so that they can
// be compared.
type group struct {
	Case     string
	Records  int    // of a warm event
	Settings string // "" is the usual
}

// dataset is a run with its samples by group, variant and unit.
type dataset struct {
	name     string
	run      *measure.Run
	baseline string   // variant, "" if there are no first answers
	variants []string // that have samples, by first answer, the fastest first
	groups   []group  // cold before warm, the usual before other settings
	values   map[cell][]float64
	cache    map[cell]measure.Summary
}

// cell is where a figure of one variant is found.
type cell struct {
	group   group
	variant string
	unit    string
}

// index sorts a run's samples.
func index(in Input) (*dataset, error) {
	d := &dataset{name: clip(printable(in.Name), 2*labelWidth), run: in.Run, values: map[cell][]float64{}, cache: map[cell]measure.Summary{}}
	units := map[string]bool{}
	shown := false
	for i := range d.run.Samples {
		s := &d.run.Samples[i]
		g := group{Case: s.Case, Settings: settings(s.Settings)}
		if s.Case == measure.Warm {
			g.Records = s.Records
		}
		for unit, x := range s.Values {
			c := cell{g, s.Variant, unit}
			d.values[c] = append(d.values[c], x)
			units[unit] = true
			shown = shown || known(unit)
		}
		if len(s.Values) == 0 {
			continue
		}
		if !slices.Contains(d.groups, g) {
			d.groups = append(d.groups, g)
		}
		if !slices.Contains(d.variants, s.Variant) {
			d.variants = append(d.variants, s.Variant)
		}
	}
	if !shown {
		return nil, d.nothing(units)
	}
	slices.SortStableFunc(d.groups, compareGroups)
	first := func(v string) float64 {
		if s := d.summary(d.cold(), v, measure.First); s.N > 0 {
			return s.P50
		}
		return math.Inf(1)
	}
	order := func(v string) int {
		return slices.IndexFunc(d.run.Variants, func(x measure.Variant) bool { return x.Name == v })
	}
	slices.SortStableFunc(d.variants, func(a, b string) int {
		return cmp.Or(cmp.Compare(first(a), first(b)), cmp.Compare(order(a), order(b)))
	})
	return d, nil
}

// nothing is the error about a run without figures.
func (d *dataset) nothing(units map[string]bool) error {
	failures := d.run.Failures()
	switch {
	case len(units) > 0:
		return fmt.Errorf("%s has no figure that a report shows: its units are %s; expected some of %s",
			d.name, strings.Join(labels(slices.Sorted(maps.Keys(units))), ", "), strings.Join(knownUnits(), ", "))
	case len(failures) > 0:
		return fmt.Errorf("nothing was measured in %s: all of its samples failed, the first, of %s, with: %s",
			d.name, label(failures[0].Variant), clip(printable(failures[0].Error), 200))
	}
	for _, v := range d.run.Variants {
		if v.Skipped != "" {
			return fmt.Errorf("nothing was measured in %s: %s was skipped: %s", d.name, label(v.Name), clip(printable(v.Skipped), 200))
		}
	}
	return fmt.Errorf("nothing was measured in %s: it has no samples", d.name)
}

// settings names what differs from the usual, "" if nothing does.
func settings(m map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, k+"="+m[k])
	}
	return strings.Join(parts, " ")
}

// compareGroups orders groups as a report shows them.
func compareGroups(a, b group) int {
	usual := func(g group) int { return min(len(g.Settings), 1) }
	kind := func(g group) int {
		return slices.Index([]string{measure.Cold, measure.Warm, measure.Server}, g.Case) & math.MaxInt16 // others last
	}
	return cmp.Or(usual(a)-usual(b), kind(a)-kind(b), cmp.Compare(a.Settings, b.Settings), a.Records-b.Records)
}

// summary returns what is known of a figure; N is 0 if nothing is.
func (d *dataset) summary(g group, variant, unit string) measure.Summary {
	c := cell{g, variant, unit}
	s, ok := d.cache[c]
	if !ok {
		s = measure.Summarize(d.values[c])
		d.cache[c] = s
	}
	return s
}

// with returns the variants that have a figure in a group.
func (d *dataset) with(g group, units ...string) []string {
	var names []string
	for _, v := range d.variants {
		if slices.ContainsFunc(units, func(unit string) bool { return len(d.values[cell{g, v, unit}]) > 0 }) {
			names = append(names, v)
		}
	}
	return names
}

// cold is the group of the cold starts that stands for all: the usual one, else
// the first.
func (d *dataset) cold() group {
	for _, g := range d.groups {
		if g.Case == measure.Cold {
			return g
		}
	}
	return group{Case: measure.Cold}
}

// warm returns the groups of the warm events that stand for all, the smallest
// event first.
func (d *dataset) warm() []group {
	var all []group
	for _, g := range d.groups {
		if g.Case == measure.Warm && (len(all) == 0 || g.Settings == all[0].Settings) {
			all = append(all, g)
		}
	}
	return all
}

// main reports whether g is one of the groups that get tables of their own.
func (d *dataset) main(g group) bool {
	return g == d.cold() || slices.Contains(d.warm(), g) || g.Case == measure.Server && g.Settings == ""
}

// variant returns what is known of a variant, its name at least.
func (d *dataset) variant(name string) measure.Variant {
	if v := d.run.Variant(name); v != nil {
		return *v
	}
	return measure.Variant{Name: name}
}

// factor is a variant's first answer by that of the baseline, NaN if one is
// missing.
func (d *dataset) factor(variant string) float64 {
	if d.baseline == "" {
		return math.NaN()
	}
	g := d.cold()
	return d.summary(g, variant, measure.First).P50 / d.summary(g, d.baseline, measure.First).P50
}

// title names a group for a heading.
func (g group) title() string {
	t := map[string]string{measure.Cold: "Cold starts", measure.Server: "Starts of the endpoint"}[g.Case]
	if g.Case == measure.Warm {
		t = "Warm events of " + count(g.Records, "record")
	}
	if t == "" {
		t = label(g.Case)
	}
	if g.Settings != "" {
		t += ", " + g.condition()
	}
	return t
}

// condition says in words what differs from the usual.
func (g group) condition() string {
	var parts []string
	for _, s := range strings.Split(g.Settings, " ") {
		key, value, _ := strings.Cut(s, "=")
		switch {
		case s == "cache=dropped":
			s = "page cache dropped"
		case key == "cpu":
			s = "CPU limited to " + value
		case s == "cpus=1":
			s = "one processor"
		case key == "memory":
			if _, err := strconv.Atoi(value); err == nil {
				value += " MB"
			}
			s = "memory " + value
		}
		parts = append(parts, label(s))
	}
	return strings.Join(parts, ", ")
}
