package source

import (
	"maps"
	"sync"
)

// maxNames bounds the names of a Tally, some of which may come from a server:
// several times what a source has of its own. What is beyond is "other".
const maxNames = 64

// Tally counts things by their names. A source that embeds one is a Counter. The
// zero value is ready, and safe for concurrent use.
type Tally struct {
	mu     sync.Mutex
	counts map[string]int64
}

// Count counts one more.
func (t *Tally) Count(name string) { t.Add(name, 1) }

// Add counts n more, which may be none.
func (t *Tally) Add(name string, n int) {
	if n == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = make(map[string]int64)
	}
	if _, known := t.counts[name]; !known && len(t.counts) >= maxNames {
		name = "other"
	}
	t.counts[name] += int64(n)
}

// Counters implements Counter.
func (t *Tally) Counters() map[string]int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.counts)
}
