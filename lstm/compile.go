package lstm

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"coldstream/lstm/internal/kernel"
)

// compiler makes a Model of a Graph.
type compiler struct {
	model  *Model
	params map[string]Tensor
	index  map[string]int // of nodes by name
	used   map[string]bool
	set    kernel.Set
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
	op := findOperation(n.Op)
	if op == nil {
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
	s := &spec{Node: n, opts: &c.model.options, set: c.set}
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
		i, err := c.findMask(n.Mask, later, s.in[0], op.mask == mayMask)
		if err != nil {
			return err
		}
		compiled.mask = i
	}
	for k, name := range n.Masks {
		if name == "" {
			compiled.masks = append(compiled.masks, -1)
			continue
		}
		i, err := c.findMask(name, later, s.in[k], true)
		if err != nil {
			return err
		}
		compiled.masks = append(compiled.masks, i)
	}
	for _, name := range n.Params {
		t, ok := c.params[name]
		if !ok {
			return fmt.Errorf("weight tensor %q is missing", name)
		}
		if _, err := elements(t.Shape); err != nil {
			return fmt.Errorf("weight tensor %q: %w", name, err)
		}
		if err := t.check(); err != nil {
			return fmt.Errorf("weight tensor %q %w", name, err)
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
		for in.Op == OpFoldSteps {
			in = &c.model.nodes[in.in[0]]
		}
		in.vocab = min(in.vocab, l.vocab)
	case *recurrent:
		if l.tokens != nil {
			compiled.args = append(slices.Clone(c.model.nodes[compiled.in[0]].in), compiled.in[1:]...)
		}
	}
	if compiled.kind == kindAny {
		compiled.kind = c.model.nodes[compiled.in[0]].kind
	}
	if err := c.fold(&compiled); err != nil {
		return err
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
	if want == kindAny {
		return nil
	}
	if want == kindIDs {
		switch n.Op {
		case OpInput:
			n.kind = kindIDs
		case OpFoldSteps:
			if err := c.take(n.in[0], want); err != nil {
				return err
			}
			n.kind = kindIDs
		}
	}
	if n.kind != want {
		return fmt.Errorf("input %q is %s, expected %s", n.Name, n.kind, want)
	}
	return nil
}

// findMask returns the index of the node with the mask of an input of the given
// shape. ofSteps: it must have one element for each step.
func (c *compiler) findMask(name string, later []Node, shape []int, ofSteps bool) (int, error) {
	i, err := c.find(name, later)
	if err != nil {
		return 0, fmt.Errorf("mask %q %w", name, err)
	}
	m := &c.model.nodes[i]
	if m.kind != kindMask {
		return 0, fmt.Errorf("mask %q is no mask but %s (%s)", name, m.kind, m.Op)
	}
	if err := sameSteps(name, m.shape, shape); err != nil {
		return 0, err
	}
	if ofSteps && len(m.shape) != 1 {
		return 0, fmt.Errorf("mask %q has shape %s, expected steps", name, shapeString(m.shape))
	}
	return i, nil
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
		if m.nodes[i].folds > 0 {
			return fmt.Errorf("output %q of the graph has steps for rows: an UnfoldSteps is missing", name)
		}
		m.outputs = append(m.outputs, i)
	}
	for i := range m.nodes {
		n := &m.nodes[i]
		if n.Op == OpInput && !slices.Contains(m.inputs, i) {
			return fmt.Errorf("node %q (Input) is not listed in the inputs of the graph", n.Name)
		}
		for _, in := range n.in {
			want := findOperation(n.Op).in
			if want == kindAny && in == n.in[0] {
				want = n.kind
			}
			if want != kindAny && m.nodes[in].kind != want {
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
			t := c.params[name]
			if err := t.checkNumbers(); err != nil {
				return fmt.Errorf("node %q (%s): weight tensor %q %w", n.Name, n.Op, name, err)
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
		for _, mask := range n.masks {
			if mask >= 0 {
				m.nodes[mask].live = true
			}
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
		if l, ok := n.layer.(*recurrent); ok && l.set > kernel.Go && 4*4*l.units*l.units >= teamBytes {
			m.teams = true
		}
		if l, ok := n.layer.(*recurrent); ok && l.tokens != nil {
			folding = append(folding, l)
		}
	}
	for _, l := range folding {
		l.cacheBytes /= len(folding)
	}
}
