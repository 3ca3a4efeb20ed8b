package keras

// arguments are what a layer is called with besides the tensors of its first
// argument.
type arguments struct {
	constants map[string]any
	tensors   map[string]value
	states    []value // to start a recurrent layer from
	masked    bool    // a mask is among the arguments
}

// bool returns a constant that is true or false, false if it is not given.
func (a arguments) bool(l *layer, name string) (bool, error) {
	v, ok := a.constants[name]
	if !ok || v == nil {
		return false, nil
	}
	b, ok := v.(bool)
	if !ok {
		return false, l.fail("called with %s=%.60s, expected true or false", name, jsonText(v))
	}
	return b, nil
}

// call makes one call of a layer. Masks given in the call come before those
// that the tensors carry.
func (f *functionalRun) call(l *layer, c call) ([]value, error) {
	if l.op != nil {
		return f.operate(l, c)
	}
	in, err := f.tensors(l, c)
	if err != nil {
		return nil, err
	}
	args := arguments{constants: map[string]any{}, tensors: map[string]value{}}
	masks := map[string]operand{}
	for _, k := range sortedKeys(c.kwargs) {
		o := c.kwargs[k]
		switch {
		case o.none(), k == "training" && o.json == false:
		case k == "mask", l.class == "MultiHeadAttention" && containsWord("query_mask value_mask key_mask", k):
			masks[k], args.masked = o, true
		case k == "initial_state" && l.takesStates():
			if args.states, err = f.flatten(l, o); err != nil {
				return nil, err
			}
		case l.kind != nil && l.kind.callArgs != nil && containsWord(attends, k):
			args.constants[k] = o.json
		case l.class == "MultiHeadAttention" && o.from != nil && containsWord("value key", k):
			if args.tensors[k], err = f.value(*o.from); err != nil {
				return nil, err
			}
		default:
			return nil, l.fail("called with %s=%.60s, which is not supported", k, o.text())
		}
	}
	for _, k := range sortedKeys(masks) {
		if err := f.setMask(l, k, masks[k], in, args); err != nil {
			return nil, err
		}
	}
	return f.applyWith(l, in, args)
}

// takesStates reports whether the layer can start from given states.
func (l *layer) takesStates() bool { return l.class == "Bidirectional" || l.isRecurrent() }

// setMask puts the mask given as argument k of a call on its tensors.
func (f *functionalRun) setMask(l *layer, k string, o operand, in []value, args arguments) error {
	read := func(o operand, x *value) error {
		if o.none() {
			x.mask = ""
			return nil
		}
		if o.from == nil {
			return l.fail("called with %s=%.60s, which is not supported", k, o.text())
		}
		m, err := f.value(*o.from)
		if err != nil {
			return err
		}
		x.mask, err = m.asMask(l)
		return err
	}
	at := map[string]int{"query_mask": 0, "value_mask": 1, "key_mask": 2}
	switch i, named := at[k]; {
	case k == "query_mask" && f.version.losesMasks():
		return nil // there, the layer looks at the tensor alone
	case named && i < len(in):
		return read(o, &in[i])
	case named:
		name := projectionOf(k)
		x, ok := args.tensors[name]
		if !ok {
			return l.fail("called with %s, but without a %s", k, name)
		}
		err := read(o, &x)
		args.tensors[name] = x
		return err
	case o.list != nil && len(o.list) == len(in):
		for i, e := range o.list {
			if err := read(e, &in[i]); err != nil {
				return err
			}
		}
		return nil
	case o.list != nil && o.maskless():
		return nil
	case o.list == nil && len(in) == 1:
		return read(o, &in[0])
	}
	return l.fail("called with %s=%.60s for %d tensors, which is not supported", k, o.text(), len(in))
}

// projectionOf returns the tensor that a mask argument is for.
func projectionOf(mask string) string { return mask[:len(mask)-len("_mask")] }

// tensors returns the tensors of a call's first argument, and for a
// MultiHeadAttention those of the others. Elsewhere the only other argument
// allowed is None.
func (f *functionalRun) tensors(l *layer, c call) ([]value, error) {
	if len(c.args) == 0 {
		return nil, l.fail("called without an argument")
	}
	in, err := f.flatten(l, c.args[0])
	if err != nil {
		return nil, err
	}
	for _, o := range c.args[1:] {
		switch {
		case o.none():
		case l.class == "MultiHeadAttention" && o.from != nil:
			x, err := f.value(*o.from)
			if err != nil {
				return nil, err
			}
			in = append(in, x)
		default:
			return nil, l.fail("called with more than one argument, which is not supported")
		}
	}
	return in, nil
}
