package hdf5

import (
	"cmp"
	"slices"
)

// Attribute is a named array that belongs to a group or a dataset. Long lists
// that Keras splits (layer_names0, layer_names1, ...) are attributes like others.
type Attribute struct {
	array
	name string
	path string // of the object it belongs to
	raw  []byte // the elements
}

// Name returns the attribute's name.
func (a *Attribute) Name() string { return a.name }

// Strings returns the elements of an attribute of strings, of fixed or variable
// length, in row-major order and without padding. An attribute without elements
// has no strings, whatever its type.
func (a *Attribute) Strings() (s []string, err error) {
	defer catch(&err, a.label())
	return a.strings(a.raw), nil
}

// Text returns the one string of the attribute.
func (a *Attribute) Text() (s string, err error) {
	defer catch(&err, a.label())
	return a.text(a.raw), nil
}

// Int64s returns the elements of an attribute of integers.
func (a *Attribute) Int64s() (v []int64, err error) {
	defer catch(&err, a.label())
	return a.int64s(a.raw), nil
}

// Float32s returns the elements of an attribute of numbers, rounded to float32.
// The slice must not be changed: it may be a part of the file.
func (a *Attribute) Float32s() (v []float32, err error) {
	defer catch(&err, a.label())
	return a.float32s(a.raw), nil
}

func (a *Attribute) label() string { return attrLabel(a.path, a.name) }

func attrLabel(path, name string) string { return path + "@" + name }

// Attr returns an attribute of the group or dataset. The error wraps
// [ErrNotExist] when it has none of that name.
func (n node) Attr(name string) (a *Attribute, err error) {
	defer catch(&err, attrLabel(n.path, name))
	found, ok := n.object.attribute(name)
	if !ok {
		fail(ErrNotExist, "there is no such attribute")
	}
	here := *found
	here.path = n.path
	return &here, nil
}

// AttrNames returns the names of the attributes in byte order.
func (n node) AttrNames() (names []string, err error) {
	defer catch(&err, n.path)
	n.object.listAttributes()
	for _, a := range n.object.attributes {
		names = append(names, a.name)
	}
	return names, nil
}

func (o *object) attribute(name string) (*Attribute, bool) {
	o.listAttributes()
	i, ok := slices.BinarySearchFunc(o.attributes, name, func(a *Attribute, name string) int { return cmp.Compare(a.name, name) })
	if !ok {
		return nil, false
	}
	return o.attributes[i], true
}

// listAttributes reads all attributes of the object, sorted by name. Their
// elements stay where they are until they are asked for.
func (o *object) listAttributes() {
	if o.hasAttrs {
		return
	}
	var list []*Attribute
	for _, m := range o.messages {
		switch m.typ {
		case msgAttribute:
			list = append(list, o.f.parseAttribute(o.f.resolve(m)))
		case msgAttributeInfo:
			list = o.f.denseAttributes(o.f.resolve(m), list)
		}
	}
	slices.SortFunc(list, func(a, b *Attribute) int { return cmp.Compare(a.name, b.name) })
	for i := range list {
		if i > 0 && list[i].name == list[i-1].name {
			damaged("two attributes are named %q", list[i].name)
		}
	}
	o.attributes, o.hasAttrs = list, true
}

// denseAttributes appends the attributes that an attribute info message refers
// to: they stand in a fractal heap when the object has more than a few.
func (f *File) denseAttributes(b []byte, list []*Attribute) []*Attribute {
	const nameIndex = 8 // B-tree record: heap ID, message flags, creation order, hash of the name
	c := &cursor{f: f, b: b}
	if v := c.u8(); v != 0 {
		unsupported("attribute info message version %d is not supported; %s", v, repack)
	}
	if c.u8()&1 != 0 {
		c.take(2) // highest creation order
	}
	heap, index := c.addr(), c.addr()
	if heap == undefined {
		return list
	}
	h := f.fractalHeap(heap)
	f.btree2(index, nameIndex, func(rec *cursor) {
		id := rec.take(h.idSize)
		if rec.u8()&flagShared != 0 {
			unsupported("a shared attribute (SOHM) is not supported; %s", writeAgain)
		}
		list = append(list, f.parseAttribute(h.get(id)))
	})
	return list
}

// parseAttribute reads an attribute message: name, type and shape, each with its
// size in front, then the elements.
func (f *File) parseAttribute(b []byte) *Attribute {
	const (
		sharedType  = 1
		sharedSpace = 2
	)
	c := &cursor{f: f, b: b}
	version, flags := c.u8(), c.u8()
	nameSize, typeSize, spaceSize := c.u16(), c.u16(), c.u16()
	padded := version == 1
	switch version {
	case 1:
		flags = 0
	case 2:
	case 3:
		c.take(1) // encoding of the name
	default:
		unsupported("attribute message version %d is not supported; %s", version, repack)
	}
	field := func(n int) []byte {
		x := c.take(n)
		if padded {
			c.skipTo8(n)
		}
		return x
	}
	f.step(512 + uint64(nameSize))
	name := field(nameSize)
	typ, space := message{typ: msgDatatype, body: field(typeSize)}, message{typ: msgDataspace, body: field(spaceSize)}
	if flags&sharedType != 0 {
		typ.flags = flagShared
	}
	if flags&sharedSpace != 0 {
		space.flags = flagShared
	}
	a := &Attribute{name: cString(name)}
	a.f = f
	a.typ = f.parseDatatype(f.resolve(typ))
	a.size = f.parseExtent(f.resolve(space))
	n := a.byteLen()
	if n > uint64(len(c.b)) {
		damaged("attribute %q has %d bytes of data instead of %d", a.name, len(c.b), n)
	}
	a.raw = c.take(int(n))
	return a
}

// cString is a name without the NUL that ends it.
func cString(b []byte) string {
	for i, x := range b {
		if x == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}
