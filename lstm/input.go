package lstm

var inputOperations = []operation{
	{
		op:     OpInput,
		fields: "shape",
		build: func(s *spec) (layer, error) {
			return &input{dims: s.Shape}, nil
		},
	},
}

// input is a node whose elements the caller gives. The worker fills its value.
type input struct{ dims []int }

func (l *input) shape(dst []int, _ [][]int) ([]int, error) { return append(dst, l.dims...), nil }

func (l *input) bind() runner { return nil }
