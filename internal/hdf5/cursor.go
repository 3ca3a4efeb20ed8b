package hdf5

import "encoding/binary"

// cursor reads little-endian fields from a piece of the file, in order.
type cursor struct {
	f *File
	b []byte // what is left
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		damaged("a structure ends early: %d bytes wanted, %d left", n, len(c.b))
	}
	x := c.b[:n:n]
	c.b = c.b[n:]
	return x
}

func (c *cursor) u8() int     { return int(c.take(1)[0]) }
func (c *cursor) u16() int    { return int(binary.LittleEndian.Uint16(c.take(2))) }
func (c *cursor) u32() uint32 { return binary.LittleEndian.Uint32(c.take(4)) }

// uint reads an unsigned integer of n <= 8 bytes.
func (c *cursor) uint(n int) uint64 {
	if n > 8 {
		damaged("an integer of %d bytes", n)
	}
	var buf [8]byte
	copy(buf[:], c.take(n))
	return binary.LittleEndian.Uint64(buf[:])
}

// addr reads a file address; all ones is undefined.
func (c *cursor) addr() uint64 {
	n := c.f.offsetSize
	v := c.uint(n)
	if v == undefined>>(64-8*n) {
		return undefined
	}
	return v
}

// length reads a size.
func (c *cursor) length() uint64 { return c.uint(c.f.lengthSize) }

// skipTo8 moves over the padding after a field of n bytes that is padded to a
// multiple of 8.
func (c *cursor) skipTo8(n int) { c.take(-n & 7) }
