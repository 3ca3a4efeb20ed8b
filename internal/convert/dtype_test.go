package convert

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coldstream/internal/csvfile"
	"coldstream/internal/evaluate"
	"coldstream/internal/keras"
	"coldstream/internal/sentiment"
	"coldstream/weights"
	"coldstream/weights/zst"
)

// TestNumberFormatsAreMeasured: the file says what its number format costs, and
// its check vectors are its own, while Keras' are checked with float32.
func TestNumberFormatsAreMeasured(t *testing.T) {
	plain, err := Build(kerasModel(4), Options{Tokenizer: file(tokenizer)})
	if err != nil {
		t.Fatal(err)
	}
	if plain.DType != "" || plain.Loss != nil {
		t.Errorf("float32: %q, %+v", plain.DType, plain.Loss)
	}
	for _, dtype := range []string{weights.F16, weights.Int8} {
		f, err := Build(kerasModel(4), Options{Tokenizer: file(tokenizer), DType: dtype})
		if err != nil {
			t.Fatal(err)
		}
		rows, worst := 0, 0.0
		for i, g := range f.Goldens {
			if g.Origin != "self, "+dtype {
				t.Errorf("%s: origin %q", dtype, g.Origin)
			}
			rows += g.Rows
			for j, v := range g.Outputs[0].Data {
				worst = max(worst, math.Abs(float64(v)-float64(plain.Goldens[i].Outputs[0].Data[j])))
			}
		}
		if l := f.Loss; l == nil || l.Rows != rows || l.Of != rows || l.Worst != worst || !(l.Mean <= worst) {
			t.Errorf("%s: loss %+v, want %d rows, %v at most", dtype, l, rows, worst)
		}
	}
	big := kerasModel(4)
	big.Params["out/k"].Data[2] = 1e6
	if _, err := Build(big, Options{DType: weights.F16, Path: "m.h5"}); err == nil || !strings.Contains(err.Error(), `m.h5: weights: layer "out": tensor "out/k" has 1e+06 at element 2, beyond ±65504`) {
		t.Errorf("a weight beyond float16: %v", err)
	}
	if _, err := Build(kerasModel(4), Options{DType: "f64"}); err == nil || !strings.Contains(err.Error(), `"f64" is neither f16 nor int8`) {
		t.Errorf("unknown format: %v", err)
	}
}

// project returns a model of this project in a number format.
func project(t *testing.T, model, tokenizer string, o Options) *weights.File {
	t.Helper()
	m, err := keras.Open(filepath.Join("..", "..", "models", model), keras.Options{})
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join("..", "..", "models", tokenizer))
	if err != nil {
		t.Fatal(err)
	}
	o.Tokenizer, o.Labels = &Input{Path: tokenizer, Content: content}, []string{"Negative", "Neutral", "Positive"}
	f, err := Build(m, o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

var projectModels = []struct {
	model, tokenizer string
	o                Options
}{
	{"origin.h5", "origin.tokenizer.json", Options{Cleaning: "origin"}},
	{"default.keras", "default.tokenizer.json", Options{}},
}

// TestSmallFormatsMakeSmallFiles: vocabulary and header aside, a half and a
// quarter.
func TestSmallFormatsMakeSmallFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("compresses models")
	}
	for _, c := range projectModels {
		t.Run(c.model, func(t *testing.T) {
			size := map[string]float64{}
			for _, dtype := range []string{weights.F32, weights.F16, weights.Int8} {
				c.o.DType = dtype
				b, err := zst.Encode(project(t, c.model, c.tokenizer, c.o))
				if err != nil {
					t.Fatal(err)
				}
				size[dtype] = float64(len(b))
			}
			t.Logf("bytes: %v", size)
			if h := size[weights.F16] / size[weights.F32]; !(h > .4 && h < .55) {
				t.Errorf("float16 makes %.2f of the file", h)
			}
			if q := size[weights.Int8] / size[weights.F32]; !(q > .2 && q < .35) {
				t.Errorf("bytes make %.2f of the file", q)
			}
		})
	}
}

// TestSmallFormatsKeepAccuracy labels the test fold of the GOP set: accuracy
// moves by less than a point.
func TestSmallFormatsKeepAccuracy(t *testing.T) {
	table := gopTestFold(t)
	for _, c := range projectModels {
		t.Run(c.model, func(t *testing.T) {
			plain, err := sentiment.New(project(t, c.model, c.tokenizer, c.o), 1)
			if err != nil {
				t.Fatal(err)
			}
			measure := func(m evaluate.Classifier) *evaluate.Result {
				r, err := evaluate.Run(t.Context(), m, strings.NewReader(table), evaluate.Options{TextColumn: "text", LabelColumn: "label", Against: plain})
				if err != nil {
					t.Fatal(err)
				}
				return r
			}
			want := measure(plain)
			for _, dtype := range []string{weights.F16, weights.Int8} {
				c.o.DType = dtype
				f := project(t, c.model, c.tokenizer, c.o)
				m, err := sentiment.New(f, 1)
				if err != nil {
					t.Fatal(err)
				}
				r := measure(m)
				t.Logf("%s: accuracy %.4f, float32 %.4f; %d of %d labels changed, probabilities differ by %.2g at most; on the check vectors %+v",
					dtype, r.Accuracy(), want.Accuracy(), r.Difference.Changed, r.Rows, r.Difference.Worst, *f.Loss)
				if d := math.Abs(r.Accuracy() - want.Accuracy()); !(d < .01) {
					t.Errorf("%s: accuracy %.4f, float32 %.4f", dtype, r.Accuracy(), want.Accuracy())
				}
			}
		})
	}
}

// gopTestFold returns the posts that accuracy is measured on, as CSV.
func gopTestFold(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("labels thousands of texts")
	}
	root := os.Getenv("COLDSTREAM_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "data")
	}
	split, err := os.ReadFile(filepath.Join(root, "gop", "gop_split_v1.tsv"))
	if err != nil {
		t.Skipf("no data here (set COLDSTREAM_DATA to the data directory): %v", err)
	}
	posts, err := os.Open(filepath.Join(root, "gop", "Sentiment.csv"))
	if err != nil {
		t.Skipf("no data here: %v", err)
	}
	defer posts.Close()
	chosen := map[string]bool{}
	for _, line := range strings.Split(string(split), "\n")[1:] {
		// id tweet_id text_sha1_12 label dup_group fold representative random80_20_seed42 split
		if f := strings.Split(strings.TrimSpace(line), "\t"); len(f) == 9 && f[6] == "1" && f[8] == "test" {
			chosen[f[0]] = true
		}
	}
	r, err := csvfile.NewReader(posts)
	if err != nil {
		t.Fatal(err)
	}
	var at [3]int
	for i, name := range []string{"id", "text", "sentiment"} {
		if at[i], err = r.Column(name); err != nil {
			t.Fatal(err)
		}
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"text", "label"})
	for range 1 << 20 {
		fields, err := r.Read()
		if err != nil {
			break
		}
		if chosen[fields[at[0]]] {
			_ = w.Write([]string{fields[at[1]], fields[at[2]]})
			delete(chosen, fields[at[0]])
		}
	}
	if w.Flush(); len(chosen) > 0 {
		t.Fatalf("%d posts of the test fold are missing", len(chosen))
	}
	return b.String()
}
