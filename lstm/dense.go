package lstm

import "fmt"

func init() {
	register(OpDense, operation{
		minInputs: 1, maxInputs: 1, minParams: 1, maxParams: 2, fields: "units activation",
		build: newDense,
	})
}

// dense computes f(b + x·W) along the last axis.
type dense struct {
	kernel     []float32 // [inputDim][units]
	bias       []float32 // [units], nil = 0
	inputDim   int
	units      int
	activation Activation
}

func newDense(s *spec) (layer, error) {
	d, err := s.lastDim()
	if err != nil {
		return nil, err
	}
	if s.Units < 1 {
		return nil, fmt.Errorf("units %d, expected at least 1", s.Units)
	}
	l := &dense{inputDim: d, units: s.Units, activation: s.Activation}
	if l.activation != Softmax {
		if err := s.elementwise("activation", l.activation); err != nil {
			return nil, err
		}
	}
	if l.kernel, err = s.param(0, "kernel", d, l.units); err != nil {
		return nil, err
	}
	if len(s.params) > 1 {
		l.bias, err = s.param(1, "bias", l.units)
	}
	return l, err
}

func (l *dense) shape(dst []int, in [][]int) ([]int, error) {
	return append(append(dst, in[0][:len(in[0])-1]...), l.units), nil
}

func (l *dense) bind() runner { return l }

func (l *dense) run(out *value, in []*value, _ *value) {
	y := out.makeFloats()
	rows := len(y) / l.units
	fillRows(y, l.bias, l.units)
	product(y, l.units, in[0].f, l.inputDim, l.kernel, l.units, rows, l.units, l.inputDim)
	if l.activation == Softmax {
		for i := range rows {
			softmax(y[i*l.units:], l.units, 1)
		}
	} else {
		l.activation.apply(y)
	}
	if len(out.shape) > 1 {
		out.copyPadding(in[0])
	}
}

// fillRows sets every row of y, rows of n elements, to bias, or to 0 where
// bias is nil.
func fillRows(y, bias []float32, n int) {
	if bias == nil {
		clear(y)
		return
	}
	for len(y) > 0 {
		copy(y[:n], bias)
		y = y[n:]
	}
}
