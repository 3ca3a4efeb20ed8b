package keras

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"coldstream/lstm"
)

var mergingLayers = map[string]*layerType{
	"Add":      elementwiseMerge(lstm.OpAdd),
	"Subtract": elementwiseMerge(lstm.OpSubtract),
	"Multiply": elementwiseMerge(lstm.OpMultiply),
	"Average":  elementwiseMerge(lstm.OpAverage),
	"Maximum":  elementwiseMerge(lstm.OpMaximum),
	"Minimum":  elementwiseMerge(lstm.OpMinimum),
	"Concatenate": {
		reads:   "axis",
		refuses: "tensors with and without a mask along the steps in Keras 2, as Keras does",
		mask:    ownMask,
		call:    callConcatenate,
	},
	"Dot": {
		reads: "axes normalize",
		mask:  dropMask,
		call:  callDot,
	},
}

func elementwiseMerge(op lstm.Op) *layerType {
	return &layerType{
		mask: ownMask,
		call: func(b *builder, l *layer, in []value) ([]value, error) {
			if len(in) == 0 || op == lstm.OpSubtract && len(in) != 2 {
				return nil, l.fail("called with %d tensors", len(in))
			}
			shape, err := mergedShape(l, in)
			if err != nil {
				return nil, err
			}
			mask, err := b.mergedMask(l, in, shape)
			if err != nil {
				return nil, err
			}
			var y value
			if b.version.mergesAny() && (op == lstm.OpMultiply || op == lstm.OpMaximum || op == lstm.OpMinimum) {
				y, err = b.mergeReal(l, op, in, shape)
			} else {
				y = b.add(l, lstm.Node{Op: op, Inputs: nodesOf(in)}, shape)
			}
			y.mask = mask
			return single(y, err)
		},
	}
}

// mergedShape is the shape of tensors merged element by element: axes of size
// 1 are put in front of those that have fewer, and repeated.
func mergedShape(l *layer, in []value) ([]int, error) {
	rank := 0
	for _, x := range in {
		rank = max(rank, len(x.shape))
	}
	shape := slices.Repeat([]int{1}, rank)
	for _, x := range in {
		for i, d := range x.shape {
			to := &shape[rank-len(x.shape)+i]
			switch {
			case d == 1 || d == *to:
			case *to == 1:
				*to = d
			case d < 0 || *to < 0:
				*to = max(d, *to)
			default:
				return nil, l.fail("the inputs have shapes %s and %s, which cannot be made equal", shapeText(in[0].shape), shapeText(x.shape))
			}
		}
	}
	return shape, nil
}

// mergedMask is the mask of tensors that are merged element by element. Keras 2
// takes the steps that every mask there is calls real; Keras 3.4 those that any
// mask calls real, and no mask as soon as one tensor has none; the versions
// between have none.
func (b *builder) mergedMask(l *layer, in []value, shape []int) (string, error) {
	if !b.version.seesListMasks() {
		return "", nil
	}
	var masks []string
	for _, x := range in {
		switch {
		case x.mask == "" && b.version.mergesAny():
			return "", nil
		case x.mask == "":
			continue
		case len(x.shape) != len(shape) || x.shape[0] != shape[0]:
			return "", l.fail("the inputs have shapes %s and %s, of which one has a mask; only masks of the same steps are supported", shapeText(x.shape), shapeText(shape))
		}
		masks = append(masks, x.mask)
	}
	return b.joinMasks(b.version.mergesAny(), masks), nil
}

// joinMasks returns the node of the mask that is true where all masks are, or
// where any is; "" for none.
func (b *builder) joinMasks(any bool, masks []string) string {
	masks = slices.Compact(slices.Sorted(slices.Values(masks)))
	if len(masks) < 2 {
		return strings.Join(masks, "")
	}
	op := lstm.OpMaskAnd
	if any {
		op = lstm.OpMaskOr
	}
	return b.mask(fmt.Sprintf("%s %q", op, masks), lstm.Node{Name: masks[0] + "/" + strings.ToLower(string(op)), Op: op, Inputs: masks})
}

// mergeReal is how Keras 3.4 multiplies masked tensors and takes their maximum or
// minimum: what is masked in one of them leaves the others as they are.
func (b *builder) mergeReal(l *layer, op lstm.Op, in []value, shape []int) (value, error) {
	masked, all := 0, true
	for _, x := range in {
		// Where axes are put in front of a tensor, its mask is lost.
		if x.mask != "" && len(x.shape) == len(shape) {
			masked++
			if !equalShapes(x.shape, shape) {
				return value{}, l.fail("the inputs have shapes %s and %s, of which one has a mask; only equal shapes are supported then", shapeText(x.shape), shapeText(shape))
			}
		} else {
			all = false
		}
	}
	for _, x := range in {
		if len(x.shape) != len(shape) {
			masked = 0
		}
	}
	if masked == 0 {
		return b.add(l, lstm.Node{Op: op, Inputs: nodesOf(in)}, shape), nil
	}
	if op == lstm.OpMultiply {
		var masks, factors []string
		for _, x := range in {
			if x.mask != "" {
				masks = append(masks, x.mask)
				x = b.add(l, lstm.Node{Op: lstm.OpFillMasked, Inputs: []string{x.node}, Mask: x.mask, MaskValue: 1}, shape)
			}
			factors = append(factors, x.node)
		}
		y := b.add(l, lstm.Node{Op: op, Inputs: factors}, shape)
		if all {
			y = b.add(l, lstm.Node{Op: lstm.OpFillMasked, Inputs: []string{y.node}, Mask: b.joinMasks(true, masks)}, shape)
		}
		return y, nil
	}
	y := in[0]
	for _, x := range in[1:] {
		if !equalShapes(x.shape, y.shape) && (x.mask != "" || y.mask != "") {
			return value{}, l.fail("the inputs have shapes %s and %s; only equal shapes are supported with masks", shapeText(x.shape), shapeText(y.shape))
		}
		mask := ""
		if x.mask != "" && y.mask != "" {
			mask = b.joinMasks(true, []string{x.mask, y.mask})
		}
		xs, ys := x, y
		if x.mask != "" {
			xs = b.add(l, lstm.Node{Op: lstm.OpSelect, Inputs: []string{x.node, y.node}, Mask: x.mask}, shape)
		}
		if y.mask != "" {
			ys = b.add(l, lstm.Node{Op: lstm.OpSelect, Inputs: []string{y.node, xs.node}, Mask: y.mask}, shape)
		}
		y = b.add(l, lstm.Node{Op: op, Inputs: []string{ys.node, xs.node}}, shape)
		y.mask = mask
	}
	return y, nil
}

func callConcatenate(b *builder, l *layer, in []value) ([]value, error) {
	if len(in) == 0 {
		return nil, l.fail("called without tensors")
	}
	o := l.options()
	axis, rank := o.integer("axis", -1), len(in[0].shape)
	if o.err != nil {
		return nil, o.err
	}
	if axis < 0 {
		axis += rank + 1
	}
	axis-- // Keras counts the batch
	if axis < 0 || axis >= rank {
		return nil, l.fail("axis=%s is the batch or no axis of the input", jsonText(l.config["axis"]))
	}
	shape := slices.Clone(in[0].shape)
	for i, x := range in {
		if i == 0 {
			continue
		}
		if len(x.shape) != rank {
			return nil, l.fail("the inputs have shapes %s and %s", shapeText(in[0].shape), shapeText(x.shape))
		}
		for j, d := range x.shape {
			switch {
			case j != axis && d != shape[j] && d >= 0 && shape[j] >= 0:
				return nil, l.fail("the inputs have shapes %s and %s, which differ beside axis %d", shapeText(in[0].shape), shapeText(x.shape), axis+1)
			case j != axis:
				shape[j] = max(shape[j], d)
			case d < 0 || shape[j] < 0:
				shape[j] = -1
			case d > math.MaxInt32-shape[j]:
				return nil, l.fail("the inputs are too large together")
			default:
				shape[j] += d
			}
		}
	}
	mask, err := b.concatenatedMask(l, in, axis)
	if err != nil {
		return nil, err
	}
	n := lstm.Node{Op: lstm.OpConcatenate, Inputs: nodesOf(in), Axis: axis}
	if axis == rank-1 {
		n.Axis = -1
	}
	y := b.add(l, n, shape)
	y.mask = mask
	return []value{y}, nil
}

// concatenatedMask is the mask of tensors put side by side. A tensor without a
// mask counts as real in every step. Along the features, Keras 2 calls a step
// real where all masks do, Keras 3.4 where any does; along the steps the masks
// are put side by side too.
func (b *builder) concatenatedMask(l *layer, in []value, axis int) (string, error) {
	var masks []string
	for _, x := range in {
		if x.mask != "" {
			masks = append(masks, x.mask)
		}
	}
	rank := len(in[0].shape)
	switch {
	case len(masks) == 0 || !b.version.seesListMasks():
		return "", nil
	case rank != 2:
		return "", l.fail("a mask on tensors of shape %s is not supported; only steps with features can have one", shapeText(in[0].shape))
	case axis == rank-1 && b.version.mergesAny() && len(masks) < len(in):
		return "", nil // every step is real in some tensor
	case axis == rank-1:
		return b.joinMasks(b.version.mergesAny(), masks), nil
	case len(masks) < len(in) && !b.version.mergesAny() && in[0].shape[1] != 1:
		return "", l.fail("tensors with and without a mask are put side by side, which Keras 2 cannot do either")
	}
	var parts []string
	for _, x := range in {
		if x.mask == "" {
			x.mask = b.allSteps(x)
		}
		parts = append(parts, x.mask)
	}
	return b.concatMasks(l, parts), nil
}

// allSteps returns the node of a mask that hides none of the steps of x.
func (b *builder) allSteps(x value) string {
	return b.mask("all "+x.node, lstm.Node{Name: x.node + "/mask", Op: lstm.OpMaskAll, Inputs: []string{x.node}})
}

// concatMasks returns the node of masks one behind the other.
func (b *builder) concatMasks(l *layer, masks []string) string {
	if len(masks) == 1 {
		return masks[0]
	}
	return b.mask(fmt.Sprintf("concat %q", masks), lstm.Node{Name: l.path + "/mask", Op: lstm.OpMaskConcat, Inputs: masks})
}

// callDot sums products along an axis of each of two tensors.
func callDot(b *builder, l *layer, in []value) ([]value, error) {
	if len(in) != 2 {
		return nil, l.fail("called with %d tensors, expected 2", len(in))
	}
	o := l.options()
	normalize := o.bool("normalize", false)
	if o.err != nil {
		return nil, o.err
	}
	given := l.config["axes"]
	pair, ok := given.([]any)
	if !ok {
		pair = []any{given, given}
	}
	if len(pair) != 2 {
		return nil, l.fail("axes=%.60s, expected one or two numbers", jsonText(given))
	}
	n := lstm.Node{Op: lstm.OpDot}
	least := float32(1e-6) // of the norms divided by
	if b.version.keras3() {
		least = 1e-7
	}
	var shape []int
	size := 0
	for i, v := range pair {
		axis, ok := integer(v)
		rank := len(in[i].shape)
		if axis < 0 {
			axis += rank + 1
		}
		if axis--; !ok || axis < 0 || axis >= rank {
			return nil, l.fail("axes=%.60s: %s is the batch or no axis of an input of shape %s", jsonText(given), jsonText(v), shapeText(in[i].shape))
		}
		d := in[i].shape[axis]
		if i > 0 && d >= 0 && size >= 0 && d != size {
			return nil, l.fail("axes=%.60s: the inputs have shapes %s and %s, whose axes differ", jsonText(given), shapeText(in[0].shape), shapeText(in[1].shape))
		}
		size = d
		node := in[i].node
		if normalize {
			node = b.add(l, lstm.Node{Op: lstm.OpUnitNorm, Inputs: []string{node}, Axes: []int{axis}, Epsilon: least}, in[i].shape).node
		}
		n.Inputs = append(n.Inputs, node)
		n.Axes = append(n.Axes, axis)
		shape = append(shape, slices.Delete(slices.Clone(in[i].shape), axis, axis+1)...)
	}
	if len(shape) == 0 {
		shape = []int{1}
	}
	return []value{b.add(l, n, shape)}, nil
}

func nodesOf(in []value) []string {
	nodes := make([]string, len(in))
	for i, x := range in {
		nodes[i] = x.node
	}
	return nodes
}
