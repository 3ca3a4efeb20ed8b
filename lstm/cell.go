package lstm

import "coldstream/lstm/internal/kernel"

// A cell is the arithmetic of one kind of recurrent layer, free of masks,
// order and shortcuts, which are the recurrent layer's. It is immutable.
//
// A step is x + s through the gates, where x is what it needs of its input
// alone and s of the state before alone, each a sum of its own: whichever of
// the two is kept from another row or another time has the same bits. Rows of
// x and s have gates*units elements, and padding up to the next multiple of 8
// of the last gate; rows of states have kernel.Width(units) elements.
type cell interface {
	// xWidth and sWidth are the numbers of elements of a row of x and s.
	xWidth() int
	sWidth() int

	// project sets x [n][xWidth] = b + in·W; in is [n][inputDim].
	project(x, in []float32, n int)

	// multiply sets s [n][sWidth] to what a step needs of h, n rows. The team
	// and the working memory are those of r.
	multiply(s, h []float32, n int, r *rows)

	// zero is s of h = 0.
	zero() []float32

	// step moves the rows on by one step.
	step(r *rows)
}

// rows are the rows that a step works on.
type rows struct {
	kernel.Rows           // State = c of an LSTM, working memory of a GRU
	z           []float32 // [xWidth]: working memory
	more        []float32 // [n][Width(units)]: working memory
	bytes       []int8    // [n][Width(units)]: working memory
	team        *team
}

// gates says how to compute the gates of a cell.
type gates struct {
	set                 kernel.Set       // None = with the two below, which give the same bits on every processor
	hard                kernel.Recurrent // of set
	activation          Activation       // a
	recurrentActivation Activation       // r
}

// newGates prefers the kernels where they have the activations.
func newGates(set kernel.Set, a, r Activation) gates {
	g := gates{activation: a, recurrentActivation: r}
	if a != Tanh {
		return g
	}
	switch r {
	case Sigmoid:
		g.set, g.hard = set, kernel.Sigmoid
	case HardSigmoidKeras2:
		g.set, g.hard = set, kernel.HardKeras2
	case HardSigmoidKeras3:
		g.set, g.hard = set, kernel.HardKeras3
	}
	return g
}

// lstmCell is a long short-term memory cell:
//
//	i = r(b_i + x·W_i + h·U_i)
//	f = r(b_f + x·W_f + h·U_f)
//	g = a(b_c + x·W_c + h·U_c)
//	o = r(b_o + x·W_o + h·U_o)
//	c = f c + i g
//	h = o a(c)
type lstmCell struct {
	gates
	kernel    matrix    // [inputDim][4*units], gates i f c o
	recurrent matrix    // [units][4*units]
	bias      []float32 // [xWidth]
	none      []float32 // [sWidth]
	units     int
}

func (l *lstmCell) xWidth() int     { return kernel.GateWidth(4, l.units) }
func (l *lstmCell) sWidth() int     { return kernel.GateWidth(4, l.units) }
func (l *lstmCell) zero() []float32 { return l.none }

func (l *lstmCell) project(x, in []float32, n int) {
	l.kernel.product(x, l.xWidth(), in, l.kernel.rows, n, l.bias, nil)
}

func (l *lstmCell) multiply(s, h []float32, n int, r *rows) {
	l.recurrent.productOfStates(s, l.sWidth(), h, n, l.none, r)
}

func (l *lstmCell) step(r *rows) {
	if l.set != kernel.None {
		l.set.LSTM(l.hard, &r.Rows)
		return
	}
	u := l.units
	for row := range r.X {
		z := r.sum(row, 4)
		h, c := r.state(r.H, row), r.state(r.State, row)
		l.recurrentActivation.apply(z[:2*u])
		l.activation.apply(z[2*u : 3*u])
		l.recurrentActivation.apply(z[3*u:])
		i, f, g, o := z[:u], z[u:2*u], z[2*u:3*u], z[3*u:]
		for k := range c {
			c[k] = float32(f[k]*c[k]) + float32(i[k]*g[k])
		}
		copy(h, c)
		l.activation.apply(h)
		for k := range h {
			h[k] *= o[k]
		}
	}
}

// gruCell is a gated recurrent unit:
//
//	z = r(b_z + x·W_z + h·U_z)
//	r = r(b_r + x·W_r + h·U_r)
//	g = a(b_h + x·W_h + (r h)·U_h)            without resetAfter
//	g = a(b_h + x·W_h + r (d_h + h·U_h))      with resetAfter
//	h = z h + (1 - z) g
//
// where d is the recurrent bias, which only resetAfter has; d_z and d_r are
// added to b_z and b_r.
type gruCell struct {
	gates
	kernel     matrix    // [inputDim][3*units], gates z r h
	recurrent  matrix    // [units][3*units], without resetAfter [units][2*units], gates z r
	candidate  matrix    // [units][units] without resetAfter: U_h
	bias       []float32 // [xWidth]
	none       []float32 // [sWidth]: d_h for the last gate
	units      int
	resetAfter bool
}

func (l *gruCell) xWidth() int     { return kernel.GateWidth(3, l.units) }
func (l *gruCell) sWidth() int     { return kernel.GateWidth(l.recurrent.cols/l.units, l.units) }
func (l *gruCell) zero() []float32 { return l.none }

func (l *gruCell) project(x, in []float32, n int) {
	l.kernel.product(x, l.xWidth(), in, l.kernel.rows, n, l.bias, nil)
}

func (l *gruCell) multiply(s, h []float32, n int, r *rows) {
	l.recurrent.productOfStates(s, l.sWidth(), h, n, l.none, r)
}

func (l *gruCell) step(r *rows) {
	if l.resetAfter {
		l.stepAfter(r)
		return
	}
	n, u, width := len(r.X), l.units, kernel.Width(l.units)
	if l.set != kernel.None {
		l.set.GRUReset(l.hard, &r.Rows)
	} else {
		for row := range n {
			z := r.sum(row, 2)
			l.recurrentActivation.apply(z)
			h, t := r.state(r.H, row), r.state(r.Tmp, row)
			copy(r.state(r.State, row), z[:u])
			for k := range t {
				t[k] = z[u+k] * h[k]
			}
		}
	}
	r.more = grow(r.more, n*width)
	l.candidate.productOfStates(r.more, width, r.Tmp, n, l.none, r)
	if l.set != kernel.None {
		second := r.Rows
		second.S, second.LDS = r.more, width
		l.set.GRUBefore(&second)
		return
	}
	for row := range n {
		z, g, h := r.state(r.State, row), r.state(r.more, row), r.state(r.H, row)
		for k, x := range r.XRow(row, 3)[2*u:] {
			g[k] += x
		}
		l.activation.apply(g)
		blend(h, z, g)
	}
}

func (l *gruCell) stepAfter(r *rows) {
	if l.set != kernel.None {
		l.set.GRUAfter(l.hard, &r.Rows)
		return
	}
	u := l.units
	for row := range r.X {
		z, s, h := r.sum(row, 2), r.SRow(row, 3), r.state(r.H, row)
		l.recurrentActivation.apply(z)
		g := r.state(r.Tmp, row)
		for k, x := range r.XRow(row, 3)[2*u:] {
			g[k] = x + float32(z[u+k]*s[2*u+k])
		}
		l.activation.apply(g)
		blend(h, z[:u], g)
	}
}

// blend sets h = z h + (1 - z) g.
func blend(h, z, g []float32) {
	for k := range h {
		h[k] = float32(z[k]*h[k]) + float32((1-z[k])*g[k])
	}
}

// sum returns x + s of the first gates of a row. It holds until the next call.
func (r *rows) sum(row, gates int) []float32 {
	x, s := r.XRow(row, gates), r.SRow(row, gates)
	r.z = grow(r.z, len(x))
	for k := range x {
		r.z[k] = x[k] + s[k]
	}
	return r.z
}

// state returns the part of a row of v that is no padding.
func (r *rows) state(v []float32, row int) []float32 {
	return v[row*kernel.Width(r.Units):][:r.Units]
}
