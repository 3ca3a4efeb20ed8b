package lstm

import (
	"errors"
	"fmt"
	"math"
)

var windowOperations = []operation{
	{op: OpMaxPool, minInputs: 1, maxInputs: 1, fields: "size stride padding", build: newPool},
	{op: OpAveragePool, minInputs: 1, maxInputs: 1, fields: "size stride padding", build: newPool},
}

func newPool(s *spec) (layer, error) {
	dim, err := s.sequence()
	if err != nil {
		return nil, err
	}
	if s.Padding == Causal {
		return nil, errors.New("padding causal is not supported in a pool")
	}
	w, err := s.window(1)
	return &pool{window: w, dim: dim, average: s.Op == OpAveragePool}, err
}

// window says which steps a layer looks at for each step of its output.
type window struct {
	size, stride, dilation int
	padding                Padding
}

// window reads the node's fields.
func (s *spec) window(dilation int) (window, error) {
	w := window{size: s.Size, stride: s.Stride, dilation: dilation, padding: s.Padding}
	for _, f := range []struct {
		name  string
		value int
	}{{"size", w.size}, {"stride", w.stride}, {"dilation", w.dilation}} {
		if f.value < 1 || f.value > maxElements {
			return w, fmt.Errorf("%s %d, expected at least 1 and at most %d", f.name, f.value, maxElements)
		}
	}
	if (w.size-1)*w.dilation >= maxElements {
		return w, fmt.Errorf("size %d with dilation %d reaches over more than %d steps", w.size, w.dilation, maxElements)
	}
	if w.padding != Valid && w.padding != Same && w.padding != Causal {
		return w, fmt.Errorf("padding %q is not known", w.padding)
	}
	return w, nil
}

// reach is the number of steps that a window reaches over.
func (w *window) reach() int { return 1 + (w.size-1)*w.dilation }

// count returns the number of windows over t steps, -1 if t is -1.
func (w *window) count(t int) (int, error) {
	if t < 0 {
		return -1, nil
	}
	if w.padding == Valid {
		if t < w.reach() {
			return 0, fmt.Errorf("%d steps are too few for a window over %d", t, w.reach())
		}
		t -= w.reach() - 1
	}
	return (t-1)/w.stride + 1, nil
}

// before returns the number of steps in front of the first of t steps at which
// the first window begins.
func (w *window) before(t int) int {
	switch w.padding {
	case Same:
		n, _ := w.count(t)
		return max((n-1)*w.stride+w.reach()-t, 0) / 2
	case Causal:
		return w.reach() - 1
	}
	return 0
}

// pool takes the largest value or the mean of each feature over the steps in a
// window, as far as there are such steps.
type pool struct {
	window
	dim     int
	average bool
}

func (l *pool) shape(dst []int, in [][]int) ([]int, error) {
	n, err := l.count(in[0][0])
	return append(dst, n, l.dim), err
}

func (l *pool) bind() runner { return &poolRunner{pool: l} }

type poolRunner struct {
	*pool
	sum []float64 // [dim]
}

func (l *poolRunner) run(out *value, in []*value, _ *value) {
	y := out.makeFloats()
	steps := in[0].shape[0]
	before := l.before(steps)
	for row := range out.rows {
		x := in[0].f[row*in[0].size:][:in[0].size]
		for i := range out.shape[0] {
			from := i*l.stride - before
			to := min(from+l.size, steps)
			dst := y[row*out.size+i*l.dim:][:l.dim]
			l.join(dst, x[max(from, 0)*l.dim:to*l.dim])
		}
	}
}

// join sets dst to the maximum or the mean of the steps in x.
func (l *poolRunner) join(dst, x []float32) {
	if !l.average {
		for j := range dst {
			dst[j] = float32(math.Inf(-1))
		}
		for i := 0; i < len(x); i += l.dim {
			for j, v := range x[i : i+l.dim] {
				if v > dst[j] || v != v {
					dst[j] = v // NaN once found stays: no comparison holds
				}
			}
		}
		return
	}
	l.sum = grow(l.sum, l.dim)
	clear(l.sum)
	for i := 0; i < len(x); i += l.dim {
		for j, v := range x[i : i+l.dim] {
			l.sum[j] += float64(v)
		}
	}
	for j, v := range l.sum {
		dst[j] = float32(v / float64(len(x)/l.dim))
	}
}
