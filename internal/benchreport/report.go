// Package benchreport turns runs of the benchmark into reports. New indexes the
// runs; the Report writes itself as text for a terminal (WriteText), as one HTML
// file (WriteHTML), as a picture (WritePNG) and as the README's table
// (WriteHeadline).
package benchreport

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"coldstream/internal/measure"
)

// An Input is a run and the name of its file.
type Input struct {
	Name string
	Run  *measure.Run
}

// Options say what a report holds.
type Options struct {
	// Baseline is the variant that first answers are compared with; "" is bare
	// or else the fastest.
	Baseline string
	// Cost asks for the cost model; nil leaves it out.
	Cost *Cost
}

// A Report is what there is to say about one or more runs.
type Report struct {
	runs        []*dataset
	comparisons []comparison
	cost        *costs // nil = left out
	fonts       *fonts
}

// New returns the report of one or more runs. A run without any figure that a
// report shows is an error, and so is a baseline that was not measured.
func New(inputs []Input, o Options) (*Report, error) {
	if len(inputs) == 0 {
		return nil, errors.New("no results to report on")
	}
	r := &Report{}
	var err error
	if r.fonts, err = newFonts(); err != nil {
		return nil, err
	}
	for _, in := range inputs {
		d, err := index(in)
		if err != nil {
			return nil, err
		}
		r.runs = append(r.runs, d)
	}
	if err := r.chooseBaselines(o.Baseline); err != nil {
		return nil, err
	}
	r.comparisons = compareRuns(r.runs)
	if o.Cost != nil {
		if r.cost, err = estimate(r.costRun(), o.Cost); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// costRun is the run that the cost model is fed with: figures of AWS are worth
// more than local ones.
func (r *Report) costRun() *dataset {
	for _, d := range r.runs {
		if d.run.Platform == measure.AWS {
			return d
		}
	}
	return r.runs[0]
}

// chooseBaselines sets what first answers are compared with: want where it was
// measured, else bare, else the fastest.
func (r *Report) chooseBaselines(want string) error {
	found := want == ""
	var measured []string
	for _, d := range r.runs {
		started := d.with(d.cold(), measure.First)
		measured = append(measured, started...)
		switch {
		case slices.Contains(started, want):
			d.baseline, found = want, true
		case slices.Contains(started, "bare"):
			d.baseline = "bare"
		case len(started) > 0:
			d.baseline = started[0] // the order is by first answers
		}
	}
	if found {
		return nil
	}
	if len(measured) == 0 {
		return fmt.Errorf("baseline %q: %s has no first answers to compare with it", want, r.runs[0].name)
	}
	slices.Sort(measured)
	return fmt.Errorf("baseline %q was not measured; there are %s", want, strings.Join(labels(slices.Compact(measured)), ", "))
}
