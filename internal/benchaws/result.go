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

const ms = 1e6

// WriteTable writes what a report of the run does not have: how the waiting for
// an endpoint splits, what posts cost, and what was left out of the figures.
func (r *Result) WriteTable(w io.Writer) error {
	var errs []error
	section := func(title string, rows [][]string) {
		if len(rows) < 2 {
			return
		}
		_, err := fmt.Fprintln(w, "\n"+title)
		errs = append(errs, err, report.WriteColumns(w, rows))
	}
	section("Waiting for the endpoint in warm invocations, medians; network: waiting without scoring, with HTTP and queues", r.waiting())
	if costs := r.Costs(); costs != nil {
		rows := [][]string{{"", "memory", "posts per event", "dollars for a million posts"}}
		for _, c := range costs {
			name := c.Variant
			if c.WithoutTheRest {
				name += " (without the endpoint)"
			}
			rows = append(rows, []string{name, fmt.Sprintf("%d MB", c.MemoryMB), report.Thousands(c.Records), fmt.Sprintf("%.5f", c.PerMillion)})
		}
		section(fmt.Sprintf("Lambda cost of warm invocations, list prices of %s (%s; %s)",
			report.Printable(r.prices.Region), r.prices.Date, report.Printable(r.prices.Source)), rows)
	}
	if all := r.Discarded(); len(all) > 0 {
		rows := [][]string{{"", "count"}}
		for _, d := range all {
			rows = append(rows, []string{d.Variant + ": " + d.Reason, report.Thousands(d.Count)})
		}
		section("Left out of the figures", rows)
	}
	return errors.Join(errs...)
}

// waiting has a row for each benchmark of a function that waited for an
// endpoint. The medians are of what was recorded of each: they need not add up.
func (r *Result) waiting() [][]string {
	rows := [][]string{{"", "n", "waiting, ms", "scoring, ms", "network, ms"}}
	for _, name := range r.Run.Names() {
		n := len(r.Run.Values(name, measure.Remote))
		if n == 0 {
			continue
		}
		row := []string{strings.TrimPrefix(name, "Warm/variant="), report.Thousands(n)}
		for _, unit := range []string{measure.Remote, measure.Score, measure.Net} {
			cell := "-"
			if xs := slices.Sorted(slices.Values(r.Run.Values(name, unit))); len(xs) > 0 {
				cell = digits(measure.Quantile(xs, .5) / ms)
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
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
