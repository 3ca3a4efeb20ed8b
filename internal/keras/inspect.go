package keras

import (
	"errors"
	"slices"
)

// Report is what can be told about a Keras file, whether it can be converted or
// not.
type Report struct {
	Model    *Model    // nil if something is refused
	Refusals []Refusal // why, in the order of the file

	Name         string // of the model
	Format       Format
	KerasVersion string
	Backend      string
	SHA256       string
	Layers       []Layer // of a refused model: Shape is nil behind the first refused layer, Params is -1 where unknown
}

// Refusal is a reason not to convert a model.
type Refusal struct {
	Layer  string // name as in [Layer]; "" = the model as a whole
	Class  string
	Reason string
}

// Inspect reports on the Keras file at path. A file that is none, or damaged,
// is an error; what the converter does not support is in the Report, all layers
// that it refuses with each of their options at fault.
func Inspect(path string, o Options) (*Report, error) {
	b, err := readPath(path)
	if err != nil {
		return nil, err
	}
	r, err := inspect(b, o)
	return r, about(path, byName(path, err))
}

func inspect(b []byte, o Options) (*Report, error) {
	f, err := readFile(b, o)
	if err != nil {
		return nil, err
	}
	r := &Report{Format: f.format, KerasVersion: f.version.text, Backend: f.backend, SHA256: f.sha256}
	if r.Model, err = f.convert(); err == nil {
		r.Name, r.Layers = r.Model.Name, r.Model.Layers
		return r, nil
	}
	if errors.Is(err, ErrFormat) {
		return nil, err
	}
	r.Name = asString(asObject(f.entry["config"])["name"])
	all := &refusals{}
	if isNetwork(asString(f.entry["class_name"])) {
		p := &parser{version: f.version, refusals: all}
		if n, fatal := p.network(f.entry, ""); fatal != nil {
			all.add(fatal)
		} else {
			r.Layers = f.listRefused(n)
		}
	}
	all.add(err)
	r.Refusals = all.list
	return r, nil
}

// listRefused lists the layers of a network that cannot be built, with what is
// known of those before the first that is refused.
func (f *file) listRefused(n *network) []Layer {
	b := f.builder()
	b.shapesOnly = true
	// The errors are those of convert, or follow from it.
	_ = f.load(n)
	_, _ = b.build(n)
	list := b.layerList(n)
	for i := range list {
		if list[i].Params == 0 {
			list[i].Params = -1
		}
	}
	return list
}

// refusals collects reasons not to convert a model.
type refusals struct {
	list []Refusal
}

// add notes an error. On nil it does nothing.
func (r *refusals) add(err error) {
	if r == nil {
		return
	}
	x := Refusal{Reason: err.Error()}
	var l *LayerError
	if errors.As(err, &l) {
		x = Refusal{l.Layer, l.Class, l.Err.Error()}
	}
	// A wrapper may read the layer inside it twice, and convert ends with a
	// refusal that has been found.
	if !slices.Contains(r.list, x) {
		r.list = append(r.list, x)
	}
}

// refusedLayer stands for a layer that is refused, so that the rest is read.
var refusedLayer = layerType{
	slots: func(l *layer, _ version) ([]slot, error) { return nil, l.fail("refused") },
	call: func(_ *builder, l *layer, _ []value) ([]value, error) {
		return nil, l.fail("refused")
	},
}

// standIn notes a layer's error and returns what stands for it. Errors that are
// about no layer stay errors.
func (r *refusals) standIn(l *layer, err error) (*layer, error) {
	var named *LayerError
	if l == nil || !errors.As(err, &named) {
		return nil, err
	}
	r.add(err)
	l.kind, l.op, l.inner, l.parts, l.roles = &refusedLayer, nil, nil, nil, nil
	return l, nil
}
