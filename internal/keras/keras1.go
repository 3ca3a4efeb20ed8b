package keras

import (
	"coldstream/lstm"
)

// keras1Options are the options that Keras 1 knew by other names.
var keras1Options = map[string]string{
	"init":             "kernel_initializer",
	"inner_init":       "recurrent_initializer",
	"forget_bias_init": "unit_forget_bias",
	"inner_activation": "recurrent_activation",
	"W_regularizer":    "kernel_regularizer",
	"U_regularizer":    "recurrent_regularizer",
	"b_regularizer":    "bias_regularizer",
	"W_constraint":     "kernel_constraint",
	"U_constraint":     "recurrent_constraint",
	"b_constraint":     "bias_constraint",
	"dropout_W":        "dropout",
	"dropout_U":        "recurrent_dropout",
	"consume_less":     "implementation",
	"bias":             "use_bias",
}

var (
	keras1Convolution = map[string]string{
		"nb_filter": "filters", "filter_length": "kernel_size", "border_mode": "padding", "subsample_length": "strides", "atrous_rate": "dilation_rate",
	}
	keras1Pooling = map[string]string{"pool_length": "pool_size", "stride": "strides", "border_mode": "padding"}
)

// keras1Layers are options that had other names in some classes only.
var keras1Layers = map[string]map[string]string{
	"Convolution1D":       keras1Convolution,
	"AtrousConvolution1D": keras1Convolution,
	"MaxPooling1D":        keras1Pooling,
	"AveragePooling1D":    keras1Pooling,
	"UpSampling1D":        {"length": "size"},
	"BatchNormalization":  {"gamma_init": "gamma_initializer", "beta_init": "beta_initializer"},
	"PReLU":               {"init": "alpha_initializer"},
}

// fromKeras1 returns a layer's config with the option names of Keras 2.
func fromKeras1(class string, config object) object {
	c := object{}
	for k, v := range config {
		switch to, ok := keras1Options[k]; {
		case k == "output_dim" && (class == "Dense" || class == "LSTM" || class == "GRU" || class == "SimpleRNN"):
			c["units"] = v
		case keras1Layers[class][k] != "" && config[keras1Layers[class][k]] == nil:
			c[keras1Layers[class][k]] = v
		case ok && config[to] == nil:
			c[to] = v
		default:
			c[k] = v
		}
	}
	return c
}

// keras1Gates is the order in which Keras 1 saved the gates of an LSTM; those
// of a GRU are in the order of today.
var keras1Gates = map[string][]string{
	"LSTM": {"i", "c", "f", "o"},
	"GRU":  {"z", "r", "h"},
}

// keras1Slots lists the variables of a recurrent layer of Keras 1: W, U and b
// for each gate, or three for all with consume_less="gpu".
func keras1Slots(l *layer) []slot {
	if l.config["implementation"] == "gpu" {
		return []slot{{name: "kernel"}, {name: "recurrent_kernel"}, {name: "bias"}}
	}
	var s []slot
	for _, g := range keras1Gates[l.class] {
		for _, w := range []string{"W", "U", "b"} {
			s = append(s, slot{name: w + "_" + g})
		}
	}
	return s
}

// joinGates makes kernel, recurrent kernel and bias of the variables of single
// gates, in today's order: i f c o, or z r h.
func (l *layer) joinGates() error {
	order := map[string][]string{"LSTM": {"i", "f", "c", "o"}, "GRU": {"z", "r", "h"}}[l.class]
	if _, ok := l.tensors["W_"+order[0]]; !ok {
		return nil
	}
	joined := map[string]tensor{}
	for w, name := range map[string]string{"W": "kernel", "U": "recurrent_kernel", "b": "bias"} {
		var parts []tensor
		for _, g := range order {
			parts = append(parts, l.tensors[w+"_"+g])
		}
		rows, columns := 1, 0
		for i, p := range parts {
			if len(p.Shape) == 0 || !equalShapes(p.Shape, parts[0].Shape) {
				return l.fail("%s has shape %s, but %s has shape %s", w+"_"+order[i], shapeText(p.Shape), w+"_"+order[0], shapeText(parts[0].Shape))
			}
		}
		shape := append([]int(nil), parts[0].Shape...)
		last := len(shape) - 1
		for _, d := range shape[:last] {
			rows *= d
		}
		columns = shape[last]
		shape[last] *= len(parts)
		data := make([]float32, 0, rows*columns*len(parts))
		for r := range rows {
			for _, p := range parts {
				data = append(data, p.Data[r*columns:][:columns]...)
			}
		}
		joined[name] = tensor{Tensor: lstm.Tensor{Shape: shape, Data: data}, from: parts[0].from}
	}
	l.tensors = joined
	return nil
}

// hasKeras1Gates reports whether the layer is one whose variables joinGates joins.
func (l *layer) hasKeras1Gates() bool {
	_, ok := keras1Gates[l.class]
	return ok
}
