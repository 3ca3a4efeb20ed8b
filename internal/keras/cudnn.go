package keras

import (
	"strings"

	"coldstream/lstm"
)

// The layers of the GPU library compute an LSTM, or a GRU with the reset gate
// behind the product, with the activations of their time. Their weights are
// the same in another arrangement, which LSTM and GRU layers may have loaded
// as well.
var cudnnLayers = map[string]*layerType{
	"CuDNNLSTM": cudnnType(),
	"CuDNNGRU":  cudnnType(),
}

func cudnnType() *layerType {
	return &layerType{
		reads:   "units return_sequences return_state go_backwards",
		ignores: weightOptions + " unit_forget_bias " + recurrentIgnores,
		fixed:   recurrentFixed,
		refuses: "a mask, as in Keras",
		mask:    ownMask,
		slots: func(*layer, version) ([]slot, error) {
			return []slot{{name: "kernel", folder: "cell"}, {name: "recurrent_kernel", folder: "cell"}, {name: "bias", folder: "cell"}}, nil
		},
		callArgs: func(b *builder, l *layer, in []value, args arguments) ([]value, error) {
			if len(in) > 0 && in[0].mask != "" {
				return nil, l.fail("its input has a mask, which the layer does not support in Keras either")
			}
			return callRecurrent(b, l, in, args)
		},
	}
}

// cudnnOptions are what the configs of these layers leave out.
var cudnnOptions = object{"activation": "tanh", "recurrent_activation": "sigmoid", "reset_after": true}

// option returns an option of a cell's config.
func (l *layer) option(key string) (any, bool) {
	v, ok := l.config[key]
	if !ok && strings.HasPrefix(l.class, "CuDNN") {
		v, ok = cudnnOptions[key]
	}
	return v, ok
}

// fromCuDNN rearranges the weights of a layer of the GPU library: the kernel of
// each gate is stored as the transpose of what it would be, in the shape of the
// untransposed; a recurrent kernel is transposed, and there are two biases,
// which an LSTM adds up.
func (l *layer) fromCuDNN() {
	gates := recurrentOps[l.class].gates
	kernel, recurrent, bias := l.tensors["kernel"], l.tensors["recurrent_kernel"], l.tensors["bias"]
	if gates < 2 || len(kernel.Shape) != 2 || len(recurrent.Shape) != 2 || len(bias.Shape) != 1 {
		return
	}
	dim, units := kernel.Shape[0], recurrent.Shape[0]
	if kernel.Shape[1] != gates*units || recurrent.Shape[1] != gates*units || bias.Shape[0] != 2*gates*units {
		return
	}
	k := make([]float32, len(kernel.Data))
	r := make([]float32, len(recurrent.Data))
	width := gates * units
	for g := range gates {
		for i := range dim * units {
			k[i%dim*width+g*units+i/dim] = kernel.Data[i/units*width+g*units+i%units]
		}
		for i := range units {
			for j := range units {
				r[i*width+g*units+j] = recurrent.Data[j*width+g*units+i]
			}
		}
	}
	kernel.Data, recurrent.Data = k, r
	if gates == 3 {
		bias.Shape = []int{2, width}
	} else {
		sum := make([]float32, width)
		for i := range sum {
			sum[i] = bias.Data[i] + bias.Data[width+i]
		}
		bias.Tensor = lstm.Tensor{Shape: []int{width}, Data: sum}
	}
	l.tensors["kernel"], l.tensors["recurrent_kernel"], l.tensors["bias"] = kernel, recurrent, bias
}
