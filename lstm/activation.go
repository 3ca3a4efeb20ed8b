package lstm

import (
	"errors"
	"fmt"
)

var activationOperations = []operation{
	{
		op:        OpActivation,
		minInputs: 1, maxInputs: 1, fields: "activation axis",
		build: newActivation,
	},
}

// activation applies a function to every element, or softmax or one of the lanes
// along one axis.
type activation struct {
	function Activation
	axis     int // of softmax and lanes
}

func newActivation(s *spec) (layer, error) {
	l := &activation{function: s.Activation}
	if l.function != Softmax && laneFunction(l.function) == nil {
		return l, s.elementwise("activation", l.function)
	}
	var err error
	l.axis, err = s.axis(len(s.in[0]))
	return l, err
}

func (l *activation) shape(dst []int, in [][]int) ([]int, error) {
	dst = append(dst, in[0]...)
	if l.function != GLU {
		return dst, nil
	}
	d := &dst[l.axis]
	if *d < 0 {
		return nil, errors.New("the size of the axis must be known: glu halves it")
	}
	if *d%2 != 0 {
		return nil, fmt.Errorf("axis %d has the size %d, which glu cannot halve", l.axis, *d)
	}
	*d /= 2
	return dst, nil
}

func (l *activation) bind() runner { return &activationRunner{activation: l} }

type activationRunner struct {
	*activation
	lane, sorted []float64 // [size of the axis]
}

func (l *activationRunner) run(out *value, in []*value, _ *value) {
	y := out.makeFloats()
	f := laneFunction(l.function)
	if l.function != Softmax && f == nil {
		copy(y, in[0].f)
		l.function.apply(y)
		out.copyPadding(in[0])
		return
	}
	n, stride := in[0].shape[l.axis], 1
	for _, d := range out.shape[l.axis+1:] {
		stride *= d
	}
	if f == nil {
		copy(y, in[0].f)
		for block := 0; block < len(y); block += n * stride {
			for i := range stride {
				softmax(y[block+i:], n, stride)
			}
		}
	} else {
		l.apply(f, y, out.shape[l.axis], in[0].f, n, stride)
	}
	if l.axis > 0 {
		out.copyPadding(in[0])
	}
}

// apply sets y to f of each lane of x: n elements that are stride apart, of
// which the first m are kept.
func (l *activationRunner) apply(f func(x, sorted []float64), y []float32, m int, x []float32, n, stride int) {
	l.lane, l.sorted = grow(l.lane, n), grow(l.sorted, n)
	for block := range len(x) / (n * stride) {
		from, to := x[block*n*stride:], y[block*m*stride:]
		for i := range stride {
			for k := range n {
				l.lane[k] = float64(from[i+k*stride])
			}
			f(l.lane, l.sorted)
			for k := range m {
				to[i+k*stride] = float32(l.lane[k])
			}
		}
	}
}

// finalActivation checks the activation of a layer that applies it at the end,
// with activate.
func (s *spec) finalActivation() error {
	if s.Activation == Softmax {
		return nil
	}
	return s.elementwise("activation", s.Activation)
}

// activate applies f to y; Softmax to each n elements.
func activate(f Activation, y []float32, n int) {
	if f != Softmax {
		f.apply(y)
		return
	}
	for i := 0; i < len(y); i += n {
		softmax(y[i:], n, 1)
	}
}
