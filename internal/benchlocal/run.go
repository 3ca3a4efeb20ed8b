package benchlocal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"coldstream/internal/measure"
)

// A Condition is one of the ways in which targets are started.
type Condition struct {
	DropCaches bool    // nothing of the programs is in the page cache
	Quota      float64 // of a processor, from the first event on; 0 = no limit
	OneCPU     bool    // the function runs on one processor
	ColdOnly   bool    // no later events

	Rounds int
}

// settings are what the samples say of the condition.
func (c Condition) settings() map[string]string {
	m := map[string]string{}
	if c.DropCaches {
		m["cache"] = "dropped"
	}
	if c.Quota > 0 {
		m["cpu"] = strconv.FormatFloat(c.Quota, 'f', -1, 64)
	}
	if c.OneCPU {
		m["cpus"] = "1"
	}
	if len(m) == 0 {
		return nil
	}
	return m
}

// String names the condition in messages.
func (c Condition) String() string {
	s := ""
	m := c.settings()
	for _, k := range slices.Sorted(maps.Keys(m)) {
		s += ", " + k + "=" + m[k]
	}
	return cmp.Or(s, ", usual")[2:]
}

// Options say what Run measures.
type Options struct {
	Targets    []*Target
	Skipped    []measure.Variant // are listed
	Conditions []Condition       // in this order
	SlowRounds int               // rounds in which targets take part whose first answer takes more than a second
	Warm       int               // events of one record after each first one
	Batch      int               // records of a batch; 0 = none
	Buffer     bool              // a full buffer too
	Large      int               // samples of batches and of buffers, each
	Budget     time.Duration     // for these samples of one target, beyond the first
	Longest    time.Duration     // expected time beyond which such an event is left out

	InitTimeout, Timeout time.Duration // of a start, of an event

	// Progress, if there is one, is told what is being done, and how far the run
	// is.
	Progress func(what string, done, total int)
	Command  string // that repeats the run
}

// giveUp is the number of failures in a row after which a target is left out.
const giveUp = 2

// slowStart is the first answer from which a target takes part in SlowRounds
// only.
const slowStart = time.Second

type runner struct {
	Options
	run     *measure.Run
	singles []Event
	large   []Event
	quota   *quota
}

// state is what is known of a target during a run.
type state struct {
	*Target
	url           string // of the endpoint
	first, single time.Duration
	failures      int // in a row
	budgets       map[string]*budget
}

// budget is what was spent on large events of one size.
type budget struct {
	samples     int
	spent, last time.Duration
}

func (s *state) budget(c Condition, records int) *budget {
	key := c.String() + "/" + strconv.Itoa(records)
	if s.budgets[key] == nil {
		s.budgets[key] = &budget{}
	}
	return s.budgets[key]
}

// singleEvents is the number of different events of one record.
const singleEvents = 50

// Run measures the targets. It ends early, with what it has and a note, when ctx
// ends; its error then is ctx's cause. A target that fails is recorded with its
// output and, after two failures in a row, left out.
func Run(ctx context.Context, o Options) (*measure.Run, error) {
	r := &runner{Options: o, run: &measure.Run{
		Platform: measure.Local, Date: time.Now().UTC().Truncate(time.Second), Command: o.Command, Config: machine(),
	}}
	for i := range singleEvents {
		r.singles = append(r.singles, newEvent(i, 1, 0))
	}
	if o.Batch > 0 {
		r.large = append(r.large, NewEvent(o.Batch))
	}
	if o.Buffer {
		r.large = append(r.large, FullBuffer())
	}
	states := make([]*state, len(o.Targets))
	for i, t := range o.Targets {
		states[i] = &state{Target: t, budgets: map[string]*budget{}}
		r.run.Variants = append(r.run.Variants, t.Variant)
	}
	r.run.Variants = append(r.run.Variants, o.Skipped...)
	conditions, err := r.permitted(o.Conditions)
	if err != nil {
		return nil, err
	}
	if r.quota != nil {
		defer r.quota.close()
	}
	done, err := r.rounds(ctx, states, conditions)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		r.note(fmt.Sprintf("interrupted after %d of %d rounds", done, total(conditions)))
		return r.run, context.Cause(ctx)
	}
	return r.run, nil
}

// permitted returns the conditions that this machine permits, and notes why
// others are left out.
func (r *runner) permitted(conditions []Condition) ([]Condition, error) {
	var all []Condition
	for _, c := range conditions {
		var err error
		switch {
		case c.Rounds < 1:
			continue
		case c.DropCaches:
			err = dropCaches()
		case c.Quota > 0 && r.quota == nil:
			r.quota, err = newQuota(c.Quota)
		}
		if err != nil {
			r.note(fmt.Sprintf("no figures with %v: %v", c, err))
			continue
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, errors.New("benchlocal: nothing to measure: no rounds")
	}
	return all, nil
}

func total(conditions []Condition) int {
	n := 0
	for _, c := range conditions {
		n += c.Rounds
	}
	return n
}

// rounds runs all rounds and returns how many were finished.
func (r *runner) rounds(ctx context.Context, states []*state, conditions []Condition) (int, error) {
	var servers []*server
	defer func() {
		for _, s := range servers {
			s.close()
		}
	}()
	done, all := 0, total(conditions)
	for _, s := range states {
		if s.Endpoint == nil {
			continue
		}
		r.progress("starting the endpoint of "+s.Name, done, all)
		srv, err := startServer(ctx, s.Endpoint, r.InitTimeout)
		if err != nil {
			r.fail(ctx, s, Condition{}, measure.Server, 0, 0, err)
			s.failures = giveUp
			continue
		}
		servers = append(servers, srv)
		s.url = srv.url
		r.add(s, Condition{}, measure.Server, 0, 0, map[string]float64{measure.Init: float64(srv.up), measure.Peak: float64(srv.peak())})
	}
	for _, s := range states { // fills the page cache, and tells the slow from the fast
		r.progress("trying "+s.Name, done, all)
		r.try(ctx, s)
	}
	for _, c := range conditions {
		for round := 1; round <= c.Rounds; round++ {
			for _, i := range rand.Perm(len(states)) {
				s := states[i]
				if ctx.Err() != nil {
					return done, nil
				}
				if s.failures >= giveUp || s.first > slowStart && !takesPart(round, c.Rounds, r.SlowRounds) {
					continue
				}
				r.progress(fmt.Sprintf("%v: %s", c, s.Name), done, all)
				if r.visit(ctx, s, c, round) {
					s.failures = 0
				} else if s.failures++; s.failures == giveUp && ctx.Err() == nil {
					r.note(fmt.Sprintf("%s failed %d times in a row and was left out", s.Name, giveUp))
				}
			}
			done++
		}
	}
	r.progress("done", done, all)
	return done, nil
}

// try starts a target once without recording figures; failures are recorded.
func (r *runner) try(ctx context.Context, s *state) {
	if s.failures >= giveUp {
		return
	}
	before := len(r.run.Samples)
	if !r.visit(ctx, s, Condition{ColdOnly: true}, 0) {
		s.failures++
		return
	}
	r.run.Samples = r.run.Samples[:before]
}

// takesPart picks slow rounds out of all rounds, evenly.
func takesPart(round, rounds, slow int) bool {
	return slow >= rounds || round*slow/rounds != (round-1)*slow/rounds
}

func (r *runner) note(text string) {
	if !slices.Contains(r.run.Notes, text) {
		r.run.Notes = append(r.run.Notes, text)
	}
}

func (r *runner) progress(what string, done, all int) {
	if r.Progress != nil {
		r.Progress(what, done, all)
	}
}
