package keras

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"coldstream/lstm"
)

// value is a tensor while the graph is built.
type value struct {
	node  string // of the graph
	shape []int  // without the batch axis, -1 = variable
	mask  string // mask node that goes with it, "" = none
	dtype string // that Keras computed it in, "" = not known
	lost  *bool  // true: a layer has taken the mask off the tensor, see loseMasks
	text  bool   // strings: only the layers of textLayers take them
	truth *truth // not nil: a tensor of truth values made by an operation, and no node
}

// builder runs a network with symbolic tensors, as Keras does, and writes down
// the nodes.
type builder struct {
	version    version
	backend    string // that Keras ran on, "" if the file does not say
	graph      lstm.Graph
	params     map[string]lstm.Tensor
	paramNames map[paramKey]string // in params; a layer that is used twice has its variables once
	names      map[string]int      // of nodes, with how often each was asked for
	inputs     map[string]*Input
	masks      map[string]string            // mask nodes by what they are made of
	maskAxes   map[string]int               // axes of a mask node, where it is not 1
	calls      int                          // uses of layers so far
	outputs    map[*layer][]value           // of the first use of each layer
	shapes     map[string][]int             // of the nodes' outputs
	numbers    float64                      // that a row of input becomes
	folded     float64                      // rows that a row of input is at this place: steps of TimeDistributed layers
	strings    map[string]bool              // inputs that are of strings in Keras
	readers    map[string]*layer            // which layers make ids of them
	tokenizer  *Tokenizer                   // what a TextVectorization is
	shapesOnly bool                         // weights may be missing: the graph is not used
	asset      func(string) ([]byte, error) // a member of a .keras file; nil in others
}

// paramKey is a variable of a layer.
type paramKey struct {
	layer *layer
	name  string
}

func newBuilder(v version) *builder {
	return &builder{
		version:    v,
		params:     map[string]lstm.Tensor{},
		paramNames: map[paramKey]string{},
		names:      map[string]int{},
		inputs:     map[string]*Input{},
		masks:      map[string]string{},
		maskAxes:   map[string]int{},
		outputs:    map[*layer][]value{},
		shapes:     map[string][]int{},
		folded:     1,
		strings:    map[string]bool{},
		readers:    map[string]*layer{},
	}
}

// add adds a node named after l and returns its output.
func (b *builder) add(l *layer, n lstm.Node, shape []int) value {
	n.Name = b.unique(l.path)
	b.count(&n, shape)
	b.graph.Nodes = append(b.graph.Nodes, n)
	return value{node: n.Name, shape: shape}
}

// unique returns name, with a number behind it if a node has that name: a layer
// may be used several times.
func (b *builder) unique(name string) string {
	free := name
	for b.names[free] > 0 {
		free = fmt.Sprintf("%s#%d", name, b.names[name])
		b.names[name]++
	}
	b.names[free]++
	return free
}

// param puts a variable of l into the graph's weights and returns its name. The
// variable must have the given shape.
func (b *builder) param(l *layer, name string, shape ...int) (string, error) {
	return b.paramAs(l, name, shape, shape...)
}

// paramAs is param for a variable that the graph knows by another shape.
func (b *builder) paramAs(l *layer, name string, as []int, shape ...int) (string, error) {
	t, ok := l.tensors[name]
	if !ok && b.shapesOnly {
		return "", nil
	}
	if !ok {
		return "", l.fail("the file has no %s", name)
	}
	if !equalShapes(t.Shape, shape) {
		return "", l.fail("%s (%s) has shape %s, expected %s", name, t.from, shapeText(t.Shape), shapeText(shape))
	}
	key := paramKey{l, name}
	full, ok := b.paramNames[key]
	if !ok {
		full = l.path + "/" + name
		for i := 1; b.params[full].Shape != nil; i++ { // layer names may have slashes too
			full = fmt.Sprintf("%s/%s#%d", l.path, name, i)
		}
		b.paramNames[key] = full
		p := t.Tensor
		p.Shape = as
		b.params[full] = p
	}
	return full, nil
}

// input adds an input of the model.
func (b *builder) input(name string, shape []int) value {
	n := lstm.Node{Name: b.unique(name), Op: lstm.OpInput, Shape: shape}
	b.count(&n, shape)
	b.graph.Nodes = append(b.graph.Nodes, n)
	b.graph.Inputs = append(b.graph.Inputs, n.Name)
	b.inputs[n.Name] = &Input{Name: n.Name, Shape: shape}
	return value{node: n.Name, shape: shape}
}

// markIDs notes that an input is of token ids below vocab.
func (b *builder) markIDs(l *layer, x value, vocab int) error {
	in := b.inputs[x.node]
	if in == nil {
		return l.fail("the ids are computed by other layers, which is not supported; feed them to the model's input")
	}
	if len(x.shape) < 1 {
		return l.fail("the input has shape %s; only sequences of ids are supported", shapeText(x.shape))
	}
	if in.VocabSize == 0 || vocab < in.VocabSize {
		in.VocabSize = vocab
	}
	return nil
}

// maskIDs returns the node of the mask that is true where an id is not 0.
func (b *builder) maskIDs(x value) string {
	m := b.mask("ids "+x.node, lstm.Node{Name: x.node + "/mask", Op: lstm.OpMaskIDs, Inputs: []string{x.node}})
	if len(x.shape) > 1 {
		b.maskAxes[m] = len(x.shape)
	}
	return m
}

// maskSteps returns the node of the mask that is true where a feature is not v.
func (b *builder) maskSteps(x value, v float32) string {
	key := fmt.Sprintf("steps %s %x", x.node, math.Float32bits(v))
	return b.mask(key, lstm.Node{Name: x.node + "/mask", Op: lstm.OpMaskSteps, Inputs: []string{x.node}, MaskValue: v})
}

func (b *builder) mask(key string, n lstm.Node) string {
	if m, ok := b.masks[key]; ok {
		return m
	}
	n.Name = b.unique(n.Name)
	b.masks[key] = n.Name
	b.graph.Nodes = append(b.graph.Nodes, n)
	return n.Name
}

// run calls network n with the given tensors and returns its outputs.
func (b *builder) run(n *network, in []value) ([]value, error) {
	if n.sequential() {
		return b.runSequential(n, in)
	}
	return b.runFunctional(n, in)
}

func (b *builder) runSequential(n *network, x []value) ([]value, error) {
	for i, l := range n.layers {
		if l.class == "InputLayer" {
			if i > 0 {
				return nil, l.fail("an InputLayer behind other layers")
			}
			b.note(l, x)
			continue
		}
		var err error
		if x, err = b.apply(l, x); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// maxCalls bounds the uses of layers: a model in a model in a model, each used
// twice, would grow without end.
const maxCalls = 100000

// apply calls a layer with tensors.
func (b *builder) apply(l *layer, in []value) ([]value, error) {
	return b.applyWith(l, in, arguments{})
}

// applyWith calls a layer with tensors and further arguments.
func (b *builder) applyWith(l *layer, in []value, args arguments) ([]value, error) {
	if b.calls++; b.calls > maxCalls {
		return nil, fmt.Errorf("the model uses its layers more than %d times", maxCalls)
	}
	for i, x := range in {
		if x.truth != nil {
			return nil, l.fail("called with the truth values of an operation, which is not supported")
		}
		if b.maskAxes[x.mask] > 1 && l.kind != nil && l.kind.mask == ownMask && l.class != "TimeDistributed" {
			return nil, l.fail("its input has a mask with %d axes, which only TimeDistributed layers support", b.maskAxes[x.mask])
		}
		if b.losesMaskByCast(l, x) {
			if b.version.unsaid() {
				return nil, l.fail("computes in %s what comes in %s with a mask, which Keras before 3.15 loses on the way, and the architecture does not say its version; add \"keras_version\" to the JSON, as in \"keras_version\": \"3.10.0\"", l.computeDtype(), x.dtype)
			}
			in = slices.Clone(in)
			in[i].mask = ""
		}
		if x.text && l.inner == nil && textLayers[l.class] == nil {
			return nil, l.fail("called with texts; only TextVectorization takes them, as the first layer")
		}
	}
	var out []value
	var err error
	switch {
	case l.inner != nil:
		out, err = b.run(l.inner, in)
	case l.kind.callArgs != nil:
		out, err = l.kind.callArgs(b, l, in, args)
	default:
		out, err = l.kind.call(b, l, in)
	}
	if err != nil {
		return nil, l.wrap(err)
	}
	for i := range out {
		if out[i].lost == nil {
			out[i].lost = new(bool)
		}
		if l.kind != nil {
			out[i].dtype = l.computeDtype()
		}
	}
	if l.kind != nil && l.kind.mask != ownMask {
		for i := range out {
			out[i].mask = ""
			if l.kind.mask == keepMask {
				out[i].mask = in[0].mask
			}
		}
	}
	b.note(l, out)
	return out, nil
}

// runFunctional makes every call of a Functional model and returns its outputs.
func (b *builder) runFunctional(n *network, in []value) ([]value, error) {
	if len(in) != len(n.inputs) {
		return nil, fmt.Errorf("model %q is called with %d tensors, expected %d", n.name, len(in), len(n.inputs))
	}
	f := functionalRun{builder: b, network: n, layers: map[string]*layer{}, done: map[callKey][]value{}}
	for _, l := range n.layers {
		f.layers[l.name] = l
	}
	for i, r := range n.inputs {
		l := f.layers[r.layer]
		if l == nil || l.class != "InputLayer" {
			return nil, fmt.Errorf("input %q of model %q is not an InputLayer", r.layer, n.name)
		}
		f.done[callKey{r.layer, 0}] = in[i : i+1]
		b.note(l, in[i:i+1])
	}
	if b.version.losesMasks() && n.has("MultiHeadAttention") {
		for _, k := range n.executionOrder() {
			if _, err := f.result(k); err != nil {
				return nil, err
			}
		}
	}
	// The layers run in the order of the config as far as they can, for nodes in
	// a natural order.
	for _, l := range n.layers {
		for i := range l.calls {
			if _, err := f.result(callKey{l.name, l.firstCall + i}); err != nil {
				return nil, err
			}
		}
	}
	var out []value
	for _, r := range n.outputs {
		v, err := f.value(r)
		if err != nil {
			return nil, fmt.Errorf("output of model %q: %w", n.name, err)
		}
		out = append(out, v)
	}
	return out, nil
}

type callKey struct {
	layer string
	call  int
}

// functionalRun is one pass through a Functional model.
type functionalRun struct {
	*builder
	network *network
	layers  map[string]*layer
	done    map[callKey][]value // nil while under way
}

// value returns the tensor that r refers to.
func (f *functionalRun) value(r ref) (value, error) {
	out, err := f.result(callKey{r.layer, r.call})
	if err != nil {
		return value{}, err
	}
	if r.output >= len(out) {
		l := f.layers[r.layer]
		if l.isAttention() {
			return value{}, l.fail("its scores are used (return_attention_scores=true), which is not supported; use its first output alone")
		}
		return value{}, l.fail("its output %d is used, but it has %d", r.output, len(out))
	}
	v := out[r.output]
	if v.lost != nil && *v.lost {
		v.mask = ""
	}
	return v, nil
}

// result returns the outputs of a call, made now if it has not been yet.
func (f *functionalRun) result(k callKey) ([]value, error) {
	if out, ok := f.done[k]; ok {
		if out == nil {
			return nil, fmt.Errorf("layer %q is called with its own output", k.layer)
		}
		return out, nil
	}
	l := f.layers[k.layer]
	if l == nil {
		return nil, fmt.Errorf("a layer refers to layer %q, which is not there", k.layer)
	}
	i := k.call - l.firstCall
	if i < 0 || i >= len(l.calls) {
		return nil, l.fail("its call %d is referred to, but it has %d", k.call, len(l.calls))
	}
	f.done[k] = nil
	out, err := f.call(l, l.calls[i])
	if err != nil {
		return nil, err
	}
	f.done[k] = out
	return out, nil
}

func (f *functionalRun) flatten(l *layer, o operand) ([]value, error) {
	if o.from != nil {
		v, err := f.value(*o.from)
		return []value{v}, err
	}
	if o.list == nil {
		return nil, l.fail("called with the constant %.60s, which is not supported", jsonText(o.json))
	}
	var all []value
	for _, e := range o.list {
		v, err := f.flatten(l, e)
		if err != nil {
			return nil, err
		}
		all = append(all, v...)
	}
	return all, nil
}

// maskless reports whether a mask argument is a list of nothing but None.
func (o operand) maskless() bool {
	for _, e := range o.list {
		if !e.none() {
			return false
		}
	}
	return o.list != nil
}

func (o operand) text() string {
	switch {
	case o.from != nil:
		return "the output of " + o.from.layer
	case o.list != nil:
		return "a list"
	}
	return jsonText(o.json)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func equalShapes(a, b []int) bool { return slices.Equal(a, b) }

// shapeText formats a shape as [28 128], with ? for a variable size.
func shapeText(shape []int) string {
	return strings.ReplaceAll(fmt.Sprint(shape), "-1", "?")
}
