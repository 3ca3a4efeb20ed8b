package keras

import (
	"cmp"
	"fmt"

	"coldstream/lstm"
)

// convolutionIgnores only matter in training.
const convolutionIgnores = weightOptions + " input_dim input_length " +
	"depthwise_initializer depthwise_regularizer depthwise_constraint " +
	"pointwise_initializer pointwise_regularizer pointwise_constraint"

const convolutionReads = "kernel_size strides data_format dilation_rate activation use_bias"

var (
	convolution = &layerType{
		reads:   convolutionReads + " padding filters groups",
		ignores: convolutionIgnores,
		fixed:   []fixedOption{noQuantization},
		mask:    dropMask,
		slots:   convolutionSlots("kernel"),
		call:    callConvolution,
	}
	separable = &layerType{
		reads:   convolutionReads + " padding filters depth_multiplier",
		ignores: convolutionIgnores,
		fixed:   []fixedOption{{"groups", `[1]`, "use groups=1"}, noQuantization},
		mask:    dropMask,
		slots:   convolutionSlots("depthwise_kernel", "pointwise_kernel"),
		call:    callSeparable,
	}
)

var convolutionLayers = map[string]*layerType{
	"Conv1D":                 convolution,
	"Convolution1D":          convolution,
	"AtrousConvolution1D":    convolution, // of Keras 1
	"SeparableConv1D":        separable,
	"SeparableConvolution1D": separable,
	"DepthwiseConv1D": {
		reads:   convolutionReads + " depth_multiplier",
		ignores: convolutionIgnores,
		fixed: []fixedOption{
			{"groups", `[1]`, "use groups=1"},
			{"padding", `["valid", "same"]`, "use valid or same"},
			noQuantization,
		},
		mask:  dropMask,
		slots: convolutionSlots("depthwise_kernel"),
		call:  callDepthwise,
	},
}

func convolutionSlots(kernels ...string) func(*layer, version) ([]slot, error) {
	return func(l *layer, _ version) ([]slot, error) {
		o := l.options()
		var s []slot
		for _, k := range kernels {
			s = append(s, slot{name: k})
		}
		if o.bool("use_bias", true) {
			s = append(s, slot{name: "bias"})
		}
		return s, cmp.Or(o.err, l.checkActivation())
	}
}

// convolutionCall is what the calls of all convolutions have in common.
type convolutionCall struct {
	windows
	bias     bool
	function function
	x        value
	dim      int
	steps    int // of the output
}

func (b *builder) convolutionCall(l *layer, in []value) (c convolutionCall, err error) {
	o := l.options()
	c.windows, c.bias = o.windows("kernel_size", 0), o.bool("use_bias", true)
	if o.err != nil {
		return c, o.err
	}
	if b.backend == "theano" {
		return c, l.fail("the file was written with the Theano backend, whose kernels are reversed; save the model with the TensorFlow backend")
	}
	if c.function, err = b.function(l, "activation", "linear"); err != nil {
		return c, err
	}
	if c.x, c.dim, err = b.sequenceOf(l, in, c.channelsFirst); err != nil {
		return c, err
	}
	c.steps, err = c.count(l, c.x.shape[0])
	return c, err
}

// checkBias refuses the case in which Keras 3 takes steps for features.
func (c *convolutionCall) checkBias(b *builder, l *layer, features int) error {
	if b.version.searchesBias() && c.channelsFirst && c.bias && c.steps == features {
		return l.fail(`data_format="channels_first" with a bias and as many steps as features (%d) is not supported: Keras 3 adds the bias to the steps there; use use_bias=False`, features)
	}
	return nil
}

// node returns the node of a convolution, without what is special to it.
func (c *convolutionCall) node(op lstm.Op, params []string) lstm.Node {
	return lstm.Node{
		Op: op, Inputs: []string{c.x.node}, Params: params,
		Size: c.size, Stride: c.stride, Dilation: c.dilation, Padding: c.padding,
	}
}

// end applies what of the activation is left to y. Keras applies it to the
// features behind the steps or in front of them, as they are there.
func (b *builder) end(l *layer, y value, c *convolutionCall) ([]value, error) {
	if err := c.checkBias(b, l, y.shape[1]); err != nil {
		return nil, err
	}
	if c.channelsFirst {
		return single(b.activate(l, b.swap(l, y), c.function))
	}
	return single(b.outside(l, y, c.function))
}

// inside is what the node itself applies of the activation.
func (c *convolutionCall) inside() lstm.Activation {
	if c.channelsFirst {
		return lstm.Linear
	}
	return c.function.inside()
}

func callConvolution(b *builder, l *layer, in []value) ([]value, error) {
	o := l.options()
	filters, groups := o.positive("filters"), o.single("groups", 1)
	if o.err != nil {
		return nil, o.err
	}
	c, err := b.convolutionCall(l, in)
	if err != nil {
		return nil, err
	}
	if c.dim%groups != 0 || filters%groups != 0 {
		return nil, fmt.Errorf("groups=%d do not divide %d features and %d filters", groups, c.dim, filters)
	}
	rows := c.dim / groups
	inFile := []int{c.size, rows, filters}
	if b.version.keras1() {
		inFile = []int{c.size, 1, rows, filters}
	}
	kernel, err := b.paramAs(l, "kernel", []int{c.size * rows, filters}, inFile...)
	if err != nil {
		return nil, err
	}
	params, err := b.withBias(l, c.bias, filters, kernel)
	if err != nil {
		return nil, err
	}
	n := c.node(lstm.OpConv1D, params)
	n.Units, n.Activation = filters, c.inside()
	if groups > 1 {
		n.Groups = groups
	}
	return b.end(l, b.add(l, n, []int{c.steps, filters}), &c)
}

// withBias adds the name of the bias to params, if there is one.
func (b *builder) withBias(l *layer, bias bool, size int, params ...string) ([]string, error) {
	if !bias {
		return params, nil
	}
	name, err := b.param(l, "bias", size)
	return append(params, name), err
}

// depthwise adds the name of the depthwise kernel and returns the number of
// features it makes.
func (b *builder) depthwise(l *layer, c *convolutionCall) (kernel string, features int, err error) {
	o := l.options()
	m := o.single("depth_multiplier", 1)
	if o.err != nil {
		return "", 0, o.err
	}
	features = c.dim * m
	kernel, err = b.paramAs(l, "depthwise_kernel", []int{c.size, features}, c.size, c.dim, m)
	return kernel, features, err
}

func callDepthwise(b *builder, l *layer, in []value) ([]value, error) {
	c, err := b.convolutionCall(l, in)
	if err != nil {
		return nil, err
	}
	kernel, features, err := b.depthwise(l, &c)
	if err != nil {
		return nil, err
	}
	params, err := b.withBias(l, c.bias, features, kernel)
	if err != nil {
		return nil, err
	}
	n := c.node(lstm.OpDepthwiseConv1D, params)
	n.Activation = c.inside()
	return b.end(l, b.add(l, n, []int{c.steps, features}), &c)
}

// callSeparable is a depthwise convolution, and a Dense layer on each of its
// steps.
func callSeparable(b *builder, l *layer, in []value) ([]value, error) {
	o := l.options()
	filters := o.positive("filters")
	if o.err != nil {
		return nil, o.err
	}
	c, err := b.convolutionCall(l, in)
	if err != nil {
		return nil, err
	}
	kernel, features, err := b.depthwise(l, &c)
	if err != nil {
		return nil, err
	}
	y := b.add(l, c.node(lstm.OpDepthwiseConv1D, []string{kernel}), []int{c.steps, features})
	if kernel, err = b.paramAs(l, "pointwise_kernel", []int{features, filters}, 1, features, filters); err != nil {
		return nil, err
	}
	params, err := b.withBias(l, c.bias, filters, kernel)
	if err != nil {
		return nil, err
	}
	n := lstm.Node{Op: lstm.OpDense, Inputs: []string{y.node}, Params: params, Units: filters, Activation: c.inside()}
	return b.end(l, b.add(l, n, []int{c.steps, filters}), &c)
}
