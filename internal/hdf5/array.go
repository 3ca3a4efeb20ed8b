package hdf5

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"unsafe"
)

// array is what attributes and datasets hold: elements of one type.
type array struct {
	f    *File
	typ  datatype
	size extent
}

// Shape returns the sizes of the dimensions; it is empty for a scalar and nil for
// an empty (null) dataspace. The slice must not be changed.
func (a *array) Shape() []int { return a.size.shape }

// Len returns the number of elements: the product of Shape, 1 for a scalar, 0 for
// an empty dataspace.
func (a *array) Len() int { return a.size.count }

// Type names the element type as numpy does ("float32", "int64", ...), with
// "bfloat16", "string", or the name of a type that is not decoded ("compound").
// The byte order is not part of it.
func (a *array) Type() string { return a.typ.name }

// byteLen returns how many bytes the elements take.
func (a *array) byteLen() uint64 {
	if a.size.count > math.MaxInt/a.typ.size {
		damaged("%d elements of %d bytes do not fit a memory", a.size.count, a.typ.size)
	}
	return uint64(a.size.count) * uint64(a.typ.size)
}

// order returns the byte order of the elements.
func (a *array) order() binary.ByteOrder {
	if a.typ.bigEndian {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// mismatch refuses to decode elements as something they are not.
func (a *array) mismatch(want string) {
	if a.typ.kind == elementOther {
		unsupported("elements of type %s are not supported; store them as %s", a.typ.name, want)
	}
	fail(ErrType, "this holds elements of type %s, not %s", a.typ.name, want)
}

// float32s decodes numbers. Elements that are float32 in the machine's byte order
// and well aligned are not copied.
func (a *array) float32s(raw []byte) []float32 {
	n := a.size.count
	if n == 0 {
		return []float32{}
	}
	if a.typ.kind == elementFloat32 && (nativeLittle != a.typ.bigEndian) && uintptr(unsafe.Pointer(&raw[0]))%4 == 0 {
		return unsafe.Slice((*float32)(unsafe.Pointer(&raw[0])), n)
	}
	switch a.typ.kind {
	case elementOther, elementFixedString, elementVarString:
		a.mismatch("numbers")
	}
	a.f.reserve(4 * uint64(n))
	a.f.spend(uint64(len(raw)))
	out := make([]float32, n)
	order := a.order()
	switch a.typ.kind {
	case elementFloat16:
		for i := range out {
			out[i] = float16(order.Uint16(raw[2*i:]))
		}
	case elementBFloat16:
		for i := range out {
			out[i] = math.Float32frombits(uint32(order.Uint16(raw[2*i:])) << 16)
		}
	case elementFloat32:
		for i := range out {
			out[i] = math.Float32frombits(order.Uint32(raw[4*i:]))
		}
	case elementFloat64:
		for i := range out {
			out[i] = float32(math.Float64frombits(order.Uint64(raw[8*i:])))
		}
	case elementInt:
		for i := range out {
			out[i] = float32(int64(a.integer(raw, i)))
		}
	case elementUint:
		for i := range out {
			out[i] = float32(a.integer(raw, i))
		}
	}
	return out
}

// nativeLittle: the machine keeps the low byte first.
var nativeLittle = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// integer returns element i, sign-extended to 64 bits.
func (a *array) integer(raw []byte, i int) uint64 {
	order := a.order()
	signed := a.typ.kind == elementInt
	switch a.typ.size {
	case 1:
		if v := raw[i]; signed {
			return uint64(int8(v))
		}
		return uint64(raw[i])
	case 2:
		v := order.Uint16(raw[2*i:])
		if signed {
			return uint64(int16(v))
		}
		return uint64(v)
	case 4:
		v := order.Uint32(raw[4*i:])
		if signed {
			return uint64(int32(v))
		}
		return uint64(v)
	}
	return order.Uint64(raw[8*i:])
}

// float16 widens an IEEE 754 half-precision number, exactly.
func float16(h uint16) float32 {
	sign, exponent, mantissa := uint32(h>>15)<<31, uint32(h>>10)&31, uint32(h)&1023
	switch exponent {
	case 0: // zero and subnormal: mantissa * 2^-24
		v := math.Float32bits(float32(mantissa) / (1 << 24))
		return math.Float32frombits(sign | v)
	case 31: // infinity and NaN
		return math.Float32frombits(sign | 0xff<<23 | mantissa<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | mantissa<<13)
}

func (a *array) int64s(raw []byte) []int64 {
	n := a.size.count
	if n > 0 && a.typ.kind != elementInt && a.typ.kind != elementUint {
		a.mismatch("integers")
	}
	a.f.reserve(8 * uint64(n))
	a.f.spend(8 * uint64(n))
	out := make([]int64, n)
	for i := range out {
		v := a.integer(raw, i)
		if a.typ.kind == elementUint && v > math.MaxInt64 {
			fail(ErrType, "element %d is %d, which does not fit an int64", i, v)
		}
		out[i] = int64(v)
	}
	return out
}

// strings decodes texts. No elements of whatever type are no texts: Keras marks
// an empty list of names by a float64 array without elements.
func (a *array) strings(raw []byte) []string {
	n := a.size.count
	if n > 0 && a.typ.kind != elementFixedString && a.typ.kind != elementVarString {
		a.mismatch("strings")
	}
	const header = 16 // of a string in Go
	a.f.reserve(header * uint64(n))
	out := make([]string, n)
	c := &cursor{f: a.f, b: raw}
	for i := range out {
		var text []byte
		if a.typ.kind == elementFixedString {
			text = a.unpad(c.take(a.typ.size))
		} else {
			text = a.varString(c)
		}
		a.f.step(uint64(len(text)))
		a.f.spend(uint64(len(text)))
		out[i] = string(text)
	}
	return out
}

// unpad takes the padding off a fixed string.
func (a *array) unpad(b []byte) []byte {
	switch a.typ.padding {
	case nulTerminated:
		b, _, _ = bytes.Cut(b, []byte{0})
		return b
	case nulPadded:
		return bytes.TrimRight(b, "\x00")
	case spacePadded:
		return bytes.TrimRight(b, " \x00")
	}
	damaged("a string padded in way %d", a.typ.padding)
	return nil
}

// varString follows the reference of a variable-length string: its length, then
// where it lies in the global heap.
func (a *array) varString(c *cursor) []byte {
	n := c.u32()
	addr := c.addr()
	index := c.u32()
	if n == 0 {
		return nil
	}
	b := a.f.globalObject(addr, index)
	if uint64(n) > uint64(len(b)) {
		damaged("a string of %d bytes in a heap object of %d", n, len(b))
	}
	// What follows a NUL is not part of a C string.
	b, _, _ = bytes.Cut(b[:n], []byte{0})
	return b
}

// text decodes exactly one string.
func (a *array) text(raw []byte) string {
	if a.size.count != 1 {
		fail(ErrType, "one string expected, found %d", a.size.count)
	}
	return strings.Join(a.strings(raw), "")
}
