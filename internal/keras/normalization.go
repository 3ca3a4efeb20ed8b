package keras

import (
	"cmp"
	"slices"

	"coldstream/lstm"
)

const normalizationIgnores = "beta_initializer gamma_initializer beta_regularizer gamma_regularizer beta_constraint gamma_constraint"

var batchNormalization = &layerType{
	refuses: "several axes",
	reads:   "axis epsilon center scale renorm",
	ignores: normalizationIgnores + " momentum fused synchronized renorm_clipping renorm_momentum " +
		"moving_mean_initializer moving_variance_initializer",
	fixed: []fixedOption{
		{"virtual_batch_size", `[null]`, "use virtual_batch_size=None"},
		{"mode", `[0]`, "use mode=0"}, // of Keras 1
	},
	mask:  keepMask,
	slots: batchNormalizationSlots,
	call:  callBatchNormalization,
}

// normalizationLayers keep their input's mask, but RMSNormalization. What a
// mask hides counts all the same: at inference none of them looks at it.
var normalizationLayers = map[string]*layerType{
	"BatchNormalization":   batchNormalization,
	"BatchNormalizationV1": batchNormalization, // names of TensorFlow 1.14 to 2.0
	"BatchNormalizationV2": batchNormalization,
	"LayerNormalization": {
		reads:   "axis epsilon center scale rms_scaling",
		ignores: normalizationIgnores,
		mask:    keepMask,
		slots:   layerNormalizationSlots,
		call:    callLayerNormalization,
	},
	"RMSNormalization": {
		reads: "axis epsilon",
		mask:  dropMask,
		slots: func(*layer, version) ([]slot, error) { return []slot{{name: "scale"}}, nil },
		call:  callRMSNormalization,
	},
	"UnitNormalization": {
		reads: "axis",
		mask:  keepMask,
		call:  callUnitNormalization,
	},
	"GroupNormalization": {
		refuses: "a mask in Keras 2",
		reads:   "groups axis epsilon center scale",
		ignores: normalizationIgnores,
		mask:    keepMask,
		slots:   affineSlots,
		call:    callGroupNormalization,
	},
}

// affineSlots lists gamma and beta, as far as the layer has them.
func affineSlots(l *layer, _ version) ([]slot, error) {
	o := l.options()
	var s []slot
	if o.bool("scale", true) {
		s = append(s, slot{name: "gamma"})
	}
	if o.bool("center", true) {
		s = append(s, slot{name: "beta"})
	}
	return s, o.err
}

func batchNormalizationSlots(l *layer, v version) ([]slot, error) {
	s, err := affineSlots(l, v)
	names := []string{"moving_mean", "moving_variance"}
	o := l.options()
	if o.bool("renorm", false) { // not used at inference
		names = append(names, "moving_stddev", "renorm_mean", "renorm_stddev")
	}
	for _, name := range names {
		s = append(s, slot{name: name, frozen: true})
	}
	return s, cmp.Or(err, o.err)
}

func layerNormalizationSlots(l *layer, v version) ([]slot, error) {
	o := l.options()
	if o.bool("rms_scaling", false) {
		return []slot{{name: "gamma"}}, o.err
	}
	return affineSlots(l, v)
}

// affine reads epsilon, center and scale into n, and adds gamma and beta of the
// given shape, which the graph has as lists.
func (b *builder) affine(l *layer, n *lstm.Node, epsilon float64, shape []int) error {
	o := l.options()
	n.Epsilon, n.Scale, n.Center = o.float32("epsilon", epsilon), o.bool("scale", true), o.bool("center", true)
	if o.err != nil {
		return o.err
	}
	for _, p := range []struct {
		name string
		has  bool
	}{{"gamma", n.Scale}, {"beta", n.Center}} {
		if !p.has {
			continue
		}
		if err := b.list(l, n, p.name, shape); err != nil {
			return err
		}
	}
	return nil
}

// list adds a variable of the given shape as a list of numbers.
func (b *builder) list(l *layer, n *lstm.Node, name string, shape []int) error {
	size, err := product(l, shape)
	if err != nil {
		return err
	}
	param, err := b.paramAs(l, name, []int{size}, shape...)
	n.Params = append(n.Params, param)
	return err
}

// sizesOf returns the sizes of axes of x, which must be known.
func sizesOf(l *layer, x value, axes []int) ([]int, error) {
	var sizes []int
	for _, a := range axes {
		if x.shape[a] < 1 {
			return nil, l.fail("the input has shape %s; the size of axis %d must be known", shapeText(x.shape), a+1)
		}
		sizes = append(sizes, x.shape[a])
	}
	return sizes, nil
}

// normalized reads the tensor and the axes of a normalization. The variables
// have the sizes in the order of the option, but Keras reads their numbers in
// the order of the axes.
func normalized(l *layer, in []value) (x value, axes []int, err error) {
	if x, err = one(l, in); err != nil {
		return x, nil, err
	}
	axes, err = l.axes("axis", -1, len(x.shape))
	return x, axes, err
}

func sorted(axes []int) []int {
	s := slices.Clone(axes)
	slices.Sort(s)
	return s
}

func callBatchNormalization(b *builder, l *layer, in []value) ([]value, error) {
	x, axes, err := normalized(l, in)
	if err != nil {
		return nil, err
	}
	if len(axes) > 1 {
		return nil, l.fail("axis=%s: only one axis is supported", jsonText(l.config["axis"]))
	}
	size, err := sizesOf(l, x, axes)
	if err != nil {
		return nil, err
	}
	n := lstm.Node{Op: lstm.OpBatchNorm, Inputs: []string{x.node}, Axis: lastAsMinus(axes[0], len(x.shape))}
	if err := b.affine(l, &n, 1e-3, size); err != nil {
		return nil, err
	}
	for _, name := range []string{"moving_mean", "moving_variance"} {
		if err := b.list(l, &n, name, size); err != nil {
			return nil, err
		}
	}
	return []value{b.add(l, n, x.shape)}, nil
}

func callLayerNormalization(b *builder, l *layer, in []value) ([]value, error) {
	o := l.options()
	rms := o.bool("rms_scaling", false)
	if o.err != nil {
		return nil, o.err
	}
	x, axes, err := normalized(l, in)
	if err != nil {
		return nil, err
	}
	sizes, err := sizesOf(l, x, axes)
	if err != nil {
		return nil, err
	}
	n := lstm.Node{Op: lstm.OpLayerNorm, Inputs: []string{x.node}, Axes: sorted(axes)}
	if rms { // divides by the deviation and has gamma whatever scale says
		n.Op, n.Scale, n.Epsilon = lstm.OpVarianceNorm, true, o.float32("epsilon", 1e-3)
		err = cmp.Or(o.err, b.list(l, &n, "gamma", sizes))
	} else {
		err = b.affine(l, &n, 1e-3, sizes)
	}
	return single(b.add(l, n, x.shape), err)
}

func callRMSNormalization(b *builder, l *layer, in []value) ([]value, error) {
	o := l.options()
	epsilon := o.float32("epsilon", 1e-6)
	if o.err != nil {
		return nil, o.err
	}
	x, axes, err := normalized(l, in)
	if err != nil {
		return nil, err
	}
	// Here, scale is not brought into the place of its axes.
	if trailing := len(x.shape) - len(axes); sorted(axes)[0] != trailing {
		return nil, l.fail("axis=%s: only the last axes are supported", jsonText(l.config["axis"]))
	}
	sizes, err := sizesOf(l, x, axes)
	if err != nil {
		return nil, err
	}
	n := lstm.Node{Op: lstm.OpRMSNorm, Inputs: []string{x.node}, Axes: sorted(axes), Scale: true, Epsilon: epsilon}
	if err := b.list(l, &n, "scale", sizes); err != nil {
		return nil, err
	}
	return []value{b.add(l, n, x.shape)}, nil
}

// callUnitNormalization: Keras 2 bounds the square of the norm by 1e-12, Keras 3
// the norm.
func callUnitNormalization(b *builder, l *layer, in []value) ([]value, error) {
	x, axes, err := normalized(l, in)
	if err != nil {
		return nil, err
	}
	n := lstm.Node{Op: lstm.OpUnitNorm, Inputs: []string{x.node}, Axes: sorted(axes), Epsilon: 1e-6}
	if b.version.keras3() {
		n.Epsilon = 1e-12
	}
	return []value{b.add(l, n, x.shape)}, nil
}

func callGroupNormalization(b *builder, l *layer, in []value) ([]value, error) {
	o := l.options()
	groups := o.integer("groups", 32)
	if o.err != nil {
		return nil, o.err
	}
	x, axes, err := normalized(l, in)
	if err != nil {
		return nil, err
	}
	if len(axes) > 1 {
		return nil, l.fail("axis=%s: only one axis is supported", jsonText(l.config["axis"]))
	}
	if x.mask != "" && !b.version.keras3() {
		return nil, l.fail("with a mask is not supported: Keras 2 leaves masked elements out of its statistics")
	}
	size, err := sizesOf(l, x, axes)
	if err != nil {
		return nil, err
	}
	if groups == -1 {
		groups = size[0]
	}
	if groups < 1 || size[0]%groups != 0 {
		return nil, l.fail("groups=%s do not divide the %d features", jsonText(l.config["groups"]), size[0])
	}
	n := lstm.Node{Op: lstm.OpGroupNorm, Inputs: []string{x.node}, Axis: lastAsMinus(axes[0], len(x.shape)), Groups: groups}
	if err := b.affine(l, &n, 1e-3, size); err != nil {
		return nil, err
	}
	return []value{b.add(l, n, x.shape)}, nil
}
