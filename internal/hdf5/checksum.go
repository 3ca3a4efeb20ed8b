package hdf5

import (
	"encoding/binary"
	"math/bits"
)

// lookup3 is Bob Jenkins' hashlittle with initial value 0 (lookup3.c, 2006): the
// checksum of all HDF5 metadata that has one.
func lookup3(k []byte) uint32 {
	a := 0xdeadbeef + uint32(len(k))
	b, c := a, a
	for len(k) > 12 {
		a += binary.LittleEndian.Uint32(k)
		b += binary.LittleEndian.Uint32(k[4:])
		c += binary.LittleEndian.Uint32(k[8:])
		a, b, c = mix(a, b, c)
		k = k[12:]
	}
	if len(k) == 0 {
		return c
	}
	var tail [12]byte
	copy(tail[:], k)
	a += binary.LittleEndian.Uint32(tail[:])
	b += binary.LittleEndian.Uint32(tail[4:])
	c += binary.LittleEndian.Uint32(tail[8:])
	return final(a, b, c)
}

func mix(a, b, c uint32) (uint32, uint32, uint32) {
	a = (a - c) ^ bits.RotateLeft32(c, 4)
	c += b
	b = (b - a) ^ bits.RotateLeft32(a, 6)
	a += c
	c = (c - b) ^ bits.RotateLeft32(b, 8)
	b += a
	a = (a - c) ^ bits.RotateLeft32(c, 16)
	c += b
	b = (b - a) ^ bits.RotateLeft32(a, 19)
	a += c
	c = (c - b) ^ bits.RotateLeft32(b, 4)
	b += a
	return a, b, c
}

func final(a, b, c uint32) uint32 {
	c = (c ^ b) - bits.RotateLeft32(b, 14)
	a = (a ^ c) - bits.RotateLeft32(c, 11)
	b = (b ^ a) - bits.RotateLeft32(a, 25)
	c = (c ^ b) - bits.RotateLeft32(b, 16)
	a = (a ^ c) - bits.RotateLeft32(c, 4)
	b = (b ^ a) - bits.RotateLeft32(a, 14)
	c = (c ^ b) - bits.RotateLeft32(b, 24)
	return c
}

// fletcher32 is the sum the filter of that name appends to a chunk: over 16-bit
// big-endian words, each half folded into 16 bits. Folding keeps 0xffff and 0
// apart, which a remainder by 65535 would not.
func fletcher32(b []byte) uint32 {
	var lo, hi uint32
	fold := func() {
		lo = lo&0xffff + lo>>16
		hi = hi&0xffff + hi>>16
	}
	for len(b) >= 2 {
		block := b[:min(len(b)&^1, 2*360)] // 360 words cannot overflow the upper sum
		b = b[len(block):]
		for ; len(block) > 0; block = block[2:] {
			lo += uint32(binary.BigEndian.Uint16(block))
			hi += lo
		}
		fold()
	}
	if len(b) == 1 {
		lo += uint32(b[0]) << 8
		hi += lo
		fold()
	}
	fold()
	return hi<<16 | lo
}
