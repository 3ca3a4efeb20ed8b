package lstm

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// network is a random graph with weights and what its inputs may hold.
type network struct {
	Graph
	params map[string]Tensor
	vocab  int // of all inputs of ids
	rng    *rand.Rand
	// kinds has one entry per input of the graph.
	kinds []kind
	dims  []int           // features of inputs of values
	grid  map[string]bool // inputs that have several sequences in a row
}

// add appends a node and returns its name.
func (n *network) add(node Node) string {
	node.Name = fmt.Sprintf("n%d_%s", len(n.Nodes), node.Op)
	n.Nodes = append(n.Nodes, node)
	return node.Name
}

// weight makes a tensor of random numbers and returns its name.
func (n *network) weight(scale float64, shape ...int) string {
	name := fmt.Sprintf("w%d", len(n.params))
	size := 1
	for _, d := range shape {
		size *= d
	}
	data := make([]float32, size)
	for i := range data {
		data[i] = float32(n.uniform() * scale)
	}
	n.params[name] = Tensor{Shape: shape, Data: data}
	return name
}

// uniform returns a number of mean 0 and variance 1, the same on every
// processor: no step of it is rounded differently where products and sums are
// fused.
func (n *network) uniform() float64 { return (2*n.rng.Float64() - 1) * 1.7320508 }

func (n *network) pick(list ...string) string { return list[n.rng.IntN(len(list))] }
func (n *network) chance(p float64) bool      { return n.rng.Float64() < p }

// ids adds an input of ids; steps is -1 for any number.
func (n *network) ids(steps int) string {
	name := n.add(Node{Op: OpInput, Shape: []int{steps}})
	n.Inputs = append(n.Inputs, name)
	n.kinds, n.dims = append(n.kinds, kindIDs), append(n.dims, 0)
	return name
}

// values adds an input of sequences of dim features.
func (n *network) values(steps, dim int) string {
	name := n.add(Node{Op: OpInput, Shape: []int{steps, dim}})
	n.Inputs = append(n.Inputs, name)
	n.kinds, n.dims = append(n.kinds, kindValues), append(n.dims, dim)
	return name
}

func (n *network) embed(ids string, dim int) string {
	return n.add(Node{Op: OpEmbedding, Inputs: []string{ids}, Params: []string{n.weight(1, n.vocab, dim)}})
}

// recurrent adds an LSTM or a GRU with random settings but those in set.
func (n *network) recurrent(in string, dim int, mask string, set Node) string {
	u := set.Units
	gates := map[Op]int{OpLSTM: 4, OpGRU: 3, OpSimpleRNN: 1}[set.Op]
	set.ResetAfter = set.Op == OpGRU && n.chance(.5)
	scale := .7 / float64(u+dim)
	if n.chance(.3) {
		scale = 4 / float64(u+dim) // strong recurrence
	}
	set.Inputs, set.Mask = append([]string{in}, set.Inputs...), mask
	set.Params = []string{n.weight(scale*2, dim, gates*u), n.weight(scale*2, u, gates*u)}
	if n.chance(.8) {
		if set.ResetAfter {
			set.Params = append(set.Params, n.weight(.3, 2, gates*u))
		} else {
			set.Params = append(set.Params, n.weight(.3, gates*u))
		}
	}
	set.Activation = Activation(n.pick("tanh", "tanh", "tanh", "softsign", "sigmoid"))
	if set.Op == OpSimpleRNN {
		return n.add(set)
	}
	set.RecurrentActivation = Activation(n.pick("sigmoid", "sigmoid", "hard_sigmoid_keras2", "hard_sigmoid_keras3"))
	return n.add(set)
}

func (n *network) dense(in string, dim, units int, f Activation) string {
	node := Node{Op: OpDense, Inputs: []string{in}, Units: units, Activation: f, Params: []string{n.weight(1/float64(dim), dim, units)}}
	if n.chance(.7) {
		node.Params = append(node.Params, n.weight(.5, units))
	}
	return n.add(node)
}

// randomNetwork makes a network of the kinds that text models have: sequences
// in, one to three recurrent layers, possibly bidirectional and masked, with
// layers in between that work step by step, a head.
func randomNetwork(seed uint64) *network {
	rng := rand.New(rand.NewPCG(seed, 1))
	n := &network{params: map[string]Tensor{}, vocab: 2 + rng.IntN(40), rng: rng, grid: map[string]bool{}}
	if seed%4 == 3 {
		n.joined()
		return n
	}
	steps := -1
	if n.chance(.5) {
		steps = 1 + rng.IntN(14)
	}

	var seq, mask string
	dim := 1 + rng.IntN(12)
	switch rng.IntN(4) {
	case 0:
		seq = n.values(steps, dim)
		if n.chance(.6) {
			mask = n.add(Node{Op: OpMaskSteps, Inputs: []string{seq}})
			if n.chance(.5) {
				seq = n.add(Node{Op: OpApplyMask, Inputs: []string{seq}, Mask: mask})
			}
		}
	case 1: // two inputs side by side
		a, b := n.ids(steps), n.ids(steps)
		d := 1 + rng.IntN(6)
		seq = n.add(Node{Op: OpConcatenate, Axis: -1, Inputs: []string{n.embed(a, dim), n.embed(b, d)}})
		dim += d
		if n.chance(.4) {
			mask = n.add(Node{Op: OpMaskIDs, Inputs: []string{a}})
		}
	default:
		ids := n.ids(steps)
		seq = n.embed(ids, dim)
		if n.chance(.5) {
			mask = n.add(Node{Op: OpMaskIDs, Inputs: []string{ids}})
		}
	}

	layers := 1 + rng.IntN(3)
	for range layers {
		if n.chance(.2) {
			units := 1 + rng.IntN(9)
			seq, dim = n.dense(seq, dim, units, Activation(n.pick("", "relu", "tanh", "softmax"))), units
		}
		if n.chance(.1) {
			seq = n.add(Node{Op: OpActivation, Inputs: []string{seq}, Activation: Activation(n.pick("elu", "selu", "softplus")), Axis: 0})
		}
		op := Op(n.pick("LSTM", "LSTM", "GRU", "SimpleRNN"))
		node := Node{Op: op, Units: 1 + rng.IntN(20), ReturnSequences: true, ZeroOutputForMask: n.chance(.4)}
		switch rng.IntN(3) {
		case 0:
			seq, dim = n.recurrent(seq, dim, mask, node), node.Units
		case 1:
			node.GoBackwards, node.TimeOrder = true, n.chance(.5)
			seq, dim = n.recurrent(seq, dim, mask, node), node.Units
		default:
			back := node
			back.GoBackwards, back.TimeOrder = true, true
			a, b := n.recurrent(seq, dim, mask, node), n.recurrent(seq, dim, mask, back)
			merge := n.pick("Concatenate", "Add", "Multiply", "Average", "Subtract", "Maximum", "Minimum")
			join := Node{Op: Op(merge), Inputs: []string{a, b}}
			dim = node.Units
			if join.Op == OpConcatenate {
				join.Axis, dim = 1, 2*dim
			}
			seq = n.add(join)
		}
	}

	var out string
	switch rng.IntN(4) {
	case 0:
		out = n.add(Node{Op: OpGlobalMaxPool, Inputs: []string{seq}})
	case 1:
		if mask == "" {
			out = n.add(Node{Op: OpGlobalAveragePool, Inputs: []string{seq}})
			break
		}
		// An average over no step is NaN, which compares with nothing; its own
		// test has it.
		fallthrough
	default:
		node := Node{Op: Op(n.pick("LSTM", "GRU")), Units: 1 + rng.IntN(20), GoBackwards: n.chance(.3), ZeroOutputForMask: n.chance(.1)}
		out = n.recurrent(seq, dim, mask, node)
		dim = node.Units
	}
	n.Outputs = []string{n.dense(out, dim, 1+rng.IntN(4), Activation(n.pick("softmax", "sigmoid", "")))}
	if n.chance(.3) {
		n.Outputs = append(n.Outputs, seq)
	}
	return n
}

// batch makes inputs for the network: ids with padding in front, behind, both
// or anywhere, values with steps of 0, some rows twice, some rows all padding.
func (n *network) batch(rows int) []Input {
	steps := 1 + n.rng.IntN(14)
	var in []Input
	for k, name := range n.Inputs {
		node := n.Nodes[slices.IndexFunc(n.Nodes, func(x Node) bool { return x.Name == name })]
		shape, each := node.Shape, 1
		if n.grid[name] {
			each, shape = shape[0], shape[1:]
		}
		if shape[0] > 0 {
			steps = shape[0]
		}
		i := Input{Shape: []int{steps}}
		if n.kinds[k] == kindValues {
			i.Shape = []int{steps, n.dims[k]}
		}
		if each > 1 {
			i.Shape = append([]int{each}, i.Shape...)
		}
		for range rows * each {
			real := n.realSteps(steps)
			for _, real := range real {
				switch {
				case n.kinds[k] == kindIDs && real:
					i.IDs = append(i.IDs, int32(n.rng.IntN(n.vocab)))
				case n.kinds[k] == kindIDs:
					i.IDs = append(i.IDs, 0)
				default:
					for range n.dims[k] {
						x := float32(0)
						if real {
							x = float32(n.uniform())
						}
						i.Values = append(i.Values, x)
					}
				}
			}
		}
		in = append(in, i)
	}
	for row := range rows {
		if row > 0 && n.chance(.2) {
			copyRow(in, row, n.rng.IntN(row), rows)
		}
	}
	return in
}

func (n *network) realSteps(steps int) []bool {
	real := make([]bool, steps)
	from, to := 0, steps
	anywhere := false
	switch n.rng.IntN(6) {
	case 0:
		from = n.rng.IntN(steps + 1)
	case 1:
		to = n.rng.IntN(steps + 1)
	case 2:
		from = n.rng.IntN(steps + 1)
		to = from + n.rng.IntN(steps+1-from)
	case 3:
		anywhere = true
	case 4:
		to = 0
	}
	for t := from; t < to; t++ {
		real[t] = !anywhere || n.chance(.5)
	}
	return real
}

func copyRow(in []Input, to, from, rows int) {
	for i := range in {
		copy(rowOf(in[i].IDs, to, rows), rowOf(in[i].IDs, from, rows))
		copy(rowOf(in[i].Values, to, rows), rowOf(in[i].Values, from, rows))
	}
}

// mustNew builds the model.
func mustNew(t testing.TB, g Graph, params map[string]Tensor, o Options) *Model {
	t.Helper()
	m, err := New(g, params, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// predict runs a batch with a scratch, nil for a new one of one thread.
func predict(t testing.TB, m *Model, s *Scratch, rows int, in []Input) [][]float32 {
	t.Helper()
	if s == nil {
		s = m.NewScratch(1)
	}
	out := outputs(t, m, rows, in)
	if err := m.Predict(s, out, rows, in); err != nil {
		t.Fatal(err)
	}
	return out
}

// outputs makes room for the outputs of a batch.
func outputs(t testing.TB, m *Model, rows int, in []Input) [][]float32 {
	t.Helper()
	var shapes [][]int
	for _, i := range in {
		shapes = append(shapes, i.Shape)
	}
	shapes, err := m.OutputShapes(shapes)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]float32
	for _, shape := range shapes {
		size := rows
		for _, d := range shape {
			size *= d
		}
		out = append(out, make([]float32, size))
	}
	return out
}
