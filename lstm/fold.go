package lstm

import (
	"errors"
	"fmt"
)

var foldOperations = []operation{
	{
		op:        OpFoldSteps,
		minInputs: 1, maxInputs: 1, in: kindAny, out: kindAny,
		build: func(*spec) (layer, error) { return foldSteps{}, nil },
	},
	{
		op:        OpUnfoldSteps,
		minInputs: 2, maxInputs: 2, in: kindAny, out: kindAny,
		build: func(*spec) (layer, error) { return unfoldSteps{}, nil },
	},
}

// foldSteps makes a row of each step. Elements stay where they are: the rows
// of a value stand one behind the other.
type foldSteps struct{}

func (foldSteps) shape(dst []int, in [][]int) ([]int, error) {
	if len(in[0]) == 0 {
		return nil, errors.New("the input has no steps")
	}
	return append(dst, in[0][1:]...), nil
}

func (l foldSteps) bind() runner { return l }

func (foldSteps) run(out *value, in []*value, _ *value) {
	copyElements(out, in[0])
	if out.ids != nil && len(out.shape) == 1 && in[0].padded {
		out.findPadding()
	}
}

// unfoldSteps makes steps of rows that a foldSteps made.
type unfoldSteps struct{}

func (unfoldSteps) shape(dst []int, in [][]int) ([]int, error) {
	if len(in[1]) == 0 {
		return nil, errors.New("the second input has no steps")
	}
	return append(append(dst, in[1][0]), in[0]...), nil
}

func (l unfoldSteps) bind() runner { return l }

func (unfoldSteps) run(out *value, in []*value, _ *value) { copyElements(out, in[0]) }

func copyElements(out, in *value) {
	switch {
	case in.ids != nil:
		copy(out.makeIDs(), in.ids)
	case in.mask != nil:
		copy(out.makeMask(), in.mask)
	default:
		copy(out.makeFloats(), in.f)
	}
}

// foldRows sets rows[i] to the number of rows that node i has for each row of
// the batch.
func (m *Model) foldRows(rows []int, shapes [][]int) error {
	for i := range m.nodes {
		n := &m.nodes[i]
		switch {
		case len(n.in) == 0:
			rows[i] = 1
			continue
		case n.Op == OpFoldSteps:
			rows[i] = rows[n.in[0]] * shapes[n.in[0]][0]
			if rows[i] > maxElements {
				return fmt.Errorf("lstm: node %q (%s): more than %d rows", n.Name, n.Op, maxElements)
			}
			continue
		case n.Op == OpUnfoldSteps:
			rows[i] = rows[n.in[1]]
			if rows[n.in[0]] != rows[i]*shapes[n.in[1]][0] {
				return fmt.Errorf("lstm: node %q (%s): the rows of input %q are not the steps of %q", n.Name, n.Op, n.Inputs[0], n.Inputs[1])
			}
			continue
		}
		rows[i] = rows[n.in[0]]
		for _, k := range n.sources {
			if rows[k] != rows[i] {
				return fmt.Errorf("lstm: node %q (%s): %q has %d rows for each of the batch, %q has %d", n.Name, n.Op, m.nodes[k].Name, rows[k], n.Inputs[0], rows[i])
			}
		}
	}
	return nil
}

// allSources returns the inputs and masks of a node.
func (n *node) allSources() []int {
	all := n.in
	for _, mask := range append(n.masks[:len(n.masks):len(n.masks)], n.mask) {
		if mask >= 0 {
			all = append(all[:len(all):len(all)], mask)
		}
	}
	return all
}

// fold finds out how often the rows of a node have been folded; nodes that
// work together agree in it.
func (c *compiler) fold(n *node) error {
	if len(n.in) == 0 {
		return nil
	}
	m := c.model
	n.folds = m.nodes[n.in[0]].folds
	switch n.Op {
	case OpFoldSteps:
		n.folds++
		return nil
	case OpUnfoldSteps:
		if n.folds--; n.folds != m.nodes[n.in[1]].folds {
			return fmt.Errorf("the rows of input %q are not steps of %q", n.Inputs[0], n.Inputs[1])
		}
		return nil
	}
	n.sources = n.allSources()
	for _, i := range n.sources {
		if m.nodes[i].folds != n.folds {
			return fmt.Errorf("%q has other rows than input %q", m.nodes[i].Name, n.Inputs[0])
		}
	}
	return nil
}
