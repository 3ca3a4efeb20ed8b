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
	settings string   // of the groups that stand for all
	values   map[cell][]float64
	samples  map[line][]measure.Sample // without their settings
	cache    map[cell]summary
	starts   map[string]restarts // on AWS, by variant
}

// line is the samples of one variant in a group.
type line struct {
	group   group
	variant string
}

// summary is a Summary whose interval is over rounds.
type summary struct {
	measure.Summary
	rounds []float64 // medians
}

// restarts counts starts, and those whose init ran over Lambda's limit.
type restarts struct{ twice, all int }

// cell is where a figure of one variant is found.
type cell struct {
	group   group
	variant string
	unit    string
}

// index sorts a run's samples.
func index(in Input) (*dataset, error) {
	d := &dataset{name: clip(printable(in.Name), 2*labelWidth), run: in.Run,
		values: map[cell][]float64{}, samples: map[line][]measure.Sample{}, cache: map[cell]summary{}, starts: map[string]restarts{}}
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
		l := line{g, s.Variant}
		d.samples[l] = append(d.samples[l], measure.Sample{Variant: s.Variant, Case: s.Case, Records: g.Records, Round: s.Round, Values: s.Values})
		if s.Case == measure.Cold {
			n := d.starts[s.Variant]
			n.all++
			if s.Settings[initKey] == initTwice {
				n.twice++
			}
			d.starts[s.Variant] = n
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
	d.settings = d.chooseSettings()
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

// An init that ran over Lambda's limit and began again is marked as a setting,
// but is one of the starts like the others: the slowest of them.
const initKey, initTwice = "init", "twice"

// settings names what differs from the usual, "" if nothing does.
func settings(m map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if k == initKey && m[k] == initTwice {
			continue
		}
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
	return cmp.Or(usual(a)-usual(b), kind(a)-kind(b), compareSettings(a.Settings, b.Settings), a.Records-b.Records)
}

// compareSettings orders settings by name and value, numbers by their size.
func compareSettings(a, b string) int {
	return slices.CompareFunc(strings.Fields(a), strings.Fields(b), func(a, b string) int {
		keyA, a, _ := strings.Cut(a, "=")
		keyB, b, _ := strings.Cut(b, "=")
		x, errA := strconv.ParseFloat(a, 64)
		y, errB := strconv.ParseFloat(b, 64)
		if errA == nil && errB == nil {
			return cmp.Or(cmp.Compare(keyA, keyB), cmp.Compare(x, y), cmp.Compare(a, b))
		}
		return cmp.Or(cmp.Compare(keyA, keyB), cmp.Compare(a, b))
	})
}

// chooseSettings returns the settings that stand for all: the usual ones, else
// those that most variants were measured under, then those of the largest
// memory.
func (d *dataset) chooseSettings() string {
	measured := map[line]bool{} // Records aside
	for l := range d.samples {
		l.group.Records = 0
		measured[l] = true
	}
	count := map[string]int{}
	for l := range measured {
		if l.group.Case == measure.Cold || l.group.Case == measure.Warm {
			count[l.group.Settings]++
		}
	}
	best, most := "", 0
	for _, g := range d.groups { // memory sizes ascend
		if g.Case != measure.Cold && g.Case != measure.Warm {
			continue
		}
		if g.Settings == "" {
			return ""
		}
		n := count[g.Settings]
		if n > most || n == most && memoryOf(g.Settings) > memoryOf(best) {
			best, most = g.Settings, n
		}
	}
	return best
}

// memoryOf returns the memory in MB that settings name, 0 if they name none.
func memoryOf(settings string) float64 {
	for _, s := range strings.Fields(settings) {
		if value, ok := strings.CutPrefix(s, "memory="); ok {
			return megabytes(value)
		}
	}
	return 0
}

// megabytes reads a memory size such as "512" or "512 MB", 0 if it is none.
func megabytes(s string) float64 {
	digits, _, _ := strings.Cut(s, " ")
	if mb, err := strconv.ParseFloat(digits, 64); err == nil && mb > 0 && mb <= 1e9 {
		return mb
	}
	return 0
}

// summary returns what is known of a figure; N is 0 if nothing is.
func (d *dataset) summary(g group, variant, unit string) summary {
	c := cell{g, variant, unit}
	s, ok := d.cache[c]
	if !ok {
		s.rounds = d.byRound(c)
		s.Summary = measure.SummarizeRounds(d.values[c], s.rounds)
		d.cache[c] = s
	}
	return s
}

// byRound returns the median of each round: the events of one process are alike,
// so that rounds are what intervals and comparisons count.
func (d *dataset) byRound(c cell) []float64 {
	part := measure.Run{Samples: d.samples[line{c.group, c.variant}]}
	if len(part.Samples) == 0 {
		return nil
	}
	return part.ByRound(part.Samples[0].Name(), c.unit)
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

// cold is the group of the cold starts that stands for all: under the settings
// chosen, else the first.
func (d *dataset) cold() group {
	first := group{}
	for _, g := range d.groups {
		if g.Case == measure.Cold && g.Settings == d.settings {
			return g
		}
		if g.Case == measure.Cold && first.Case == "" {
			first = g
		}
	}
	first.Case = measure.Cold
	return first
}

// warm returns the groups of the warm events that stand for all, the smallest
// event first: under the settings chosen, else the first.
func (d *dataset) warm() []group {
	if all := d.events(d.settings); len(all) > 0 {
		return all
	}
	for _, g := range d.groups {
		if g.Case == measure.Warm {
			return d.events(g.Settings)
		}
	}
	return nil
}

// events returns the groups of the warm events under some settings, the smallest
// event first.
func (d *dataset) events(settings string) (all []group) {
	for _, g := range d.groups {
		if g.Case == measure.Warm && g.Settings == settings {
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
