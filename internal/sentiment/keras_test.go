package sentiment_test

import (
	"compress/gzip"
	"encoding/csv"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"coldstream/internal/csvfile"
	"coldstream/internal/sentiment"
	"coldstream/weights/zst"
)

// TestAnswersAreKeras compares both models with what real Keras answered for
// the 2,835 posts of the test fold, from the text to the probabilities. The
// answers were written by
//
//	python tools/keras/predict_rows.py models/NAME --csv Sentiment.csv --split gop_split_v1.tsv -o NAME.csv
func TestAnswersAreKeras(t *testing.T) {
	texts := debatePosts(t)
	for name, file := range map[string]string{
		"origin":  filepath.Join("..", "..", "models", "origin.safetensors.zst"),
		"default": filepath.Join("..", "..", "weights", "pretrained", "default.safetensors.zst"),
	} {
		t.Run(name, func(t *testing.T) {
			f, err := zst.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c, err := sentiment.New(f, 2)
			if err != nil {
				t.Fatal(err)
			}
			answers := kerasAnswers(t, filepath.Join("testdata", "keras", name+".csv.gz"))
			if len(answers) != 2835 {
				t.Fatalf("%d answers of Keras", len(answers))
			}
			var batch []string
			for _, a := range answers {
				text, ok := texts[a[0]]
				if !ok {
					t.Fatalf("no post with id %s", a[0])
				}
				batch = append(batch, text)
			}
			results, err := c.Classify(nil, batch)
			if err != nil {
				t.Fatal(err)
			}
			worst := 0.0
			for i, a := range answers {
				if got := c.Labels()[results[i].Label]; got != a[1] {
					t.Errorf("post %s: %s, in Keras %s", a[0], got, a[1])
				}
				for k, p := range results[i].Probabilities {
					want, err := strconv.ParseFloat(a[2+k], 32)
					if err != nil {
						t.Fatal(err)
					}
					diff := math.Abs(float64(p) - want)
					if !(diff <= 1e-6) {
						t.Errorf("post %s: probability %d is %v, in Keras %v", a[0], k, p, want)
					}
					worst = max(worst, diff)
				}
			}
			t.Logf("largest difference %.2g", worst)
		})
	}
}

// debatePosts returns the texts of the GOP debate set by id.
func debatePosts(t *testing.T) map[string]string {
	root := os.Getenv("COLDSTREAM_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "data")
	}
	f, err := os.Open(filepath.Join(root, "gop", "Sentiment.csv"))
	if err != nil {
		t.Skipf("the data set is not there (%v); set COLDSTREAM_DATA", err)
	}
	defer f.Close()
	r, err := csvfile.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	id, err := r.Column("id")
	if err != nil {
		t.Fatal(err)
	}
	text, err := r.Column("text")
	if err != nil {
		t.Fatal(err)
	}
	posts := map[string]string{}
	for {
		row, err := r.Read()
		if err == io.EOF {
			return posts
		}
		if err != nil {
			t.Fatal(err)
		}
		posts[row[id]] = row[text]
	}
}

// kerasAnswers reads rows of id, label and three probabilities.
func kerasAnswers(t *testing.T, path string) [][]string {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows[1:]
}
