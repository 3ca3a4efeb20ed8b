package keras

import (
	"math"
	"slices"
	"strings"
)

// operations are the functions of Keras 3 that stand between the layers of a
// Functional model where masks are made and merged. Their results are truth
// values, which nothing but masks may use.
var operations = map[string]*operation{
	"NotEqual":        {run: opNotEqual},
	"OnesLike":        {reads: "dtype", run: opLike},
	"ZerosLike":       {reads: "dtype", run: opLike},
	"ExpandDims":      {reads: "axis", run: opExpandDims},
	"LogicalOr":       {run: opLogical},
	"LogicalAnd":      {run: opLogical},
	"Concatenate":     {reads: "axis", run: opConcatenate},
	"ConvertToTensor": {reads: "dtype sparse ragged", run: opSame},
	"Any":             {reads: "axis keepdims", run: opReduce},
	"All":             {reads: "axis keepdims", run: opReduce},
}

// operation is one of operations. Options it does not read are refused.
type operation struct {
	reads string
	run   func(f *functionalRun, l *layer, in []value, constants []any) (*truth, error)
}

// isOperation reports whether an entry of a layer list is an operation. An .h5
// file of Keras 3 does not name modules: there, operations are known by having
// no option trainable, as Concatenate is an operation and a layer.
func isOperation(entry object, v version) bool {
	m := asString(entry["module"])
	if m == "" && v.keras3() && likeOperation(asString(entry["class_name"])) {
		config := asObject(entry["config"])
		_, trainable := config["trainable"]
		return !trainable && config["layers"] == nil
	}
	return strings.HasPrefix(m, "keras.src.ops.") || strings.HasPrefix(m, "keras.ops.")
}

// likeOperation reports whether a class that is called this may be an operation.
func likeOperation(class string) bool {
	return operations[class] != nil || layerTypes[class] == nil || mergingLayers[class] != nil
}

// truth is a tensor of truth values over the steps of a sequence, perhaps with
// an axis of features behind.
type truth struct {
	// One of: the same for every step; a mask node; the comparison of each
	// feature of a tensor with a number; parts side by side on the feature axis.
	constant *bool
	mask     string
	compared *value
	parts    []*truth

	steps    *value  // a tensor with the steps of a constant
	with     float32 // number that compared differs from
	features bool    // has a feature axis; what stands on it is the same for all, except with compared and parts
}

// operate runs an operation of a Functional model.
func (f *functionalRun) operate(l *layer, c call) ([]value, error) {
	var in []value
	var constants []any
	for _, o := range c.args {
		if o.from == nil && o.list == nil {
			constants = append(constants, o.json)
			continue
		}
		v, err := f.flatten(l, o)
		if err != nil {
			return nil, err
		}
		in = append(in, v...)
	}
	for _, k := range sortedKeys(c.kwargs) {
		if o := c.kwargs[k]; !o.none() {
			return nil, l.fail("called with %s=%.60s, which is not supported", k, o.text())
		}
	}
	if len(in) == 0 {
		return nil, l.fail("called without a tensor")
	}
	t, err := l.op.run(f, l, in, constants)
	if err != nil {
		return nil, err
	}
	return []value{{truth: t}}, nil
}

// opNotEqual is how masks begin: ids != 0, or features != mask_value.
func opNotEqual(f *functionalRun, l *layer, in []value, constants []any) (*truth, error) {
	if len(in) != 1 || len(constants) != 1 || in[0].truth != nil {
		return nil, l.fail("only comparing a tensor with a number is supported")
	}
	x := in[0]
	v, ok := number(constants[0])
	switch {
	case !ok || math.IsInf(float64(float32(v)), 0):
		return nil, l.fail("compares with %.40s, expected a number in the range of float32", jsonText(constants[0]))
	case v == 0 && f.inputs[x.node] != nil && (len(x.shape) == 1 || f.inputs[x.node].VocabSize > 0):
		return &truth{mask: f.maskIDs(x)}, nil
	case len(x.shape) == 2:
		return &truth{compared: &x, with: float32(v), features: true}, nil
	}
	return nil, l.fail("only masks of token ids and of steps with features are supported")
}

func opLike(_ *functionalRun, l *layer, in []value, constants []any) (*truth, error) {
	if len(in) != 1 || len(constants) > 0 || in[0].truth != nil || len(in[0].shape) < 1 || len(in[0].shape) > 2 {
		return nil, l.fail("only the tensor of a sequence is supported")
	}
	ones := l.class == "OnesLike"
	return &truth{constant: &ones, steps: &in[0], features: len(in[0].shape) == 2}, nil
}

// truths returns the truth values of the inputs.
func truths(l *layer, in []value, constants []any) ([]*truth, error) {
	t := make([]*truth, len(in))
	for i, x := range in {
		if t[i] = x.truth; x.truth == nil {
			return nil, l.fail("only supported where masks are made; its input is an ordinary tensor")
		}
	}
	if len(constants) > 0 {
		return nil, l.fail("called with constants, which is not supported")
	}
	return t, nil
}

func opExpandDims(_ *functionalRun, l *layer, in []value, constants []any) (*truth, error) {
	t, err := truths(l, in, constants)
	if err != nil {
		return nil, err
	}
	if len(t) != 1 || t[0].features || !l.lastAxis(false) {
		return nil, l.fail("only an axis behind the steps of a mask is supported")
	}
	wide := *t[0]
	wide.features = true
	return &wide, nil
}

// opSame is an operation that leaves truth values as they are.
func opSame(_ *functionalRun, l *layer, in []value, constants []any) (*truth, error) {
	t, err := truths(l, in, constants)
	if err != nil {
		return nil, err
	}
	if len(t) != 1 {
		return nil, l.fail("called with %d tensors, expected 1", len(t))
	}
	return t[0], nil
}

func opLogical(f *functionalRun, l *layer, in []value, constants []any) (*truth, error) {
	t, err := truths(l, in, constants)
	if err != nil {
		return nil, err
	}
	return f.combine(l, t, l.class == "LogicalOr")
}

// opConcatenate puts masks with a feature axis side by side, along the
// features or along the steps.
func opConcatenate(f *functionalRun, l *layer, in []value, constants []any) (*truth, error) {
	t, err := truths(l, in, constants)
	if err != nil {
		return nil, err
	}
	for _, x := range t {
		if !x.features || x.compared != nil || x.parts != nil {
			return nil, l.fail("only masks with a feature axis are supported")
		}
	}
	if l.lastAxis(true) {
		return &truth{parts: t, features: true}, nil
	}
	if axis, ok := integer(l.config["axis"]); !ok || axis != 1 && axis != -2 {
		return nil, l.fail("axis=%.40s of masks is not supported", jsonText(l.config["axis"]))
	}
	var masks []string
	for _, x := range t {
		switch {
		case x.constant == nil:
			masks = append(masks, x.mask)
		case *x.constant:
			masks = append(masks, f.allSteps(*x.steps))
		default:
			return nil, l.fail("a mask that hides every step is not supported")
		}
	}
	return &truth{mask: f.concatMasks(l, masks), features: true}, nil
}

// opReduce is any or all over the features.
func opReduce(f *functionalRun, l *layer, in []value, constants []any) (*truth, error) {
	t, err := truths(l, in, constants)
	if err != nil {
		return nil, err
	}
	keep, _ := l.config["keepdims"].(bool)
	if len(t) != 1 || !t[0].features || !l.lastAxis(true) || keep {
		return nil, l.fail("only the feature axis is supported")
	}
	any, x := l.class == "Any", *t[0]
	switch {
	case x.parts != nil:
		y, err := f.combine(l, x.parts, any)
		if err != nil {
			return nil, err
		}
		x = *y
	case x.compared != nil && any:
		x = truth{mask: f.maskSteps(*x.compared, x.with)}
	case x.compared != nil:
		return nil, l.fail("a mask of steps in which all features differ is not supported")
	}
	x.features = false
	return &x, nil
}

// combine is the logical or (else and) of truth values that are the same for
// all features.
func (f *functionalRun) combine(l *layer, all []*truth, or bool) (*truth, error) {
	out := &truth{features: all[0].features, steps: all[0].steps}
	var masks []string
	for _, t := range all {
		switch {
		case t.features != out.features:
			return nil, l.fail("merging masks with and without a feature axis is not supported")
		case t.compared != nil || t.parts != nil:
			return nil, l.fail("merging masks that differ between features is not supported")
		case t.constant == nil:
			masks = append(masks, t.mask)
		case *t.constant == or: // decides
			return &truth{constant: t.constant, steps: t.steps, features: t.features}, nil
		}
	}
	if len(masks) == 0 {
		neutral := !or
		out.constant = &neutral
		return out, nil
	}
	out.mask, out.steps = f.joinMasks(or, masks), nil
	return out, nil
}

// lastAxis reports whether the option axis names the axis behind the steps,
// counted with the batch (2) or from the end. list allows [-1] for -1.
func (l *layer) lastAxis(list bool) bool {
	v := l.config["axis"]
	if a, ok := v.([]any); ok && list && len(a) == 1 {
		v = a[0]
	}
	axis, ok := integer(v)
	return ok && (axis == -1 || axis == 2)
}

// asMask returns the mask node behind a mask argument of l, "" where every step
// is real.
func (v value) asMask(l *layer) (string, error) {
	t := v.truth
	switch {
	case t == nil || t.features || t.compared != nil || t.parts != nil:
		return "", l.fail("its mask argument is not one that Keras made; only masks of Embedding and Masking layers are supported")
	case t.constant != nil && !*t.constant:
		return "", l.fail("its mask argument hides every step, which is not supported")
	}
	return t.mask, nil
}

// checkOperation refuses options that the operation does not read.
func (l *layer) checkOperation() error {
	for _, k := range sortedKeys(l.config) {
		if k != "name" && !slices.Contains(strings.Fields(l.op.reads), k) {
			return l.fail("unknown option %q", k)
		}
	}
	return nil
}
