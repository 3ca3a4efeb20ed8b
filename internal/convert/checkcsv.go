package convert

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"coldstream/internal/csvfile"
	"coldstream/internal/jsonrows"
	"coldstream/internal/sentiment"
	"coldstream/weights"
)

// Names of the column with the inputs of a CSV file of predictions.
const (
	textColumn   = "text"
	idsColumn    = "ids"
	valuesColumn = "values"
	inputsColumn = "inputs"
)

// compareRows is how many rows are computed in one call.
const compareRows = 256

// CheckCSV is a CSV file with inputs and what Keras predicted for them, and what
// came out of the comparison.
//
// The header has one column of inputs: "text", or "ids", "values" or "inputs",
// whose cells are JSON arrays as coldstream predict --input reads them. Every
// other column is a number of the output, in the order of the output flattened,
// and of the outputs one after the other. An empty cell, nan and inf are
// themselves. A first column without a name, which is how pandas writes its
// index, is passed over.
type CheckCSV struct {
	Input

	Rows   int     // compared
	Worst  float64 // largest difference, in units of max(1, |Keras' number|)
	Row    int     // where it is, from 1, the header not counted
	Column string
}

// predictions reads such a file.
type predictions struct {
	*csvfile.Reader
	input   int   // column
	outputs []int // columns
	kind    string
}

func openPredictions(content []byte) (*predictions, error) {
	r, err := csvfile.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	p := &predictions{Reader: r, input: -1}
	for i, name := range r.Header() {
		name = strings.TrimSpace(name)
		switch {
		case slices.Contains([]string{textColumn, idsColumn, valuesColumn, inputsColumn}, name):
			if p.input >= 0 {
				return nil, fmt.Errorf("the columns %q and %q are both inputs; give one of them", p.kind, name)
			}
			p.input, p.kind = i, name
		case name == "" && i == 0:
		default:
			p.outputs = append(p.outputs, i)
		}
	}
	if p.input < 0 {
		return nil, fmt.Errorf("the header has no column %q, %q, %q or %q", textColumn, idsColumn, valuesColumn, inputsColumn)
	}
	if len(p.outputs) == 0 {
		return nil, errors.New("the header has no column of predictions")
	}
	return p, nil
}

// run compares the file with what f answers.
func (c *CheckCSV) run(f *weights.File) error {
	p, err := openPredictions(c.Content)
	if err != nil {
		return err
	}
	m, err := jsonrows.New(f, 1)
	if err != nil {
		return err
	}
	parse := m.Parse
	switch {
	case p.kind == textColumn:
		texts, err := sentiment.New(f, 1)
		if err != nil {
			return err
		}
		parse = func(cell []byte) (jsonrows.Row, error) {
			b, err := json.Marshal(texts.IDs(string(cell)))
			if err != nil {
				return jsonrows.Row{}, err
			}
			return m.Parse(b)
		}
	case p.kind == idsColumn && !m.TakesIDs():
		return errors.New("the model takes values, not token ids; name the column values")
	case p.kind == valuesColumn && !m.TakesValues():
		return errors.New("the model takes token ids, not values; name the column ids")
	}
	cmp := comparison{CheckCSV: c, predictions: p}
	for {
		record, err := p.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		row := c.Rows + len(cmp.rows) + 1
		x, err := parse([]byte(record[p.input]))
		if err != nil {
			return fmt.Errorf("row %d: %s: %w", row, p.kind, err)
		}
		want := make([]float64, len(p.outputs))
		for i, at := range p.outputs {
			if want[i], err = parseNumber(record[at]); err != nil {
				return fmt.Errorf("row %d, column %q: %w", row, p.Header()[at], err)
			}
		}
		cmp.rows, cmp.want = append(cmp.rows, x), append(cmp.want, want)
		if len(cmp.rows) == compareRows {
			if err := cmp.flush(m); err != nil {
				return err
			}
		}
	}
	if err := cmp.flush(m); err != nil {
		return err
	}
	if c.Rows == 0 {
		return errors.New("it has no rows")
	}
	return cmp.verdict()
}

// comparison is under way.
type comparison struct {
	*CheckCSV
	*predictions
	rows []jsonrows.Row
	want [][]float64
	out  []byte

	off       int // rows beyond the tolerance
	here, his float64
}

// flush compares the rows read so far.
func (c *comparison) flush(m *jsonrows.Model) error {
	var bad int
	var err error
	if c.out, bad, err = m.Append(c.out[:0], c.rows); err != nil {
		return fmt.Errorf("row %d: %w", c.Rows+bad+1, err)
	}
	lines := bytes.SplitAfter(c.out, []byte("\n"))
	for i, want := range c.want {
		var v any
		if err := json.Unmarshal(lines[i], &v); err != nil {
			return err
		}
		c.Rows++
		got := flatten(nil, v)
		if len(got) != len(want) {
			return fmt.Errorf("row %d: the model gives %d numbers, the file has %d columns of predictions (%s)", c.Rows, len(got), len(want), c.columns())
		}
		c.compare(got, want)
	}
	c.rows, c.want = c.rows[:0], c.want[:0]
	return nil
}

// compare takes in one row.
func (c *comparison) compare(got, want []float64) {
	beyond := false
	for i, w := range want {
		diff := difference(got[i], w)
		beyond = beyond || !(diff <= weights.Tolerance)
		if c.Row == 0 || diff > c.Worst || math.IsNaN(diff) && !math.IsNaN(c.Worst) {
			c.Worst, c.Row, c.Column = diff, c.Rows, c.Header()[c.outputs[i]]
			c.here, c.his = got[i], w
		}
	}
	if beyond {
		c.off++
	}
}

// difference returns |got-want| / max(1, |want|), NaN if one of them is no
// number and the other is. The engine's answers have NaN for the infinities too.
func difference(got, want float64) float64 {
	if math.IsNaN(want) || math.IsInf(want, 0) {
		if math.IsNaN(got) {
			return 0
		}
		return math.NaN()
	}
	return math.Abs(got-want) / math.Max(1, math.Abs(want))
}

// verdict is an error if a row is beyond the tolerance.
func (c *comparison) verdict() error {
	if c.off == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d rows are not what Keras predicted; the worst is row %d, column %q: %.9g here, %.9g in Keras; %.0e*max(1,|y|) is allowed. Is it the same model, tokenizer and padding?",
		c.off, c.Rows, c.Row, c.Column, c.here, c.his, weights.Tolerance)
}

func (c *comparison) columns() string {
	var names []string
	for _, at := range c.outputs[:min(len(c.outputs), 5)] {
		names = append(names, strconv.Quote(c.Header()[at]))
	}
	if len(c.outputs) > 5 {
		names = append(names, "...")
	}
	return strings.Join(names, ", ")
}

// flatten appends the numbers in nested arrays; null is NaN.
func flatten(dst []float64, v any) []float64 {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			dst = flatten(dst, e)
		}
	case float64:
		dst = append(dst, v)
	case nil:
		dst = append(dst, math.NaN())
	}
	return dst
}

// parseNumber reads a cell as pandas and numpy write numbers.
func parseNumber(s string) (float64, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return math.NaN(), nil
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(v, 0) {
		return 0, fmt.Errorf("%.40q is no number", s)
	}
	return v, nil
}
