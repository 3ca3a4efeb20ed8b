package lstm

func init() {
	register(OpActivation, operation{
		minInputs: 1, maxInputs: 1, fields: "activation axis",
		build: newActivation,
	})
}

// activation applies a function to every element, or softmax along one axis.
type activation struct {
	function Activation
	axis     int // of softmax
}

func newActivation(s *spec) (layer, error) {
	l := &activation{function: s.Activation}
	if l.function != Softmax {
		return l, s.elementwise("activation", l.function)
	}
	var err error
	l.axis, err = s.axis(len(s.in[0]))
	return l, err
}

func (l *activation) shape(dst []int, in [][]int) ([]int, error) { return append(dst, in[0]...), nil }

func (l *activation) bind() runner { return l }

func (l *activation) run(out *value, in []*value, _ *value) {
	y := out.makeFloats()
	copy(y, in[0].f)
	if l.function != Softmax {
		l.function.apply(y)
		out.copyPadding(in[0])
		return
	}
	n, stride := out.shape[l.axis], 1
	for _, d := range out.shape[l.axis+1:] {
		stride *= d
	}
	for block := 0; block < len(y); block += n * stride {
		for i := range stride {
			softmax(y[block+i:], n, stride)
		}
	}
	if l.axis > 0 {
		out.copyPadding(in[0])
	}
}
