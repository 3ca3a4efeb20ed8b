package keras

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"coldstream/lstm"
)

// The golden cases under testdata/goldens were written by real Keras, with
// tools/keras/goldens.py.

// golden is case.json of a case.
type golden struct {
	Rows      int
	Inputs    []goldenInput
	Outputs   []goldenTensor
	Layers    map[string]goldenTensor
	Tolerance float64
	Refused   string
}

type goldenInput struct {
	Kind  string
	Shape []int
	Data  []float64
}

type goldenTensor struct {
	Shape []int
	Data  []*float64 // nil = NaN or infinite
}

// goldenCases calls visit for every file that Keras saved, in subtests.
func goldenCases(t *testing.T, visit func(t *testing.T, g *golden, file []byte, o Options)) {
	archives, err := filepath.Glob("testdata/goldens/keras-*.zip")
	if err != nil || len(archives) < 2 {
		t.Fatalf("golden archives: %q, %v; expected two", archives, err)
	}
	for _, a := range archives {
		z, err := zip.OpenReader(a)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		cases := map[string]map[string][]byte{}
		for _, f := range z.File {
			dir, name := path.Split(f.Name)
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			if cases[dir] == nil {
				cases[dir] = map[string][]byte{}
			}
			cases[dir][name] = b
		}
		for _, dir := range sortedKeys(cases) {
			files := cases[dir]
			var g golden
			if err := json.Unmarshal(files["case.json"], &g); err != nil {
				t.Fatalf("%s%s: %v", a, dir, err)
			}
			for _, name := range sortedKeys(files) {
				if name == "case.json" || name == "architecture.json" {
					continue
				}
				t.Run(strings.TrimSuffix(filepath.Base(a), ".zip")+"/"+dir+name, func(t *testing.T) {
					var o Options
					if strings.HasSuffix(name, "weights.h5") {
						o.Config = files["architecture.json"]
					}
					visit(t, &g, files[name], o)
				})
			}
		}
	}
}

// TestGoldens: every model that real Keras saved gives Keras' outputs, row by
// row and as a batch, with every kernel that runs here, or is refused by name.
func TestGoldens(t *testing.T) {
	goldenCases(t, func(t *testing.T, g *golden, file []byte, o Options) {
		m, err := Parse(file, o)
		if g.Refused != "" {
			if err == nil || !strings.Contains(err.Error(), g.Refused) {
				t.Fatalf("got error %v, expected one with %q", err, g.Refused)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, kernels := range lstm.Kernels() {
			got, err := g.run(m.Graph, m.Params, lstm.Options{Kernels: kernels})
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range g.Outputs {
				if err := want.compare(got[i], g.Tolerance); err != nil {
					t.Errorf("kernels %s, output %d: %v%s", kernels, i, err, g.firstWrongLayer(m))
				}
			}
		}
	})
}

// TestGoldenLayers: inside the network too, each layer gives what it gives in
// Keras.
func TestGoldenLayers(t *testing.T) {
	compared := 0
	goldenCases(t, func(t *testing.T, g *golden, file []byte, o Options) {
		// Networks that amplify differences are compared by their outputs, for
		// which goldens.py measured how far Keras moves; inside, nobody did.
		if g.Refused != "" || g.Tolerance > 1e-6 {
			return
		}
		m, err := Parse(file, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range m.Layers {
			want, ok := g.Layers[l.Name]
			if !ok || l.Node == "" || strings.HasSuffix(l.Class, "InputLayer") {
				continue
			}
			if err := g.compareNode(m, l.Node, want); err != nil {
				t.Errorf("layer %q (%s): %v", l.Name, l.Class, err)
			}
			if shape := want.Shape; !slices.EqualFunc(l.Shape, shape, func(a, b int) bool { return a == b || a < 0 }) {
				t.Errorf("layer %q (%s) is listed with shape %s, in Keras it is %v", l.Name, l.Class, shapeText(l.Shape), shape)
			}
			compared++
		}
	})
	if compared < 500 {
		t.Errorf("only %d layers compared", compared)
	}
}

// run predicts all rows at once and one by one, and makes sure that both give
// the same.
func (g *golden) run(graph lstm.Graph, params map[string]lstm.Tensor, o lstm.Options) ([][]float32, error) {
	m, err := lstm.New(graph, params, o)
	if err != nil {
		return nil, err
	}
	predict := func(from, to int) ([][]float32, error) {
		var in []lstm.Input
		var shapes [][]int
		for _, x := range g.Inputs {
			size := len(x.Data) / g.Rows
			rows := x.Data[from*size : to*size]
			i := lstm.Input{Shape: x.Shape}
			if x.Kind == "ids" {
				i.IDs = make([]int32, len(rows))
				for k, v := range rows {
					i.IDs[k] = int32(v)
				}
			} else {
				i.Values = make([]float32, len(rows))
				for k, v := range rows {
					i.Values[k] = float32(v)
				}
			}
			in = append(in, i)
			shapes = append(shapes, x.Shape)
		}
		outShapes, err := m.OutputShapes(shapes)
		if err != nil {
			return nil, err
		}
		out := make([][]float32, len(outShapes))
		for i, s := range outShapes {
			n := to - from
			for _, d := range s {
				n *= d
			}
			out[i] = make([]float32, n)
		}
		return out, m.Predict(m.NewScratch(1), out, to-from, in)
	}
	all, err := predict(0, g.Rows)
	if err != nil {
		return nil, err
	}
	for row := range g.Rows {
		one, err := predict(row, row+1)
		if err != nil {
			return nil, err
		}
		for i := range one {
			n := len(all[i]) / g.Rows
			for k, v := range one[i] {
				if math.Float32bits(v) != math.Float32bits(all[i][row*n+k]) {
					return nil, fmt.Errorf("output %d, row %d alone: %g, in the batch %g", i, row, v, all[i][row*n+k])
				}
			}
		}
	}
	return all, nil
}

// compare finds a number that differs by more than tolerance * max(1, |want|).
func (want goldenTensor) compare(got []float32, tolerance float64) error {
	if len(got) != len(want.Data) {
		return fmt.Errorf("%d numbers, expected %d", len(got), len(want.Data))
	}
	worst, at := 0.0, -1
	for i, w := range want.Data {
		g := float64(got[i])
		if w == nil {
			if !math.IsNaN(g) && !math.IsInf(g, 0) {
				return fmt.Errorf("number %d is %g, expected NaN", i, g)
			}
			continue
		}
		diff := math.Abs(g-*w) / math.Max(1, math.Abs(*w))
		if !(diff <= worst) {
			worst, at = diff, i
			if math.IsNaN(diff) {
				break
			}
		}
	}
	if !(worst <= tolerance) {
		return fmt.Errorf("number %d is %g, expected %g (off by %.3g)", at, got[at], *want.Data[at], worst)
	}
	return nil
}

// compareNode compares the values of one node of the graph.
func (g *golden) compareNode(m *Model, node string, want goldenTensor) error {
	graph := m.Graph
	graph.Outputs = []string{node}
	got, err := g.run(graph, m.Params, lstm.Options{})
	if err != nil {
		return err
	}
	return want.compare(got[0], g.Tolerance)
}

// firstWrongLayer says in which layer a difference begins.
func (g *golden) firstWrongLayer(m *Model) string {
	for _, l := range m.Layers {
		want, ok := g.Layers[l.Name]
		if !ok || l.Node == "" || l.Class == "InputLayer" {
			continue
		}
		if err := g.compareNode(m, l.Node, want); err != nil {
			return fmt.Sprintf("; the first wrong layer is %q (%s): %v", l.Name, l.Class, err)
		}
	}
	return ""
}

// TestShortcutsKeepGoldens: the engine's shortcuts change nothing on converted
// graphs either.
func TestShortcutsKeepGoldens(t *testing.T) {
	goldenCases(t, func(t *testing.T, g *golden, file []byte, o Options) {
		if g.Refused != "" {
			return
		}
		m, err := Parse(file, o)
		if err != nil {
			t.Fatal(err)
		}
		fast, err := g.run(m.Graph, m.Params, lstm.Options{})
		if err != nil {
			t.Fatal(err)
		}
		slow, err := g.run(m.Graph, m.Params, lstm.Options{NoFold: true, NoPadSkip: true, NoDedupe: true, NoSort: true})
		if err != nil {
			t.Fatal(err)
		}
		for i := range fast {
			if !slices.EqualFunc(fast[i], slow[i], func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }) {
				t.Errorf("output %d differs without the shortcuts", i)
			}
		}
	})
}

// TestRefusalsNameTheLayer: a refusal for one layer's sake can be told apart
// from a file that is no Keras model.
func TestRefusalsNameTheLayer(t *testing.T) {
	goldenCases(t, func(t *testing.T, g *golden, file []byte, o Options) {
		if !strings.HasPrefix(g.Refused, "layer ") {
			return
		}
		_, err := Parse(file, o)
		var l *LayerError
		if !errors.As(err, &l) || l.Layer == "" || l.Class == "" {
			t.Errorf("got %v, expected a LayerError", err)
		}
		if errors.Is(err, ErrFormat) {
			t.Errorf("%v counts as a damaged file", err)
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("%q has more than one line", err)
		}
	})
}
