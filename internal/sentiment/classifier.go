// Package sentiment labels texts with a model file: it is the place where the
// tokenizer, the file and the engine meet. New makes a Classifier of a
// weights.File, Classifier.Classify labels texts, Classifier.AppendFields
// writes an answer as JSON. Pack prepares a file for its unpacked form, which
// Mapped makes a Classifier of.
package sentiment

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"

	"coldstream/internal/jsonscan"
	"coldstream/internal/text"
	"coldstream/lstm"
	"coldstream/weights"
)

// chunk is how many texts are labelled in one call of the engine: enough for
// its batched paths, small enough that buffers stay in the low megabytes. Where
// rows are so long that their ids would be more than chunkIDs it is fewer.
const (
	chunk    = 512
	chunkIDs = 1 << 20
)

// Classifier labels texts. It is safe for concurrent use.
type Classifier struct {
	name      string
	labels    []string
	quoted    [][]byte // labels as JSON strings
	tokenizer *text.Tokenizer
	model     *lstm.Model
	maxLen    int
	chunk     int  // texts in one call of the engine
	outputs   int  // values the model gives for a text
	sigmoid   bool // one output: the probability of the second label
	threads   int

	mu   sync.Mutex
	free []*scratch
}

// scratch is what one call of Classify works in.
type scratch struct {
	engine *lstm.Scratch
	ids    []int32      // [chunk][maxLen]
	out    []float32    // [chunk][outputs]
	in     []lstm.Input // one
	outs   [][]float32  // one
}

// Result is the answer for one text.
type Result struct {
	Label         int       // index into Classifier.Labels
	Score         float32   // probability of the label; NaN if the model gives NaN
	Probabilities []float32 // of every label, in order
}

// New returns a Classifier for the model in f that works on up to threads
// processors per call. f must hold a tokenizer, and the network must take one
// row of ids and give one value for each label, or a single sigmoid.
func New(f *weights.File, threads int) (*Classifier, error) {
	return build(f, threads, lstm.Options{})
}

// Mapped is New for a file in the unpacked form. Its weights were searched for
// NaN when it was packed and are not read again, so that a function's start
// touches only the pages it needs.
func Mapped(f *weights.File, threads int) (*Classifier, error) {
	return build(f, threads, lstm.Options{TrustParams: true})
}

func build(f *weights.File, threads int, o lstm.Options) (*Classifier, error) {
	if f.Tokenizer == "" {
		return nil, errors.New("sentiment: the model has no tokenizer, so it cannot read texts; convert it with --tokenizer, or predict with --input ids")
	}
	tok, err := newTokenizer(f)
	if err != nil {
		return nil, fmt.Errorf("sentiment: %w", err)
	}
	m, err := lstm.New(f.Graph, f.Params, o)
	if err != nil {
		return nil, fmt.Errorf("sentiment: %w", err)
	}
	c := &Classifier{name: f.Name, tokenizer: tok, model: m, maxLen: tok.Config().MaxLen, threads: max(threads, 1)}
	if c.maxLen <= 0 {
		return nil, errors.New("sentiment: the tokenizer names no length; convert the model with --maxlen")
	}
	c.chunk = max(1, min(chunk, chunkIDs/c.maxLen))
	if len(f.Graph.Inputs) != 1 || len(f.Graph.Outputs) != 1 {
		return nil, fmt.Errorf("sentiment: the model has %d inputs and %d outputs, want one of each; predict with --input ids or values", len(f.Graph.Inputs), len(f.Graph.Outputs))
	}
	shapes, err := m.OutputShapes([][]int{{c.maxLen}})
	if err != nil {
		return nil, fmt.Errorf("sentiment: %w", err)
	}
	if len(shapes[0]) != 1 {
		return nil, fmt.Errorf("sentiment: the model gives an output of shape %v for a text, want one value for each label", shapes[0])
	}
	c.outputs = shapes[0][0]
	c.sigmoid = c.outputs == 1
	if c.sigmoid && !endsInSigmoid(f.Graph) {
		return nil, errors.New("sentiment: the model's single output is no sigmoid, so it is no probability; predict with --input ids")
	}
	if c.labels, err = Labels(f.Labels, c.outputs); err != nil {
		return nil, err
	}
	for _, l := range c.labels {
		c.quoted = append(c.quoted, jsonscan.AppendQuoted(nil, l))
	}
	return c, nil
}

// Labels returns the labels of a model with the given number of outputs: given,
// or "0", "1", ... when given is empty. One output stands for two labels.
func Labels(given []string, outputs int) ([]string, error) {
	n := outputs
	if n == 1 {
		n = 2
	}
	if len(given) == 0 {
		for i := range n {
			given = append(given, strconv.Itoa(i))
		}
	}
	if len(given) != n {
		return nil, fmt.Errorf("sentiment: %d labels for a model that tells %d apart", len(given), n)
	}
	for i, l := range given {
		if l == "" || slices.Contains(given[:i], l) {
			return nil, fmt.Errorf("sentiment: label %q is empty or stands twice", l)
		}
	}
	return given, nil
}

// endsInSigmoid reports whether the output node's values are sigmoids.
func endsInSigmoid(g lstm.Graph) bool {
	for _, n := range g.Nodes {
		if n.Name == g.Outputs[0] {
			return n.Activation == lstm.Sigmoid || n.Activation == lstm.HardSigmoidKeras2 || n.Activation == lstm.HardSigmoidKeras3
		}
	}
	return false
}

// Labels returns the labels in the order of the model's outputs.
func (c *Classifier) Labels() []string { return c.labels }

// Name returns the model's name.
func (c *Classifier) Name() string { return c.name }

// Classify labels texts, which must be valid UTF-8, and appends one Result for
// each to dst. The Probabilities of Results that stand in dst's spare capacity
// are reused, so a caller that passes the same dst[:0] again allocates nothing.
func (c *Classifier) Classify(dst []Result, texts []string) ([]Result, error) {
	s := c.take()
	defer c.give(s)
	for from := 0; from < len(texts); from += c.chunk {
		part := texts[from:min(from+c.chunk, len(texts))]
		for i, t := range part {
			c.tokenizer.EncodePadded(s.ids[i*c.maxLen:(i+1)*c.maxLen], t)
		}
		s.in[0].IDs = s.ids[:len(part)*c.maxLen]
		s.outs[0] = s.out[:len(part)*c.outputs]
		if err := c.model.Predict(s.engine, s.outs, len(part), s.in); err != nil {
			return dst, fmt.Errorf("sentiment: %w", err)
		}
		for i := range part {
			dst = c.appendResult(dst, s.out[i*c.outputs:(i+1)*c.outputs])
		}
	}
	return dst, nil
}

// appendResult appends the Result for one row of outputs.
func (c *Classifier) appendResult(dst []Result, out []float32) []Result {
	n := len(dst)
	dst = slices.Grow(dst, 1)[:n+1]
	r := &dst[n]
	p := r.Probabilities[:0]
	if c.sigmoid {
		p = append(p, 1-out[0], out[0])
	} else {
		p = append(p, out...)
	}
	*r = Result{Probabilities: p}
	for i, v := range p {
		if v > p[r.Label] {
			r.Label = i
		}
	}
	r.Score = p[r.Label]
	for _, v := range p {
		if v != v {
			r.Score = v
		}
	}
	return dst
}

// IDs returns the row of ids that the model sees for a text.
func (c *Classifier) IDs(t string) []int32 {
	ids := make([]int32, c.maxLen)
	c.tokenizer.EncodePadded(ids, t)
	return ids
}

func (c *Classifier) take() *scratch {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.free); n > 0 {
		s := c.free[n-1]
		c.free = c.free[:n-1]
		return s
	}
	return &scratch{
		engine: c.model.NewScratch(c.threads),
		ids:    make([]int32, c.chunk*c.maxLen),
		out:    make([]float32, c.chunk*c.outputs),
		in:     []lstm.Input{{Shape: []int{c.maxLen}}},
		outs:   make([][]float32, 1),
	}
}

func (c *Classifier) give(s *scratch) {
	c.mu.Lock()
	c.free = append(c.free, s)
	c.mu.Unlock()
}

// AppendFields appends the members of the JSON object that answers for a text,
// without its braces: "message", "sentiment", "score" and "probabilities" by
// label. A NaN is written as null.
func (c *Classifier) AppendFields(dst []byte, message string, r *Result) []byte {
	dst = append(dst, `"message":`...)
	dst = jsonscan.AppendQuoted(dst, message)
	dst = append(dst, `,"sentiment":`...)
	dst = append(dst, c.quoted[r.Label]...)
	dst = append(dst, `,"score":`...)
	dst = AppendFloat(dst, r.Score)
	dst = append(dst, `,"probabilities":{`...)
	for i, p := range r.Probabilities {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, c.quoted[i]...)
		dst = append(dst, ':')
		dst = AppendFloat(dst, p)
	}
	return append(dst, '}')
}

// AppendFloat appends v as JSON with the fewest digits that give it back;
// null stands for NaN and the infinities, which JSON has no words for.
func AppendFloat(dst []byte, v float32) []byte {
	if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
		return append(dst, "null"...)
	}
	if a := math.Abs(float64(v)); a == 0 || a >= 1e-6 && a < 1e21 {
		return strconv.AppendFloat(dst, float64(v), 'f', -1, 32)
	}
	// Long runs of zeros help nobody; as encoding/json does, e-09 becomes e-9.
	dst = strconv.AppendFloat(dst, float64(v), 'e', -1, 32)
	if n := len(dst); n >= 4 && dst[n-4] == 'e' && dst[n-3] == '-' && dst[n-2] == '0' {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}
