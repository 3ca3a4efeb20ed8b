package spool

import (
	"errors"
	"io"
	"syscall"
	"testing"
)

// TestFullDisk fills a disk of 1 MiB, empties the spool and fills it again.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("NOT TESTED, a full disk: a tmpfs cannot be mounted: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()
	o := Options{SegmentBytes: 50_000}
	s := mustOpen(t, dir, o)
	n, low := 1, uint64(1)
	for round := range 5 {
		var err error
		for {
			if err = s.Append(entries(n, n+100), []byte("state")); err != nil {
				break
			}
			n += 100
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("round %d: %v", round, err)
		}
		if again := s.Append(entries(n, n+100), nil); !errors.Is(again, syscall.ENOSPC) {
			t.Errorf("round %d: %v", round, again)
		}
		if round%2 == 1 {
			mustClose(t, s)
			s = mustOpen(t, dir, o)
			if s.Healed() != 0 {
				t.Errorf("round %d: healed %d", round, s.Healed())
			}
		}
		wantPending(t, s, span(low, uint64(n))...)
		wantRest(t, s, span(low, uint64(n))...)
		mustAck(t, s, "", span(low, uint64(n))...)
		if uint64(n) < low+1000 {
			t.Errorf("round %d: posts %d to %d", round, low, n)
		}
		low = uint64(n)
	}
	if _, err := s.Next(); err != io.EOF {
		t.Error(err)
	}
	mustClose(t, s)
}
