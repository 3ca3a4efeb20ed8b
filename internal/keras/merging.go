package keras

import (
	"math"
	"slices"

	"coldstream/lstm"
)

var mergingLayers = map[string]*layerType{
	"Add":      elementwiseMerge(lstm.OpAdd),
	"Multiply": elementwiseMerge(lstm.OpMultiply),
	"Average":  elementwiseMerge(lstm.OpAverage),
	"Concatenate": {
		reads: "axis",
		mask:  ownMask,
		call:  callConcatenate,
	},
}

func elementwiseMerge(op lstm.Op) *layerType {
	return &layerType{
		mask: ownMask,
		call: func(b *builder, l *layer, in []value) ([]value, error) {
			if len(in) < 2 {
				return nil, l.fail("called with %d tensors, expected two or more", len(in))
			}
			for _, x := range in {
				if !equalShapes(x.shape, in[0].shape) {
					return nil, l.fail("the inputs have shapes %s and %s; only equal shapes are supported", shapeText(in[0].shape), shapeText(x.shape))
				}
			}
			mask, err := b.mergedMask(l, op, in)
			if err != nil {
				return nil, err
			}
			y := b.add(l, lstm.Node{Op: op, Inputs: nodesOf(in)}, in[0].shape)
			y.mask = mask
			return []value{y}, nil
		},
	}
}

// mergedMask is the mask of tensors that are merged element by element. Keras 2
// takes the steps that every mask there is calls real; Keras 3 those that any
// mask calls real, and no mask as soon as one tensor has none.
func (b *builder) mergedMask(l *layer, op lstm.Op, in []value) (string, error) {
	var masks []string
	without := false
	for _, x := range in {
		if x.mask == "" {
			without = true
		} else if !slices.Contains(masks, x.mask) {
			masks = append(masks, x.mask)
		}
	}
	switch {
	case len(masks) == 0:
		return "", nil
	case b.version.keras3() && op == lstm.OpMultiply:
		return "", l.fail("with masks is not supported: Keras 3 counts masked factors as 1")
	case b.version.keras3() && without:
		return "", nil
	case len(masks) > 1:
		return "", l.fail("merging tensors with different masks is not supported")
	}
	return masks[0], nil
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
	var mask string
	masked := 0
	for i, x := range in {
		if x.mask != "" {
			if masked > 0 && x.mask != mask || axis != rank-1 {
				return nil, l.fail("concatenating tensors with different masks, or along the steps, is not supported")
			}
			mask = x.mask
			masked++
		}
		if i == 0 {
			continue
		}
		if len(x.shape) != rank {
			return nil, l.fail("the inputs have shapes %s and %s", shapeText(in[0].shape), shapeText(x.shape))
		}
		for j, d := range x.shape {
			switch {
			case j != axis && d != shape[j]:
				return nil, l.fail("the inputs have shapes %s and %s, which differ beside axis %d", shapeText(in[0].shape), shapeText(x.shape), axis+1)
			case j == axis && (d < 0 || shape[j] < 0):
				shape[j] = -1
			case j == axis && d > math.MaxInt32-shape[j]:
				return nil, l.fail("the inputs are too large together")
			case j == axis:
				shape[j] += d
			}
		}
	}
	// A step of a tensor without a mask counts as real in every feature: Keras 2
	// asks for all features and keeps the mask, Keras 3 for any and loses it.
	if masked < len(in) && b.version.keras3() {
		mask = ""
	}
	n := lstm.Node{Op: lstm.OpConcatenate, Inputs: nodesOf(in), Axis: axis}
	if axis == rank-1 {
		n.Axis = -1
	}
	y := b.add(l, n, shape)
	y.mask = mask
	return []value{y}, nil
}

func nodesOf(in []value) []string {
	nodes := make([]string, len(in))
	for i, x := range in {
		nodes[i] = x.node
	}
	return nodes
}
