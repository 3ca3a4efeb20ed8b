package sentiment

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"sync"
	"testing"

	"coldstream/internal/text"
	"coldstream/lstm"
	"coldstream/weights"
)

// model returns a file with the words a to e, four ids a row, and the given outputs.
func model(t testing.TB, outputs int, activation lstm.Activation, labels ...string) *weights.File {
	t.Helper()
	tensor := func(shape ...int) lstm.Tensor {
		n := 1
		for _, d := range shape {
			n *= d
		}
		x := lstm.Tensor{Shape: shape, Data: make([]float32, n)}
		for i := range x.Data {
			x.Data[i] = float32(math.Sin(float64(3*i + n)))
		}
		return x
	}
	f := &weights.File{
		Name: "test", Labels: labels,
		Graph: lstm.Graph{
			Inputs: []string{"ids"}, Outputs: []string{"out"},
			Nodes: []lstm.Node{
				{Name: "ids", Op: lstm.OpInput, Shape: []int{4}},
				{Name: "embedding", Op: lstm.OpEmbedding, Inputs: []string{"ids"}, Params: []string{"e"}},
				{Name: "flat", Op: lstm.OpFlatten, Inputs: []string{"embedding"}},
				{Name: "out", Op: lstm.OpDense, Inputs: []string{"flat"}, Units: outputs, Activation: activation, Params: []string{"k"}},
			},
		},
		Params: map[string]lstm.Tensor{"e": tensor(6, 2), "k": tensor(8, outputs)},
	}
	v, err := text.NewVocab([]string{"", "a", "b", "c", "d", "e"})
	if err != nil {
		t.Fatal(err)
	}
	cfg := text.KerasConfig()
	cfg.MaxLen = 4
	if err := SetTokenizer(f, cfg, v); err != nil {
		t.Fatal(err)
	}
	return f
}

func classifier(t testing.TB, f *weights.File) *Classifier {
	t.Helper()
	c, err := New(f, 2)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAnswersDoNotDependOnTheBatch(t *testing.T) {
	c := classifier(t, model(t, 3, lstm.Softmax, "no", "so", "yes"))
	var texts []string
	for i := range 2*chunk + 17 {
		texts = append(texts, strings.Join(strings.Split("abcdeabcde"[i%6:i%6+i%5], ""), " "))
	}
	all, err := c.Classify(nil, texts)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != len(texts) {
		t.Fatalf("%d results for %d texts", len(all), len(texts))
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := g; i < len(texts); i += 16 {
				one, err := c.Classify(nil, texts[i:i+1])
				if err != nil || !reflect.DeepEqual(one[0], all[i]) {
					t.Errorf("text %d alone: %+v, %v; in the batch %+v", i, one, err, all[i])
				}
			}
		})
	}
	wg.Wait()
}

// TestLongRowsTakeLittleMemory: a file of a kilobyte that asks for rows of a
// million ids gets fewer rows at a time.
func TestLongRowsTakeLittleMemory(t *testing.T) {
	f := model(t, 3, lstm.Softmax)
	f.Graph.Nodes[0].Shape = []int{-1}
	f.Graph.Nodes[2].Op = lstm.OpGlobalMaxPool
	f.Params["k"] = lstm.Tensor{Shape: []int{2, 3}, Data: f.Params["k"].Data[:6]}
	f.Tokenizer = strings.Replace(f.Tokenizer, `"maxlen":4`, `"maxlen":1048576`, 1)
	c := classifier(t, f)
	if n := len(c.take().ids); n != 1<<20 {
		t.Errorf("room for %d ids", n)
	}
}

func TestResultsAreReused(t *testing.T) {
	if testing.Short() {
		t.Skip("counts allocations; the race detector, which runs with -short, empties pools at random")
	}
	c := classifier(t, model(t, 3, lstm.Softmax))
	texts := []string{"a b", "c", "", "e e e e e"}
	results, err := c.Classify(nil, texts)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(20, func() {
		if results, err = c.Classify(results[:0], texts); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%g allocations per call", n)
	}
}

func TestOneSigmoidGivesBothProbabilities(t *testing.T) {
	c := classifier(t, model(t, 1, lstm.Sigmoid, "bad", "good"))
	r, err := c.Classify(nil, []string{"a b c", "e d"})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range r {
		if p := r.Probabilities; len(p) != 2 || p[0] != 1-p[1] || r.Score != max(p[0], p[1]) || p[r.Label] != r.Score {
			t.Errorf("%+v", r)
		}
	}
}

func TestUnfitModelsAreRefused(t *testing.T) {
	none := model(t, 3, lstm.Softmax)
	none.Tokenizer = ""
	for want, f := range map[string]*weights.File{
		"no tokenizer":                        none,
		"2 labels for a model that tells 3":   model(t, 3, lstm.Softmax, "a", "b"),
		`label "a" is empty or stands twice`:  model(t, 2, lstm.Softmax, "a", "a"),
		"single output is no sigmoid":         model(t, 1, lstm.Linear),
		"3 labels for a model that tells 2 a": model(t, 1, lstm.Sigmoid, "a", "b", "c"),
	} {
		if _, err := New(f, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func TestTokenizerBeyondTheEmbeddingIsRefused(t *testing.T) {
	f := model(t, 3, lstm.Softmax)
	v, err := text.NewVocab([]string{"", "a", "b", "c", "d", "e", "f", "g"})
	if err != nil {
		t.Fatal(err)
	}
	cfg := text.KerasConfig()
	cfg.MaxLen = 4
	err = SetTokenizer(f, cfg, v)
	if err == nil || !strings.Contains(err.Error(), `ids up to 7, but layer "embedding" (Embedding) has only 6 rows`) {
		t.Errorf("error %v", err)
	}
	cfg.NumWords = 6 // ids below 6: the words f and g are never given
	if err := SetTokenizer(f, cfg, v); err != nil {
		t.Error(err)
	}
	if got := string(f.Vocab.Bytes); got != "abcde" {
		t.Errorf("the file keeps the words %q", got)
	}
}

func TestFieldsAreJSON(t *testing.T) {
	c := classifier(t, model(t, 3, lstm.Softmax, "n\"o", "größer", "yes"))
	for _, message := range []string{"", "plain", "q\"\\/\b\f\n\r\t\x00\x1f\x7f", "ä 😀 \u2028 <&>", "bad \xff\xc3 bytes", strings.Repeat("é", 1000)} {
		r := Result{Label: 1, Score: 0.25, Probabilities: []float32{1e-9, 0.25, float32(math.NaN())}}
		line := append(c.AppendFields([]byte("{"), message, &r), '}')
		var got struct {
			Message       string
			Sentiment     string
			Score         float32
			Probabilities map[string]*float32
		}
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if want := strings.ToValidUTF8(message, "\uFFFD"); got.Message != want && !strings.Contains(message, "\xff") {
			t.Errorf("message %q, want %q", got.Message, want)
		}
		if p := got.Probabilities; got.Sentiment != "größer" || got.Score != 0.25 || *p["n\"o"] != 1e-9 || *p["größer"] != 0.25 || p["yes"] != nil {
			t.Errorf("got %+v from %s", got, line)
		}
	}
}

func TestFloatsReadBackExactly(t *testing.T) {
	for _, v := range []float32{0, 1, 0.1, 1.0 / 3, 1e-6, 9.9999e-7, 1e-38, 1e-45, 1e20, 1e21, math.MaxFloat32, -0.5} {
		b := AppendFloat(nil, v)
		var got float32
		if err := json.Unmarshal(b, &got); err != nil || got != v {
			t.Errorf("%g is written %s and read %g (%v)", v, b, got, err)
		}
		if want, _ := json.Marshal(v); len(b) > len(want) {
			t.Errorf("%s is longer than %s", b, want)
		}
	}
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if b := AppendFloat(nil, float32(v)); string(b) != "null" {
			t.Errorf("%g is written %s", v, b)
		}
	}
}

func TestPackAddsTheIndexThatIsUsedInPlace(t *testing.T) {
	f := model(t, 3, lstm.Softmax)
	want, err := classifier(t, f).Classify(nil, []string{"a b c d e"})
	if err != nil {
		t.Fatal(err)
	}
	if err := Pack(f); err != nil {
		t.Fatal(err)
	}
	b, err := f.AppendUnpacked(nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := weights.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	got, err := classifier(t, again).Classify(nil, []string{"a b c d e"})
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if !bytes.Contains(b, []byte("tokenizer.index")) {
		t.Error("no index in the file")
	}
}
