package lstm

// A cell is the arithmetic of one kind of recurrent layer, free of masks,
// order and shortcuts, which are the recurrent layer's. It is immutable, and
// the place where an implementation for a certain processor comes in.
//
// Each element of the result depends on its own row alone, and its sums are
// added up in one fixed order, so that a row has the same bits in every batch:
// from the bias, the products of x in their order, then those of h in theirs.
type cell interface {
	// width is the number of floats that project writes per row.
	width() int

	// project computes what a step needs of its input alone:
	//
	//	z = b + x·W
	//
	// for n rows; z is [n][width], x is [n][inputDim].
	project(z, x []float32, n int)

	// step moves n rows on by one step. It reads z [n][width] as project made
	// it and overwrites it, updates h and c, both [n][units], and may use tmp,
	// [n][units]. Cells without c leave it alone.
	step(z, h, c, tmp []float32, n int)
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
	kernel    []float32 // [inputDim][4*units], gates i f c o
	recurrent []float32 // [units][4*units]
	bias      []float32 // [4*units], nil = 0
	inputDim  int
	units     int

	activation          Activation // a
	recurrentActivation Activation // r
}

func (l *lstmCell) width() int { return 4 * l.units }

func (l *lstmCell) project(z, x []float32, n int) {
	w := l.width()
	fillRows(z[:n*w], l.bias, w)
	product(z, w, x, l.inputDim, l.kernel, w, n, w, l.inputDim)
}

func (l *lstmCell) step(z, h, c, tmp []float32, n int) {
	u, w := l.units, l.width()
	product(z, w, h, u, l.recurrent, w, n, w, u)
	for row := range n {
		z := z[row*w:][:w]
		h := h[row*u:][:u]
		c := c[row*u:][:u]
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
	kernel        []float32 // [inputDim][3*units], gates z r h
	recurrent     []float32 // [units][3*units]
	bias          []float32 // [3*units], nil = 0
	recurrentBias []float32 // [units]: d_h, nil = 0
	inputDim      int
	units         int
	resetAfter    bool

	activation          Activation // a
	recurrentActivation Activation // r
}

func (l *gruCell) width() int { return 3 * l.units }

func (l *gruCell) project(z, x []float32, n int) {
	w := l.width()
	fillRows(z[:n*w], l.bias, w)
	product(z, w, x, l.inputDim, l.kernel, w, n, w, l.inputDim)
}

func (l *gruCell) step(z, h, _, tmp []float32, n int) {
	u, w := l.units, l.width()
	product(z, w, h, u, l.recurrent, w, n, 2*u, u)
	for row := range n {
		l.recurrentActivation.apply(z[row*w:][:2*u])
	}
	if l.resetAfter {
		fillRows(tmp[:n*u], l.recurrentBias, u)
		product(tmp, u, h, u, l.recurrent[2*u:], w, n, u, u)
		for row := range n {
			r, g, t := z[row*w+u:][:u], z[row*w+2*u:][:u], tmp[row*u:][:u]
			for k := range g {
				g[k] += float32(r[k] * t[k])
			}
		}
	} else {
		for row := range n {
			r, h, t := z[row*w+u:][:u], h[row*u:][:u], tmp[row*u:][:u]
			for k := range t {
				t[k] = r[k] * h[k]
			}
		}
		product(z[2*u:], w, tmp, u, l.recurrent[2*u:], w, n, u, u)
	}
	for row := range n {
		z, g, h := z[row*w:][:u], z[row*w+2*u:][:u], h[row*u:][:u]
		l.activation.apply(g)
		for k := range h {
			h[k] = float32(z[k]*h[k]) + float32((1-z[k])*g[k])
		}
	}
}
