package keras

// note keeps what a layer gave back, for the list of layers. Of a layer that is
// used several times the first use counts.
func (b *builder) note(l *layer, out []value) {
	if _, ok := b.outputs[l]; !ok {
		b.outputs[l] = out
	}
}

// layerList lists the layers of the file with what the builder noted.
func (b *builder) layerList(n *network) []Layer {
	var list []Layer
	_ = n.each(func(l *layer) error {
		if l.op != nil {
			return nil
		}
		x := Layer{Name: l.path, Class: l.class, Options: l.shownOptions()}
		out := b.outputs[l]
		if len(out) > 0 {
			x.Shape = out[0].shape
		}
		if len(out) == 1 {
			x.Node = out[0].node
		}
		for _, t := range l.tensors {
			x.Params += len(t.Data)
		}
		list = append(list, x)
		return nil
	})
	return list
}

// shownOptions are the options that change what the layer computes.
func (l *layer) shownOptions() map[string]string {
	shown := map[string]string{}
	if l.kind == nil {
		return shown
	}
	for k, v := range l.config {
		if _, nested := v.(object); containsWord(l.kind.reads, k) && !nested {
			shown[k] = jsonText(v)
		}
	}
	return shown
}
