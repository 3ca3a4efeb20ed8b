package keras

import (
	"fmt"
	"math"
	"slices"

	"coldstream/lstm"
)

// advancedLayers are activations as layers. All keep their input's mask.
var advancedLayers = map[string]*layerType{
	"Activation":      activationLayer("activation"),
	"ReLU":            activationLayer("max_value negative_slope threshold"),
	"LeakyReLU":       activationLayer("alpha negative_slope"),
	"ELU":             activationLayer("alpha"),
	"ThresholdedReLU": activationLayer("theta"),
	"Softmax": {
		refuses: "a mask, several axes",
		reads:   "axis",
		mask:    keepMask,
		call: func(b *builder, l *layer, in []value) ([]value, error) {
			x, err := one(l, in)
			if err != nil {
				return nil, err
			}
			if x.mask != "" {
				return nil, l.fail("with a mask is not supported; use an Activation layer with softmax, which ignores masks")
			}
			axes, err := l.axes("axis", -1, len(x.shape))
			if err != nil {
				return nil, err
			}
			if len(axes) > 1 {
				return nil, l.fail("axis=%s: only one axis is supported", jsonText(l.config["axis"]))
			}
			n := lstm.Node{Op: lstm.OpActivation, Activation: lstm.Softmax, Axis: lastAsMinus(axes[0], len(x.shape)), Inputs: []string{x.node}}
			return []value{b.add(l, n, x.shape)}, nil
		},
	},
	"PReLU": {
		reads:   "shared_axes",
		ignores: "alpha_initializer alpha_regularizer alpha_constraint",
		mask:    keepMask,
		slots:   func(*layer, version) ([]slot, error) { return []slot{{name: "alpha"}}, nil },
		call:    callPReLU,
	},
}

func activationLayer(reads string) *layerType {
	return &layerType{
		reads: reads,
		mask:  keepMask,
		call: func(b *builder, l *layer, in []value) ([]value, error) {
			x, err := one(l, in)
			if err != nil {
				return nil, err
			}
			f, err := b.functionOf(l)
			if err != nil {
				return nil, err
			}
			return single(b.activate(l, x, f))
		},
	}
}

// functionOf returns the function of an activation layer.
func (b *builder) functionOf(l *layer) (function, error) {
	o := l.options()
	f := function{}
	switch l.class {
	case "Activation":
		return b.function(l, "activation", "linear")
	case "ReLU":
		n := lstm.Node{Op: lstm.OpReLU, Alpha: o.float32("negative_slope", 0), Threshold: o.float32("threshold", 0)}
		if v, ok := l.config["max_value"]; ok && v != nil {
			if n.MaxValue = o.float32("max_value", 0); o.err == nil && n.MaxValue <= 0 {
				return f, fmt.Errorf("max_value=%s is not supported; only limits above 0 are", jsonText(v))
			}
		}
		f = rectifier(n)
	case "LeakyReLU":
		key := "alpha"
		if o.has("negative_slope") {
			if key = "negative_slope"; o.has("alpha") {
				return f, fmt.Errorf("it has the options alpha and negative_slope, which mean the same")
			}
		}
		f = rectifier(lstm.Node{Op: lstm.OpReLU, Alpha: o.float32(key, 0.3)})
	case "ThresholdedReLU":
		f = rectifier(lstm.Node{Op: lstm.OpReLU, Threshold: o.float32("theta", 1)})
	case "ELU":
		alpha := o.float32("alpha", 1)
		if f.name = lstm.ELU; alpha != 1 {
			f = function{node: &lstm.Node{Op: lstm.OpELU, Alpha: alpha}}
		}
	case "Softmax":
		f.name = lstm.Softmax
		if axis := o.integer("axis", -1); o.err == nil && axis != -1 {
			return f, fmt.Errorf("axis=%d is not supported here", axis)
		}
	}
	return f, o.err
}

// rectifier returns an OpReLU node, or the function without settings that is
// the same.
func rectifier(n lstm.Node) function {
	leaky := lstm.Node{Op: lstm.OpReLU, Alpha: 0.2}
	six := lstm.Node{Op: lstm.OpReLU, MaxValue: 6}
	switch {
	case n.Threshold == 0 && n.Alpha == 0 && n.MaxValue == 0:
		return function{name: lstm.ReLU}
	case n.Threshold == 0 && n.Alpha == leaky.Alpha && n.MaxValue == 0:
		return function{name: lstm.LeakyReLU}
	case n.Threshold == 0 && n.Alpha == 0 && n.MaxValue == six.MaxValue:
		return function{name: lstm.ReLU6}
	}
	return function{node: &n}
}

// callPReLU: alpha has the shape of the input, with 1 in the shared axes.
func callPReLU(b *builder, l *layer, in []value) ([]value, error) {
	x, err := one(l, in)
	if err != nil {
		return nil, err
	}
	shape := slices.Clone(x.shape)
	if l.config["shared_axes"] != nil {
		shared, err := l.axes("shared_axes", 0, len(shape))
		if err != nil {
			return nil, err
		}
		for _, a := range shared {
			shape[a] = 1
		}
	}
	for _, d := range shape {
		if d < 1 {
			return nil, l.fail("the input has shape %s; an axis that is not shared must have a known size", shapeText(x.shape))
		}
	}
	alpha, err := b.param(l, "alpha", shape...)
	if err != nil {
		return nil, err
	}
	return []value{b.add(l, lstm.Node{Op: lstm.OpPReLU, Inputs: []string{x.node}, Params: []string{alpha}}, x.shape)}, nil
}

// float32 returns a number that float32 can hold.
func (o *options) float32(key string, absent float64) float32 {
	v := float32(o.float(key, absent))
	if o.err == nil && math.IsInf(float64(v), 0) {
		o.err = fmt.Errorf("%s=%s is beyond float32, which is not supported", key, jsonText(o.l.config[key]))
	}
	return v
}

// axes returns the axes that an option names with a number or a list, which
// count the batch, as axes without it, in the order of the list. None may be
// the batch.
func (l *layer) axes(key string, absent, rank int) ([]int, error) {
	v, ok := l.config[key]
	list, isList := v.([]any)
	if !isList {
		list = []any{v}
	}
	var axes []int
	for _, e := range list {
		a, isInt := integer(e)
		if !ok {
			a, isInt = absent, true
		}
		if !isInt {
			return nil, l.fail("%s is %.60s, expected an axis or a list of axes", key, jsonText(v))
		}
		if a < 0 {
			a += rank + 1
		}
		if a < 1 || a > rank || slices.Contains(axes, a-1) {
			return nil, l.fail("%s=%.60s: expected different axes of the input behind the batch, of which there are %d", key, jsonText(v), rank)
		}
		axes = append(axes, a-1)
	}
	if len(axes) == 0 {
		return nil, l.fail("%s names no axis", key)
	}
	return axes, nil
}

// lastAsMinus returns -1 for the last of the axes, as graphs have it.
func lastAsMinus(axis, rank int) int {
	if axis == rank-1 {
		return -1
	}
	return axis
}
