package keras

import (
	"fmt"

	"coldstream/lstm"
)

var wrapperLayers = map[string]*layerType{
	"Bidirectional": {
		reads: "merge_mode layer backward_layer",
		// Keras 2 writes the number of extra inputs.
		fixed: []fixedOption{{"num_constants", `[null, 0]`, "constants as inputs are not supported"}},
		mask:  ownMask,
		parts: bidirectionalParts,
		slots: bidirectionalSlots,
		call:  callBidirectional,
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
		if part.class != "LSTM" && part.class != "GRU" {
			return fmt.Errorf("a %s as its %s is not supported", part.class, role)
		}
	}
	return nil
}

func bidirectionalSlots(l *layer, v version) ([]slot, error) {
	var all []slot
	for _, role := range []string{forwardLayer, backwardLayer} {
		part := l.parts[role]
		s, err := part.kind.slots(part, v)
		if err != nil {
			return nil, err
		}
		for _, x := range s {
			x.part = role
			all = append(all, x)
		}
	}
	return all, nil
}

// callBidirectional adds one node for each direction and one that merges them.
// The outputs of the layer that runs backwards are put in the order of time.
func callBidirectional(b *builder, l *layer, in []value) ([]value, error) {
	mode, _ := l.config["merge_mode"].(string)
	if _, ok := l.config["merge_mode"]; !ok {
		mode = "concat"
	}
	forward, backward := l.parts[forwardLayer], l.parts[backwardLayer]
	sequences := [2]bool{}
	for i, part := range []*layer{forward, backward} {
		o := part.options()
		sequences[i] = o.bool("return_sequences", false)
		if back := o.bool("go_backwards", false); o.err == nil && back != (i == 1) && sequences[i] {
			return nil, l.fail("go_backwards=%t of its %s with return_sequences=true is not supported", back, []string{forwardLayer, backwardLayer}[i])
		}
		if o.err != nil {
			return nil, part.wrap(o.err)
		}
	}
	if sequences[0] != sequences[1] {
		return nil, l.fail("its two layers differ in return_sequences")
	}
	var y [2]value
	for i, part := range []*layer{forward, backward} {
		var err error
		y[i], err = b.recurrent(part, in, func(n *lstm.Node) {
			n.TimeOrder = n.GoBackwards && n.ReturnSequences
			if b.version.zeroesBidirectional() {
				n.ZeroOutputForMask = n.ReturnSequences
			}
		})
		if err != nil {
			return nil, err
		}
		b.note(part, y[i:i+1])
	}
	n := lstm.Node{Inputs: []string{y[0].node, y[1].node}}
	shape := append([]int(nil), y[0].shape...)
	last := len(shape) - 1
	switch mode {
	case "":
		if l.config["merge_mode"] != nil {
			break
		}
		return y[:], nil
	case "concat":
		n.Op, n.Axis = lstm.OpConcatenate, -1
		shape[last] += y[1].shape[last]
	case "sum":
		n.Op = lstm.OpAdd
	case "mul":
		n.Op = lstm.OpMultiply
	case "ave":
		n.Op = lstm.OpAverage
	}
	if n.Op == "" {
		return nil, l.fail("merge_mode=%s is not supported", jsonText(l.config["merge_mode"]))
	}
	if mode != "concat" && y[0].shape[last] != y[1].shape[last] {
		return nil, l.fail("merge_mode=%q with layers of %d and %d units", mode, y[0].shape[last], y[1].shape[last])
	}
	out := b.add(l, n, shape)
	out.mask = y[0].mask
	return []value{out}, nil
}
