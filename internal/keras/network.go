package keras

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// maxLayers bounds the layers of a file, those of nested models included.
const maxLayers = 10000

// network is a model's config: a Sequential or a Functional model. Layers may
// be networks themselves.
type network struct {
	class   string // as in the file: "Sequential", "Functional" or "Model"
	name    string
	config  object
	entry   object // object that class and config stood in
	layers  []*layer
	inputs  []ref // Functional only
	outputs []ref // Functional only
}

// sequential reports whether each layer simply follows the one before it.
func (n *network) sequential() bool { return n.class == "Sequential" }

// layer is one layer of a network's config.
type layer struct {
	class  string
	name   string
	path   string // unique: the name after those of the networks around it, "encoder/lstm_1"
	config object
	entry  object     // object that class and config stood in
	kind   *layerType // nil for a nested network and an operation
	op     *operation // nil for a layer
	inner  *network   // a nested network, else nil
	// parts are the layers inside a wrapper, each named after its role in the
	// wrapper, which is also its folder in a .keras file.
	parts map[string]*layer
	roles []string // of parts, in the order of their weights
	calls []call   // Functional only: one for each time the layer is used

	statesUsed bool // Functional only: something uses an output but the first

	firstCall int // number by which the first of calls is referred to

	group   string            // of the layer in a .keras file, once loaded
	tensors map[string]tensor // variables by slot name, once loaded
}

// call is one use of a layer in a Functional model.
type call struct {
	args   []operand
	kwargs map[string]operand
}

// operand is an argument of a call: the output of another layer, a list of
// operands, or a constant.
type operand struct {
	from *ref
	list []operand
	json any
}

// none reports whether the operand is Python's None.
func (o operand) none() bool { return o.from == nil && o.list == nil && o.json == nil }

// ref names an output of a call of a layer of the same network.
type ref struct {
	layer  string
	call   int
	output int
}

// parser reads the config of one file.
type parser struct {
	version version
	layers  int // read so far

	refusals *refusals // where refused layers are collected; nil = the first one is the error
}

// network reads an object with class_name and config as a model. path is that
// of the network itself, "" for the outermost one.
func (p *parser) network(entry object, path string) (*network, error) {
	n := &network{class: asString(entry["class_name"]), entry: entry}
	var list any
	switch c := entry["config"].(type) {
	case []any: // Sequential up to Keras 2.2.2
		list = c
	case object:
		n.config = c
		n.name = asString(c["name"])
		list = c["layers"]
	}
	layers, ok := list.([]any)
	if !ok {
		return nil, fmt.Errorf("the config of a %s model has no list of layers", n.class)
	}
	if err := n.checkKeys(); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, v := range layers {
		l, err := p.layer(asObject(v), path)
		if err != nil {
			return nil, err
		}
		if seen[l.name] {
			return nil, l.fail("two layers of one model have this name")
		}
		seen[l.name] = true
		n.layers = append(n.layers, l)
	}
	if len(n.layers) == 0 {
		return nil, errors.New("the model has no layers")
	}
	if n.sequential() {
		return n, nil
	}
	return n, p.connect(n, layers)
}

// checkKeys refuses what a model's config may not say.
func (n *network) checkKeys() error {
	known := "name trainable layers dtype build_input_shape"
	if !n.sequential() {
		known = "name trainable layers dtype input_layers output_layers"
	}
	for k := range n.config {
		if !containsWord(known, k) {
			return fmt.Errorf("model %q (%s): unknown option %q", n.name, n.class, k)
		}
	}
	return nil
}

// isNetwork reports whether class is a model with a graph of layers in its
// config. A subclassed model that registers itself under such a name has a
// config of its own and is refused as an unknown class.
func isNetwork(class string) bool {
	return class == "Sequential" || class == "Functional" || class == "Model"
}

// layer reads an object with class_name and config. around is the path of the
// network or wrapper it stands in.
func (p *parser) layer(entry object, around string) (*layer, error) {
	l, err := p.readLayer(entry, around)
	if err != nil && p.refusals != nil {
		return p.refusals.standIn(l, err)
	}
	return l, err
}

// readLayer is layer that returns what it knows of a layer that is refused too.
func (p *parser) readLayer(entry object, around string) (*layer, error) {
	if p.layers++; p.layers > maxLayers {
		return nil, fmt.Errorf("more than %d layers", maxLayers)
	}
	l := &layer{class: asString(entry["class_name"]), entry: entry, config: asObject(entry["config"])}
	if l.name = asString(entry["name"]); l.name == "" {
		l.name = asString(l.config["name"])
	}
	if printable(l.class) != l.class {
		return nil, fmt.Errorf("a layer of the class %q is not supported", l.class)
	}
	if l.class == "" || l.config == nil && !isNetwork(l.class) {
		return nil, fmt.Errorf("an entry of the layer list has no class_name or config: %.60s", jsonText(entry))
	}
	if l.name == "" && isNetwork(l.class) {
		l.name = snakeCase(l.class)
	}
	if l.name == "" {
		return nil, fmt.Errorf("a %s layer without a name", l.class)
	}
	if l.path = l.name; around != "" {
		l.path = around + "/" + l.name
	}
	if err := l.checkOrigin(); err != nil {
		return l, l.wrap(err)
	}
	if isNetwork(l.class) {
		inner, err := p.network(entry, l.path)
		l.inner = inner
		return l, l.wrap(err)
	}
	if isOperation(entry, p.version) {
		if l.op = operations[l.class]; l.op == nil {
			return l, l.fail("this Keras operation is not supported; use a Keras layer for it")
		}
		return l, l.checkOperation()
	}
	if p.version.keras1() {
		l.config = fromKeras1(l.class, l.config)
	}
	l.kind = layerTypes[l.class]
	if l.kind == nil {
		return l, l.fail("%s", unsupportedClass(l.class))
	}
	if err := l.checkEachOption(p.refusals); err != nil {
		return l, l.wrap(err)
	}
	if l.kind.parts != nil {
		if err := l.kind.parts(p, l); err != nil {
			return l, l.wrap(err)
		}
	}
	return l, nil
}

// part reads the layer config that a wrapper has under key and keeps it under
// the name of its role.
func (p *parser) part(l *layer, role string, entry object) error {
	if entry == nil {
		return fmt.Errorf("no config of the wrapped layer (%s)", role)
	}
	inner, err := p.layer(entry, l.path)
	if err != nil {
		return err
	}
	if inner.inner != nil && l.class != "TimeDistributed" {
		return fmt.Errorf("a %s inside a %s is not supported", inner.class, l.class)
	}
	inner.setPath(l.path + "/" + role)
	if l.parts == nil {
		l.parts = map[string]*layer{}
	}
	l.parts[role] = inner
	l.roles = append(l.roles, role)
	return nil
}

// setPath changes the path of a layer and of the layers inside it.
func (l *layer) setPath(path string) {
	old := l.path
	_ = l.each(func(x *layer) error {
		if rest, ok := strings.CutPrefix(x.path, old); ok {
			x.path = path + rest
		}
		return nil
	})
}

// checkOrigin refuses classes that are not Keras' own but may carry the name of
// one that is.
func (l *layer) checkOrigin() error {
	if r := asString(l.entry["registered_name"]); r != "" && r != l.class {
		return fmt.Errorf("the custom class %q is not supported; build the model from Keras' own layers", r)
	}
	m := asString(l.entry["module"])
	if m == "" || m == "keras" || strings.HasPrefix(m, "keras.") || strings.HasPrefix(m, "tf_keras.") || m == "tf_keras" {
		return nil
	}
	return fmt.Errorf("the class comes from module %q, not from Keras; build the model from Keras' own layers", m)
}

// unsupportedClass says what to do about a class that is not in the table.
func unsupportedClass(class string) string {
	switch {
	case class == "Lambda":
		return "holds Python code, which is never run; replace it by Keras' own layers"
	case class == "TFOpLambda" || class == "SlicingOpLambda":
		return "a TensorFlow function applied to a Keras tensor is not supported; use a Keras layer for it"
	case strings.Contains(class, ">"):
		return "a custom class is not supported; build the model from Keras' own layers"
	}
	return "this class is not supported; build the model from Keras' own layers that are"
}

// containsWord reports whether word is one of those in a list parted by spaces.
func containsWord(list, word string) bool {
	for w := range strings.FieldsSeq(list) {
		if w == word {
			return true
		}
	}
	return false
}

var (
	wordStart = regexp.MustCompile(`(.)([A-Z][a-z]+)`)
	caseStep  = regexp.MustCompile(`([a-z])([A-Z])`)
)

// snakeCase is Keras' to_snake_case: the folder of a class in a .keras file.
func snakeCase(class string) string {
	s := wordStart.ReplaceAllString(class, "${1}_${2}")
	return strings.ToLower(caseStep.ReplaceAllString(s, "${1}_${2}"))
}
