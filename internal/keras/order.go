package keras

import "slices"

// has reports whether a layer of the network itself is of the class.
func (n *network) has(class string) bool {
	return slices.ContainsFunc(n.layers, func(l *layer) bool { return l.class == class })
}

// executionOrder returns the calls of a Functional model in the order in which
// Keras 3 makes them: by their distance from the outputs, the farthest first.
// It matters where a call changes its inputs. Calls that are referred to but
// not there are left to who follows the references.
func (n *network) executionOrder() []callKey {
	calls := map[callKey]call{}
	for _, l := range n.layers {
		for i, c := range l.calls {
			calls[callKey{l.name, l.firstCall + i}] = c
		}
	}
	// Depth first from the outputs; a call stands behind those it depends on.
	var found []callKey
	seen := map[callKey]bool{}
	var visit func(k callKey)
	visit = func(k callKey) {
		if c, ok := calls[k]; ok && !seen[k] {
			seen[k] = true
			for _, r := range c.refs() {
				visit(callKey{r.layer, r.call})
			}
			found = append(found, k)
		}
	}
	for _, r := range n.outputs {
		visit(callKey{r.layer, r.call})
	}

	depth := map[callKey]int{}
	ofLayer := map[string]int{} // a layer used twice is as deep as its deepest use so far
	var order []callKey         // as the depths were first set
	set := func(k callKey, d int) {
		if _, ok := depth[k]; !ok {
			order = append(order, k)
		}
		depth[k] = d
	}
	for _, k := range slices.Backward(found) {
		d := max(depth[k], ofLayer[k.layer])
		ofLayer[k.layer] = d
		set(k, d)
		for _, r := range calls[k].refs() {
			if p := (callKey{r.layer, r.call}); seen[p] {
				set(p, max(d+1, depth[p]))
			}
		}
	}
	slices.SortStableFunc(order, func(a, b callKey) int { return depth[b] - depth[a] })
	return order
}

// refs returns the tensors that a call is made with.
func (c call) refs() []ref {
	var refs []ref
	var visit func(o operand)
	visit = func(o operand) {
		if o.from != nil {
			refs = append(refs, *o.from)
		}
		for _, e := range o.list {
			visit(e)
		}
	}
	for _, o := range c.args {
		visit(o)
	}
	for _, k := range sortedKeys(c.kwargs) {
		visit(c.kwargs[k])
	}
	return refs
}
