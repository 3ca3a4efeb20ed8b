package spool

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// model is what a spool has to have after a run with faults.
type model struct {
	committed uint64          // posts up to this one are there
	doubtful  uint64          // posts from committed+1 to this one may be there
	states    []string        // that State may return
	acked     map[uint64]bool // true = is not sent again, false = may be
	ackState  []string
	handed    map[uint64]bool // Next gave it and it is not surely acknowledged
}

// run puts a spool through all it can do and returns what is known after it. It
// goes on behind errors, but not behind one of Open, or behind any if stop is
// set. The spool is not closed.
func run(fs FS, stop bool) (*Spool, *model, []error) {
	o := Options{FS: fs, SegmentBytes: 200, Keys: 5}
	m := &model{states: []string{""}, ackState: []string{""}, acked: map[uint64]bool{}, handed: map[uint64]bool{}}
	var errs []error
	failed := func(err error) bool {
		if err != nil {
			errs = append(errs, err)
		}
		return err != nil
	}
	s, err := Open("spool", o)
	if failed(err) {
		return nil, m, errs
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	var open []uint64
	for step := range 24 {
		if stop && len(errs) > 0 {
			break
		}
		if step == 15 {
			// A clean end and a new start in between.
			failed(s.Close())
			if s, err = Open("spool", o); failed(err) {
				return nil, m, errs
			}
			open = nil
		}
		if m.doubtful == 0 {
			// Seqs are given in order, so that a post is numbered as the model has it.
			end := m.committed + uint64(step%4)
			state := fmt.Sprint("s", step)
			if err := s.Append(entries(int(m.committed+1), int(end+1)), []byte(state)); !failed(err) {
				m.committed, m.states = end, []string{state}
			} else if strings.Contains(err.Error(), "could not be taken back") {
				m.doubtful, m.states = end, append(m.states, state)
			}
		}
		for range 3 {
			e, err := s.Next()
			if err == io.EOF {
				break
			}
			if failed(err) {
				break
			}
			open = append(open, e.Seq)
			m.handed[e.Seq] = true
		}
		rnd.Shuffle(len(open), func(i, j int) { open[i], open[j] = open[j], open[i] })
		if n := rnd.IntN(len(open) + 1); step%3 != 0 {
			state := fmt.Sprint("a", step)
			err := s.Ack(open[:n], []byte(state))
			for _, seq := range open[:n] {
				m.acked[seq] = m.acked[seq] || err == nil
			}
			if !failed(err) {
				m.ackState = nil
			}
			m.ackState = append(m.ackState, state)
			open = open[n:]
		}
	}
	return s, m, errs
}

// check compares a spool that was opened again. Marks that were not synced may
// be lost if the power was cut.
func (m *model) check(t *testing.T, fs FS, power bool, what string) {
	t.Helper()
	s, err := Open("spool", Options{FS: fs, SegmentBytes: 200, Keys: 5})
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	got := rest(t, s)
	last := s.next - 1
	if last != m.committed && last != m.doubtful {
		t.Errorf("%s: the last post is %d, want %d or %d", what, last, m.committed, m.doubtful)
	}
	if !slices.Contains(m.states, string(s.State())) {
		t.Errorf("%s: state %q, want one of %q", what, s.State(), m.states)
	}
	if !power && !slices.Contains(m.ackState, string(s.AckState())) {
		t.Errorf("%s: acknowledged state %q, want one of %q", what, s.AckState(), m.ackState)
	}
	again := 0
	for seq := uint64(1); seq <= last; seq++ {
		acked, tried := m.acked[seq]
		there := slices.Contains(got, seq)
		if !there && !tried || there && acked && !power {
			t.Errorf("%s: post %d comes: %v, acknowledged: %v", what, seq, there, acked)
		}
		if there && m.handed[seq] {
			again++
		}
		if !s.Has(seq) && seq+5 > last {
			t.Errorf("%s: the key of post %d is forgotten", what, seq)
		}
	}
	if again > s.MaybeSent() && !power {
		t.Errorf("%s: %d posts come again, %d were announced", what, again, s.MaybeSent())
	}
	if s.Has(last + 1) {
		t.Errorf("%s: the key of post %d is there", what, last+1)
	}
	// It works on.
	if err := s.Append(entries(int(last+1), int(last+3)), nil); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	wantRest(t, s, last+1, last+2)
	if err := s.Ack(append(got, last+1, last+2), nil); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	if n, size := s.Pending(); n != 0 || size != 0 {
		t.Errorf("%s: %d posts with %d bytes are left", what, n, size)
	}
	mustClose(t, s)
}

// operations returns those of a run without faults.
func operations(t *testing.T) []string {
	fs := &faultFS{FS: newMemFS()}
	s, m, errs := run(fs, false)
	if len(errs) > 0 || m.committed < 30 || len(m.acked) < 15 {
		t.Fatalf("without faults: %v, %d posts, %d acknowledged", errs, m.committed, len(m.acked))
	}
	if len(s.segments) == 1 || s.saved.mark.file < 2 {
		t.Fatalf("the run has %d segments and %d files of keys", len(s.segments), s.saved.mark.file)
	}
	for _, kind := range []string{"create", "open", "read", "write", "truncate", "sync", "syncdir", "rename", "remove"} {
		if !slices.Contains(fs.kinds(), kind) && kind != "truncate" { // which only follows a fault
			t.Fatalf("the run has no %s", kind)
		}
	}
	m.check(t, fs.FS.(*memFS).kill(), false, "without faults")
	return fs.ops
}

// TestOneFaultAtEveryOperation: the operation fails with or without having done
// its work (a write does half of it), and what follows works.
func TestOneFaultAtEveryOperation(t *testing.T) {
	total := len(operations(t))
	rnd := rand.New(rand.NewPCG(6, 7))
	for n := range total + 5 {
		for variant := range 4 {
			does, stop := variant&1 == 1, variant&2 == 2
			fs := &faultFS{FS: newMemFS(), fail: func(i int, _ string) (bool, bool) { return i == n, does }}
			_, m, errs := run(fs, stop)
			if n < total && n < fs.count() && len(errs) == 0 {
				t.Errorf("the fault in operation %d, %s, was not reported", n, fs.ops[n])
			}
			for _, err := range errs {
				if !errors.Is(err, errInjected) || strings.Contains(err.Error(), "\n") {
					t.Errorf("operation %d: %q", n, err)
				}
			}
			what := "behind the last operation"
			if n < fs.count() {
				what = fmt.Sprintf("operation %d, %s, work done: %v", n, fs.ops[n], does)
			}
			if m.doubtful > 0 {
				t.Errorf("%s: a single fault left a doubtful commit: %v", what, errs)
			}
			m.check(t, fs.FS.(*memFS).kill(), false, what)
			if stop {
				m.check(t, fs.FS.(*memFS).cut(rnd), true, what+", power cut")
			}
		}
	}
}

// TestFaultsFromEveryOperationOn: the disk is full or gone from then on. Of a
// commit that cannot be taken back either, all or nothing is there.
func TestFaultsFromEveryOperationOn(t *testing.T) {
	doubtful, runs := 0, 0
	for n, op := range operations(t) {
		for _, only := range []string{"", op} {
			for _, does := range []bool{false, true} {
				fs := &faultFS{FS: newMemFS(), fail: func(i int, op string) (bool, bool) {
					return i >= n && (op == only || only == ""), does
				}}
				_, m, _ := run(fs, false)
				if runs++; m.doubtful > 0 {
					doubtful++
				}
				m.check(t, fs.FS.(*memFS).kill(), false, fmt.Sprintf("%q from operation %d on, work done: %v", only, n, does))
			}
		}
	}
	t.Logf("%d of %d runs ended with a commit that could not be taken back", doubtful, runs)
}

// TestPowerCutAtEveryOperation: of what was not synced, any part is on disk.
// Every second time the power is cut again while the spool is opened.
func TestPowerCutAtEveryOperation(t *testing.T) {
	total := len(operations(t))
	rnd := rand.New(rand.NewPCG(2, 3))
	for n := range total + 1 {
		for round := range 6 {
			what := fmt.Sprintf("power cut at operation %d", n)
			fs := &faultFS{FS: newMemFS(), fail: func(i int, _ string) (bool, bool) { return i >= n, i == n }}
			_, m, _ := run(fs, true)
			after := fs.FS.(*memFS).cut(rnd)
			if round%2 == 1 {
				again := rnd.IntN(40)
				fs := &faultFS{FS: after, fail: func(i int, _ string) (bool, bool) { return i >= again, i == again }}
				Open("spool", Options{FS: fs, SegmentBytes: 200, Keys: 5})
				after = after.cut(rnd)
				what += fmt.Sprintf(" and at operation %d of Open", again)
			}
			m.check(t, after, true, what)
		}
	}
}

// TestPowerCutAfterAKill: what Open found is durable when it returns, even if
// the run before was killed before it could make sure of that.
func TestPowerCutAfterAKill(t *testing.T) {
	total := len(operations(t))
	rnd := rand.New(rand.NewPCG(8, 9))
	for n := range total + 1 {
		fs := &faultFS{FS: newMemFS(), fail: func(i int, _ string) (bool, bool) { return i >= n, i == n }}
		_, m, _ := run(fs, true)
		disk := fs.FS.(*memFS)
		clear(disk.locked) // the process is gone, what it wrote is not
		s := mustOpen(t, "spool", Options{FS: disk, SegmentBytes: 200, Keys: 5})
		m.committed, m.doubtful, m.states = s.next-1, 0, []string{string(s.State())}
		m.check(t, disk.cut(rnd), true, fmt.Sprintf("killed at operation %d, opened, power cut", n))
	}
}
