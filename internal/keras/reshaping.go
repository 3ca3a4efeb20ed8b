package keras

import (
	"math"
	"slices"

	"coldstream/lstm"
)

// reshapingLayers move numbers around. None of them keeps a mask.
var reshapingLayers = map[string]*layerType{
	"Flatten":       {reads: "data_format", call: callFlatten},
	"Reshape":       {reads: "target_shape", call: callReshape},
	"Permute":       {reads: "dims", call: callPermute},
	"RepeatVector":  {reads: "n", call: callRepeatVector},
	"UpSampling1D":  {reads: "size", call: callUpSampling},
	"ZeroPadding1D": {reads: "padding data_format", call: callZeroPadding},
	"Cropping1D":    {reads: "cropping", call: callCropping},
}

func callFlatten(b *builder, l *layer, in []value) ([]value, error) {
	o := l.options()
	first := o.channelsFirst()
	x, err := one(l, in)
	switch {
	case o.err != nil:
		return nil, o.err
	case err != nil || len(x.shape) == 1:
		return single(x, err)
	case len(x.shape) == 0:
		return []value{b.add(l, lstm.Node{Op: lstm.OpFlatten, Inputs: []string{x.node}}, []int{1})}, nil
	}
	n, err := product(l, x.shape)
	if err != nil {
		return nil, err
	}
	if n < 0 {
		return nil, l.fail("the input has shape %s; flattening needs a fixed length: give Input a shape", shapeText(x.shape))
	}
	if first { // the first axis goes behind the others
		var axes []int
		for a := range x.shape {
			axes = append(axes, (a+1)%len(x.shape))
		}
		x = b.permute(l, x, axes)
	}
	return []value{b.add(l, lstm.Node{Op: lstm.OpFlatten, Inputs: []string{x.node}}, []int{n})}, nil
}

// product returns the number of elements of a shape, -1 if a size is variable.
func product(l *layer, shape []int) (int, error) {
	n, known := 1, true
	for _, d := range shape {
		if d < 0 {
			known = false
			continue
		}
		if n > math.MaxInt32/max(d, 1) {
			return 0, l.fail("the shape %s is too large", shapeText(shape))
		}
		n *= d
	}
	if !known {
		return -1, nil
	}
	return n, nil
}

func callReshape(b *builder, l *layer, in []value) ([]value, error) {
	x, err := one(l, in)
	if err != nil {
		return nil, err
	}
	list, ok := l.config["target_shape"].([]any)
	var to []int
	open := -1
	for i, e := range list {
		d, isInt := integer(e)
		if d == -1 && open < 0 {
			open = i
		} else if d < 1 || d > math.MaxInt32 {
			ok = false
		}
		ok = ok && isInt
		to = append(to, d)
	}
	if !ok || len(to) == 0 {
		return nil, l.fail("target_shape=%.60s, expected sizes from 1, and at most one -1", jsonText(l.config["target_shape"]))
	}
	if _, err := product(l, to); err != nil {
		return nil, err
	}
	n, err := product(l, x.shape)
	if err != nil {
		return nil, err
	}
	n2 := lstm.Node{Op: lstm.OpReshape, Inputs: []string{x.node}, Shape: to}
	shape := slices.Clone(to)
	if n >= 0 {
		known := 1
		for _, d := range to {
			known *= max(d, 1)
		}
		if open >= 0 && n%known == 0 {
			shape[open] = n / known
		} else if n != known {
			return nil, l.fail("the input of shape %s does not fit target_shape=%s", shapeText(x.shape), shapeText(to))
		}
	}
	return []value{b.add(l, n2, shape)}, nil
}

func callPermute(b *builder, l *layer, in []value) ([]value, error) {
	x, err := one(l, in)
	if err != nil {
		return nil, err
	}
	axes, err := l.axes("dims", 0, len(x.shape))
	if err != nil {
		return nil, err
	}
	if len(axes) != len(x.shape) {
		return nil, l.fail("dims=%s does not have every axis of the shape %s", jsonText(l.config["dims"]), shapeText(x.shape))
	}
	y := b.permute(l, x, axes)
	y.mask = ""
	return []value{y}, nil
}

// callRepeatVector makes a step of the vector, and repeats it.
func callRepeatVector(b *builder, l *layer, in []value) ([]value, error) {
	o := l.options()
	n := o.positive("n")
	if o.err != nil {
		return nil, o.err
	}
	x, err := one(l, in)
	if err != nil {
		return nil, err
	}
	if len(x.shape) != 1 || x.shape[0] < 1 {
		return nil, l.fail("the input has shape %s, expected a known number of features", shapeText(x.shape))
	}
	shape := []int{n, x.shape[0]}
	if _, err := product(l, shape); err != nil {
		return nil, err
	}
	return []value{b.add(l, lstm.Node{Op: lstm.OpRepeat, Inputs: []string{b.oneStep(l, x).node}, Size: n}, shape)}, nil
}

// oneStep makes a sequence of one step of features.
func (b *builder) oneStep(l *layer, x value) value {
	shape := []int{1, x.shape[0]}
	return b.add(l, lstm.Node{Op: lstm.OpReshape, Inputs: []string{x.node}, Shape: shape}, shape)
}

func callUpSampling(b *builder, l *layer, in []value) ([]value, error) {
	o := l.options()
	n := o.single("size", 2)
	if o.err != nil {
		return nil, o.err
	}
	x, dim, err := sequence(l, in)
	if err != nil {
		return nil, err
	}
	if x.shape[0] > math.MaxInt32/n {
		return nil, l.fail("%d times %d steps are too many", n, x.shape[0])
	}
	return []value{b.add(l, lstm.Node{Op: lstm.OpRepeat, Inputs: []string{x.node}, Size: n}, []int{max(n*x.shape[0], -1), dim})}, nil
}

func callZeroPadding(b *builder, l *layer, in []value) ([]value, error) {
	o := l.options()
	p, first := o.pair("padding", 1), o.channelsFirst()
	if o.err != nil {
		return nil, o.err
	}
	x, dim, err := b.sequenceOf(l, in, first)
	if err != nil {
		return nil, err
	}
	t := x.shape[0]
	if t >= 0 {
		t += p[0] + p[1]
	}
	if t > math.MaxInt32 {
		return nil, l.fail("padding=%s makes too many steps", jsonText(l.config["padding"]))
	}
	y := b.add(l, lstm.Node{Op: lstm.OpPad, Inputs: []string{x.node}, Before: p[0], After: p[1]}, []int{t, dim})
	return []value{b.back(l, y, first)}, nil
}

func callCropping(b *builder, l *layer, in []value) ([]value, error) {
	o := l.options()
	p := o.pair("cropping", 1)
	if o.err != nil {
		return nil, o.err
	}
	x, dim, err := sequence(l, in)
	if err != nil {
		return nil, err
	}
	t := x.shape[0]
	if t >= 0 {
		if t -= p[0] + p[1]; t < 1 {
			return nil, l.fail("cropping=%s leaves nothing of %d steps", jsonText(l.config["cropping"]), x.shape[0])
		}
	}
	return []value{b.add(l, lstm.Node{Op: lstm.OpCrop, Inputs: []string{x.node}, Before: p[0], After: p[1]}, []int{t, dim})}, nil
}
