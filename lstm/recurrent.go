package lstm

import "fmt"

func init() {
	register(OpLSTM, operation{
		minInputs: 1, maxInputs: 1, mask: mayMask, minParams: 2, maxParams: 3,
		fields: "units activation recurrent_activation return_sequences go_backwards time_order zero_output_for_mask",
		build:  newLSTM,
	})
	register(OpGRU, operation{
		minInputs: 1, maxInputs: 1, mask: mayMask, minParams: 2, maxParams: 3,
		fields: "units activation recurrent_activation return_sequences go_backwards time_order zero_output_for_mask reset_after",
		build:  newGRU,
	})
}

// recurrent is a layer that walks through the steps of a sequence with a cell.
type recurrent struct {
	cell     cell
	inputDim int
	units    int

	backwards  bool // from the last step to the first
	sequences  bool // return the output of every step, not of the last one alone
	timeOrder  bool // returned steps stand in the order of the input, also backwards
	zeroMasked bool // the output of masked steps is 0, not the output before them

	// tokens is the layer whose rows are the input. With it the layer reads the
	// ids and folds each token's row into the input projection; nil = the layer
	// reads features.
	tokens     *embedding
	cacheBytes int
}

func newLSTM(s *spec) (layer, error) {
	l, err := newRecurrent(s)
	if err != nil {
		return nil, err
	}
	u := l.units
	c := &lstmCell{inputDim: l.inputDim, units: u, activation: s.Activation, recurrentActivation: s.RecurrentActivation}
	if c.kernel, err = s.param(0, "kernel", l.inputDim, 4*u); err != nil {
		return nil, err
	}
	if c.recurrent, err = s.param(1, "recurrent kernel", u, 4*u); err != nil {
		return nil, err
	}
	if len(s.params) > 2 {
		if c.bias, err = s.param(2, "bias", 4*u); err != nil {
			return nil, err
		}
	}
	l.cell = c
	return l, nil
}

func newGRU(s *spec) (layer, error) {
	l, err := newRecurrent(s)
	if err != nil {
		return nil, err
	}
	u := l.units
	c := &gruCell{inputDim: l.inputDim, units: u, resetAfter: s.ResetAfter, activation: s.Activation, recurrentActivation: s.RecurrentActivation}
	if c.kernel, err = s.param(0, "kernel", l.inputDim, 3*u); err != nil {
		return nil, err
	}
	if c.recurrent, err = s.param(1, "recurrent kernel", u, 3*u); err != nil {
		return nil, err
	}
	switch {
	case len(s.params) == 2:
	case s.ResetAfter:
		both, err := s.param(2, "bias", 2, 3*u)
		if err != nil {
			return nil, err
		}
		c.bias = append([]float32(nil), both[:3*u]...)
		for i, d := range both[3*u:][:2*u] {
			c.bias[i] += d
		}
		c.recurrentBias = both[5*u:]
	default:
		if c.bias, err = s.param(2, "bias", 3*u); err != nil {
			return nil, err
		}
	}
	l.cell = c
	return l, nil
}

func newRecurrent(s *spec) (*recurrent, error) {
	dim, err := s.sequence()
	if err != nil {
		return nil, err
	}
	if s.Units < 1 {
		return nil, fmt.Errorf("units %d, expected at least 1", s.Units)
	}
	if err := s.elementwise("activation", s.Activation); err != nil {
		return nil, err
	}
	if err := s.elementwise("recurrent activation", s.RecurrentActivation); err != nil {
		return nil, err
	}
	l := &recurrent{
		inputDim: dim, units: s.Units,
		backwards: s.GoBackwards, sequences: s.ReturnSequences, timeOrder: s.TimeOrder, zeroMasked: s.ZeroOutputForMask,
	}
	if e, ok := s.producer.(*embedding); ok && !s.opts.NoFold {
		l.tokens = e
		l.cacheBytes = s.opts.cacheBytes()
	}
	return l, nil
}

func (l *recurrent) shape(dst []int, in [][]int) ([]int, error) {
	if l.sequences {
		dst = append(dst, in[0][0])
	}
	return append(dst, l.units), nil
}

func (l *recurrent) bind() runner {
	r := &recurrentRunner{recurrent: l}
	r.projection.bind(l)
	return r
}

// recurrentRunner computes only the steps that must be computed. Masked steps
// change nothing and are passed over; leading padding without a mask starts
// from the kept state of that many steps of padding. The rows are put in the
// order of how many steps are left, most first: at its j-th step the tile
// computes the first active[j] of them, each at its own place in time.
type recurrentRunner struct {
	*recurrent
	projection
	pads padStates

	steps  []int32 // [rows][T]: the steps to compute, in order, each as row*T + time
	count  []int32 // [rows]: how many
	lead   []int32 // [rows]: steps of padding before them
	rows   []int32 // [rows]: 0, 1, 2, ...
	order  []int32 // [rows]: the same, most steps first
	active []int32 // [T+1]: active[j] rows have more than j steps
	at     []int32 // a chunk of steps

	h, c, tmp []float32 // [rows][units], in order
}

func (r *recurrentRunner) run(out *value, in []*value, mask *value) {
	n, T := out.rows, in[0].size
	if r.tokens == nil {
		T /= r.inputDim
	}
	r.plan(in[0], mask, n, T)
	r.skipPads(in[0], T)

	u := r.units
	r.h, r.c, r.tmp = grow(r.h, n*u), grow(r.c, n*u), grow(r.tmp, n*u)
	for i, row := range r.order {
		r.pads.state(r.h[i*u:][:u], r.c[i*u:][:u], int(r.lead[row]))
	}
	y := out.makeFloats()
	r.walk(in[0], y, T)
	if !r.sequences {
		for i, row := range r.order {
			last := y[int(row)*u:][:u]
			copy(last, r.h[i*u:])
			if r.zeroMasked && mask != nil && !mask.mask[int(row)*T+r.time(T-1, T)] {
				clear(last)
			}
		}
		return
	}
	r.fillSkipped(y, mask, n, T)
	r.passPadding(out, in[0], mask)
}

// time returns the place in time of the s-th step in the order of processing.
func (l *recurrent) time(s, T int) int {
	if l.backwards {
		return T - 1 - s
	}
	return s
}

// place returns where the output of the step at time t stands.
func (l *recurrent) place(t, T int) int {
	if l.backwards && !l.timeOrder {
		return T - 1 - t
	}
	return t
}

// plan lists the steps to compute and puts the rows in order.
func (r *recurrentRunner) plan(in, mask *value, n, T int) {
	r.steps = grow(r.steps, n*T)
	r.count, r.lead, r.order = grow(r.count, n), grow(r.lead, n), grow(r.order, n)
	padding := in.lead
	if r.backwards {
		padding = in.trail
	}
	for row := range n {
		lead := 0
		if mask == nil && padding != nil {
			lead = min(int(padding[row]), r.pads.limit(r.units))
		}
		r.lead[row] = int32(lead)
		steps := r.steps[row*T:][:0:T]
		for s := lead; s < T; s++ {
			t := r.time(s, T)
			if mask == nil || mask.mask[row*T+t] {
				steps = append(steps, int32(row*T+t))
			}
		}
		r.count[row] = int32(len(steps))
	}

	r.rows = grow(r.rows, n)
	for row := range n {
		r.rows[row] = int32(row)
	}
	r.active = grow(r.active, T+1)
	sortByCount(r.order, r.rows, r.count, r.active)
}

// skipPads makes sure that the states of the longest leading padding are
// there, by computing the missing ones from a row that has it.
func (r *recurrentRunner) skipPads(in *value, T int) {
	longest := 0
	for row, lead := range r.lead {
		if lead > r.lead[longest] {
			longest = row
		}
	}
	for want := int(r.lead[longest]); r.pads.steps < want; {
		k := min(chunkRows, want-r.pads.steps)
		r.at = r.at[:0]
		for s := range k {
			r.at = append(r.at, int32(longest*T+r.time(r.pads.steps+s, T)))
		}
		z := r.project(in, r.at)
		w := r.cell.width()
		r.tmp = grow(r.tmp, r.units)
		for s := range k {
			h, c := r.pads.next(r.units)
			r.cell.step(z[s*w:][:w], h, c, r.tmp, 1)
		}
	}
}

// walk computes the steps. y receives the outputs if the layer returns
// sequences.
func (r *recurrentRunner) walk(in *value, y []float32, T int) {
	u, w := r.units, r.cell.width()
	for j := 0; r.active[j] > 0; {
		// Project the inputs of as many steps at once as make a good product.
		end := j
		r.at = r.at[:0]
		for ; r.active[end] > 0 && (end == j || len(r.at)+int(r.active[end]) <= chunkRows); end++ {
			for _, row := range r.order[:r.active[end]] {
				r.at = append(r.at, r.steps[int(row)*T+end])
			}
		}
		z, at := r.project(in, r.at), r.at
		for ; j < end; j++ {
			n := int(r.active[j])
			r.cell.step(z, r.h, r.c, r.tmp, n)
			if r.sequences {
				for i, at := range at[:n] {
					row, t := int(at)/T, int(at)%T
					copy(y[(row*T+r.place(t, T))*u:][:u], r.h[i*u:])
				}
			}
			z, at = z[n*w:], at[n:]
		}
	}
}

// fillSkipped writes the returned steps that were not computed.
func (r *recurrentRunner) fillSkipped(y []float32, mask *value, n, T int) {
	u := r.units
	for row := range n {
		for s := range int(r.lead[row]) {
			to := row*T + r.place(r.time(s, T), T)
			copy(y[to*u:][:u], r.pads.h[s*u:])
		}
		if mask == nil {
			continue
		}
		last := -1 // where the output before stands
		for s := range T {
			t := r.time(s, T)
			to := row*T + r.place(t, T)
			if !mask.mask[row*T+t] {
				if last < 0 || r.zeroMasked {
					clear(y[to*u:][:u])
				} else {
					copy(y[to*u:][:u], y[last*u:])
				}
			}
			last = to
		}
	}
}

// passPadding says where the returned sequence is padding: as long as the
// input and the mask have been since processing began.
func (r *recurrentRunner) passPadding(out, in, mask *value) {
	from := func(v *value) []int32 {
		if r.backwards {
			return v.trail
		}
		return v.lead
	}
	if from(in) == nil {
		return
	}
	var to []int32
	if r.backwards && r.timeOrder {
		to = out.makeTrail()
	} else {
		to = out.makeLead()
	}
	copy(to, from(in))
	if mask == nil {
		return
	}
	if meet(to, from(mask)) == nil {
		out.lead, out.trail = nil, nil
	}
}

// padStates are the states of a recurrent layer after 1, 2, ... steps of
// padding.
type padStates struct {
	steps int
	h, c  []float32 // [steps][units]
}

// maxPadBytes bounds the memory of padStates.
const maxPadBytes = 8 << 20

// limit returns how many steps are kept at most.
func (p *padStates) limit(units int) int { return maxPadBytes / (2 * 4 * units) }

// state copies the state after the given number of steps to h and c.
func (p *padStates) state(h, c []float32, steps int) {
	if steps == 0 {
		clear(h)
		clear(c)
		return
	}
	copy(h, p.h[(steps-1)*len(h):])
	copy(c, p.c[(steps-1)*len(c):])
}

// next appends one state, a copy of the last one for the caller to move on.
func (p *padStates) next(units int) (h, c []float32) {
	p.h = append(p.h, make([]float32, units)...)
	p.c = append(p.c, make([]float32, units)...)
	h, c = p.h[p.steps*units:][:units], p.c[p.steps*units:][:units]
	p.state(h, c, p.steps)
	p.steps++
	return h, c
}
