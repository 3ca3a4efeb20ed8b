package lstm

import "fmt"

var denseOperations = []operation{
	{
		op:        OpDense,
		minInputs: 1, maxInputs: 1, minParams: 1, maxParams: 2, fields: "units activation",
		build: newDense,
	},
}

// dense computes f(b + x·W) along the last axis.
type dense struct {
	kernel     matrix    // [inputDim][units]
	bias       []float32 // [width of kernel]
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
	if err := s.finalActivation(); err != nil {
		return nil, err
	}
	kernels, err := s.matrix(0, "kernel", d, l.units)
	if err != nil {
		return nil, err
	}
	l.kernel = kernels[0]
	bias, err := s.bias(1, l.units)
	if err != nil {
		return nil, err
	}
	l.bias = padded(bias, l.kernel.width())
	return l, nil
}

func (l *dense) shape(dst []int, in [][]int) ([]int, error) {
	return append(append(dst, in[0][:len(in[0])-1]...), l.units), nil
}

func (l *dense) bind() runner { return &denseRunner{dense: l} }

type denseRunner struct {
	*dense
	z []float32 // [rows][width of kernel]
}

func (l *denseRunner) run(out *value, in []*value, _ *value) {
	y := out.makeFloats()
	rows, width := len(y)/l.units, l.kernel.width()
	if width == l.units {
		l.kernel.product(y, width, in[0].f, l.inputDim, rows, l.bias, nil)
	} else {
		l.z = grow(l.z, rows*width)
		l.kernel.product(l.z, width, in[0].f, l.inputDim, rows, l.bias, nil)
		for i := range rows {
			copy(y[i*l.units:][:l.units], l.z[i*width:])
		}
	}
	activate(l.activation, y, l.units)
	if len(out.shape) > 1 {
		out.copyPadding(in[0])
	}
}
