package spool

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestStatesAloneDoNotGrow: a source that gives nothing but a cursor.
func TestStatesAloneDoNotGrow(t *testing.T) {
	fs := newMemFS()
	s := mustOpen(t, "spool", Options{FS: fs, SegmentBytes: 500, MaxBytes: 4000})
	for n := range 1000 {
		mustAppend(t, s, nil, fmt.Sprint(n))
		if n%3 == 0 {
			wantRest(t, s)
		}
		if s.total > 4000 {
			t.Fatalf("%d bytes", s.total)
		}
	}
	mustAppend(t, s, entries(1, 3), "end")
	wantRest(t, s, 1, 2)
	s = mustOpen(t, "spool", Options{FS: fs.kill()})
	if string(s.State()) != "end" || s.total > 2000 {
		t.Errorf("state %q, %d bytes", s.State(), s.total)
	}
	wantRest(t, s, 1, 2)
}

func TestKeysAreRememberedAndForgotten(t *testing.T) {
	const limit = 50
	o := Options{SegmentBytes: 300, Keys: limit}
	dir := t.TempDir()
	s := mustOpen(t, dir, o)
	for n := 1; n <= 1000; n += 5 {
		mustAppend(t, s, append(entries(n, n+4), Entry{ID: fmt.Sprintf("id-%d", n+4)}), "")
		var done []uint64
		for {
			e, err := s.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			done = append(done, e.Seq)
		}
		mustAck(t, s, "", done...)
		if n%35 == 1 {
			mustClose(t, s)
			s = mustOpen(t, dir, o)
		}
		for back := range limit {
			if key := n + 3 - back; key > 0 && s.Has(uint64(key)) != (key%5 != 0) {
				t.Fatalf("after post %d: Has(%d) is %v", n+4, key, s.Has(uint64(key)))
			}
		}
	}
	if s.Has(0) || s.Has(1) || s.keys.young.count+s.keys.old.count > 2*limit {
		t.Errorf("Has(0) is %v, Has(1) is %v, %d keys", s.Has(0), s.Has(1), s.keys.young.count+s.keys.old.count)
	}
	if list := files(t, dir, keysSuffix); len(list) > 2 {
		t.Errorf("files of keys: %v", list)
	}
	mustClose(t, s)
}

func TestKeySetIsASet(t *testing.T) {
	for _, limit := range []int{1, 2, 1000, 100_000} {
		k := Keys{limit: limit}
		last := make(map[uint64]int) // when a key was last added
		rnd := rand.New(rand.NewPCG(5, uint64(limit)))
		for n := range 3*limit + 10 {
			key := rnd.Uint64N(uint64(10*limit)) << (limit % 60)
			if k.Has(key) && last[key] == 0 {
				t.Fatalf("limit %d: key %d was never added", limit, key)
			}
			k.Add(key)
			if k.Has(key) != (key != 0) {
				t.Fatalf("limit %d: key %d is there: %v", limit, key, k.Has(key))
			}
			last[key] = n + 1
		}
		for key, n := range last {
			if n > 2*limit+10 && key != 0 && !k.Has(key) {
				t.Errorf("limit %d: key %d was added %d keys before and is forgotten", limit, key, 3*limit+10-n)
			}
		}
		if k.young.count+k.old.count > 2*limit || len(k.young.slots) > max(1024, 4*limit) {
			t.Errorf("limit %d: %d and %d keys, %d slots", limit, k.young.count, k.old.count, len(k.young.slots))
		}
	}
}

func TestFullSpoolTakesNothing(t *testing.T) {
	fs := newMemFS()
	o := Options{MaxBytes: 3000, FS: fs}
	s := mustOpen(t, "spool", o)
	n := 1
	var err error
	for ; err == nil; n++ {
		err = s.Append(entries(n, n+1), nil)
	}
	n-- // this one was refused
	if !errors.Is(err, ErrFull) || n < 20 {
		t.Fatalf("post %d: %v", n, err)
	}
	if err := s.Append(make([]Entry, 300), nil); err == nil || errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "does not fit") {
		t.Errorf("a commit that never fits: %v", err)
	}
	if s.Has(uint64(n)) || s.total > o.MaxBytes {
		t.Errorf("Has(%d) is %v, %d bytes", n, s.Has(uint64(n)), s.total)
	}
	wantRest(t, s, span(1, uint64(n))...)
	mustAck(t, s, "", span(1, uint64(n))...)
	// Nothing is left, so anything that fits alone has room.
	mustAppend(t, s, []Entry{{ID: "big", Data: make([]byte, 2800)}}, "")
	if err := s.Append([]Entry{{ID: "big", Data: make([]byte, 2800)}}, nil); !errors.Is(err, ErrFull) {
		t.Errorf("a second big one: %v", err)
	}
	e, err := s.Next()
	if err != nil || e.Seq != uint64(n) || len(e.Data) != 2800 {
		t.Errorf("%d, %v", e.Seq, err)
	}
	mustAck(t, s, "", e.Seq)
	mustAppend(t, s, []Entry{{ID: "big", Data: make([]byte, 2800)}}, "")
	if err := s.Append([]Entry{{Data: make([]byte, maxPayload)}}, nil); err == nil || errors.Is(err, ErrFull) {
		t.Errorf("a commit beyond the bound: %v", err)
	}
	if err := s.Append(nil, make([]byte, MaxState+1)); err == nil {
		t.Error("a state beyond the bound was taken")
	}
}

func TestWindowHoldsNextBack(t *testing.T) {
	s := mustOpen(t, "spool", Options{FS: newMemFS()})
	for n := 1; n <= Window+1001; n += 1001 {
		list := make([]Entry, 1001)
		mustAppend(t, s, list, "")
	}
	for n := range uint64(Window) {
		if e, err := s.Next(); err != nil || e.Seq != n+1 {
			t.Fatalf("%d: %d, %v", n+1, e.Seq, err)
		}
	}
	if _, err := s.Next(); err != io.EOF {
		t.Fatalf("behind the window: %v", err)
	}
	mustAck(t, s, "", span(2, Window+1)...) // the largest bitmap
	if _, err := s.Next(); err != io.EOF {
		t.Fatalf("behind the window: %v", err)
	}
	s = mustOpen(t, "spool", Options{FS: s.fs.(*memFS).kill()})
	if n, _ := s.Pending(); n != int(s.next-Window) || s.MaybeSent() != 1+reserved-Window%reserved {
		t.Errorf("%d pending of %d, %d maybe sent", n, s.next-1, s.MaybeSent())
	}
	if e, err := s.Next(); err != nil || e.Seq != 1 {
		t.Fatalf("%d, %v", e.Seq, err)
	}
	if _, err := s.Next(); err != io.EOF {
		t.Fatalf("behind the window: %v", err)
	}
	mustAck(t, s, "", 1)
	if e, err := s.Next(); err != nil || e.Seq != Window+1 {
		t.Errorf("%d, %v", e.Seq, err)
	}
}
