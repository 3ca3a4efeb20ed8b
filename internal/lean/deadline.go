package lean

import (
	"context"
	"sync"
	"time"
)

// deadline is the context of an invocation: context.WithDeadline, but the timer,
// a good part of what an invocation costs here, is set when somebody waits for
// it. Few handlers do; they look at Err and Deadline.
type deadline struct {
	context.Context // of the run
	at              time.Time

	mu     sync.Mutex
	timed  context.Context // nil = nobody has waited yet
	cancel context.CancelFunc
	ended  bool
}

// Deadline returns when the platform ends the invocation, or the run's own
// deadline if that is sooner.
func (d *deadline) Deadline() (time.Time, bool) {
	if at, ok := d.Context.Deadline(); ok && at.Before(d.at) {
		return at, true
	}
	return d.at, true
}

// Done returns a channel that is closed at the deadline, when the invocation has
// been answered, and when the run ends.
func (d *deadline) Done() <-chan struct{} { return d.wait().Done() }

func (d *deadline) wait() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timed == nil {
		d.timed, d.cancel = context.WithDeadline(d.Context, d.at)
		if d.ended {
			d.cancel()
		}
	}
	return d.timed
}

// Err says whether and why Done is closed.
func (d *deadline) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.timed != nil:
		return d.timed.Err()
	case d.Context.Err() != nil:
		return d.Context.Err()
	case d.ended:
		return context.Canceled
	case !time.Now().Before(d.at):
		return context.DeadlineExceeded
	}
	return nil
}

// end is called when the invocation has been answered.
func (d *deadline) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
	if d.cancel != nil {
		d.cancel()
	}
}
