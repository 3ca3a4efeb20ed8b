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
