package deliver

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"coldstream/internal/source"
	"coldstream/internal/spool"
)

// Bounds of what is read but not in the queue yet.
const (
	stagedEntries = 8 * MaxRecords
	stagedBytes   = 2 * MaxBatchBytes
)

// stateEvery is how often an account that changed without a new post in the
// queue is written to it.
const stateEvery = time.Second

// While commits hold more than busy posts the next one waits for gather, so that
// a fast source does not cost an fsync for every few posts.
const (
	busy   = 8
	gather = 4 * time.Millisecond
)

// intake moves posts from the source into the queue: one goroutine reads and
// counts, another commits what has gathered in the meantime. So a queue on disk
// takes many posts with one fsync when they come fast, and each at once when
// they do not.
type intake struct {
	src     source.Source
	o       Options
	account *account

	// Guarded by account.mu.
	staged []spool.Entry
	bytes  int
	keys   map[uint64]struct{} // of staged
	dirty  bool                // the account changed since the last commit
	ended  bool                // the reader has returned

	committing map[uint64]struct{} // keys of what is on its way into the queue

	work      chan struct{} // something is staged, or the reader has ended
	room      chan struct{} // something was committed
	committed chan struct{} // the sender may look into the queue
	acked     chan struct{} // the queue may have room again
	stop      chan struct{} // closed when the sender has ended
	done      chan struct{} // closed when everything is committed, or nothing more will be
	unread    chan struct{} // closed when the reader has returned
	err       error         // set before done is closed
	readErr   error         // set before ended
}

func newIntake(src source.Source, o Options, a *account) *intake {
	signal := func() chan struct{} { return make(chan struct{}, 1) }
	return &intake{src: src, o: o, account: a, keys: map[uint64]struct{}{},
		work: signal(), room: signal(), committed: signal(), acked: signal(), stop: make(chan struct{}), done: make(chan struct{}), unread: make(chan struct{})}
}

// notify leaves a signal for whoever waits next.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// start begins to read until ctx is cancelled. An error is given to fail.
func (in *intake) start(ctx context.Context, fail func(error)) {
	go func() {
		defer close(in.unread)
		err := in.read(ctx)
		in.account.mu.Lock()
		in.ended, in.readErr = true, err
		in.account.mu.Unlock()
		if err != nil {
			fail(err)
		}
		notify(in.work)
	}()
	go func() {
		defer close(in.done)
		if in.err = in.commit(); in.err != nil {
			fail(in.err)
		}
	}()
}

// wait returns when the reader has ended and all it read is in the queue, as far
// as there is room, with the error that ended it. The sender has ended before.
func (in *intake) wait() error {
	close(in.stop)
	<-in.done
	<-in.unread // the source may be closed then
	in.account.mu.Lock()
	defer in.account.mu.Unlock()
	return errors.Join(in.err, in.readErr)
}

// read stages the source's posts.
func (in *intake) read(ctx context.Context) error {
	a := in.account
	for in.o.Count == 0 || a.in.Taken < in.o.Count { // Taken changes here alone
		p, err := in.src.Next(ctx)
		var bad *source.BadRecordError
		switch {
		case errors.As(err, &bad):
			err = in.bury(DeadLetter{Reason: bad.Error(), Data: bad.Data}, bad)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			if ctx.Err() != nil {
				return nil
			}
			return err
		default:
			err = in.take(p)
		}
		if err != nil {
			return err
		}
		if !in.wantsMore(ctx) {
			return nil
		}
	}
	return nil
}

// wantsMore waits for room; it is false if ctx ends first, or if nothing is
// committed any more.
func (in *intake) wantsMore(ctx context.Context) bool {
	for {
		select {
		case <-in.done:
			return false
		default:
		}
		in.account.mu.Lock()
		full := len(in.staged) >= stagedEntries || in.bytes >= stagedBytes
		in.account.mu.Unlock()
		if !full {
			return true
		}
		select {
		case <-in.room:
		case <-in.done:
		case <-ctx.Done():
			return false
		}
	}
}

// bury counts a record that cannot be sent.
func (in *intake) bury(d DeadLetter, cause error) error {
	a := in.account
	var err error
	if in.o.DeadLetter == nil {
		err = cause
	} else {
		err = in.o.DeadLetter(d)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		a.broken++
		return err
	}
	in.count(func(s *intakeState) { s.Taken++; s.DeadLettered++ })
	return nil
}

// count changes the account. It is called with account.mu held.
func (in *intake) count(change func(s *intakeState)) {
	s := &in.account.in
	s.Received++
	s.Cursor = in.src.Cursor()
	change(s)
	if !in.dirty {
		in.dirty = true
		notify(in.work)
	}
}

// take counts a post and stages it if it is to be sent.
func (in *intake) take(p source.Post) error {
	a := in.account
	if in.o.Filter != nil {
		if reason := in.o.Filter(p); reason != "" {
			a.mu.Lock()
			defer a.mu.Unlock()
			in.count(func(s *intakeState) { s.Filtered[reason]++ })
			return nil
		}
	}
	key := keyOf(&p)
	if !in.o.KeepDuplicates {
		a.mu.Lock()
		_, staged := in.keys[key]
		_, committing := in.committing[key]
		twice := staged || committing || a.queue.Has(key)
		if twice {
			in.count(func(s *intakeState) { s.Duplicates++ })
		}
		a.mu.Unlock()
		if twice {
			return nil
		}
	}
	r := Encode(p)
	if len(r.Data) > MaxRecordBytes {
		reason := fmt.Sprintf("the record has %d bytes, a delivery stream takes %d", len(r.Data), MaxRecordBytes)
		return in.bury(DeadLetter{ID: p.ID, Reason: reason, Data: r.Data}, fmt.Errorf("post %q: %s", p.ID, reason))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	in.staged = append(in.staged, spool.Entry{Key: key, ID: r.ID, Data: r.Data})
	in.bytes += len(r.Data)
	in.keys[key] = struct{}{}
	a.staged++
	in.count(func(s *intakeState) {
		s.Taken++
		if p.CreatedAt != "" {
			s.Newest = p.CreatedAt
		}
	})
	return nil
}

// keyOf returns what duplicates of a post share. A hash that nobody can aim at:
// who posts could else choose ids that make others' posts look seen.
func keyOf(p *source.Post) uint64 {
	of := p.Key
	if of == "" {
		of = p.ID
	}
	sum := sha256.Sum256([]byte(of))
	return max(binary.LittleEndian.Uint64(sum[:]), 1)
}

// commit puts what is staged into the queue until the reader has ended and
// nothing is left.
func (in *intake) commit() error {
	a := in.account
	last, size := time.Now(), 0
	for {
		if size > busy {
			time.Sleep(gather)
		}
		a.mu.Lock()
		entries, ended, dirty := in.staged, in.ended, in.dirty
		if wait := stateEvery - time.Since(last); len(entries) == 0 && !ended && (!dirty || wait > 0) {
			a.mu.Unlock()
			size = 0
			in.idle(dirty, wait)
			continue
		}
		if !dirty {
			a.mu.Unlock()
			return nil // ended, and nothing is left
		}
		state := mustJSON(a.in)
		in.committing = in.keys
		in.staged, in.bytes, in.dirty, in.keys = nil, 0, false, map[uint64]struct{}{}
		a.mu.Unlock()
		if stopped, err := in.append(entries, state); stopped || err != nil {
			return err
		}
		a.mu.Lock()
		in.committing = nil
		a.mu.Unlock()
		last, size = time.Now(), len(entries)
		notify(in.committed)
		notify(in.room)
	}
}

// idle waits for work, or for the time to write the account.
func (in *intake) idle(dirty bool, wait time.Duration) {
	if !dirty {
		<-in.work
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-in.work:
	case <-timer.C:
	}
}

// append puts entries into the queue, as soon as it has room. It is stopped when
// the sender has ended before that.
func (in *intake) append(entries []spool.Entry, state []byte) (stopped bool, err error) {
	a := in.account
	for {
		err := in.o.Queue.Append(entries, state)
		if err == nil {
			a.mu.Lock()
			a.staged -= len(entries)
			a.mu.Unlock()
			return false, nil
		}
		if !errors.Is(err, spool.ErrFull) {
			return false, err
		}
		if in.o.WhenFull && len(entries) > 0 {
			if err := in.overflow(entries); err != nil {
				return false, err
			}
			a.mu.Lock()
			state = mustJSON(a.in)
			a.mu.Unlock()
			entries = nil
			continue
		}
		if n, _ := in.o.Queue.Pending(); n == 0 {
			return false, fmt.Errorf("%w though nothing in it is unsent: its limit is too small", err)
		}
		select {
		case <-in.acked:
		case <-in.stop:
			return true, nil
		}
	}
}

// overflow makes dead letters of posts for which the queue has no room.
func (in *intake) overflow(entries []spool.Entry) error {
	a := in.account
	for _, e := range entries {
		if in.o.DeadLetter == nil {
			return fmt.Errorf("post %q: %w", e.ID, spool.ErrFull)
		}
		if err := in.o.DeadLetter(DeadLetter{ID: e.ID, Reason: spool.ErrFull.Error(), Data: e.Data}); err != nil {
			return err
		}
		a.mu.Lock()
		a.staged--
		a.in.DeadLettered++
		a.mu.Unlock()
	}
	return nil
}
