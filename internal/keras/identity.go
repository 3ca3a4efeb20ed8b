package keras

// identityLayers do nothing at inference: they exist to train with noise or
// penalties. Each keeps its input's mask, but Identity in Keras 2.
var identityLayers = map[string]*layerType{
	"Dropout":                identity("rate p noise_shape seed"),
	"SpatialDropout1D":       identity("rate p noise_shape seed"),
	"GaussianDropout":        identity("rate p seed"),
	"GaussianNoise":          identity("stddev sigma seed"),
	"AlphaDropout":           identity("rate p noise_shape seed"),
	"ActivityRegularization": identity("l1 l2"),
	"Identity": {
		mask: ownMask,
		call: func(b *builder, l *layer, in []value) ([]value, error) {
			x, err := one(l, in)
			if !b.version.keras3() {
				x.mask = "" // there, the class does not say that it supports masks
			}
			return single(x, err)
		},
	},
}

func identity(ignores string) *layerType {
	return &layerType{
		ignores: ignores,
		mask:    keepMask,
		call: func(_ *builder, l *layer, in []value) ([]value, error) {
			return single(one(l, in))
		},
	}
}
