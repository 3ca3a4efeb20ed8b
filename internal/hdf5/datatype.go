package hdf5

import (
	"fmt"
	"math"
)

// elementKind says how an element of a dataset or attribute is decoded.
type elementKind int

const (
	elementOther elementKind = iota // not decoded; datatype.name says what it is
	elementInt
	elementUint
	elementFloat16
	elementBFloat16
	elementFloat32
	elementFloat64
	elementFixedString
	elementVarString
)

// Classes of datatypes in the file.
const (
	classInteger  = 0
	classFloat    = 1
	classString   = 3
	classOpaque   = 5
	classEnum     = 8
	classVariable = 9
)

// Padding of fixed strings.
const (
	nulTerminated = 0
	nulPadded     = 1
	spacePadded   = 2
)

// datatype is the type of an element.
type datatype struct {
	kind      elementKind
	name      string // as numpy calls it, or what makes it undecodable
	size      int    // bytes
	bigEndian bool
	padding   int // of fixed strings
	opaque    bool
}

// floatFormat is where a floating-point type keeps what.
type floatFormat struct {
	size                         int
	sign, exponentAt, exponent   int // positions and widths in bits
	mantissaAt, mantissa, offset int
	precision                    int
	bias                         uint32
}

// floats are the IEEE 754 binary formats and bfloat16, all normalised with an
// implied leading bit.
var floats = map[floatFormat]datatype{
	{2, 15, 10, 5, 0, 10, 0, 16, 15}:    {kind: elementFloat16, name: "float16"},
	{2, 15, 7, 8, 0, 7, 0, 16, 127}:     {kind: elementBFloat16, name: "bfloat16"},
	{4, 31, 23, 8, 0, 23, 0, 32, 127}:   {kind: elementFloat32, name: "float32"},
	{8, 63, 52, 11, 0, 52, 0, 64, 1023}: {kind: elementFloat64, name: "float64"},
}

// parseDatatype reads a datatype message. A type that cannot be decoded is no
// error yet: it may belong to an attribute nobody asks for.
func (f *File) parseDatatype(b []byte) datatype {
	c := &cursor{f: f, b: b}
	head := c.u8()
	class := head & 15
	if v := head >> 4; v < 1 || v > 5 {
		damaged("datatype version %d", v)
	}
	flags := uint32(c.uint(3))
	size := c.u32()
	if size == 0 || size > math.MaxInt32 {
		damaged("a datatype of %d bytes", size)
	}
	t := datatype{size: int(size)}
	switch class {
	case classInteger:
		t.integer(flags, c.u16(), c.u16())
	case classFloat:
		t.float(flags, c)
	case classString:
		t.kind, t.name, t.padding = elementFixedString, "string", int(flags&15)
	case classOpaque:
		t.opaque, t.name = true, "opaque"
	case classEnum:
		base := f.parseDatatype(c.b)
		if base.size != t.size {
			damaged("an enumeration of %d bytes over a type of %d", t.size, base.size)
		}
		t = base
	case classVariable:
		t.name = "variable-length sequence"
		if flags&15 == 1 {
			t.kind, t.name = elementVarString, "string"
			if t.size != 8+f.offsetSize {
				damaged("a variable-length string of %d bytes", t.size)
			}
		}
	default:
		t.name = className(class)
	}
	return t
}

func className(class int) string {
	names := map[int]string{2: "time", 4: "bit field", 6: "compound", 7: "reference", 10: "array", 11: "complex"}
	if name, ok := names[class]; ok {
		return name
	}
	return fmt.Sprintf("class %d", class)
}

func (t *datatype) integer(flags uint32, offset, precision int) {
	const signed = 8
	t.bigEndian = flags&1 != 0
	t.name = fmt.Sprintf("uint%d", precision)
	if flags&signed != 0 {
		t.name = t.name[1:]
	}
	switch {
	case offset != 0 || precision != 8*t.size || t.size > 8 || t.size&(t.size-1) != 0:
		t.name += fmt.Sprintf(" in %d bytes", t.size)
	case flags&signed != 0:
		t.kind = elementInt
	default:
		t.kind = elementUint
	}
}

func (t *datatype) float(flags uint32, c *cursor) {
	const impliedBit = 2
	format := floatFormat{size: t.size, offset: c.u16(), precision: c.u16()}
	format.exponentAt, format.exponent = c.u8(), c.u8()
	format.mantissaAt, format.mantissa = c.u8(), c.u8()
	format.bias = c.u32()
	format.sign = int(flags >> 8 & 0xff)
	known, ok := floats[format]
	if order := flags & 0x41; !ok || order > 1 || flags>>4&3 != impliedBit {
		t.name = fmt.Sprintf("floating point of %d bytes with %d bits of exponent", t.size, format.exponent)
		return
	}
	t.kind, t.name, t.bigEndian = known.kind, known.name, flags&1 != 0
}

// extent is a dataspace: the shape of an array.
type extent struct {
	shape []int // nil for an empty (null) dataspace, empty for a scalar
	count int   // product of shape: 1 for a scalar, 0 for a null dataspace
}

func (f *File) parseExtent(b []byte) extent {
	c := &cursor{f: f, b: b}
	version, rank := c.u8(), c.u8()
	c.take(1) // says whether maximum sizes follow the sizes
	switch version {
	case 1:
		c.take(5)
	case 2:
		const null = 2
		if c.u8() == null {
			return extent{}
		}
	default:
		unsupported("dataspace version %d is not supported; %s", version, repack)
	}
	if rank > 32 {
		damaged("a dataspace of %d dimensions", rank)
	}
	f.reserve(uint64(8 * rank))
	e := extent{shape: make([]int, rank), count: 1}
	empty := false
	for i := range e.shape {
		n := c.length()
		if n > math.MaxInt {
			damaged("a dimension of %d", n)
		}
		e.shape[i] = int(n)
		switch {
		case n == 0:
			empty = true
		case e.count > math.MaxInt/int(n):
			damaged("a dataspace with more elements than fit a memory")
		default:
			e.count *= int(n)
		}
	}
	if empty {
		e.count = 0
	}
	return e
}
