package keras

import "coldstream/lstm"

var (
	maxPooling     = pooling(lstm.OpMaxPool)
	averagePooling = pooling(lstm.OpAveragePool)

	// The maximum runs over the padding too: the layer knows no masks.
	globalMaxPooling = globalPooling(lstm.OpGlobalMaxPool, false)
	// The mean runs over the real steps.
	globalAveragePooling = globalPooling(lstm.OpGlobalAveragePool, true)
)

var poolingLayers = map[string]*layerType{
	"MaxPooling1D":           maxPooling,
	"MaxPool1D":              maxPooling,
	"AveragePooling1D":       averagePooling,
	"AvgPool1D":              averagePooling,
	"GlobalMaxPooling1D":     globalMaxPooling,
	"GlobalMaxPool1D":        globalMaxPooling,
	"GlobalAveragePooling1D": globalAveragePooling,
	"GlobalAvgPool1D":        globalAveragePooling,
}

func pooling(op lstm.Op) *layerType {
	return &layerType{
		reads: "pool_size strides data_format",
		fixed: []fixedOption{{"padding", `["valid", "same"]`, "use valid or same"}},
		mask:  dropMask,
		call: func(b *builder, l *layer, in []value) ([]value, error) {
			o := l.options()
			w := o.windows("pool_size", 2)
			if o.err != nil {
				return nil, o.err
			}
			x, dim, err := b.sequenceOf(l, in, w.channelsFirst)
			if err != nil {
				return nil, err
			}
			steps, err := w.count(l, x.shape[0])
			if err != nil {
				return nil, err
			}
			y := b.add(l, lstm.Node{Op: op, Inputs: []string{x.node}, Size: w.size, Stride: w.stride, Padding: w.padding}, []int{steps, dim})
			return []value{b.back(l, y, w.channelsFirst)}, nil
		},
	}
}

func globalPooling(op lstm.Op, usesMask bool) *layerType {
	return &layerType{
		reads: "data_format keepdims",
		mask:  dropMask,
		call: func(b *builder, l *layer, in []value) ([]value, error) {
			o := l.options()
			first, keep := o.channelsFirst(), o.bool("keepdims", false)
			if o.err != nil {
				return nil, o.err
			}
			x, err := one(l, in)
			if err != nil {
				return nil, err
			}
			if first && usesMask && x.mask != "" {
				return nil, l.fail(`data_format="channels_first" with a mask is not supported`)
			}
			mask := x.mask
			x, dim, err := b.sequenceOf(l, in, first)
			if err != nil {
				return nil, err
			}
			n := lstm.Node{Op: op, Inputs: []string{x.node}}
			if usesMask {
				n.Mask = mask
			}
			y := b.add(l, n, []int{dim})
			if keep {
				y = b.back(l, b.oneStep(l, y), first)
			}
			return []value{y}, nil
		},
	}
}
