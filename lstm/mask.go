package lstm

import (
	"errors"
	"fmt"
	"slices"
)

var maskOperations = []operation{
	{
		op:        OpMaskIDs,
		minInputs: 1, maxInputs: 1, in: kindIDs, out: kindMask,
		build: func(*spec) (layer, error) { return maskIDs{}, nil },
	},
	{
		op:        OpMaskSteps,
		minInputs: 1, maxInputs: 1, out: kindMask, fields: "mask_value",
		build: func(s *spec) (layer, error) {
			dim, err := s.sequence()
			return &maskSteps{value: s.MaskValue, dim: dim}, err
		},
	},
	{
		op:        OpApplyMask,
		minInputs: 1, maxInputs: 1, mask: needsMask,
		build: func(s *spec) (layer, error) {
			dim, err := s.sequence()
			return &applyMask{dim: dim}, err
		},
	},
	{
		op:        OpFillMasked,
		minInputs: 1, maxInputs: 1, mask: needsMask, fields: "mask_value",
		build: func(s *spec) (layer, error) { return &fillMasked{with: s.MaskValue}, nil },
	},
	{
		op:        OpSelect,
		minInputs: 2, maxInputs: 2, mask: needsMask,
		build: func(*spec) (layer, error) { return selectSteps{}, nil },
	},
	{
		op:        OpMaskAnd,
		minInputs: 1, in: kindMask, out: kindMask,
		build: func(*spec) (layer, error) { return joinMasks{}, nil },
	},
	{
		op:        OpMaskOr,
		minInputs: 1, in: kindMask, out: kindMask,
		build: func(*spec) (layer, error) { return joinMasks{any: true}, nil },
	},
	{
		op:        OpMaskConcat,
		minInputs: 1, in: kindMask, out: kindMask,
		build: func(*spec) (layer, error) { return concatMasks{}, nil },
	},
	{
		op:        OpMaskAll,
		minInputs: 1, maxInputs: 1, out: kindMask,
		build: func(*spec) (layer, error) { return allSteps{}, nil },
	},
	{
		op:        OpMaskAny,
		minInputs: 1, maxInputs: 1, in: kindMask, out: kindMask,
		build: func(*spec) (layer, error) { return anyStep{}, nil },
	},
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

// joinMasks is true where all masks are, or where any is.
type joinMasks struct{ any bool }

func (l joinMasks) shape(dst []int, in [][]int) ([]int, error) {
	return oneShape(dst, in, "masks")
}

func (l joinMasks) bind() runner { return l }

func (l joinMasks) run(out *value, in []*value, _ *value) {
	dst := out.makeMask()
	copy(dst, in[0].mask)
	out.copyPadding(in[0])
	for _, v := range in[1:] {
		for i, real := range v.mask {
			if l.any {
				dst[i] = dst[i] || real
			} else {
				dst[i] = dst[i] && real
			}
		}
		out.meetPadding(v)
	}
}

// concatMasks puts masks one behind the other.
type concatMasks struct{}

func (concatMasks) shape(dst []int, in [][]int) ([]int, error) {
	steps := 0
	for _, shape := range in {
		if len(shape) != 1 {
			return nil, fmt.Errorf("a mask of shape %s, expected steps", shapeString(shape))
		}
		if shape[0] < 0 {
			return append(dst, -1), nil
		}
		steps += shape[0]
	}
	return append(dst, steps), nil
}

func (l concatMasks) bind() runner { return l }

func (concatMasks) run(out *value, in []*value, _ *value) {
	dst := out.makeMask()
	at := 0
	for _, v := range in {
		for row := range out.rows {
			copy(dst[row*out.size+at:], v.mask[row*v.size:][:v.size])
		}
		at += v.size
	}
}

// allSteps is a mask that hides none of its input's steps.
type allSteps struct{}

func (allSteps) shape(dst []int, in [][]int) ([]int, error) {
	if len(in[0]) == 0 {
		return nil, errors.New("the input has no steps")
	}
	return append(dst, in[0][0]), nil
}

func (l allSteps) bind() runner { return l }

func (allSteps) run(out *value, _ []*value, _ *value) {
	dst := out.makeMask()
	for i := range dst {
		dst[i] = true
	}
}

// anyStep is true for each part of a mask in which something is real.
type anyStep struct{}

func (anyStep) shape(dst []int, in [][]int) ([]int, error) {
	if len(in[0]) != 2 {
		return nil, fmt.Errorf("a mask of shape %s, expected two axes", shapeString(in[0]))
	}
	return append(dst, in[0][0]), nil
}

func (l anyStep) bind() runner { return l }

func (anyStep) run(out *value, in []*value, _ *value) {
	dst := out.makeMask()
	n := in[0].size / out.size
	for i := range dst {
		dst[i] = slices.Contains(in[0].mask[i*n:][:n], true)
	}
}

// fillMasked sets masked steps to a number.
type fillMasked struct{ with float32 }

func (l *fillMasked) shape(dst []int, in [][]int) ([]int, error) { return append(dst, in[0]...), nil }

func (l *fillMasked) bind() runner { return l }

func (l *fillMasked) run(out *value, in []*value, mask *value) {
	dst := out.makeFloats()
	copy(dst, in[0].f)
	n := len(dst) / len(mask.mask)
	for i, real := range mask.mask {
		if !real {
			step := dst[i*n:][:n]
			for j := range step {
				step[j] = l.with
			}
		}
	}
	out.copyPadding(in[0])
	out.meetPadding(mask)
}

// selectSteps takes the real steps of its first input and the masked ones of
// its second.
type selectSteps struct{}

func (selectSteps) shape(dst []int, in [][]int) ([]int, error) {
	return oneShape(dst, in, "inputs")
}

// oneShape appends the shape that all inputs have; a size that one of them
// knows tells that of the others.
func oneShape(dst []int, in [][]int, what string) ([]int, error) {
	at := len(dst)
	dst = append(dst, in[0]...)
	for _, shape := range in[1:] {
		if !slices.EqualFunc(dst[at:], shape, sameDim) {
			return nil, fmt.Errorf("%s of shapes %s and %s, expected one shape", what, shapeString(dst[at:]), shapeString(shape))
		}
		for i, d := range shape {
			dst[at+i] = max(dst[at+i], d)
		}
	}
	return dst, nil
}

func (l selectSteps) bind() runner { return l }

func (selectSteps) run(out *value, in []*value, mask *value) {
	dst := out.makeFloats()
	copy(dst, in[0].f)
	n := len(dst) / len(mask.mask)
	for i, real := range mask.mask {
		if !real {
			copy(dst[i*n:][:n], in[1].f[i*n:])
		}
	}
	out.copyPadding(in[0])
	out.meetPadding(in[1])
	out.meetPadding(mask)
}
