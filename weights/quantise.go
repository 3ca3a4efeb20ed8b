package weights

import (
	"fmt"
	"math"

	"coldstream/internal/half"
	"coldstream/lstm"
)

// Number formats of the weights in a file.
const (
	F32  = "f32"
	F16  = "f16"  // rounded to float16, computed with in float32
	Int8 = "int8" // weight matrices as bytes with a scale for each channel: see lstm.Quantise
)

// Loss is what the number format of a file costs: the difference between its
// outputs and those with float32 weights, for the inputs of its check vectors.
type Loss struct {
	Rows    int     `json:"rows"`
	Worst   float64 `json:"worst"`   // |difference| of an output, the largest
	Mean    float64 `json:"mean"`    // and on average
	Changed int     `json:"changed"` // rows whose label is another
	Of      int     `json:"of"`      // rows with a label: 0 if the outputs are no probabilities of classes
}

// Quantise gives the weights of f, float32 so far, another number format: F16
// or Int8. The check vectors get the outputs that f has now, and f.Loss says how
// far they moved.
func (f *File) Quantise(dtype string) error {
	before, err := lstm.New(f.Graph, f.Params, lstm.Options{})
	if err != nil {
		return fmt.Errorf("weights: %w", err)
	}
	switch {
	case f.DType != "":
		return fmt.Errorf("weights: the weights are %s already", f.DType)
	case dtype == F16:
		err = f.roundToHalf()
	case dtype == Int8:
		f.Params, err = lstm.Quantise(f.Graph, f.Params)
	default:
		return fmt.Errorf("weights: number format %q is neither %s nor %s", dtype, F16, Int8)
	}
	if err != nil {
		return fmt.Errorf("weights: %w", err)
	}
	f.DType = dtype
	after, err := lstm.New(f.Graph, f.Params, lstm.Options{})
	if err != nil {
		return fmt.Errorf("weights: %w", err)
	}
	return f.measure(before, after)
}

// roundToHalf rounds the weights to float16.
func (f *File) roundToHalf() error {
	rounded := make(map[string]lstm.Tensor, len(f.Params))
	for _, n := range f.Graph.Nodes {
		for _, name := range n.Params {
			t := lstm.Tensor{Shape: f.Params[name].Shape}
			for i, x := range f.Params[name].Data {
				if !(math.Abs(float64(x)) <= half.Max) {
					return fmt.Errorf("layer %q: tensor %q has %v at element %d, beyond ±%d, the largest float16; use another number format", n.Name, name, x, i, half.Max)
				}
				t.Data = append(t.Data, half.From(half.To(x)))
			}
			rounded[name] = t
		}
	}
	f.Params = rounded
	return nil
}

// measure sets f.Loss and the outputs of the check vectors.
func (f *File) measure(before, after *lstm.Model) error {
	loss, sum, values := &Loss{}, 0.0, 0
	classes := f.tellsClasses()
	for i := range f.Goldens {
		g := &f.Goldens[i]
		if err := g.Compute(before); err != nil {
			return err
		}
		old := g.Outputs
		if err := g.Compute(after); err != nil {
			return err
		}
		g.Origin += ", " + f.DType
		loss.Rows += g.Rows
		for k, y := range g.Outputs {
			for j, v := range y.Data {
				was, is := float64(old[k].Data[j]), float64(v)
				if was == is || was != was && is != is {
					values++
					continue
				}
				d := math.Abs(is - was)
				if !(d <= math.MaxFloat32) {
					return fmt.Errorf("weights: with %s weights an output is %v that was %v", f.DType, is, was)
				}
				loss.Worst = max(loss.Worst, d)
				sum += d
				values++
			}
		}
		if classes {
			n := len(g.Outputs[0].Data) / g.Rows
			for row := range g.Rows {
				loss.Of++
				if label(g.Outputs[0].Data[row*n:][:n]) != label(old[0].Data[row*n:][:n]) {
					loss.Changed++
				}
			}
		}
	}
	loss.Mean = sum / float64(max(values, 1))
	f.Loss = loss
	return nil
}

// tellsClasses reports whether the output is one row of probabilities: a
// softmax, or sigmoids.
func (f *File) tellsClasses() bool {
	if len(f.Graph.Outputs) != 1 || len(f.Goldens) == 0 || len(f.Goldens[0].Outputs) != 1 || len(f.Goldens[0].Outputs[0].Shape) != 2 {
		return false
	}
	for _, n := range f.Graph.Nodes {
		if n.Name == f.Graph.Outputs[0] {
			return n.Activation == lstm.Softmax || n.Activation == lstm.Sigmoid
		}
	}
	return false
}

// label returns the place of the largest of some probabilities; one alone is
// that of the second of two labels.
func label(p []float32) int {
	if len(p) == 1 {
		p = []float32{1 - p[0], p[0]}
	}
	best := 0
	for i, v := range p {
		if v > p[best] {
			best = i
		}
	}
	return best
}
