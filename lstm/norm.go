package lstm

import (
	"fmt"
	"math"
	"slices"
)

var normOperations = []operation{
	{
		op:        OpBatchNorm,
		minInputs: 1, maxInputs: 1, minParams: 2, maxParams: 4, fields: "axis epsilon center scale",
		build: newBatchNorm,
	},
	{op: OpLayerNorm, minInputs: 1, maxInputs: 1, maxParams: 2, fields: "axes epsilon center scale", build: newNorm},
	{op: OpGroupNorm, minInputs: 1, maxInputs: 1, maxParams: 2, fields: "axis groups epsilon center scale", build: newNorm},
	{op: OpVarianceNorm, minInputs: 1, maxInputs: 1, maxParams: 1, fields: "axes epsilon scale", build: newNorm},
	{op: OpRMSNorm, minInputs: 1, maxInputs: 1, maxParams: 1, fields: "axes epsilon scale", build: newNorm},
	{op: OpUnitNorm, minInputs: 1, maxInputs: 1, fields: "axes epsilon", build: newNorm},
}

// affine reads gamma and beta of a norm, n numbers each; nil where there is
// none. rest is the number of tensors behind them.
func (s *spec) affine(n, rest int) (gamma, beta []float32, err error) {
	if !(s.Epsilon >= 0 && s.Epsilon <= math.MaxFloat32) {
		return nil, nil, fmt.Errorf("epsilon %v, expected 0 or more", s.Epsilon)
	}
	want := rest
	if s.Scale {
		want++
	}
	if s.Center {
		want++
	}
	if len(s.params) != want {
		return nil, nil, fmt.Errorf("%d weight tensors, expected %d with scale=%t and center=%t", len(s.params), want, s.Scale, s.Center)
	}
	i := 0
	if s.Scale {
		if gamma, err = s.param(i, "gamma", n); err != nil {
			return nil, nil, err
		}
		i++
	}
	if s.Center {
		beta, err = s.param(i, "beta", n)
	}
	return gamma, beta, err
}

// batchNorm computes
//
//	y = (x - mean) factor + beta, factor = gamma / sqrt(variance + epsilon)
//
// for each index of an axis.
type batchNorm struct {
	axis               int
	mean, factor, beta []float64 // [size of the axis]
}

func newBatchNorm(s *spec) (layer, error) {
	axis, err := s.axis(len(s.in[0]))
	if err != nil {
		return nil, err
	}
	n := s.in[0][axis]
	if n < 0 {
		return nil, fmt.Errorf("input %q has shape %s: the size of axis %d must be known", s.Inputs[0], shapeString(s.in[0]), axis)
	}
	gamma, beta, err := s.affine(n, 2)
	if err != nil {
		return nil, err
	}
	mean, err := s.param(len(s.params)-2, "mean", n)
	if err != nil {
		return nil, err
	}
	variance, err := s.param(len(s.params)-1, "variance", n)
	if err != nil {
		return nil, err
	}
	l := &batchNorm{axis: axis}
	for i := range n {
		if variance[i] < 0 {
			return nil, fmt.Errorf("variance %q has %v at element %d, expected 0 or more", s.Params[len(s.params)-1], variance[i], i)
		}
		f, b := 1/math.Sqrt(float64(variance[i])+float64(s.Epsilon)), 0.0
		if gamma != nil {
			f *= float64(gamma[i])
		}
		if beta != nil {
			b = float64(beta[i])
		}
		l.mean, l.factor, l.beta = append(l.mean, float64(mean[i])), append(l.factor, f), append(l.beta, b)
	}
	return l, nil
}

func (l *batchNorm) shape(dst []int, in [][]int) ([]int, error) { return append(dst, in[0]...), nil }

func (l *batchNorm) bind() runner { return l }

func (l *batchNorm) run(out *value, in []*value, _ *value) {
	y, x := out.makeFloats(), in[0].f
	stride := 1
	for _, d := range out.shape[l.axis+1:] {
		stride *= d
	}
	for i := 0; i < len(y); {
		for c, m := range l.mean {
			f, b := l.factor[c], l.beta[c]
			for range stride {
				y[i] = float32(float64((float64(x[i])-m)*f) + b)
				i++
			}
		}
	}
	if l.axis > 0 {
		out.copyPadding(in[0])
	}
}

// norm divides elements by a measure of the set they are in: those that differ
// in axes only, or, with groups, the features of one group in all steps.
type norm struct {
	op          Op
	axes        []int // ascending
	groups      int   // of axes[0], 0 = none
	epsilon     float64
	gamma, beta []float32 // by the index within axes, nil = none
}

func newNorm(s *spec) (layer, error) {
	in := s.in[0]
	l := &norm{op: s.Op, epsilon: float64(s.Epsilon), axes: slices.Clone(s.Axes)}
	if s.Op == OpGroupNorm {
		axis, err := s.axis(len(in))
		if err != nil {
			return nil, err
		}
		l.axes, l.groups = []int{axis}, s.Groups
		if l.groups < 1 || in[axis] >= 0 && in[axis]%l.groups != 0 {
			return nil, fmt.Errorf("%d groups do not divide axis %d of the shape %s", l.groups, axis, shapeString(in))
		}
	}
	n := 1
	if len(l.axes) == 0 {
		return nil, fmt.Errorf("no axes given")
	}
	for i, a := range l.axes {
		if a < 0 || a >= len(in) || i > 0 && a <= l.axes[i-1] {
			return nil, fmt.Errorf("axes %v are not axes of the shape %s in ascending order", l.axes, shapeString(in))
		}
		if in[a] < 0 && (s.Scale || s.Center || l.groups > 0) {
			return nil, fmt.Errorf("input %q has shape %s: the size of axis %d must be known", s.Inputs[0], shapeString(in), a)
		}
		if in[a] > 0 {
			n *= in[a] // bounded as a part of the input's elements
		}
	}
	var err error
	l.gamma, l.beta, err = s.affine(n, 0)
	return l, err
}

func (l *norm) shape(dst []int, in [][]int) ([]int, error) { return append(dst, in[0]...), nil }

func (l *norm) bind() runner { return &normRunner{norm: l} }

type normRunner struct {
	*norm
	sets, places walk
	count        []float64 // elements of each set
	mean         []float64 // of each set
	factor       []float64 // of each set
}

func (l *normRunner) run(out *value, in []*value, _ *value) {
	y := out.makeFloats()
	if l.axes[0] > 0 && l.groups == 0 {
		out.copyPadding(in[0])
	}
	if n := l.together(out.shape); n > 0 {
		for i := 0; i < len(y); i += n {
			l.lane(y[i:i+n], in[0].f[i:i+n])
		}
		return
	}
	sets := l.start(out.shape)
	l.count, l.mean, l.factor = grow(l.count, sets), grow(l.mean, sets), grow(l.factor, sets)
	for row := range out.rows {
		x := in[0].f[row*out.size:][:out.size]
		l.measure(x)
		dst := y[row*out.size:][:out.size]
		for i, v := range x {
			set := l.set()
			dst[i] = l.finish(float64((float64(v)-l.mean[set])*l.factor[set]), l.places.at)
			l.sets.next()
			l.places.next()
		}
	}
}

// together returns the number of elements of a set if they stand side by side,
// 0 if they do not.
func (l *norm) together(shape []int) int {
	n := 1
	for i, a := range l.axes {
		if l.groups > 0 || a != len(shape)-len(l.axes)+i {
			return 0
		}
		n *= shape[a]
	}
	return n
}

// lane computes one set that stands side by side.
func (l *norm) lane(y, x []float32) {
	mean, sum := 0.0, 0.0
	if l.centred() {
		for _, v := range x {
			mean += float64(v)
		}
		mean /= float64(len(x))
	}
	for _, v := range x {
		d := float64(v) - mean
		sum += float64(d * d)
	}
	f := l.factorOf(sum, float64(len(x)))
	if l.op == OpVarianceNorm {
		mean = 0
	}
	for i, v := range x {
		y[i] = l.finish(float64((float64(v)-mean)*f), i)
	}
}

// centred reports whether the mean belongs to the measure.
func (l *norm) centred() bool { return l.op != OpRMSNorm && l.op != OpUnitNorm }

// factorOf returns what n elements whose squares add up to sum are multiplied
// by.
func (l *norm) factorOf(sum, n float64) float64 {
	if l.op == OpUnitNorm {
		return 1 / max(math.Sqrt(sum), l.epsilon)
	}
	return 1 / math.Sqrt(sum/n+l.epsilon)
}

// finish applies gamma and beta.
func (l *norm) finish(z float64, place int) float32 {
	if l.gamma != nil {
		z = float64(z * float64(l.gamma[place]))
	}
	if l.beta != nil {
		z += float64(l.beta[place])
	}
	return float32(z)
}

// start makes sets walk over the sets and places over the indices within them,
// and returns the number of sets. With groups, sets walks over the index on
// their axis.
func (l *normRunner) start(shape []int) int {
	l.sets.start(shape)
	l.places.start(shape)
	sets, places := 1, 1
	for i := len(shape) - 1; i >= 0; i-- {
		if slices.Contains(l.axes, i) {
			l.places.stride[i] = places
			places *= shape[i]
		} else {
			l.sets.stride[i] = sets
			sets *= shape[i]
		}
	}
	if l.groups > 0 {
		copy(l.sets.stride, l.places.stride)
		return l.groups
	}
	return sets
}

// set returns the set of the element that the walks stand at.
func (l *normRunner) set() int {
	if l.groups > 0 {
		return l.sets.at / (l.sets.shape[l.axes[0]] / l.groups)
	}
	return l.sets.at
}

// measure sets mean, as far as it is subtracted, and factor of each set.
func (l *normRunner) measure(x []float32) {
	clear(l.count)
	clear(l.mean)
	clear(l.factor)
	for _, v := range x {
		set := l.set()
		l.count[set]++
		if l.centred() {
			l.mean[set] += float64(v)
		}
		l.sets.next()
	}
	for set, n := range l.count {
		l.mean[set] /= n
	}
	for _, v := range x {
		set := l.set()
		d := float64(v) - l.mean[set]
		l.factor[set] += float64(d * d)
		l.sets.next()
	}
	for set, sum := range l.factor {
		l.factor[set] = l.factorOf(sum, l.count[set])
	}
	if l.op == OpVarianceNorm {
		clear(l.mean)
	}
}
