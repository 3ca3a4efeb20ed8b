package source

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"
)

// slow is a Source that takes its time.
type slow struct {
	Source
	takes func(n int) time.Duration
	n     int
}

func (s *slow) Next(ctx context.Context) (Post, error) {
	s.n++
	time.Sleep(s.takes(s.n))
	return s.Source.Next(ctx)
}

func newSample(t *testing.T, n int) Source {
	t.Helper()
	s, err := NewSample(n, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// take reads n posts.
func take(t *testing.T, s Source, n int) {
	t.Helper()
	for range n {
		if _, err := s.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPacedKeepsTheRate(t *testing.T) {
	for _, rate := range []float64{0.1, 1, 3, 7.5, 1000, 30_000} {
		synctest.Test(t, func(t *testing.T) {
			n := int(min(rate*100, 10_000)) + 1
			s := Paced(newSample(t, n), rate)
			start := time.Now()
			for i := range n {
				take(t, s, 1)
				due := time.Duration(float64(i) / rate * float64(time.Second))
				if early := due - time.Since(start); early > time.Millisecond || early < -time.Millisecond {
					t.Fatalf("%g per second: post %d came %v early", rate, i, early)
				}
			}
		})
	}
}

func TestPacedCatchesUpALittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// One post in ten takes 50 ms, which the others catch up.
		s := Paced(&slow{Source: newSample(t, 1001), takes: func(n int) time.Duration {
			if n%10 == 5 {
				return 50 * time.Millisecond
			}
			return 0
		}}, 100)
		start := time.Now()
		take(t, s, 1001)
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("1,000 intervals of 10 ms took %v", took)
		}
	})
}

func TestPacedHasNoBurstAfterASilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Paced(&slow{Source: newSample(t, 500), takes: func(n int) time.Duration {
			if n == 1 {
				return time.Hour
			}
			return 0
		}}, 100)
		take(t, s, 1)
		start := time.Now()
		burst := 0
		for time.Since(start) == 0 {
			take(t, s, 1)
			burst++
		}
		// 100 ms are caught up: ten posts, one that is due now and one that waited.
		if burst != 12 {
			t.Errorf("%d posts came at once", burst)
		}
		take(t, s, 100)
		if took := time.Since(start); took < time.Second || took > 1100*time.Millisecond {
			t.Errorf("the 100 posts after the burst took %v", took)
		}
	})
}

// TestPacedWaitIsCancelled, and what it waited for comes afterwards.
func TestPacedWaitIsCancelled(t *testing.T) {
	for _, rate := range []float64{0.001, 1e-300} {
		synctest.Test(t, func(t *testing.T) {
			s := Paced(newSample(t, 3), rate)
			take(t, s, 1)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := s.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			if s.Cursor() != "1" {
				t.Errorf("the cursor is %s", s.Cursor())
			}
		})
	}
}

func TestPacedWithoutARateIsTheSource(t *testing.T) {
	src := newSample(t, 1)
	for _, rate := range []float64{0, -1, math.Inf(1), math.NaN()} {
		if Paced(src, rate) != src {
			t.Errorf("%g per second wraps the source", rate)
		}
	}
}
