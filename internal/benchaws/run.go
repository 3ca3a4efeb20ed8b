// Package benchaws measures cold and warm starts of deployed functions, by what
// Lambda reports about each invocation. Start with New and Run; ReadTargets,
// ParseTarget and Client.Find name what is measured, Client.Traffic reads the
// figures of past invocations out of a log, Policy is what IAM has to allow.
//
// A cold start is forced by a change of the function's environment, which is
// done to functions only that are marked as copies made for it, and undone at
// the end of the run however it ends.
package benchaws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"coldstream/internal/cost"
	"coldstream/internal/measure"
	"coldstream/internal/runtimeapi"
)

// Options say what Run measures.
type Options struct {
	Targets []Target
	Events  map[int][]byte // Firehose events by their number of records; the smallest one is the first of a cold start
	Rounds  int            // cold starts of each target, with each memory size
	Warm    int            // later invocations with each event, after each cold start

	WarmOnly    bool  // cold starts are not forced, nothing is changed
	ForceCopies bool  // all targets are copies, whatever their marks say
	Memory      []int // MB, in place of the functions' own sizes

	// Settle is the number of cold starts of a container image before the first
	// round: they fill the caches that later ones read the image from. They are
	// left out, or with KeepSettling recorded with the setting settling=N.
	Settle       int
	KeepSettling bool

	Concurrency int          // targets measured at once; 0 = 1
	Prices      *cost.Prices // nil = no costs
	Command     string       // that repeats the run
	Out         io.Writer    // gets the results as JSON lines while they come in; nil = none

	// Progress, if there is one, is told what is being done, and how many of the
	// visits to a target are done. It may be called from several goroutines.
	Progress func(what string, done, total int)
}

// Bounds of what a run may ask for.
const (
	maxRounds = 10_000
	maxWarm   = 10_000
)

func (o *Options) check() error {
	switch {
	case len(o.Targets) == 0:
		return errors.New("no targets")
	case len(o.Events) == 0:
		return errors.New("no events")
	case o.Rounds < 1 || o.Rounds > maxRounds:
		return fmt.Errorf("%d rounds: want 1 to %d", o.Rounds, maxRounds)
	case o.Warm < 0 || o.Warm > maxWarm:
		return fmt.Errorf("%d warm invocations: want 0 to %d", o.Warm, maxWarm)
	case o.Settle < 0 || o.Settle > maxRounds:
		return fmt.Errorf("%d settling starts: want 0 to %d", o.Settle, maxRounds)
	case o.WarmOnly && len(o.Memory) > 0:
		return errors.New("a sweep over memory sizes changes the functions, which a warm-only run does not")
	case o.WarmOnly && o.Warm == 0:
		return errors.New("nothing to measure: no cold and no warm invocations")
	}
	for _, records := range slices.Sorted(maps.Keys(o.Events)) {
		if n := len(o.Events[records]); n > runtimeapi.MaxPayload {
			return fmt.Errorf("an event of %d records has %d bytes, and Lambda takes %d: measure smaller ones", records, n, runtimeapi.MaxPayload)
		}
	}
	for _, m := range o.Memory {
		if m < minMemory || m > maxMemory {
			return fmt.Errorf("memory of %d MB: want %d to %d", m, minMemory, maxMemory)
		}
	}
	names := map[string]bool{}
	for i := range o.Targets {
		if err := o.Targets[i].check(); err != nil {
			return err
		}
		if names[o.Targets[i].Name] {
			return fmt.Errorf("two targets are called %s", o.Targets[i].Name)
		}
		names[o.Targets[i].Name] = true
	}
	return nil
}

// giveUp is the number of failures in a row after which a benchmark is left out:
// the cold starts of a target, or its events of one size, with one memory size.
const giveUp = 3

type runner struct {
	Options
	client    *Client
	functions []*function
	sizes     []int // of the events, ascending
	total     int

	mu     sync.Mutex // guards what follows
	out    *measure.Writer
	result *Result
	done   int
	gone   int // functions
}

// Run measures the targets. Nothing is changed before all of them are known to
// be there. A failure is recorded with the end of the function's log. After
// three in a row cold starts, or events of one size, are left out for that
// target; a size that times out is left out at once, and so is a target that is
// gone or may not be used. The run ends when no target is left, or when the
// credentials are refused. When ctx ends, the result has what was measured until
// then, and the error is ctx's cause; the error names functions that could not
// be set back to what they were.
func (c *Client) Run(ctx context.Context, o Options) (*Result, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	r := &runner{Options: o, client: c, sizes: slices.Sorted(maps.Keys(o.Events))}
	r.Concurrency = max(1, o.Concurrency)
	if r.Memory = slices.Compact(slices.Sorted(slices.Values(o.Memory))); len(r.Memory) == 0 {
		r.Memory = []int{0}
	}
	if err := r.describe(ctx); err != nil {
		return nil, err
	}
	if err := r.begin(); err != nil {
		return nil, err
	}
	err := r.rounds(ctx)
	err = errors.Join(err, r.restore(ctx))
	r.finish(err)
	return r.result, err
}

// describe looks all targets up.
func (r *runner) describe(ctx context.Context) error {
	byARN := map[string]string{}
	for _, t := range r.Targets {
		f, err := r.client.describe(ctx, t, !r.WarmOnly, r.ForceCopies)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		if other := byARN[f.arn]; other != "" && !r.WarmOnly {
			return fmt.Errorf("targets %s and %s are the same function, which cannot have two configurations", other, t.Name)
		}
		byARN[f.arn] = t.Name
		r.functions = append(r.functions, f)
	}
	r.total = len(r.functions) * r.Rounds
	return nil
}

// begin writes what is known before the first round.
func (r *runner) begin() error {
	run := &measure.Run{
		Platform: measure.AWS, Date: time.Now().UTC().Truncate(time.Second), Command: r.Command,
		Config: map[string]string{"region": r.client.region, "sdk": "aws-sdk-go-v2 " + aws.SDKVersion},
	}
	for _, f := range r.functions {
		run.Variants = append(run.Variants, f.variant())
	}
	for key, of := range map[string]func(measure.Variant) string{
		"arch":       func(v measure.Variant) string { return v.Arch },
		"memory":     func(v measure.Variant) string { return v.Versions["memory"] },
		"package":    func(v measure.Variant) string { return v.Versions["package"] },
		"runtime":    func(v measure.Variant) string { return v.Versions["runtime"] },
		"log-format": func(v measure.Variant) string { return v.Versions["log format"] },
	} {
		if value, same := common(run.Variants, of); same && value != "" {
			run.Config[key] = value
		}
	}
	r.result = &Result{Run: run, prices: r.Prices, memory: map[string]int{}, discarded: map[[2]string]int{}}
	for _, f := range r.functions {
		r.result.memory[f.Name] = int(f.memory)
	}
	if r.Out == nil {
		return nil
	}
	var err error
	r.out, err = measure.NewWriter(r.Out, run)
	for i := 0; i < len(run.Variants) && err == nil; i++ {
		err = r.out.Variant(run.Variants[i])
	}
	return err
}

// common returns what all variants have in common.
func common(vs []measure.Variant, of func(measure.Variant) string) (string, bool) {
	value := of(vs[0])
	return value, !slices.ContainsFunc(vs, func(v measure.Variant) bool { return of(v) != value })
}

// rounds visits every target in every round, in an order drawn for each.
func (r *runner) rounds(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for round := 1; round <= r.Rounds && ctx.Err() == nil; round++ {
		var wg sync.WaitGroup
		slots := make(chan struct{}, r.Concurrency)
		for _, i := range rand.Perm(len(r.functions)) {
			f := r.functions[i]
			slots <- struct{}{}
			wg.Go(func() {
				defer func() { <-slots }()
				if err := r.visit(ctx, f, round); err != nil {
					cancel(err)
				}
			})
		}
		wg.Wait()
	}
	return context.Cause(ctx)
}

// restore sets all functions back that may have been changed, also when ctx has
// ended.
func (r *runner) restore(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.client.pace.update)
	defer cancel()
	errs := make([]error, len(r.functions))
	var wg sync.WaitGroup
	for i, f := range r.functions {
		if f.touched {
			r.progress("setting " + f.Name + " back")
			wg.Go(func() { errs[i] = r.client.restore(ctx, f) })
		}
	}
	wg.Wait()
	return errors.Join(errs...)
}

// finish notes what a reader of the figures has to know.
func (r *runner) finish(err error) {
	notes := &r.result.Run.Notes
	if r.done < r.total && err != nil {
		*notes = append(*notes, fmt.Sprintf("interrupted after %d of %d visits", r.done, r.total))
	}
	for _, d := range r.result.Discarded() {
		*notes = append(*notes, fmt.Sprintf("%s: %d left out: %s", d.Variant, d.Count, d.Reason))
	}
	*notes = append(*notes, "client times include the way between the machine that measured and "+r.client.region)
}

func (r *runner) progress(what string) {
	if r.Progress != nil {
		r.mu.Lock()
		done := r.done
		r.mu.Unlock()
		r.Progress(what, done, r.total)
	}
}
