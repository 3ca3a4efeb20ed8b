package keras

// identityLayers do nothing at inference: they exist to train with noise or
// penalties. Each keeps its input's mask.
var identityLayers = map[string]*layerType{
	"Dropout":                identity("rate p noise_shape seed"),
	"SpatialDropout1D":       identity("rate p noise_shape seed"),
	"GaussianDropout":        identity("rate p seed"),
	"GaussianNoise":          identity("stddev sigma seed"),
	"AlphaDropout":           identity("rate p noise_shape seed"),
	"ActivityRegularization": identity("l1 l2"),
	"Identity":               identity(""),
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
