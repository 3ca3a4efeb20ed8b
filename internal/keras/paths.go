package keras

import (
	"errors"
	"fmt"
	"maps"
	"strconv"

	"coldstream/internal/hdf5"
)

// Names under which models keep the groups of their layers. Keras 2.12 and 2.13
// used the second one.
const (
	layersGroup    = "layers"
	oldLayersGroup = "_layer_checkpoint_dependencies"
)

// loadPaths reads the weights of a .keras or .weights.h5 file, where a layer's
// place follows from its class: layers/lstm, layers/lstm_1, ... counted in the
// order of the layers. strict compares the layer names that newer files keep
// with the config's; weights on their own may come from a twin of the model
// with other generated names.
func (w *weightFile) loadPaths(n *network, v version, base string, strict bool) error {
	folder := layersGroup
	if k, err := w.root.Kind(joinPath(base, folder)); err != nil || k != hdf5.KindGroup {
		folder = oldLayersGroup
	}
	count := map[string]int{}
	exists := func(group string) bool {
		_, err := w.root.Kind(joinPath(base, folder, group))
		return err == nil
	}
	for i, l := range n.layers {
		if l.op != nil || n.sequential() && i == 0 && l.class == "InputLayer" {
			continue // no layer in Keras' own list
		}
		class := l.class
		if l.inner != nil && class == "Model" {
			class = "Functional"
		}
		group := snakeCase(class)
		k := count[group]
		count[group]++
		// Keras 2.12 and 2.13 counted each layer with weights twice.
		if folder == oldLayersGroup && !exists(group+"_1") {
			k *= 2
		}
		if k > 0 {
			group += "_" + strconv.Itoa(k)
		}
		path := joinPath(base, folder, group)
		if err := w.loadLayer(l, v, path, strict); err != nil {
			return l.wrap(err)
		}
	}
	return nil
}

// loadLayer reads the variables of a layer, and of those inside it, from the
// group at path.
func (w *weightFile) loadLayer(l *layer, v version, path string, strict bool) error {
	if l.inner != nil {
		return w.loadPaths(l.inner, v, path, strict)
	}
	l.group = path
	slots, err := l.slots(v)
	if err != nil {
		return err
	}
	if strict && len(slots) > 0 {
		if err := w.checkName(l, path); err != nil {
			return err
		}
	}
	index := map[string]int{}
	for _, s := range slots {
		group := joinPath(path, s.folder, "vars")
		if _, err := w.root.Kind(group); err != nil && s.older != "" {
			group = joinPath(path, s.older, "vars")
		}
		i := index[group]
		index[group]++
		at := joinPath(group, strconv.Itoa(i))
		t, err := w.read(at)
		if errors.Is(err, hdf5.ErrNotExist) {
			err := l.fail("its %s is missing: the file has no %s", s.name, at)
			if len(l.tensors) == 0 {
				w.absent = append(w.absent, absence{l, err})
				break
			}
			return err
		}
		if err != nil {
			return err
		}
		variable{owner: l, slot: s}.receive(t)
	}
	for _, role := range l.roles {
		if err := w.loadLayer(l.parts[role], v, joinPath(path, role), false); err != nil {
			return err
		}
	}
	return nil
}

// absence is a layer that the file has no variables for, and the error that this
// is unless another layer is the same.
type absence struct {
	layer *layer
	err   error
}

// share gives layers without variables in the file those of the layer that they
// are: one that stands in several models is saved in the first of them alone.
// It has the same name and the same config in all.
func (w *weightFile) share(n *network) error {
	if len(w.absent) == 0 {
		return nil
	}
	const most = 8 // layers of one name that are compared
	type key struct{ class, name string }
	loaded := map[key][]*layer{}
	_ = n.each(func(l *layer) error {
		if len(l.tensors) > 0 {
			loaded[key{l.class, l.name}] = append(loaded[key{l.class, l.name}], l)
		}
		return nil
	})
	for _, a := range w.absent {
		var same []*layer
		candidates := loaded[key{a.layer.class, a.layer.name}]
		if len(candidates) > most {
			return a.err
		}
		for _, l := range candidates {
			if sameJSON(withoutIDs(l.config), withoutIDs(a.layer.config)) {
				same = append(same, l)
			}
		}
		if len(same) != 1 {
			return a.err // of several, nobody knows which
		}
		a.layer.tensors = maps.Clone(same[0].tensors)
	}
	return nil
}

// withoutIDs returns a config without the numbers that Keras gives to objects in
// it.
func withoutIDs(v any) any {
	switch v := v.(type) {
	case object:
		out := object{}
		for k, e := range v {
			if k != "shared_object_id" {
				out[k] = withoutIDs(e)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = withoutIDs(e)
		}
		return out
	}
	return v
}

// checkName compares the layer name that the file keeps, if it does.
func (w *weightFile) checkName(l *layer, path string) error {
	g, err := w.root.Group(joinPath(path, "vars"))
	if err != nil {
		return nil // loading the variables will say what is missing
	}
	name, err := text(g, "name")
	if err != nil || name == "" || name == l.name {
		return err
	}
	return fmt.Errorf("the weights in %s belong to a layer %q", path, name)
}
