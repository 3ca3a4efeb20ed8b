package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"coldstream/lstm"
)

// index is a network's index.json.
type index struct {
	Vocab, Dim, Steps, Rows, Classes int
	Units                            []int
	Bidirectional, Masked            bool
	Tensors                          []struct {
		Name   string
		Shape  []int
		Offset int // in weights.bin, in elements
	}
}

// network is a model with the inputs that it is measured on.
type network struct {
	model         *lstm.Model
	scratch       *lstm.Scratch
	ids           []int32 // [rows][steps]
	out           []float32
	outs          [1][]float32
	in            [1]lstm.Input
	rows, classes int
	steps         int
}

func loadNetwork(folder string, o lstm.Options, quantise bool) (*network, error) {
	raw, err := os.ReadFile(filepath.Join(folder, "index.json"))
	if err != nil {
		return nil, err
	}
	var x index
	if err := json.Unmarshal(raw, &x); err != nil {
		return nil, fmt.Errorf("%s: %w", folder, err)
	}
	weights, err := readWords(filepath.Join(folder, "weights.bin"))
	if err != nil {
		return nil, err
	}
	params := map[string]lstm.Tensor{}
	for _, t := range x.Tensors {
		size := 1
		for _, d := range t.Shape {
			size *= d
		}
		if t.Offset < 0 || size < 0 || t.Offset+size > len(weights) {
			return nil, fmt.Errorf("tensor %s is not within weights.bin", t.Name)
		}
		data := make([]float32, size)
		for i, v := range weights[t.Offset:][:size] {
			data[i] = math.Float32frombits(v)
		}
		params[t.Name] = lstm.Tensor{Shape: t.Shape, Data: data}
	}
	words, err := readWords(filepath.Join(folder, "ids.bin"))
	if err != nil {
		return nil, err
	}
	if len(words) != x.Rows*x.Steps {
		return nil, fmt.Errorf("ids.bin holds %d ids, expected %d rows of %d", len(words), x.Rows, x.Steps)
	}
	ids := make([]int32, len(words))
	for i, v := range words {
		ids[i] = int32(v)
	}
	g := x.graph()
	if quantise {
		if params, err = lstm.Quantise(g, params); err != nil {
			return nil, err
		}
	}
	m, err := lstm.New(g, lstm.Pack(g, params), o)
	if err != nil {
		return nil, err
	}
	return &network{
		model: m, scratch: m.NewScratch(1), ids: ids,
		out:  make([]float32, x.Rows*x.Classes),
		rows: x.Rows, classes: x.Classes, steps: x.Steps,
	}, nil
}

// graph is an embedding, LSTMs one behind the other and a dense layer, all over
// the same mask if there is one.
func (x *index) graph() lstm.Graph {
	g := lstm.Graph{Inputs: []string{"ids"}, Outputs: []string{"probabilities"}}
	add := func(n lstm.Node) string {
		g.Nodes = append(g.Nodes, n)
		return n.Name
	}
	add(lstm.Node{Name: "ids", Op: lstm.OpInput, Shape: []int{x.Steps}})
	mask := ""
	if x.Masked {
		mask = add(lstm.Node{Name: "mask", Op: lstm.OpMaskIDs, Inputs: []string{"ids"}})
	}
	top := add(lstm.Node{Name: "words", Op: lstm.OpEmbedding, Inputs: []string{"ids"}, Params: []string{"embeddings"}})
	for i, units := range x.Units {
		one := func(name string, backwards bool) string {
			return add(lstm.Node{
				Name: name, Op: lstm.OpLSTM, Inputs: []string{top}, Mask: mask,
				Params: []string{name + ".kernel", name + ".recurrent", name + ".bias"},
				Units:  units, Activation: lstm.Tanh, RecurrentActivation: lstm.Sigmoid,
				ReturnSequences: i+1 < len(x.Units), GoBackwards: backwards,
			})
		}
		name := fmt.Sprintf("lstm%d", i)
		if !x.Bidirectional {
			top = one(name, false)
			continue
		}
		ahead, back := one(name, false), one(name+"b", true)
		top = add(lstm.Node{Name: "both", Op: lstm.OpConcatenate, Axis: -1, Inputs: []string{ahead, back}})
	}
	add(lstm.Node{
		Name: "probabilities", Op: lstm.OpDense, Inputs: []string{top}, Units: x.Classes,
		Activation: lstm.Softmax, Params: []string{"dense.kernel", "dense.bias"},
	})
	return g
}

// predict computes one batch. The last one ends at the last row, so that all
// have the same size.
func (n *network) predict(call, batch int, out []float32) error {
	from := n.first(call, batch)
	n.outs[0] = out
	n.in[0] = lstm.Input{IDs: n.ids[from*n.steps : (from+batch)*n.steps]}
	return n.model.Predict(n.scratch, n.outs[:], batch, n.in[:])
}

func (n *network) first(call, batch int) int { return min(call*batch, n.rows-batch) }

// outputs computes all rows.
func (n *network) outputs(batch int) ([]float32, error) {
	for call := 0; call*batch < n.rows; call++ {
		at := n.first(call, batch) * n.classes
		if err := n.predict(call, batch, n.out[at:at+batch*n.classes]); err != nil {
			return nil, err
		}
	}
	return n.out, nil
}

func readWords(path string) ([]uint32, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	words := make([]uint32, len(raw)/4)
	for i := range words {
		words[i] = binary.LittleEndian.Uint32(raw[4*i:])
	}
	return words, nil
}
