package keras

import "coldstream/lstm"

var poolingLayers = map[string]*layerType{
	// The maximum runs over the padding too: the layer knows no masks.
	"GlobalMaxPooling1D": globalPooling(lstm.OpGlobalMaxPool, false),
	"GlobalMaxPool1D":    globalPooling(lstm.OpGlobalMaxPool, false),
	// The mean runs over the real steps.
	"GlobalAveragePooling1D": globalPooling(lstm.OpGlobalAveragePool, true),
	"GlobalAvgPool1D":        globalPooling(lstm.OpGlobalAveragePool, true),
}

func globalPooling(op lstm.Op, usesMask bool) *layerType {
	return &layerType{
		fixed: []fixedOption{
			{"data_format", `[null, "channels_last"]`, "use channels_last"},
			{"keepdims", `[null, false]`, "use keepdims=False"},
		},
		mask: dropMask,
		call: func(b *builder, l *layer, in []value) ([]value, error) {
			x, dim, err := sequence(l, in)
			if err != nil {
				return nil, err
			}
			n := lstm.Node{Op: op, Inputs: []string{x.node}}
			if usesMask {
				n.Mask = x.mask
			}
			return []value{b.add(l, n, []int{dim})}, nil
		},
	}
}
