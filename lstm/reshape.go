package lstm

import (
	"errors"
	"fmt"
	"slices"
)

var reshapeOperations = []operation{
	{
		op:        OpReshape,
		minInputs: 1, maxInputs: 1, fields: "shape",
		build: newReshape,
	},
	{
		op:        OpPermute,
		minInputs: 1, maxInputs: 1, fields: "axes",
		build: newPermute,
	},
	{
		op:        OpRepeat,
		minInputs: 1, maxInputs: 1, fields: "size",
		build: func(s *spec) (layer, error) {
			if s.Size < 1 {
				return nil, fmt.Errorf("size %d, expected at least 1", s.Size)
			}
			dim, err := s.sequence()
			return &repeat{times: s.Size, dim: dim}, err
		},
	},
	{op: OpPad, minInputs: 1, maxInputs: 1, fields: "before after", build: newFrame},
	{op: OpCrop, minInputs: 1, maxInputs: 1, fields: "before after", build: newFrame},
}

func newFrame(s *spec) (layer, error) {
	if s.Before < 0 || s.After < 0 || s.Before > maxElements || s.After > maxElements {
		return nil, fmt.Errorf("before %d and after %d, expected numbers of steps", s.Before, s.After)
	}
	dim, err := s.sequence()
	l := &frame{before: s.Before, after: s.After, dim: dim}
	if s.Op == OpCrop {
		l.before, l.after = -l.before, -l.after
	}
	return l, err
}

// reshape gives the elements another shape.
type reshape struct{ to []int }

func newReshape(s *spec) (layer, error) {
	open := 0
	for _, d := range s.Shape {
		if d == -1 {
			open++
		} else if d < 1 {
			return nil, fmt.Errorf("shape %v, expected sizes from 1 and at most one -1", s.Shape)
		}
	}
	if len(s.Shape) == 0 || open > 1 {
		return nil, fmt.Errorf("shape %v, expected sizes from 1 and at most one -1", s.Shape)
	}
	if _, err := elements(s.Shape); err != nil {
		return nil, err
	}
	return &reshape{to: slices.Clone(s.Shape)}, nil
}

func (l *reshape) shape(dst []int, in [][]int) ([]int, error) {
	n, err := elements(in[0])
	if err != nil {
		return nil, err
	}
	known, open := 1, -1
	for i, d := range l.to {
		if d < 0 {
			open = i
			continue
		}
		known *= d
	}
	dst = append(dst, l.to...)
	if n < 0 {
		return dst, nil
	}
	if open >= 0 && n%known == 0 {
		dst[open] = n / known
	} else if n != known {
		return nil, fmt.Errorf("the input of shape %s has %d elements, which do not make the shape %s", shapeString(in[0]), n, shapeString(l.to))
	}
	return dst, nil
}

func (l *reshape) bind() runner { return l }

func (l *reshape) run(out *value, in []*value, _ *value) { copy(out.makeFloats(), in[0].f) }

// permute changes the order of the axes.
type permute struct{ axes []int }

func newPermute(s *spec) (layer, error) {
	seen := make([]bool, len(s.in[0]))
	for _, a := range s.Axes {
		if a < 0 || a >= len(seen) || seen[a] {
			return nil, fmt.Errorf("axes %v are not the axes of the shape %s in some order", s.Axes, shapeString(s.in[0]))
		}
		seen[a] = true
	}
	if len(s.Axes) != len(seen) || len(seen) == 0 {
		return nil, fmt.Errorf("axes %v are not the axes of the shape %s in some order", s.Axes, shapeString(s.in[0]))
	}
	return &permute{axes: slices.Clone(s.Axes)}, nil
}

func (l *permute) shape(dst []int, in [][]int) ([]int, error) {
	for _, a := range l.axes {
		dst = append(dst, in[0][a])
	}
	return dst, nil
}

func (l *permute) bind() runner { return &permuteRunner{permute: l} }

type permuteRunner struct {
	*permute
	walk walk
}

func (l *permuteRunner) run(out *value, in []*value, _ *value) {
	y := out.makeFloats()
	for row := range out.rows {
		x := in[0].f[row*out.size:][:out.size]
		l.walk.start(out.shape)
		for i, a := range l.axes {
			l.walk.stride[i] = 1
			for _, d := range in[0].shape[a+1:] {
				l.walk.stride[i] *= d
			}
		}
		for i := range y[row*out.size:][:out.size] {
			y[row*out.size+i] = x[l.walk.at]
			l.walk.next()
		}
	}
}

// repeat puts each step several times in a row.
type repeat struct{ times, dim int }

func (l *repeat) shape(dst []int, in [][]int) ([]int, error) {
	t := in[0][0]
	if l.times > maxElements || t > maxElements/l.times {
		return nil, fmt.Errorf("%d times %d steps are more than %d", l.times, t, maxElements)
	}
	return append(dst, max(t*l.times, -1), l.dim), nil
}

func (l *repeat) bind() runner { return l }

func (l *repeat) run(out *value, in []*value, _ *value) {
	y := out.makeFloats()
	for i := 0; i < len(y); i += l.dim {
		copy(y[i:], in[0].f[i/l.dim/l.times*l.dim:][:l.dim])
	}
}

// frame adds steps of 0 at both ends, or takes steps away.
type frame struct {
	before, after int // negative: take away
	dim           int
}

func (l *frame) shape(dst []int, in [][]int) ([]int, error) {
	t := in[0][0]
	if t >= 0 {
		if t += l.before + l.after; t < 1 {
			return nil, errors.New("no step is left of the input")
		}
		if t > maxElements {
			return nil, fmt.Errorf("more than %d steps", maxElements)
		}
	}
	return append(dst, t, l.dim), nil
}

func (l *frame) bind() runner { return l }

func (l *frame) run(out *value, in []*value, _ *value) {
	y := out.makeFloats()
	from := in[0].size
	for row := range out.rows {
		place(y[row*out.size:][:out.size], in[0].f[row*from:][:from], l.before*l.dim)
	}
}

// place sets dst to src, at elements behind the beginning, between zeros. What
// does not fit is left out.
func place(dst, src []float32, at int) {
	if at < 0 {
		src, at = src[min(-at, len(src)):], 0
	}
	at = min(at, len(dst))
	clear(dst[:at])
	n := copy(dst[at:], src)
	clear(dst[at+n:])
}
