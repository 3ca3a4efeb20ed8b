// Package jsonrows runs a network on JSON: each row of inputs is one JSON array
// (of token ids or of numbers, nested like the input's shape) and each answer
// one JSON array shaped like the output. Start with New, then Model.Parse and
// Model.Append.
package jsonrows

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"coldstream/internal/sentiment"
	"coldstream/lstm"
	"coldstream/weights"
)

// Model answers rows. It is not safe for concurrent use.
type Model struct {
	model   *lstm.Model
	scratch *lstm.Scratch
	inputs  []input
	outputs int
}

// input is one input of the graph.
type input struct {
	name  string
	shape []int // -1 = variable
	ids   bool  // token ids; values otherwise
}

// Row is one row of inputs, parsed.
type Row struct {
	inputs []lstm.Input
}

// New returns a Model over f that works on up to threads processors.
func New(f *weights.File, threads int) (*Model, error) {
	m, err := lstm.New(f.Graph, f.Params, lstm.Options{})
	if err != nil {
		return nil, err
	}
	r := &Model{model: m, scratch: m.NewScratch(threads), outputs: len(f.Graph.Outputs)}
	for _, name := range f.Graph.Inputs {
		in := input{name: name}
		for _, n := range f.Graph.Nodes {
			if n.Name == name {
				in.shape = n.Shape
			}
			if (n.Op == lstm.OpEmbedding || n.Op == lstm.OpMaskIDs) && slices.Contains(n.Inputs, name) {
				in.ids = true
			}
		}
		r.inputs = append(r.inputs, in)
	}
	return r, nil
}

// TakesIDs reports whether an input of the model wants token ids.
func (m *Model) TakesIDs() bool {
	return slices.ContainsFunc(m.inputs, func(in input) bool { return in.ids })
}

// TakesValues reports whether an input of the model wants numbers.
func (m *Model) TakesValues() bool {
	return slices.ContainsFunc(m.inputs, func(in input) bool { return !in.ids })
}

// Parse reads a row: the array of the only input, or an array with one array
// for each input.
func (m *Model) Parse(line []byte) (Row, error) {
	if !json.Valid(line) {
		return Row{}, errors.New("not JSON")
	}
	p := parser{rest: line}
	if p.next() != '[' {
		return Row{}, errors.New("not a JSON array")
	}
	if len(m.inputs) == 1 {
		in, err := m.inputs[0].parse(&p)
		return Row{[]lstm.Input{in}}, err
	}
	var r Row
	for p.open(); p.next() != ']'; p.comma() {
		if len(r.inputs) == len(m.inputs) {
			return Row{}, fmt.Errorf("more than %d arrays; the model has %d inputs", len(m.inputs), len(m.inputs))
		}
		in, err := m.inputs[len(r.inputs)].parse(&p)
		if err != nil {
			return Row{}, fmt.Errorf("input %d: %w", len(r.inputs)+1, err)
		}
		r.inputs = append(r.inputs, in)
	}
	if len(r.inputs) < len(m.inputs) {
		return Row{}, fmt.Errorf("%d arrays; the model has %d inputs", len(r.inputs), len(m.inputs))
	}
	return r, nil
}

// parse reads the array of one input.
func (in *input) parse(p *parser) (lstm.Input, error) {
	p.shape, p.numbers, p.ids = nil, nil, nil
	p.wantIDs = in.ids
	if p.next() != '[' {
		return lstm.Input{}, errors.New("not an array")
	}
	if err := p.array(0); err != nil {
		return lstm.Input{}, err
	}
	fits := len(p.shape) == len(in.shape)
	for i := 0; fits && i < len(in.shape); i++ {
		fits = in.shape[i] == -1 || in.shape[i] == p.shape[i]
	}
	if !fits {
		return lstm.Input{}, fmt.Errorf("an array of shape %v; the model takes %v%s", p.shape, in.shape, variable(in.shape))
	}
	return lstm.Input{Shape: p.shape, IDs: p.ids, Values: p.numbers}, nil
}

// variable explains a -1 in a shape.
func variable(shape []int) string {
	if slices.Contains(shape, -1) {
		return ", where -1 is any length"
	}
	return ""
}

// parser reads nested arrays of numbers from valid JSON.
type parser struct {
	rest    []byte
	shape   []int // of the arrays read so far; a size is set by the first array of its depth
	wantIDs bool
	ids     []int32
	numbers []float32
}

// next returns the next byte that is no space, without taking it.
func (p *parser) next() byte {
	p.rest = bytes.TrimLeft(p.rest, " \t\r\n")
	return p.rest[0]
}

// open takes the bracket that next has seen.
func (p *parser) open() { p.rest = p.rest[1:] }

// comma takes a comma, if there is one.
func (p *parser) comma() {
	if p.next() == ',' {
		p.rest = p.rest[1:]
	}
}

// array reads the array that stands next, which is depth arrays deep.
func (p *parser) array(depth int) error {
	p.open()
	if len(p.shape) == depth {
		p.shape = append(p.shape, -1)
	}
	n, leaf := 0, false
	for ; p.next() != ']'; p.comma() {
		deeper := p.next() == '['
		// Below an array stand arrays only, or numbers only, as in its neighbours.
		if n > 0 && deeper == leaf || !deeper && len(p.shape) > depth+1 {
			return errors.New("arrays and numbers are mixed")
		}
		leaf = !deeper
		n++
		if deeper {
			if p.shape[depth] != -1 && len(p.shape) == depth+1 {
				return errors.New("arrays and numbers are mixed")
			}
			if err := p.array(depth + 1); err != nil {
				return err
			}
			continue
		}
		if err := p.number(); err != nil {
			return err
		}
	}
	p.rest = p.rest[1:]
	if p.shape[depth] == -1 {
		p.shape[depth] = n
	}
	if p.shape[depth] != n {
		return fmt.Errorf("arrays of %d and of %d elements side by side", p.shape[depth], n)
	}
	return nil
}

// number reads a number.
func (p *parser) number() error {
	end := bytes.IndexAny(p.rest, ",] \t\r\n")
	word := string(p.rest[:end])
	p.rest = p.rest[end:]
	if c := word[0]; c != '-' && (c < '0' || c > '9') {
		return fmt.Errorf("%s is not a number", word)
	}
	if !p.wantIDs {
		v, err := strconv.ParseFloat(word, 32)
		if err != nil {
			return fmt.Errorf("%s does not fit into a float32", word)
		}
		p.numbers = append(p.numbers, float32(v))
		return nil
	}
	v, err := strconv.ParseFloat(word, 64)
	if err != nil || v != math.Trunc(v) || math.Abs(v) > math.MaxInt32 {
		return fmt.Errorf("%s is not a token id", word)
	}
	p.ids = append(p.ids, int32(v))
	return nil
}

// Append runs the network on rows and appends one line for each. Rows of equal
// shapes that stand together are computed together. When a row does not fit,
// the lines of those before it are appended; n is its index.
func (m *Model) Append(dst []byte, rows []Row) (_ []byte, n int, err error) {
	for from := 0; from < len(rows); {
		to := from + 1
		for to < len(rows) && sameShapes(rows[from], rows[to]) {
			to++
		}
		answers, err := m.predict(dst, rows[from:to])
		if err == nil {
			dst, from = answers, to
			continue
		}
		// One row of them is at fault: find it.
		for ; from < to; from++ {
			if dst, err = m.predict(dst, rows[from:from+1]); err != nil {
				return dst, from, err
			}
		}
	}
	return dst, len(rows), nil
}

func sameShapes(a, b Row) bool {
	return slices.EqualFunc(a.inputs, b.inputs, func(x, y lstm.Input) bool { return slices.Equal(x.Shape, y.Shape) })
}

// predict runs rows of equal shapes as one batch.
func (m *Model) predict(dst []byte, rows []Row) ([]byte, error) {
	in := slices.Clone(rows[0].inputs)
	shapes := make([][]int, len(in))
	for i := range in {
		shapes[i] = in[i].Shape
		if len(rows) == 1 {
			continue
		}
		in[i].IDs, in[i].Values = nil, nil
		for _, r := range rows {
			in[i].IDs = append(in[i].IDs, r.inputs[i].IDs...)
			in[i].Values = append(in[i].Values, r.inputs[i].Values...)
		}
	}
	outShapes, err := m.model.OutputShapes(shapes)
	if err != nil {
		return dst, err
	}
	out := make([][]float32, len(outShapes))
	sizes := make([]int, len(outShapes))
	for i, s := range outShapes {
		sizes[i] = 1
		for _, n := range s {
			sizes[i] *= n
		}
		out[i] = make([]float32, len(rows)*sizes[i])
	}
	if err := m.model.Predict(m.scratch, out, len(rows), in); err != nil {
		return dst, err
	}
	for r := range rows {
		if len(out) > 1 {
			dst = append(dst, '[')
		}
		for i, s := range outShapes {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendArray(dst, s, out[i][r*sizes[i]:(r+1)*sizes[i]])
		}
		if len(out) > 1 {
			dst = append(dst, ']')
		}
		dst = append(dst, '\n')
	}
	return dst, nil
}

// appendArray writes values as nested arrays of the given shape.
func appendArray(dst []byte, shape []int, values []float32) []byte {
	if len(shape) == 0 {
		return sentiment.AppendFloat(dst, values[0])
	}
	dst = append(dst, '[')
	for i := range shape[0] {
		if i > 0 {
			dst = append(dst, ',')
		}
		step := len(values) / shape[0]
		dst = appendArray(dst, shape[1:], values[i*step:(i+1)*step])
	}
	return append(dst, ']')
}
