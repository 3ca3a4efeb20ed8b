package lstm

import "coldstream/lstm/internal/kernel"

var simpleRNNOperations = []operation{
	{
		op:        OpSimpleRNN,
		minInputs: 1, maxInputs: 2, mask: mayMask, minParams: 2, maxParams: 3,
		fields: "units activation return_sequences go_backwards time_order zero_output_for_mask state",
		build:  newSimpleRNN,
	},
}

func newSimpleRNN(s *spec) (layer, error) {
	l, err := newRecurrent(s)
	if err != nil {
		return nil, err
	}
	c := &simpleCell{units: l.units, activation: s.Activation}
	kernels, err := s.matrix(0, "kernel", l.inputDim, l.units)
	if err != nil {
		return nil, err
	}
	recurrents, err := s.stateMatrix(1, "recurrent kernel", l.units, l.units)
	if err != nil {
		return nil, err
	}
	c.kernel, c.recurrent = kernels[0], recurrents[0]
	bias, err := s.bias(2, l.units)
	if err != nil {
		return nil, err
	}
	c.bias, c.none = padded(bias, c.xWidth()), make([]float32, c.sWidth())
	l.cell = c
	return l, nil
}

// simpleCell is the cell without gates:
//
//	h = a(b + x·W + h·U)
type simpleCell struct {
	kernel     matrix    // [inputDim][units]
	recurrent  matrix    // [units][units]
	bias       []float32 // [xWidth]
	none       []float32 // [sWidth]
	units      int
	activation Activation
}

func (l *simpleCell) xWidth() int     { return kernel.GateWidth(1, l.units) }
func (l *simpleCell) sWidth() int     { return kernel.GateWidth(1, l.units) }
func (l *simpleCell) zero() []float32 { return l.none }

func (l *simpleCell) project(x, in []float32, n int) {
	l.kernel.product(x, l.xWidth(), in, l.kernel.rows, n, l.bias, nil)
}

func (l *simpleCell) multiply(s, h []float32, n int, r *rows) {
	l.recurrent.productOfStates(s, l.sWidth(), h, n, l.none, r)
}

func (l *simpleCell) step(r *rows) {
	for row := range r.X {
		z := r.sum(row, 1)
		l.activation.apply(z)
		copy(r.state(r.H, row), z)
	}
}
