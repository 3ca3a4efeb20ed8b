package lstm

var reverseOperations = []operation{
	{
		op:        OpReverse,
		minInputs: 1, maxInputs: 1,
		build: func(s *spec) (layer, error) {
			_, err := s.sequence()
			return reverse{}, err
		},
	},
}

// reverse puts the last step first.
type reverse struct{}

func (reverse) shape(dst []int, in [][]int) ([]int, error) { return append(dst, in[0]...), nil }

func (l reverse) bind() runner { return l }

func (reverse) run(out *value, in []*value, _ *value) {
	y := out.makeFloats()
	T, D := out.shape[0], out.shape[1]
	for row := range out.rows {
		for t := range T {
			copy(y[(row*T+t)*D:][:D], in[0].f[(row*T+T-1-t)*D:])
		}
	}
	if in[0].trail != nil {
		copy(out.makeLead(), in[0].trail)
	}
	if in[0].lead != nil {
		copy(out.makeTrail(), in[0].lead)
	}
}
