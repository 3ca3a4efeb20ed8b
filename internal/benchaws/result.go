package benchaws

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"coldstream/internal/cost"
	"coldstream/internal/measure"
	"coldstream/internal/report"
)

// A Result is what a run measured.
type Result struct {
	Run *measure.Run

	discarded map[[2]string]int // by variant and reason
	memory    map[string]int    // MB, by variant
	prices    *cost.Prices
}

// Discard counts invocations that were left out of the figures.
type Discard struct {
	Variant, Reason string
	Count           int
}

// Discarded returns what was left out, by variant and reason.
func (r *Result) Discarded() []Discard {
	var all []Discard
	for key, n := range r.discarded {
		all = append(all, Discard{key[0], key[1], n})
	}
	slices.SortFunc(all, func(a, b Discard) int {
		return cmp.Or(cmp.Compare(a.Variant, b.Variant), cmp.Compare(a.Reason, b.Reason))
	})
	return all
}

// Cost is what posts cost that come in events of one size, from the billed
// times of the warm invocations.
type Cost struct {
	Variant        string
	MemoryMB       int
	Records        int     // posts in an event
	PerMillion     float64 // dollars for a million posts, requests included
	WithoutTheRest bool    // the endpoint that the function calls is not in it
}

// Costs returns the cost of posts for every variant and size of event that was
// measured, nil without prices.
func (r *Result) Costs() []Cost {
	if r.prices == nil {
		return nil
	}
	var all []Cost
	for _, name := range r.Run.Names() {
		i := slices.IndexFunc(r.Run.Samples, func(s measure.Sample) bool { return s.Name() == name })
		s := r.Run.Samples[i]
		billed := r.Run.Values(name, measure.Billed)
		if s.Case != measure.Warm || len(billed) == 0 || s.Records == 0 {
			continue
		}
		v := r.Run.Variant(s.Variant)
		memory := r.memory[s.Variant]
		if m, err := strconv.Atoi(s.Settings["memory"]); err == nil {
			memory = m
		}
		sum := 0.0
		for _, b := range billed {
			sum += r.prices.Invocation(v.Arch, memory, time.Duration(b))
		}
		perPost := sum / float64(len(billed)) / float64(s.Records)
		if math.IsNaN(perPost) {
			continue // an architecture without a price
		}
		all = append(all, Cost{s.Variant, memory, s.Records, perPost * 1e6, v.Kind == "ec2"})
	}
	return all
}

// figure is a row of the table of a benchmark.
type figure struct {
	unit, title string
	scale       float64
}

const ms, mb = 1e6, 1 << 20

var figures = map[string][]figure{
	measure.Cold: {
		{measure.Init, "Init Duration", ms}, {measure.Invoke, "first Duration", ms}, {measure.First, "Init + Duration", ms},
		{measure.Billed, "billed", ms}, {measure.Client, "seen by the client", ms}, {measure.Peak, "max memory, MB", mb},
	},
	measure.Warm: {
		{measure.Time, "Duration", ms}, {measure.Remote, "in it: endpoint", ms}, {measure.Score, "in it: scoring there", ms},
		{measure.Billed, "billed", ms}, {measure.Client, "seen by the client", ms}, {measure.Peak, "max memory, MB", mb},
	},
}

// WriteTable writes the figures for people: of cold starts both the first
// Duration, which is what others publish as a cold start, and Init + Duration,
// which is what a caller waits for.
func (r *Result) WriteTable(w io.Writer) error {
	var errs []error
	section := func(title string, rows [][]string) {
		if len(rows) < 2 {
			return
		}
		_, err := fmt.Fprintln(w, title)
		errs = append(errs, err, report.WriteColumns(w, rows))
		_, err = fmt.Fprintln(w)
		errs = append(errs, err)
	}
	section("AWS, "+r.Run.Config["region"]+": cold starts, ms", r.rows(measure.Cold))
	section("AWS, "+r.Run.Config["region"]+": warm invocations, ms", r.rows(measure.Warm))
	if costs := r.Costs(); costs != nil {
		rows := [][]string{{"", "memory", "posts per event", "dollars for a million posts"}}
		for _, c := range costs {
			name := c.Variant
			if c.WithoutTheRest {
				name += " (without the endpoint)"
			}
			rows = append(rows, []string{name, fmt.Sprintf("%d MB", c.MemoryMB), report.Thousands(c.Records), fmt.Sprintf("%.5f", c.PerMillion)})
		}
		section(fmt.Sprintf("Lambda cost of warm invocations, list prices of %s (%s)", r.prices.Region, r.prices.Date), rows)
	}
	if all := r.Discarded(); len(all) > 0 {
		rows := [][]string{{"", "count"}}
		for _, d := range all {
			rows = append(rows, []string{d.Variant + ": " + d.Reason, report.Thousands(d.Count)})
		}
		section("Left out of the figures", rows)
	}
	section("Failures", r.failureRows())
	return errors.Join(errs...)
}

// rows are the figures of all benchmarks of a case.
func (r *Result) rows(kind string) [][]string {
	rows := [][]string{{"", "figure", "n", "p50", "95 % interval", "p90", "p99"}}
	for _, name := range r.Run.Names() {
		label, _ := strings.CutPrefix(name, strings.ToUpper(kind[:1])+kind[1:]+"/variant=")
		if label == name {
			continue
		}
		for _, f := range figures[kind] {
			s := measure.Summarize(r.Run.Values(name, f.unit))
			if s.N == 0 {
				continue
			}
			p99 := "-"
			if !math.IsNaN(s.P99) {
				p99 = digits(s.P99 / f.scale)
			}
			rows = append(rows, []string{
				label, f.title, report.Thousands(s.N), digits(s.P50 / f.scale),
				digits(s.Low/f.scale) + " to " + digits(s.High/f.scale), digits(s.P90 / f.scale), p99,
			})
			label = ""
		}
	}
	return rows
}

// failureRows are the failures, alike ones together.
func (r *Result) failureRows() [][]string {
	rows := [][]string{{"", "count"}}
	count := map[[2]string]int{}
	var order [][2]string
	for _, s := range r.Run.Failures() {
		key := [2]string{s.Name(), s.Error}
		if count[key]++; count[key] == 1 {
			order = append(order, key)
		}
	}
	for _, key := range order {
		rows = append(rows, []string{key[0] + ": " + report.Printable(key[1]), report.Thousands(count[key])})
	}
	return rows
}

// digits writes x with three significant digits, whole from 100 on.
func digits(x float64) string {
	switch {
	case x >= 100:
		return report.Thousands(int(math.Round(x)))
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	case x >= 1:
		return fmt.Sprintf("%.2f", x)
	}
	return fmt.Sprintf("%.3f", x)
}
