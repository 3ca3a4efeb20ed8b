package lstm

var flattenOperations = []operation{
	{
		op:        OpFlatten,
		minInputs: 1, maxInputs: 1,
		build: func(*spec) (layer, error) { return flatten{}, nil },
	},
}

// flatten makes one axis of all.
type flatten struct{}

func (flatten) shape(dst []int, in [][]int) ([]int, error) {
	n, err := elements(in[0])
	return append(dst, n), err
}

func (l flatten) bind() runner { return l }

func (flatten) run(out *value, in []*value, _ *value) {
	copy(out.makeFloats(), in[0].f)
}
