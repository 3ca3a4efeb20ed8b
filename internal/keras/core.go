package keras

import (
	"cmp"
	"math"
	"slices"

	"coldstream/lstm"
)

// weightOptions are those of layers with weights that matter in training only.
const weightOptions = "kernel_initializer recurrent_initializer bias_initializer embeddings_initializer " +
	"kernel_regularizer recurrent_regularizer bias_regularizer embeddings_regularizer " +
	"kernel_constraint recurrent_constraint bias_constraint embeddings_constraint " +
	"seed"

// noQuantization refuses what Keras 3 writes for layers with integer weights.
var noQuantization = fixedOption{"quantization_config", `[null]`, "save the model before it is quantized"}

var coreLayers = map[string]*layerType{
	"InputLayer": {
		fixed: []fixedOption{
			{"sparse", `[false]`, "use a dense input"},
			{"ragged", `[false]`, "use a padded input"},
			{"optional", `[false]`, "make the input a required one"},
		},
		call: func(_ *builder, l *layer, _ []value) ([]value, error) {
			return nil, l.fail("an InputLayer stands where a layer is called")
		},
	},
	"Embedding": {
		reads:   "input_dim output_dim mask_zero",
		ignores: weightOptions + " input_length sparse dropout",
		fixed:   []fixedOption{noQuantization},
		mask:    ownMask,
		slots:   func(*layer, version) ([]slot, error) { return []slot{{name: "embeddings"}}, nil },
		call:    callEmbedding,
	},
	"Masking": {
		reads: "mask_value",
		mask:  ownMask,
		call:  callMasking,
	},
	"Dense": {
		reads:   "units activation use_bias",
		ignores: weightOptions + " input_dim",
		fixed:   []fixedOption{noQuantization},
		mask:    keepMask,
		slots:   denseSlots,
		call:    callDense,
	},
}

func callEmbedding(b *builder, l *layer, in []value) ([]value, error) {
	o := l.options()
	vocab, dim, maskZero := o.positive("input_dim"), o.positive("output_dim"), o.bool("mask_zero", false)
	if o.err != nil {
		return nil, o.err
	}
	x, err := one(l, in)
	if err != nil {
		return nil, err
	}
	if err := b.markIDs(l, x, vocab); err != nil {
		return nil, err
	}
	table, err := b.param(l, "embeddings", vocab, dim)
	if err != nil {
		return nil, err
	}
	y := b.add(l, lstm.Node{Op: lstm.OpEmbedding, Inputs: []string{x.node}, Params: []string{table}}, append(slices.Clone(x.shape), dim))
	if maskZero {
		y.mask = b.maskIDs(x)
	}
	return []value{y}, nil
}

// callMasking makes a mask of the steps that differ from mask_value in some
// feature, and sets the others to 0.
func callMasking(b *builder, l *layer, in []value) ([]value, error) {
	o := l.options()
	v := o.float("mask_value", 0)
	if o.err != nil {
		return nil, o.err
	}
	if math.IsInf(float64(float32(v)), 0) {
		return nil, l.fail("mask_value=%s is beyond float32, which is not supported", jsonText(l.config["mask_value"]))
	}
	x, _, err := sequence(l, in)
	if err != nil {
		return nil, err
	}
	mask := b.maskSteps(x, float32(v))
	y := b.add(l, lstm.Node{Op: lstm.OpApplyMask, Inputs: []string{x.node}, Mask: mask}, x.shape)
	y.mask = mask
	return []value{y}, nil
}

func denseSlots(l *layer, _ version) ([]slot, error) {
	o := l.options()
	s := []slot{{name: "kernel"}}
	if o.bool("use_bias", true) {
		s = append(s, slot{name: "bias"})
	}
	return s, cmp.Or(o.err, l.checkActivation())
}

func callDense(b *builder, l *layer, in []value) ([]value, error) {
	o := l.options()
	units, bias := o.positive("units"), o.bool("use_bias", true)
	if o.err != nil {
		return nil, o.err
	}
	f, err := b.function(l, "activation", "linear")
	if err != nil {
		return nil, err
	}
	x, err := one(l, in)
	if err != nil {
		return nil, err
	}
	if len(x.shape) == 0 || x.shape[len(x.shape)-1] < 1 {
		return nil, l.fail("the input has shape %s; the size of its last axis must be known", shapeText(x.shape))
	}
	shape := slices.Clone(x.shape)
	last := len(shape) - 1
	params := make([]string, 1, 2)
	if params[0], err = b.param(l, "kernel", shape[last], units); err != nil {
		return nil, err
	}
	if bias {
		name, err := b.param(l, "bias", units)
		if err != nil {
			return nil, err
		}
		params = append(params, name)
	}
	shape[last] = units
	return single(b.outside(l, b.add(l, lstm.Node{
		Op: lstm.OpDense, Inputs: []string{x.node}, Params: params, Units: units, Activation: f.inside(),
	}, shape), f))
}
