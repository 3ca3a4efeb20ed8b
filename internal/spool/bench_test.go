//go:build unix

package spool

import (
	"fmt"
	"io"
	"syscall"
	"testing"
)

// nosync is a file layer that does not wait for the disk.
type nosync struct{ osFS }

type nosyncFile struct{ File }

func (nosyncFile) Sync() error { return nil }

func (n nosync) Create(path string) (File, error) {
	f, err := n.osFS.Create(path)
	return nosyncFile{f}, err
}

func (n nosync) Open(path string) (File, error) {
	f, err := n.osFS.Open(path)
	return nosyncFile{f}, err
}

func (nosync) SyncDir(string) error { return nil }

// batch returns n posts with 250 bytes each, the keys from first on.
func batch(list []Entry, first uint64) {
	for i := range list {
		n := first + uint64(i)
		list[i].Key = n * 0x9e3779b97f4a7c15 // as hashes are
	}
}

func newBatch(n int) []Entry {
	list := make([]Entry, n)
	for i := range list {
		list[i] = Entry{ID: fmt.Sprintf("%019d", i), Data: make([]byte, 250)}
	}
	return list
}

// cycle appends, reads and acknowledges one batch.
func cycle(b *testing.B, s *Spool, list []Entry, done []uint64) {
	if err := s.Append(list, state[:]); err != nil {
		b.Fatal(err)
	}
	for i := range done {
		e, err := s.Next()
		if err != nil {
			b.Fatal(err)
		}
		done[i] = e.Seq
	}
	if err := s.Ack(done, state[:]); err != nil {
		b.Fatal(err)
	}
}

var state [200]byte

// BenchmarkAppend is one commit of 500 posts with 250 bytes each: with
// sync=false, what the spool itself costs.
func BenchmarkAppend(b *testing.B) {
	for _, sync := range []bool{true, false} {
		b.Run(fmt.Sprintf("records=500/sync=%v", sync), func(b *testing.B) {
			benchmark(b, sync, false, func(s *Spool, list []Entry, done []uint64) {
				b.StopTimer()
				for i := range done { // of the commit before
					e, err := s.Next()
					if err == io.EOF {
						break
					}
					if err != nil {
						b.Fatal(err)
					}
					done[i] = e.Seq
				}
				if s.next > 1 {
					if err := s.Ack(done, state[:]); err != nil {
						b.Fatal(err)
					}
				}
				b.StartTimer()
				if err := s.Append(list, state[:]); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

// BenchmarkCycle is Append, Next and Ack of 500 posts with 250 bytes each.
func BenchmarkCycle(b *testing.B) {
	for _, sync := range []bool{true, false} {
		b.Run(fmt.Sprintf("records=500/sync=%v", sync), func(b *testing.B) {
			benchmark(b, sync, true, func(s *Spool, list []Entry, done []uint64) { cycle(b, s, list, done) })
		})
	}
}

func benchmark(b *testing.B, sync, whole bool, step func(*Spool, []Entry, []uint64)) {
	o := Options{}
	if !sync {
		o.FS = nosync{}
	}
	s, err := Open(b.TempDir(), o)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	list, done := newBatch(500), make([]uint64, 500)
	b.ReportAllocs()
	n, before := uint64(0), processorTime(b)
	for b.Loop() {
		batch(list, 1+500*n)
		step(s, list, done)
		n++
	}
	if whole { // processor time, whatever else the machine does, cannot be stopped like the timer
		b.ReportMetric(float64(processorTime(b)-before)/float64(n), "cpu-ns/op")
	}
	b.ReportMetric(float64(n*500)/b.Elapsed().Seconds(), "posts/s")
}

// processorTime is what this process has used so far, in nanoseconds.
func processorTime(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// BenchmarkOpen reads a spool of 256 MiB.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	o := Options{FS: nosync{}}
	s, err := Open(dir, o)
	if err != nil {
		b.Fatal(err)
	}
	list := newBatch(500)
	for n := uint64(0); s.total < 256<<20; n++ {
		batch(list, 1+500*n)
		if err := s.Append(list, state[:]); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(s.total)
	posts, _ := s.Pending()
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if s, err = Open(dir, o); err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(posts), "posts")
}
