package xapi

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// family is a kind of failure that has a back-off of its own.
type family int

const (
	unreachable family = iota // below HTTP: 250 ms more each time, to 16 s
	overloaded                // 5xx: 5 s doubling to 320 s
	rateLimited               // 429 of the rate limit: until the window ends, at least 1 min
	occupied                  // 429 of the connection limit: 1 min doubling to 16 min
	final                     // no repetition mends it
	families    = iota
)

// The waits are those of X's page on disconnections, which names no bound for
// 429; a window of 15 minutes and a minute is enough.
const (
	networkStep, networkMost   = 250 * time.Millisecond, 16 * time.Second
	overloadFirst, overloadTop = 5 * time.Second, 320 * time.Second
	limitFirst, limitTop       = time.Minute, 16 * time.Minute
)

// window is the length of X's rate limit windows.
const window = 15 * time.Minute

// backoff remembers failures in a row.
type backoff struct {
	failures [families]int
}

// next returns how long to wait after a failure; asked is what X said, 0 =
// nothing. Up to a quarter more, at most 10 s, keeps clients that failed together from
// coming back together.
func (b *backoff) next(f family, asked time.Duration) time.Duration {
	n := b.failures[f]
	b.failures[f]++
	doubled := func(first, top time.Duration) time.Duration { return min(top, first<<min(n, 10)) }
	var d time.Duration
	switch f {
	case unreachable:
		d = min(networkMost, time.Duration(n+1)*networkStep)
	case overloaded:
		d = doubled(overloadFirst, overloadTop)
	case rateLimited:
		d = doubled(limitFirst, limitTop)
		if asked > 0 {
			d = min(limitTop, max(limitFirst, asked))
		}
	default:
		d = doubled(limitFirst, limitTop)
	}
	return d + rand.N(min(d/4, 10*time.Second)+1)
}

// reset forgets the failures, after a healthy spell.
func (b *backoff) reset() { b.failures = [families]int{} }

// limiter keeps requests under a rate limit: at most len(times) in a window.
type limiter struct {
	mu    sync.Mutex
	times []time.Time // of the last requests, a ring
	next  int
}

func newLimiter(n int) *limiter { return &limiter{times: make([]time.Time, n)} }

// wait waits until a request may be made.
func (l *limiter) wait(ctx context.Context) error {
	l.mu.Lock()
	oldest := l.times[l.next]
	l.mu.Unlock()
	if d := window - time.Since(oldest); !oldest.IsZero() && d > 0 {
		return sleep(ctx, d)
	}
	return nil
}

// count notes a request that reached X.
func (l *limiter) count() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.times[l.next] = time.Now()
	l.next = (l.next + 1) % len(l.times)
}
