package pickle

import "fmt"

// The values a pickle can build here. A str is a string, an int an int64, a float
// a float64; None is nil.
type (
	rawBytes string // Python 3 bytes
	global   struct{ module, name string }
	list     struct{ items []any }
	tuple    struct{ items []any }
	mark     struct{}
	// object is an instance of a class: a record, without any behaviour.
	object struct {
		class global
		state *dict // nil before BUILD
	}
)

// dict is a Python dict, OrderedDict or defaultdict: it keeps the order of first
// insertion. Keys are strings and integers, which is all a Tokenizer uses.
type dict struct {
	keys, values []any
	index        map[any]int // from key to position; built when the dict is no longer small
}

const smallDict = 8

func (d *dict) find(key any) (i int, ok bool) {
	if d.index != nil {
		i, ok = d.index[key]
		return i, ok
	}
	for i, k := range d.keys {
		if k == key {
			return i, true
		}
	}
	return 0, false
}

func (d *dict) get(key string) (value any, ok bool) {
	if i, ok := d.find(key); ok {
		return d.values[i], true
	}
	return nil, false
}

// set assigns as Python does: an existing key keeps its place.
func (d *dict) set(key, value any) {
	switch key.(type) {
	case string, int64:
	default:
		refuse("a dictionary with a key of type %s is not part of a Tokenizer", typeName(key))
	}
	if i, ok := d.find(key); ok {
		d.values[i] = value
		return
	}
	d.keys = append(d.keys, key)
	d.values = append(d.values, value)
	switch n := len(d.keys); {
	case n == smallDict:
		d.index = make(map[any]int, 2*smallDict)
		for i, k := range d.keys {
			d.index[k] = i
		}
	case n > smallDict:
		d.index[key] = n - 1
	}
}

// typeName names a value's type for messages.
func typeName(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return "bool"
	case int64:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case rawBytes:
		return "bytes"
	case *list:
		return "list"
	case *tuple:
		return "tuple"
	case *dict:
		return "dict"
	case global:
		return "the class " + v.String()
	case *object:
		return v.class.String()
	case mark:
		return "a mark"
	}
	panic(fmt.Sprintf("pickle: no name for %T", v))
}

func (g global) String() string {
	const longest = 100 // enough for any real name, too little for a hostile one
	s := g.module + "." + g.name
	if len(s) > longest {
		s = s[:longest] + "..."
	}
	return fmt.Sprintf("%q", s)
}
