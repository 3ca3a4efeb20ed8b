package keras

import (
	"fmt"
	"slices"

	"coldstream/lstm"
)

var wrapperLayers = map[string]*layerType{
	"Bidirectional": {
		reads: "merge_mode layer backward_layer",
		// Keras 2 writes the number of extra inputs.
		fixed:    []fixedOption{{"num_constants", `[null, 0]`, "constants as inputs are not supported"}},
		mask:     ownMask,
		parts:    bidirectionalParts,
		callArgs: callBidirectional,
	},
}

// Roles of the layers in a Bidirectional one, which are their folders in a
// .keras file.
const (
	forwardLayer  = "forward_layer"
	backwardLayer = "backward_layer"
)

// bidirectionalParts reads both directions. Where the config has one layer, the
// other is the same the other way round.
func bidirectionalParts(p *parser, l *layer) error {
	forward := asObject(l.config["layer"])
	if err := p.part(l, forwardLayer, forward); err != nil {
		return err
	}
	if backward := l.config["backward_layer"]; backward != nil {
		if err := p.part(l, backwardLayer, asObject(backward)); err != nil {
			return err
		}
	} else {
		if err := p.part(l, backwardLayer, forward); err != nil {
			return err
		}
		other := object{}
		for k, v := range l.parts[backwardLayer].config {
			other[k] = v
		}
		back, _ := other["go_backwards"].(bool)
		other["go_backwards"] = !back
		l.parts[backwardLayer].config = other
	}
	for role, part := range l.parts {
		if !part.isRecurrent() {
			return fmt.Errorf("a %s as its %s is not supported", part.class, role)
		}
	}
	return nil
}

// merges has the operations that join the outputs of both directions.
var merges = map[string]lstm.Op{
	"concat": lstm.OpConcatenate,
	"sum":    lstm.OpAdd,
	"mul":    lstm.OpMultiply,
	"ave":    lstm.OpAverage,
}

// callBidirectional adds one node for each direction and one that merges them.
func callBidirectional(b *builder, l *layer, in []value, args arguments) ([]value, error) {
	mode, given := l.config["merge_mode"]
	if !given {
		mode = "concat"
	}
	op, ok := merges[asString(mode)]
	if !ok && mode != nil {
		return nil, l.fail("merge_mode=%.60s is not supported", jsonText(mode))
	}
	if len(in) == 0 {
		return nil, l.fail("called without a tensor")
	}
	y, states, err := b.directions(l, in[0], initial{append(in[1:len(in):len(in)], args.states...), args.masked})
	if err != nil || mode == nil { // None: two outputs
		return append(y, states...), err
	}
	n := lstm.Node{Op: op, Inputs: nodesOf(y)}
	shape := slices.Clone(y[0].shape)
	last := len(shape) - 1
	switch {
	case op == lstm.OpConcatenate:
		n.Axis = -1
		shape[last] += y[1].shape[last]
	case !equalShapes(shape, y[1].shape):
		return nil, l.fail("merge_mode=%q with layers of %d and %d units", mode, shape[last], y[1].shape[last])
	}
	out := b.add(l, n, shape)
	out.mask = y[0].mask
	return append([]value{out}, states...), nil
}

// directions adds both layers of a Bidirectional one. Sequences of the layer
// that runs backwards are put in the order of time. The first half of the
// states to start from is the forward layer's.
func (b *builder) directions(l *layer, x value, from initial) (y, states []value, err error) {
	half := len(from.states) / 2
	if len(from.states)%2 != 0 {
		return nil, nil, l.fail("called with %d states, expected as many for each direction", len(from.states))
	}
	for i, role := range []string{forwardLayer, backwardLayer} {
		part := l.parts[role]
		o := part.options()
		back, sequences := o.bool("go_backwards", false), o.bool("return_sequences", false)
		if o.err != nil {
			return nil, nil, part.wrap(o.err)
		}
		out, err := b.recurrent(part, x, initial{from.states[i*half:][:half], from.masked}, l.statesUsed, func(n *lstm.Node) {
			// Keras turns round the sequence of the backward layer, whichever way
			// the layer runs.
			n.TimeOrder = back && sequences && role == backwardLayer
			if b.version.zeroesBidirectional() {
				n.ZeroOutputForMask = sequences
			}
		})
		if err != nil {
			return nil, nil, err
		}
		v := out[0]
		states = append(states, out[1:]...)
		if sequences && role == backwardLayer && !back {
			mask := v.mask
			v = b.add(part, lstm.Node{Op: lstm.OpReverse, Inputs: []string{v.node}}, v.shape)
			v.mask = mask
		}
		b.note(part, []value{v})
		if y = append(y, v); i > 0 && len(y[0].shape) != len(v.shape) {
			return nil, nil, l.fail("its two layers differ in return_sequences")
		}
	}
	return y, states, nil
}
