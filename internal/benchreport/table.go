package benchreport

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"coldstream/internal/measure"
)

// A table is for the terminal and for HTML: the first column stands left, all
// others right.
type table struct {
	Title string
	Note  string // what the figures are
	Head  []string
	Rows  [][]string
	Words bool // all columns stand left in HTML
}

// notes say what a figure is, on this machine and on AWS.
var notes = map[string][2]string{
	measure.First:  {"from exec to the first answer, one post scored", "Init Duration and Duration of the first call together"},
	measure.Init:   {"from exec to the first request for an event", "Init Duration"},
	measure.Invoke: {"the first invocation alone", "Duration of the first call"},
	measure.Time:   {"from an event's hand-over to its answer", "Duration"},
	measure.Billed: {"", "Billed Duration"},
	measure.Client: {"", "wall time of the call where bench ran"},
	measure.Remote: {"part of the event's time", "part of the event's time"},
	measure.Score:  {"part of the waiting", "part of the waiting"},
	measure.Net:    {"waiting without scoring", "waiting without scoring"},
}

// note explains a figure of a group.
func (d *dataset) note(g group, unit string) string {
	if g.Case == measure.Server && unit == measure.Init {
		return "from exec to the first healthy answer"
	}
	if d.run.Platform == measure.AWS {
		return notes[unit][1]
	}
	return notes[unit][0]
}

// tables returns all tables of the run.
func (d *dataset) tables() []table {
	all := []table{d.overview()}
	for _, g := range d.groups {
		if !d.main(g) {
			continue
		}
		for _, unit := range []string{measure.First, measure.Init, measure.Invoke, measure.Time, measure.Remote, measure.Score, measure.Net, measure.Billed, measure.Client} {
			if t, ok := d.figure(g, unit); ok {
				all = append(all, t)
			}
		}
	}
	if t, ok := d.footprint(); ok {
		all = append(all, t)
	}
	for _, g := range d.groups {
		if t, ok := d.condition(g); ok && !d.main(g) {
			all = append(all, t)
		}
	}
	return all
}

// overview has the medians that a reader wants first.
func (d *dataset) overview() table {
	cold, warm := d.cold(), d.warm()
	t := table{Title: "Overview", Note: "medians of cold starts and of warm events by their number of records", Head: []string{"variant", "model", "upload", "init", "first answer", d.factorHead()}}
	if cold.Settings != "" {
		t.Note += "; cold: " + cold.condition()
	}
	if len(warm) > 0 && warm[0].Settings != "" {
		t.Note += "; warm: " + warm[0].condition()
	}
	for _, g := range warm {
		t.Head = append(t.Head, count(g.Records, "record"))
	}
	t.Head = append(t.Head, "memory", endpointMemory)
	for _, v := range d.variants {
		row := []string{label(v), d.model(v), bytesOf(d.variant(v).UploadBytes), human(d.summary(cold, v, measure.Init).P50, times),
			human(d.summary(cold, v, measure.First).P50, times), factor(d.factor(v))}
		for _, g := range warm {
			row = append(row, human(d.summary(g, v, measure.Time).P50, times))
		}
		t.Rows = append(t.Rows, append(row, human(d.summary(cold, v, measure.Peak).P50, sizes), human(d.endpoint(v).P50, sizes)))
	}
	t.dropEmpty()
	return t
}

// endpointMemory is the heading of what the process behind a thin function
// needs: the function's own memory says nothing about it.
const endpointMemory = "endpoint memory"

// endpoint is the largest resident set of a variant's endpoint at the end of the
// run; N is 0 if it has none.
func (d *dataset) endpoint(variant string) summary {
	return d.summary(group{Case: measure.Server}, variant, measure.Peak)
}

// model is what a variant scores with.
func (d *dataset) model(variant string) string {
	if m := label(d.variant(variant).Model); m != "" {
		return m
	}
	return missing
}

// factorHead is the heading of the column of factors.
func (d *dataset) factorHead() string {
	if d.baseline == "" {
		return "factor"
	}
	return "vs " + label(d.baseline)
}

// dropEmpty takes out the columns that have no figure in any row.
func (t *table) dropEmpty() {
	for c := len(t.Head) - 1; c > 0; c-- {
		empty := true
		for _, row := range t.Rows {
			empty = empty && row[c] == missing
		}
		if !empty {
			continue
		}
		t.Head = append(t.Head[:c:c], t.Head[c+1:]...)
		for i, row := range t.Rows {
			t.Rows[i] = append(row[:c:c], row[c+1:]...)
		}
	}
}

// callLimit is how long Firehose waits for a function, in nanoseconds.
// https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html
const callLimit = 300e9

// nearLimit reports whether a call of the group comes near Firehose's limit.
func (d *dataset) nearLimit(g group, unit string, variants []string) bool {
	return unit == measure.Time && slices.ContainsFunc(variants, func(v string) bool { return d.summary(g, v, unit).P50 >= callLimit/10 })
}

// figure has the distribution of one figure for all variants of a group.
func (d *dataset) figure(g group, unit string) (table, bool) {
	variants := d.with(g, unit)
	if len(variants) == 0 {
		return table{}, false
	}
	t := table{Title: g.title() + ", " + figureTitle(unit), Note: d.note(g, unit),
		Head: []string{"variant", "n", "min", "p50", "95 % interval", "p90", "p99"}}
	byRound := false
	factors, rate := unit == measure.First && g == d.cold(), unit == measure.Time && g.Records > 0
	if factors {
		t.Head = append(t.Head, d.factorHead())
	}
	if rate {
		t.Head = append(t.Head, "records/s")
	}
	limited := d.nearLimit(g, unit, variants)
	if limited {
		t.Head = append(t.Head, "of 5 min")
		t.Note += "; Firehose gives a call up after 5 minutes"
	}
	for _, v := range variants {
		s := d.summary(g, v, unit)
		byRound = byRound || len(s.rounds) < s.N
		row := []string{label(v), strconv.Itoa(s.N), human(s.Min, times), human(s.P50, times), interval(s, times), human(s.P90, times), human(s.P99, times)}
		if factors {
			row = append(row, factor(d.factor(v)))
		}
		if rate {
			row = append(row, human(d.rate(g, v), plain))
		}
		if limited {
			row = append(row, percent(s.P50/callLimit))
		}
		t.Rows = append(t.Rows, row)
	}
	if byRound {
		t.Note = strings.TrimPrefix(t.Note+"; the interval counts rounds, not events", "; ")
	}
	t.dropEmpty()
	return t, true
}

// rate is how many records a second a variant gets done: the median of what was
// recorded, else from the median of the times.
func (d *dataset) rate(g group, variant string) float64 {
	if s := d.summary(g, variant, measure.Rate); s.N > 0 {
		return s.P50
	}
	return float64(g.Records) / (d.summary(g, variant, measure.Time).P50 / 1e9)
}

// footprint has sizes and memory.
func (d *dataset) footprint() (table, bool) {
	cold := d.cold()
	t := table{Title: "Size and memory", Note: "upload as compressed, disk unpacked; memory is the largest resident set after the first answer, that of an endpoint at the end of the run",
		Head: []string{"variant", "upload", "disk", "peak memory p50", "95 % interval", endpointMemory, "model after init", "model after first answer"}}
	if d.run.Platform == measure.AWS {
		t.Note = "upload as compressed, disk unpacked; memory is Max Memory Used"
	}
	for _, name := range d.variants {
		v, s := d.variant(name), d.summary(cold, name, measure.Peak)
		row := []string{label(name), bytesOf(v.UploadBytes), bytesOf(v.DiskBytes), human(s.P50, sizes), interval(s, sizes), human(d.endpoint(name).P50, sizes),
			human(d.summary(cold, name, measure.ModelInit).P50, sizes), human(d.summary(cold, name, measure.ModelFirst).P50, sizes)}
		if strings.Trim(strings.Join(row[1:], ""), missing) != "" {
			t.Rows = append(t.Rows, row)
		}
	}
	if len(t.Rows) == 0 {
		return t, false
	}
	t.dropEmpty()
	return t, true
}

// condition has the figures of a group under other settings beside the usual
// ones.
func (d *dataset) condition(g group) (table, bool) {
	unit, usual := measure.Time, group{Case: g.Case, Records: g.Records}
	without := "without the setting"
	switch main := d.warm(); {
	case g.Case == measure.Cold:
		unit, usual = measure.First, d.cold()
	case g.Case == measure.Warm && len(main) > 0:
		usual.Settings = main[0].Settings
	}
	if usual.Settings != "" {
		without = "with " + usual.condition()
	}
	variants := d.with(g, unit, measure.Init, measure.Time)
	if len(variants) == 0 {
		return table{}, false
	}
	t := table{Title: g.title(), Note: "medians; vs usual: " + figureTitle(unit) + " by that " + without,
		Head: []string{"variant", "n", figureTitle(unit), "95 % interval", "p90", "vs usual", "init", "first invocation", "records/s"}}
	for _, v := range variants {
		s := d.summary(g, v, unit)
		rate := math.NaN()
		if g.Case == measure.Warm && g.Records > 0 {
			rate = d.rate(g, v)
		}
		t.Rows = append(t.Rows, []string{label(v), strconv.Itoa(max(s.N, d.summary(g, v, measure.Init).N)), human(s.P50, times), interval(s, times), human(s.P90, times),
			factor(s.P50 / d.summary(usual, v, unit).P50), human(d.summary(g, v, measure.Init).P50, times),
			human(d.summary(g, v, measure.Invoke).P50, times), human(rate, plain)})
	}
	t.dropEmpty()
	return t, true
}

// skipped lists what was not run: the variant and why.
func (d *dataset) skipped() (all []entry) {
	for _, v := range d.run.Variants {
		if v.Skipped != "" {
			all = append(all, entry{label(v.Name), []string{clip(printable(v.Skipped), maxReason)}})
		}
	}
	return all
}

// An entry is a line with those that belong to it.
type entry struct {
	Name  string
	Lines []string
}

// Bounds of what is shown of failures.
const (
	maxFailures = 10  // all are counted
	maxLines    = 5   // the last ones of an output
	maxReason   = 300 // columns of a line
)

// failures lists samples that failed, one of each kind.
func (d *dataset) failures() (all []entry, total int) {
	counts := map[string]int{}
	at := map[string]int{}
	for _, s := range d.run.Failures() {
		total++
		g := group{Case: s.Case, Records: s.Records, Settings: settings(s.Settings)}
		name := label(s.Variant) + ", " + g.title()
		key := name + "\x00" + s.Error
		counts[key]++
		if i, seen := at[key]; seen {
			all[i].Name = fmt.Sprintf("%s, %d times", name, counts[key])
			continue
		}
		if len(all) == maxFailures {
			continue
		}
		at[key] = len(all)
		e := entry{name, []string{clip(printable(s.Error), maxReason)}}
		lines := strings.Split(strings.TrimSpace(s.Output), "\n")
		for _, l := range lines[max(0, len(lines)-maxLines):] {
			if l = clip(printable(l), maxReason); l != "" {
				e.Lines = append(e.Lines, "| "+l)
			}
		}
		all = append(all, e)
	}
	return all, total
}
