package hdf5

import "slices"

// Types of the object header messages that matter here.
const (
	msgDataspace      = 0x01
	msgLinkInfo       = 0x02
	msgDatatype       = 0x03
	msgOldFill        = 0x04
	msgFill           = 0x05
	msgLink           = 0x06
	msgExternalFiles  = 0x07
	msgLayout         = 0x08
	msgFilters        = 0x0b
	msgAttribute      = 0x0c
	msgContinuation   = 0x10
	msgSymbolTable    = 0x11
	msgDriverInfo     = 0x14
	msgAttributeInfo  = 0x15
	msgCacheImage     = 0x18
	msgLastKnown      = 0x18
	flagShared        = 0x02 // the message's body is a reference to the real one
	flagFailIfUnknown = 0x80
)

// messageCost is the memory a parsed message takes, with room for the growth of
// the slice it stands in.
const messageCost = 160

// message is one message of an object header.
type message struct {
	typ, flags int
	body       []byte
}

// object is a parsed object header: a group, a dataset or a committed datatype.
// It is cached by address, with what is derived from it.
type object struct {
	f        *File
	addr     uint64
	messages []message

	links      []link // of a group, sorted by name; valid when listed
	listed     bool
	attributes []*Attribute // sorted by name; valid when hasAttrs
	hasAttrs   bool
}

// object returns the object whose header is at addr.
func (f *File) object(addr uint64) *object {
	if o, ok := f.objects[addr]; ok {
		return o
	}
	f.step(512)
	o := &object{f: f, addr: addr}
	if string(f.at(addr, 4)) == "OHDR" {
		o.readHeader2()
	} else {
		o.readHeader1()
	}
	f.objects[addr] = o
	return o
}

// block is a stretch of messages.
type block struct{ addr, size uint64 }

// readHeader1 parses a version 1 header: a prefix that counts the messages, then
// messages in one block and its continuations.
func (o *object) readHeader1() {
	c := o.f.cursor(o.addr, 16)
	if v := c.u8(); v != 1 {
		damaged("no object header at %#x", o.addr)
	}
	c.take(1)
	count := c.u16()
	c.take(4) // reference count
	blocks := []block{{o.addr + 16, uint64(c.u32())}}
	for i := 0; i < len(blocks); i++ {
		c := o.f.cursor(blocks[i].addr, blocks[i].size)
		for len(c.b) >= 8 {
			typ, size, flags := c.u16(), c.u16(), c.u8()
			c.take(3)
			o.add(message{typ, flags, c.take(size)})
			if typ == msgContinuation {
				blocks = o.continued(blocks)
			}
		}
	}
	if len(o.messages) != count {
		damaged("the object header at %#x announces %d messages and holds %d", o.addr, count, len(o.messages))
	}
}

// readHeader2 parses a version 2 header; each of its blocks has a checksum.
func (o *object) readHeader2() {
	const (
		sizeBytes    = 0x03 // width of the first block's size: 1 << these bits
		hasOrder     = 0x04 // messages carry a creation order
		hasAttrPhase = 0x10
		hasTimes     = 0x20
	)
	c := o.f.cursor(o.addr, 6)
	c.take(4)
	if v := c.u8(); v != 2 {
		unsupported("object header version %d is not supported; %s", v, repack)
	}
	flags := c.u8()
	prefix := uint64(6)
	if flags&hasTimes != 0 {
		prefix += 16
	}
	if flags&hasAttrPhase != 0 {
		prefix += 4
	}
	width := 1 << (flags & sizeBytes)
	size := o.f.cursor(o.addr+prefix, uint64(width)).uint(width)
	prefix += uint64(width)
	if size > uint64(len(o.f.b)) {
		damaged("the object header at %#x has %d bytes", o.addr, size)
	}
	o.f.verify(o.addr, prefix+size)
	head := 4
	if flags&hasOrder != 0 {
		head = 6
	}
	blocks := []block{{o.addr + prefix, size}}
	for i := 0; i < len(blocks); i++ {
		c := o.f.cursor(blocks[i].addr, blocks[i].size)
		for len(c.b) >= head { // less is a gap
			typ, size, flags := c.u8(), c.u16(), c.u8()
			c.take(head - 4)
			o.add(message{typ, flags, c.take(size)})
			if typ != msgContinuation {
				continue
			}
			blocks = o.continued(blocks)
			next := &blocks[len(blocks)-1]
			if next.size < 8 {
				damaged("a header continuation of %d bytes at %#x", next.size, next.addr)
			}
			o.f.signed(next.addr, next.size, "OCHK")
			o.f.verify(next.addr, next.size-4)
			next.addr, next.size = next.addr+4, next.size-8
		}
	}
}

func (o *object) add(m message) {
	o.f.step(messageCost)
	if m.typ > msgLastKnown && m.flags&flagFailIfUnknown != 0 {
		unsupported("header message type %#x is not known; %s", m.typ, repack)
	}
	o.messages = append(o.messages, m)
}

// continued appends the block that the last message points to.
func (o *object) continued(blocks []block) []block {
	c := &cursor{f: o.f, b: o.messages[len(o.messages)-1].body}
	next := block{c.addr(), c.length()}
	for _, b := range blocks {
		if b.addr == next.addr || b.addr == next.addr+4 { // version 2 blocks stand behind their signature
			damaged("the object header at %#x continues in itself", o.addr)
		}
	}
	o.f.spend(uint64(len(blocks)))
	return append(blocks, next)
}

// find returns the body of the first message of a type; ok is false when there
// is none.
func (o *object) find(typ int) (body []byte, ok bool) {
	i := slices.IndexFunc(o.messages, func(m message) bool { return m.typ == typ })
	if i < 0 {
		return nil, false
	}
	return o.f.resolve(o.messages[i]), true
}

func (o *object) has(typ int) bool {
	return slices.ContainsFunc(o.messages, func(m message) bool { return m.typ == typ })
}

// resolve returns the body of a message, following the reference of a shared one.
func (f *File) resolve(m message) []byte {
	if m.flags&flagShared == 0 {
		return m.body
	}
	c := &cursor{f: f, b: m.body}
	version, kind := c.u8(), c.u8()
	switch {
	case version == 1:
		c.take(6)
	case version == 2:
	case version == 3 && kind == 2: // in another object's header
	case version == 3 && kind == 1:
		unsupported("a shared object header message (SOHM) is not supported; %s", writeAgain)
	default:
		damaged("a shared message of version %d, type %d", version, kind)
	}
	for _, real := range f.object(c.addr()).messages {
		if real.typ == m.typ && real.flags&flagShared == 0 {
			return real.body
		}
	}
	damaged("a shared message of type %#x is not where its reference points", m.typ)
	return nil
}

// Kind says what an object is.
type Kind int

// The kinds of objects. A committed datatype is a type stored under a name; it
// holds no data.
const (
	KindGroup Kind = iota + 1
	KindDataset
	KindDatatype
)

func (k Kind) String() string {
	switch k {
	case KindGroup:
		return "group"
	case KindDataset:
		return "dataset"
	case KindDatatype:
		return "datatype"
	}
	return "object"
}

func (o *object) kind() Kind {
	switch {
	case o.has(msgSymbolTable), o.has(msgLinkInfo), o.has(msgLink):
		return KindGroup
	case o.has(msgLayout):
		return KindDataset
	case o.has(msgDatatype):
		return KindDatatype
	}
	damaged("the object at %#x is no group, dataset or datatype", o.addr)
	return 0
}
