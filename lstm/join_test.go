package lstm

import (
	"math"
	"slices"
)

// joined makes a network whose branches meet: sequences with masks of their
// own, merges of several shapes, attention, and rows of several sequences.
func (n *network) joined() {
	dim := 1 + n.rng.IntN(6)
	steps := -1
	if n.chance(.5) {
		steps = 1 + n.rng.IntN(9)
	}
	branch := func() (seq, mask string) {
		if n.chance(.4) {
			in := n.values(steps, dim)
			if n.chance(.7) {
				mask = n.add(Node{Op: OpMaskSteps, Inputs: []string{in}})
			}
			return in, mask
		}
		in := n.ids(steps)
		if n.chance(.7) {
			mask = n.add(Node{Op: OpMaskIDs, Inputs: []string{in}})
		}
		return n.embed(in, dim), mask
	}
	units := 1 + n.rng.IntN(9)
	walk := func(in string, dim int, mask string) string {
		return n.recurrent(in, dim, mask, Node{Op: Op(n.pick("LSTM", "GRU", "SimpleRNN")), Units: units, ReturnSequences: true, GoBackwards: n.chance(.3), TimeOrder: true})
	}
	a, maskA := branch()
	b, maskB := branch()
	if n.chance(.3) {
		a, maskA = n.sentences(dim)
		b, maskB = a, ""
	}
	a, b = walk(a, dim, maskA), walk(b, dim, maskB)
	if n.chance(.3) {
		b = n.add(Node{Op: OpReverse, Inputs: []string{b}})
	}
	mask := maskA
	if maskA != "" && maskB != "" {
		mask = n.add(Node{Op: Op(n.pick("MaskAnd", "MaskOr")), Inputs: []string{maskA, maskB}})
	}
	if mask != "" && n.chance(.3) {
		a = n.add(Node{Op: OpFillMasked, Inputs: []string{a}, Mask: mask, MaskValue: 1})
	}
	if mask != "" && n.chance(.3) {
		a = n.add(Node{Op: OpSelect, Inputs: []string{a, b}, Mask: mask})
	}
	switch n.rng.IntN(5) {
	case 0:
		a = n.add(Node{Op: Op(n.pick("Add", "Subtract", "Multiply", "Maximum", "Minimum", "Average")), Inputs: []string{a, b}})
	case 1:
		// Of shapes [T][u], [T][1] and [u].
		one, last := n.dense(b, units, 1, Tanh), n.recurrent(b, units, maskB, Node{Op: OpGRU, Units: units})
		a = n.add(Node{Op: Op(n.pick("Add", "Multiply", "Maximum", "Average")), Inputs: []string{last, a, one}})
	case 2:
		node := Node{Op: OpAttention, Inputs: []string{a, b, b}, Causal: n.chance(.4), Score: Score(n.pick("dot", "concat", "additive"))}
		switch {
		case node.Score == ScoreConcat:
			node.Params = []string{n.weight(1)}
			fallthrough
		case node.Score == ScoreDot && n.chance(.5):
			node.Params = append(node.Params, n.weight(1))
		case node.Score == ScoreAdditive && n.chance(.5):
			node.Params = []string{n.weight(1, units)}
		}
		if maskB != "" {
			node.Masks = []string{"", maskB, ""}
		}
		a = n.add(node)
	case 3:
		heads, k, v := 1+n.rng.IntN(3), 1+n.rng.IntN(4), 1+n.rng.IntN(4)
		node := Node{Op: OpMultiHeadAttention, Inputs: []string{a, b, b}, Units: units, Heads: heads, Causal: n.chance(.4), MaskedScores: Masked(n.pick("add", "replace", "zero"))}
		bias := n.chance(.6)
		for _, shape := range [][]int{{units, heads * k}, {units, heads * k}, {units, heads * v}, {heads * v, units}} {
			node.Params = append(node.Params, n.weight(.5, shape...))
			if bias {
				node.Params = append(node.Params, n.weight(.5, shape[1]))
			}
		}
		if maskA != "" || maskB != "" {
			node.Masks = []string{maskA, maskB, maskB}
		}
		a = n.add(node)
	default:
		a = n.add(Node{Op: OpDot, Inputs: []string{a, b}, Axes: []int{0, 0}})
		n.Outputs = []string{a}
		return
	}
	op := Op(n.pick("LSTM", "GRU", "SimpleRNN"))
	last := n.recurrent(a, units, mask, Node{Op: op, Units: 3})
	n.Outputs = []string{n.dense(last, 3, 2, Softmax), a}
	if n.chance(.5) { // a decoder that starts where an encoder ended
		states := []string{n.recurrent(a, units, mask, Node{Op: op, Units: 3, State: HiddenState})}
		if op == OpLSTM {
			states = append(states, n.recurrent(b, units, maskB, Node{Op: op, Units: 3, State: CellState, GoBackwards: n.chance(.3)}))
		}
		decoded := n.recurrent(b, units, maskB, Node{Op: op, Units: 3, Inputs: states, ReturnSequences: true})
		n.Outputs = append(n.Outputs, decoded, n.recurrent(decoded, 3, maskB, Node{Op: OpGRU, Units: 2}))
	}
}

// sentences adds rows of several sequences, each read by a layer of its own:
// a sequence of sequences. Its mask is of those in which there is something.
func (n *network) sentences(dim int) (seq, mask string) {
	steps := 1 + n.rng.IntN(7)
	in := n.add(Node{Op: OpInput, Shape: []int{2 + n.rng.IntN(3), steps}})
	n.Inputs, n.kinds, n.dims = append(n.Inputs, in), append(n.kinds, kindIDs), append(n.dims, 0)
	n.grid[in] = true
	node := Node{Op: OpLSTM, Units: dim}
	if n.chance(.5) { // the words of each looked up by itself
		ids := n.add(Node{Op: OpFoldSteps, Inputs: []string{in}})
		words := n.embed(ids, dim)
		inner := ""
		if n.chance(.5) {
			inner = n.add(Node{Op: OpMaskIDs, Inputs: []string{ids}})
		}
		last := n.recurrent(words, dim, inner, node)
		return n.add(Node{Op: OpUnfoldSteps, Inputs: []string{last, in}}), ""
	}
	words := n.embed(in, dim)
	both := n.add(Node{Op: OpMaskIDs, Inputs: []string{in}})
	inner := n.add(Node{Op: OpFoldSteps, Inputs: []string{both}})
	last := n.recurrent(n.add(Node{Op: OpFoldSteps, Inputs: []string{words}}), dim, inner, node)
	return n.add(Node{Op: OpUnfoldSteps, Inputs: []string{last, words}}), n.add(Node{Op: OpMaskAny, Inputs: []string{both}})
}

// steps returns the parts of a value along its first axis.
func (v refValue) steps() []refValue {
	var all []refValue
	n := v.shape[0]
	for i := range n {
		part := refValue{shape: v.shape[1:]}
		part.ids = v.ids[i*len(v.ids)/n : (i+1)*len(v.ids)/n]
		part.mask = v.mask[i*len(v.mask)/n : (i+1)*len(v.mask)/n]
		part.x = v.x[i*len(v.x)/n : (i+1)*len(v.x)/n]
		all = append(all, part)
	}
	return all
}

// joinSteps is the opposite.
func joinSteps(parts []refValue) refValue {
	out := refValue{shape: append([]int{len(parts)}, parts[0].shape...)}
	for _, p := range parts {
		out.ids, out.mask, out.x = append(out.ids, p.ids...), append(out.mask, p.mask...), append(out.x, p.x...)
	}
	return out
}

func refMerge(op Op, args []refValue) refValue {
	rank := 0
	for _, a := range args {
		rank = max(rank, len(a.shape))
	}
	out := refValue{shape: slices.Repeat([]int{1}, rank)}
	size := 1
	for i := range rank {
		for _, a := range args {
			if k := i - (rank - len(a.shape)); k >= 0 {
				out.shape[i] = max(out.shape[i], a.shape[k])
			}
		}
		size *= out.shape[i]
	}
	for i := range size {
		var terms []float64
		for _, a := range args {
			at, stride, rest := 0, 1, i
			for axis := rank - 1; axis >= 0; axis-- {
				index := rest % out.shape[axis]
				rest /= out.shape[axis]
				if k := axis - (rank - len(a.shape)); k >= 0 {
					if a.shape[k] > 1 {
						at += index * stride
					}
					stride *= a.shape[k]
				}
			}
			terms = append(terms, a.x[at])
		}
		y := terms[0]
		for _, x := range terms[1:] {
			switch op {
			case OpSubtract:
				y -= x
			case OpMultiply:
				y *= x
			case OpMaximum:
				y = max(y, x)
			case OpMinimum:
				y = min(y, x)
			default:
				y += x
			}
		}
		if op == OpAverage {
			y /= float64(len(args))
		}
		out.x = append(out.x, y)
	}
	return out
}

// refDot is the sum over the first axes of two sequences.
func refDot(a, b refValue) refValue {
	out := refValue{shape: []int{a.shape[1], b.shape[1]}}
	for i := range a.shape[1] {
		for k := range b.shape[1] {
			sum := 0.0
			for t := range a.shape[0] {
				sum += a.at(t)[i] * b.at(t)[k]
			}
			out.x = append(out.x, sum)
		}
	}
	return out
}

func refAttention(n Node, args []refValue, masks map[string][]bool, w [][]float64) refValue {
	query, val, key := args[0], args[1], args[2]
	out := refValue{shape: []int{query.shape[0], val.shape[1]}}
	for t := range query.shape[0] {
		scores := make([]float64, val.shape[0])
		hidden := make([]bool, len(scores))
		for s := range scores {
			for i, q := range query.at(t) {
				k := key.at(s)[i]
				switch n.Score {
				case ScoreDot:
					scores[s] += q * k
				case ScoreConcat:
					inner := 1.0
					if len(w) > 1 {
						inner = w[1][0]
					}
					scores[s] += math.Tanh(inner * (q + k))
				default:
					f := 1.0
					if len(w) > 0 {
						f = w[0][i]
					}
					scores[s] += f * math.Tanh(q+k)
				}
			}
			if n.Score != ScoreAdditive && len(w) > 0 {
				scores[s] *= w[0][0]
			}
			hidden[s] = n.Causal && s > t || n.Masks != nil && !masks[n.Masks[1]][s]
		}
		out.x = append(out.x, refWeigh(scores, hidden, MaskedAdd, val)...)
	}
	return out
}

// refWeigh is the sum of the steps of val, each times the softmax of its score.
// Float32 scores that are all 1e9 lower keep nothing but a multiple of 64.
func refWeigh(scores []float64, hidden []bool, masked Masked, val refValue) []float64 {
	if !slices.Contains(hidden, false) && masked == MaskedAdd {
		for i, x := range scores {
			scores[i] = float64(float32(x) - 1e9)
		}
	} else if slices.Contains(hidden, false) {
		for i := range scores {
			if hidden[i] {
				scores[i] = math.Inf(-1)
			}
		}
	} else {
		clear(scores)
	}
	weights := refActivate(Softmax, scores)
	y := make([]float64, val.shape[1])
	for s, f := range weights {
		if hidden[s] && masked == MaskedZero {
			continue
		}
		for j, x := range val.at(s) {
			y[j] += f * x
		}
	}
	return y
}

func refMultiHead(n Node, args []refValue, masks map[string][]bool, w [][]float64) refValue {
	each := len(w) / 4
	project := func(i int, x refValue) refValue {
		d := x.shape[1]
		units := len(w[i*each]) / d
		out := refValue{shape: []int{x.shape[0], units}}
		for t := range x.shape[0] {
			for j := range units {
				y := 0.0
				if each == 2 {
					y = w[2*i+1][j]
				}
				for k, v := range x.at(t) {
					y += v * w[i*each][k*units+j]
				}
				out.x = append(out.x, y)
			}
		}
		return out
	}
	query, key, val := project(0, args[0]), project(1, args[2]), project(2, args[1])
	k, v := query.shape[1]/n.Heads, val.shape[1]/n.Heads
	together := refValue{shape: []int{query.shape[0], n.Heads * v}}
	hides := func(input, t int) bool {
		return n.Masks != nil && n.Masks[input] != "" && !masks[n.Masks[input]][t]
	}
	for t := range query.shape[0] {
		for head := range n.Heads {
			part := refValue{shape: []int{val.shape[0], v}}
			scores, hidden := make([]float64, val.shape[0]), make([]bool, val.shape[0])
			for s := range scores {
				part.x = append(part.x, val.at(s)[head*v:][:v]...)
				for i := range k {
					scores[s] += query.at(t)[head*k+i] * key.at(s)[head*k+i] / math.Sqrt(float64(k))
				}
				hidden[s] = n.Causal && s > t || hides(0, t) || hides(1, s) || hides(2, s)
			}
			together.x = append(together.x, refWeigh(scores, hidden, n.MaskedScores, part)...)
		}
	}
	return project(3, together)
}
