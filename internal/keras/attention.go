package keras

import (
	"coldstream/lstm"
)

var attentionLayers = map[string]*layerType{
	"Attention": {
		reads:    "use_scale score_mode causal",
		refuses:  "the scores as an output",
		ignores:  "dropout seed",
		mask:     ownMask,
		slots:    attentionSlots,
		callArgs: callAttention,
	},
	"AdditiveAttention": {
		reads:    "use_scale causal",
		refuses:  "the scores as an output",
		ignores:  "dropout seed",
		mask:     ownMask,
		slots:    attentionSlots,
		callArgs: callAttention,
	},
	"MultiHeadAttention": {
		refuses: "`attention_mask`; the scores as an output; several sizes as `output_shape`; a `key_dim` or `value_dim` of 1 with a bias and as many steps as heads (Keras 3.7 and later)",
		reads:   "num_heads key_dim value_dim use_bias output_shape dropout",
		ignores: weightOptions + " query_shape key_shape value_shape",
		fixed: []fixedOption{
			{"attention_axes", `[null, [1], 1]`, "attend along the steps"},
			{"use_gate", `[false]`, "build the layer without a gate"},
			{"sliding_window", `[null]`, "build the layer without a window"},
		},
		mask:     ownMask,
		slots:    multiHeadSlots,
		callArgs: callMultiHead,
	},
}

// isAttention reports whether the layer can return scores.
func (l *layer) isAttention() bool { return l.kind != nil && attentionLayers[l.class] != nil }

// attends names the arguments of a call that attention layers read: constants,
// and for MultiHeadAttention further tensors and masks.
const attends = "use_causal_mask return_attention_scores"

func attentionSlots(l *layer, _ version) ([]slot, error) {
	o := l.options()
	var s []slot
	if o.bool("use_scale", l.class == "AdditiveAttention") {
		s = append(s, slot{name: "scale"})
	}
	if l.config["score_mode"] == "concat" {
		s = append(s, slot{name: "concat_score_weight"})
	}
	return s, o.err
}

// causal reports whether a step may not see later ones. Old configs say so, new
// ones leave it to the call.
func (l *layer) causal(args arguments) (bool, error) {
	o := l.options()
	causal := o.bool("causal", false)
	if o.err != nil {
		return false, o.err
	}
	now, err := args.bool(l, "use_causal_mask")
	return causal || now, err
}

// callAttention weighs the steps of a value by how their keys score with each
// step of the query. Masked steps of the query give 0.
func callAttention(b *builder, l *layer, in []value, args arguments) ([]value, error) {
	if len(in) != 2 && len(in) != 3 {
		return nil, l.fail("called with %d tensors, expected a query and a value, and perhaps a key", len(in))
	}
	if _, err := args.bool(l, "return_attention_scores"); err != nil {
		return nil, err
	}
	causal, err := l.causal(args)
	if err != nil {
		return nil, err
	}
	query, val, key := in[0], in[1], in[len(in)-1]
	if err := attentionShapes(l, query, val, key); err != nil {
		return nil, err
	}
	n := lstm.Node{Op: lstm.OpAttention, Inputs: nodesOf([]value{query, val, key}), Causal: causal, Score: lstm.ScoreDot}
	var order []string // of the weights in Params
	switch mode, ok := l.config["score_mode"]; {
	case l.class == "AdditiveAttention":
		n.Score, order = lstm.ScoreAdditive, []string{"scale"}
	case !ok || mode == "dot":
		order = []string{"scale"}
	case mode == "concat":
		n.Score, order = lstm.ScoreConcat, []string{"concat_score_weight", "scale"}
	default:
		return nil, l.fail("score_mode=%.60s is not supported", jsonText(mode))
	}
	slots, err := attentionSlots(l, b.version)
	if err != nil {
		return nil, err
	}
	for _, name := range order {
		for _, s := range slots {
			if s.name != name {
				continue
			}
			var shape []int
			if l.class == "AdditiveAttention" {
				shape = []int{query.shape[1]}
			}
			p, err := b.param(l, name, shape...)
			if err != nil {
				return nil, err
			}
			n.Params = append(n.Params, p)
		}
	}
	if val.mask != "" {
		n.Masks = []string{"", val.mask, ""}
	}
	y := b.add(l, n, []int{query.shape[0], val.shape[1]})
	if query.mask != "" {
		op := lstm.OpApplyMask // Keras 2 multiplies by the mask
		if b.version.keras3() {
			op = lstm.OpFillMasked
		}
		y = b.add(l, lstm.Node{Op: op, Inputs: []string{y.node}, Mask: query.mask}, y.shape)
	}
	if b.version.seesListMasks() {
		y.mask = query.mask
	}
	return []value{y}, nil
}

func attentionShapes(l *layer, query, val, key value) error {
	for _, x := range []value{query, val, key} {
		if len(x.shape) != 2 || x.shape[1] < 1 {
			return l.fail("an input has shape %s, expected steps with a known number of features", shapeText(x.shape))
		}
	}
	if a, b := val.shape[0], key.shape[0]; a != b && a >= 0 && b >= 0 {
		return l.fail("the value has %d steps and the key %d", a, b)
	}
	return nil
}

// projections are the dense layers of a MultiHeadAttention, in the order of
// their weights.
var projections = []string{"query", "key", "value", "output"}

func multiHeadSlots(l *layer, _ version) ([]slot, error) {
	o := l.options()
	bias := o.bool("use_bias", true)
	var s []slot
	for _, p := range projections {
		folder := p + "_dense"
		s = append(s, slot{name: p + "_kernel", folder: folder, older: "_" + folder})
		if bias {
			s = append(s, slot{name: p + "_bias", folder: folder, older: "_" + folder})
		}
	}
	return s, o.err
}

// callMultiHead takes the query, the value and perhaps the key, in this order
// or by name.
func callMultiHead(b *builder, l *layer, in []value, args arguments) ([]value, error) {
	for _, name := range []string{"value", "key"} {
		if x, ok := args.tensors[name]; ok {
			in = append(in[:len(in):len(in)], x)
		}
	}
	if len(in) != 2 && len(in) != 3 {
		return nil, l.fail("called with %d tensors, expected a query and a value, and perhaps a key", len(in))
	}
	scores, err := args.bool(l, "return_attention_scores")
	if err != nil {
		return nil, err
	}
	causal, err := l.causal(args)
	if err != nil {
		return nil, err
	}
	query, val, key := in[0], in[1], in[len(in)-1]
	if err := attentionShapes(l, query, val, key); err != nil {
		return nil, err
	}
	o := l.options()
	heads, keyDim, bias, dropout := o.positive("num_heads"), o.positive("key_dim"), o.bool("use_bias", true), o.float("dropout", 0)
	valueDim, units := keyDim, query.shape[1]
	if v := l.config["value_dim"]; v != nil {
		valueDim = o.positive("value_dim")
	}
	switch v := l.config["output_shape"].(type) {
	case nil:
	case []any:
		if n, ok := integer(first(v...)); len(v) == 1 && ok && n > 0 {
			units = n
			break
		}
		return nil, l.fail("output_shape=%.60s is not supported; only one size is", jsonText(v))
	default:
		units = o.positive("output_shape")
	}
	if o.err != nil {
		return nil, o.err
	}
	n := lstm.Node{
		Op: lstm.OpMultiHeadAttention, Inputs: nodesOf([]value{query, val, key}),
		Heads: heads, Units: units, Causal: causal, MaskedScores: lstm.MaskedAdd,
	}
	switch slow := dropout > 0 || scores; {
	case slow && b.version.zeroesSoftmax():
		n.MaskedScores = lstm.MaskedZero
	case !slow && b.version.fusesAttention():
		n.MaskedScores = lstm.MaskedReplace
	}
	for _, p := range []struct {
		option string
		dim    int
		x      value
	}{{"key_dim", keyDim, query}, {"key_dim", keyDim, key}, {"value_dim", valueDim, val}} {
		if steps := p.x.shape[0]; b.version.searchesBias() && b.backend != "jax" && b.backend != "torch" &&
			bias && p.dim == 1 && heads > 1 && (steps == heads || steps < 0) {
			return nil, l.fail("%s=1 with a bias and as many steps as heads (%d) is not supported: Keras 3 on TensorFlow adds the bias to the steps there; use use_bias=False", p.option, heads)
		}
	}
	// shapes in the file and in the graph
	for i, s := range [][2][]int{
		{{query.shape[1], heads, keyDim}, {query.shape[1], heads * keyDim}},
		{{key.shape[1], heads, keyDim}, {key.shape[1], heads * keyDim}},
		{{val.shape[1], heads, valueDim}, {val.shape[1], heads * valueDim}},
		{{heads, valueDim, units}, {heads * valueDim, units}},
	} {
		p, err := b.paramAs(l, projections[i]+"_kernel", s[1], s[0]...)
		if err != nil {
			return nil, err
		}
		n.Params = append(n.Params, p)
		if !bias {
			continue
		}
		shape := s[0][1:]
		if projections[i] == "output" {
			shape = s[0][2:]
		}
		if p, err = b.paramAs(l, projections[i]+"_bias", s[1][1:], shape...); err != nil {
			return nil, err
		}
		n.Params = append(n.Params, p)
	}
	if query.mask != "" || val.mask != "" || key.mask != "" {
		n.Masks = []string{query.mask, val.mask, key.mask}
		if b.version.orLater {
			return nil, l.fail(`has a mask, for which Keras 3.7, 3.8 and 3.10 changed the rules, and the architecture does not say its version; add "keras_version" to the JSON, as in "keras_version": "3.10.0"`)
		}
	}
	y := b.add(l, n, []int{query.shape[0], units})
	y.mask = query.mask
	b.loseMasks(query, val, key)
	return []value{y}, nil
}

// loseMasks takes the masks off the inputs of a MultiHeadAttention, as later
// versions do: whatever else is called with these tensors afterwards sees no mask.
func (b *builder) loseMasks(in ...value) {
	if !b.version.losesMasks() {
		return
	}
	for _, x := range in {
		if x.lost != nil {
			*x.lost = true
		}
	}
}
