package jsonrows

import (
	"math"
	"strings"
	"testing"

	"coldstream/lstm"
	"coldstream/weights"
)

// embedder looks ids up: 3 rows of 2 values, any number of steps.
func embedder(t *testing.T) *Model {
	t.Helper()
	return model(t, weights.File{
		Graph: lstm.Graph{
			Nodes: []lstm.Node{
				{Name: "in", Op: lstm.OpInput, Shape: []int{-1}},
				{Name: "e", Op: lstm.OpEmbedding, Inputs: []string{"in"}, Params: []string{"w"}},
			},
			Inputs: []string{"in"}, Outputs: []string{"e"},
		},
		Params: map[string]lstm.Tensor{"w": {Shape: []int{3, 2}, Data: []float32{0, 0.1, 1, -1e-9, 3e38, 0.5}}},
	})
}

// adder adds two inputs of shape [2][2] and gives the sum and its exponential.
func adder(t *testing.T) *Model {
	t.Helper()
	return model(t, weights.File{
		Graph: lstm.Graph{
			Nodes: []lstm.Node{
				{Name: "a", Op: lstm.OpInput, Shape: []int{2, 2}},
				{Name: "b", Op: lstm.OpInput, Shape: []int{2, 2}},
				{Name: "sum", Op: lstm.OpAdd, Inputs: []string{"a", "b"}},
				{Name: "exp", Op: lstm.OpActivation, Activation: lstm.Exponential, Inputs: []string{"sum"}},
			},
			Inputs: []string{"a", "b"}, Outputs: []string{"sum", "exp"},
		},
		Params: map[string]lstm.Tensor{},
	})
}

func model(t *testing.T, f weights.File) *Model {
	t.Helper()
	m, err := New(&f, 1)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// answer parses the lines and returns the answers.
func answer(t *testing.T, m *Model, lines ...string) (string, int, error) {
	t.Helper()
	var rows []Row
	for _, l := range lines {
		r, err := m.Parse([]byte(l))
		if err != nil {
			t.Fatalf("%s: %v", l, err)
		}
		rows = append(rows, r)
	}
	out, n, err := m.Append(nil, rows)
	return string(out), n, err
}

func TestAnswersHaveTheOutputsShape(t *testing.T) {
	got, n, err := answer(t, embedder(t), "[0,1]", " [ 2 , 1.0 ] ", "[1]", "[0,0,0]", "[1]")
	want := "[[0,0.1],[1,-1e-9]]\n[[300000000000000000000000000000000000000,0.5],[1,-1e-9]]\n[[1,-1e-9]]\n[[0,0.1],[0,0.1],[0,0.1]]\n[[1,-1e-9]]\n"
	want = strings.ReplaceAll(want, "300000000000000000000000000000000000000", "3e+38")
	if got != want || n != 5 || err != nil {
		t.Errorf("got %s, %d, %v", got, n, err)
	}
}

func TestSeveralInputsAndOutputs(t *testing.T) {
	got, _, err := answer(t, adder(t), "[[[1,2],[3,4]], [[0,-2],[-3,1000]]]")
	if want := "[[[1,0],[0,1004]],[[2.7182817,1],[1,null]]]\n"; got != want || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestRowThatDoesNotFitIsFound(t *testing.T) {
	got, n, err := answer(t, embedder(t), "[0]", "[1]", "[1,1]", "[1,3]", "[0,0]")
	if got != "[[0,0.1]]\n[[1,-1e-9]]\n[[1,-1e-9],[1,-1e-9]]\n" || n != 3 || err == nil {
		t.Errorf("got %s, row %d, %v", got, n, err)
	}
	if _, n, err = answer(t, embedder(t), "[0]", "[-1]"); n != 1 || err == nil {
		t.Errorf("a negative id: row %d, %v", n, err)
	}
}

func TestUnfitLinesAreRefused(t *testing.T) {
	ids, two := embedder(t), adder(t)
	for _, c := range []struct {
		m          *Model
		line, want string
	}{
		{ids, "", "not JSON"},
		{ids, "[1,", "not JSON"},
		{ids, "[NaN]", "not JSON"},
		{ids, `{"ids":[1]}`, "not a JSON array"},
		{ids, "7", "not a JSON array"},
		{ids, "[1.5]", "1.5 is not a token id"},
		{ids, "[3000000000]", "3000000000 is not a token id"},
		{ids, `["1"]`, `"1" is not a number`},
		{ids, "[null]", "null is not a number"},
		{ids, "[[1]]", "an array of shape [1 1]; the model takes [-1], where -1 is any length"},
		{two, "[[[1,2],[3,4]]]", "1 arrays; the model has 2 inputs"},
		{two, "[[[1,2],[3,4]],[[1,2],[3,4]],[]]", "more than 2 arrays"},
		{two, "[[[1,2],[3,4]],[[1,2],[3]]]", "input 2: arrays of 2 and of 1 elements side by side"},
		{two, "[[[1,2],[3,4]],[[1,2],3]]", "input 2: arrays and numbers are mixed"},
		{two, "[[[1,2],[3,4]],[[1,2],[3,[4]]]]", "input 2: arrays and numbers are mixed"},
		{two, "[[[1,2],[3,4]],[[1,2,3],[3,4,5]]]", "input 2: an array of shape [2 3]; the model takes [2 2]"},
		{two, "[[[1,2],[3,1e99]],[[1,2],[3,4]]]", "input 1: 1e99 does not fit into a float32"},
		{two, "[1,2]", "input 1: not an array"},
	} {
		if _, err := c.m.Parse([]byte(c.line)); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.line, err, c.want)
		}
	}
}

func TestShortestDigitsGiveTheNumberBack(t *testing.T) {
	for _, v := range []float32{0, 0.1, 1. / 3, math.MaxFloat32, math.SmallestNonzeroFloat32, -123456.79} {
		line := appendArray(nil, []int{1}, []float32{v})
		p := parser{rest: line}
		if err := p.array(0); err != nil || p.numbers[0] != v {
			t.Errorf("%v became %s, %v", v, line, err)
		}
	}
	if got := string(appendArray(nil, []int{3}, []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))})); got != "[null,null,null]" {
		t.Errorf("got %s", got)
	}
}

// FuzzParse looks for lines that make the parser panic or return a row whose
// sizes do not agree.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"[[[1,2],[3,4]],[[0,-2],[-3,1000]]]", "[]", "[[],[]]", "[[[],[]],[[],[]]]", "[1,[2]]", " [ [[1e5,2],[ 3,4]] , [[1,2],[3,4.5]]] "} {
		f.Add(s)
	}
	m, err := New(&weights.File{Graph: lstm.Graph{
		Nodes:  []lstm.Node{{Name: "a", Op: lstm.OpInput, Shape: []int{-1, -1}}, {Name: "b", Op: lstm.OpInput, Shape: []int{-1, -1}}, {Name: "c", Op: lstm.OpAdd, Inputs: []string{"a", "b"}}},
		Inputs: []string{"a", "b"}, Outputs: []string{"c"},
	}}, 1)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := m.Parse([]byte(s))
		if err != nil {
			return
		}
		for _, in := range r.inputs {
			if in.Shape[0]*in.Shape[1] != len(in.Values) {
				t.Errorf("%q: shape %v, %d values", s, in.Shape, len(in.Values))
			}
		}
		_, _, _ = m.Append(nil, []Row{r})
	})
}
