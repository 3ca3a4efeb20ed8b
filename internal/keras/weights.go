package keras

import (
	"errors"
	"fmt"
	"strings"

	"coldstream/internal/hdf5"
	"coldstream/lstm"
)

// slot is one variable of a layer, in the order in which Keras saves them.
type slot struct {
	name   string // in tensor lists and in the graph: "kernel"
	folder string // in .keras files: the group of vars below the layer's, "" or "cell"
	older  string // another name of that group, "" = none
	frozen bool   // never trained (statistics), which old files keep behind all trained ones
}

// tensor is a variable with the place it was read from, for messages.
type tensor struct {
	lstm.Tensor
	from string
}

// variable is a slot of a certain layer, which receives the tensor.
type variable struct {
	owner  *layer
	slot   slot
	frozen bool
}

// variables lists the variables of one layer, or of all layers of a nested
// network, in the order of a legacy file: those that are trained before those
// that are not.
func (l *layer) variables(v version) ([]variable, error) {
	all, err := l.orderedVariables(v, false)
	if err != nil {
		return nil, err
	}
	sorted := make([]variable, 0, len(all))
	for _, frozen := range []bool{false, true} {
		for _, x := range all {
			if x.frozen == frozen {
				sorted = append(sorted, x)
			}
		}
	}
	return sorted, nil
}

// orderedVariables lists the layer's own variables, then those of the layers
// inside it.
func (l *layer) orderedVariables(v version, frozen bool) ([]variable, error) {
	frozen = frozen || l.config["trainable"] == false
	slots, err := l.slots(v)
	if err != nil {
		return nil, err
	}
	var all []variable
	for _, s := range slots {
		all = append(all, variable{owner: l, slot: s, frozen: s.frozen || frozen})
	}
	var inside []*layer
	if l.inner != nil {
		inside = l.inner.layers
		frozen = frozen || l.inner.config["trainable"] == false
	}
	for _, role := range l.roles {
		inside = append(inside, l.parts[role])
	}
	for _, c := range inside {
		vars, err := c.orderedVariables(v, frozen)
		if err != nil {
			return nil, err
		}
		all = append(all, vars...)
	}
	return all, nil
}

// slots returns the variables of the layer itself.
func (l *layer) slots(v version) ([]slot, error) {
	if l.kind == nil || l.kind.slots == nil {
		return nil, nil
	}
	s, err := l.kind.slots(l, v)
	return s, l.wrap(err)
}

// receive gives the variable its tensor.
func (x variable) receive(t tensor) {
	if x.owner.tensors == nil {
		x.owner.tensors = map[string]tensor{}
	}
	x.owner.tensors[x.slot.name] = t
}

// name is what messages about the layer call the variable.
func (x variable) name(of *layer) string {
	if rest, ok := strings.CutPrefix(x.owner.path, of.path+"/"); ok {
		return rest + " " + x.slot.name
	}
	return x.slot.name
}

// weightFile is an HDF5 file with weights, and which of its datasets have been
// taken.
type weightFile struct {
	file  string // for messages: "" or the name of the member in an archive
	root  *hdf5.Group
	taken map[string]bool // by path from the root

	absent []absence // layers that no variables were found for

	bfloat16 bool // layers have weights of this type
}

func openWeights(b []byte, member string) (*weightFile, error) {
	f, err := hdf5.Open(b)
	if err != nil {
		return nil, unreadable(member, err)
	}
	root, err := f.Root()
	if err != nil {
		return nil, unreadable(member, err)
	}
	return &weightFile{file: member, root: root, taken: map[string]bool{}}, nil
}

// unreadable explains an error of package hdf5.
func unreadable(member string, err error) error {
	if member != "" {
		err = fmt.Errorf("%s: %w", member, err)
	}
	if errors.Is(err, hdf5.ErrDamaged) {
		return fmt.Errorf("%w: the file is damaged or incomplete (%w)", ErrFormat, err)
	}
	return err
}

// read takes the dataset at path from the root.
func (w *weightFile) read(path string) (tensor, error) {
	d, err := w.root.Dataset(path)
	if err != nil {
		return tensor{}, unreadable(w.file, err)
	}
	if w.bfloat16 {
		d.AssumeBFloat16()
	}
	t := tensor{from: printable(path)}
	t.Shape = d.Shape()
	if t.Data, err = d.Float32s(); err != nil {
		return tensor{}, unreadable(w.file, err)
	}
	w.taken[path] = true
	return t, nil
}

// leftOver returns an error that names a tensor that nothing took, if there is
// one. State of the optimizer, of metrics and of random generators is no
// tensor of the model.
func (w *weightFile) leftOver(legacy bool) error {
	var left []string
	err := w.root.Walk(func(path string, kind hdf5.Kind) error {
		if kind == hdf5.KindDataset && !w.taken[path] && !isTrainingState(path, legacy) {
			left = append(left, path)
		}
		return nil
	})
	if err != nil {
		return unreadable(w.file, err)
	}
	switch len(left) {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("the tensor %q in the file belongs to no layer of the model", left[0])
	}
	return fmt.Errorf("%d tensors in the file belong to no layer of the model, among them %q", len(left), left[0])
}

// isTrainingState reports whether the dataset at path from the root of a file is
// none of the model's weights. In a file that lists its weights a layer may be
// called "optimizer"; in one with paths, groups below the layers are named after
// classes and roles, and a nested model that was trained by itself has such
// groups too.
func isTrainingState(path string, legacy bool) bool {
	if legacy && strings.HasPrefix(path, "optimizer_weights/") {
		return true
	}
	for part := range strings.SplitSeq(path, "/") {
		switch {
		case strings.HasPrefix(part, "seed_generator"), part == "_random_generator":
			return true
		case legacy:
		case part == "optimizer", part == "_optimizer", part == "metrics", part == "_metrics", part == "compile_metrics", part == "_compile_metrics":
			return true
		}
	}
	return false
}

// text returns a string attribute of g, "" if there is none.
func text(g *hdf5.Group, name string) (string, error) {
	a, err := g.Attr(name)
	if errors.Is(err, hdf5.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", unreadable("", err)
	}
	s, err := a.Text()
	if err != nil {
		return "", unreadable("", err)
	}
	return s, nil
}

// names returns a list of names that is an attribute of g, which Keras splits
// into name0, name1, ... when it is long. ok tells whether there is one.
func names(g *hdf5.Group, name string) (list []string, ok bool, err error) {
	a, err := g.Attr(name)
	if err == nil {
		list, err = a.Strings()
		if err != nil {
			return nil, false, unreadable("", err)
		}
		return list, true, nil
	}
	if !errors.Is(err, hdf5.ErrNotExist) {
		return nil, false, unreadable("", err)
	}
	for i := 0; ; i++ {
		a, err := g.Attr(fmt.Sprintf("%s%d", name, i))
		if errors.Is(err, hdf5.ErrNotExist) {
			return list, i > 0, nil
		}
		if err != nil {
			return nil, false, unreadable("", err)
		}
		chunk, err := a.Strings()
		if err != nil {
			return nil, false, unreadable("", err)
		}
		list = append(list, chunk...)
	}
}
