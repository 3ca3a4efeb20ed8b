package hdf5

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"
)

// Filters.
const (
	filterDeflate    = 1
	filterShuffle    = 2
	filterFletcher32 = 3
	firstForeign     = 256 // filters from here on are plugins of the HDF5 library
)

// filter is one step that a chunk went through when it was written.
type filter struct {
	id     int
	values []uint32
}

// pipeline is the list of filters of a dataset, in writing order, and the buffers
// that undoing them needs.
type pipeline struct {
	filters []filter
	buffers [2][]byte
	next    int // the buffer to write to
	inflate io.ReadCloser
}

// parseFilters reads the filter pipeline message, if there is one.
func (d *Dataset) parseFilters() *pipeline {
	p := &pipeline{}
	body, ok := d.object.find(msgFilters)
	if !ok {
		return p
	}
	c := &cursor{f: d.f, b: body}
	version, n := c.u8(), c.u8()
	switch version {
	case 1:
		c.take(6)
	case 2:
	default:
		unsupported("filter pipeline version %d is not supported; %s", version, repackUnfiltered)
	}
	for range n {
		x := filter{id: c.u16()}
		nameSize := 0
		if version == 1 || x.id >= firstForeign { // others have no name in version 2
			nameSize = c.u16()
		}
		c.take(2) // flags
		values := c.u16()
		c.take(nameSize)
		if version == 1 {
			c.skipTo8(nameSize)
		}
		d.f.step(4 * uint64(values))
		for range values {
			x.values = append(x.values, c.u32())
		}
		if version == 1 && values%2 == 1 {
			c.take(4)
		}
		p.filters = append(p.filters, x)
	}
	return p
}

// filterName names the filters that h5py can write and others that are common.
func filterName(id int) string {
	names := map[int]string{
		4: "szip", 5: "nbit", 6: "scaleoffset", 307: "bzip2", 32000: "lzf", 32001: "blosc",
		32004: "lz4", 32008: "bitshuffle", 32013: "zfp", 32015: "zstd", 32026: "blosc2",
	}
	if name, ok := names[id]; ok {
		return fmt.Sprintf("filter %d (%s)", id, name)
	}
	return fmt.Sprintf("filter %d", id)
}

// undo returns the chunk that was stored as b. A set bit in mask means that the
// filter of that number was not applied. want is the size of the chunk.
func (p *pipeline) undo(f *File, b []byte, mask uint32, want uint64) []byte {
	for i := len(p.filters) - 1; i >= 0; i-- {
		if i < 32 && mask>>i&1 != 0 {
			continue
		}
		f.spend(uint64(len(b)))
		switch x := p.filters[i]; x.id {
		case filterDeflate:
			// Filters before it may have added a checksum each.
			b = p.undoDeflate(f, b, want+4*uint64(i))
		case filterShuffle:
			b = p.undoShuffle(f, b, x.values)
		case filterFletcher32:
			b = undoFletcher32(b)
		default:
			advice := repackUnfiltered
			if x.id >= firstForeign {
				advice += ", which needs the filter's plugin, or write the file again without it"
			}
			unsupported("%s is not supported; %s", filterName(x.id), advice)
		}
	}
	return b
}

// buffer returns n bytes that the previous call did not return.
func (p *pipeline) buffer(f *File, n uint64) []byte {
	b := &p.buffers[p.next]
	p.next = 1 - p.next
	if uint64(cap(*b)) < n {
		*b = f.allocate(n)
	}
	return (*b)[:n]
}

func (p *pipeline) undoDeflate(f *File, b []byte, limit uint64) []byte {
	const setUp = 1 << 10 // work of starting a stream, in bytes
	f.spend(setUp)
	in := bytes.NewReader(b)
	var err error
	if p.inflate == nil {
		f.reserve(64 << 10)
		p.inflate, err = zlib.NewReader(in)
	} else {
		err = p.inflate.(zlib.Resetter).Reset(in, nil)
	}
	// One byte more than the limit makes room to notice what is too long, and lets
	// the end of the stream, with its checksum, be reached.
	out := p.buffer(f, limit+1)
	n := 0
	for err == nil && n < len(out) {
		var k int
		k, err = p.inflate.Read(out[n:])
		n += k
	}
	f.spend(uint64(n))
	if err == nil {
		damaged("a gzip chunk holds more than the %d bytes of a chunk", limit)
	}
	if err != io.EOF {
		damaged("a gzip chunk: %v", err)
	}
	return out[:n]
}

// undoShuffle puts the bytes of the elements back together: they stand sorted by
// their place in the element.
func (p *pipeline) undoShuffle(f *File, b []byte, values []uint32) []byte {
	if len(values) == 0 || values[0] == 0 {
		damaged("the shuffle filter lacks its element size")
	}
	size := int(values[0])
	n := len(b) / size
	if n == 0 {
		return b
	}
	out := p.buffer(f, uint64(len(b)))
	for i := range size {
		plane := b[i*n:][:n]
		for j, x := range plane {
			out[j*size+i] = x
		}
	}
	copy(out[n*size:], b[n*size:]) // what is no whole element stays in place
	return out
}

func undoFletcher32(b []byte) []byte {
	n := len(b) - 4
	if n < 0 {
		damaged("a chunk of %d bytes with a fletcher32 checksum", len(b))
	}
	if fletcher32(b[:n]) != binary.LittleEndian.Uint32(b[n:]) {
		damaged("fletcher32 checksum mismatch in a chunk")
	}
	return b[:n]
}
