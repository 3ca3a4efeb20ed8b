package pickle

import "strings"

// classes are the names a Tokenizer's pickle may mention beside the class of the
// Tokenizer itself, in the spelling of Python 2 and of Python 3.
var classes = map[global]func(m *machine, args []any){
	{"collections", "OrderedDict"}: (*machine).orderedDict,
	{"collections", "defaultdict"}: (*machine).defaultDict,
	{"copyreg", "_reconstructor"}:  (*machine).reconstruct,
	{"copy_reg", "_reconstructor"}: (*machine).reconstruct,
	{"builtins", "int"}:            nil, // named as the default of a defaultdict
	{"__builtin__", "int"}:         nil,
	{"__builtin__", "long"}:        nil,
	{"builtins", "object"}:         nil, // named as the base of a reconstructed class
	{"__builtin__", "object"}:      nil,
}

// isTokenizer recognises the class wherever Keras has kept it:
// keras.preprocessing.text, keras_preprocessing.text,
// keras.src.legacy.preprocessing.text, tensorflow.python.keras.preprocessing.text
// and others.
func (g global) isTokenizer() bool {
	return g.name == "Tokenizer" && (g.module == "keras_preprocessing.text" || strings.HasSuffix(g.module, ".preprocessing.text"))
}

// find pushes a class or function by name. It is a name only: nothing is ever
// imported.
func (m *machine) find(module, name string) {
	g := global{module, name}
	if _, ok := classes[g]; !ok && !g.isTokenizer() {
		refuse("%s is not part of a Keras Tokenizer; if you trust the file, load it in Python and save the text of tokenizer.to_json() instead", g)
	}
	m.push(g)
}

func (m *machine) stackGlobal() {
	names := m.popN(2)
	module, ok := names[0].(string)
	name, ok2 := names[1].(string)
	if !ok || !ok2 {
		damaged("a class is named by a %s and a %s at byte %d", typeName(names[0]), typeName(names[1]), m.at)
	}
	m.find(module, name)
}

// callee pops a callable and its arguments.
func (m *machine) callee() (global, []any) {
	v := m.popN(2)
	g, ok := v[0].(global)
	args, ok2 := v[1].(*tuple)
	if !ok || !ok2 {
		damaged("a %s is called with a %s at byte %d", typeName(v[0]), typeName(v[1]), m.at)
	}
	return g, args.items
}

// reduce does one of the known calls.
func (m *machine) reduce() {
	g, args := m.callee()
	call := classes[g]
	if call == nil {
		refuse("a call of %s is not part of a Keras Tokenizer", g)
	}
	call(m, args)
}

// newObject makes an instance without calling its constructor.
func (m *machine) newObject() {
	g, args := m.callee()
	if !g.isTokenizer() || len(args) != 0 {
		refuse("a new %s is not part of a Keras Tokenizer", g)
	}
	m.count()
	m.push(&object{class: g})
}

// reconstruct is what protocols 0 and 1 do instead of newObject.
func (m *machine) reconstruct(args []any) {
	if len(args) != 3 || args[2] != nil {
		refuse("a reconstruction from %d arguments is not part of a Keras Tokenizer", len(args))
	}
	class, ok := args[0].(global)
	base, ok2 := args[1].(global)
	if !ok || !class.isTokenizer() || !ok2 || base.name != "object" {
		refuse("the reconstruction of %s is not part of a Keras Tokenizer", typeName(args[0]))
	}
	m.count()
	m.push(&object{class: class})
}

// orderedDict makes an OrderedDict, in Python 2 from a list of pairs.
func (m *machine) orderedDict(args []any) {
	d := m.newDict(nil)
	m.push(d)
	if len(args) == 0 {
		return
	}
	pairs, ok := args[0].(*list)
	if !ok || len(args) > 1 {
		refuse("an OrderedDict made from a %s is not part of a Keras Tokenizer", typeName(args[0]))
	}
	for _, v := range pairs.items {
		var pair []any
		switch v := v.(type) {
		case *list:
			pair = v.items
		case *tuple:
			pair = v.items
		}
		if len(pair) != 2 {
			damaged("an OrderedDict is made from something else than pairs")
		}
		d.set(pair[0], pair[1])
	}
}

// defaultDict makes a defaultdict(int).
func (m *machine) defaultDict(args []any) {
	if len(args) > 1 {
		refuse("a defaultdict made from %d arguments is not part of a Keras Tokenizer", len(args))
	}
	if len(args) == 1 && args[0] != nil {
		if g, ok := args[0].(global); !ok || g.name != "int" && g.name != "long" {
			refuse("a defaultdict of %s is not part of a Keras Tokenizer", typeName(args[0]))
		}
	}
	m.push(m.newDict(nil))
}

// build gives an instance its attributes.
func (m *machine) build() {
	v := m.popN(2)
	o, ok := v[0].(*object)
	state, ok2 := v[1].(*dict)
	if !ok || !ok2 {
		refuse("a %s with a state of type %s is not part of a Keras Tokenizer", typeName(v[0]), typeName(v[1]))
	}
	o.state = state
	m.push(o)
}
