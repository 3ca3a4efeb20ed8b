package lstm

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Tensor is an array of float32 in row-major order, the last axis contiguous.
// len(Data) is the product of Shape.
type Tensor struct {
	Shape []int
	Data  []float32
}

// Options are settings of a Model. The zero value is right for nearly all
// uses. The switches turn off shortcuts which change the time and nothing
// else: with and without them a Model gives the same bits.
type Options struct {
	NoFold    bool // multiply each token's embedding by the kernel every time, instead of keeping the products of recent tokens
	NoPadSkip bool // compute leading padding (id 0) in every row, instead of starting from kept states
	NoDedupe  bool // compute equal rows of a batch each for itself
	NoSort    bool // leave rows in the order of the batch, instead of putting rows with as many steps together

	// CacheBytes bounds the memory, per goroutine at work, for the products of
	// recent tokens. 0 = 2 MB.
	CacheBytes int

	// TrustParams leaves out the search for NaN and infinite weights, which
	// reads every weight once. For weights that have been checked before.
	TrustParams bool
}

const defaultCacheBytes = 2 << 20

func (o *Options) cacheBytes() int {
	if o.CacheBytes > 0 {
		return o.CacheBytes
	}
	return defaultCacheBytes
}

// Model is a network with its weights, ready to run. It is immutable: any
// number of goroutines may use it, each with a Scratch of its own.
type Model struct {
	options Options
	nodes   []node
	inputs  []int // indices of nodes, as Graph.Inputs names them
	outputs []int
	run     []int // indices of the nodes to compute, in order, inputs apart
}

// node is a compiled Node.
type node struct {
	*Node
	kind  kind
	layer layer
	shape []int // without the batch axis, -1 = as long as the caller's input
	in    []int // nodes that stand for the inputs in shapes
	args  []int // nodes whose values the layer reads, as it may see through an embedding
	mask  int   // node, -1 = none
	live  bool  // an output needs it
	vocab int   // Input of ids: ids from vocab on are in no embedding table
}

// New checks a graph and its weights and returns the Model. The weights are
// used in place: they must not change afterwards. params must hold the tensors
// that the nodes name and no others.
//
// An error names the node at fault.
func New(g Graph, params map[string]Tensor, o Options) (*Model, error) {
	c := compiler{model: &Model{options: o}, params: params, index: map[string]int{}, used: map[string]bool{}}
	if err := c.compile(g); err != nil {
		return nil, fmt.Errorf("lstm: %w", err)
	}
	return c.model, nil
}

type compiler struct {
	model  *Model
	params map[string]Tensor
	index  map[string]int // of nodes by name
	used   map[string]bool
}

func (c *compiler) compile(g Graph) error {
	m := c.model
	m.nodes = make([]node, 0, len(g.Nodes))
	for i := range g.Nodes {
		n := g.Nodes[i] // the model keeps its own copy
		if err := c.add(&n, g.Nodes[i+1:]); err != nil {
			if n.Name == "" {
				return fmt.Errorf("node %d of the graph: %w", i, err)
			}
			return fmt.Errorf("node %q (%s): %w", n.Name, n.Op, err)
		}
	}
	if err := c.connect(g); err != nil {
		return err
	}
	if err := c.checkParams(); err != nil {
		return err
	}
	c.findLive()
	return nil
}

// add compiles one node; later are the nodes behind it, for the error text.
func (c *compiler) add(n *Node, later []Node) error {
	if n.Name == "" {
		return errors.New("it has no name")
	}
	if _, ok := c.index[n.Name]; ok {
		return errors.New("an earlier node has the same name")
	}
	op, ok := operations[n.Op]
	if !ok {
		return errors.New("operation is not known")
	}
	if err := op.check(n); err != nil {
		return err
	}
	if n.Op == OpInput {
		for _, d := range n.Shape {
			if d != -1 && d < 1 {
				return fmt.Errorf("shape %v, expected sizes from 1, or -1 for any", n.Shape)
			}
		}
	}

	compiled := node{Node: n, kind: op.out, mask: -1, vocab: math.MaxInt32}
	s := &spec{Node: n, opts: &c.model.options}
	for _, name := range n.Inputs {
		i, err := c.find(name, later)
		if err != nil {
			return fmt.Errorf("input %q %w", name, err)
		}
		if err := c.take(i, op.in); err != nil {
			return err
		}
		compiled.in = append(compiled.in, i)
		s.in = append(s.in, c.model.nodes[i].shape)
	}
	if n.Mask != "" {
		i, err := c.find(n.Mask, later)
		if err != nil {
			return fmt.Errorf("mask %q %w", n.Mask, err)
		}
		if err := c.checkMask(i, s.in[0]); err != nil {
			return err
		}
		compiled.mask = i
	}
	for _, name := range n.Params {
		t, ok := c.params[name]
		if !ok {
			return fmt.Errorf("weight tensor %q is missing", name)
		}
		size, err := elements(t.Shape)
		if err != nil {
			return fmt.Errorf("weight tensor %q: %w", name, err)
		}
		if size != len(t.Data) || !positive(t.Shape) {
			return fmt.Errorf("weight tensor %q has shape %s and %d numbers", name, shapeString(t.Shape), len(t.Data))
		}
		c.used[name] = true
		s.params = append(s.params, t)
	}
	compiled.args = compiled.in
	if len(compiled.in) > 0 {
		s.producer = c.model.nodes[compiled.in[0]].layer
	}

	var err error
	if compiled.layer, err = op.build(s); err != nil {
		return err
	}
	if compiled.shape, err = compiled.layer.shape(nil, s.in); err != nil {
		return err
	}
	if _, err := elements(compiled.shape); err != nil {
		return err
	}
	switch l := compiled.layer.(type) {
	case *embedding:
		in := &c.model.nodes[compiled.in[0]]
		in.vocab = min(in.vocab, l.vocab)
	case *recurrent:
		if l.tokens != nil {
			compiled.args = c.model.nodes[compiled.in[0]].in
		}
	}
	c.index[n.Name] = len(c.model.nodes)
	c.model.nodes = append(c.model.nodes, compiled)
	return nil
}

// find returns the index of an earlier node.
func (c *compiler) find(name string, later []Node) (int, error) {
	if i, ok := c.index[name]; ok {
		return i, nil
	}
	for i := range later {
		if later[i].Name == name {
			return 0, errors.New("stands later in the graph: a node must follow its inputs")
		}
	}
	return 0, errors.New("is not a node of the graph")
}

// take makes node i an input of a node that takes the given kind. An Input
// holds values until a node takes it for token ids; whoever took it for values
// before is found by connect.
func (c *compiler) take(i int, want kind) error {
	n := &c.model.nodes[i]
	if n.Op == OpInput && want == kindIDs {
		n.kind = kindIDs
	}
	if n.kind != want {
		return fmt.Errorf("input %q is %s, expected %s", n.Name, n.kind, want)
	}
	return nil
}

func (c *compiler) checkMask(i int, sequence []int) error {
	m := &c.model.nodes[i]
	if m.kind != kindMask {
		return fmt.Errorf("mask %q is no mask but %s (%s)", m.Name, m.kind, m.Op)
	}
	if len(m.shape) != 1 || len(sequence) == 0 || !sameDim(m.shape[0], sequence[0]) {
		return fmt.Errorf("mask %q has shape %s, the input has %s", m.Name, shapeString(m.shape), shapeString(sequence))
	}
	return nil
}

// connect finds the graph's inputs and outputs.
func (c *compiler) connect(g Graph) error {
	m := c.model
	if len(g.Outputs) == 0 {
		return errors.New("the graph has no outputs")
	}
	for _, name := range g.Inputs {
		i, ok := c.index[name]
		if !ok || m.nodes[i].Op != OpInput {
			return fmt.Errorf("input %q of the graph is not an Input node", name)
		}
		if slices.Contains(m.inputs, i) {
			return fmt.Errorf("input %q of the graph is listed twice", name)
		}
		m.inputs = append(m.inputs, i)
	}
	for _, name := range g.Outputs {
		i, ok := c.index[name]
		if !ok {
			return fmt.Errorf("output %q of the graph is not a node", name)
		}
		if k := m.nodes[i].kind; k != kindValues {
			return fmt.Errorf("output %q of the graph is %s, expected values", name, k)
		}
		m.outputs = append(m.outputs, i)
	}
	for i := range m.nodes {
		n := &m.nodes[i]
		if n.Op == OpInput && !slices.Contains(m.inputs, i) {
			return fmt.Errorf("node %q (Input) is not listed in the inputs of the graph", n.Name)
		}
		for _, in := range n.in {
			if want := operations[n.Op].in; m.nodes[in].kind != want {
				return fmt.Errorf("node %q (%s): input %q is %s, expected %s", n.Name, n.Op, m.nodes[in].Name, m.nodes[in].kind, want)
			}
		}
	}
	return nil
}

// checkParams finds weights that no node uses, and weights that are no
// numbers.
func (c *compiler) checkParams() error {
	var left []string
	for name := range c.params {
		if !c.used[name] {
			left = append(left, name)
		}
	}
	if len(left) > 0 {
		slices.Sort(left)
		return fmt.Errorf("weight tensor %q belongs to no node (%d such tensors)", left[0], len(left))
	}
	if c.model.options.TrustParams {
		return nil
	}
	for i := range c.model.nodes {
		n := &c.model.nodes[i]
		for _, name := range n.Params {
			if at := notFinite(c.params[name].Data); at >= 0 {
				return fmt.Errorf("node %q (%s): weight tensor %q has %v at element %d: the weights of a trained model are finite numbers",
					n.Name, n.Op, name, c.params[name].Data[at], at)
			}
		}
	}
	return nil
}

// notFinite returns the index of the first NaN or infinity, -1 if there is
// none.
func notFinite(data []float32) int {
	for i, x := range data {
		if x-x != 0 {
			return i
		}
	}
	return -1
}

// findLive marks the nodes that outputs need.
func (c *compiler) findLive() {
	m := c.model
	for _, i := range m.outputs {
		m.nodes[i].live = true
	}
	for i := len(m.nodes) - 1; i >= 0; i-- {
		n := &m.nodes[i]
		if !n.live {
			continue
		}
		for _, in := range n.args {
			m.nodes[in].live = true
		}
		if n.mask >= 0 {
			m.nodes[n.mask].live = true
		}
	}
	// The memory for folded tokens is one for all layers that fold.
	var folding []*recurrent
	for i := range m.nodes {
		n := &m.nodes[i]
		if !n.live || n.Op == OpInput {
			continue
		}
		m.run = append(m.run, i)
		if l, ok := n.layer.(*recurrent); ok && l.tokens != nil {
			folding = append(folding, l)
		}
	}
	for _, l := range folding {
		l.cacheBytes /= len(folding)
	}
}

// OutputShapes returns the shapes of the outputs, without the batch axis, for
// inputs of the given shapes. nil stands for the shape the graph gives an
// input, if no size in it is variable.
func (m *Model) OutputShapes(inputShapes [][]int) ([][]int, error) {
	if len(inputShapes) != len(m.inputs) {
		return nil, m.inputCountError(len(inputShapes))
	}
	shapes := make([][]int, len(m.nodes))
	for k, i := range m.inputs {
		if err := m.setInput(shapes, i, inputShapes[k]); err != nil {
			return nil, err
		}
	}
	if _, err := m.infer(shapes, nil); err != nil {
		return nil, err
	}
	out := make([][]int, len(m.outputs))
	for k, i := range m.outputs {
		out[k] = shapes[i]
	}
	return out, nil
}

func (m *Model) inputCountError(n int) error {
	return fmt.Errorf("lstm: %d inputs, the model takes %d", n, len(m.inputs))
}

// setInput sets shapes[i], of the Input node i, to the shape the caller gives
// it.
func (m *Model) setInput(shapes [][]int, i int, shape []int) error {
	n := &m.nodes[i]
	if shape == nil {
		shape = n.shape
		if !positive(shape) {
			return fmt.Errorf("lstm: input %q has no shape: it is needed, as the model takes any %s", n.Name, shapeString(shape))
		}
	}
	if !slices.EqualFunc(shape, n.shape, sameDim) || !positive(shape) {
		return fmt.Errorf("lstm: input %q has shape %s, the model takes %s", n.Name, shapeString(shape), shapeString(n.shape))
	}
	if _, err := elements(shape); err != nil {
		return fmt.Errorf("lstm: input %q: %w", n.Name, err)
	}
	shapes[i] = append(shapes[i][:0], shape...)
	return nil
}

// infer sets the shapes of all nodes but inputs, whose shapes are set. It
// takes and returns a slice to work with.
func (m *Model) infer(shapes, in [][]int) ([][]int, error) {
	for i := range m.nodes {
		n := &m.nodes[i]
		if n.Op == OpInput {
			continue
		}
		in = in[:0]
		for _, k := range n.in {
			in = append(in, shapes[k])
		}
		var err error
		if shapes[i], err = n.layer.shape(shapes[i][:0], in); err == nil {
			_, err = elements(shapes[i])
		}
		if err == nil && n.mask >= 0 && shapes[n.mask][0] != in[0][0] {
			err = fmt.Errorf("mask %q has %d steps, the input has %d", n.Mask, shapes[n.mask][0], in[0][0])
		}
		if err != nil {
			return in, fmt.Errorf("lstm: node %q (%s): %w", n.Name, n.Op, err)
		}
	}
	return in, nil
}
