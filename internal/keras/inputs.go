package keras

import (
	"fmt"

	"coldstream/lstm"
)

// modelInputs adds the model's inputs to the graph.
func (b *builder) modelInputs(n *network) ([]value, error) {
	if n.sequential() {
		name, shape, err := n.inputShape()
		if err != nil {
			return nil, err
		}
		return []value{b.textInput(name, shape, n.layers[0])}, nil
	}
	layers := map[string]*layer{}
	for _, l := range n.layers {
		layers[l.name] = l
	}
	var in []value
	for _, r := range n.inputs {
		l := layers[r.layer]
		if l == nil {
			return nil, fmt.Errorf("model %q: its input layer %q is missing", n.name, r.layer)
		}
		shape, err := l.ownShape()
		if err != nil {
			return nil, err
		}
		in = append(in, b.textInput(l.name, shape, l))
	}
	return in, nil
}

// inputShape returns the name and shape of a Sequential model's input, which is
// in the config of the first layer, of the first layer of that, or of the
// model.
func (n *network) inputShape() (name string, shape []int, err error) {
	l := n.layers[0]
	name = l.name
	if l.class != "InputLayer" {
		name += "_input"
	}
	if shape, err = l.ownShape(); shape != nil || err != nil {
		return name, shape, err
	}
	if inner := l.inner; inner != nil {
		if inner.sequential() {
			return inner.inputShape()
		}
		if len(inner.inputs) == 1 {
			for _, x := range inner.layers {
				if x.name == inner.inputs[0].layer {
					shape, err = x.ownShape()
					return x.name, shape, err
				}
			}
		}
	}
	for _, v := range []any{n.config["build_input_shape"], asObject(n.entry["build_config"])["input_shape"]} {
		if shape, ok := readShape(v); ok {
			return name, shape, nil
		}
	}
	if l.class == "Embedding" {
		return name, []int{-1}, nil
	}
	if l.class == "TextVectorization" {
		return name, []int{1}, nil
	}
	return "", nil, l.fail("the model does not say the shape of its input; build it with an Input layer")
}

// ownShape returns the input shape in the config of a layer or of the layer it
// wraps; nil if there is none.
func (l *layer) ownShape() ([]int, error) {
	configs := []object{l.config}
	if p := l.parts[forwardLayer]; p != nil {
		configs = append(configs, p.config)
	}
	for _, c := range configs {
		for _, key := range []string{"batch_input_shape", "batch_shape"} {
			v, ok := c[key]
			if !ok || v == nil {
				continue
			}
			shape, ok := readShape(v)
			if !ok {
				return nil, l.fail("%s is %.60s, expected a list of sizes", key, jsonText(v))
			}
			return shape, nil
		}
	}
	if l.class == "InputLayer" {
		return nil, l.fail("it says no shape")
	}
	return nil, nil
}

// textInput adds an input of the model, of strings if l, which it belongs to,
// takes strings.
func (b *builder) textInput(name string, shape []int, l *layer) value {
	x := b.input(name, shape)
	x.text = l.takesText()
	b.strings[x.node] = x.text
	return x
}

// checkInputs makes sure that each input is either of ids or of values.
func (b *builder) checkInputs() error {
	for _, n := range b.graph.Nodes {
		for _, name := range n.Inputs {
			in := b.inputs[name]
			if in == nil {
				continue
			}
			if n.Op == lstm.OpFoldSteps || n.Op == lstm.OpUnfoldSteps {
				continue
			}
			ids := n.Op == lstm.OpEmbedding || n.Op == lstm.OpMaskIDs
			switch {
			case ids && in.VocabSize == 0:
				return fmt.Errorf("input %q: a mask is made of its zeros, but it feeds no Embedding", name)
			case !ids && in.VocabSize > 0:
				return fmt.Errorf("input %q: its token ids feed an Embedding and, as numbers, %q too, which is not supported", name, n.Name)
			}
		}
	}
	return nil
}
