package lstm

import (
	"maps"
	"math"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// smallNetwork is ids [5] -> Embedding 7x3 -> masked LSTM 4 -> Dense 2.
func smallNetwork() (Graph, map[string]Tensor) {
	tensor := func(shape ...int) Tensor {
		n, _ := elements(shape)
		t := Tensor{Shape: shape, Data: make([]float32, n)}
		for i := range t.Data {
			t.Data[i] = float32(i%7-3) / 4
		}
		return t
	}
	g := Graph{
		Nodes: []Node{
			{Name: "ids", Op: OpInput, Shape: []int{5}},
			{Name: "mask", Op: OpMaskIDs, Inputs: []string{"ids"}},
			{Name: "words", Op: OpEmbedding, Inputs: []string{"ids"}, Params: []string{"words/table"}},
			{Name: "lstm", Op: OpLSTM, Inputs: []string{"words"}, Mask: "mask", Units: 4, Activation: Tanh, RecurrentActivation: Sigmoid,
				Params: []string{"lstm/kernel", "lstm/recurrent", "lstm/bias"}},
			{Name: "head", Op: OpDense, Inputs: []string{"lstm"}, Units: 2, Activation: Softmax, Params: []string{"head/kernel", "head/bias"}},
		},
		Inputs: []string{"ids"}, Outputs: []string{"head"},
	}
	return g, map[string]Tensor{
		"words/table": tensor(7, 3), "lstm/kernel": tensor(3, 16), "lstm/recurrent": tensor(4, 16), "lstm/bias": tensor(16),
		"head/kernel": tensor(4, 2), "head/bias": tensor(2),
	}
}

// TestNewNamesTheFault breaks the small network in every way and looks for
// what the error must name.
func TestNewNamesTheFault(t *testing.T) {
	const lstm = 3 // index of the node
	cases := map[string]struct {
		spoil func(g *Graph, p map[string]Tensor)
		want  string
	}{
		"unknown operation":        {func(g *Graph, _ map[string]Tensor) { g.Nodes[lstm].Op = "Conv3D" }, `node "lstm" (Conv3D): operation is not known`},
		"no name":                  {func(g *Graph, _ map[string]Tensor) { g.Nodes[2].Name = "" }, `node 2 of the graph: it has no name`},
		"name twice":               {func(g *Graph, _ map[string]Tensor) { g.Nodes[2].Name = "mask" }, `node "mask" (Embedding): an earlier node has the same name`},
		"unknown input":            {func(g *Graph, _ map[string]Tensor) { g.Nodes[lstm].Inputs[0] = "wrods" }, `node "lstm" (LSTM): input "wrods" is not a node of the graph`},
		"order":                    {func(g *Graph, _ map[string]Tensor) { g.Nodes[2], g.Nodes[3] = g.Nodes[3], g.Nodes[2] }, `input "words" stands later`},
		"input of itself":          {func(g *Graph, _ map[string]Tensor) { g.Nodes[lstm].Inputs[0] = "lstm" }, `input "lstm" is not a node`},
		"two inputs":               {func(g *Graph, _ map[string]Tensor) { g.Nodes[lstm].Inputs = []string{"words", "words"} }, `1 states to start from, expected 2`},
		"no input":                 {func(g *Graph, _ map[string]Tensor) { g.Nodes[4].Inputs = nil }, `0 inputs, expected 1`},
		"values for ids":           {func(g *Graph, _ map[string]Tensor) { g.Nodes[2].Inputs[0] = "mask" }, `input "mask" is a mask, expected token ids`},
		"ids for values":           {func(g *Graph, _ map[string]Tensor) { g.Nodes[lstm].Inputs[0] = "ids" }, `input "ids" is token ids, expected values`},
		"mask that is none":        {func(g *Graph, _ map[string]Tensor) { g.Nodes[lstm].Mask = "words" }, `mask "words" is no mask but values`},
		"mask not there":           {func(g *Graph, _ map[string]Tensor) { g.Nodes[lstm].Mask = "m" }, `mask "m" is not a node`},
		"mask without use":         {func(g *Graph, _ map[string]Tensor) { g.Nodes[4].Mask = "mask" }, `node "head" (Dense): mask "mask": this operation takes no mask`},
		"unknown activation":       {func(g *Graph, _ map[string]Tensor) { g.Nodes[lstm].Activation = "tahn" }, `activation "tahn" is not known`},
		"unknown recurrent":        {func(g *Graph, _ map[string]Tensor) { g.Nodes[lstm].RecurrentActivation = "hard_sigmoid" }, `recurrent activation "hard_sigmoid" is not known`},
		"softmax in a cell":        {func(g *Graph, _ map[string]Tensor) { g.Nodes[lstm].Activation = Softmax }, `activation softmax is not supported in this operation`},
		"unknown dense activation": {func(g *Graph, _ map[string]Tensor) { g.Nodes[4].Activation = "wavy" }, `activation "wavy" is not known`},
		"field without meaning":    {func(g *Graph, _ map[string]Tensor) { g.Nodes[lstm].ResetAfter = true }, `field "reset_after" has no meaning`},
		"no units":                 {func(g *Graph, _ map[string]Tensor) { g.Nodes[lstm].Units = 0 }, `units 0, expected at least 1`},
		"negative units":           {func(g *Graph, _ map[string]Tensor) { g.Nodes[4].Units = -2 }, `units -2, expected at least 1`},
		"huge units":               {func(g *Graph, _ map[string]Tensor) { g.Nodes[lstm].Units = math.MaxInt / 2 }, `node "lstm" (LSTM): kernel "lstm/kernel" has shape [3 16]`},
		"units unlike weights":     {func(g *Graph, _ map[string]Tensor) { g.Nodes[lstm].Units = 5 }, `kernel "lstm/kernel" has shape [3 16], expected [3 20]`},
		"few params":               {func(g *Graph, _ map[string]Tensor) { g.Nodes[lstm].Params = g.Nodes[lstm].Params[:1] }, `1 weight tensors, expected 2 to 3`},
		"missing tensor":           {func(_ *Graph, p map[string]Tensor) { delete(p, "lstm/bias") }, `node "lstm" (LSTM): weight tensor "lstm/bias" is missing`},
		"left-over tensor":         {func(_ *Graph, p map[string]Tensor) { p["lstm_1/kernel"] = Tensor{} }, `weight tensor "lstm_1/kernel" belongs to no node`},
		"recurrent kernel shape":   {func(_ *Graph, p map[string]Tensor) { p["lstm/recurrent"] = p["lstm/kernel"] }, `recurrent kernel "lstm/recurrent" has shape [3 16], expected [4 16]`},
		"bias shape":               {func(_ *Graph, p map[string]Tensor) { p["lstm/bias"] = p["head/bias"] }, `bias "lstm/bias" has shape [2], expected [16]`},
		"table of one axis":        {func(_ *Graph, p map[string]Tensor) { p["words/table"] = p["head/bias"] }, `embeddings "words/table" has shape [2]`},
		"short data": {func(_ *Graph, p map[string]Tensor) {
			p["lstm/bias"] = Tensor{Shape: []int{16}, Data: make([]float32, 15)}
		}, `weight tensor "lstm/bias" has shape [16] and 15 numbers`},
		"negative shape": {func(_ *Graph, p map[string]Tensor) {
			p["lstm/bias"] = Tensor{Shape: []int{-1, -16}, Data: make([]float32, 16)}
		}, `weight tensor "lstm/bias" has shape`},
		"overflowing shape": {func(_ *Graph, p map[string]Tensor) {
			p["words/table"] = Tensor{Shape: []int{1 << 32, 1 << 32}, Data: nil}
		}, `weight tensor "words/table": shape [4294967296 4294967296] has more than`},
		"NaN weight": {func(_ *Graph, p map[string]Tensor) {
			p["lstm/recurrent"] = Tensor{Shape: []int{4, 16}, Data: slices.Clone(p["lstm/recurrent"].Data)}
			p["lstm/recurrent"].Data[9] = float32(math.NaN())
		}, `node "lstm" (LSTM): weight tensor "lstm/recurrent" has NaN at element 9`},
		"infinite weight": {func(_ *Graph, p map[string]Tensor) {
			p["words/table"] = Tensor{Shape: []int{7, 3}, Data: slices.Clone(p["words/table"].Data)}
			p["words/table"].Data[20] = float32(math.Inf(-1))
		}, `node "words" (Embedding): weight tensor "words/table" has -Inf at element 20`},
		"no outputs":              {func(g *Graph, _ map[string]Tensor) { g.Outputs = nil }, `the graph has no outputs`},
		"unknown output":          {func(g *Graph, _ map[string]Tensor) { g.Outputs[0] = "haed" }, `output "haed" of the graph is not a node`},
		"mask as output":          {func(g *Graph, _ map[string]Tensor) { g.Outputs[0] = "mask" }, `output "mask" of the graph is a mask, expected values`},
		"input not listed":        {func(g *Graph, _ map[string]Tensor) { g.Inputs = nil }, `node "ids" (Input) is not listed in the inputs`},
		"input listed twice":      {func(g *Graph, _ map[string]Tensor) { g.Inputs = []string{"ids", "ids"} }, `input "ids" of the graph is listed twice`},
		"input that is none":      {func(g *Graph, _ map[string]Tensor) { g.Inputs = []string{"words"} }, `input "words" of the graph is not an Input node`},
		"input of size 0":         {func(g *Graph, _ map[string]Tensor) { g.Nodes[0].Shape = []int{0} }, `node "ids" (Input): shape [0]`},
		"steps without features":  {func(g *Graph, _ map[string]Tensor) { g.Nodes[0].Shape, g.Nodes[lstm].Mask = []int{5, 5}, "" }, `input "words" has shape [5 5 3], expected steps and features`},
		"unknown number features": {func(g *Graph, _ map[string]Tensor) { g.Nodes[3].Op, g.Nodes[3].Inputs = OpFlatten, []string{"words"} }, `node "lstm" (Flatten)`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			g, p := smallNetwork()
			c.spoil(&g, p)
			_, err := New(g, p, Options{})
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.HasPrefix(err.Error(), "lstm: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q, want %q in it", err, c.want)
			}
		})
	}
}

func TestNewChecksShapesOfVariableLength(t *testing.T) {
	for name, c := range map[string]struct {
		nodes []Node
		want  string
	}{
		"flattened": {[]Node{
			{Name: "x", Op: OpInput, Shape: []int{-1, 4}},
			{Name: "flat", Op: OpFlatten, Inputs: []string{"x"}},
			{Name: "out", Op: OpDense, Inputs: []string{"flat"}, Units: 2, Params: []string{"w"}},
		}, `input "flat" has shape [?]: the size of the last axis must be known`},
		"added": {[]Node{
			{Name: "x", Op: OpInput, Shape: []int{-1, 4}},
			{Name: "y", Op: OpInput, Shape: []int{3, 5}},
			{Name: "out", Op: OpAdd, Inputs: []string{"x", "y"}},
		}, `inputs of shapes [? 4] and [3 5], which cannot be made equal`},
		"concatenated": {[]Node{
			{Name: "x", Op: OpInput, Shape: []int{4, 4}},
			{Name: "y", Op: OpInput, Shape: []int{3, 5}},
			{Name: "out", Op: OpConcatenate, Axis: -1, Inputs: []string{"x", "y"}},
		}, `inputs of shapes [4 4] and [3 5] differ in more than axis 1`},
		"axis": {[]Node{
			{Name: "x", Op: OpInput, Shape: []int{4, 4}},
			{Name: "y", Op: OpInput, Shape: []int{4, 4}},
			{Name: "out", Op: OpConcatenate, Axis: 2, Inputs: []string{"x", "y"}},
		}, `axis 2 is not one of the 2 axes`},
		"mask of other length": {[]Node{
			{Name: "x", Op: OpInput, Shape: []int{4, 4}},
			{Name: "y", Op: OpInput, Shape: []int{3, 4}},
			{Name: "mask", Op: OpMaskSteps, Inputs: []string{"y"}},
			{Name: "out", Op: OpGlobalAveragePool, Inputs: []string{"x"}, Mask: "mask"},
		}, `mask "mask" has shape [3], the input has [4 4]`},
		"mask needed": {[]Node{
			{Name: "x", Op: OpInput, Shape: []int{4, 4}},
			{Name: "out", Op: OpApplyMask, Inputs: []string{"x"}},
		}, `no mask given`},
		"values taken for ids later": {[]Node{
			{Name: "x", Op: OpInput, Shape: []int{4}},
			{Name: "a", Op: OpActivation, Inputs: []string{"x"}, Activation: Tanh},
			{Name: "out", Op: OpEmbedding, Inputs: []string{"x"}, Params: []string{"w"}},
		}, `node "a" (Activation): input "x" is token ids, expected values`},
		"ids as output": {[]Node{
			{Name: "out", Op: OpInput, Shape: []int{4}},
			{Name: "a", Op: OpEmbedding, Inputs: []string{"out"}, Params: []string{"w"}},
		}, `output "out" of the graph is token ids, expected values`},
	} {
		t.Run(name, func(t *testing.T) {
			g := Graph{Nodes: c.nodes, Outputs: []string{"out"}}
			p := map[string]Tensor{}
			for _, n := range c.nodes {
				if n.Op == OpInput {
					g.Inputs = append(g.Inputs, n.Name)
				}
				for _, name := range n.Params {
					p[name] = Tensor{Shape: []int{4, 2}, Data: make([]float32, 8)}
				}
			}
			if _, err := New(g, p, Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestPredictNamesTheFault(t *testing.T) {
	g, p := smallNetwork()
	m := mustNew(t, g, p, Options{})
	ids := func(n int) []int32 { return make([]int32, n) }
	bad := ids(10)
	bad[7] = 7
	negative := ids(10)
	negative[0] = -1
	out := func(n int) [][]float32 { return [][]float32{slices.Repeat([]float32{9}, n)} }
	for name, c := range map[string]struct {
		out  [][]float32
		rows int
		in   []Input
		want string
	}{
		"empty batch":       {out(0), 0, []Input{{IDs: ids(0)}}, "batch of 0 rows"},
		"negative batch":    {out(0), -1, []Input{{IDs: ids(0)}}, "batch of -1 rows"},
		"no input":          {out(4), 2, nil, "0 inputs, the model takes 1"},
		"two inputs":        {out(4), 2, make([]Input, 2), "2 inputs, the model takes 1"},
		"neither":           {out(4), 2, []Input{{}}, `input "ids": either ids or values must be given`},
		"both":              {out(4), 2, []Input{{IDs: ids(10), Values: make([]float32, 10)}}, `input "ids": either ids or values`},
		"values":            {out(4), 2, []Input{{Values: make([]float32, 10)}}, `input "ids" takes token ids, not values`},
		"short":             {out(4), 2, []Input{{IDs: ids(9)}}, `input "ids" has 9 elements, expected 10 for 2 rows of shape [5]`},
		"long":              {out(4), 2, []Input{{IDs: ids(11)}}, `input "ids" has 11 elements`},
		"other shape":       {out(4), 2, []Input{{Shape: []int{4}, IDs: ids(8)}}, `input "ids" has shape [4], the model takes [5]`},
		"unknown shape":     {out(4), 2, []Input{{Shape: []int{-1}, IDs: ids(8)}}, `input "ids" has shape [?], the model takes [5]`},
		"other rank":        {out(4), 2, []Input{{Shape: []int{5, 1}, IDs: ids(10)}}, `input "ids" has shape [5 1]`},
		"foreign id":        {out(4), 2, []Input{{IDs: bad}}, `input "ids": row 1, position 2: id 7 is outside the vocabulary of 7 (ids 0 to 6)`},
		"negative id":       {out(4), 2, []Input{{IDs: negative}}, `row 0, position 0: id -1 is outside the vocabulary of 7`},
		"no room":           {out(3), 2, []Input{{IDs: ids(10)}}, `output "head": a slice of 3 numbers, expected 4 for 2 rows of shape [2]`},
		"too much room":     {out(5), 2, []Input{{IDs: ids(10)}}, `output "head": a slice of 5 numbers`},
		"missing output":    {nil, 2, []Input{{IDs: ids(10)}}, `0 slices for the outputs, the model has 1`},
		"too large a batch": {out(4), math.MaxInt32 + 1, []Input{{IDs: ids(10)}}, `at most 2147483647`},
	} {
		t.Run(name, func(t *testing.T) {
			s := m.NewScratch(1)
			err := m.Predict(s, c.out, c.rows, c.in)
			if err == nil || !strings.HasPrefix(err.Error(), "lstm: ") || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %q in it", err, c.want)
			}
			for _, o := range c.out {
				if slices.ContainsFunc(o, func(x float32) bool { return x != 9 }) {
					t.Error("the output was written")
				}
			}
			// The scratch is as good as before.
			got := predict(t, m, s, 1, []Input{{IDs: []int32{0, 1, 2, 3, 6}, Shape: []int{5}}})
			requireSameBits(t, 0, "after an error", got, predict(t, m, nil, 1, []Input{{IDs: []int32{0, 1, 2, 3, 6}, Shape: []int{5}}}))
		})
	}
}

// TestVocabularyIsTheSmallest: one input may feed several embeddings.
func TestVocabularyIsTheSmallest(t *testing.T) {
	n := newNetwork(9)
	ids := n.ids(2)
	a := n.embed(ids, 3)
	n.vocab = 5
	b := n.embed(ids, 3)
	n.Outputs = []string{n.add(Node{Op: OpAdd, Inputs: []string{a, b}})}
	m := mustNew(t, n.Graph, n.params, Options{})
	err := m.Predict(m.NewScratch(1), [][]float32{make([]float32, 6)}, 1, []Input{{IDs: []int32{4, 5}}})
	if err == nil || !strings.Contains(err.Error(), "position 1: id 5 is outside the vocabulary of 5") {
		t.Errorf("error %v", err)
	}
}

func TestMisusePanics(t *testing.T) {
	g, p := smallNetwork()
	m, other := mustNew(t, g, p, Options{}), mustNew(t, g, p, Options{})
	in := []Input{{IDs: make([]int32, 5)}}
	out := [][]float32{make([]float32, 2)}
	for name, misuse := range map[string]func(){
		"lstm: NewScratch":                       func() { m.NewScratch(0) },
		"lstm: Predict: the Scratch belongs":     func() { _ = m.Predict(other.NewScratch(1), out, 1, in) },
		"lstm: Predict: the Scratch is in use b": func() { s := m.NewScratch(1); s.busy.Store(true); _ = m.Predict(s, out, 1, in) },
	} {
		func() {
			defer func() {
				if text, _ := recover().(string); !strings.HasPrefix(text, name) {
					t.Errorf("panic %q, want %q", text, name)
				}
			}()
			misuse()
		}()
	}
}

func TestNewKeepsNothingOfTheGraph(t *testing.T) {
	g, p := smallNetwork()
	m := mustNew(t, g, p, Options{})
	in := []Input{{IDs: []int32{0, 1, 2, 3, 4}, Shape: []int{5}}}
	want := predict(t, m, nil, 1, in)
	for i := range g.Nodes {
		g.Nodes[i].Units, g.Nodes[i].Activation, g.Nodes[i].Name = 99, ReLU, "x"
	}
	g.Inputs[0], g.Outputs[0] = "x", "x"
	clear(p)
	requireSameBits(t, 0, "changed graph", predict(t, m, nil, 1, in), want)
}

func TestNewLeavesItsArgumentsAlone(t *testing.T) {
	g, p := smallNetwork()
	wantG, wantP := smallNetwork()
	m := mustNew(t, g, p, Options{})
	predict(t, m, nil, 1, []Input{{IDs: []int32{0, 1, 2, 3, 4}, Shape: []int{5}}})
	if !reflect.DeepEqual(g, wantG) || !maps.EqualFunc(p, wantP, func(a, b Tensor) bool { return reflect.DeepEqual(a, b) }) {
		t.Error("the graph or the weights changed")
	}
}

func TestTrustParamsSkipsTheSearch(t *testing.T) {
	g, p := smallNetwork()
	p["head/bias"].Data[0] = float32(math.NaN())
	mustNew(t, g, p, Options{TrustParams: true})
}

func TestOutputShapesFollowTheInput(t *testing.T) {
	n := newNetwork(9)
	seq := n.plainLSTM(n.embed(n.ids(-1), 3), 3, "", Node{Units: 4, ReturnSequences: true})
	pool := n.add(Node{Op: OpGlobalMaxPool, Inputs: []string{seq}})
	n.Outputs = []string{seq, pool}
	m := mustNew(t, n.Graph, n.params, Options{})
	got, err := m.OutputShapes([][]int{{6}})
	if err != nil || !reflect.DeepEqual(got, [][]int{{6, 4}, {4}}) {
		t.Errorf("shapes %v, error %v", got, err)
	}
	if _, err := m.OutputShapes([][]int{nil}); err == nil || !strings.Contains(err.Error(), "has no shape") {
		t.Errorf("variable length without a shape: error %v", err)
	}
	if _, err := m.OutputShapes(nil); err == nil {
		t.Error("no shapes: no error")
	}
	if _, err := m.OutputShapes([][]int{{math.MaxInt32}}); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("huge length: error %v", err)
	}
}

// TestPackedWeightsAreUsedInPlace: a Model of packed weights allocates next to
// nothing for them.
func TestPackedWeightsAreUsedInPlace(t *testing.T) {
	n := stackedNetwork(2000, 128, 196, 128)
	size := 0
	for _, p := range n.params {
		size += 4 * len(p.Data)
	}
	allocated := func(params map[string]Tensor) int {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		mustNew(t, n.Graph, params, Options{TrustParams: true})
		runtime.ReadMemStats(&after)
		return int(after.TotalAlloc - before.TotalAlloc)
	}
	packed := Pack(n.Graph, n.params)
	if Kernels()[0] == "gonum" {
		t.Skip("gonum takes weights as they are")
	}
	if got := allocated(packed); got > 100<<10 {
		t.Errorf("New allocated %d bytes for %d bytes of packed weights", got, size)
	}
	if got := allocated(n.params); got < size/2 {
		t.Errorf("New allocated %d bytes for %d bytes of weights to pack: the test measures nothing", got, size)
	}
}

// TestPackLeavesOtherTensorsAlone: what is not multiplied with, and what two
// nodes use in different ways.
func TestPackLeavesOtherTensorsAlone(t *testing.T) {
	n := newNetwork(12)
	seq := n.embed(n.ids(4), 12)
	h := n.plainLSTM(seq, 12, "", Node{Units: 5})
	n.Outputs = []string{n.dense(h, 5, 3, Softmax)}
	table := n.Nodes[1].Params[0]
	// A dense layer that has the embedding's table as its kernel, as tied weights have.
	tied := n.add(Node{Op: OpDense, Inputs: []string{seq}, Units: 12, Params: []string{table}})
	n.Outputs = append(n.Outputs, tied)
	packed := Pack(n.Graph, n.params)
	for _, name := range []string{table, n.Nodes[2].Params[2]} {
		if &packed[name].Data[0] != &n.params[name].Data[0] {
			t.Errorf("tensor %q was packed", name)
		}
	}
	if shape := packed[n.Nodes[2].Params[1]].Shape; !slices.Equal(shape, []int{1, 5, 24}) {
		t.Errorf("the recurrent kernel has shape %v", shape)
	}
	in := []Input{{IDs: []int32{1, 2, 3, 11, 0, 0, 5, 7}}}
	want := predict(t, mustNew(t, n.Graph, n.params, Options{}), nil, 2, in)
	requireSameBits(t, 0, "packed", predict(t, mustNew(t, n.Graph, packed, Options{}), nil, 2, in), want)
}
