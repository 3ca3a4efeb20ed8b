package keras

import (
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"coldstream/lstm"
)

// The golden cases under testdata/goldens were written by real Keras, with
// tools/keras/goldens.py.

// goldenCases calls visit for every file that Keras saved, in subtests.
func goldenCases(t *testing.T, visit func(t *testing.T, g *golden, file []byte, o Options)) {
	archives, err := filepath.Glob("testdata/goldens/keras-*.zip")
	if err != nil || len(archives) < 2 {
		t.Fatalf("golden archives: %q, %v; expected two", archives, err)
	}
	for _, a := range archives {
		for _, c := range readCases(t, a) {
			for _, name := range c.models() {
				t.Run(strings.TrimSuffix(filepath.Base(a), ".zip")+"/"+c.name+"/"+name, func(t *testing.T) {
					visit(t, c.golden, c.files[name], c.options(name))
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
