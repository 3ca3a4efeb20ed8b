package lean

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestDeadlineIsAContext: what context.WithDeadline would say, before and after
// somebody waits.
func TestDeadlineIsAContext(t *testing.T) {
	for _, waited := range []bool{false, true} {
		for name, c := range map[string]struct {
			run  func(stop context.CancelFunc, d *deadline)
			want error
		}{
			"in time":   {func(context.CancelFunc, *deadline) { time.Sleep(time.Second - 1) }, nil},
			"too late":  {func(context.CancelFunc, *deadline) { time.Sleep(time.Second) }, context.DeadlineExceeded},
			"answered":  {func(_ context.CancelFunc, d *deadline) { d.end() }, context.Canceled},
			"run ended": {func(stop context.CancelFunc, _ *deadline) { stop() }, context.Canceled},
		} {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				d := &deadline{Context: ctx, at: time.Now().Add(time.Second)}
				defer d.end()
				if waited {
					_ = d.Done()
				}
				c.run(stop, d)
				synctest.Wait()
				if err := d.Err(); err != c.want {
					t.Errorf("%s, waited for %t: %v, want %v", name, waited, err, c.want)
				}
				select {
				case <-d.Done():
					if c.want == nil {
						t.Errorf("%s, waited for %t: done", name, waited)
					}
				default:
					if c.want != nil {
						t.Errorf("%s, waited for %t: not done", name, waited)
					}
				}
				if err := d.Err(); err != c.want {
					t.Errorf("%s, waited for %t, at last: %v, want %v", name, waited, err, c.want)
				}
			})
		}
	}
}

// TestDeadlineOfDerivedContexts: they end with it.
func TestDeadlineOfDerivedContexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &deadline{Context: t.Context(), at: time.Now().Add(time.Second)}
		defer d.end()
		child, cancel := context.WithTimeout(d, time.Minute)
		defer cancel()
		start := time.Now()
		<-child.Done()
		if took := time.Since(start); took != time.Second || !errors.Is(child.Err(), context.DeadlineExceeded) {
			t.Errorf("ended after %v with %v", took, child.Err())
		}
		sooner, cancelSooner := context.WithDeadline(t.Context(), start)
		defer cancelSooner()
		if at, ok := (&deadline{Context: sooner, at: start.Add(time.Hour)}).Deadline(); !ok || !at.Equal(start) {
			t.Errorf("deadline %v, want the run's, %v", at, start)
		}
	})
}
