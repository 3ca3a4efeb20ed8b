package lstm

import (
	"fmt"

	"coldstream/lstm/internal/kernel"
)

var convOperations = []operation{
	{
		op:        OpConv1D,
		minInputs: 1, maxInputs: 1, minParams: 1, maxParams: 2,
		fields: "units activation size stride dilation padding groups",
		build:  newConv,
	},
	{
		op:        OpDepthwiseConv1D,
		minInputs: 1, maxInputs: 1, minParams: 1, maxParams: 2,
		fields: "activation size stride dilation padding",
		build:  newDepthwise,
	},
}

// conv computes, for the i-th window over the steps,
//
//	y_i = f(b + sum_k x_(i stride + k dilation - before)·W_k)
//
// where steps outside count as 0: a product of the matrix whose rows are the
// windows with all W_k on top of each other. Each group of features has a
// product of its own.
type conv struct {
	window
	kernels    []matrix  // one per group, [size*groupDim][groupUnits]
	bias       []float32 // [groups][width of a kernel]
	dim        int
	units      int
	activation Activation
}

func newConv(s *spec) (layer, error) {
	dim, err := s.sequence()
	if err != nil {
		return nil, err
	}
	l := &conv{dim: dim, units: s.Units, activation: s.Activation}
	if l.window, err = s.window(s.Dilation); err != nil {
		return nil, err
	}
	if l.units < 1 {
		return nil, fmt.Errorf("units %d, expected at least 1", l.units)
	}
	groups := max(s.Groups, 1)
	if s.Groups < 0 || dim%groups != 0 || l.units%groups != 0 {
		return nil, fmt.Errorf("groups %d do not divide %d features and %d units", s.Groups, dim, l.units)
	}
	if err := s.finalActivation(); err != nil {
		return nil, err
	}
	if l.size > maxElements/dim {
		return nil, fmt.Errorf("a window of %d steps of %d features has more than %d elements", l.size, dim, maxElements)
	}
	if rows := l.size * (dim / groups); groups > 1 {
		// Before a list of as many matrices is made, the tensor must be there.
		if _, err := s.param(0, "kernel", rows, l.units); err != nil {
			return nil, err
		}
	}
	cols := make([]int, groups)
	for g := range cols {
		cols[g] = l.units / groups
	}
	if l.kernels, err = s.matrix(0, "kernel", l.size*(dim/groups), cols...); err != nil {
		return nil, err
	}
	bias, err := s.bias(1, l.units)
	if err != nil {
		return nil, err
	}
	if bias == nil {
		bias = make([]float32, l.units)
	}
	for g, n := range cols {
		l.bias = append(l.bias, padded(bias[g*n:][:n], l.kernels[g].width())...)
	}
	return l, nil
}

func (l *conv) shape(dst []int, in [][]int) ([]int, error) {
	n, err := l.count(in[0][0])
	if err == nil && in[0][0] >= 0 {
		_, err = elements([]int{n, l.size, l.dim}) // of the windows side by side
	}
	return append(dst, n, l.units), err
}

func (l *conv) bind() runner { return &convRunner{conv: l} }

type convRunner struct {
	*conv
	x []float32 // steps with padding around them, or windows side by side
	z []float32 // [windows][width of a kernel]
}

func (l *convRunner) run(out *value, in []*value, _ *value) {
	y := out.makeFloats()
	for row := range out.rows {
		x := in[0].f[row*in[0].size:][:in[0].size]
		for g := range l.kernels {
			l.group(y[row*out.size:][:out.size], x, g)
		}
	}
	activate(l.activation, y, l.units)
}

// group computes the outputs of one group of features for one row.
func (l *convRunner) group(y, x []float32, g int) {
	m := &l.kernels[g]
	n, w, steps := len(y)/l.units, m.width(), len(x)/l.dim
	a, lda := l.windows(x, steps, n, g)
	start := l.bias[g*w:][:w]
	if w == l.units && len(l.kernels) == 1 {
		m.product(y, w, a, lda, n, start, nil)
		return
	}
	l.z = grow(l.z, n*w)
	m.product(l.z, w, a, lda, n, start, nil)
	for i := range n {
		copy(y[i*l.units+g*m.cols:][:m.cols], l.z[i*w:])
	}
}

// windows returns a matrix whose rows are the n windows over the features of a
// group, and the distance between its rows. Where the elements of a window stand
// side by side the rows overlap in x itself, or in x with padding around it;
// else they are copied.
func (l *convRunner) windows(x []float32, steps, n, g int) (a []float32, lda int) {
	before := l.before(steps)
	if l.dilation == 1 && len(l.kernels) == 1 && l.kernels[g].set != kernel.None {
		lda = l.stride * l.dim
		end := (n-1)*l.stride + l.size
		if before == 0 && end <= steps {
			return x, lda
		}
		l.x = grow(l.x, end*l.dim)
		place(l.x, x, before*l.dim)
		return l.x, lda
	}
	dim := l.dim / len(l.kernels)
	lda = l.size * dim
	l.x = grow(l.x, n*lda)
	for i := range n {
		for k := range l.size {
			dst := l.x[i*lda+k*dim:][:dim]
			if t := i*l.stride + k*l.dilation - before; t < 0 || t >= steps {
				clear(dst)
			} else {
				copy(dst, x[t*l.dim+g*dim:])
			}
		}
	}
	return l.x, lda
}

// depthwise is a convolution of each feature by itself, which makes several
// outputs of it:
//
//	y_i,dm+j = f(b_dm+j + sum_k x_(i stride + k dilation - before),d W_k,dm+j)
type depthwise struct {
	window
	kernel     []float32 // [size][dim*multiplier]
	bias       []float32 // [dim*multiplier], nil = none
	dim        int
	multiplier int
	activation Activation
}

func newDepthwise(s *spec) (layer, error) {
	dim, err := s.sequence()
	if err != nil {
		return nil, err
	}
	l := &depthwise{dim: dim, activation: s.Activation}
	if l.window, err = s.window(s.Dilation); err != nil {
		return nil, err
	}
	if err := s.finalActivation(); err != nil {
		return nil, err
	}
	shape := s.params[0].Shape
	if len(shape) != 2 || shape[1]%dim != 0 {
		return nil, fmt.Errorf("kernel %q has shape %s, expected %d steps and a multiple of %d features", s.Params[0], shapeString(shape), l.size, dim)
	}
	l.multiplier = shape[1] / dim
	if l.kernel, err = s.param(0, "kernel", l.size, shape[1]); err != nil {
		return nil, err
	}
	l.bias, err = s.bias(1, shape[1])
	return l, err
}

func (l *depthwise) shape(dst []int, in [][]int) ([]int, error) {
	n, err := l.count(in[0][0])
	return append(dst, n, l.dim*l.multiplier), err
}

func (l *depthwise) bind() runner { return &depthwiseRunner{depthwise: l} }

type depthwiseRunner struct {
	*depthwise
	sum []float64 // [dim*multiplier]
}

func (l *depthwiseRunner) run(out *value, in []*value, _ *value) {
	y := out.makeFloats()
	steps, units := in[0].shape[0], l.dim*l.multiplier
	before := l.before(steps)
	l.sum = grow(l.sum, units)
	for i := 0; i < len(y); i += units {
		x := in[0].f[i/out.size*in[0].size:][:in[0].size]
		from := i%out.size/units*l.stride - before
		clear(l.sum)
		for j, b := range l.bias {
			l.sum[j] = float64(b)
		}
		for k := range l.size {
			if t := from + k*l.dilation; t >= 0 && t < steps {
				l.add(x[t*l.dim:][:l.dim], l.kernel[k*units:][:units])
			}
		}
		for j, v := range l.sum {
			y[i+j] = float32(v)
		}
	}
	activate(l.activation, y, units)
}

// add adds the products of one step. A product of two float32 is exact in
// float64: fused or not, the sum has the same bits.
func (l *depthwiseRunner) add(x, w []float32) {
	for d, v := range x {
		for j := d * l.multiplier; j < (d+1)*l.multiplier; j++ {
			l.sum[j] += float64(v) * float64(w[j])
		}
	}
}
