package lstm

import "fmt"

var dotOperations = []operation{
	{
		op:        OpDot,
		minInputs: 2, maxInputs: 2, fields: "axes",
		build: newDot,
	},
}

// dotProduct sums products along an axis of each of two inputs.
type dotProduct struct {
	axes [2]int
}

func newDot(s *spec) (layer, error) {
	l := &dotProduct{}
	if len(s.Axes) != 2 {
		return nil, fmt.Errorf("%d axes, expected one for each input", len(s.Axes))
	}
	for i, a := range s.Axes {
		rank := len(s.in[i])
		if a < 0 {
			a += rank
		}
		if a < 0 || a >= rank {
			return nil, fmt.Errorf("axis %d is not one of the %d axes of input %q without the batch", s.Axes[i], rank, s.Inputs[i])
		}
		l.axes[i] = a
	}
	return l, nil
}

func (l *dotProduct) shape(dst []int, in [][]int) ([]int, error) {
	a, b := in[0][l.axes[0]], in[1][l.axes[1]]
	if !sameDim(a, b) {
		return nil, fmt.Errorf("inputs of shapes %s and %s, whose axes %d and %d differ", shapeString(in[0]), shapeString(in[1]), l.axes[0], l.axes[1])
	}
	n := len(dst)
	for i, shape := range in {
		dst = append(dst, shape[:l.axes[i]]...)
		dst = append(dst, shape[l.axes[i]+1:]...)
	}
	if len(dst) == n {
		dst = append(dst, 1)
	}
	return dst, nil
}

func (l *dotProduct) bind() runner { return &dotRunner{dotProduct: l} }

type dotRunner struct {
	*dotProduct
	a, b []float32 // rows of both with the axis last
}

func (r *dotRunner) run(out *value, in []*value, _ *value) {
	y := out.makeFloats()
	n := in[0].shape[r.axes[0]]
	r.a, r.b = r.turn(r.a, in[0], r.axes[0]), r.turn(r.b, in[1], r.axes[1])
	rowsA, rowsB := in[0].size/n, in[1].size/n
	at := 0
	for row := range out.rows {
		a, b := r.a[row*in[0].size:], r.b[row*in[1].size:]
		for i := range rowsA {
			for k := range rowsB {
				y[at] = float32(dot(a[i*n:][:n], b[k*n:][:n]))
				at++
			}
		}
	}
}

// turn returns v with the given axis last, in the memory of dst.
func (r *dotRunner) turn(dst []float32, v *value, axis int) []float32 {
	dst = grow(dst, len(v.f))
	n, stride := v.shape[axis], 1
	for _, d := range v.shape[axis+1:] {
		stride *= d
	}
	at := 0
	for block := 0; block < len(v.f); block += n * stride {
		for i := range stride {
			x := dst[at:][:n]
			for k := range n {
				x[k] = v.f[block+k*stride+i]
			}
			at += n
		}
	}
	return dst
}
