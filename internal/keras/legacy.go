package keras

import (
	"fmt"
	"slices"
	"strings"

	"coldstream/internal/hdf5"
)

// loadLegacy reads the weights of a file that lists them: layer_names, and for
// each layer weight_names. base is the path of the group with layer_names.
// Tensors are found by their place in the lists, as Keras does it: names have
// been written in many ways.
func (w *weightFile) loadLegacy(n *network, v version, base string) error {
	g := w.root
	if base != "" {
		var err error
		if g, err = w.root.Group(base); err != nil {
			return unreadable(w.file, err)
		}
	}
	groups, err := legacyGroups(g)
	if err != nil {
		return err
	}
	type weighted struct {
		layer *layer
		vars  []variable
	}
	var owners []weighted
	for _, l := range n.layers {
		vars, err := l.variables(v)
		if err != nil {
			return err
		}
		if len(vars) > 0 {
			owners = append(owners, weighted{l, vars})
		}
	}
	if len(groups) != len(owners) {
		var inFile, inConfig []string
		for _, x := range groups {
			inFile = append(inFile, x.name)
		}
		for _, x := range owners {
			inConfig = append(inConfig, x.layer.name)
		}
		return fmt.Errorf("the file has weights for %d layers (%s), the architecture has %d layers with weights (%s)",
			len(groups), someNames(inFile), len(owners), someNames(inConfig))
	}
	// A twin of the model may have other generated names: then the order counts.
	place := make([]int, len(owners))
	for i, x := range owners {
		place[i] = slices.IndexFunc(groups, func(g legacyGroup) bool { return g.name == x.layer.name })
	}
	byName := !slices.Contains(place, -1)
	for i, x := range owners {
		from := groups[i]
		if byName {
			from = groups[place[i]]
		}
		if len(from.weights) != len(x.vars) {
			return x.layer.fail("the file has %d tensors (%s), expected %d (%s)", len(from.weights), someNames(from.weights), len(x.vars), someNames(variableNames(x.layer, x.vars)))
		}
		if err := partsInOrder(x.vars, from.weights); err != nil {
			return x.layer.wrap(err)
		}
		for k, name := range from.weights {
			t, err := w.read(joinPath(base, from.name, name))
			if err != nil {
				return x.layer.wrap(err)
			}
			x.vars[k].receive(t)
		}
	}
	return nil
}

// legacyGroup is a layer in a file that lists its weights.
type legacyGroup struct {
	name    string
	weights []string
}

// legacyGroups returns the layers that have weights, in the order of the file.
func legacyGroups(g *hdf5.Group) ([]legacyGroup, error) {
	layers, _, err := names(g, "layer_names")
	if err != nil {
		return nil, err
	}
	var groups []legacyGroup
	seen := map[string]bool{}
	for _, name := range layers {
		if seen[name] {
			return nil, notUsable("layer_names lists %q twice", name)
		}
		seen[name] = true
		sub, err := g.Group(name)
		if err != nil {
			return nil, unreadable("", err)
		}
		weights, _, err := names(sub, "weight_names")
		if err != nil {
			return nil, err
		}
		weights = slices.DeleteFunc(weights, isSeed)
		if twice := repeated(weights); twice != "" {
			return nil, fmt.Errorf("layer %q has two tensors called %q, and the file can hold only one: Keras failed as it saved it; save the model as .keras", printable(name), printable(twice))
		}
		if len(weights) > 0 {
			groups = append(groups, legacyGroup{name, weights})
		}
	}
	return groups, nil
}

// repeated returns a name that is in the list twice, "" if there is none.
func repeated(names []string) string {
	s := slices.Sorted(slices.Values(names))
	for i := 1; i < len(s); i++ {
		if s[i] == s[i-1] {
			return s[i]
		}
	}
	return ""
}

// isSeed reports whether a weight is the state of a random generator, which
// Keras 3 calls .../seed_generator_1/seed_generator_state. Layers may have such
// names too.
func isSeed(weight string) bool {
	return strings.HasPrefix(weight[strings.LastIndexByte(weight, '/')+1:], "seed_generator_state")
}

// partsInOrder reports an error where the file has the directions of a
// Bidirectional layer the other way round than the architecture makes expect:
// Keras writes first what is trained, and the config does not say that one
// direction alone is frozen.
func partsInOrder(vars []variable, names []string) error {
	for i, x := range vars {
		role := x.owner.path[strings.LastIndexByte(x.owner.path, '/')+1:]
		other := ""
		switch role {
		case forwardLayer:
			other = "/backward_"
		case backwardLayer:
			other = "/forward_"
		default:
			continue
		}
		at := strings.TrimSuffix(role, "layer")
		if strings.Contains(names[i], other) && !strings.Contains(names[i], "/"+at) {
			return fmt.Errorf("the file has %s where the %s of the %s is expected: one direction alone was frozen, which Keras itself does not read back; save the model as .keras", printable(names[i]), x.slot.name, role)
		}
	}
	return nil
}

func variableNames(of *layer, vars []variable) []string {
	var s []string
	for _, x := range vars {
		s = append(s, x.name(of))
	}
	return s
}

// someNames lists names for a message.
func someNames(s []string) string {
	const most = 12
	if len(s) == 0 {
		return "none"
	}
	if len(s) > most {
		return printable(strings.Join(s[:most], ", ")) + ", ..."
	}
	return printable(strings.Join(s, ", "))
}

// joinPath joins the parts that are not empty.
func joinPath(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "/")
}
