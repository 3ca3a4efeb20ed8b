package weights

import (
	"fmt"
	"math"

	"coldstream/lstm"
)

// Tolerance is how far an output may lie from its check vector, times
// max(1, |value|). Keras' own results move by up to 1e-6 between batch sizes
// and between eager and compiled calls.
const Tolerance = 1e-6

// Verify runs f's check vectors through the engine, as one batch and row by
// row, and returns the largest error found, |got-want| / max(1, |want|). It is
// an error when that exceeds Tolerance or when f holds no check vector.
func (f *File) Verify() (worst float64, err error) {
	if len(f.Goldens) == 0 {
		return 0, fmt.Errorf("weights: the file holds no check vectors")
	}
	m, err := lstm.New(f.Graph, f.Params, lstm.Options{})
	if err != nil {
		return 0, fmt.Errorf("weights: %w", err)
	}
	for i := range f.Goldens {
		w, err := f.Goldens[i].check(m)
		if err != nil {
			return worst, fmt.Errorf("weights: check vector %d (origin %s): %w", i, f.Goldens[i].Origin, err)
		}
		worst = max(worst, w)
	}
	if !(worst <= Tolerance) {
		return worst, fmt.Errorf("weights: outputs lie up to %.3g from the check vectors, more than %.0e", worst, Tolerance)
	}
	return worst, nil
}

// check compares m's outputs with g's.
func (g *Golden) check(m *lstm.Model) (worst float64, err error) {
	s := m.NewScratch(1)
	got, err := g.run(m, s, 0, g.Rows)
	if err != nil {
		return 0, err
	}
	worst = g.distance(got, 0, g.Rows)
	for row := range g.Rows {
		got, err := g.run(m, s, row, row+1)
		if err != nil {
			return 0, err
		}
		worst = max(worst, g.distance(got, row, row+1))
	}
	return worst, nil
}

// run predicts rows from up to but not including to.
func (g *Golden) run(m *lstm.Model, s *lstm.Scratch, from, to int) ([][]float32, error) {
	in := make([]lstm.Input, len(g.Inputs))
	for i, x := range g.Inputs {
		n, _ := product(x.Shape, 1, math.MaxInt)
		in[i] = lstm.Input{Shape: x.Shape}
		if x.IDs != nil {
			in[i].IDs = x.IDs[from*n : to*n]
		} else {
			in[i].Values = x.Values[from*n : to*n]
		}
	}
	out := make([][]float32, len(g.Outputs))
	for i, y := range g.Outputs {
		n, _ := product(y.Shape[1:], 1, math.MaxInt)
		out[i] = make([]float32, (to-from)*n)
	}
	return out, m.Predict(s, out, to-from, in)
}

// distance is the largest error of got against rows from to to. Two NaNs agree.
func (g *Golden) distance(got [][]float32, from, to int) (worst float64) {
	for i, y := range g.Outputs {
		n, _ := product(y.Shape[1:], 1, math.MaxInt)
		for j, v := range y.Data[from*n : to*n] {
			want, have := float64(v), float64(got[i][j])
			if want == have || math.IsNaN(want) && math.IsNaN(have) {
				continue
			}
			d := math.Abs(have-want) / max(1, math.Abs(want))
			if !(d <= worst) { // NaN counts as the worst
				worst = d
				if math.IsNaN(d) {
					return math.Inf(1)
				}
			}
		}
	}
	return worst
}

// Compute fills g.Outputs with m's answers for g.Inputs and names this engine
// as their origin.
func (g *Golden) Compute(m *lstm.Model) error {
	shapes := make([][]int, len(g.Inputs))
	for i, in := range g.Inputs {
		shapes[i] = in.Shape
	}
	outs, err := m.OutputShapes(shapes)
	if err != nil {
		return fmt.Errorf("weights: check vector: %w", err)
	}
	g.Outputs = make([]lstm.Tensor, len(outs))
	for i, s := range outs {
		g.Outputs[i] = lstm.Tensor{Shape: append([]int{g.Rows}, s...)}
	}
	got, err := g.run(m, m.NewScratch(1), 0, g.Rows)
	if err != nil {
		return fmt.Errorf("weights: check vector: %w", err)
	}
	for i := range got {
		g.Outputs[i].Data = got[i]
	}
	g.Origin = "self"
	return nil
}
