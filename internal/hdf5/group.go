package hdf5

import (
	"cmp"
	"slices"
	"strings"
)

const (
	maxSoftLinks = 16  // followed in one lookup, as in the HDF5 library
	maxDepth     = 256 // of groups below the one that is walked
)

// Group is an HDF5 group.
type Group struct {
	node
}

// node is what groups and datasets have in common.
type node struct {
	object *object
	path   string
}

// Path returns the path by which the object was reached, from the root.
func (n node) Path() string { return n.path }

func (f *File) group(addr uint64, path string) *Group {
	o := f.object(addr)
	if k := o.kind(); k != KindGroup {
		fail(ErrType, "this is a %s, not a group", k)
	}
	o.list()
	return &Group{node{o, path}}
}

// Names returns the names of the group's members in byte order, whatever they
// are; [Group.Kind] tells. The slice is the caller's.
func (g *Group) Names() []string {
	names := make([]string, len(g.object.links))
	for i, l := range g.object.links {
		names[i] = l.name
	}
	return names
}

// Kind returns what the member at path is.
func (g *Group) Kind(path string) (k Kind, err error) {
	defer catch(&err, g.join(path))
	return g.lookup(path).kind(), nil
}

// Group returns the group at path. Paths are relative to g, or to the root when
// they begin with a slash; soft links are followed. The error wraps [ErrNotExist]
// when there is nothing at path.
func (g *Group) Group(path string) (sub *Group, err error) {
	full := g.join(path)
	defer catch(&err, full)
	return g.object.f.group(g.lookup(path).addr, full), nil
}

// Dataset returns the dataset at path, as [Group.Group] does groups. Its data is
// not read yet.
func (g *Group) Dataset(path string) (d *Dataset, err error) {
	full := g.join(path)
	defer catch(&err, full)
	return newDataset(node{g.lookup(path), full}), nil
}

// Walk calls visit for everything below g, in byte order of the names, parents
// first. An object that has several hard links is visited once, so cycles end. A
// soft link is not visited: what it points to has a name of its own. Paths are
// relative to g. Walk ends at the first error.
func (g *Group) Walk(visit func(path string, kind Kind) error) (err error) {
	defer catch(&err, g.path)
	w := walker{top: g, visit: visit, seen: map[*object]bool{g.object: true}}
	return w.walk(g.object, "", 0)
}

type walker struct {
	top   *Group
	visit func(path string, kind Kind) error
	seen  map[*object]bool
}

func (w *walker) walk(o *object, prefix string, depth int) error {
	for _, l := range o.links {
		if l.kind == linkSoft {
			continue
		}
		o.f.step(stepCost + uint64(len(prefix)+len(l.name)))
		path := prefix + l.name
		child, kind, err := w.open(l, path, depth)
		if err != nil {
			return err
		}
		if w.seen[child] {
			continue
		}
		w.seen[child] = true
		if err := w.visit(path, kind); err != nil {
			return err
		}
		if kind == KindGroup {
			if err := w.walk(child, path+"/", depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// open returns what a link leads to, its members listed.
func (w *walker) open(l link, path string, depth int) (o *object, k Kind, err error) {
	defer catch(&err, w.top.join(path))
	o = l.target(w.top.object.f)
	k = o.kind()
	if k == KindGroup {
		if depth == maxDepth {
			unsupported("groups nested deeper than %d are not supported; move them up", maxDepth)
		}
		o.list()
	}
	return o, k, nil
}

// join returns the full path of a member.
func (g *Group) join(path string) string {
	if strings.HasPrefix(path, "/") {
		return path
	}
	return strings.TrimSuffix(g.path, "/") + "/" + path
}

// lookup finds the object at path.
func (g *Group) lookup(path string) *object {
	f, o := g.object.f, g.object
	if strings.HasPrefix(path, "/") {
		o = f.object(f.root)
	}
	followed := 0
	for rest := path; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		if name == "" || name == "." {
			continue
		}
		l, ok := o.link(name)
		if !ok {
			fail(ErrNotExist, "there is no %q here", name)
		}
		if l.kind != linkSoft {
			o = l.target(f)
			continue
		}
		if followed++; followed > maxSoftLinks {
			fail(ErrNotExist, "more than %d soft links, one pointing to the next", maxSoftLinks)
		}
		if strings.HasPrefix(l.soft, "/") {
			o = f.object(f.root)
		}
		f.reserve(uint64(len(l.soft) + len(rest)))
		rest = l.soft + "/" + rest
	}
	return o
}

// link returns the member of a group by name.
func (o *object) link(name string) (link, bool) {
	if k := o.kind(); k != KindGroup {
		fail(ErrType, "a %s has no member %q", k, name)
	}
	o.list()
	i, ok := slices.BinarySearchFunc(o.links, name, func(l link, name string) int { return cmp.Compare(l.name, name) })
	if !ok {
		return link{}, false
	}
	return o.links[i], true
}

// list reads the group's members into o.links, sorted by name.
func (o *object) list() {
	if o.listed {
		return
	}
	f := o.f
	var links []link
	add := func(l link) {
		f.step(160 + uint64(len(l.name)+len(l.soft)))
		links = append(links, l)
	}
	for _, m := range o.messages {
		switch m.typ {
		case msgSymbolTable:
			f.symbolTable(m.body, add)
		case msgLink:
			add(f.parseLink(f.resolve(m)))
		case msgLinkInfo:
			f.denseLinks(f.resolve(m), add)
		}
	}
	slices.SortFunc(links, func(a, b link) int { return cmp.Compare(a.name, b.name) })
	for i := range links {
		if i > 0 && links[i].name == links[i-1].name {
			damaged("the group has two members named %q", links[i].name)
		}
	}
	o.links, o.listed = links, true
}
