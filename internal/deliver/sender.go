package deliver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"coldstream/internal/spool"
)

// window bounds the posts that were taken from the queue and are not accepted:
// a queue on disk keeps track of so many out of order.
const window = 8192

// mostBuried is how many posts in a row may be refused for good: when all are,
// it is not the posts that are wrong.
const mostBuried = 10

// parcel is what goes out as one record: a post, or several.
type parcel struct {
	entries []spool.Entry
	data    []byte
}

// outcome is what became of a request.
type outcome struct {
	parcels  []parcel
	refusals []Refusal
	err      error
}

// sender takes posts from the queue, puts them and acknowledges them. Its loop
// alone touches its fields; requests run in goroutines of their own.
type sender struct {
	ctx     context.Context // cancelled = receive no more
	sendCtx context.Context // lives o.Grace longer
	release func()
	to      Putter
	o       Options
	account *account
	in      *intake

	halves   [][]parcel // of poisoned requests: to be sent as they are, before all others
	retry    []parcel   // to be sent again, before what is fresh
	fresh    []parcel   // never sent
	waiting  time.Time  // since when fresh has had something
	taken    int        // posts taken from the queue and not accepted
	inFlight int
	outcomes chan outcome
	buried   int  // posts refused for good since one was accepted
	over     bool // the intake has ended and the queue has no more
	ending   bool // only requests under way are waited for

	pace     pace
	failures int       // requests with a failure, in a row
	progress time.Time // when a post was last accepted
	resume   time.Time // when the back-off ends
	next     time.Time // when batch, which had nothing yet, is to be asked again
	outage   error     // the last request failed as a whole, with this
}

func newSender(ctx context.Context, to Putter, o Options, a *account, in *intake) *sender {
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
	return &sender{ctx: ctx, sendCtx: sendCtx, to: to, o: o, account: a, in: in, progress: time.Now(),
		outcomes: make(chan outcome, o.InFlight), release: func() { stop(); cancel() }}
}

// loop sends until the intake has ended and nothing is left. Requests under way
// are waited for in every case.
func (s *sender) loop() error {
	for {
		if err := s.take(); err != nil {
			return s.finish(err)
		}
		for s.inFlight < s.o.InFlight {
			parcels := s.batch()
			if parcels == nil {
				break
			}
			if state := s.account.doubts(); state != nil {
				if err := s.o.Queue.Ack(nil, state); err != nil {
					return s.finish(err)
				}
			}
			s.put(parcels)
		}
		if s.over && s.taken == 0 {
			return nil
		}
		if err := s.wait(); err != nil {
			return s.finish(err)
		}
	}
}

// finish waits for the requests under way, so that what they bring is counted.
func (s *sender) finish(cause error) error {
	s.ending = true
	grace := time.AfterFunc(s.o.Grace, s.release)
	defer grace.Stop()
	for s.inFlight > 0 {
		if err := s.receive(<-s.outcomes); err != nil && err.Error() != cause.Error() {
			cause = errors.Join(cause, err)
		}
	}
	return cause
}

// wanted is how many posts take keeps at hand.
func (s *sender) wanted() int {
	if s.o.Aggregate > 0 {
		return window // many posts make a record
	}
	return min(MaxRecords*(s.o.InFlight+1), window)
}

// take fills fresh from the queue, with enough for the requests to come.
func (s *sender) take() error {
	var ended bool
	select {
	case <-s.in.done: // before the queue is asked: what comes then is the last
		ended = true
	default:
	}
	for s.taken < s.wanted() {
		e, err := s.o.Queue.Next()
		if errors.Is(err, io.EOF) {
			s.over = ended
			return nil
		}
		if err != nil {
			return err
		}
		if s.taken == 0 {
			s.progress = time.Now() // no post has waited until now
		}
		s.taken++
		s.pack(e)
	}
	return nil
}

// pack puts an entry into a parcel.
func (s *sender) pack(e spool.Entry) {
	if len(s.fresh) == 0 {
		s.waiting = time.Now()
	} else if last := &s.fresh[len(s.fresh)-1]; len(last.data)+len(e.Data) <= s.o.Aggregate {
		if len(last.entries) == 1 {
			last.data = append(make([]byte, 0, s.o.Aggregate), last.data...)
		}
		last.entries, last.data = append(last.entries, e), append(last.data, e.Data...)
		return
	}
	s.fresh = append(s.fresh, parcel{entries: []spool.Entry{e}, data: e.Data})
}

// batch takes the parcels of the next request out, nil if it is not yet time
// for one; next says when it will be.
func (s *sender) batch() []parcel {
	now := time.Now()
	if pause := max(s.resume.Sub(now), s.pace.allowed(now)); pause > 0 {
		s.next = now.Add(pause)
		return nil
	}
	if len(s.halves) > 0 {
		parcels := s.halves[0]
		s.halves = s.halves[1:]
		return parcels
	}
	n, size, full := 0, 0, false
	for _, list := range [][]parcel{s.retry, s.fresh} {
		for i := 0; i < len(list) && !full; i++ {
			size += encodedLen(list[i].data)
			if full = n == MaxRecords || size > MaxBatchBytes; !full {
				n++
			}
		}
	}
	full = full || s.taken >= s.wanted() // no more are taken before these are sent
	if n == 0 || !full && len(s.retry) == 0 && !s.over && s.ctx.Err() == nil && now.Sub(s.waiting) < s.o.Linger {
		s.next = s.waiting.Add(s.o.Linger)
		return nil
	}
	parcels := make([]parcel, 0, n)
	again := min(n, len(s.retry))
	parcels = append(parcels, s.retry[:again]...)
	s.retry = s.retry[again:]
	parcels = append(parcels, s.fresh[:n-again]...)
	s.fresh = s.fresh[n-again:]
	if len(s.fresh) == 0 {
		s.fresh = nil
	}
	s.waiting = now
	return parcels
}

// put starts a request.
func (s *sender) put(parcels []parcel) {
	s.inFlight++
	s.pace.sent(time.Now(), posts(parcels))
	go func() {
		records := make([]Record, len(parcels))
		for i, p := range parcels {
			records[i] = Record{ID: p.entries[0].ID, Data: p.data}
		}
		refusals, err := s.to.Put(s.sendCtx, records)
		s.outcomes <- outcome{parcels, refusals, err}
	}()
}

// posts counts the posts in parcels.
func posts(parcels []parcel) int {
	n := 0
	for i := range parcels {
		n += len(parcels[i].entries)
	}
	return n
}

// wait waits for whatever comes next: an answer, a post, the end of a pause.
func (s *sender) wait() error {
	var timer <-chan time.Time
	if s.inFlight < s.o.InFlight && len(s.halves)+len(s.retry)+len(s.fresh) > 0 {
		t := time.NewTimer(max(time.Until(s.next), 0))
		defer t.Stop()
		timer = t.C
	}
	var cancelled, committed, done <-chan struct{}
	if s.ctx.Err() == nil {
		cancelled = s.ctx.Done()
	}
	if !s.over && s.taken < s.wanted() {
		committed, done = s.in.committed, s.in.done
	}
	ended := s.sendCtx.Done()
	if s.inFlight > 0 {
		ended = nil // its answer comes soon, with the account of what was accepted
	}
	select {
	case o := <-s.outcomes:
		return s.receive(o)
	case <-committed:
	case <-done:
	case <-timer:
	case <-cancelled:
		if s.outage != nil && s.inFlight == 0 {
			return s.interrupted(s.outage)
		}
	case <-ended:
		return s.interrupted(s.outage)
	}
	return nil
}

// interrupted is the error of a run that was cancelled with posts unsent.
func (s *sender) interrupted(err error) error {
	if err == nil {
		return context.Cause(s.ctx)
	}
	return fmt.Errorf("%w: %w", context.Cause(s.ctx), err)
}

// receive takes the outcome of a request into the account.
func (s *sender) receive(o outcome) error {
	s.inFlight--
	n := posts(o.parcels)
	event := Event{Accepted: n, Err: o.err}
	var callErr error
	switch {
	case o.err != nil:
		event.Accepted, event.Refused = 0, n
		callErr = s.failed(o, n)
	default:
		var again []parcel
		if again, callErr = s.accept(o); len(again) > 0 {
			event.Refused = posts(again)
			event.Accepted -= event.Refused
			event.Err = fmt.Errorf("%d of %d records were refused: %s", len(again), len(o.parcels), o.refusals[0].Reason)
			s.retry = append(s.retry, again...)
			s.pace.slow(time.Now())
		}
		s.outage = nil
		s.account.requested(event.Refused, 0)
	}
	if event.Err == nil {
		s.failures = 0
	} else if callErr == nil {
		callErr = s.backOff(&event, len(o.parcels))
	}
	if s.o.Progress != nil {
		s.o.Progress(s.account.counts(), event)
	}
	return callErr
}

// failed deals with a request that failed as a whole.
func (s *sender) failed(o outcome, n int) error {
	var final permanent
	var poison poisoned
	var none notAccepted
	doubled := n
	if errors.As(o.err, &final) || errors.As(o.err, &poison) || errors.As(o.err, &none) {
		doubled = 0
	}
	s.account.requested(n, doubled)
	switch {
	case errors.As(o.err, &final):
		s.retry = append(s.retry, o.parcels...)
		return final.error
	case errors.As(o.err, &poison):
		return s.isolate(o.parcels, poison.error)
	case errors.As(o.err, &none):
		s.pace.slow(time.Now())
	}
	s.retry = append(s.retry, o.parcels...)
	s.outage = o.err
	return nil
}

// backOff sets when to go on after a failure, or gives up.
func (s *sender) backOff(event *Event, records int) error {
	var poison poisoned
	if s.ending || errors.As(event.Err, &poison) {
		return nil
	}
	switch since := time.Since(s.progress); {
	case s.sendCtx.Err() != nil, s.ctx.Err() != nil && s.outage != nil && s.inFlight == 0:
		return s.interrupted(event.Err)
	case s.o.MaxRetryTime > 0 && since > s.o.MaxRetryTime:
		return fmt.Errorf("nothing was accepted for %v: %w", s.o.MaxRetryTime, event.Err)
	}
	if event.Refused < records/2 {
		s.failures = 0
		return nil // the target takes most of it: the pace does the rest
	}
	// Full jitter: any time up to the bound, so that producers that failed
	// together do not come back together.
	bound := s.o.MaxDelay
	if shifted := s.o.MinDelay << min(s.failures, 20); shifted < bound {
		bound = shifted
	}
	s.failures++
	event.Wait = rand.N(bound) + 1
	if at := time.Now().Add(event.Wait); at.After(s.resume) {
		s.resume = at
	}
	return nil
}

// accept acknowledges what was accepted and returns the rest.
func (s *sender) accept(o outcome) (again []parcel, err error) {
	refused := make([]bool, len(o.parcels))
	for _, r := range o.refusals {
		refused[r.Index] = true
	}
	var done []uint64
	var accepted []Record
	bytes := 0
	for i, p := range o.parcels {
		if refused[i] {
			again = append(again, p)
			continue
		}
		for _, e := range p.entries {
			done = append(done, e.Seq)
			accepted = append(accepted, Record{ID: e.ID, Data: e.Data})
			bytes += len(e.Data)
		}
	}
	if len(done) == 0 {
		return again, nil
	}
	now := time.Now()
	s.progress, s.buried = now, 0
	s.pace.accept(now, len(done))
	if s.o.Accepted != nil {
		err = s.o.Accepted(accepted)
	}
	s.taken -= len(done)
	return again, errors.Join(err, s.ack(done, s.account.accepted(len(done), bytes)))
}

// ack takes posts out of the queue.
func (s *sender) ack(done []uint64, state []byte) error {
	err := s.o.Queue.Ack(done, state)
	notify(s.in.acked)
	return err
}

// isolate looks for the record for which a request was refused, by halves; what
// is left of one post is a dead letter.
func (s *sender) isolate(parcels []parcel, reason error) error {
	s.outage = nil
	if len(parcels) > 1 {
		half := len(parcels) / 2
		s.halves = append(s.halves, parcels[:half], parcels[half:])
		return nil
	}
	entries := parcels[0].entries
	if len(entries) > 1 {
		var single []parcel
		for _, e := range entries {
			single = append(single, parcel{entries: []spool.Entry{e}, data: e.Data})
		}
		s.halves = append(s.halves, single)
		return nil
	}
	e := entries[0]
	if s.buried++; s.o.DeadLetter == nil || s.buried > mostBuried {
		return fmt.Errorf("post %q: %w", e.ID, reason)
	}
	if err := s.o.DeadLetter(DeadLetter{ID: e.ID, Reason: reason.Error(), Data: e.Data}); err != nil {
		return err
	}
	s.taken--
	return s.ack([]uint64{e.Seq}, s.account.rejected())
}
