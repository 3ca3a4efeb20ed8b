package lstm

// A value is what a node computes for the rows of a tile.
type value struct {
	shape []int // without the batch axis
	size  int   // elements per row
	rows  int

	// One of these holds the elements, by the node's kind; len = rows*size.
	f    []float32
	ids  []int32
	mask []bool

	// lead[row] (trail[row]) is a number of first (last) steps in which the row
	// is padding and nothing else: step for step it is the same in all rows of
	// all batches that are padding so far, counted from the respective end. nil
	// = 0 for all rows.
	lead, trail []int32
	padded      bool // ids in whose rows padding is looked for

	leadBuffer, trailBuffer []int32
}

func (v *value) makeFloats() []float32 { v.f = grow(v.f, v.rows*v.size); return v.f }
func (v *value) makeIDs() []int32      { v.ids = grow(v.ids, v.rows*v.size); return v.ids }
func (v *value) makeMask() []bool      { v.mask = grow(v.mask, v.rows*v.size); return v.mask }

func (v *value) makeLead() []int32 {
	v.leadBuffer = grow(v.leadBuffer, v.rows)
	v.lead = v.leadBuffer
	return v.lead
}

func (v *value) makeTrail() []int32 {
	v.trailBuffer = grow(v.trailBuffer, v.rows)
	v.trail = v.trailBuffer
	return v.trail
}

// findPadding finds the zeros at both ends of each row of ids.
func (v *value) findPadding() {
	lead, trail := v.makeLead(), v.makeTrail()
	for row := range v.rows {
		ids := v.ids[row*v.size:][:v.size]
		lead[row], trail[row] = 0, 0
		for i := 0; i < len(ids) && ids[i] == 0; i++ {
			lead[row]++
		}
		for i := len(ids) - 1; i >= 0 && ids[i] == 0; i-- {
			trail[row]++
		}
	}
}

// copyPadding makes v padding where w is: for layers that treat each step by
// itself.
func (v *value) copyPadding(w *value) {
	if w.lead != nil {
		copy(v.makeLead(), w.lead)
	}
	if w.trail != nil {
		copy(v.makeTrail(), w.trail)
	}
}

// meetPadding takes away from v's padding the steps that are no padding in w:
// for layers that join the steps of several inputs.
func (v *value) meetPadding(w *value) {
	v.lead = meet(v.lead, w.lead)
	v.trail = meet(v.trail, w.trail)
}

func meet(a, b []int32) []int32 {
	if a == nil || b == nil {
		return nil
	}
	for i := range a {
		a[i] = min(a[i], b[i])
	}
	return a
}

// grow returns a slice of n elements, s if it is large enough. The elements
// are not defined.
func grow[E any](s []E, n int) []E {
	if cap(s) < n {
		return make([]E, n)
	}
	return s[:n]
}
