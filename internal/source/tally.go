package source

import (
	"maps"
	"sync"
)

// Tally counts things by their names. A source that embeds one is a Counter. The
// zero value is ready, and safe for concurrent use.
type Tally struct {
	mu     sync.Mutex
	counts map[string]int64
}

// Count counts one more.
func (t *Tally) Count(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = make(map[string]int64)
	}
	t.counts[name]++
}

// Counters implements Counter.
func (t *Tally) Counters() map[string]int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.counts)
}
