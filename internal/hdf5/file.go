package hdf5

import (
	"bytes"
	"math"
)

// undefined is the address of something that was never stored.
const undefined = math.MaxUint64

// What one File may spend over its life. Work is counted in bytes looked at, with
// stepCost for every structural step (a tree node, a message, a link), so that a
// hostile file of a kilobyte is given up within a fraction of a second. Memory is
// what decoding allocates; views into the file are free. The multiples of the
// file's size let a caller read everything dozens of times over, or data that
// gzip has shrunk to a sixtieth.
const (
	workBase      = 64 << 20
	workPerByte   = 256
	stepCost      = 64
	memoryBase    = 40 << 20
	memoryPerByte = 64
)

// File is an HDF5 file in memory. It caches what it has parsed and counts what it
// has spent: it must not be used by several goroutines at once.
type File struct {
	b          []byte // from the superblock on: address 0 is b[0]
	offsetSize int    // bytes per address
	lengthSize int    // bytes per size
	root       uint64 // address of the root group's object header

	work, memory int64 // what is left of the allowances

	objects     map[uint64]*object
	collections map[uint64]map[uint16][]byte // global heap collections by address
	verified    map[uint64]bool              // heap blocks whose checksum has been compared

	trustSums bool // checksums are not compared: lets fuzzing reach what they protect
}

// Open reads the superblock of the file whose whole content is b. The File and
// what it returns keep referring to b, which must not change afterwards. b should
// begin at a multiple of 8 in memory, as a slice of its own does (a piece of an
// archive may not): else float32 data has to be copied out of it.
func Open(b []byte) (*File, error) { return open(b, false) }

func open(b []byte, trustSums bool) (f *File, err error) {
	defer catch(&err, "")
	start := findSuperblock(b)
	f = &File{
		b:           b[start:],
		work:        workBase + workPerByte*int64(len(b)),
		memory:      memoryBase + memoryPerByte*int64(len(b)),
		objects:     map[uint64]*object{},
		collections: map[uint64]map[uint16][]byte{},
		verified:    map[uint64]bool{},
		trustSums:   trustSums,
	}
	f.readSuperblock()
	return f, nil
}

const signature = "\x89HDF\r\n\x1a\n"

// findSuperblock returns where the file's structures begin: at 0, or behind a
// user block of 512 bytes times a power of two.
func findSuperblock(b []byte) int {
	for p := 0; p <= len(b)-len(signature); p = max(512, 2*p) {
		if string(b[p:p+len(signature)]) == signature {
			return p
		}
	}
	fail(ErrFormat, "not an HDF5 file: its signature is missing")
	return 0
}

// readSuperblock fills in the sizes and the root address.
func (f *File) readSuperblock() {
	c := &cursor{f: f, b: f.b}
	c.take(len(signature))
	version := c.u8()
	var base, end uint64
	switch version {
	case 0, 1:
		c.take(4) // versions of the parts, all 0
		f.offsetSize, f.lengthSize = c.u8(), c.u8()
		c.take(1 + 2 + 2 + 4) // reserved, B-tree orders, flags
		if version == 1 {
			c.take(4) // order of the chunk B-trees
		}
		f.checkSizes()
		base = c.addr()
		c.addr() // free space
		end = c.addr()
		if c.addr() != undefined {
			unsupported("a file split over several (family or multi driver) is not supported; %s", repack)
		}
		c.addr() // name of the root group's entry
		f.root = c.addr()
	case 2, 3:
		f.offsetSize, f.lengthSize = c.u8(), c.u8()
		flags := c.u8()
		f.checkSizes()
		base = c.addr()
		extension := c.addr()
		end = c.addr()
		f.root = c.addr()
		f.verify(0, uint64(12+4*f.offsetSize))
		if version == 3 && flags&0x05 != 0 {
			damaged("the program that wrote the file did not close it; check it and run `h5clear -s FILE`")
		}
		if extension != undefined {
			f.checkExtension(extension)
		}
	default:
		unsupported("superblock version %d is not supported; %s", version, repack)
	}
	// Base and end are counted from where the file began when it was written. A user
	// block put in front or taken away since then moves both.
	if end < base || end == undefined {
		damaged("the superblock's base address %#x or end address %#x is wrong", base, end)
	}
	if have := uint64(len(f.b)); end-base > have {
		damaged("the file is cut short: %d of %d bytes are there", have, end-base)
	}
}

func (f *File) checkSizes() {
	for _, n := range []int{f.offsetSize, f.lengthSize} {
		if n != 2 && n != 4 && n != 8 {
			unsupported("addresses or sizes of %d bytes are not supported; %s", n, repack)
		}
	}
}

// checkExtension refuses what the superblock extension can say that changes how
// the rest of the file is to be read.
func (f *File) checkExtension(addr uint64) {
	for _, m := range f.object(addr).messages {
		switch m.typ {
		case msgDriverInfo:
			unsupported("a file split over several (driver information) is not supported; %s", repack)
		case msgCacheImage:
			unsupported("a metadata cache image is not supported; %s", repack)
		}
	}
}

// Root returns the group that holds everything.
func (f *File) Root() (g *Group, err error) {
	defer catch(&err, "/")
	return f.group(f.root, "/"), nil
}

// at returns n bytes from an address. It is the only access to the file's bytes.
func (f *File) at(addr, n uint64) []byte {
	if size := uint64(len(f.b)); addr > size || n > size-addr {
		if addr == undefined {
			damaged("something needed was never stored (undefined address)")
		}
		damaged("%d bytes at %#x are outside the file of %d bytes", n, addr, size)
	}
	return f.b[addr : addr+n : addr+n]
}

// cursor starts reading n bytes at addr.
func (f *File) cursor(addr, n uint64) *cursor { return &cursor{f: f, b: f.at(addr, n)} }

// signed starts reading n bytes at addr, behind a four-letter signature.
func (f *File) signed(addr, n uint64, signature string) *cursor {
	c := f.cursor(addr, n)
	if got := c.take(4); !bytes.Equal(got, []byte(signature)) {
		damaged("%q expected at %#x, found %q", signature, addr, got)
	}
	return c
}

// verify compares the checksum that follows the n bytes at addr.
func (f *File) verify(addr, n uint64) {
	if n > uint64(len(f.b)) {
		damaged("a block of %d bytes at %#x is outside the file", n, addr)
	}
	c := f.cursor(addr, n+4)
	f.spend(n)
	if sum := lookup3(c.take(int(n))); sum != c.u32() && !f.trustSums {
		damaged("checksum mismatch in the %d bytes at %#x", n, addr)
	}
}

// spend pays for looking at n bytes.
func (f *File) spend(n uint64) {
	if n > uint64(f.work) {
		fail(ErrLimit, "this takes more steps than a file of %d bytes is allowed: it is damaged, made to exhaust the reader, or was read too often", len(f.b))
	}
	f.work -= int64(n)
}

// reserve pays for allocating n bytes.
func (f *File) reserve(n uint64) {
	if n > uint64(f.memory) {
		fail(ErrLimit, "this takes %d bytes of memory, more than is left of the allowance of a file of %d bytes: it is damaged, made to exhaust memory, or was read too often", n, len(f.b))
	}
	f.memory -= int64(n)
}

// step pays for one structural step that keeps up to n bytes in memory.
func (f *File) step(n uint64) {
	f.spend(stepCost)
	f.reserve(n)
}

// allocate returns n zero bytes, paid for.
func (f *File) allocate(n uint64) []byte {
	f.reserve(n)
	f.spend(n)
	return make([]byte, n)
}
