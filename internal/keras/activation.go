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

// laterActivations came with later versions. In a file of an earlier one such a
// name is that of a function of the user's own.
var laterActivations = map[string]struct {
	function     lstm.Activation
	major, minor int
}{
	"swish":       {lstm.SiLU, 2, 4},
	"gelu":        {lstm.GELU, 2, 4},
	"silu":        {lstm.SiLU, 2, 6},
	"relu6":       {lstm.ReLU6, 2, 6},
	"leaky_relu":  {lstm.LeakyReLU, 2, 6},
	"log_softmax": {lstm.LogSoftmax, 2, 6},
	"mish":        {lstm.Mish, 2, 13},

	"celu":           {lstm.ELU, 3, 0}, // with its alpha of 1
	"hard_silu":      {lstm.HardSiLU, 3, 0},
	"hard_swish":     {lstm.HardSiLU, 3, 0},
	"hard_tanh":      {lstm.HardTanh, 3, 0},
	"hard_shrink":    {lstm.HardShrink, 3, 0},
	"soft_shrink":    {lstm.SoftShrink, 3, 0},
	"tanh_shrink":    {lstm.TanhShrink, 3, 0},
	"squareplus":     {lstm.SquarePlus, 3, 0},
	"sparse_plus":    {lstm.SparsePlus, 3, 0},
	"sparse_sigmoid": {lstm.SparseSigmoid, 3, 0},
	"log_sigmoid":    {lstm.LogSigmoid, 3, 0},
	"sparsemax":      {lstm.Sparsemax, 3, 0},
	"glu":            {lstm.GLU, 3, 0},
}

// overAxis reports whether f works on the elements along an axis.
func overAxis(f lstm.Activation) bool {
	return f == lstm.Softmax || f == lstm.LogSoftmax || f == lstm.Sparsemax || f == lstm.GLU
}

// function is an activation as an option gives it: one of the engine's, or the
// node of a layer with settings of its own, LeakyReLU(0.3) for example.
type function struct {
	name lstm.Activation
	node *lstm.Node
}

// inside returns what a Dense node and its like can compute themselves; outside
// adds the rest.
func (f function) inside() lstm.Activation {
	if f.node != nil || overAxis(f.name) && f.name != lstm.Softmax {
		return lstm.Linear
	}
	return f.name
}

// outside applies to x what inside left out.
func (b *builder) outside(l *layer, x value, f function) (value, error) {
	if f.inside() == f.name && f.node == nil {
		return x, nil
	}
	return b.activate(l, x, f)
}

// function returns the function an option names; absent is what a config
// without the option means.
func (b *builder) function(l *layer, key, absent string) (function, error) {
	v, ok := l.option(key)
	if !ok {
		v = absent
	}
	switch v := v.(type) {
	case nil:
		return function{}, nil
	case string:
		f, err := b.namedFunction(key, v)
		return function{name: f}, err
	case object:
		return b.functionObject(key, v)
	}
	return function{}, fmt.Errorf("%s is %.60s, expected a name", key, jsonText(v))
}

func (b *builder) namedFunction(key, name string) (lstm.Activation, error) {
	if name == "hard_sigmoid" {
		if b.version.keras3() {
			return lstm.HardSigmoidKeras3, nil
		}
		return lstm.HardSigmoidKeras2, nil
	}
	if f, ok := activations[name]; ok {
		return f, nil
	}
	if f, ok := laterActivations[name]; ok {
		if b.version.atLeast(f.major, f.minor) {
			return f.function, nil
		}
		return "", fmt.Errorf("%s=%q is not supported: it is no function of Keras %s, so a custom one", key, name, b.version.text)
	}
	return "", fmt.Errorf("%s=%q is not supported", key, name)
}

// activationClasses are the layers that may be an activation.
const activationClasses = "Activation ReLU LeakyReLU ELU ThresholdedReLU Softmax"

// checkActivation refuses an activation that is a layer of another class before
// the weights are read, some of which may be its own.
func (l *layer) checkActivation() error {
	o := asObject(l.config["activation"])
	if class := asString(o["class_name"]); o != nil && class != "function" && !containsWord(activationClasses, class) {
		return objectError("activation", o)
	}
	return nil
}

func objectError(key string, o object) error {
	return fmt.Errorf("%s is an object (%.80s), which is not supported; name the activation with a string", key, jsonText(first(o["class_name"], o)))
}

// functionObject reads an activation written as an object: a layer of Keras'
// own, or a function by its name, which Keras looks up among its own too.
func (b *builder) functionObject(key string, o object) (function, error) {
	class := asString(o["class_name"])
	switch {
	case class == "function":
		module, registered := asString(o["module"]), asString(o["registered_name"])
		name := asString(o["config"])
		if name == "softmax_v2" { // what TensorFlow calls tf.nn.softmax
			name = "softmax"
		}
		if name != "" && (module == "builtins" || module == "") && (registered == "function" || registered == "") {
			f, err := b.namedFunction(key, name)
			return function{name: f}, err
		}
	case containsWord(activationClasses, class):
		l := &layer{class: class, config: asObject(o["config"]), entry: o, kind: layerTypes[class]}
		if err := l.checkOrigin(); err != nil {
			return function{}, fmt.Errorf("%s: %w", key, err)
		}
		if err := l.checkOptions(); err != nil {
			return function{}, fmt.Errorf("%s: %w", key, err)
		}
		f, err := b.functionOf(l)
		if err != nil {
			return f, fmt.Errorf("%s: %s: %w", key, class, err)
		}
		return f, nil
	}
	return function{}, objectError(key, o)
}

// activation is function for where settings have no place.
func (b *builder) activation(l *layer, key, absent string) (lstm.Activation, error) {
	f, err := b.function(l, key, absent)
	if err == nil && f.node != nil {
		err = fmt.Errorf("%s is a %s layer with settings of its own, which is not supported here", key, f.node.Op)
	}
	return f.name, err
}

// cellActivation is activation for a recurrent layer, whose functions work on
// single elements.
func (b *builder) cellActivation(l *layer, key, absent string) (lstm.Activation, error) {
	f, err := b.activation(l, key, absent)
	if err == nil && overAxis(f) {
		err = fmt.Errorf("%s=%q is not supported in a recurrent layer", key, f)
	}
	return f, err
}

// activate adds an activation node; linear adds none.
func (b *builder) activate(l *layer, x value, f function) (value, error) {
	if f.name == lstm.Linear && f.node == nil {
		return x, nil
	}
	n := lstm.Node{Op: lstm.OpActivation, Activation: f.name}
	if f.node != nil {
		n = *f.node
	}
	n.Inputs = []string{x.node}
	shape := x.shape
	if overAxis(f.name) && f.node == nil {
		n.Axis = -1
	}
	if overAxis(n.Activation) && len(shape) == 0 {
		return x, l.fail("%s of a tensor without an axis besides the batch", n.Activation)
	}
	if n.Activation == lstm.GLU {
		last := len(shape) - 1
		if shape[last] < 0 || shape[last]%2 != 0 {
			return x, l.fail("glu of the shape %s: the last axis must have an even size", shapeText(shape))
		}
		shape = append(append([]int(nil), shape[:last]...), shape[last]/2)
	}
	return b.add(l, n, shape), nil
}

func first(values ...any) any {
	for _, v := range values {
		if v != nil {
			return v
		}
	}
	return nil
}
