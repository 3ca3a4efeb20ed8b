package convert

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"coldstream/internal/keras"
	"coldstream/internal/sentiment"
	"coldstream/internal/source"
	"coldstream/lstm"
	"coldstream/weights"
)

// The size of the check vectors that are made here: some rows, but not so many
// that they weigh in the file.
const (
	checkRows   = 8
	checkValues = 1 << 16
	anyLength   = 9 // for an axis of variable length

	// maxInput bounds the numbers in one input. A file of a kilobyte can ask for
	// as many as it likes, a model of short texts takes some ten thousand.
	maxInput = 1 << 22
)

// checkTexts are what a text model is checked with, beside the sample: an empty
// text, unknown words only, and what normalisers and Unicode tables are for.
var checkTexts = []string{
	"",
	"zzqx qqzv",
	"RT @someone: SOOOO good!!! https://example.com/x #Great \U0001F600",
	"\u0130stanbul \u03a3\u0391\u03a3 na\u00efve \u65e5\u672c\u8a9e isn't NOT bad at all",
}

// addGoldens puts check vectors into f: Keras' own where there are some, and
// this engine's for texts and for random inputs, which show later that the file
// is whole and the engine the same.
func addGoldens(f *weights.File, m *keras.Model, o Options) error {
	if o.Check != nil {
		g, err := ParseCheck(o.Check.Content)
		if err != nil {
			return about(o.Check.Path, fmt.Errorf("check vectors: %w", err))
		}
		if g.Origin == "" {
			g.Origin = "keras " + m.KerasVersion
		}
		if err := sameIDs(f, &g); err != nil {
			return about(o.Check.Path, fmt.Errorf("check vectors: %w", err))
		}
		f.Goldens = append(f.Goldens, g)
	}
	engine, err := lstm.New(f.Graph, f.Params, lstm.Options{})
	if err != nil {
		return about(o.Path, err)
	}
	random, err := randomGolden(m)
	if err != nil {
		return about(o.Path, err)
	}
	made := []weights.Golden{random}
	if f.Tokenizer != "" {
		// A model that takes texts and gives no labels is checked by its ids.
		if c, err := sentiment.New(f, 1); err == nil {
			made = append(made, textGolden(c))
		} else if len(f.Labels) > 0 {
			return about(o.Path, err)
		}
	}
	for i := range made {
		if err := made[i].Compute(engine); err != nil {
			return about(o.Path, err)
		}
	}
	f.Goldens = append(f.Goldens, made...)
	return nil
}

// textGolden has the ids of texts as inputs.
func textGolden(c *sentiment.Classifier) weights.Golden {
	g := weights.Golden{Texts: slices.Clone(checkTexts)}
	for i := range checkRows - len(checkTexts) {
		g.Texts = append(g.Texts, source.SampleText(i))
	}
	g.Rows = len(g.Texts)
	var in lstm.Input
	for _, t := range g.Texts {
		ids := c.IDs(t)
		in.Shape = []int{len(ids)}
		in.IDs = append(in.IDs, ids...)
	}
	g.Inputs = []lstm.Input{in}
	return g
}

// randomGolden has random inputs; rows of ids begin and end with padding.
func randomGolden(m *keras.Model) (weights.Golden, error) {
	rnd := rand.New(rand.NewPCG(0, 0))
	g := weights.Golden{}
	largest := 1
	for _, in := range m.Inputs {
		shape := slices.Clone(in.Shape)
		n := 1
		for i := range shape {
			if shape[i] < 0 {
				shape[i] = anyLength
			}
			if n *= shape[i]; n > maxInput {
				return g, fmt.Errorf("input %q has the shape %v; at most %d numbers can be checked", in.Name, in.Shape, maxInput)
			}
		}
		largest = max(largest, n)
		g.Inputs = append(g.Inputs, lstm.Input{Shape: shape})
	}
	g.Rows = min(checkRows, max(1, checkValues/largest))
	for i, in := range m.Inputs {
		x := &g.Inputs[i]
		n := 1
		for _, d := range x.Shape {
			n *= d
		}
		for row := range g.Rows {
			for j := range n {
				if in.VocabSize == 0 {
					x.Values = append(x.Values, float32(rnd.NormFloat64()))
					continue
				}
				id := int32(rnd.IntN(in.VocabSize))
				if row%2 == 1 && j < row*n/checkRows/2 || row%4 == 2 && j >= n-row*n/checkRows/2 {
					id = 0
				}
				x.IDs = append(x.IDs, id)
			}
		}
	}
	return g, nil
}

// ParseCheck reads check vectors that were computed by Keras:
//
//	{"origin": "keras 3.15.1", "rows": 2, "texts": ["...", "..."],
//	 "inputs":  [{"kind": "ids", "shape": [28], "data": [...]}],
//	 "outputs": [{"shape": [3], "data": [...]}]}
//
// Shapes are without the batch axis, data is flat with rows*product(shape)
// numbers, null stands for NaN, kind is "ids" or "values". origin and texts may
// be missing; with texts the tokenizer has to give the ids. Other members are
// passed over.
func ParseCheck(b []byte) (weights.Golden, error) {
	type tensor struct {
		Kind  string     `json:"kind"`
		Shape []int      `json:"shape"`
		Data  []*float64 `json:"data"`
	}
	var v struct {
		Origin  string   `json:"origin"`
		Rows    int      `json:"rows"`
		Texts   []string `json:"texts"`
		Inputs  []tensor `json:"inputs"`
		Outputs []tensor `json:"outputs"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return weights.Golden{}, err
	}
	g := weights.Golden{Origin: v.Origin, Rows: v.Rows, Texts: v.Texts}
	switch {
	case v.Rows < 1:
		return g, errors.New("rows is missing")
	case len(v.Inputs) == 0 || len(v.Outputs) == 0:
		return g, errors.New("inputs or outputs are missing")
	case v.Texts != nil && len(v.Texts) != v.Rows:
		return g, fmt.Errorf("%d texts for %d rows", len(v.Texts), v.Rows)
	}
	size := func(t tensor) error {
		n := v.Rows
		for _, d := range t.Shape {
			if d < 0 || n > math.MaxInt32 {
				return fmt.Errorf("shape %v", t.Shape)
			}
			n *= d
		}
		if n != len(t.Data) {
			return fmt.Errorf("%d numbers for %d rows of shape %v", len(t.Data), v.Rows, t.Shape)
		}
		return nil
	}
	number := func(p *float64) float64 {
		if p == nil {
			return math.NaN()
		}
		return *p
	}
	for i, t := range v.Inputs {
		if err := size(t); err != nil {
			return g, fmt.Errorf("input %d: %w", i, err)
		}
		in := lstm.Input{Shape: t.Shape}
		for _, p := range t.Data {
			x := number(p)
			switch {
			case t.Kind == "values":
				in.Values = append(in.Values, float32(x))
			case t.Kind != "ids":
				return g, fmt.Errorf(`input %d: kind %q, want "ids" or "values"`, i, t.Kind)
			case x != math.Trunc(x) || math.Abs(x) > math.MaxInt32:
				return g, fmt.Errorf("input %d: %v is not an id", i, x)
			default:
				in.IDs = append(in.IDs, int32(x))
			}
		}
		g.Inputs = append(g.Inputs, in)
	}
	for i, t := range v.Outputs {
		if err := size(t); err != nil {
			return g, fmt.Errorf("output %d: %w", i, err)
		}
		out := lstm.Tensor{Shape: append([]int{v.Rows}, t.Shape...)}
		for _, p := range t.Data {
			out.Data = append(out.Data, float32(number(p)))
		}
		g.Outputs = append(g.Outputs, out)
	}
	return g, nil
}

// sameIDs makes sure that the tokenizer turns the check vectors' texts into
// their ids.
func sameIDs(f *weights.File, g *weights.Golden) error {
	if g.Texts == nil {
		return nil
	}
	if f.Tokenizer == "" {
		return errors.New("they have texts, and no tokenizer is given")
	}
	c, err := sentiment.New(f, 1)
	if err != nil {
		return err
	}
	if len(g.Inputs) != 1 {
		return fmt.Errorf("they have texts and %d inputs, want one", len(g.Inputs))
	}
	n := len(g.Inputs[0].IDs) / g.Rows
	for i, t := range g.Texts {
		if want, got := g.Inputs[0].IDs[i*n:(i+1)*n], c.IDs(t); !slices.Equal(got, want) {
			return fmt.Errorf("the tokenizer turns text %d into %v, Keras made it %v; is it the model's own tokenizer?", i, got, want)
		}
	}
	return nil
}
