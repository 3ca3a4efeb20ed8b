package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// entry returns post n; its parts follow from n.
func entry(n int) Entry {
	return Entry{Key: uint64(n), ID: fmt.Sprintf("id-%d", n), Data: bytes.Repeat([]byte{byte(n)}, n%7+1)}
}

// entries returns the posts from n to before end.
func entries(n, end int) (list []Entry) {
	for ; n < end; n++ {
		list = append(list, entry(n))
	}
	return list
}

func mustOpen(t testing.TB, dir string, o Options) *Spool {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustAppend(t testing.TB, s *Spool, list []Entry, state string) {
	t.Helper()
	if err := s.Append(list, []byte(state)); err != nil {
		t.Fatal(err)
	}
}

func mustAck(t testing.TB, s *Spool, state string, done ...uint64) {
	t.Helper()
	if err := s.Ack(done, []byte(state)); err != nil {
		t.Fatal(err)
	}
}

func mustClose(t testing.TB, s *Spool) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// rest returns the numbers of the posts that Next gives, which have to be whole.
// Post n has Seq n.
func rest(t testing.TB, s *Spool) (numbers []uint64) {
	t.Helper()
	for {
		e, err := s.Next()
		if err == io.EOF {
			return numbers
		}
		if err != nil {
			t.Fatal(err)
		}
		want := entry(int(e.Seq))
		if e.Key != want.Key || e.ID != want.ID || !bytes.Equal(e.Data, want.Data) {
			t.Fatalf("got %+v, want %+v", e, want)
		}
		numbers = append(numbers, e.Seq)
	}
}

// span returns the numbers from n to before end.
func span(n, end uint64) (list []uint64) {
	for ; n < end; n++ {
		list = append(list, n)
	}
	return list
}

func wantRest(t testing.TB, s *Spool, want ...uint64) {
	t.Helper()
	if got := rest(t, s); !slices.Equal(got, want) {
		t.Errorf("the rest is %v, want %v", got, want)
	}
}

func wantPending(t testing.TB, s *Spool, want ...uint64) {
	t.Helper()
	bytes := int64(0)
	for _, n := range want {
		bytes += int64(len(entry(int(n)).Data))
	}
	if n, size := s.Pending(); n != len(want) || size != bytes {
		t.Errorf("%d posts with %d bytes are pending, want %d with %d", n, size, len(want), bytes)
	}
}

// files returns the names in dir with a suffix.
func files(t testing.TB, dir, suffix string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if strings.HasSuffix(e.Name(), suffix) {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestEntriesComeBackInOrder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "spool")
	s := mustOpen(t, dir, Options{})
	if s.State() != nil || s.AckState() != nil || s.Healed() != 0 || s.MaybeSent() != 0 {
		t.Errorf("a new spool has states %q, %q, healed %d, maybe sent %d", s.State(), s.AckState(), s.Healed(), s.MaybeSent())
	}
	wantRest(t, s)
	list := entries(1, 4)
	mustAppend(t, s, list, "a")
	for i, e := range list {
		if e.Seq != uint64(i+1) {
			t.Errorf("entry %d has Seq %d", i, e.Seq)
		}
	}
	mustAppend(t, s, nil, "b")
	wantRest(t, s, 1, 2, 3)
	mustAppend(t, s, entries(4, 6), "c")
	wantRest(t, s, 4, 5)
	wantPending(t, s, 1, 2, 3, 4, 5)
	mustAck(t, s, "x", 2, 4)
	wantPending(t, s, 1, 3, 5)
	mustClose(t, s)

	s = mustOpen(t, dir, Options{})
	if string(s.State()) != "c" || string(s.AckState()) != "x" || s.MaybeSent() != 3 {
		t.Errorf("states %q, %q, %d maybe sent", s.State(), s.AckState(), s.MaybeSent())
	}
	wantPending(t, s, 1, 3, 5)
	wantRest(t, s, 1, 3, 5)
	mustAck(t, s, "y", 1, 3, 5)
	mustAck(t, s, "z", 1, 5) // again: no harm
	wantPending(t, s)
	mustClose(t, s)

	s = mustOpen(t, dir, Options{})
	wantRest(t, s)
	wantPending(t, s)
	if s.MaybeSent() != 0 || string(s.AckState()) != "z" {
		t.Errorf("%d maybe sent, state %q", s.MaybeSent(), s.AckState())
	}
	mustAppend(t, s, entries(6, 7), "d")
	wantRest(t, s, 6)
	mustClose(t, s)
	mustClose(t, s)
	if err := s.Append(nil, nil); !errors.Is(err, errClosed) {
		t.Errorf("Append after Close: %v", err)
	}
	if _, err := s.Next(); !errors.Is(err, errClosed) {
		t.Errorf("Next after Close: %v", err)
	}
	if err := s.Ack(nil, nil); !errors.Is(err, errClosed) {
		t.Errorf("Ack after Close: %v", err)
	}
}

func TestDataBelongsToTheCaller(t *testing.T) {
	s := mustOpen(t, "spool", Options{FS: newMemFS()})
	list := entries(1, 10)
	mustAppend(t, s, list, "")
	clear(list[3].Data)
	a, err := s.Next()
	if err != nil {
		t.Fatal(err)
	}
	_ = append(a.Data, "over the next one"...)
	clear(a.Data)
	wantRest(t, s, span(2, 10)...)
}

// TestMaybeSentAfterAKill: Next marks ahead, so that the count is never too low.
func TestMaybeSentAfterAKill(t *testing.T) {
	for _, c := range []struct{ posts, handed, acked, want int }{
		{0, 0, 0, 0}, {10, 0, 0, 0}, {10, 1, 0, 10}, {1000, 1, 0, 256}, {1000, 256, 256, 0}, {1000, 257, 200, 312},
	} {
		fs := newMemFS()
		s := mustOpen(t, "spool", Options{FS: fs})
		mustAppend(t, s, entries(1, c.posts+1), "")
		for range c.handed {
			if _, err := s.Next(); err != nil {
				t.Fatal(err)
			}
		}
		mustAck(t, s, "", span(1, uint64(c.acked+1))...)
		s = mustOpen(t, "spool", Options{FS: fs.kill()})
		if s.MaybeSent() != c.want {
			t.Errorf("%+v: maybe sent %d", c, s.MaybeSent())
		}
		// What an earlier run may have sent stays in doubt.
		mustClose(t, s)
		s = mustOpen(t, "spool", Options{FS: s.fs})
		if s.MaybeSent() != c.want {
			t.Errorf("%+v: maybe sent %d after another run", c, s.MaybeSent())
		}
	}
}

// TestMaybeSentIsExactAfterClose: only a kill leaves marks that run ahead.
func TestMaybeSentIsExactAfterClose(t *testing.T) {
	fs := newMemFS()
	s := mustOpen(t, "spool", Options{FS: fs})
	mustAppend(t, s, entries(1, 1001), "")
	for range 3 {
		if _, err := s.Next(); err != nil {
			t.Fatal(err)
		}
	}
	mustAck(t, s, "", 2)
	mustClose(t, s)
	s = mustOpen(t, "spool", Options{FS: fs})
	if s.MaybeSent() != 2 {
		t.Errorf("maybe sent %d, want 2", s.MaybeSent())
	}
	wantPending(t, s, append([]uint64{1}, span(3, 1001)...)...)
}

func TestSegmentsGoWhenNothingIsLeftInThem(t *testing.T) {
	dir := t.TempDir()
	o := Options{SegmentBytes: 200, Keys: 10_000}
	s := mustOpen(t, dir, o)
	for n := 1; n <= 100; n++ {
		mustAppend(t, s, entries(n, n+1), fmt.Sprint(n))
	}
	before := files(t, dir, segmentSuffix)
	if len(before) < 20 {
		t.Fatalf("%d segments", len(before))
	}
	all := rest(t, s)
	mustAck(t, s, "", all[1:]...)
	if after := files(t, dir, segmentSuffix); len(after) != len(before) {
		t.Errorf("%d of %d segments are left with the first post pending", len(after), len(before))
	}
	mustClose(t, s)
	s = mustOpen(t, dir, o)
	wantRest(t, s, 1)
	mustAck(t, s, "", 1)
	if after := files(t, dir, segmentSuffix); !slices.Equal(after, before[len(before)-1:]) {
		t.Errorf("the segments are %v, want the newest of %v", after, before)
	}
	mustClose(t, s)
	s = mustOpen(t, dir, o)
	wantRest(t, s)
	for n := uint64(1); n <= 101; n++ {
		if s.Has(n) != (n <= 100) {
			t.Errorf("Has(%d) is %v", n, s.Has(n))
		}
	}
	mustAppend(t, s, entries(101, 103), "")
	wantRest(t, s, 101, 102)
	mustClose(t, s)
}

func TestAckOfWhatWasNotReadIsAnError(t *testing.T) {
	s := mustOpen(t, "spool", Options{FS: newMemFS()})
	mustAppend(t, s, entries(1, 4), "")
	if _, err := s.Next(); err != nil {
		t.Fatal(err)
	}
	for _, done := range [][]uint64{{0}, {2}, {1, 3}, {1, 1 << 60}} {
		if err := s.Ack(done, []byte("x")); err == nil {
			t.Errorf("%v was acknowledged", done)
		}
	}
	if err := s.Ack(nil, make([]byte, MaxAckState+1)); err == nil {
		t.Error("a state beyond the bound was taken")
	}
	wantPending(t, s, 1, 2, 3)
	if s.AckState() != nil {
		t.Errorf("state %q", s.AckState())
	}
	state := strings.Repeat("s", MaxAckState)
	mustAck(t, s, state, 1)
	s = mustOpen(t, "spool", Options{FS: s.fs.(*memFS).kill()})
	if string(s.AckState()) != state {
		t.Errorf("state of %d bytes", len(s.AckState()))
	}
}

func TestSpoolIsLocked(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Options{})
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
	mustClose(t, s)
	mustClose(t, mustOpen(t, dir, Options{}))
	if _, err := Open(dir, Options{Keys: -1}); err == nil {
		t.Error("-1 keys were taken")
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file, Options{}); err == nil {
		t.Error("a file was opened as a spool")
	}
}

// TestAllAtOnce runs everything that may run at the same time.
func TestAllAtOnce(t *testing.T) {
	const n = 3000
	s := mustOpen(t, t.TempDir(), Options{SegmentBytes: 4000, Keys: 100})
	var wg sync.WaitGroup
	var appends sync.Mutex // Seq and number agree
	next := 1
	for range 2 {
		wg.Go(func() {
			for {
				appends.Lock()
				if next > n {
					appends.Unlock()
					return
				}
				end := min(next+7, n+1)
				err := s.Append(entries(next, end), []byte("state"))
				next = end
				appends.Unlock()
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	var mu sync.Mutex
	seen := make(map[uint64]int)
	for range 3 {
		wg.Go(func() {
			for {
				e, err := s.Next()
				mu.Lock()
				if err == nil {
					seen[e.Seq]++
				}
				all := len(seen) == n
				mu.Unlock()
				switch {
				case err == io.EOF && all:
					return
				case err == io.EOF:
					s.Has(e.Key)
					s.Pending()
					s.State()
					s.AckState()
				case err != nil:
					t.Error(err)
					return
				default:
					if want := entry(int(e.Seq)); e.ID != want.ID || !bytes.Equal(e.Data, want.Data) {
						t.Errorf("got %+v", e)
					}
					if err := s.Ack([]uint64{e.Seq}, []byte("ack")); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	for seq, times := range seen {
		if times != 1 {
			t.Errorf("post %d came %d times", seq, times)
		}
	}
	wantPending(t, s)
	mustClose(t, s)
}
