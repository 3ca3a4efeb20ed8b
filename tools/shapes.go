package main

import (
	"slices"

	"coldstream/lstm"
	"coldstream/weights"
)

// nodeShapes returns the output shape of every node but masks, without the
// batch axis; -1 is an axis whose length varies with an input's.
func nodeShapes(f *weights.File) (map[string][]int, error) {
	g := f.Graph
	all := make(map[string][]int)
	for _, n := range g.Nodes {
		if n.Op == lstm.OpInput {
			all[n.Name] = n.Shape
		}
	}
	var outputs []string
	for _, n := range g.Nodes {
		if n.Op != lstm.OpInput && n.Op != lstm.OpMaskIDs && n.Op != lstm.OpMaskSteps {
			outputs = append(outputs, n.Name)
		}
	}
	g.Outputs = outputs
	m, err := lstm.New(g, f.Params, lstm.Options{})
	if err != nil {
		return nil, err
	}
	// What differs between two lengths depends on them.
	var got [2][][]int
	for i, length := range []int{16, 17} {
		shapes := make([][]int, len(g.Inputs))
		for j, name := range g.Inputs {
			shapes[j] = slices.Clone(all[name])
			for k := range shapes[j] {
				if shapes[j][k] < 0 {
					shapes[j][k] = length
				}
			}
		}
		if got[i], err = m.OutputShapes(shapes); err != nil {
			return nil, err
		}
	}
	for i, name := range outputs {
		all[name] = slices.Clone(got[0][i])
		for k := range all[name] {
			if got[1][i][k] != all[name][k] {
				all[name][k] = -1
			}
		}
	}
	return all, nil
}

// vocabSizes returns, for each input that takes token ids, how many there are.
func vocabSizes(f *weights.File) map[string]int {
	sizes := make(map[string]int)
	for _, n := range f.Graph.Nodes {
		if n.Op != lstm.OpEmbedding {
			continue
		}
		rows := f.Params[n.Params[0]].Shape[0]
		for _, in := range n.Inputs {
			if old, ok := sizes[in]; !ok || rows < old {
				sizes[in] = rows
			}
		}
	}
	return sizes
}
