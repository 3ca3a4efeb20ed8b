package keras

import (
	"slices"

	"coldstream/lstm"
)

var timeDistributedLayers = map[string]*layerType{
	"TimeDistributed": {
		reads:   "layer",
		refuses: "a mask of the steps where the wrapped layer uses masks",
		mask:    ownMask,
		parts:   func(p *parser, l *layer) error { return p.part(l, "layer", asObject(l.config["layer"])) },
		call:    callTimeDistributed,
	},
}

// callTimeDistributed runs the wrapped layer on each step by itself.
//
// A mask of the steps passes by the wrapped layer; it must be one that makes no
// use of masks. A mask with a further axis, as an Embedding of several rows of
// ids makes it, is a mask for the wrapped layer.
func callTimeDistributed(b *builder, l *layer, in []value) ([]value, error) {
	x, err := one(l, in)
	if err != nil {
		return nil, err
	}
	inner := l.parts["layer"]
	if len(x.shape) < 2 {
		return nil, l.fail("the input has shape %s, expected steps with something in each", shapeText(x.shape))
	}
	step := b.fold(l, x)
	switch axes := b.maskAxes[x.mask]; {
	case x.mask == "":
	case axes > 1:
		m := b.add(l, lstm.Node{Op: lstm.OpFoldSteps, Inputs: []string{x.mask}}, nil)
		b.maskAxes[m.node] = axes - 1
		step.mask = m.node
	case inner.usesMask():
		return nil, l.fail("its input has a mask of the steps, and the %s in it would take it for a mask of its own, which is not supported", inner.class)
	}
	around := b.folded
	b.folded *= extent(x.shape[:1])
	out, err := b.apply(inner, []value{step})
	b.folded = around
	if err != nil {
		return nil, err
	}
	inside := out // noted as what the wrapped layer gives
	out = slices.Clone(inside)
	for i, y := range inside {
		shape := append([]int{x.shape[0]}, y.shape...)
		mask := y.mask
		out[i] = b.add(l, lstm.Node{Op: lstm.OpUnfoldSteps, Inputs: []string{y.node, x.node}}, shape)
		switch {
		case b.version.keras3():
			out[i].mask = x.mask
		case mask != "":
			m := b.add(l, lstm.Node{Op: lstm.OpUnfoldSteps, Inputs: []string{mask, x.node}}, nil)
			b.maskAxes[m.node] = max(b.maskAxes[mask], 1) + 1
			out[i].mask = m.node
		case b.maskAxes[x.mask] == 2:
			out[i].mask = b.mask("any "+x.mask, lstm.Node{Name: x.mask + "/any", Op: lstm.OpMaskAny, Inputs: []string{x.mask}})
		default:
			out[i].mask = x.mask
		}
	}
	return out, nil
}

// fold makes a row of each step of x.
func (b *builder) fold(l *layer, x value) value {
	step := b.add(l, lstm.Node{Op: lstm.OpFoldSteps, Inputs: []string{x.node}}, slices.Clone(x.shape[1:]))
	if in := b.inputs[x.node]; in != nil {
		b.inputs[step.node] = in // of ids, perhaps
	}
	return step
}

// usesMask reports whether the layer, or one inside it, makes use of the mask
// of its input.
func (l *layer) usesMask() bool {
	uses := false
	_ = l.each(func(x *layer) error {
		if x.isRecurrent() || x.kind != nil && x.kind.callArgs != nil ||
			containsWord("Bidirectional GlobalAveragePooling1D GlobalAvgPool1D Softmax Add Subtract Multiply Average Maximum Minimum Concatenate", x.class) {
			uses = true
		}
		return nil
	})
	return uses
}
