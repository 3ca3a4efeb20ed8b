package benchaws

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"

	"coldstream/internal/measure"
)

// Why invocations are left out of the figures.
const (
	reasonNotCold  = "no Init Duration: not cold, or started ahead by Lambda"
	reasonSettling = "first cold starts of a container image, whose caches fill"
	reasonNotWarm  = "a new environment among the warm invocations"
)

// visit measures a target once with every memory size. Its error ends the run.
func (r *runner) visit(ctx context.Context, f *function, round int) error {
	if round == 1 && f.image && !r.WarmOnly {
		for n := 1; n <= r.Settle && !f.gone && f.failed[coldName(f, 0)] < giveUp; n++ {
			r.progress(f.Name + ": filling the image's caches")
			if err := r.settle(ctx, f, n); err != nil {
				return err
			}
		}
	}
	for _, i := range rand.Perm(len(r.Memory)) {
		if f.gone || f.failed[coldName(f, r.Memory[i])] >= giveUp {
			continue
		}
		r.progress(f.Name)
		if err := r.measure(ctx, f, r.Memory[i], round); err != nil {
			return err
		}
	}
	r.mu.Lock()
	r.done++
	r.mu.Unlock()
	r.progress(f.Name)
	return nil
}

// settings are those of samples that are taken with a memory size.
func settings(memory int) map[string]string {
	if memory == 0 {
		return nil
	}
	return map[string]string{"memory": strconv.Itoa(memory)}
}

// coldName is the name under which failed cold starts are counted.
func coldName(f *function, memory int) string {
	s := measure.Sample{Variant: f.Name, Case: measure.Cold, Settings: settings(memory)}
	return s.Name()
}

// settle starts an image once to fill caches.
func (r *runner) settle(ctx context.Context, f *function, n int) error {
	s := measure.Sample{Variant: f.Name, Case: measure.Cold, Settings: map[string]string{"settling": strconv.Itoa(n)}}
	got, err := r.start(ctx, f, 0)
	switch {
	case err != nil:
		return r.fail(ctx, f, s, coldName(f, 0), err)
	case !r.KeepSettling:
		r.discard(f, reasonSettling)
	case !got.started():
		r.discard(f, reasonNotCold)
	default:
		s.Values = got.cold()
		return r.add(s)
	}
	return nil
}

// start forces a cold start.
func (r *runner) start(ctx context.Context, f *function, memory int) (*invocation, error) {
	if err := r.client.forceCold(ctx, f, int32(memory)); err != nil {
		return nil, err
	}
	got, err := r.client.invoke(ctx, f, r.Events[r.sizes[0]], r.sizes[0], true)
	if err == nil {
		delete(f.failed, coldName(f, memory))
	}
	return got, err
}

// measure takes one cold start and the warm invocations behind it. Its error
// ends the run.
func (r *runner) measure(ctx context.Context, f *function, memory, round int) error {
	if !r.WarmOnly {
		s := measure.Sample{Variant: f.Name, Case: measure.Cold, Round: round, Settings: settings(memory)}
		got, err := r.start(ctx, f, memory)
		if err != nil {
			return r.fail(ctx, f, s, coldName(f, memory), err)
		}
		if !got.started() {
			r.discard(f, reasonNotCold)
		} else {
			if got.brokenInit > 0 {
				s.Settings = map[string]string{"init": "twice"}
				maps.Copy(s.Settings, settings(memory))
			}
			s.Values = got.cold()
			if err := r.add(s); err != nil {
				return err
			}
		}
	}
	for _, records := range r.sizes {
		s := measure.Sample{Variant: f.Name, Case: measure.Warm, Records: records, Round: round, Settings: settings(memory)}
		if err := r.repeat(ctx, f, s); err != nil {
			return err
		}
	}
	return nil
}

// repeat takes warm invocations with one event. A size that times out is not
// tried again in the run: every try costs the function's whole time limit.
func (r *runner) repeat(ctx context.Context, f *function, s measure.Sample) error {
	key := s.Name()
	for range r.Warm {
		if f.gone || f.failed[key] >= giveUp {
			return nil
		}
		got, err := r.client.invoke(ctx, f, r.Events[s.Records], s.Records, false)
		if err == nil {
			delete(f.failed, key)
		}
		var failed *failure
		if errors.As(err, &failed) && failed.timeout {
			f.failed[key] = giveUp
			r.note(fmt.Sprintf("%s: an event of %d records timed out and was not tried again", f.Name, s.Records))
		}
		switch {
		case err != nil:
			err = r.fail(ctx, f, s, key, err)
		case got.started():
			r.discard(f, reasonNotWarm)
		default:
			measured := s
			measured.Values = got.warm(s.Records)
			err = r.add(measured)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// add records a sample.
func (r *runner) add(s measure.Sample) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Run.Samples = append(r.result.Run.Samples, s)
	if r.out == nil {
		return nil
	}
	return r.out.Sample(s)
}

// fail records a failure and counts it under key. Its error ends the run: the
// end of ctx, refused credentials, or that no function is left.
func (r *runner) fail(ctx context.Context, f *function, s measure.Sample, key string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s.Error = err.Error()
	var failed *failure
	if errors.As(err, &failed) {
		s.Output = failed.output
	}
	if e := r.add(s); e != nil {
		return e
	}
	if lasting(err) {
		return r.drop(f, err)
	}
	if f.failed[key]++; f.failed[key] == giveUp {
		r.note(fmt.Sprintf("%s failed %d times in a row and was left out", key, giveUp))
	}
	return nil
}

// drop leaves a function out for good: it was deleted, or something may not be
// done with it. The error is that of the last function there is, or one that
// concerns all.
func (r *runner) drop(f *function, err error) error {
	if slices.Contains(badCredentials, code(err)) {
		return err
	}
	f.gone = true
	r.note(f.Name + " was left out: " + err.Error())
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone++; r.gone == len(r.functions) {
		return err
	}
	return nil
}

// discard counts an invocation that is left out of the figures.
func (r *runner) discard(f *function, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.discarded[[2]string{f.Name, reason}]++
}

func (r *runner) note(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Run.Notes = append(r.result.Run.Notes, text)
}
