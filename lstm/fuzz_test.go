package lstm

import (
	"encoding/json"
	"testing"
)

// FuzzNew gives New graphs as a file may hold them, with the weights of the
// small network as float32, as bytes or as packed bytes. What New accepts must
// run.
func FuzzNew(f *testing.F) {
	g, params := smallNetwork()
	add := func(g Graph) {
		data, err := json.Marshal(g)
		if err != nil {
			f.Fatal(err)
		}
		for form := range uint8(3) {
			f.Add(data, form)
		}
	}
	quantised, err := Quantise(g, params)
	if err != nil {
		f.Fatal(err)
	}
	forms := []map[string]Tensor{params, quantised, Pack(g, quantised)}
	add(g)
	gru := g
	gru.Nodes = append([]Node(nil), g.Nodes...)
	gru.Nodes[3].Op, gru.Nodes[3].GoBackwards = OpGRU, true
	add(gru)
	add(Graph{
		Nodes: []Node{
			{Name: "x", Op: OpInput, Shape: []int{-1, 4}},
			{Name: "m", Op: OpMaskSteps, Inputs: []string{"x"}},
			{Name: "y", Op: OpApplyMask, Inputs: []string{"x"}, Mask: "m"},
			{Name: "z", Op: OpConcatenate, Inputs: []string{"x", "y"}, Axis: 1},
			{Name: "s", Op: OpActivation, Inputs: []string{"z"}, Activation: Softmax},
			{Name: "p", Op: OpGlobalAveragePool, Inputs: []string{"s"}, Mask: "m"},
		},
		Inputs: []string{"x"}, Outputs: []string{"p", "s"},
	})
	for seed := range uint64(40) { // the shapes of other layers; few of their weights fit
		n, _ := layerNetwork(seed)
		add(n.Graph)
	}
	add(Graph{
		Nodes: []Node{
			{Name: "x", Op: OpInput, Shape: []int{-1, 4}},
			{Name: "a", Op: OpMaxPool, Inputs: []string{"x"}, Size: 2, Stride: 1, Padding: Same},
			{Name: "b", Op: OpRepeat, Inputs: []string{"a"}, Size: 3},
			{Name: "c", Op: OpPad, Inputs: []string{"b"}, Before: 1, After: 2},
			{Name: "d", Op: OpCrop, Inputs: []string{"c"}, Before: 2},
			{Name: "e", Op: OpLayerNorm, Inputs: []string{"d"}, Axes: []int{1}, Epsilon: 1e-3},
			{Name: "f", Op: OpReLU, Inputs: []string{"e"}, Alpha: .5, Threshold: 1, MaxValue: 2},
			{Name: "g", Op: OpActivation, Inputs: []string{"f"}, Activation: GLU, Axis: 1},
			{Name: "h", Op: OpPermute, Inputs: []string{"g"}, Axes: []int{1, 0}},
			{Name: "i", Op: OpReshape, Inputs: []string{"h"}, Shape: []int{-1, 2}},
			{Name: "j", Op: OpGroupNorm, Inputs: []string{"i"}, Axis: -1, Groups: 2},
			{Name: "k", Op: OpUnitNorm, Inputs: []string{"j"}, Axes: []int{0}, Epsilon: 1e-6},
		},
		Inputs: []string{"x"}, Outputs: []string{"k"},
	})
	add(Graph{
		Nodes: []Node{
			{Name: "x", Op: OpInput, Shape: []int{2, -1, 4}},
			{Name: "ids", Op: OpInput, Shape: []int{2, 3}},
			{Name: "i", Op: OpMaskIDs, Inputs: []string{"ids"}},
			{Name: "any", Op: OpMaskAny, Inputs: []string{"i"}},
			{Name: "f", Op: OpFoldSteps, Inputs: []string{"x"}},
			{Name: "m", Op: OpMaskSteps, Inputs: []string{"f"}},
			{Name: "n", Op: OpMaskAll, Inputs: []string{"f"}},
			{Name: "o", Op: OpMaskOr, Inputs: []string{"m", "n"}},
			{Name: "w", Op: OpMaskConcat, Inputs: []string{"m", "o"}},
			{Name: "a", Op: OpAttention, Inputs: []string{"f", "f", "f"}, Masks: []string{"", "o", ""}, Score: ScoreDot, Causal: true},
			{Name: "s", Op: OpSelect, Inputs: []string{"a", "f"}, Mask: "m"},
			{Name: "v", Op: OpFillMasked, Inputs: []string{"s"}, Mask: "o", MaskValue: 2},
			{Name: "c", Op: OpConcatenate, Inputs: []string{"v", "f"}},
			{Name: "e", Op: OpApplyMask, Inputs: []string{"c"}, Mask: "w"},
			{Name: "d", Op: OpDot, Inputs: []string{"e", "v"}, Axes: []int{1, -1}},
			{Name: "p", Op: OpGlobalMaxPool, Inputs: []string{"d"}},
			{Name: "u", Op: OpUnfoldSteps, Inputs: []string{"p", "x"}},
			{Name: "r", Op: OpReverse, Inputs: []string{"u"}},
			{Name: "t", Op: OpSubtract, Inputs: []string{"r", "u"}},
			{Name: "y", Op: OpMaximum, Inputs: []string{"t", "u", "r"}},
			{Name: "z", Op: OpFillMasked, Inputs: []string{"y"}, Mask: "any"},
		},
		Inputs: []string{"x", "ids"}, Outputs: []string{"z"},
	})
	for seed := uint64(3); seed < 80; seed += 4 {
		add(randomNetwork(seed).Graph)
	}
	// The weights of the small network are also those of convolutions.
	conv := g
	conv.Nodes = append([]Node(nil), g.Nodes[:2]...)
	dense := g.Nodes[len(g.Nodes)-1]
	conv.Nodes = append(conv.Nodes,
		Node{Name: "v", Op: OpInput, Shape: []int{-1, params[dense.Params[0]].Shape[0]}},
		Node{Name: "c", Op: OpConv1D, Inputs: []string{"v"}, Params: dense.Params, Units: dense.Units, Size: 1, Stride: 1, Dilation: 1, Padding: Causal},
		Node{Name: "w", Op: OpDepthwiseConv1D, Inputs: []string{"v"}, Params: []string{"lstm/recurrent"}, Size: 4, Stride: 2, Dilation: 1, Padding: Same})
	conv.Inputs, conv.Outputs = append(conv.Inputs, "v"), []string{"c", "w"}
	add(conv)

	f.Fuzz(func(t *testing.T, data []byte, form uint8) {
		var g Graph
		if json.Unmarshal(data, &g) != nil || len(g.Nodes) > 100 {
			return
		}
		params := forms[int(form)%len(forms)]
		// Weights without a node are an error of their own: leave those out
		// that no node names.
		used := map[string]Tensor{}
		for _, n := range g.Nodes {
			for _, name := range n.Params {
				if w, ok := params[name]; ok {
					used[name] = w
				}
			}
		}
		m, err := New(g, used, Options{})
		if err != nil {
			return
		}
		const rows, limit = 2, 1 << 12
		in := make([]Input, len(m.inputs))
		for k, i := range m.inputs {
			for _, d := range m.nodes[i].shape {
				if d < 0 {
					d = 3
				}
				in[k].Shape = append(in[k].Shape, d)
			}
			size, err := elements(in[k].Shape)
			if err != nil || size > limit {
				return
			}
			if m.nodes[i].kind == kindIDs {
				in[k].IDs = make([]int32, rows*size)
				in[k].IDs[0] = 1
			} else {
				in[k].Values = make([]float32, rows*size)
				in[k].Values[0] = 1
			}
		}
		s := m.NewScratch(1)
		if s.resolve(in) != nil { // lengths that do not fit together
			return
		}
		for _, shape := range s.shapes {
			if size, _ := elements(shape); size > limit {
				return
			}
		}
		var out [][]float32
		for _, i := range m.outputs {
			size, _ := elements(s.shapes[i])
			out = append(out, make([]float32, rows*size))
		}
		if err := m.Predict(s, out, rows, in); err != nil {
			t.Fatalf("New accepts it, Predict does not: %v", err)
		}
	})
}
