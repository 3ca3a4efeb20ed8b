package keras

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"path"
	"strings"
	"testing"

	"coldstream/lstm"
)

// golden is case.json of a case.
type golden struct {
	Rows      int
	Inputs    []goldenInput
	Outputs   []goldenTensor
	Layers    map[string]goldenTensor
	Tolerance float64
	Refused   string   // the file must be refused with an error that contains this
	MayRefuse []string `json:"may_refuse"` // and here, it may
	Classes   []string
}

type goldenInput struct {
	Kind  string
	Shape []int
	Data  []float64
}

type goldenTensor struct {
	Shape []int
	Data  []*float64 // nil = NaN
}

// goldenCase is a folder of an archive: what Keras computed and the files that
// it saved.
type goldenCase struct {
	name   string
	golden *golden
	files  map[string][]byte
}

// readCases reads the archive at path.
func readCases(t testing.TB, archive string) []goldenCase {
	t.Helper()
	z, err := zip.OpenReader(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	folders := map[string]map[string][]byte{}
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
		if folders[dir] == nil {
			folders[dir] = map[string][]byte{}
		}
		folders[dir][name] = b
	}
	var cases []goldenCase
	for _, dir := range sortedKeys(folders) {
		c := goldenCase{name: strings.Trim(dir, "/"), golden: &golden{}, files: folders[dir]}
		if err := json.Unmarshal(c.files["case.json"], c.golden); err != nil {
			t.Fatalf("%s: %s: %v", archive, c.name, err)
		}
		cases = append(cases, c)
	}
	return cases
}

// models returns the names of the files that hold the model, one in each form
// that Keras saved.
func (c *goldenCase) models() []string {
	var names []string
	for _, name := range sortedKeys(c.files) {
		if name != "case.json" && name != "architecture.json" {
			names = append(names, name)
		}
	}
	return names
}

// options are those for reading a model of the case.
func (c *goldenCase) options(name string) Options {
	if strings.HasSuffix(name, "weights.h5") {
		return Options{Config: c.files["architecture.json"]}
	}
	return Options{}
}

// run predicts all rows at once and one by one, and makes sure that both give
// the same.
func (g *golden) run(graph lstm.Graph, params map[string]lstm.Tensor, o lstm.Options) ([][]float32, error) {
	m, err := lstm.New(graph, params, o)
	if err != nil {
		return nil, err
	}
	s := m.NewScratch(1)
	all, err := g.predict(m, s, rowNumbers(0, g.Rows))
	if err != nil {
		return nil, err
	}
	for row := range g.Rows {
		if err := g.sameRows(m, s, rowNumbers(row, row+1), all); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// rowNumbers returns the numbers from one up to another.
func rowNumbers(from, to int) []int {
	rows := make([]int, 0, to-from)
	for r := from; r < to; r++ {
		rows = append(rows, r)
	}
	return rows
}

// predict runs the model for some rows, in that order.
func (g *golden) predict(m *lstm.Model, s *lstm.Scratch, rows []int) ([][]float32, error) {
	var in []lstm.Input
	var shapes [][]int
	for _, x := range g.Inputs {
		size := len(x.Data) / g.Rows
		i := lstm.Input{Shape: x.Shape}
		for _, r := range rows {
			for _, v := range x.Data[r*size : (r+1)*size] {
				if x.Kind == "ids" {
					i.IDs = append(i.IDs, int32(v))
				} else {
					i.Values = append(i.Values, float32(v))
				}
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
		n := len(rows)
		for _, d := range s {
			n *= d
		}
		out[i] = make([]float32, n)
	}
	return out, m.Predict(s, out, len(rows), in)
}

// sameRows predicts some rows as a batch and makes sure that each has the bits
// that it has in all, the outputs of all rows.
func (g *golden) sameRows(m *lstm.Model, s *lstm.Scratch, rows []int, all [][]float32) error {
	some, err := g.predict(m, s, rows)
	if err != nil {
		return err
	}
	for i, out := range some {
		n := len(all[i]) / g.Rows
		for k, v := range out {
			row := rows[k/n]
			if want := all[i][row*n+k%n]; math.Float32bits(v) != math.Float32bits(want) {
				return fmt.Errorf("output %d, row %d in a batch of %d rows: %g, with all rows %g", i, row, len(rows), v, want)
			}
		}
	}
	return nil
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
			if !math.IsNaN(g) {
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
