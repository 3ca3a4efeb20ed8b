package deliver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"
)

func isEOF(err error) bool { return errors.Is(err, io.EOF) }

// sender batches records and puts them, one request at a time.
type sender struct {
	ctx     context.Context // cancelled = receive no more
	sendCtx context.Context // lives o.Grace longer
	release func()
	to      Putter
	o       Options
	counts  Counts
	pending []Record // received, not accepted; what failed stands in front

	failures int       // requests with a failure, in a row
	progress time.Time // when a record was last accepted
	outage   bool      // the last request failed as a whole
}

func newSender(ctx context.Context, to Putter, o Options) *sender {
	// A request that is under way when ctx is cancelled may already have been
	// accepted; it gets its time to say so.
	sendCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		grace := time.NewTimer(o.Grace)
		defer grace.Stop()
		select {
		case <-grace.C:
			cancel()
		case <-sendCtx.Done():
		}
	})
	return &sender{ctx: ctx, sendCtx: sendCtx, to: to, o: o, progress: time.Now(), release: func() { stop(); cancel() }}
}

// loop sends until the channel is closed and nothing is pending. A record that
// ends the run does so after those before it have been sent.
func (s *sender) loop(items <-chan item) error {
	open := true
	var end error
	for {
		if open {
			if open, end = s.fill(items); end != nil {
				open = false
			}
		}
		if len(s.pending) == 0 {
			if !open {
				return end
			}
			continue
		}
		if err := s.send(s.batch()); err != nil {
			return errors.Join(end, err)
		}
	}
}

// fill receives until a batch is full, the linger time is over or the channel
// is closed, which the reader does soon after a cancellation. Nothing more is
// to come when open is false.
func (s *sender) fill(items <-chan item) (open bool, err error) {
	var linger <-chan time.Time
	for s.batch() == len(s.pending) && len(s.pending) < MaxRecords {
		if linger == nil && len(s.pending) > 0 {
			linger = time.After(s.o.Linger)
		}
		select {
		case it, ok := <-items:
			if !ok {
				return false, nil
			}
			if err := s.receive(it); err != nil {
				return true, err
			}
		case <-linger:
			return true, nil
		}
	}
	return true, nil
}

// receive takes an item into the account.
func (s *sender) receive(it item) error {
	s.counts.Received++
	switch {
	case it.filtered:
		s.counts.Filtered++
	case it.dead == nil:
		s.pending = append(s.pending, it.record)
	case s.o.DeadLetter == nil:
		s.counts.Unsent++
		return it.deadErr
	default:
		if err := s.o.DeadLetter(*it.dead); err != nil {
			s.counts.Unsent++
			return err
		}
		s.counts.DeadLettered++
	}
	return nil
}

// batch returns how many pending records fit into one request.
func (s *sender) batch() int {
	size := 0
	for i := range s.pending {
		size += s.pending[i].size()
		if i == MaxRecords || size > MaxBatchBytes {
			return i
		}
	}
	return len(s.pending)
}

// send puts the first n pending records and waits where the target asks for
// patience. Refused records go back to the front.
func (s *sender) send(n int) error {
	batch := s.pending[:n]
	refusals, err := s.to.Put(s.sendCtx, batch)
	s.counts.Requests++
	event := Event{Accepted: n - len(refusals), Refused: len(refusals), Err: err}
	if err != nil {
		event.Accepted, event.Refused = 0, n
	} else {
		if len(refusals) > 0 {
			event.Err = fmt.Errorf("%d of %d records were refused: %s", len(refusals), n, refusals[0].Reason)
		}
		if err := s.accept(n, refusals); err != nil {
			return err
		}
	}
	s.outage = err != nil
	if event.Err == nil {
		s.failures = 0
		s.report(event)
		return nil
	}

	var final permanent
	switch since := time.Since(s.progress); {
	case errors.As(err, &final):
		return final.error
	case s.sendCtx.Err() != nil, s.ctx.Err() != nil && s.outage:
		return fmt.Errorf("%w: %w", context.Cause(s.ctx), event.Err)
	case s.o.MaxRetryTime > 0 && since > s.o.MaxRetryTime:
		return fmt.Errorf("nothing was accepted for %v: %w", s.o.MaxRetryTime, event.Err)
	}
	s.counts.Retried += event.Refused
	if event.Refused < n/2 {
		s.failures = 0 // the target takes most of it: no reason to be shy
	}
	// Full jitter: any time up to the bound, so that producers that failed
	// together do not come back together.
	bound := s.o.MaxDelay
	if shifted := s.o.MinDelay << min(s.failures, 20); shifted < bound {
		bound = shifted
	}
	s.failures++
	event.Wait = rand.N(bound) + 1
	s.report(event)
	wait := time.NewTimer(event.Wait)
	defer wait.Stop()
	// Cancellation ends the wait of an outage; refused records keep it.
	var cancelled <-chan struct{}
	if s.outage {
		cancelled = s.ctx.Done()
	}
	select {
	case <-wait.C:
	case <-cancelled:
		return fmt.Errorf("%w: %w", context.Cause(s.ctx), event.Err)
	case <-s.sendCtx.Done():
		return fmt.Errorf("%w: %w", context.Cause(s.ctx), event.Err)
	}
	return nil
}

// accept takes the accepted ones among the first n pending records out and
// reports them.
func (s *sender) accept(n int, refusals []Refusal) error {
	refused := make([]bool, n)
	for _, r := range refusals {
		refused[r.Index] = true
	}
	accepted := make([]Record, 0, n-len(refusals))
	rest := make([]Record, 0, len(s.pending)-cap(accepted))
	for i, r := range s.pending {
		if i < n && !refused[i] {
			accepted = append(accepted, r)
			s.counts.Bytes += len(r.Data)
		} else {
			rest = append(rest, r)
		}
	}
	s.pending = rest
	s.counts.Delivered += len(accepted)
	if len(accepted) == 0 {
		return nil
	}
	s.progress = time.Now()
	if s.o.Accepted == nil {
		return nil
	}
	return s.o.Accepted(accepted)
}

func (s *sender) report(e Event) {
	if s.o.Progress != nil {
		s.o.Progress(s.counts, e)
	}
}
