package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"coldstream/internal/cli"
	"coldstream/internal/keras"
	"coldstream/internal/report"
	"coldstream/weights"
	"coldstream/weights/zst"
)

func newInspect() *cobra.Command {
	var asJSON, verify bool
	var config string
	cmd := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Show what is in a model file or a Keras file",
		Long: `Show layers, shapes, parameters, tokenizer, labels, provenance and check vectors
of a model file, or the layers of a Keras file, a TextVectorization in it, and
whether it can be converted: if not, every layer that is refused and why.
--verify runs the check vectors of a model file and fails if an output is off by
more than 1e-6.

--json prints one object: file, bytes, kind, name, keras_version, backend,
source_sha256, inputs and outputs (name, shape), layers (name, class, shape,
parameters, options), parameters, tokenizer, words, notes; of a Keras file
convertible and, if it is not, refused (layer, class, reason); of a model file
dtype, labels, converter and checks. Shapes are without the batch, -1 is any
length, null unknown.`,
		Example: `  coldstream inspect origin.safetensors.zst --verify
  coldstream inspect origin.h5
  coldstream inspect origin.safetensors.zst --json | jq .parameters`,
		Args: cli.Args("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := cli.Abandonable(cmd.Context(), func() (*description, error) { return describe(args[0], config, verify) })
			if err != nil {
				return err
			}
			if asJSON {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				e.SetEscapeHTML(false)
				return e.Encode(d)
			}
			return d.write(cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&verify, "verify", false, "run the check vectors")
	cmd.Flags().StringVar(&config, "config", "", "architecture `FILE` (model.to_json()) for a Keras file with weights only")
	return cmd
}

// description is what inspect knows about a file. Shapes are without the batch
// axis; -1 is any length.
type description struct {
	File         string             `json:"file"`
	Bytes        int64              `json:"bytes"`
	Kind         string             `json:"kind"`
	Name         string             `json:"name"`
	Inputs       []inputDescription `json:"inputs"`
	Outputs      []layerDescription `json:"outputs"`
	Layers       []layerDescription `json:"layers"`
	Parameters   int                `json:"parameters"`
	DType        string             `json:"dtype,omitempty"`      // of a model file's weights
	DTypeLoss    *weights.Loss      `json:"dtype_loss,omitempty"` // what it costs
	Labels       []string           `json:"labels"`
	Tokenizer    json.RawMessage    `json:"tokenizer"`
	Words        int                `json:"words"`
	KerasVersion string             `json:"keras_version"`
	Backend      string             `json:"backend,omitempty"`
	SourceSHA256 string             `json:"source_sha256"`
	Converter    string             `json:"converter,omitempty"`
	Checks       []checkDescription `json:"checks"`
	LargestError *float64           `json:"largest_error,omitempty"` // of the checks, where they were run
	Notes        []string           `json:"notes,omitempty"`

	Convertible *bool                `json:"convertible,omitempty"` // of Keras files
	Refused     []refusalDescription `json:"refused,omitempty"`     // why not
}

// refusalDescription is a reason not to convert a Keras file. An empty layer
// means the model as a whole.
type refusalDescription struct {
	Layer  string `json:"layer"`
	Class  string `json:"class"`
	Reason string `json:"reason"`
}

type inputDescription struct {
	Name      string `json:"name"`
	Shape     []int  `json:"shape"`
	VocabSize int    `json:"vocab_size,omitempty"` // token ids are below it; 0 = values
}

type layerDescription struct {
	Name    string            `json:"name"`
	Class   string            `json:"class"`
	Shape   []int             `json:"shape"`
	Params  int               `json:"parameters"` // -1 = unknown, in a Keras file that is refused
	Options map[string]string `json:"options,omitempty"`
}

type checkDescription struct {
	Origin string `json:"origin"`
	Rows   int    `json:"rows"`
	Texts  bool   `json:"texts"`
}

// describe looks into the file at path. A config is for Keras files that hold
// weights only.
func describe(path, config string, verify bool) (*description, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	kind := ""
	if !info.IsDir() {
		if kind, err = kerasKind(path); err != nil {
			return nil, err
		}
	}
	ours := kind == ""
	if ours {
		if ours, err = looksLikeOurs(path, info); err != nil {
			return nil, err
		}
	}
	var d *description
	switch {
	case kind == "" && config != "":
		return nil, fmt.Errorf("%s is not a Keras file, so --config does not apply", path)
	case ours:
		d, err = describeModel(path, verify)
	case verify && kind != "":
		return nil, fmt.Errorf("%s is a Keras file and holds no check vectors; coldstream convert makes a file that does", path)
	default:
		d, err = describeKeras(path, config)
	}
	if err != nil {
		return nil, err
	}
	d.File, d.Bytes = path, info.Size()
	return d, nil
}

// looksLikeOurs reports whether a file begins as model files do, compressed or
// not. What does not is Keras' or of a kind that its reader knows by name.
func looksLikeOurs(path string, info os.FileInfo) (bool, error) {
	if info.IsDir() {
		return false, nil
	}
	head := make([]byte, 9)
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return false, err
	}
	return bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")) || n == 9 && head[7] == 0 && head[8] == '{', nil
}

func describeKeras(path, config string) (*description, error) {
	var o keras.Options
	if config != "" {
		var err error
		if o.Config, err = cli.ReadFile(config); err != nil {
			return nil, err
		}
	}
	r, err := keras.Inspect(path, o)
	if err != nil {
		return nil, err
	}
	d := &description{Kind: "Keras " + string(r.Format), Name: r.Name, KerasVersion: r.KerasVersion, Backend: r.Backend, SourceSHA256: r.SHA256}
	convertible := r.Model != nil
	d.Convertible = &convertible
	for _, x := range r.Refusals {
		d.Refused = append(d.Refused, refusalDescription(x))
	}
	shapes := make(map[string]layerDescription)
	for _, l := range r.Layers {
		layer := layerDescription{l.Name, l.Class, l.Shape, l.Params, l.Options}
		d.Layers = append(d.Layers, layer)
		if l.Node != "" {
			shapes[l.Node] = layer
		}
	}
	m := r.Model
	if m == nil {
		return d, nil
	}
	d.Notes = m.Notes
	for _, in := range m.Inputs {
		d.Inputs = append(d.Inputs, inputDescription{in.Name, in.Shape, in.VocabSize})
	}
	for _, name := range m.Graph.Outputs {
		d.Outputs = append(d.Outputs, layerDescription{Name: name, Class: shapes[name].Class, Shape: shapes[name].Shape})
	}
	for _, t := range m.Params {
		d.Parameters += len(t.Data)
	}
	if t := m.Tokenizer; t != nil {
		if d.Tokenizer, err = t.Config.MarshalJSON(); err != nil {
			return nil, err
		}
		d.Words = t.Vocab.Len()
	}
	return d, nil
}

func describeModel(path string, verify bool) (*description, error) {
	f, err := zst.ReadFile(path)
	if err != nil {
		return nil, err
	}
	d := &description{
		Kind: "model file, format " + weights.FormatVersion, Name: f.Name, Labels: f.Labels, Words: len(f.Vocab.Offsets),
		KerasVersion: f.KerasVersion, SourceSHA256: f.SourceSHA256, Converter: f.Converter,
		DType: cmp.Or(f.DType, weights.F32), DTypeLoss: f.Loss,
	}
	if f.Tokenizer != "" {
		d.Tokenizer = json.RawMessage(f.Tokenizer)
		d.Words-- // there is one offset more than words
	}
	shapes, err := nodeShapes(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	vocab := vocabSizes(f)
	for _, n := range f.Graph.Nodes {
		l := layerDescription{Name: n.Name, Class: string(n.Op), Shape: shapes[n.Name]}
		for _, p := range n.Params {
			t := f.Params[p]
			l.Params += t.Size()
		}
		d.Layers = append(d.Layers, l)
	}
	for _, name := range f.Graph.Inputs {
		d.Inputs = append(d.Inputs, inputDescription{name, shapes[name], vocab[name]})
	}
	for _, name := range f.Graph.Outputs {
		d.Outputs = append(d.Outputs, layerDescription{Name: name, Shape: shapes[name]})
	}
	for _, t := range f.Params {
		d.Parameters += t.Size()
	}
	for _, g := range f.Goldens {
		d.Checks = append(d.Checks, checkDescription{g.Origin, g.Rows, g.Texts != nil})
	}
	if verify {
		worst, err := f.Verify()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		d.LargestError = &worst
	}
	return d, nil
}

// write prints the description for people.
func (d *description) write(w io.Writer) error {
	facts := [][]string{
		{"file", fmt.Sprintf("%s (%s, %s bytes)", d.File, d.Kind, report.Thousands(int(d.Bytes)))},
	}
	if d.Name != "" {
		facts = append(facts, []string{"name", d.Name})
	}
	for _, in := range d.Inputs {
		what := "values"
		if in.VocabSize > 0 {
			what = fmt.Sprintf("token ids below %s", report.Thousands(in.VocabSize))
		}
		facts = append(facts, []string{"input", fmt.Sprintf("%s, %s: %s", in.Name, shapeText(in.Shape), what)})
	}
	for _, out := range d.Outputs {
		facts = append(facts, []string{"output", fmt.Sprintf("%s, %s", out.Name, shapeText(out.Shape))})
	}
	if d.Convertible == nil || *d.Convertible {
		facts = append(facts, []string{"parameters", report.Thousands(d.Parameters)})
	}
	if d.DTypeLoss != nil {
		facts = append(facts, []string{"dtype", d.DType + ": " + lossText(d.DTypeLoss)})
	} else if d.DType != "" {
		facts = append(facts, []string{"dtype", d.DType})
	}
	if d.Labels != nil {
		facts = append(facts, []string{"labels", strings.Join(d.Labels, ", ")})
	}
	if d.Tokenizer != nil {
		facts = append(facts, []string{"tokenizer", fmt.Sprintf("%s words; %s", report.Thousands(d.Words), d.Tokenizer)})
	}
	from := "Keras " + d.KerasVersion
	if d.Backend != "" {
		from += " on " + d.Backend
	}
	facts = append(facts, []string{"source", fmt.Sprintf("%s, sha256 %s", from, d.SourceSHA256)})
	if d.Converter != "" {
		facts = append(facts, []string{"converter", d.Converter})
	}
	for _, c := range d.Checks {
		what := "inputs"
		if c.Texts {
			what = "texts"
		}
		facts = append(facts, []string{"check", fmt.Sprintf("%d %s, outputs by %s", c.Rows, what, c.Origin)})
	}
	for _, note := range d.Notes {
		facts = append(facts, []string{"note", note})
	}
	if d.LargestError != nil {
		facts = append(facts, []string{"verified", fmt.Sprintf("largest error %.2g, %.0e is allowed", *d.LargestError, weights.Tolerance)})
	}
	if d.Convertible != nil && *d.Convertible {
		facts = append(facts, []string{"convertible", "yes"})
	}
	for _, r := range d.Refused {
		what := ""
		if r.Layer != "" {
			what = fmt.Sprintf("layer %q (%s): ", r.Layer, r.Class)
		}
		facts = append(facts, []string{"refused", what + r.Reason})
	}
	for _, f := range facts {
		if _, err := fmt.Fprintf(w, "%-11s %s\n", f[0], report.Printable(f[1])); err != nil {
			return err
		}
	}
	if len(d.Layers) == 0 {
		return nil
	}
	rows := [][]string{{"layer", "class", "shape", "parameters"}}
	for _, l := range d.Layers {
		params := "-"
		if l.Params >= 0 {
			params = report.Thousands(l.Params)
		}
		rows = append(rows, []string{report.Printable(l.Name), report.Printable(l.Class), shapeText(l.Shape), params})
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return report.WriteColumns(w, rows)
}

// shapeText writes a shape, with ? for an axis of any length.
func shapeText(shape []int) string {
	if shape == nil {
		return "-"
	}
	return strings.ReplaceAll(fmt.Sprint(shape), "-1", "?")
}
