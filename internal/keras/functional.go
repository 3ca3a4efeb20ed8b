package keras

import (
	"errors"
	"fmt"
)

// connect reads how the layers of a Functional model call each other. Up to
// Keras 2.15 a call is a list of ["layer", call, output, {kwargs}]; Keras 3
// writes {"args": [...], "kwargs": {...}} with __keras_tensor__ objects.
func (p *parser) connect(n *network, entries []any) error {
	for i, l := range n.layers {
		nodes, ok := asObject(entries[i])["inbound_nodes"].([]any)
		if !ok {
			return l.fail("no inbound_nodes in a Functional model")
		}
		for _, v := range nodes {
			c, err := readCall(v)
			if err != nil {
				return l.wrap(err)
			}
			l.calls = append(l.calls, c)
		}
	}
	var err error
	if n.inputs, err = readRefs(n.config["input_layers"]); err != nil {
		return fmt.Errorf("input_layers of model %q: %w", n.name, err)
	}
	if n.outputs, err = readRefs(n.config["output_layers"]); err != nil {
		return fmt.Errorf("output_layers of model %q: %w", n.name, err)
	}
	if len(n.inputs) == 0 || len(n.outputs) == 0 {
		return fmt.Errorf("model %q has no input_layers or no output_layers", n.name)
	}
	if p.version.keras3() {
		// Here, and here alone, Keras 3 counts the call of its own that a
		// Functional model begins with.
		for i, r := range n.outputs {
			for _, l := range n.layers {
				if l.name == r.layer && l.inner != nil && !l.inner.sequential() && r.call > 0 {
					n.outputs[i].call--
				}
			}
		}
	}
	n.numberCalls()
	return nil
}

// numberCalls notes whose further outputs are used, and finds where the calls
// of nested models begin to count. Up to Keras 2.15 a model that was built
// before it was used in another one has call 0 of its own, which the file leaves
// out: its uses are 1, 2, ... Every call in a file is used by something, so the
// least number that is used tells.
func (n *network) numberCalls() {
	least := map[string]int{}
	further := map[string]bool{}
	note := func(r ref) {
		further[r.layer] = further[r.layer] || r.output > 0
		if k, ok := least[r.layer]; !ok || r.call < k {
			least[r.layer] = r.call
		}
	}
	for _, l := range n.layers {
		for _, c := range l.calls {
			for _, r := range c.refs() {
				note(r)
			}
		}
	}
	for _, r := range n.outputs {
		note(r)
	}
	for _, l := range n.layers {
		l.statesUsed = further[l.name]
		if l.inner != nil && least[l.name] == 1 {
			l.firstCall = 1
		}
	}
}

// readCall reads one element of inbound_nodes.
func readCall(v any) (call, error) {
	c := call{kwargs: map[string]operand{}}
	switch v := v.(type) {
	case []any:
		return readLegacyCall(v)
	case object:
		args, ok := v["args"].([]any)
		if !ok {
			return c, errors.New("a call without a list of args")
		}
		for _, a := range args {
			o, err := readOperand(a)
			if err != nil {
				return c, err
			}
			c.args = append(c.args, o)
		}
		for k, a := range asObject(v["kwargs"]) {
			o, err := readOperand(a)
			if err != nil {
				return c, err
			}
			c.kwargs[k] = o
		}
		return c, nil
	}
	return c, fmt.Errorf("cannot read the call %.60s", jsonText(v))
}

// readLegacyCall reads [["layer", call, output, {kwargs}], ...]: the tensors of
// the first argument, each with the keyword arguments of the call.
func readLegacyCall(list []any) (call, error) {
	c := call{kwargs: map[string]operand{}}
	var first []operand
	for _, v := range list {
		e, ok := v.([]any)
		if !ok || len(e) < 3 || len(e) > 4 {
			return c, fmt.Errorf("cannot read the call %.60s", jsonText(list))
		}
		r, err := readRef(e[:3])
		if err != nil {
			return c, err
		}
		first = append(first, operand{from: &r})
		if len(e) < 4 {
			continue
		}
		for k, a := range asObject(e[3]) {
			o := operand{json: a}
			if r, err := readRef(a); err == nil {
				o = operand{from: &r}
			}
			c.kwargs[k] = o
		}
	}
	if len(first) == 1 {
		c.args = first
	} else {
		c.args = []operand{{list: first}}
	}
	return c, nil
}

// readOperand reads an argument in Keras 3's form.
func readOperand(v any) (operand, error) {
	switch v := v.(type) {
	case []any:
		o := operand{list: []operand{}}
		for _, e := range v {
			x, err := readOperand(e)
			if err != nil {
				return o, err
			}
			o.list = append(o.list, x)
		}
		return o, nil
	case object:
		if asString(v["class_name"]) != "__keras_tensor__" {
			return operand{json: v}, nil
		}
		r, err := readRef(asObject(v["config"])["keras_history"])
		return operand{from: &r}, err
	}
	return operand{json: v}, nil
}

// readRef reads ["layer", call, output].
func readRef(v any) (ref, error) {
	list, ok := v.([]any)
	if ok && len(list) == 3 {
		name, isName := list[0].(string)
		call, isCall := integer(list[1])
		output, isOutput := integer(list[2])
		if isName && isCall && isOutput && call >= 0 && output >= 0 {
			return ref{name, call, output}, nil
		}
	}
	return ref{}, fmt.Errorf("%.60s is not [layer, call, output]", jsonText(v))
}

// readRefs reads input_layers or output_layers: one reference, a list of them,
// or an object of them (a model called with a dict), which Keras flattens in
// the order of its keys.
func readRefs(v any) ([]ref, error) {
	switch v := v.(type) {
	case []any:
		if len(v) > 0 {
			if _, isName := v[0].(string); isName {
				r, err := readRef(v)
				return []ref{r}, err
			}
		}
		var refs []ref
		for _, e := range v {
			r, err := readRefs(e)
			if err != nil {
				return nil, err
			}
			refs = append(refs, r...)
		}
		return refs, nil
	case object:
		var refs []ref
		for _, k := range sortedKeys(v) {
			r, err := readRefs(v[k])
			if err != nil {
				return nil, err
			}
			refs = append(refs, r...)
		}
		return refs, nil
	}
	return nil, fmt.Errorf("%.60s is not [layer, call, output] or a list of them", jsonText(v))
}
