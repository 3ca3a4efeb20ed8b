package convert

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"coldstream/internal/keras"
	"coldstream/internal/sentiment"
	"coldstream/lstm"
	"coldstream/weights"
	"coldstream/weights/zst"
)

// textCase is case.json of tools/keras/texts.py.
type textCase struct {
	Texts   []string
	IDs     [][]int32
	Outputs [][]float64
	MaxLen  int
	Refused string
}

// textCases calls visit for every file that Keras saved of a model of texts.
func textCases(t *testing.T, visit func(t *testing.T, c *textCase, file []byte)) {
	archives, err := filepath.Glob("testdata/texts/keras-*.zip")
	if err != nil || len(archives) < 2 {
		t.Fatalf("archives %q, %v; want two", archives, err)
	}
	for _, a := range archives {
		z, err := zip.OpenReader(a)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		read := func(name string) []byte {
			f, err := z.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(f)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		for _, f := range z.File {
			if path.Base(f.Name) == "case.json" {
				continue
			}
			var c textCase
			if err := json.Unmarshal(read(path.Dir(f.Name)+"/case.json"), &c); err != nil {
				t.Fatal(err)
			}
			t.Run(strings.TrimSuffix(filepath.Base(a), ".zip")+"/"+f.Name, func(t *testing.T) { visit(t, &c, read(f.Name)) })
		}
	}
}

// TestModelsOfTextsAnswerAsInKeras: a text has Keras' outputs, without a
// tokenizer beside the model, or the model is refused by name.
func TestModelsOfTextsAnswerAsInKeras(t *testing.T) {
	compared := 0
	textCases(t, func(t *testing.T, c *textCase, content []byte) {
		m, err := keras.Parse(content, keras.Options{})
		var f *weights.File
		if err == nil {
			f, err = Build(m, Options{MaxLen: c.MaxLen})
		}
		if err != nil && strings.Contains(err.Error(), "its vocabulary is not in the file; save the model as .keras") && strings.HasSuffix(t.Name(), ".h5") {
			return // as an .h5 file by Keras 3 is
		}
		if c.Refused != "" {
			if err == nil || !strings.Contains(err.Error(), c.Refused) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("got error %v, want one line with %q", err, c.Refused)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := zst.Encode(f)
		if err != nil {
			t.Fatal(err)
		}
		if f, err = zst.Decode(b); err != nil {
			t.Fatal(err)
		}
		got := c.predict(t, f)
		for i, want := range c.Outputs {
			for j, w := range want {
				if diff := math.Abs(float64(got[i][j]) - w); !(diff <= 1e-6*math.Max(1, math.Abs(w))) {
					t.Errorf("row %d, output %d is %v, in Keras %v", i, j, got[i][j], w)
				}
			}
			compared++
		}
	})
	if compared < 300 {
		t.Errorf("only %d rows compared", compared)
	}
}

// predict returns the outputs for the texts, or for ids where the model takes
// words in Keras.
func (c *textCase) predict(t *testing.T, f *weights.File) [][]float32 {
	if c.IDs != nil {
		m, err := lstm.New(f.Graph, f.Params, lstm.Options{})
		if err != nil {
			t.Fatal(err)
		}
		n := len(c.Outputs[0])
		out := make([]float32, len(c.IDs)*n)
		in := lstm.Input{Shape: []int{len(c.IDs[0])}, IDs: slices.Concat(c.IDs...)}
		if err := m.Predict(m.NewScratch(1), [][]float32{out}, len(c.IDs), []lstm.Input{in}); err != nil {
			t.Fatal(err)
		}
		return slices.Collect(slices.Chunk(out, n))
	}
	classifier, err := sentiment.New(f, 1)
	if err != nil {
		t.Fatal(err)
	}
	results, err := classifier.Classify(nil, c.Texts)
	if err != nil {
		t.Fatal(err)
	}
	// A function maps the unpacked form.
	if err := sentiment.Pack(f); err != nil {
		t.Fatal(err)
	}
	unpacked, err := f.AppendUnpacked(nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := weights.Parse(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	mapped, err := sentiment.Mapped(again, 1)
	if err != nil {
		t.Fatal(err)
	}
	if same, err := mapped.Classify(nil, c.Texts); err != nil || fmt.Sprint(same) != fmt.Sprint(results) {
		t.Errorf("the function gives %v, %v; want %v", same, err, results)
	}
	var got [][]float32
	for _, r := range results {
		got = append(got, r.Probabilities)
	}
	return got
}

// TestVectorizationKeepsItsLayer: inspect and messages name it.
func TestVectorizationKeepsItsLayer(t *testing.T) {
	textCases(t, func(t *testing.T, c *textCase, content []byte) {
		m, err := keras.Parse(content, keras.Options{})
		if err != nil || c.IDs != nil {
			return
		}
		found := slices.ContainsFunc(m.Layers, func(l keras.Layer) bool {
			return l.Class == "TextVectorization" && l.Name == m.Tokenizer.Layer && fmt.Sprint(l.Shape) == fmt.Sprint(m.Inputs[0].Shape)
		})
		if !found {
			t.Errorf("no layer %q in %v", m.Tokenizer.Layer, m.Layers)
		}
	})
}
