package evaluate

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"coldstream/internal/sentiment"
)

// first labels a text by its first letter.
type first struct{}

func (first) Labels() []string { return []string{"Negative", "Neutral", "Positive"} }

func (first) Classify(dst []sentiment.Result, texts []string) ([]sentiment.Result, error) {
	for _, t := range texts {
		r := sentiment.Result{Score: .75, Probabilities: []float32{.125, .125, .125}}
		r.Label = strings.Index("np+", t[:1])
		if t[0] == '?' {
			r.Label, r.Score = 0, float32(math.NaN())
		}
		r.Probabilities[r.Label] = .75
		dst = append(dst, r)
	}
	return dst, nil
}

const table = `id,text,label
a,"n
1",Negative
b,n 2,Negative
c,p 3,Negative
d,p 4,Neutral
e,n 5,positive
`

func TestFiguresOfAKnownTable(t *testing.T) {
	var predictions strings.Builder
	r, err := Run(t.Context(), first{}, strings.NewReader(table), Options{TextColumn: "text", LabelColumn: "label", IDColumn: "id", Predictions: &predictions})
	if err != nil {
		t.Fatal(err)
	}
	if want := [][]int{{2, 1, 0}, {0, 1, 0}, {1, 0, 0}}; !reflect.DeepEqual(r.Confusion, want) {
		t.Errorf("confusion %v, want %v", r.Confusion, want)
	}
	// By hand: F1 = 4/6, 2/3, 0; recall = 2/3, 1, 0.
	for name, c := range map[string]struct{ got, want float64 }{
		"accuracy":     {r.Accuracy(), 3. / 5},
		"macro F1":     {r.MacroF1(), (4./6 + 2./3 + 0) / 3},
		"macro recall": {r.MacroRecall(), (2./3 + 1 + 0) / 3},
		"precision":    {r.Precision(0), 2. / 3},
	} {
		if !(math.Abs(c.got-c.want) <= 1e-15) {
			t.Errorf("%s: got %v, want %v", name, c.got, c.want)
		}
	}
	want := `row,id,label,predicted,score,p_Negative,p_Neutral,p_Positive
1,a,Negative,Negative,0.75,0.75,0.125,0.125
2,b,Negative,Negative,0.75,0.75,0.125,0.125
3,c,Negative,Neutral,0.75,0.125,0.75,0.125
4,d,Neutral,Neutral,0.75,0.125,0.75,0.125
5,e,Positive,Negative,0.75,0.75,0.125,0.125
`
	if predictions.String() != want {
		t.Errorf("predictions:\n%s", predictions.String())
	}
}

// shouting is first with other answers for some texts.
type shouting struct{ first }

func (s shouting) Classify(dst []sentiment.Result, texts []string) ([]sentiment.Result, error) {
	dst, err := s.first.Classify(dst, texts)
	for i, t := range texts {
		if strings.HasSuffix(t, "3") {
			dst[i].Label, dst[i].Probabilities = 2, []float32{.25, .25, .5}
		}
	}
	return dst, err
}

func TestModelsAreCompared(t *testing.T) {
	r, err := Run(t.Context(), first{}, strings.NewReader(table), Options{TextColumn: "text", LabelColumn: "label", Against: shouting{}})
	if err != nil || r.Difference == nil || *r.Difference != (Difference{Changed: 1, Worst: .5}) {
		t.Errorf("got %+v, %v", r, err)
	}
}

// TestAbsentLabelsAreLeftOutOfTheMean: a label that no text has or got has no
// F1.
func TestAbsentLabelsAreLeftOutOfTheMean(t *testing.T) {
	r, err := Run(t.Context(), first{}, strings.NewReader("text,label\nn,Negative\np,Neutral\n"), Options{TextColumn: "text", LabelColumn: "label"})
	if err != nil || r.MacroF1() != 1 || r.MacroRecall() != 1 {
		t.Errorf("got %v, %v", r, err)
	}
}

func TestManyBatches(t *testing.T) {
	in := "text,label\n" + strings.Repeat("n,Negative\n", 3*batch+1)
	r, err := Run(t.Context(), first{}, strings.NewReader(in), Options{TextColumn: "text", LabelColumn: "label"})
	if err != nil || r.Rows != 3*batch+1 || r.Accuracy() != 1 {
		t.Errorf("got %v, %v", r, err)
	}
}

func TestErrorsSayWhere(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"no text column", "a,label\nx,Negative\n", `no column "text"; the columns are "a", "label"`},
		{"no label column", "text,b\nx,Negative\n", `no column "label"`},
		{"unknown label", "text,label\n\"n\n\",Negative\nn,Bad\n", `line 4: label "Bad" is none of the model's: Negative, Neutral, Positive`},
		{"no rows", "text,label\n", "no rows"},
		{"not UTF-8", "text,label\n\xff,Negative\n", "line 2: the text is not valid UTF-8"},
		{"NaN", "text,label\n?,Negative\n", "line 2: the model answers NaN"},
		{"short row", "text,label\nn\n", "line 2: 1 fields"},
	} {
		_, err := Run(t.Context(), first{}, strings.NewReader(c.in), Options{TextColumn: "text", LabelColumn: "label"})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}
