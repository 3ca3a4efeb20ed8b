package convert

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
	"testing"

	"coldstream/internal/keras"
	"coldstream/internal/sentiment"
	"coldstream/lstm"
	"coldstream/weights/zst"
)

const vocabSize = 6

// kerasModel is a mean of embeddings with a softmax over three classes.
func kerasModel(length int) *keras.Model {
	table, kernel := make([]float32, vocabSize*2), make([]float32, 2*3)
	for i := range table {
		table[i] = float32(i)*.25 - 1
	}
	for i := range kernel {
		kernel[i] = float32(i%4) - 1
	}
	return &keras.Model{
		Graph: lstm.Graph{
			Nodes: []lstm.Node{
				{Name: "in", Op: lstm.OpInput, Shape: []int{length}},
				{Name: "e", Op: lstm.OpEmbedding, Inputs: []string{"in"}, Params: []string{"e/w"}},
				{Name: "pool", Op: lstm.OpGlobalAveragePool, Inputs: []string{"e"}},
				{Name: "out", Op: lstm.OpDense, Units: 3, Activation: lstm.Softmax, Inputs: []string{"pool"}, Params: []string{"out/k"}},
			},
			Inputs: []string{"in"}, Outputs: []string{"out"},
		},
		Params: map[string]lstm.Tensor{
			"e/w":   {Shape: []int{vocabSize, 2}, Data: table},
			"out/k": {Shape: []int{2, 3}, Data: kernel},
		},
		Inputs:       []keras.Input{{Name: "in", Shape: []int{length}, VocabSize: vocabSize}},
		NumClasses:   3,
		KerasVersion: "3.15.1",
		Config:       "{}",
		SHA256:       strings.Repeat("0", 64),
	}
}

// tokenizer knows words a to e as ids 1 to 5.
const tokenizer = `{"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}`

func file(content string) *Input { return &Input{Path: "f", Content: []byte(content)} }

// TestSmallTokenizersAreDoubted: a tokenizer that leaves most of the Embedding
// unused is another model's, as a rule.
func TestSmallTokenizersAreDoubted(t *testing.T) {
	for content, want := range map[string]string{
		tokenizer:                  "",
		`{"a": 1, "b": 2, "c": 3}`: "",
		`{"a": 1, "b": 2}`:         `the tokenizer gives ids up to 2, and layer "e" (Embedding) has rows for 6`,
	} {
		f, err := Build(kerasModel(4), Options{Tokenizer: file(content)})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(Doubts(f), "; "); !strings.HasPrefix(got, want) || (got == "") != (want == "") {
			t.Errorf("%s: got %q, want %q", content, got, want)
		}
	}
}

func TestBuiltFileAnswersAndVerifies(t *testing.T) {
	f, err := Build(kerasModel(4), Options{Name: "m", Tokenizer: file(tokenizer), Labels: []string{"x", "y", "z"}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := zst.Encode(f)
	if err != nil {
		t.Fatal(err)
	}
	again, err := zst.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if worst, err := again.Verify(); err != nil || worst != 0 {
		t.Errorf("check vectors: %v, %v", worst, err)
	}
	c, err := sentiment.New(again, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(c.IDs("A b, zz e"), c.Labels(), c.Name()); got != "[0 1 2 5] [x y z]m" {
		t.Errorf("got %s", got)
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name   string
		length int
		o      Options
		want   string
	}{
		{"too few labels", 4, Options{Labels: []string{"a", "b"}}, "m.h5: sentiment: 2 labels for a model that tells 3 apart"},
		{"tokenizer too large", 4, Options{Tokenizer: file(`{"a": 1, "b": 2, "f": 6}`)}, "f: sentiment: the tokenizer gives ids up to 6, but layer \"e\" (Embedding) has only 6 rows"},
		{"not a tokenizer", 4, Options{Tokenizer: file("\x89PNG\r\n\x1a\n")}, "f: tokenizer: neither JSON nor a pickle"},
		{"empty tokenizer", 4, Options{Tokenizer: file(" \n")}, "f: tokenizer: the file is empty"},
		{"a list", 4, Options{Tokenizer: file("[1,2]")}, "f: tokenizer: neither Tokenizer.to_json() of Keras nor a word_index"},
		{"no words", 4, Options{Tokenizer: file("{}")}, "f: the tokenizer gives no word an id"},
		{"no words below the limit", 4, Options{Tokenizer: file(tokenizer), NumWords: 1}, "f: the tokenizer gives no word an id"},
		{"no texts", 4, Options{Texts: texts(nil), TextsPath: "f"}, "f: the tokenizer gives no word an id"},
		{"broken JSON", 4, Options{Tokenizer: file(`{"a":`)}, "tokenizer: "},
		{"other length", 4, Options{Tokenizer: file(tokenizer), MaxLen: 5}, "m.h5: length 5 is asked for, but the model takes rows of 4 ids"},
		{"no length", -1, Options{Tokenizer: file(tokenizer)}, "--maxlen"},
		{"unknown cleaning", 4, Options{Tokenizer: file(tokenizer), Cleaning: "soap"}, `"soap"`},
		{"length without tokenizer", 4, Options{MaxLen: 4}, "none is given"},
		{"endless rows", 1 << 23, Options{}, "m.h5: input \"in\" has the shape [8388608]"},
		{"broken texts", 4, Options{Texts: texts(errors.New("unreadable"), "a"), TextsPath: "f"}, "unreadable"},
	} {
		c.o.Path = "m.h5"
		if _, err := Build(kerasModel(c.length), c.o); err == nil || !strings.Contains(err.Error(), c.want) || strings.HasPrefix(err.Error(), "m.h5: f: ") {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

// texts gives the texts and then the error, if it is one.
func texts(err error, all ...string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, t := range all {
			if !yield(t, nil) {
				return
			}
		}
		if err != nil {
			yield("", err)
		}
	}
}

func TestVocabularyIsFitted(t *testing.T) {
	f, err := Build(kerasModel(-1), Options{Texts: texts(nil, "b a b", "c a b"), MaxLen: 3, Padding: "post"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := sentiment.New(f, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(c.IDs("c b")); got != "[3 1 0]" {
		t.Errorf("got %s", got)
	}
}

// TestCheckVectorsOfKeras: right ones are kept with their origin, wrong ones
// stop the conversion.
func TestCheckVectorsOfKeras(t *testing.T) {
	m := kerasModel(2)
	engine, err := lstm.New(m.Graph, m.Params, lstm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out := [][]float32{make([]float32, 3)}
	if err := engine.Predict(engine.NewScratch(1), out, 1, []lstm.Input{{Shape: []int{2}, IDs: []int32{1, 2}}}); err != nil {
		t.Fatal(err)
	}
	p := out[0]
	check := func(p []float32, texts string) *Input {
		return file(fmt.Sprintf(`{"rows":1,%s"inputs":[{"kind":"ids","shape":[2],"data":[1,2]}],"outputs":[{"shape":[3],"data":[%v,%v,%v]}],"more":{}}`, texts, p[0], p[1], p[2]))
	}
	f, err := Build(m, Options{Tokenizer: file(tokenizer), Check: check(p, `"texts":["a b"],`)})
	if err != nil {
		t.Fatal(err)
	}
	if f.Goldens[0].Origin != "keras 3.15.1" || f.Goldens[1].Origin != "self" {
		t.Errorf("origins %q and %q", f.Goldens[0].Origin, f.Goldens[1].Origin)
	}
	off := []float32{p[0] + 1e-5, p[1], p[2]}
	for name, c := range map[string]struct {
		check *Input
		want  string
	}{
		"other numbers":   {check(off, ""), "from the check vectors"},
		"other ids":       {check(p, `"texts":["a c"],`), "the tokenizer turns text 0 into [1 3], Keras made it [1 2]"},
		"not JSON":        {file("x"), "check vectors: "},
		"missing numbers": {file(`{"rows":2,"inputs":[{"kind":"ids","shape":[2],"data":[1,2]}],"outputs":[{"shape":[],"data":[1,2]}]}`), "2 numbers for 2 rows of shape [2]"},
		"wrong shape":     {file(`{"rows":1,"inputs":[{"kind":"ids","shape":[3],"data":[1,2,2]}],"outputs":[{"shape":[3],"data":[1,2,2]}]}`), "check vector 0"},
		"no rows":         {file(`{"inputs":[]}`), "rows is missing"},
	} {
		if _, err := Build(kerasModel(2), Options{Tokenizer: file(tokenizer), Check: c.check}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestParseCheckReadsNaN(t *testing.T) {
	g, err := ParseCheck([]byte(`{"origin":"o","rows":1,"inputs":[{"kind":"values","shape":[1],"data":[0.5]}],"outputs":[{"shape":[1],"data":[null]}]}`))
	if err != nil || !math.IsNaN(float64(g.Outputs[0].Data[0])) || g.Inputs[0].Values[0] != .5 || g.Origin != "o" {
		t.Errorf("got %+v, %v", g, err)
	}
}
