package keras

import "coldstream/lstm"

// recurrentReads are the options of LSTM and GRU that change the outputs.
const recurrentReads = "units activation recurrent_activation use_bias return_sequences " +
	"go_backwards zero_output_for_mask unroll"

// recurrentIgnores only matter in training, choose between ways to compute the
// same, or repeat shapes. With return_state the states are further outputs of
// the layer, which fail when something uses them.
const recurrentIgnores = weightOptions + " unit_forget_bias dropout recurrent_dropout implementation " +
	"input_dim input_length use_cudnn return_state"

var recurrentFixed = []fixedOption{
	{"stateful", `[false]`, "save the model with stateful=False"},
	{"time_major", `[false]`, "save the model with time_major=False"},
	noQuantization,
}

var recurrentLayers = map[string]*layerType{
	"LSTM": {
		reads:   recurrentReads,
		ignores: recurrentIgnores,
		fixed:   recurrentFixed,
		mask:    ownMask,
		slots:   recurrentSlots,
		call:    callRecurrent,
	},
	"GRU": {
		reads:   recurrentReads + " reset_after",
		ignores: recurrentIgnores,
		fixed:   recurrentFixed,
		mask:    ownMask,
		slots:   recurrentSlots,
		call:    callRecurrent,
	},
}

// gates is the number of gates of a recurrent class: i f c o, or z r h.
func gates(class string) int {
	if class == "GRU" {
		return 3
	}
	return 4
}

func recurrentSlots(l *layer, v version) ([]slot, error) {
	if v.keras1() {
		return keras1Slots(l), nil
	}
	o := l.options()
	s := []slot{{name: "kernel", folder: "cell"}, {name: "recurrent_kernel", folder: "cell"}}
	if o.bool("use_bias", true) {
		s = append(s, slot{name: "bias", folder: "cell"})
	}
	return s, o.err
}

func callRecurrent(b *builder, l *layer, in []value) ([]value, error) {
	return single(b.recurrent(l, in, func(*lstm.Node) {}))
}

// recurrent adds the node of an LSTM or GRU. adjust changes it before its
// options are checked against each other: a Bidirectional layer orders its
// parts' outputs.
//
// A masked step leaves the state as it is; its output is the one before it, or
// 0 with zero_output_for_mask.
func (b *builder) recurrent(l *layer, in []value, adjust func(*lstm.Node)) (value, error) {
	o := l.options()
	n := lstm.Node{
		Op:                lstm.Op(l.class),
		Units:             o.positive("units"),
		ReturnSequences:   o.bool("return_sequences", false),
		GoBackwards:       o.bool("go_backwards", false),
		ZeroOutputForMask: o.bool("zero_output_for_mask", false),
	}
	bias, unroll := o.bool("use_bias", true), o.bool("unroll", false)
	if o.err != nil {
		return value{}, l.wrap(o.err)
	}
	if len(in) > 1 {
		return value{}, l.fail("initial states or constants as inputs are not supported; start from zero states")
	}
	x, dim, err := sequence(l, in)
	if err != nil {
		return value{}, err
	}
	if n.Activation, err = b.cellActivation(l, "activation", "tanh"); err != nil {
		return value{}, l.wrap(err)
	}
	// Keras' default has been another one in the past, but every config says.
	if _, ok := l.config["recurrent_activation"]; !ok {
		return value{}, l.fail("no recurrent_activation in the config, which has had more than one default")
	}
	if n.RecurrentActivation, err = b.cellActivation(l, "recurrent_activation", ""); err != nil {
		return value{}, l.wrap(err)
	}
	if l.class == "GRU" {
		if n.ResetAfter, err = l.resetAfter(b.version); err != nil {
			return value{}, l.wrap(err)
		}
	}
	if n.Params, err = b.recurrentParams(l, dim, n.Units, bias, n.ResetAfter); err != nil {
		return value{}, err
	}
	adjust(&n)
	if n.Mask = x.mask; n.Mask == "" {
		n.ZeroOutputForMask = false
	}
	switch {
	case n.ZeroOutputForMask && !n.ReturnSequences:
		return value{}, l.fail("zero_output_for_mask=true with a mask and return_sequences=false is not supported: the output would be zeros wherever the last step is padding; save the model with zero_output_for_mask=False")
	case n.ZeroOutputForMask && n.GoBackwards && unroll:
		return value{}, l.fail("unroll=true with a mask, running backwards, is not supported: Keras puts the zeros of masked steps at the wrong end; save the model with unroll=False")
	}
	n.Inputs = []string{x.node}
	shape := []int{n.Units}
	if n.ReturnSequences {
		shape = []int{x.shape[0], n.Units}
	}
	y := b.add(l, n, shape)
	if n.ReturnSequences {
		y.mask = x.mask
	}
	return y, nil
}

func (b *builder) recurrentParams(l *layer, dim, units int, bias, resetAfter bool) ([]string, error) {
	g := gates(l.class)
	kernel, err := b.param(l, "kernel", dim, g*units)
	if err != nil {
		return nil, err
	}
	recurrent, err := b.param(l, "recurrent_kernel", units, g*units)
	if err != nil {
		return nil, err
	}
	params := []string{kernel, recurrent}
	if bias {
		shape := []int{g * units}
		if resetAfter {
			shape = []int{2, g * units}
		}
		name, err := b.param(l, "bias", shape...)
		if err != nil {
			return nil, err
		}
		params = append(params, name)
	}
	return params, nil
}

// resetAfter is the GRU's option, which configs up to Keras 2.1 do not have; a
// bias of two rows tells then.
func (l *layer) resetAfter(v version) (bool, error) {
	o := l.options()
	if !o.has("reset_after") {
		if t, ok := l.tensors["bias"]; ok {
			return len(t.Shape) == 2, nil
		}
		return v.resetAfterDefault(), nil
	}
	return o.bool("reset_after", false), o.err
}
