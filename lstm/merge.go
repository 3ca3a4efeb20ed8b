package lstm

import (
	"fmt"
	"slices"
)

var mergeOperations = []operation{
	{
		op:        OpConcatenate,
		minInputs: 1, fields: "axis",
		build: func(s *spec) (layer, error) {
			axis, err := s.axis(len(s.in[0]))
			return &concatenate{axis: axis}, err
		},
	},
	{op: OpAdd, minInputs: 1, build: newMerge},
	{op: OpAverage, minInputs: 1, build: newMerge},
	{op: OpSubtract, minInputs: 2, maxInputs: 2, build: newMerge},
	{op: OpMultiply, minInputs: 1, build: newMerge},
	{op: OpMaximum, minInputs: 1, build: newMerge},
	{op: OpMinimum, minInputs: 1, build: newMerge},
}

func newMerge(s *spec) (layer, error) {
	l := &merge{join: add, average: s.Op == OpAverage}
	switch s.Op {
	case OpSubtract:
		l.join = func(y, x []float32) {
			for i, v := range x {
				y[i] -= v
			}
		}
	case OpMultiply:
		l.join = func(y, x []float32) {
			for i, v := range x {
				y[i] *= v
			}
		}
	case OpMaximum:
		l.join = func(y, x []float32) {
			for i, v := range x {
				y[i] = max(y[i], v) // NaN wins
			}
		}
	case OpMinimum:
		l.join = func(y, x []float32) {
			for i, v := range x {
				y[i] = min(y[i], v)
			}
		}
	}
	return l, nil
}

func add(y, x []float32) {
	for i, v := range x {
		y[i] += v
	}
}

// merge joins values element by element. Where shapes differ, axes of size 1
// are put in front and repeated.
type merge struct {
	join    func(y, x []float32)
	average bool // divide by the number of inputs
}

func (l *merge) shape(dst []int, in [][]int) ([]int, error) {
	first := len(dst)
	rank := 0
	for _, shape := range in {
		rank = max(rank, len(shape))
	}
	for range rank {
		dst = append(dst, 1)
	}
	out := dst[first:]
	for _, shape := range in {
		for i, d := range shape {
			o := &out[rank-len(shape)+i]
			switch {
			case *o == 1:
				*o = d
			case *o == d || d == 1:
			case *o < 0 || d < 0:
				*o = max(*o, d) // a known size tells the unknown one
			default:
				return nil, fmt.Errorf("inputs of shapes %s and %s, which cannot be made equal", shapeString(in[0]), shapeString(shape))
			}
		}
	}
	return dst, nil
}

func (l *merge) bind() runner { return &mergeRunner{merge: l} }

type mergeRunner struct {
	*merge
	runs     walk      // over the axes but the last
	repeated []float32 // a run of an input, as long as one of the output
}

func (r *mergeRunner) run(out *value, in []*value, _ *value) {
	y := out.makeFloats()
	for k, v := range in {
		if slices.Equal(v.shape, out.shape) {
			if k == 0 {
				copy(y, v.f)
			} else {
				r.join(y, v.f)
			}
			continue
		}
		r.spread(out, v, k == 0)
	}
	if r.average {
		for i := range y {
			y[i] /= float32(len(in))
		}
	}
	if len(out.shape) == 0 {
		return
	}
	// Padding counts where the steps of all inputs are those of the output.
	out.copyPadding(in[0])
	for _, v := range in {
		if len(v.shape) != len(out.shape) || v.shape[0] != out.shape[0] {
			out.lead, out.trail = nil, nil
			return
		}
		out.meetPadding(v)
	}
}

// spread joins an input of another shape with the output, repeating it along
// the axes that it does not have, one run of the last axis at a time.
func (r *mergeRunner) spread(out, v *value, first bool) {
	last := len(out.shape) - 1
	r.runs.start(out.shape[:last])
	width, step := 1, 1 // width: elements of a run of the input, 1 = the same all along
	for i := len(v.shape) - 1; i >= 0; i-- {
		d := v.shape[i]
		switch axis := i + len(out.shape) - len(v.shape); {
		case axis == last:
			width = d
		case d > 1:
			r.runs.stride[axis] = step
		}
		step *= d
	}
	n := out.shape[last]
	if width < n {
		r.repeated = grow(r.repeated, n)
	}
	for row := range out.rows {
		for at := row * out.size; at < (row+1)*out.size; at += n {
			x := v.f[row*v.size+r.runs.at:][:width]
			if width < n {
				for i := range r.repeated {
					r.repeated[i] = x[0]
				}
				x = r.repeated
			}
			if y := out.f[at:][:n]; first {
				copy(y, x)
			} else {
				r.join(y, x)
			}
			r.runs.next()
		}
	}
}

// concatenate puts its inputs one behind the other along an axis.
type concatenate struct{ axis int }

func (l *concatenate) shape(dst []int, in [][]int) ([]int, error) {
	dst = append(dst, in[0]...)
	for _, shape := range in[1:] {
		if len(shape) != len(dst) {
			return nil, fmt.Errorf("inputs of shapes %s and %s differ in their number of axes", shapeString(dst), shapeString(shape))
		}
		for i, d := range shape {
			switch {
			case i != l.axis && !sameDim(dst[i], d):
				return nil, fmt.Errorf("inputs of shapes %s and %s differ in more than axis %d", shapeString(dst), shapeString(shape), l.axis)
			case i != l.axis:
				dst[i] = max(dst[i], d)
			case dst[i] < 0 || d < 0:
				dst[i] = -1
			default:
				dst[i] += d
			}
		}
	}
	return dst, nil
}

func (l *concatenate) bind() runner { return l }

func (l *concatenate) run(out *value, in []*value, _ *value) {
	y := out.makeFloats()
	// Each input is a run of `inner` elements at a time, one run per index of
	// the axes before l.axis.
	outer, stride := out.rows, 1
	for _, d := range out.shape[:l.axis] {
		outer *= d
	}
	for _, d := range out.shape[l.axis:] {
		stride *= d
	}
	at := 0
	for _, v := range in {
		inner := v.rows * v.size / outer
		for i := range outer {
			copy(y[i*stride+at:], v.f[i*inner:][:inner])
		}
		at += inner
	}
	if l.axis == 0 {
		return
	}
	out.copyPadding(in[0])
	for _, v := range in[1:] {
		out.meetPadding(v)
	}
}
