package lstm

func init() {
	register(OpMaskIDs, operation{
		minInputs: 1, maxInputs: 1, in: kindIDs, out: kindMask,
		build: func(*spec) (layer, error) { return maskIDs{}, nil },
	})
	register(OpMaskSteps, operation{
		minInputs: 1, maxInputs: 1, out: kindMask, fields: "mask_value",
		build: func(s *spec) (layer, error) {
			dim, err := s.sequence()
			return &maskSteps{value: s.MaskValue, dim: dim}, err
		},
	})
	register(OpApplyMask, operation{
		minInputs: 1, maxInputs: 1, mask: needsMask,
		build: func(s *spec) (layer, error) {
			dim, err := s.sequence()
			return &applyMask{dim: dim}, err
		},
	})
}

// maskIDs is true for every id but 0.
type maskIDs struct{}

func (maskIDs) shape(dst []int, in [][]int) ([]int, error) { return append(dst, in[0]...), nil }

func (l maskIDs) bind() runner { return l }

func (maskIDs) run(out *value, in []*value, _ *value) {
	dst := out.makeMask()
	for i, id := range in[0].ids {
		dst[i] = id != 0
	}
	out.copyPadding(in[0])
}

// maskSteps is true for every step with a feature that is not value. (NaN is
// no value: a step with NaN is real.)
type maskSteps struct {
	value float32
	dim   int
}

func (l *maskSteps) shape(dst []int, in [][]int) ([]int, error) {
	return append(dst, in[0][0]), nil
}

func (l *maskSteps) bind() runner { return l }

func (l *maskSteps) run(out *value, in []*value, _ *value) {
	dst := out.makeMask()
	for i := range dst {
		dst[i] = false
		for _, x := range in[0].f[i*l.dim:][:l.dim] {
			if x != l.value {
				dst[i] = true
				break
			}
		}
	}
	out.copyPadding(in[0])
}

// applyMask multiplies the steps by their mask, which makes masked steps 0.
type applyMask struct{ dim int }

func (l *applyMask) shape(dst []int, in [][]int) ([]int, error) { return append(dst, in[0]...), nil }

func (l *applyMask) bind() runner { return l }

func (l *applyMask) run(out *value, in []*value, mask *value) {
	dst := out.makeFloats()
	copy(dst, in[0].f)
	for i, real := range mask.mask {
		if real {
			continue
		}
		step := dst[i*l.dim:][:l.dim]
		for j := range step {
			step[j] *= 0 // as Keras does: an infinite feature becomes NaN
		}
	}
	out.copyPadding(in[0])
	out.meetPadding(mask)
}
