package lstm

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// layerNetwork makes a network of layers that treat steps and features without
// recurrence, at times with a recurrent one among them. The number of steps is
// returned too: in the graph it may be variable.
func layerNetwork(seed uint64) (*network, int) {
	rng := rand.New(rand.NewPCG(seed, 2))
	n := &network{params: map[string]Tensor{}, vocab: 2 + rng.IntN(40), rng: rng}
	T, D := 3+rng.IntN(18), 1+rng.IntN(12)
	variable := n.chance(.5)
	steps := T
	if variable {
		steps = -1
	}
	var x, mask string
	if n.chance(.5) {
		x = n.values(steps, D)
	} else {
		ids := n.ids(steps)
		x = n.embed(ids, D)
		mask = n.add(Node{Op: OpMaskIDs, Inputs: []string{ids}})
	}
	count := T // of steps now
	for range 1 + rng.IntN(4) {
		x, count, D = n.layer(x, count, D, variable)
		if n.chance(.15) {
			node := Node{Op: OpLSTM, Units: 1 + rng.IntN(9), ReturnSequences: true}
			m := ""
			if count == T && n.chance(.5) && !variable {
				m = mask
			}
			x, D = n.recurrent(x, D, m, node), node.Units
		}
	}
	n.Outputs = []string{x}
	if n.chance(.5) && !variable {
		flat := n.add(Node{Op: OpFlatten, Inputs: []string{x}})
		n.Outputs = append(n.Outputs, n.dense(flat, count*D, 3, "gelu"))
	}
	return n, T
}

// layer adds a random layer over count steps of dim features and returns what
// they are afterwards.
func (n *network) layer(x string, count, dim int, variable bool) (string, int, int) {
	rng := n.rng
	one := func(node Node) string { node.Inputs = []string{x}; return n.add(node) }
	window := Node{Size: 1 + rng.IntN(4), Stride: 1 + rng.IntN(3), Dilation: 1, Padding: Padding(n.pick("", "same"))}
	norm := Node{Epsilon: 1e-3, Scale: n.chance(.5)}
	affine := func(size int) {
		for _, set := range []bool{norm.Scale, norm.Center} {
			if set {
				norm.Params = append(norm.Params, n.weight(.5, size))
			}
		}
	}
	windows := func() int {
		w := window
		reach := (w.Size-1)*w.Dilation + 1
		if w.Padding == Valid {
			return (count-reach)/w.Stride + 1
		}
		return (count + w.Stride - 1) / w.Stride
	}
	switch rng.IntN(14) {
	case 0, 1, 2, 3:
		if n.chance(.4) {
			window.Stride, window.Dilation = 1, 1+rng.IntN(3)
		}
		if n.chance(.3) {
			window.Padding = Causal
		}
		if (window.Size-1)*window.Dilation+1 > count && window.Padding == Valid {
			window.Padding = Same
		}
		steps := windows()
		if n.chance(.3) {
			m := 1 + rng.IntN(3)
			window.Op, window.Activation = OpDepthwiseConv1D, Activation(n.pick("", "silu", "softmax"))
			window.Params = []string{n.weight(1, window.Size, dim*m)}
			if n.chance(.5) {
				window.Params = append(window.Params, n.weight(.5, dim*m))
			}
			return one(window), steps, dim * m
		}
		groups := 1
		for g := 2; g <= dim; g++ {
			if dim%g == 0 && n.chance(.3) {
				groups = g
			}
		}
		window.Op, window.Units, window.Activation = OpConv1D, groups*(1+rng.IntN(20/groups+1)), Activation(n.pick("", "relu", "tanh", "softmax", "mish"))
		if groups > 1 || n.chance(.2) {
			window.Groups = groups
		}
		window.Params = []string{n.weight(1/math.Sqrt(float64(window.Size*dim)), window.Size*dim/groups, window.Units)}
		if n.chance(.7) {
			window.Params = append(window.Params, n.weight(.5, window.Units))
		}
		return one(window), steps, window.Units
	case 4, 5:
		if window.Size > count {
			window.Padding = Same
		}
		steps := windows()
		window.Op, window.Dilation = Op(n.pick("MaxPool", "AveragePool")), 0
		return one(window), steps, dim
	case 6:
		f := Activation(n.pick("gelu", "silu", "hard_silu", "tanh_shrink", "squareplus", "log_sigmoid", "leaky_relu", "relu6", "soft_shrink", "sparse_plus", "log_softmax", "sparsemax"))
		node := Node{Op: OpActivation, Activation: f}
		if laneFunction(f) != nil {
			node.Axis = rng.IntN(2)
		}
		return one(node), count, dim
	case 7:
		switch rng.IntN(4) {
		case 0:
			return one(Node{Op: OpReLU, Alpha: .25, Threshold: .5, MaxValue: 2}), count, dim
		case 1:
			return one(Node{Op: OpELU, Alpha: .7}), count, dim
		case 2:
			if dim%2 == 0 {
				return one(Node{Op: OpActivation, Activation: GLU, Axis: -1}), count, dim / 2
			}
		}
		alpha := []int{1, 1}
		if n.chance(.7) {
			alpha[1] = dim
		}
		if n.chance(.3) && !variable {
			alpha[0] = count
		}
		return one(Node{Op: OpPReLU, Params: []string{n.weight(.5, alpha...)}}), count, dim
	case 8:
		times := 1 + rng.IntN(3)
		return one(Node{Op: OpRepeat, Size: times}), count * times, dim
	case 9:
		node := Node{Op: OpPad, Before: rng.IntN(3), After: rng.IntN(3)}
		if n.chance(.5) && node.Before+node.After < count {
			node.Op = OpCrop
			return one(node), count - node.Before - node.After, dim
		}
		return one(node), count + node.Before + node.After, dim
	case 10:
		if variable { // steps become features only where their number is known
			return one(Node{Op: OpReshape, Shape: []int{-1, dim}}), count, dim
		}
		if n.chance(.5) {
			return one(Node{Op: OpReshape, Shape: []int{dim, -1}}), dim, count
		}
		return one(Node{Op: OpPermute, Axes: []int{1, 0}}), dim, count
	case 11:
		norm.Op, norm.Center, norm.Axis = OpBatchNorm, n.chance(.5), -1
		size := dim
		if !variable && n.chance(.3) {
			norm.Axis, size = 0, count
		}
		affine(size)
		variance := n.weight(1, size)
		for i, v := range n.params[variance].Data {
			n.params[variance].Data[i] = float32(v*v) + .5
		}
		norm.Params = append(norm.Params, n.weight(.5, size), variance)
		return one(norm), count, dim
	case 12:
		norm.Op, norm.Center, norm.Axis, norm.Groups = OpGroupNorm, n.chance(.5), -1, 1
		if dim%2 == 0 {
			norm.Groups = 2
		}
		affine(dim)
		return one(norm), count, dim
	default:
		norm.Op, norm.Axes = Op(n.pick("LayerNorm", "LayerNorm", "VarianceNorm", "RMSNorm", "UnitNorm")), []int{1}
		norm.Center = norm.Op == OpLayerNorm && n.chance(.5)
		norm.Scale = norm.Scale && norm.Op != OpUnitNorm
		size := dim
		if !variable && n.chance(.4) {
			norm.Axes, size = []int{0, 1}, count*dim
			if n.chance(.5) {
				norm.Axes, size = []int{0}, count
			}
		}
		affine(size)
		return one(norm), count, dim
	}
}

// layerBatch makes inputs of T steps.
func (n *network) layerBatch(rows, T int) []Input {
	var inputs []Node
	for i, node := range n.Nodes {
		if node.Op == OpInput {
			n.Nodes[i].Shape = slices.Clone(node.Shape)
			inputs = append(inputs, node)
			n.Nodes[i].Shape[0] = T
		}
	}
	in := n.batch(rows)
	for i, node := range n.Nodes {
		for _, was := range inputs {
			if was.Name == node.Name {
				n.Nodes[i].Shape = was.Shape
			}
		}
	}
	return in
}

// TestLayersAgreeWithReference: values against float64, and the same bits for
// rows alone, in a batch, over threads, without shortcuts and with every kernel
// but gonum, which rounds in another order.
func TestLayersAgreeWithReference(t *testing.T) {
	var want [][][]float32
	for _, kernels := range Kernels() {
		t.Run("kernels="+kernels, func(t *testing.T) {
			worst := 0.0
			seen := map[Op]bool{}
			for seed := range uint64(300) {
				n, T := layerNetwork(seed)
				for _, node := range n.Nodes {
					seen[node.Op] = true
				}
				rows := 1 + n.rng.IntN(9)
				in := n.layerBatch(rows, T)
				m := mustNew(t, n.Graph, n.params, Options{Kernels: kernels})
				out := predict(t, m, nil, rows, in)
				for row := range rows {
					for k, want := range reference(n.Graph, n.params, in, row, rows) {
						got := rowOf(out[k], row, rows)
						if len(got) != len(want) {
							t.Fatalf("seed %d: %d numbers, want %d", seed, len(got), len(want))
						}
						for i := range want {
							// Norms of nearly equal numbers amplify roundings.
							diff := math.Abs(float64(got[i])-want[i]) / math.Max(1, math.Abs(want[i]))
							if worst = max(worst, diff); !(diff <= 1e-5) {
								t.Fatalf("seed %d, row %d, number %d: %v, want %v\n%s", seed, row, i, got[i], want[i], describe(n.Nodes))
							}
						}
					}
				}
				if kernels != "gonum" {
					if int(seed) < len(want) {
						requireSameBits(t, seed, "kernels "+kernels, out, want[seed])
					} else {
						want = append(want, out)
					}
				}
				requireSameBits(t, seed, "threads", predict(t, m, m.NewScratch(3), rows, in), out)
				slow := mustNew(t, n.Graph, n.params, Options{Kernels: kernels, NoFold: true, NoPadSkip: true, NoDedupe: true, NoSort: true})
				requireSameBits(t, seed, "without shortcuts", predict(t, slow, nil, rows, in), out)
				packed := mustNew(t, n.Graph, Pack(n.Graph, n.params), Options{Kernels: kernels})
				requireSameBits(t, seed, "packed", predict(t, packed, nil, rows, in), out)
				for row := range rows {
					requireSameBits(t, seed, fmt.Sprint("row ", row), predict(t, m, nil, 1, inputRow(in, row, rows)), outputRow(out, row, rows))
				}
			}
			t.Logf("largest difference %.3g", worst)
			for _, op := range []Op{OpReLU, OpELU, OpPReLU, OpConv1D, OpDepthwiseConv1D, OpMaxPool, OpAveragePool, OpReshape, OpPermute, OpRepeat, OpPad, OpCrop,
				OpBatchNorm, OpLayerNorm, OpGroupNorm, OpVarianceNorm, OpRMSNorm, OpUnitNorm} {
				if !seen[op] {
					t.Errorf("no network has %s", op)
				}
			}
		})
	}
}

// TestLayerBitsAreTheSameOnEveryProcessor compares a checksum of the outputs
// with the one found on amd64.
func TestLayerBitsAreTheSameOnEveryProcessor(t *testing.T) {
	for kernels, want := range map[string]uint64{"gonum": 0x514e6bb7c7d5874f, "go": 0x532b5dd13f3f3a8c} {
		sum := fnv.New64a()
		for seed := range uint64(80) {
			n, T := layerNetwork(seed)
			const rows = 4
			m := mustNew(t, n.Graph, n.params, Options{Kernels: kernels})
			for _, out := range predict(t, m, nil, rows, n.layerBatch(rows, T)) {
				if err := binary.Write(sum, binary.LittleEndian, out); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got := sum.Sum64(); got != want {
			t.Errorf("%s: checksum %#x, want %#x", kernels, got, want)
		}
	}
}

// TestLayersOfBytes: quantised convolutions compute with what their bytes stand
// for, packed or not.
func TestLayersOfBytes(t *testing.T) {
	for seed := range uint64(networks(t)) {
		n, T := layerNetwork(seed)
		quantised, err := Quantise(n.Graph, n.params)
		if err != nil {
			t.Fatal(err)
		}
		rows := 2
		in := n.layerBatch(rows, T)
		m := mustNew(t, n.Graph, quantised, Options{})
		out := predict(t, m, nil, rows, in)
		packed := mustNew(t, n.Graph, Pack(n.Graph, quantised), Options{})
		requireSameBits(t, seed, "packed", predict(t, packed, nil, rows, in), out)
		if slices.ContainsFunc(n.Nodes, func(x Node) bool { return x.Op == OpLSTM }) {
			continue // its states are rounded too, which amplifies
		}
		for row := range rows {
			for k, want := range reference(n.Graph, quantised, in, row, rows) {
				for i, got := range rowOf(out[k], row, rows) {
					if diff := math.Abs(float64(got)-want[i]) / math.Max(1, math.Abs(want[i])); !(diff <= 1e-5) {
						t.Fatalf("seed %d, row %d, number %d: %v, want %v\n%s", seed, row, i, got, want[i], describe(n.Nodes))
					}
				}
			}
		}
	}
}

// TestNewNamesTheFaultOfLayers: nodes that cannot be, over 5 steps of 4
// features and with a weight of 4 numbers.
func TestNewNamesTheFaultOfLayers(t *testing.T) {
	const huge = 1 << 62
	conv := Node{Op: OpConv1D, Params: []string{"w"}, Units: 1, Size: 1, Stride: 1, Dilation: 1}
	with := func(n Node, change func(*Node)) Node { change(&n); return n }
	for _, c := range []struct {
		node Node
		want string
	}{
		{with(conv, func(n *Node) { n.Size = 0 }), "size 0, expected at least 1"},
		{with(conv, func(n *Node) { n.Stride = 0 }), "stride 0, expected at least 1"},
		{with(conv, func(n *Node) { n.Dilation = -1 }), "dilation -1, expected at least 1"},
		{with(conv, func(n *Node) { n.Size = huge }), "expected at least 1 and at most"},
		{with(conv, func(n *Node) { n.Size, n.Dilation = 1<<30, 1<<30 }), "reaches over more than"},
		{with(conv, func(n *Node) { n.Size = 1 << 30 }), "has more than 2147483647 elements"},
		{with(conv, func(n *Node) { n.Size = 6 }), "kernel \"w\" has shape [4 1], expected [24 1]"},
		{with(conv, func(n *Node) { n.Units = 0 }), "units 0"},
		{with(conv, func(n *Node) { n.Units = huge }), "kernel"},
		{with(conv, func(n *Node) { n.Padding = "full" }), `padding "full" is not known`},
		{with(conv, func(n *Node) { n.Groups = 3 }), "groups 3 do not divide"},
		{with(conv, func(n *Node) { n.Groups = -1 }), "groups -1 do not divide"},
		{with(conv, func(n *Node) { n.Activation = GLU }), "activation glu is not supported in this operation"},
		{Node{Op: OpDepthwiseConv1D, Params: []string{"w"}, Size: 4, Stride: 1, Dilation: 1}, "expected 4 steps and a multiple of 4 features"},
		{Node{Op: OpMaxPool, Size: 6, Stride: 1}, "5 steps are too few for a window over 6"},
		{Node{Op: OpMaxPool, Size: 2, Stride: 1, Padding: Causal}, "causal is not supported in a pool"},
		{Node{Op: OpAveragePool, Size: 2}, "stride 0"},
		{Node{Op: OpReshape, Shape: []int{3, -1}}, "has 20 elements, which do not make the shape [3 ?]"},
		{Node{Op: OpReshape, Shape: []int{-1, -1}}, "at most one -1"},
		{Node{Op: OpReshape, Shape: []int{huge, huge}}, "more than 2147483647 elements"},
		{Node{Op: OpReshape}, "expected sizes"},
		{Node{Op: OpPermute, Axes: []int{0, 0}}, "axes [0 0] are not the axes"},
		{Node{Op: OpPermute, Axes: []int{0}}, "axes [0] are not the axes"},
		{Node{Op: OpPermute, Axes: []int{0, 2}}, "axes [0 2] are not the axes"},
		{Node{Op: OpRepeat}, "size 0"},
		{Node{Op: OpRepeat, Size: huge}, "more than 2147483647"},
		{Node{Op: OpRepeat, Size: 1 << 28}, "more than 2147483647"},
		{Node{Op: OpPad, Before: -1}, "before -1"},
		{Node{Op: OpPad, After: huge}, "expected numbers of steps"},
		{Node{Op: OpPad, After: 1 << 30}, "more than 2147483647 elements"},
		{Node{Op: OpCrop, Before: 2, After: 3}, "no step is left"},
		{Node{Op: OpLayerNorm}, "no axes"},
		{Node{Op: OpLayerNorm, Axes: []int{1, 0}}, "ascending"},
		{Node{Op: OpLayerNorm, Axes: []int{2}}, "not axes of the shape"},
		{Node{Op: OpLayerNorm, Axes: []int{1}, Scale: true}, "0 weight tensors, expected 1"},
		{Node{Op: OpLayerNorm, Axes: []int{0}, Scale: true, Params: []string{"v"}}, `gamma "v" has shape [4], expected [5]`},
		{Node{Op: OpLayerNorm, Axes: []int{1}, Epsilon: -1}, "epsilon -1"},
		{Node{Op: OpGroupNorm, Groups: 3, Axis: -1}, "3 groups do not divide"},
		{Node{Op: OpGroupNorm, Axis: -1}, "0 groups do not divide"},
		{Node{Op: OpBatchNorm, Axis: -1, Params: []string{"v", "v"}}, `variance "v" has -0.75`},
		{Node{Op: OpBatchNorm, Axis: 7, Params: []string{"v", "v"}}, "axis 7 is not one"},
		{Node{Op: OpPReLU, Params: []string{"v"}}, "alpha \"v\" has shape [4], the input [5 4]"},
		{Node{Op: OpPReLU, Params: []string{"w"}}, "alpha has shape [4 1]"},
		{Node{Op: OpReLU, MaxValue: -1}, "max_value -1"},
		{Node{Op: OpActivation, Activation: GLU, Axis: 0}, "which glu cannot halve"},
		{Node{Op: OpActivation, Activation: Sparsemax, Axis: 2}, "axis 2 is not one"},
	} {
		c.node.Name, c.node.Inputs = "y", []string{"x"}
		g := Graph{
			Nodes:  []Node{{Name: "x", Op: OpInput, Shape: []int{5, 4}}, c.node},
			Inputs: []string{"x"}, Outputs: []string{"y"},
		}
		all := map[string]Tensor{
			"w": {Shape: []int{4, 1}, Data: []float32{-.75, -.5, -.25, 0}},
			"v": {Shape: []int{4}, Data: []float32{-.75, -.5, -.25, 0}},
		}
		params := map[string]Tensor{}
		for _, name := range c.node.Params {
			params[name] = all[name]
		}
		_, err := New(g, params, Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), `node "y"`) {
			t.Errorf("%s: got error %v, expected one with %q", describe([]Node{c.node}), err, c.want)
		}
		Pack(g, params)
		if _, err := Quantise(g, params); err != nil {
			t.Error(err)
		}
	}
}

func inputRow(in []Input, row, rows int) []Input {
	var one []Input
	for _, i := range in {
		one = append(one, Input{Shape: i.Shape, IDs: rowOf(i.IDs, row, rows), Values: rowOf(i.Values, row, rows)})
	}
	for i := range one {
		if in[i].IDs == nil {
			one[i].IDs = nil
		}
	}
	return one
}

func outputRow(out [][]float32, row, rows int) [][]float32 {
	var one [][]float32
	for _, o := range out {
		one = append(one, rowOf(o, row, rows))
	}
	return one
}

func TestLayersDoNotAllocate(t *testing.T) {
	for seed := range uint64(60) {
		n, T := layerNetwork(seed)
		rows := 3
		in := n.layerBatch(rows, T)
		m := mustNew(t, n.Graph, n.params, Options{})
		s, out := m.NewScratch(1), outputs(t, m, rows, in)
		call := func() {
			if err := m.Predict(s, out, rows, in); err != nil {
				t.Fatal(err)
			}
		}
		call()
		if a := testing.AllocsPerRun(5, call); a != 0 {
			t.Errorf("seed %d: %v allocations, want 0\n%+v", seed, a, n.Nodes)
		}
	}
}

// describe lists nodes with the fields that are set.
func describe(nodes []Node) string {
	text := ""
	for _, n := range nodes {
		b, _ := json.Marshal(n)
		text += string(b) + "\n"
	}
	return text
}
