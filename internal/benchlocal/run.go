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
	// Record, if there is one, gets every sample when it is there.
	Record  func(measure.Sample)
	Command string // that repeats the run
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
	quotas  map[float64]*quota
	trying  bool // figures are not recorded
}

// state is what is known of a target during a run.
type state struct {
	*Target
	server    *server       // the endpoint that is up
	first     time.Duration // the latest first answer
	perRecord time.Duration // the least so far
	failures  int           // failed visits in a row
	budgets   map[string]*budget
}

// budget is what was spent on large events of one size under one condition.
type budget struct {
	samples     int
	spent, last time.Duration
	closed      bool // not to be measured any more
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
	r := &runner{Options: o, run: Describe(o), quotas: map[float64]*quota{}}
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
	}
	defer func() {
		for _, q := range r.quotas {
			q.close()
		}
	}()
	conditions, err := r.permitted(o.Conditions)
	if err != nil {
		return nil, err
	}
	done := r.rounds(ctx, states, conditions)
	if ctx.Err() != nil {
		r.note(fmt.Sprintf("interrupted after %d of %d rounds", done, total(conditions)))
		return r.run, context.Cause(ctx)
	}
	return r.run, nil
}

// Describe returns what is known of a run before it begins.
func Describe(o Options) *measure.Run {
	r := &measure.Run{Platform: measure.Local, Date: time.Now().UTC().Truncate(time.Second), Command: o.Command, Config: machine()}
	for _, t := range o.Targets {
		r.Variants = append(r.Variants, t.Variant)
	}
	r.Variants = append(r.Variants, o.Skipped...)
	return r
}

// permitted returns the conditions that this machine permits, and notes why
// others are left out.
func (r *runner) permitted(conditions []Condition) ([]Condition, error) {
	var all []Condition
	errs := []error{errors.New("nothing to measure")}
	for _, c := range conditions {
		if c.Rounds < 1 {
			continue
		}
		var err error
		if c.DropCaches {
			err = dropCaches()
		}
		if c.Quota > 0 && r.quotas[c.Quota] == nil && err == nil {
			var q *quota
			if q, err = newQuota(c.Quota); err == nil {
				r.quotas[c.Quota] = q
			}
		}
		if err != nil {
			err = fmt.Errorf("no figures with %v: %w", c, err)
			r.note(err.Error())
			errs = append(errs, err)
			continue
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, errors.Join(errs...)
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
func (r *runner) rounds(ctx context.Context, states []*state, conditions []Condition) int {
	done, all := 0, total(conditions)
	defer func() {
		for _, s := range states {
			r.endEndpoint(s)
		}
	}()
	for _, s := range states { // fills the page cache, and tells the slow from the fast
		r.progress("trying "+s.Name, done, all)
		r.trying = true
		r.judge(ctx, s, r.visit(ctx, s, Condition{ColdOnly: true}, 0))
		r.trying = false
	}
	for _, c := range conditions {
		if c.DropCaches { // what a process has mapped stays in the page cache
			for _, s := range states {
				r.endEndpoint(s)
			}
		}
		for round := 1; round <= c.Rounds; round++ {
			for _, i := range rand.Perm(len(states)) {
				s := states[i]
				if ctx.Err() != nil {
					return done
				}
				if s.failures >= giveUp || s.first > slowStart && !takesPart(round, c.Rounds, r.SlowRounds) {
					continue
				}
				r.progress(fmt.Sprintf("%v: %s", c, s.Name), done, all)
				r.judge(ctx, s, r.visit(ctx, s, c, round))
				if c.DropCaches {
					r.endEndpoint(s)
				}
			}
			done++
		}
	}
	r.progress("done", done, all)
	return done
}

// judge counts the failures of a target.
func (r *runner) judge(ctx context.Context, s *state, well bool) {
	if well {
		s.failures = 0
		return
	}
	if s.server != nil && s.server.ended() != nil {
		r.endEndpoint(s) // the next visit starts it again
	}
	if s.failures++; s.failures == giveUp && ctx.Err() == nil {
		r.note(fmt.Sprintf("%s failed %d times in a row and was left out", s.Name, giveUp))
	}
}

// startEndpoint starts the endpoint of a target.
func (r *runner) startEndpoint(ctx context.Context, s *state) (err error) {
	s.server, err = startServer(ctx, s.Endpoint, r.InitTimeout)
	return err
}

// endEndpoint ends the endpoint of a target, if it is up, and records how long
// its start took and what memory it came to need.
func (r *runner) endEndpoint(s *state) {
	if s.server == nil {
		return
	}
	values := map[string]float64{measure.Init: float64(s.server.up), measure.Peak: float64(s.server.peak())}
	if values[measure.Peak] == 0 {
		delete(values, measure.Peak) // the process is gone
	}
	s.server.close()
	s.server = nil
	r.add(s, Condition{}, measure.Server, 0, 0, values)
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
