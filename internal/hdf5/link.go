package hdf5

import "bytes"

type linkKind int

const (
	linkHard linkKind = iota
	linkSoft
	linkExternal
	linkUser
)

// link is a named member of a group.
type link struct {
	name string
	kind linkKind
	addr uint64 // of the object's header, for a hard link
	soft string // the path, for a soft link
}

// target returns the object a link other than a soft one leads to.
func (l link) target(f *File) *object {
	switch l.kind {
	case linkExternal:
		unsupported("%q is an external link, to another file: that is not supported; copy the object into this file", l.name)
	case linkUser:
		unsupported("%q is a user-defined link: that is not supported; copy the object into this file", l.name)
	}
	return f.object(l.addr)
}

// parseLink reads a link message.
func (f *File) parseLink(b []byte) link {
	const (
		nameWidth = 0x03 // width of the name's length: 1 << these bits
		hasOrder  = 0x04
		hasType   = 0x08
		hasCoding = 0x10
	)
	c := &cursor{f: f, b: b}
	if v := c.u8(); v != 1 {
		unsupported("link message version %d is not supported; %s", v, repack)
	}
	flags := c.u8()
	typ := 0
	if flags&hasType != 0 {
		typ = c.u8()
	}
	if flags&hasOrder != 0 {
		c.take(8)
	}
	if flags&hasCoding != 0 {
		c.take(1)
	}
	n := c.uint(1 << (flags & nameWidth))
	if n == 0 || n > uint64(len(c.b)) {
		damaged("a link name of %d bytes", n)
	}
	l := link{name: string(c.take(int(n)))}
	switch {
	case typ == 0:
		l.addr = c.addr()
	case typ == 1:
		l.kind, l.soft = linkSoft, string(c.take(c.u16()))
	case typ == 64:
		l.kind = linkExternal
	default:
		l.kind = linkUser
	}
	return l
}

// denseLinks reads the links of a link info message, which stand in a fractal
// heap when the group has more than a few.
func (f *File) denseLinks(b []byte, add func(link)) {
	const nameIndex = 5 // B-tree record: hash of the name, heap ID
	c := &cursor{f: f, b: b}
	if v := c.u8(); v != 0 {
		unsupported("link info message version %d is not supported; %s", v, repack)
	}
	if c.u8()&1 != 0 {
		c.take(8) // highest creation order
	}
	heap, index := c.addr(), c.addr()
	if heap == undefined {
		return
	}
	h := f.fractalHeap(heap)
	f.btree2(index, nameIndex, func(rec *cursor) {
		rec.take(4)
		add(f.parseLink(h.get(rec.take(h.idSize))))
	})
}

// symbolTable reads the members of an old-style group: a B-tree of symbol nodes,
// with the names in a local heap.
func (f *File) symbolTable(b []byte, add func(link)) {
	c := &cursor{f: f, b: b}
	tree, heapAddr := c.addr(), c.addr()
	heap := f.localHeap(heapAddr)
	f.btree1(tree, btreeGroup, f.lengthSize, func(_ *cursor, addr uint64) {
		c := f.signed(addr, 8, "SNOD")
		c.take(2)
		n := c.u16()
		entries := f.cursor(addr+8, uint64(n*(2*f.offsetSize+24)))
		for range n {
			l := link{name: f.heapString(heap, entries.addr())}
			l.addr = entries.addr()
			cached := entries.u32()
			entries.take(4)
			scratch := &cursor{f: f, b: entries.take(16)}
			switch {
			case l.name == "":
				damaged("a group member without a name")
			case cached == 2:
				l.kind, l.soft = linkSoft, f.heapString(heap, uint64(scratch.u32()))
			case cached > 2:
				damaged("a symbol table entry of type %d", cached)
			}
			add(l)
		}
	})
}

// localHeap returns the data of a local heap: the names of a group.
func (f *File) localHeap(addr uint64) []byte {
	c := f.signed(addr, uint64(8+2*f.lengthSize+f.offsetSize), "HEAP")
	c.take(4)
	size := c.length()
	c.length() // first free byte
	return f.at(c.addr(), size)
}

// heapString returns the NUL-terminated string at an offset of a local heap.
func (f *File) heapString(heap []byte, offset uint64) string {
	if offset >= uint64(len(heap)) {
		damaged("a name at offset %d of a heap of %d bytes", offset, len(heap))
	}
	heap = heap[offset:]
	n := bytes.IndexByte(heap, 0)
	if n < 0 {
		damaged("a name without an end")
	}
	f.spend(uint64(n))
	return string(heap[:n])
}
