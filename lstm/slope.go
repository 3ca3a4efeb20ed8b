package lstm

import "fmt"

var slopeOperations = []operation{
	{
		op:        OpReLU,
		minInputs: 1, maxInputs: 1, fields: "alpha threshold max_value",
		build: func(s *spec) (layer, error) {
			if err := finite("alpha", s.Alpha, "threshold", s.Threshold, "max_value", s.MaxValue); err != nil {
				return nil, err
			}
			if s.MaxValue < 0 {
				return nil, fmt.Errorf("max_value %v, expected more than 0, or 0 for none", s.MaxValue)
			}
			return &slope{function: rectifier(s.Alpha, s.Threshold, s.MaxValue)}, nil
		},
	},
	{
		op:        OpELU,
		minInputs: 1, maxInputs: 1, fields: "alpha",
		build: func(s *spec) (layer, error) {
			alpha := float64(s.Alpha)
			return &slope{function: func(x float32) float32 {
				if x < 0 {
					return float32(alpha * expm1(float64(x)))
				}
				return x
			}}, finite("alpha", s.Alpha)
		},
	},
	{
		op:        OpPReLU,
		minInputs: 1, maxInputs: 1, minParams: 1, maxParams: 1,
		build: newPReLU,
	},
}

// finite checks numbers of a node, given as names and values.
func finite(pairs ...any) error {
	for i := 0; i < len(pairs); i += 2 {
		if v := pairs[i+1].(float32); v-v != 0 {
			return fmt.Errorf("%s %v, expected a finite number", pairs[i], v)
		}
	}
	return nil
}

// rectifier returns the function of OpReLU.
func rectifier(alpha, threshold, limit float32) func(float32) float32 {
	return func(x float32) float32 {
		if x > threshold || x != x {
			if limit > 0 && x > limit {
				return limit
			}
			return x
		}
		if alpha == 0 {
			return 0
		}
		return alpha * (x - threshold)
	}
}

// slope applies a function with settings to every element.
type slope struct{ function func(float32) float32 }

func (l *slope) shape(dst []int, in [][]int) ([]int, error) { return append(dst, in[0]...), nil }

func (l *slope) bind() runner { return l }

func (l *slope) run(out *value, in []*value, _ *value) {
	y := out.makeFloats()
	for i, x := range in[0].f {
		y[i] = l.function(x)
	}
	out.copyPadding(in[0])
}

// prelu computes x, or alpha x below 0, with an alpha for each index of the
// axes that alpha is as long as.
type prelu struct {
	alpha []float32
	dims  []int // of alpha
}

func newPReLU(s *spec) (layer, error) {
	dims, in := s.params[0].Shape, s.in[0]
	if len(dims) != len(in) {
		return nil, fmt.Errorf("alpha %q has shape %s, the input %s", s.Params[0], shapeString(dims), shapeString(in))
	}
	alpha, err := s.param(0, "alpha", dims...)
	return &prelu{alpha: alpha, dims: dims}, err
}

func (l *prelu) shape(dst []int, in [][]int) ([]int, error) {
	dst = append(dst, in[0]...)
	for i, d := range l.dims {
		if d == 1 {
			continue
		}
		if !sameDim(d, dst[i]) {
			return nil, fmt.Errorf("alpha has shape %s, the input %s", shapeString(l.dims), shapeString(in[0]))
		}
		dst[i] = d
	}
	return dst, nil
}

func (l *prelu) bind() runner { return &preluRunner{prelu: l} }

type preluRunner struct {
	*prelu
	walk walk
}

func (l *preluRunner) run(out *value, in []*value, _ *value) {
	y := out.makeFloats()
	l.walk.start(out.shape)
	stride := 1
	for i := len(l.dims) - 1; i >= 0; i-- {
		if l.dims[i] > 1 {
			l.walk.stride[i] = stride
		}
		stride *= l.dims[i]
	}
	for i, x := range in[0].f {
		a := l.alpha[l.walk.at]
		if x < 0 {
			x *= a
		}
		y[i] = x
		l.walk.next()
	}
}

// walk goes through the elements of a shape in their order and keeps the place
// in another array that has strides of its own. Behind the last element it
// begins again.
type walk struct {
	shape  []int
	stride []int // per axis; 0 where the other array does not have it
	index  []int
	at     int
}

// start begins at the first element, with strides of 0.
func (w *walk) start(shape []int) {
	w.shape = shape
	w.stride, w.index = grow(w.stride, len(shape)), grow(w.index, len(shape))
	clear(w.stride)
	clear(w.index)
	w.at = 0
}

func (w *walk) next() {
	for i := len(w.shape) - 1; i >= 0; i-- {
		w.at += w.stride[i]
		if w.index[i]++; w.index[i] < w.shape[i] {
			return
		}
		w.at -= w.index[i] * w.stride[i]
		w.index[i] = 0
	}
}
