package hdf5

import "math/bits"

// globalObject returns an object of a global heap collection: the content of a
// variable-length string. Collections have no checksum in the format.
func (f *File) globalObject(addr uint64, index uint32) []byte {
	objects, ok := f.collections[addr]
	if !ok {
		objects = f.readCollection(addr)
		f.collections[addr] = objects
	}
	b, ok := objects[uint16(index)]
	if !ok || index > 0xffff {
		damaged("the global heap at %#x has no object %d", addr, index)
	}
	return b
}

func (f *File) readCollection(addr uint64) map[uint16][]byte {
	head := 8 + f.lengthSize
	c := f.signed(addr, uint64(head), "GCOL")
	if v := c.u8(); v != 1 {
		unsupported("global heap version %d is not supported; %s", v, repack)
	}
	c.take(3)
	size := c.length()
	if size < uint64(head) {
		damaged("the global heap at %#x has %d bytes", addr, size)
	}
	c = f.cursor(addr+uint64(head), size-uint64(head))
	objects := map[uint16][]byte{}
	for len(c.b) >= head {
		f.step(128)
		index := uint16(c.u16())
		c.take(6) // reference count, reserved
		n := c.length()
		if index == 0 { // the free space at the end
			break
		}
		if n > uint64(len(c.b)) {
			damaged("object %d of the global heap at %#x has %d bytes", index, addr, n)
		}
		if _, twice := objects[index]; twice {
			damaged("the global heap at %#x has two objects %d", addr, index)
		}
		objects[index] = c.take(int(n))
		c.take(min(int(-n&7), len(c.b)))
	}
	return objects
}

// fractalHeap is the storage of dense links and attributes: a table of blocks that
// double in size from row to row. Blocks up to a size hold objects (direct
// blocks), larger ones are tables themselves (indirect blocks).
type fractalHeap struct {
	f           *File
	addr        uint64
	idSize      int    // bytes of a heap ID
	offsetBytes int    // of an offset in a heap ID and in a block's head
	sizeBytes   int    // of a size in a heap ID
	width       uint64 // blocks per row
	start       uint64 // size of the blocks in the first two rows
	maxDirect   uint64 // size of the largest direct block
	directSums  bool   // direct blocks have checksums
	root        uint64
	rootRows    int // of the root as an indirect block, 0 when it is a direct one
}

func (f *File) fractalHeap(addr uint64) *fractalHeap {
	f.step(256)
	size := uint64(22 + 12*f.lengthSize + 3*f.offsetSize)
	c := f.signed(addr, size, "FRHP")
	if v := c.u8(); v != 0 {
		unsupported("fractal heap version %d is not supported; %s", v, repack)
	}
	h := &fractalHeap{f: f, addr: addr, idSize: c.u16()}
	if c.u16() != 0 {
		unsupported("a filtered (compressed) fractal heap is not supported; %s", repack)
	}
	f.verify(addr, size) // a filtered heap's header is longer
	h.directSums = c.u8()&2 != 0
	maxObject := uint64(c.u32())
	c.length() // next ID of a huge object
	c.addr()   // index of the huge objects
	c.length() // free space in the blocks
	c.addr()   // index of the free space
	for range 8 {
		c.length() // statistics
	}
	h.width = uint64(c.u16())
	h.start, h.maxDirect = c.length(), c.length()
	maxHeapBits := c.u16()
	c.take(2) // rows the root table began with
	h.root = c.addr()
	h.rootRows = c.u16()
	h.offsetBytes = (maxHeapBits + 7) / 8
	h.sizeBytes = min(byteWidth(h.maxDirect), byteWidth(maxObject))
	powers := bits.OnesCount64(h.start) == 1 && bits.OnesCount64(h.maxDirect) == 1 && bits.OnesCount64(h.width) == 1
	if !powers || h.maxDirect < h.start || h.maxDirect > 1<<32 || h.offsetBytes > 8 || h.rootRows > maxHeapBits {
		damaged("the fractal heap at %#x has impossible sizes", addr)
	}
	return h
}

// get returns the object with a heap ID.
func (h *fractalHeap) get(id []byte) []byte {
	const (
		managed = 0
		huge    = 1
		tiny    = 2
	)
	c := &cursor{f: h.f, b: id}
	head := c.u8()
	if head>>6 != 0 {
		damaged("a heap ID of version %d", head>>6)
	}
	switch head >> 4 & 3 {
	case managed:
		offset := c.uint(h.offsetBytes)
		return h.managed(offset, c.uint(h.sizeBytes))
	case huge:
		unsupported("a huge object of a fractal heap (an attribute of more than 64 kB) is not supported; store the attribute as a variable-length string")
	case tiny:
		if h.idSize > 17 {
			unsupported("heap IDs of %d bytes are not supported; %s", h.idSize, repack)
		}
		return c.take(head&15 + 1)
	}
	damaged("a heap ID of type 3")
	return nil
}

// managed returns the n bytes at an offset of the heap's address space, which
// the blocks of the table tile in order.
func (h *fractalHeap) managed(offset, n uint64) []byte {
	if h.rootRows == 0 {
		return h.direct(h.root, 0, h.start, offset, n)
	}
	table, first, rows := h.root, uint64(0), h.rootRows
	for {
		h.f.spend(stepCost)
		h.checkTable(table, first, rows)
		row, size, begin := h.row(offset - first)
		if row >= rows {
			damaged("offset %d is outside the fractal heap at %#x", offset, h.addr)
		}
		column := (offset - first - begin) / size
		entry := h.blockHead() + (uint64(row)*h.width+column)*uint64(h.f.offsetSize)
		child := h.f.cursor(table+entry, uint64(h.f.offsetSize)).addr()
		first += begin + column*size
		if size <= h.maxDirect {
			return h.direct(child, first, size, offset, n)
		}
		// An indirect block has the rows that tile its size.
		table, rows = child, bits.Len64(size/(h.start*h.width))
	}
}

// row finds the row of a table that holds an offset relative to the table's
// beginning: its number, the size of its blocks and where it begins. The first two
// rows have blocks of the starting size, so that every further row doubles what
// lies before it.
func (h *fractalHeap) row(offset uint64) (row int, size, begin uint64) {
	firstRow := h.start * h.width
	if offset < firstRow {
		return 0, h.start, 0
	}
	row = bits.Len64(offset / firstRow)
	return row, h.start << (row - 1), firstRow << (row - 1)
}

// blockHead is the size of what stands before a block's content, without the
// checksum of a direct block.
func (h *fractalHeap) blockHead() uint64 { return uint64(5 + h.f.offsetSize + h.offsetBytes) }

// checkHead compares what a block says of itself with where the table put it.
func (h *fractalHeap) checkHead(addr, first uint64, signature string) {
	c := h.f.signed(addr, h.blockHead(), signature)
	if v := c.u8(); v != 0 {
		unsupported("fractal heap block version %d is not supported; %s", v, repack)
	}
	if heap, offset := c.addr(), c.uint(h.offsetBytes); heap != h.addr || offset != first {
		damaged("the fractal heap block at %#x belongs to heap %#x, offset %d, not to %#x, %d", addr, heap, offset, h.addr, first)
	}
}

func (h *fractalHeap) checkTable(addr, first uint64, rows int) {
	h.checkHead(addr, first, "FHIB")
	if h.f.verified[addr] {
		return
	}
	h.f.verify(addr, h.blockHead()+uint64(rows)*h.width*uint64(h.f.offsetSize))
	h.f.reserve(64)
	h.f.verified[addr] = true
}

// direct returns n bytes at an offset of the heap from the direct block at addr,
// which holds the size bytes from offset first on.
func (h *fractalHeap) direct(addr, first, size, offset, n uint64) []byte {
	h.checkHead(addr, first, "FHDB")
	head := h.blockHead()
	block := h.f.at(addr, size)
	if h.directSums {
		h.verifyDirect(addr, block)
		head += 4
	}
	at := offset - first
	if at < head || at > size || n > size-at {
		damaged("%d bytes at offset %d cross the fractal heap block at %#x", n, offset, addr)
	}
	return block[at : at+n : at+n]
}

// verifyDirect compares a direct block's checksum, which stands in the middle and
// counts as zero in the sum.
func (h *fractalHeap) verifyDirect(addr uint64, block []byte) {
	if h.f.verified[addr] {
		return
	}
	at := h.blockHead()
	if at+4 > uint64(len(block)) {
		damaged("the fractal heap block at %#x has %d bytes", addr, len(block))
	}
	b := h.f.allocate(uint64(len(block)))
	copy(b, block)
	clear(b[at : at+4])
	c := &cursor{f: h.f, b: block[at:]}
	if lookup3(b) != c.u32() && !h.f.trustSums {
		damaged("checksum mismatch in the fractal heap block at %#x", addr)
	}
	h.f.reserve(64)
	h.f.verified[addr] = true
}
