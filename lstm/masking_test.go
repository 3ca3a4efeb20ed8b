package lstm

import (
	"math"
	"slices"
	"testing"
)

// echo is a masked layer whose output at a step can be told without
// a computer: a GRU of one unit whose update gate is 0 (hard sigmoid of -9),
// so that h = x.
func echo(set Node) (Graph, map[string]Tensor) {
	set.Name, set.Op, set.Inputs, set.Mask = "out", OpGRU, []string{"x"}, "mask"
	set.Units, set.RecurrentActivation = 1, HardSigmoidKeras2
	set.Params = []string{"kernel", "recurrent", "bias"}
	g := Graph{
		Nodes: []Node{
			{Name: "x", Op: OpInput, Shape: []int{-1, 1}},
			{Name: "mask", Op: OpMaskSteps, Inputs: []string{"x"}},
			set,
		},
		Inputs: []string{"x"}, Outputs: []string{"out"},
	}
	return g, map[string]Tensor{
		"kernel": {Shape: []int{1, 3}, Data: []float32{0, 0, 1}}, "recurrent": {Shape: []int{1, 3}, Data: []float32{0, 0, 0}}, "bias": {Shape: []int{3}, Data: []float32{-9, 0, 0}},
	}
}

// TestMaskedSteps shows what each setting does with masked steps. The input's
// zeros are masked; every other step outputs its input.
func TestMaskedSteps(t *testing.T) {
	x := []float32{0, 1, 0, 2, 3, 0, 0}
	for _, c := range []struct {
		name string
		set  Node
		want []float32
	}{
		{"last", Node{}, []float32{3}},
		{"last backwards", Node{GoBackwards: true}, []float32{1}},
		{"last or zero", Node{ZeroOutputForMask: true}, []float32{0}},
		{"sequence", Node{ReturnSequences: true}, []float32{0, 1, 1, 2, 3, 3, 3}},
		{"sequence of zeros", Node{ReturnSequences: true, ZeroOutputForMask: true}, []float32{0, 1, 0, 2, 3, 0, 0}},
		{"backwards", Node{ReturnSequences: true, GoBackwards: true}, []float32{0, 0, 3, 2, 2, 1, 1}},
		{"backwards with zeros", Node{ReturnSequences: true, GoBackwards: true, ZeroOutputForMask: true}, []float32{0, 0, 3, 2, 0, 1, 0}},
		{"backwards in time order", Node{ReturnSequences: true, GoBackwards: true, TimeOrder: true}, []float32{1, 1, 2, 2, 3, 0, 0}},
		{"backwards in time order with zeros", Node{ReturnSequences: true, GoBackwards: true, TimeOrder: true, ZeroOutputForMask: true}, []float32{0, 1, 0, 2, 3, 0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, p := echo(c.set)
			m := mustNew(t, g, p, Options{})
			got := predict(t, m, nil, 1, []Input{{Shape: []int{7, 1}, Values: x}})[0]
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
			got = predict(t, m, nil, 1, []Input{{Shape: []int{2, 1}, Values: []float32{0, 0}}})[0]
			if slices.ContainsFunc(got, func(x float32) bool { return x != 0 }) {
				t.Errorf("all masked: got %v, want zeros", got)
			}
		})
	}
}

// TestMaskingLayer has the values of Keras 2.15 for Masking(-1).
func TestMaskingLayer(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	g := Graph{
		Nodes: []Node{
			{Name: "x", Op: OpInput, Shape: []int{3, 2}},
			{Name: "mask", Op: OpMaskSteps, Inputs: []string{"x"}, MaskValue: -1},
			{Name: "out", Op: OpApplyMask, Inputs: []string{"x"}, Mask: "mask"},
		},
		Inputs: []string{"x"}, Outputs: []string{"out"},
	}
	in := []Input{{Shape: []int{3, 2}, Values: []float32{-1, -1, nan, -1, inf, 2}}}
	got := predict(t, mustNew(t, g, nil, Options{}), nil, 1, in)[0]
	want := []float32{0, 0, nan, -1, inf, 2}
	for i := range want {
		if got[i] != want[i] && !(got[i] != got[i] && want[i] != want[i]) {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

// TestPoolingAtTheEdges has the values of Keras 2.15: NaN wins the maximum; a
// masked NaN shows in the mean; the mean of no step is NaN.
func TestPoolingAtTheEdges(t *testing.T) {
	nan := float32(math.NaN())
	pool := func(op Op, mask string) Graph {
		return Graph{
			Nodes: []Node{
				{Name: "x", Op: OpInput, Shape: []int{2, 2}},
				{Name: "ids", Op: OpInput, Shape: []int{2}},
				{Name: "mask", Op: OpMaskIDs, Inputs: []string{"ids"}},
				{Name: "out", Op: op, Inputs: []string{"x"}, Mask: mask},
			},
			Inputs: []string{"x", "ids"}, Outputs: []string{"out"},
		}
	}
	for _, c := range []struct {
		name string
		g    Graph
		x    []float32
		ids  []int32
		want []float32
	}{
		{"maximum, NaN first", pool(OpGlobalMaxPool, ""), []float32{nan, 1, 2, 3}, []int32{1, 1}, []float32{nan, 3}},
		{"maximum, NaN last", pool(OpGlobalMaxPool, ""), []float32{2, 3, nan, 1}, []int32{1, 1}, []float32{nan, 3}},
		{"mean", pool(OpGlobalAveragePool, ""), []float32{2, 3, 4, 1}, []int32{0, 1}, []float32{3, 2}},
		{"mean of one", pool(OpGlobalAveragePool, "mask"), []float32{2, 3, 4, 1}, []int32{0, 1}, []float32{4, 1}},
		{"mean of none", pool(OpGlobalAveragePool, "mask"), []float32{2, 3, 4, 1}, []int32{0, 0}, []float32{nan, nan}},
		{"mean over a masked NaN", pool(OpGlobalAveragePool, "mask"), []float32{nan, 1, 2, 3}, []int32{0, 1}, []float32{nan, 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := []Input{{Shape: []int{2, 2}, Values: c.x}, {Shape: []int{2}, IDs: c.ids}}
			got := predict(t, mustNew(t, c.g, nil, Options{}), nil, 1, in)[0]
			for i := range c.want {
				if got[i] != c.want[i] && !(got[i] != got[i] && c.want[i] != c.want[i]) {
					t.Fatalf("got %v, want %v", got, c.want)
				}
			}
		})
	}
}
