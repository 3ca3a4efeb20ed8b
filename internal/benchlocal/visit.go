package benchlocal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"time"

	"coldstream/internal/measure"
	"coldstream/internal/runtimeapi"
)

// slowEvent is the time from which an event is not measured as often.
const slowEvent = 3 * time.Second

// longestAside is the expected time beyond which an event is measured under the
// usual condition only.
const longestAside = 30 * time.Second

// vCPUMemory is the memory of a function, in MB, that has one processor.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
const vCPUMemory = 1769

// visit starts a target once, measures the first event and, if it is asked for,
// later ones. It reports whether the start and single events went well.
func (r *runner) visit(ctx context.Context, s *state, c Condition, round int) bool {
	f, err := r.start(ctx, s, c)
	if err != nil {
		return r.fail(ctx, s, c, measure.Cold, 1, round, err)
	}
	defer f.Close()
	if q := r.quotas[c.Quota]; q != nil {
		if err := q.add(f.PID()); err != nil {
			return r.fail(ctx, s, c, measure.Cold, 1, round, err)
		}
	}
	first, err := r.invoke(ctx, f, s, r.singles[0])
	if err != nil {
		return r.fail(ctx, s, c, measure.Cold, 1, round, err)
	}
	s.first = f.Init() + first
	s.perRecord = first
	r.add(s, c, measure.Cold, 1, round, map[string]float64{
		measure.Init: float64(f.Init()), measure.First: float64(s.first), measure.Invoke: float64(first), measure.Peak: float64(f.PeakMemory()),
	})
	if c.ColdOnly {
		return true
	}
	for i := range r.Warm {
		took, err := r.invoke(ctx, f, s, r.singles[(i+1)%len(r.singles)])
		if err != nil {
			return r.fail(ctx, s, c, measure.Warm, 1, round, err)
		}
		r.addWarm(f, s, c, 1, round, took)
	}
	for _, e := range r.large {
		if err := r.repeat(ctx, f, s, c, e, round); err != nil {
			n := len(e.Texts)
			if r.fail(ctx, s, c, measure.Warm, n, round, err); ctx.Err() == nil {
				s.budget(c, n).closed = true
				r.note(fmt.Sprintf("%s: an event of %d records failed, and was not tried again (%v)", s.Name, n, c))
			}
			break // the process may be gone
		}
	}
	return true
}

// repeat measures a large event once in a process, in as many processes as its
// budget allows, but once in any case. Where it takes little another one goes
// before it, in which buffers grow.
func (r *runner) repeat(ctx context.Context, f *runtimeapi.Function, s *state, c Condition, e Event, round int) error {
	n := len(e.Texts)
	b := s.budget(c, n)
	expected := time.Duration(n) * s.perRecord
	if b.last > 0 {
		expected = b.last
	}
	switch {
	case b.closed || b.samples >= r.Large || b.samples > 0 && b.spent+expected > r.Budget:
		return nil
	case c.settings() != nil && expected > longestAside:
		return nil
	case expected > r.Longest:
		r.note(fmt.Sprintf("%s: an event of %d records would take about %v; left out", s.Name, n, expected.Round(time.Second)))
		b.closed = true
		return nil
	}
	took, err := r.invoke(ctx, f, s, e)
	if err == nil && took <= slowEvent {
		took, err = r.invoke(ctx, f, s, e)
	}
	if err != nil {
		return err
	}
	s.perRecord = min(s.perRecord, took/time.Duration(n))
	r.addWarm(f, s, c, n, round, took)
	b.samples, b.spent, b.last = b.samples+1, b.spent+took, took
	return nil
}

// start starts the function under the condition, and its endpoint if that is not
// up.
func (r *runner) start(ctx context.Context, s *state, c Condition) (*runtimeapi.Function, error) {
	if s.Endpoint != nil && s.server == nil {
		if err := r.startEndpoint(ctx, s); err != nil {
			return nil, err
		}
	}
	if c.DropCaches {
		if err := dropCaches(); err != nil {
			return nil, err
		}
	}
	o := runtimeapi.Options{
		Bootstrap: s.Bootstrap, Args: s.Args, Dir: s.Dir, Env: s.Env, Name: s.Name,
		InitTimeout: r.InitTimeout, Timeout: r.Timeout, MemoryMB: int(c.processors() * vCPUMemory),
	}
	if s.server != nil {
		o.Env = append(o.Env[:len(o.Env):len(o.Env)], s.Endpoint.URLEnv+"="+s.server.url)
	}
	if !c.OneCPU {
		return runtimeapi.Start(ctx, o)
	}
	restore, err := pin()
	if err != nil {
		return nil, err
	}
	defer restore()
	return runtimeapi.Start(ctx, o)
}

// processors is what the function has; it is told the memory that goes with it.
func (c Condition) processors() float64 {
	switch {
	case c.Quota > 0:
		return c.Quota
	case c.OneCPU:
		return 1
	}
	return float64(runtime.NumCPU())
}

// invoke hands an event over and checks the answer. An error is the end of the
// function.
func (r *runner) invoke(ctx context.Context, f *runtimeapi.Function, s *state, e Event) (took time.Duration, err error) {
	defer func() {
		if err == nil {
			return
		}
		if s.server != nil {
			err = errors.Join(err, s.server.ended())
		}
		_ = f.Close() // what it printed is all there when it has ended
		if out := f.Output(); out != "" {
			err = &failure{err, out}
		}
	}()
	pid := f.PID()
	res, err := f.Invoke(ctx, e.Payload)
	if err != nil {
		return 0, err
	}
	if err := res.Err(); err != nil {
		return 0, err
	}
	if f.PID() != pid {
		return 0, errors.New("the runtime exited after its last answer; another process answered")
	}
	if s.Reference != nil {
		return res.Duration(), s.Reference.Check(e, res.Payload)
	}
	if !json.Valid(res.Payload) {
		return 0, fmt.Errorf("the answer is not JSON: %.80q", res.Payload)
	}
	return res.Duration(), nil
}

// failure is an error with what a program printed.
type failure struct {
	error
	output string
}

func (f *failure) Unwrap() error { return f.error }

// fail records a failure, unless the run was ended. It returns false.
func (r *runner) fail(ctx context.Context, s *state, c Condition, kind string, records, round int, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	sample := measure.Sample{Variant: s.Name, Case: kind, Records: records, Settings: c.settings(), Round: round, Error: err.Error()}
	var f *failure
	var i *runtimeapi.InitError
	switch {
	case errors.As(err, &f):
		sample.Output = f.output
	case errors.As(err, &i):
		sample.Output = i.Output
	}
	r.record(sample)
	return false
}

func (r *runner) add(s *state, c Condition, kind string, records, round int, values map[string]float64) {
	if !r.trying {
		r.record(measure.Sample{Variant: s.Name, Case: kind, Records: records, Settings: c.settings(), Round: round, Values: values})
	}
}

func (r *runner) addWarm(f *runtimeapi.Function, s *state, c Condition, records, round int, took time.Duration) {
	r.add(s, c, measure.Warm, records, round, map[string]float64{
		measure.Time: float64(took), measure.Rate: float64(records) / took.Seconds(), measure.Peak: float64(f.PeakMemory()),
	})
}

// record keeps a sample and hands it on.
func (r *runner) record(sample measure.Sample) {
	r.run.Samples = append(r.run.Samples, sample)
	if r.Record != nil {
		r.Record(sample)
	}
}
