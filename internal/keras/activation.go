package keras

import (
	"fmt"

	"coldstream/lstm"
)

// activations has the functions by Keras' names, except hard_sigmoid, which
// names two.
var activations = map[string]lstm.Activation{
	"linear":      lstm.Linear,
	"sigmoid":     lstm.Sigmoid,
	"tanh":        lstm.Tanh,
	"relu":        lstm.ReLU,
	"softmax":     lstm.Softmax,
	"softplus":    lstm.Softplus,
	"softsign":    lstm.Softsign,
	"elu":         lstm.ELU,
	"selu":        lstm.SELU,
	"exponential": lstm.Exponential,
}

// activation returns the function an option names; absent is what a config
// without the option means.
func (b *builder) activation(l *layer, key, absent string) (lstm.Activation, error) {
	v, ok := l.option(key)
	if !ok {
		v = absent
	}
	name, isText := v.(string)
	switch {
	case v == nil:
		return lstm.Linear, nil
	case !isText: // a layer or a function object
		o := asObject(v)
		return "", fmt.Errorf("%s is an object (%.80s), which is not supported; name the activation with a string", key, jsonText(first(o["class_name"], v)))
	case name == "hard_sigmoid":
		if b.version.keras3() {
			return lstm.HardSigmoidKeras3, nil
		}
		return lstm.HardSigmoidKeras2, nil
	}
	if f, ok := activations[name]; ok {
		return f, nil
	}
	return "", fmt.Errorf("%s=%q is not supported", key, name)
}

// cellActivation is activation for a recurrent layer, whose functions work on
// single elements.
func (b *builder) cellActivation(l *layer, key, absent string) (lstm.Activation, error) {
	f, err := b.activation(l, key, absent)
	if err == nil && f == lstm.Softmax {
		err = fmt.Errorf("%s=%q is not supported in a recurrent layer", key, "softmax")
	}
	return f, err
}

// activate adds an activation node; linear adds none.
func (b *builder) activate(l *layer, x value, f lstm.Activation) value {
	if f == lstm.Linear || x.node == "" {
		return x
	}
	n := lstm.Node{Op: lstm.OpActivation, Inputs: []string{x.node}, Activation: f}
	if f == lstm.Softmax {
		n.Axis = -1
	}
	return b.add(l, n, x.shape)
}

func first(values ...any) any {
	for _, v := range values {
		if v != nil {
			return v
		}
	}
	return nil
}
