package lstm

import (
	"fmt"
	"slices"
)

func init() {
	register(OpConcatenate, operation{
		minInputs: 1, fields: "axis",
		build: func(s *spec) (layer, error) {
			axis, err := s.axis(len(s.in[0]))
			return &concatenate{axis: axis}, err
		},
	})
	for op, join := range map[Op]func(y, x []float32){
		OpAdd:     add,
		OpAverage: add,
		OpMultiply: func(y, x []float32) {
			for i, v := range x {
				y[i] *= v
			}
		},
	} {
		register(op, operation{
			minInputs: 1,
			build: func(s *spec) (layer, error) {
				return &merge{join: join, average: op == OpAverage}, nil
			},
		})
	}
}

func add(y, x []float32) {
	for i, v := range x {
		y[i] += v
	}
}

// merge joins values of one shape element by element.
type merge struct {
	join    func(y, x []float32)
	average bool // divide by the number of inputs
}

func (l *merge) shape(dst []int, in [][]int) ([]int, error) {
	dst = append(dst, in[0]...)
	for _, shape := range in[1:] {
		if !slices.EqualFunc(dst, shape, sameDim) {
			return nil, fmt.Errorf("inputs of shapes %s and %s, expected one shape", shapeString(dst), shapeString(shape))
		}
		for i, d := range shape {
			dst[i] = max(dst[i], d) // a known size tells the unknown one
		}
	}
	return dst, nil
}

func (l *merge) bind() runner { return l }

func (l *merge) run(out *value, in []*value, _ *value) {
	y := out.makeFloats()
	copy(y, in[0].f)
	out.copyPadding(in[0])
	for _, v := range in[1:] {
		l.join(y, v.f)
		out.meetPadding(v)
	}
	if l.average {
		for i := range y {
			y[i] /= float32(len(in))
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
