package lstm

import (
	"fmt"

	"coldstream/lstm/internal/kernel"
)

var recurrentOperations = []operation{
	{
		op:        OpLSTM,
		minInputs: 1, maxInputs: 3, mask: mayMask, minParams: 2, maxParams: 3,
		fields: "units activation recurrent_activation return_sequences go_backwards time_order zero_output_for_mask state",
		build:  newLSTM,
	},
	{
		op:        OpGRU,
		minInputs: 1, maxInputs: 2, mask: mayMask, minParams: 2, maxParams: 3,
		fields: "units activation recurrent_activation return_sequences go_backwards time_order zero_output_for_mask reset_after state",
		build:  newGRU,
	},
}

// recurrent is a layer that walks through the steps of a sequence with a cell.
type recurrent struct {
	cell     cell
	set      kernel.Set
	inputDim int
	units    int

	backwards  bool // from the last step to the first
	sequences  bool // return the output of every step, not of the last one alone
	timeOrder  bool // returned steps stand in the order of the input, also backwards
	zeroMasked bool // the output of masked steps is 0, not the output before them

	state   State // what is returned in place of the output
	initial int   // states among the inputs

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
	c := &lstmCell{units: u, gates: newGates(s.set, s.Activation, s.RecurrentActivation)}
	kernels, err := s.matrix(0, "kernel", l.inputDim, 4*u)
	if err != nil {
		return nil, err
	}
	recurrents, err := s.stateMatrix(1, "recurrent kernel", u, 4*u)
	if err != nil {
		return nil, err
	}
	c.kernel, c.recurrent = kernels[0], recurrents[0]
	bias, err := s.bias(2, 4*u)
	if err != nil {
		return nil, err
	}
	c.bias, c.none = padded(bias, c.xWidth()), make([]float32, c.sWidth())
	l.cell = c
	return l, nil
}

func newGRU(s *spec) (layer, error) {
	l, err := newRecurrent(s)
	if err != nil {
		return nil, err
	}
	u := l.units
	c := &gruCell{units: u, resetAfter: s.ResetAfter, gates: newGates(s.set, s.Activation, s.RecurrentActivation)}
	kernels, err := s.matrix(0, "kernel", l.inputDim, 3*u)
	if err != nil {
		return nil, err
	}
	c.kernel = kernels[0]
	parts := []int{2 * u, u}
	if s.ResetAfter {
		parts = []int{3 * u}
	}
	recurrents, err := s.stateMatrix(1, "recurrent kernel", u, parts...)
	if err != nil {
		return nil, err
	}
	c.recurrent = recurrents[0]
	if !s.ResetAfter {
		c.candidate = recurrents[1]
	}
	c.bias, c.none = make([]float32, c.xWidth()), make([]float32, c.sWidth())
	switch {
	case len(s.params) == 2:
	case s.ResetAfter:
		both, err := s.param(2, "bias", 2, 3*u)
		if err != nil {
			return nil, err
		}
		c.bias = padded(both[:3*u], c.xWidth())
		for i, d := range both[3*u:][:2*u] {
			c.bias[i] += d
		}
		copy(c.none[2*u:], padded(both[5*u:], u))
	default:
		bias, err := s.param(2, "bias", 3*u)
		if err != nil {
			return nil, err
		}
		c.bias = padded(bias, c.xWidth())
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
	states := 1
	if s.Op == OpLSTM {
		states = 2
	}
	switch {
	case s.State != "" && s.State != HiddenState && (s.State != CellState || states < 2):
		return nil, fmt.Errorf("state %q is not known in this operation", s.State)
	case s.State != "" && (s.ReturnSequences || s.ZeroOutputForMask):
		return nil, fmt.Errorf("a state is returned after the last step alone")
	case len(s.in) > 1 && len(s.in) != 1+states:
		return nil, fmt.Errorf("%d states to start from, expected %d", len(s.in)-1, states)
	}
	l := &recurrent{
		state: s.State, initial: len(s.in) - 1,
		set: s.set, inputDim: dim, units: s.Units,
		backwards: s.GoBackwards, sequences: s.ReturnSequences, timeOrder: s.TimeOrder, zeroMasked: s.ZeroOutputForMask,
	}
	if e, ok := s.producer.(*embedding); ok && !s.opts.NoFold {
		l.tokens = e
		l.cacheBytes = s.opts.cacheBytes()
	}
	return l, nil
}

func (l *recurrent) shape(dst []int, in [][]int) ([]int, error) {
	for _, state := range in[1:] {
		if len(state) != 1 || !sameDim(state[0], l.units) {
			return nil, fmt.Errorf("a state of shape %s for %d units", shapeString(state), l.units)
		}
	}
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

	h, c, s []float32 // [rows][width], [rows][width], [rows][sWidth], in order
	x       []*float32
	work    rows
}

func (r *recurrentRunner) run(out *value, in []*value, mask *value) {
	n, T := out.rows, in[0].size
	if r.tokens == nil {
		T /= r.inputDim
	}
	u, width := r.units, r.width()
	r.h, r.c, r.work.Tmp = grow(r.h, n*width), grow(r.c, n*width), grow(r.work.Tmp, n*width)
	r.s = grow(r.s, n*r.cell.sWidth())
	r.plan(in[0], mask, n, T)
	r.skipPads(in[0], T)
	for i, row := range r.order {
		h, c := r.h[i*width:][:width], r.c[i*width:][:width]
		if r.initial == 0 {
			r.pads.state(h, c, int(r.lead[row]))
			continue
		}
		clear(h)
		clear(c)
		copy(h, in[1].f[int(row)*u:][:u])
		if r.initial > 1 {
			copy(c, in[2].f[int(row)*u:][:u])
		}
	}
	y := out.makeFloats()
	r.walk(in[0], y, T)
	if !r.sequences {
		last := r.h
		if r.state == CellState {
			last = r.c
		}
		for i, row := range r.order {
			y := y[int(row)*u:][:u]
			copy(y, last[i*width:])
			switch {
			case r.state != "":
			case r.initial > 0 && r.count[row] == 0:
				clear(y) // no step, no output: the state stays what it was
			case r.zeroMasked && mask != nil && !mask.mask[int(row)*T+r.time(T-1, T)]:
				clear(y)
			}
		}
		return
	}
	r.fillSkipped(y, mask, n, T)
	if r.initial == 0 { // else rows differ from their first step on
		r.passPadding(out, in[0], mask)
	}
}

// width is the number of elements of a row of h or c.
func (l *recurrent) width() int { return kernel.Width(l.units) }

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
		if mask == nil && padding != nil && r.initial == 0 {
			lead = min(int(padding[row]), r.pads.limit(r.width(), r.cell.sWidth()))
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
		for _, x := range r.project(in, r.at) {
			r.x = append(r.x[:0], x)
			h, c := r.pads.next(r.width())
			r.step(r.x, r.pads.sum(r.pads.steps-2, r.cell), h, c)
			r.pads.s = append(r.pads.s, make([]float32, r.cell.sWidth())...)
			r.cell.multiply(r.pads.sum(r.pads.steps-1, r.cell), h, 1, &r.work)
		}
	}
}

// step moves rows on by one step; s is either one row for all or has one for
// each.
func (r *recurrentRunner) step(x []*float32, s, h, c []float32) {
	w := &r.work
	w.Units, w.X, w.S, w.H, w.State = r.units, x, s, h, c
	w.LDS = 0
	if len(s) > r.cell.sWidth() {
		w.LDS = r.cell.sWidth()
	}
	r.cell.step(w)
}

// walk computes the steps. y receives the outputs if the layer returns
// sequences.
func (r *recurrentRunner) walk(in *value, y []float32, T int) {
	u, width, sWidth := r.units, r.width(), r.cell.sWidth()
	for j := 0; r.active[j] > 0; {
		// Project the inputs of as many steps at once as make a good product.
		end := j
		r.at = r.at[:0]
		for ; r.active[end] > 0 && (end == j || len(r.at)+int(r.active[end]) <= chunkRows); end++ {
			for _, row := range r.order[:r.active[end]] {
				r.at = append(r.at, r.steps[int(row)*T+end])
			}
		}
		x, at := r.project(in, r.at), r.at
		for ; j < end; j++ {
			n := int(r.active[j])
			if j == 0 && r.initial == 0 {
				r.first(x[:n])
			} else {
				r.cell.multiply(r.s, r.h, n, &r.work)
				r.set.Prefetch(x[:1], r.cell.xWidth()) // the gates fetch the others
				r.step(x[:n], r.s[:n*sWidth], r.h, r.c)
			}
			if r.sequences {
				for i, at := range at[:n] {
					row, t := int(at)/T, int(at)%T
					copy(y[(row*T+r.place(t, T))*u:][:u], r.h[i*width:])
				}
			}
			x, at = x[n:], at[n:]
		}
	}
}

// first computes the first step of each row, which starts from a kept state:
// what it needs of it is kept too.
func (r *recurrentRunner) first(x []*float32) {
	width := r.width()
	for from := 0; from < len(x); {
		lead := r.lead[r.order[from]]
		to := from + 1
		for to < len(x) && r.lead[r.order[to]] == lead {
			to++
		}
		r.step(x[from:to], r.pads.sum(int(lead)-1, r.cell), r.h[from*width:], r.c[from*width:])
		from = to
	}
}

// fillSkipped writes the returned steps that were not computed.
func (r *recurrentRunner) fillSkipped(y []float32, mask *value, n, T int) {
	u := r.units
	for row := range n {
		for s := range int(r.lead[row]) {
			to := row*T + r.place(r.time(s, T), T)
			copy(y[to*u:][:u], r.pads.h[s*r.width():])
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
// padding, and what the step behind them needs of them.
type padStates struct {
	steps int
	h, c  []float32 // [steps][width]
	s     []float32 // [steps][sWidth]
}

// maxPadBytes bounds the memory of padStates.
const maxPadBytes = 8 << 20

// limit returns how many steps are kept at most.
func (p *padStates) limit(width, sWidth int) int { return maxPadBytes / (4 * (2*width + sWidth)) }

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

// sum returns s of the kept state i, of h = 0 for -1.
func (p *padStates) sum(i int, c cell) []float32 {
	if i < 0 {
		return c.zero()
	}
	w := c.sWidth()
	return p.s[i*w:][:w]
}

// next appends one state, a copy of the last one for the caller to move on.
func (p *padStates) next(width int) (h, c []float32) {
	p.h = append(p.h, make([]float32, width)...)
	p.c = append(p.c, make([]float32, width)...)
	h, c = p.h[p.steps*width:][:width], p.c[p.steps*width:][:width]
	p.state(h, c, p.steps)
	p.steps++
	return h, c
}
