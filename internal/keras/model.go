package keras

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"coldstream/lstm"
)

// Options of Open and Parse.
type Options struct {
	// Config is the architecture, as written by model.to_json(), of a file that
	// holds weights only. It must be empty for a file that has its own.
	Config []byte
}

// Format is the kind of a Keras file.
type Format string

// Formats.
const (
	FormatH5      Format = "h5"      // model.save("x.h5"): config and weights in HDF5
	FormatArchive Format = "keras"   // model.save("x.keras"): a zip archive
	FormatWeights Format = "weights" // model.save_weights(...): weights alone
)

// Model is a converted Keras model.
type Model struct {
	Graph  lstm.Graph
	Params map[string]lstm.Tensor // the graph's weights, not checked for NaN; may be views into the bytes given to Parse

	Name       string     // of the model in Keras
	Inputs     []Input    // as Graph.Inputs
	Layers     []Layer    // the layers of the file, those of nested models and wrappers behind their owner
	Tokenizer  *Tokenizer // not nil: a TextVectorization, whose ids the only input takes
	NumClasses int        // numbers in the output, if the model has one output and that is a vector; else 0

	KerasVersion string // "2.2.4-tf"
	Backend      string // "tensorflow"; "" where the file does not say
	Config       string // the model's config as the file has it, JSON
	Format       Format
	SHA256       string   // of the file, in hexadecimal
	Notes        []string // what a user should know, one sentence each
}

// Input is an input of a model.
type Input struct {
	Name      string
	Shape     []int // without the batch axis, -1 = variable; one axis for ids, whose length is the model's maxlen
	VocabSize int   // > 0: token ids below this one; 0: values
}

// Layer is a layer of the Keras model.
type Layer struct {
	Name    string // after those of the models around it: "encoder/lstm_1"
	Class   string
	Shape   []int             // of its output without the batch axis, -1 = variable; nil if unused
	Params  int               // numbers in its weights
	Options map[string]string // options that matter, as JSON
	Node    string            // node of the graph with its output; "" if it has several or none
}

// Open reads and converts the Keras file at path.
//
// Errors about one layer are a *LayerError. Files that are no Keras models, or
// damaged, give errors that wrap ErrFormat.
func Open(path string, o Options) (*Model, error) {
	b, err := readPath(path)
	if err != nil {
		return nil, err
	}
	m, err := Parse(b, o)
	return m, about(path, byName(path, err))
}

// about puts the file that an error is about in front of it.
func about(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", path, err)
}

// readPath returns the content of a file.
func readPath(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	switch {
	case info.IsDir():
		return nil, directoryError(path)
	case !info.Mode().IsRegular():
		return nil, notUsable("%s is a device or a pipe; save the model in a file first", path)
	}
	return readAligned(path, info.Size())
}

// readAligned reads a file so that, if it is a .keras archive, the weights in it
// lie at a multiple of 8 in memory: they are used where they are.
func readAligned(path string, size int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const alignment = 8
	shift := int64(0)
	if z, err := zip.NewReader(f, size); err == nil {
		for _, m := range z.File {
			if m.Name != weightsMember {
				continue
			}
			if at, err := m.DataOffset(); err == nil {
				shift = -at & (alignment - 1)
			}
		}
	}
	b := make([]byte, size+alignment)[shift:][:size]
	if _, err := io.ReadFull(f, b); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			err = fmt.Errorf("%s: the file became shorter while it was read", path)
		}
		return nil, err
	}
	return b, nil
}

// Parse converts the Keras file with the content b, which must not change as
// long as the model is used.
func Parse(b []byte, o Options) (*Model, error) {
	f, err := readFile(b, o)
	if err != nil {
		return nil, err
	}
	return f.convert()
}

// file is a Keras file, not converted yet.
type file struct {
	size    int // in bytes, of a separate architecture too
	sha256  string
	format  Format
	config  []byte
	entry   object // the decoded config: class_name and config
	version version
	backend string
	weights *weightFile
	asset   func(name string) ([]byte, error) // a member of a .keras archive; nil in other files
	legacy  bool                              // weights are listed by layer_names, in group base
	base    string                            // of the weights in their file
}

// convert builds the model.
func (f *file) convert() (*Model, error) {
	class := asString(f.entry["class_name"])
	if !isNetwork(class) {
		return nil, aboutSubclass(class)
	}
	if err := (&layer{class: class, entry: f.entry}).checkOrigin(); err != nil {
		return nil, fmt.Errorf("the model: %w", err)
	}
	p := &parser{version: f.version}
	n, err := p.network(f.entry, "")
	if err != nil {
		return nil, err
	}
	if err := f.load(n); err != nil {
		return nil, err
	}
	b := f.builder()
	out, err := b.build(n)
	if err != nil {
		return nil, err
	}
	if err := b.checkExtent(f.size); err != nil {
		return nil, err
	}
	return f.finish(b, n, out)
}

func (f *file) builder() *builder {
	b := newBuilder(f.version)
	b.asset, b.backend = f.asset, f.backend
	return b
}

// build makes the graph of the outermost network.
func (b *builder) build(n *network) ([]value, error) {
	in, err := b.modelInputs(n)
	if err != nil {
		return nil, err
	}
	return b.run(n, in)
}

// load reads the weights into the layers and makes sure that none is left.
func (f *file) load(n *network) error {
	var err error
	_ = n.each(func(l *layer) error {
		policy, _ := dtypePolicy(l.config["dtype"]) // errors have been told of
		f.weights.bfloat16 = f.weights.bfloat16 || policy == "bfloat16"
		return nil
	})
	if f.legacy {
		err = f.weights.loadLegacy(n, f.version, f.base)
	} else {
		if err = f.weights.loadPaths(n, f.version, f.base, f.format == FormatArchive); err == nil {
			err = f.weights.share(n)
		}
	}
	if err != nil {
		return err
	}
	if err := f.weights.leftOver(f.legacy); err != nil {
		return err
	}
	return n.each(func(l *layer) error {
		l.fromCuDNN()
		if f.version.keras1() && l.hasKeras1Gates() {
			return l.joinGates()
		}
		return nil
	})
}

// each calls visit for the layers of a network, those inside other layers
// behind their owner.
func (n *network) each(visit func(*layer) error) error {
	for _, l := range n.layers {
		if err := l.each(visit); err != nil {
			return err
		}
	}
	return nil
}

func (l *layer) each(visit func(*layer) error) error {
	if err := visit(l); err != nil {
		return err
	}
	if l.inner != nil {
		return l.inner.each(visit)
	}
	for _, role := range l.roles {
		if err := l.parts[role].each(visit); err != nil {
			return err
		}
	}
	return nil
}

// finish makes the Model.
func (f *file) finish(b *builder, n *network, out []value) (*Model, error) {
	m := &Model{
		Params:       b.params,
		Name:         n.name,
		KerasVersion: f.version.text,
		Backend:      f.backend,
		Config:       string(f.config),
		Format:       f.format,
		SHA256:       f.sha256,
	}
	for _, x := range out {
		if x.truth != nil {
			return nil, errors.New("an output of the model is a tensor of truth values, which is not supported")
		}
		if x.text {
			return nil, errors.New("an output of the model is of strings, which is not supported")
		}
		b.graph.Outputs = append(b.graph.Outputs, x.node)
	}
	if len(out) == 1 && len(out[0].shape) == 1 {
		m.NumClasses = max(out[0].shape[0], 0)
	}
	m.Graph = b.graph
	if err := b.checkInputs(); err != nil {
		return nil, err
	}
	if err := b.checkTexts(); err != nil {
		return nil, err
	}
	m.Tokenizer = b.tokenizer
	for _, name := range b.graph.Inputs {
		m.Inputs = append(m.Inputs, *b.inputs[name])
	}
	m.Layers = b.layerList(n)
	m.Notes = notes(n)
	if t := m.Tokenizer; t != nil && f.asset != nil && t.hasLineSeparator() {
		m.Notes = append(m.Notes, fmt.Sprintf("the vocabulary of layer %q (TextVectorization) has a word with a line separator in it, at which Keras itself may cut the word when it loads the file, and so give other ids; here they are those of the model that was saved", t.Layer))
	}
	return m, nil
}

// notes collects what a user should know about the conversion.
func notes(n *network) []string {
	var notes []string
	low := ""
	_ = n.each(func(l *layer) error {
		if l.class == "StringLookup" {
			notes = append(notes, fmt.Sprintf("layer %q (StringLookup) is not part of the converted model, which takes the ids that the layer gives", l.path))
		}
		if l.class == "TextVectorization" && l.config["output_sequence_length"] == nil && l.config["split"] != nil {
			notes = append(notes, fmt.Sprintf("layer %q (TextVectorization) has no output_sequence_length: Keras pads texts to the longest of their batch, here all are cut and padded to one length", l.path))
		}
		if p := l.lowPrecision(); p != "" && low == "" && l.op == nil {
			low = p
		}
		return nil
	})
	if low != "" {
		notes = append(notes, fmt.Sprintf("Keras computes this model with the %s policy; converted, it computes in float32, so outputs differ by what float16 loses", low))
	}
	return notes
}

// trimJSON returns a config without what old HDF5 strings may end in.
func trimJSON(s string) []byte { return bytes.Trim([]byte(s), "\x00 \t\r\n") }
