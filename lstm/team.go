package lstm

import (
	"runtime"
	"sync/atomic"

	"coldstream/lstm/internal/kernel"
)

// A team splits the columns of one product among the goroutines of a Scratch
// that have no tile of their own: for a single text, whose time is that of
// reading the recurrent matrix over and over. Each column's sum is one
// goroutine's, so that the bits stay the same.
//
// A product takes microseconds, less than it takes to wake a goroutine: the
// members look for work in a loop, for as long as a call of Predict lasts.
// Nobody waits for a member that has not come: the columns are dealt out in
// parts, to whoever asks.
type team struct {
	active  atomic.Bool  // a call of Predict is at work
	running atomic.Int32 // members
	size    int          // members wanted
	member  func()       // run, as a goroutine

	// deal is the number of the product in the upper half and of its next part
	// in the lower half. Who raises it from one part to the next has that part,
	// and the product stands still until it is done.
	deal atomic.Uint64
	done atomic.Int32 // parts

	// The product at work.
	parts int
	m     *matrix
	c     []float32
	ldc   int
	a     []float32
	lda   int
	rows  int
	start []float32
}

const (
	// teamBytes is the size of a matrix from which a team pays: BenchmarkGrowth.
	teamBytes = 1 << 19

	// teamRows is the number of rows up to which a product is bound by reading
	// the matrix.
	teamRows = 3

	// teamParts is the number of parts for each of the team.
	teamParts = 2

	// teamSpins is how often to look for a change before others get a chance.
	teamSpins = 2000
)

// newTeam returns a team of members besides the one who asks, nil for none.
func newTeam(members int) *team {
	if members == 0 {
		return nil
	}
	t := &team{size: members}
	t.member = t.run
	t.deal.Store(t.none())
	return t
}

// none is a deal with nothing left.
func (t *team) none() uint64 { return uint64(teamParts * (t.size + 1)) }

// assemble begins a call of Predict.
func (t *team) assemble() {
	t.active.Store(true)
	for int(t.running.Load()) < t.size { // members of the last call may be there still
		t.running.Add(1)
		go t.member()
	}
}

// dismiss ends it.
func (t *team) dismiss() {
	t.active.Store(false)
	t.m, t.c, t.a, t.start = nil, nil, nil, nil
}

// worthwhile reports whether to split a product.
func (t *team) worthwhile(m *matrix, rows int) bool {
	return t != nil && t.active.Load() && rows <= teamRows && m.set > kernel.Go && 4*len(m.packed.Data) >= teamBytes
}

// product is matrix.product.
func (t *team) product(m *matrix, c []float32, ldc int, a []float32, lda, n int, start []float32) {
	t.m, t.c, t.ldc, t.a, t.lda, t.rows, t.start = m, c, ldc, a, lda, n, start
	t.parts = int(t.none())
	t.done.Store(0)
	t.deal.Store((t.deal.Load()>>32 + 1) << 32)
	for t.take() {
	}
	for spins := 0; int(t.done.Load()) < t.parts; spins++ {
		if spins > teamSpins {
			runtime.Gosched()
		}
	}
}

// run takes parts until the call of Predict ends.
func (t *team) run() {
	defer t.running.Add(-1)
	for spins := 0; t.active.Load(); spins++ {
		if t.take() {
			spins = 0
		} else if spins > teamSpins {
			runtime.Gosched()
		}
	}
}

// take computes the next part, false if there is none.
func (t *team) take() bool {
	for {
		deal := t.deal.Load()
		part := int(uint32(deal))
		if part >= int(t.none()) {
			return false
		}
		if !t.deal.CompareAndSwap(deal, deal+1) {
			continue
		}
		if m := t.m.packed.Part(part, t.parts); m.Cols > 0 {
			from := t.m.packed.From(part, t.parts)
			t.m.set.Product(t.c[from:], t.ldc, t.a, t.lda, t.rows, &m, t.start[from:])
		}
		t.done.Add(1)
		return true
	}
}
