package lstm

var poolOperations = []operation{
	{
		op:        OpGlobalMaxPool,
		minInputs: 1, maxInputs: 1,
		build: func(s *spec) (layer, error) {
			dim, err := s.sequence()
			return &globalMaxPool{dim: dim}, err
		},
	},
	{
		op:        OpGlobalAveragePool,
		minInputs: 1, maxInputs: 1, mask: mayMask,
		build: func(s *spec) (layer, error) {
			dim, err := s.sequence()
			return &globalAveragePool{dim: dim}, err
		},
	},
}

// globalMaxPool takes the largest value of each feature over the steps.
type globalMaxPool struct{ dim int }

func (l *globalMaxPool) shape(dst []int, _ [][]int) ([]int, error) { return append(dst, l.dim), nil }

func (l *globalMaxPool) bind() runner { return l }

func (l *globalMaxPool) run(out *value, in []*value, _ *value) {
	y := out.makeFloats()
	size := in[0].size
	for row := range out.rows {
		x := in[0].f[row*size:][:size]
		top := y[row*l.dim:][:l.dim]
		copy(top, x)
		for i := l.dim; i < size; i += l.dim {
			for j, v := range x[i : i+l.dim] {
				if v > top[j] || v != v {
					top[j] = v // NaN once found stays: no comparison holds
				}
			}
		}
	}
}

// globalAveragePool takes the mean of each feature over the steps, or over the
// real steps:
//
//	y_j = sum_t m_t x_tj / sum_t m_t
//
// which is NaN where no step is real.
type globalAveragePool struct{ dim int }

func (l *globalAveragePool) shape(dst []int, _ [][]int) ([]int, error) {
	return append(dst, l.dim), nil
}

func (l *globalAveragePool) bind() runner {
	return &averageRunner{globalAveragePool: l, sum: make([]float64, l.dim)}
}

type averageRunner struct {
	*globalAveragePool
	sum []float64 // [dim]
}

func (r *averageRunner) run(out *value, in []*value, mask *value) {
	y := out.makeFloats()
	size := in[0].size
	steps := size / r.dim
	for row := range out.rows {
		x := in[0].f[row*size:][:size]
		clear(r.sum)
		count := 0
		for t := range steps {
			step := x[t*r.dim:][:r.dim]
			if mask == nil || mask.mask[row*steps+t] {
				count++
				for j, v := range step {
					r.sum[j] += float64(v)
				}
				continue
			}
			for j, v := range step {
				r.sum[j] += float64(v * 0) // as Keras does: NaN in a masked step shows
			}
		}
		for j, v := range r.sum {
			y[row*r.dim+j] = float32(v / float64(count))
		}
	}
}
