package keras

import (
	"archive/zip"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"coldstream/lstm"
)

var (
	differentialDir  = flag.String("differential", "", "test the random models in the archives in this `folder`, which tools/keras/differential.py writes")
	differentialKeep = flag.String("differential.keep", "", "write every random model that fails to this `folder`, as an archive of its own")
)

// TestDifferential: random models give the outputs that real Keras computed
// when it drew them, in every form it saved them in. It writes how many models
// of each class were compared to tally.txt beside the archives.
func TestDifferential(t *testing.T) {
	if *differentialDir == "" {
		t.Skip("no random models: draw some with tools/keras/differential.py and name their folder with -differential")
	}
	archives, err := filepath.Glob(filepath.Join(*differentialDir, "*.zip"))
	if err != nil || len(archives) == 0 {
		t.Fatalf("archives in %s: %q, %v", *differentialDir, archives, err)
	}
	tally := newTally()
	for _, a := range archives {
		tally.test(t, a, *differentialKeep)
	}
	t.Logf("%v", tally)
	if err := os.WriteFile(filepath.Join(*differentialDir, "tally.txt"), []byte(tally.String()), 0o666); err != nil {
		t.Error(err)
	}
}

// TestRegressions: models that failed once. An archive that TestDifferential
// kept becomes one of them when it is copied into the folder.
func TestRegressions(t *testing.T) {
	archives, err := filepath.Glob("testdata/regressions/*.zip")
	if err != nil {
		t.Fatal(err)
	}
	if len(archives) == 0 {
		t.Skip("no model of testdata/regressions: none failed yet")
	}
	tally := newTally()
	for _, a := range archives {
		tally.test(t, a, "")
	}
}

// tally counts what was compared.
type tally struct {
	models, refusedModels int
	compared, refused     map[string]int // models by class of their layers
	refusals              map[string]int // by their text
}

func newTally() *tally {
	return &tally{compared: map[string]int{}, refused: map[string]int{}, refusals: map[string]int{}}
}

// test compares all models of an archive and keeps those that fail.
func (y *tally) test(t *testing.T, archive, keep string) {
	base := strings.TrimSuffix(filepath.Base(archive), ".zip")
	for _, c := range readCases(t, archive) {
		refused := false
		ok := true
		for _, name := range c.models() {
			ok = t.Run(base+"/"+c.name+"/"+name, func(t *testing.T) {
				err := c.golden.differ(c.files[name], c.options(name))
				if r, is := err.(*refusal); is {
					refused = true
					y.refusals[r.kind()]++
					if r.allowed {
						t.Skip("refused on purpose: ", r.err)
					}
				}
				if err != nil {
					t.Error(err)
				}
			}) && ok
		}
		by := y.compared
		if refused {
			by = y.refused
			y.refusedModels++
		} else {
			y.models++
		}
		for _, class := range c.golden.Classes {
			by[class]++
		}
		if !ok && keep != "" {
			c.keep(t, filepath.Join(keep, base+"-"+c.name+".zip"))
		}
	}
}

// String is a table of the models compared, by class of their layers.
func (y *tally) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%d models compared, %d refused\n", y.models, y.refusedModels)
	w := tabwriter.NewWriter(&s, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "layer\tcompared\trefused")
	all := maps.Clone(y.compared)
	maps.Copy(all, y.refused)
	for _, class := range sortedKeys(all) {
		fmt.Fprintf(w, "%s\t%d\t%d\n", class, y.compared[class], y.refused[class])
	}
	w.Flush()
	texts := sortedKeys(y.refusals)
	slices.SortStableFunc(texts, func(a, b string) int { return y.refusals[b] - y.refusals[a] })
	for _, text := range texts {
		fmt.Fprintf(&s, "refused %d times: %s\n", y.refusals[text], text)
	}
	return s.String()
}

// refusal is the converter's refusal of a model.
type refusal struct {
	err     error
	allowed bool
}

func (r *refusal) Error() string { return "refused: " + r.err.Error() }

// kind is the refusal's text without the name of the layer.
func (r *refusal) kind() string {
	text := r.err.Error()
	if rest, ok := strings.CutPrefix(text, `layer "`); ok {
		if _, after, ok := strings.Cut(rest, `" `); ok {
			return after
		}
	}
	return text
}

// differ converts a file and compares its outputs with Keras'. All ways to
// compute them must give the same bits.
func (g *golden) differ(file []byte, o Options) error {
	m, err := Parse(file, o)
	if err != nil {
		r := &refusal{err: err}
		for _, text := range g.MayRefuse {
			r.allowed = r.allowed || strings.Contains(err.Error(), text)
		}
		return r
	}
	all, err := g.run(m.Graph, m.Params, lstm.Options{})
	if err != nil {
		return err
	}
	if len(all) != len(g.Outputs) {
		return fmt.Errorf("%d outputs, expected %d", len(all), len(g.Outputs))
	}
	for i, want := range g.Outputs {
		if err := want.compare(all[i], g.Tolerance); err != nil {
			return fmt.Errorf("output %d: %w (tolerance %.2g)%s", i, err, g.Tolerance, g.firstWrongLayer(m))
		}
	}
	for _, o := range append(kernelOptions(), lstm.Options{NoFold: true, NoPadSkip: true, NoDedupe: true, NoSort: true}) {
		if err := g.sameBits(m, o, all); err != nil {
			return fmt.Errorf("with %+v: %w", o, err)
		}
	}
	return nil
}

// kernelOptions choose each of the kernels that give the same bits.
func kernelOptions() []lstm.Options {
	var all []lstm.Options
	for _, k := range lstm.Kernels() {
		if k != "gonum" {
			all = append(all, lstm.Options{Kernels: k})
		}
	}
	return all
}

// sameBits predicts two rows at a time, and all of them in another order and
// twice over.
func (g *golden) sameBits(m *Model, o lstm.Options, all [][]float32) error {
	engine, err := lstm.New(m.Graph, m.Params, o)
	if err != nil {
		return err
	}
	s := engine.NewScratch(1)
	for row := 0; row+2 <= g.Rows; row += 2 {
		if err := g.sameRows(engine, s, rowNumbers(row, row+2), all); err != nil {
			return err
		}
	}
	rows := append(rowNumbers(0, g.Rows), rowNumbers(0, g.Rows)...)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(rows), func(i, k int) { rows[i], rows[k] = rows[k], rows[i] })
	return g.sameRows(engine, s, rows, all)
}

// keep writes the case into an archive of its own.
func (c *goldenCase) keep(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := zip.NewWriter(f)
	for _, name := range sortedKeys(c.files) {
		w, err := z.Create(c.name + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(c.files[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("kept as %s", path)
}
