package deliver

import (
	"io"
	"sync"

	"coldstream/internal/spool"
)

// Bounds of what waits in memory before one more commit: a few requests' worth.
const (
	memoryEntries = 8 * MaxRecords
	memoryBytes   = 4 * MaxBatchBytes
)

// memory is a Queue that forgets. Append fails with spool.ErrFull where it would
// hold too much, which makes the source wait.
type memory struct {
	mu      sync.Mutex
	next    uint64        // Seq of the next entry appended
	waiting []spool.Entry // not returned by Next
	pending map[uint64]int
	bytes   int64
	seen    *spool.Keys
}

func newMemory() *memory {
	return &memory{next: 1, pending: map[uint64]int{}, seen: spool.NewKeys(rememberedKeys)}
}

func (m *memory) Append(entries []spool.Entry, _ []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.pending) > memoryEntries || m.bytes > memoryBytes {
		return spool.ErrFull
	}
	for i := range entries {
		e := &entries[i]
		e.Seq = m.next
		m.next++
		m.pending[e.Seq] = len(e.Data)
		m.bytes += int64(len(e.Data))
		m.seen.Add(e.Key)
	}
	m.waiting = append(m.waiting, entries...)
	return nil
}

func (m *memory) Has(key uint64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seen.Has(key)
}

func (m *memory) Next() (spool.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.waiting) == 0 {
		m.waiting = nil
		return spool.Entry{}, io.EOF
	}
	e := m.waiting[0]
	m.waiting[0] = spool.Entry{}
	m.waiting = m.waiting[1:]
	return e, nil
}

func (m *memory) Ack(done []uint64, _ []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, seq := range done {
		m.bytes -= int64(m.pending[seq])
		delete(m.pending, seq)
	}
	return nil
}

func (m *memory) Pending() (entries int, bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.pending), m.bytes
}

func (m *memory) State() []byte    { return nil }
func (m *memory) AckState() []byte { return nil }
func (m *memory) MaybeSent() int   { return 0 }

// rememberedKeys is how many keys are remembered at least, twice as many at
// most.
const rememberedKeys = 1_000_000
