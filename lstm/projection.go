package lstm

// chunkRows is the number of rows whose inputs are projected at once, unless a
// single step has more: enough for the weights to be read once for many steps
// of a small batch, few enough for the result to stay in the cache.
const chunkRows = 32

// projection computes a recurrent layer's input projections b + x·W. Where x
// is the embedding of a token the projection depends on the token alone and is
// kept in a cache, a direct-mapped one: ids count up from the frequent tokens
// to the rare ones, so that id modulo size keeps the frequent ones apart.
type projection struct {
	layer *recurrent
	x     []float32 // [chunk][inputDim]
	z     []float32 // [chunk][width]

	slots  int
	tags   []int32   // [slots]: id + 1 of the token a slot holds, 0 = none
	values []float32 // [slots][width]

	// Of the chunk at work: the tokens that were not in the cache.
	missed  []int32   // ids, each once
	missing []int32   // [slots]: index in missed + 1 of the token the slot is meant for, 0 = the slot is filled
	waiting []waiting // rows of z that wait for them
	fresh   []float32 // [len(missed)][width]
}

type waiting struct{ row, missed int32 }

func (p *projection) bind(l *recurrent) {
	p.layer = l
	if l.tokens != nil {
		p.slots = min(l.tokens.vocab, l.cacheBytes/(4*l.cell.width()))
	}
}

// project returns z [len(at)][width], the projections of the steps at[i] of
// in: row*T + time. z holds until the next call.
func (p *projection) project(in *value, at []int32) []float32 {
	n, w := len(at), p.layer.cell.width()
	p.z = grow(p.z, n*w)
	if p.layer.tokens == nil {
		d := p.layer.inputDim
		p.x = grow(p.x, n*d)
		for i, a := range at {
			copy(p.x[i*d:][:d], in.f[int(a)*d:])
		}
		p.layer.cell.project(p.z, p.x, n)
		return p.z
	}
	p.fold(in.ids, at)
	return p.z
}

func (p *projection) fold(ids, at []int32) {
	w := p.layer.cell.width()
	if p.slots > 0 && p.tags == nil {
		p.tags = make([]int32, p.slots)
		p.missing = make([]int32, p.slots)
		p.values = make([]float32, p.slots*w)
	}
	p.missed, p.waiting = p.missed[:0], p.waiting[:0]
	for i, a := range at {
		id := ids[a]
		slot := 0
		if p.slots > 0 {
			slot = int(id) % p.slots
			if p.tags[slot] == id+1 {
				if m := p.missing[slot]; m > 0 {
					p.waiting = append(p.waiting, waiting{int32(i), m - 1})
				} else {
					copy(p.z[i*w:][:w], p.values[slot*w:])
				}
				continue
			}
		}
		p.waiting = append(p.waiting, waiting{int32(i), int32(len(p.missed))})
		p.missed = append(p.missed, id)
		if p.slots > 0 {
			p.tags[slot] = id + 1
			p.missing[slot] = int32(len(p.missed))
		}
	}
	if len(p.missed) == 0 {
		return
	}

	d := p.layer.inputDim
	n := len(p.missed)
	p.x, p.fresh = grow(p.x, n*d), grow(p.fresh, n*w)
	for i, id := range p.missed {
		copy(p.x[i*d:][:d], p.layer.tokens.row(id))
	}
	p.layer.cell.project(p.fresh, p.x, n)
	for _, wait := range p.waiting {
		copy(p.z[int(wait.row)*w:][:w], p.fresh[int(wait.missed)*w:])
	}
	if p.slots == 0 {
		return
	}
	for i, id := range p.missed {
		slot := int(id) % p.slots
		if p.missing[slot] == int32(i)+1 { // else a later token took the slot
			p.missing[slot] = 0
			copy(p.values[slot*w:][:w], p.fresh[i*w:])
		}
	}
}
