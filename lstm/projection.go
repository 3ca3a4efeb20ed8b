package lstm

// chunkRows is the number of rows whose inputs are projected at once, unless a
// single step has more: enough for the weights to be read once for many steps
// of a small batch, few enough for the result to stay in the cache.
const chunkRows = 32

// leastSlots of a cache hold the tokens of a few short rows.
const leastSlots = 128

// projection computes a recurrent layer's input projections b + x·W. Where x
// is the embedding of a token the projection depends on the token alone and is
// kept in a cache, a direct-mapped one: ids count up from the frequent tokens
// to the rare ones, so that id modulo size keeps the frequent ones apart.
type projection struct {
	layer *recurrent
	in    []float32  // [chunk][inputDim]
	x     []float32  // [computed][xWidth]
	rows  []*float32 // [chunk]: the first element of each step's projection

	// The cache begins small, so that the first row costs little, and grows as
	// tokens are computed, up to limit slots.
	limit  int
	recent int       // tokens computed since it grew
	tags   []int32   // [slots]: id + 1 of the token a slot holds or is meant for, 0 = none
	values []float32 // [slots][xWidth]

	// The tokens of the last chunk that were not in the cache; their
	// projections are in x.
	missed  []int32 // ids, each once, unless a slot was taken in between
	pending []int32 // [slots]: index in missed + 1 of the token a slot is meant for, 0 = the slot is filled
}

func (p *projection) bind(l *recurrent) {
	p.layer = l
	if l.tokens != nil {
		p.limit = min(l.tokens.vocab, l.cacheBytes/(4*l.cell.xWidth()))
	}
}

// project returns the projections of the steps at[i] of in: row*T + time. They
// hold until the next call.
func (p *projection) project(in *value, at []int32) []*float32 {
	p.rows = grow(p.rows, len(at))
	if p.layer.tokens != nil {
		p.fold(in.ids, at)
		return p.rows
	}
	d, w := p.layer.inputDim, p.layer.cell.xWidth()
	p.in = grow(p.in, len(at)*d)
	for i, a := range at {
		copy(p.in[i*d:][:d], in.f[int(a)*d:])
	}
	p.x = grow(p.x, len(at)*w)
	p.layer.cell.project(p.x, p.in, len(at))
	for i := range p.rows {
		p.rows[i] = &p.x[i*w]
	}
	return p.rows
}

// fold sets rows to the projections of tokens.
func (p *projection) fold(ids, at []int32) {
	p.fill()
	w := p.layer.cell.xWidth()
	if slots := len(p.tags); slots < p.limit && p.recent >= slots/2 {
		p.resize(min(max(leastSlots, 2*slots), p.limit))
	}
	slots := len(p.tags)
	p.x = grow(p.x, len(at)*w) // no more are missing than asked for: rows may point into it
	for i, a := range at {
		id := ids[a]
		slot := 0
		if slots > 0 {
			slot = int(id) % slots
			if p.tags[slot] == id+1 {
				if m := p.pending[slot]; m > 0 {
					p.rows[i] = &p.x[int(m-1)*w]
				} else {
					p.rows[i] = &p.values[slot*w]
				}
				continue
			}
		}
		p.rows[i] = &p.x[len(p.missed)*w]
		p.missed = append(p.missed, id)
		if slots > 0 {
			p.tags[slot] = id + 1
			p.pending[slot] = int32(len(p.missed))
		}
	}
	if len(p.missed) == 0 {
		return
	}
	d := p.layer.inputDim
	p.in = grow(p.in, len(p.missed)*d)
	for i, id := range p.missed {
		p.layer.tokens.copyRow(p.in[i*d:], id)
	}
	p.recent += len(p.missed)
	p.layer.cell.project(p.x, p.in, len(p.missed))
}

// resize gives the cache more slots and moves what is in it. No row points into
// it then.
func (p *projection) resize(slots int) {
	w := p.layer.cell.xWidth()
	tags, values := p.tags, p.values
	p.tags, p.pending, p.values = make([]int32, slots), make([]int32, slots), make([]float32, slots*w)
	for i, tag := range tags {
		if tag > 0 {
			to := int(tag-1) % slots
			p.tags[to] = tag
			copy(p.values[to*w:][:w], values[i*w:])
		}
	}
	p.recent = 0
}

// fill puts what the last chunk computed into the cache. It could not be done
// then: rows may have pointed to the tokens that held the slots before.
func (p *projection) fill() {
	w := p.layer.cell.xWidth()
	for i, id := range p.missed {
		if len(p.tags) == 0 {
			break
		}
		slot := int(id) % len(p.tags)
		if p.pending[slot] == int32(i)+1 { // else a later token took the slot
			p.pending[slot] = 0
			copy(p.values[slot*w:][:w], p.x[i*w:])
		}
	}
	p.missed = p.missed[:0]
}
