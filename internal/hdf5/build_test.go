package hdf5

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
)

// builder makes small HDF5 files by hand, for what no library would write.
type builder struct{ b []byte }

// newBuilder begins a file; finish puts the superblock into the room left for it.
func newBuilder() *builder { return &builder{make([]byte, 48)} }

// put appends a piece and returns its address.
func (w *builder) put(b []byte) uint64 {
	addr := uint64(len(w.b))
	w.b = append(w.b, b...)
	return addr
}

// finish writes a version 2 superblock and returns the file.
func (w *builder) finish(root uint64) []byte {
	s := append([]byte(signature), 2, 8, 8, 0)
	s = le64(s, 0, undefined, uint64(len(w.b)), root)
	copy(w.b, summed(s))
	return w.b
}

// summed appends the checksum.
func summed(b []byte) []byte { return binary.LittleEndian.AppendUint32(b, lookup3(b)) }

func le64(b []byte, v ...uint64) []byte {
	for _, x := range v {
		b = binary.LittleEndian.AppendUint64(b, x)
	}
	return b
}

// header2 is a version 2 object header with messages, each made by msg.
func header2(messages ...[]byte) []byte {
	body := bytes.Join(messages, nil)
	h := []byte{'O', 'H', 'D', 'R', 2, 2}
	h = binary.LittleEndian.AppendUint32(h, uint32(len(body)))
	return summed(append(h, body...))
}

func msg(typ, flags byte, body ...byte) []byte {
	return append([]byte{typ, byte(len(body)), byte(len(body) >> 8), flags}, body...)
}

// hardLink is a link message.
func hardLink(name string, addr uint64) []byte {
	return msg(msgLink, 0, le64(append([]byte{1, 0, byte(len(name))}, name...), addr)...)
}

// dataspace is a message for an array of the given shape.
func dataspace(shape ...uint64) []byte {
	return msg(msgDataspace, 0, le64([]byte{2, byte(len(shape)), 0, 1}, shape...)...)
}

// Datatype messages.
var (
	typeFloat32 = msg(msgDatatype, 0, 0x11, 0x20, 31, 0, 4, 0, 0, 0, 0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0)
	typeFloat16 = msg(msgDatatype, 0, 0x11, 0x20, 15, 0, 2, 0, 0, 0, 0, 0, 16, 0, 10, 5, 0, 10, 15, 0, 0, 0)
	typeByte    = msg(msgDatatype, 0, 0x10, 0, 0, 0, 1, 0, 0, 0, 0, 0, 8, 0)
)

// contiguous is a layout message.
func contiguous(addr, size uint64) []byte {
	return msg(msgLayout, 0, le64([]byte{3, layoutContiguous}, addr, size)...)
}

// chunkedV3 is the layout message of chunks listed in a version 1 B-tree. The last
// of dims is the size of an element.
func chunkedV3(tree uint64, dims ...uint32) []byte {
	b := le64([]byte{3, layoutChunked, byte(len(dims))}, tree)
	for _, d := range dims {
		b = binary.LittleEndian.AppendUint32(b, d)
	}
	return msg(msgLayout, 0, b...)
}

// filters is a filter pipeline message.
func filters(ids ...byte) []byte {
	b := []byte{2, byte(len(ids))}
	for _, id := range ids {
		values := byte(0)
		if id == filterShuffle || id == filterDeflate {
			values = 1
		}
		b = append(b, id, 0, 0, 0, values, 0)
		b = append(b, bytes.Repeat([]byte{4, 0, 0, 0}, int(values))...)
	}
	return msg(msgFilters, 0, b...)
}

// chunkKey is a stored chunk in a version 1 B-tree.
type chunkKey struct {
	size uint32
	at   []uint64
	addr uint64
}

// chunkTree is a leaf of a version 1 B-tree of chunks.
func chunkTree(keys ...chunkKey) []byte {
	b := append([]byte("TREE"), btreeChunk, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(keys)))
	b = le64(b, undefined, undefined)
	var rank int
	for _, k := range keys {
		b = binary.LittleEndian.AppendUint32(b, k.size)
		b = le64(append(b, 0, 0, 0, 0), k.at...)
		b = le64(b, 0, k.addr)
		rank = len(k.at)
	}
	return append(b, make([]byte, 8+8*(rank+1))...)
}

// oneDataset is a file with the dataset "x".
func oneDataset(w *builder, messages ...[]byte) []byte {
	x := w.put(header2(messages...))
	return w.finish(w.put(header2(hardLink("x", x))))
}

func deflated(b []byte) []byte {
	var out bytes.Buffer
	z, _ := zlib.NewWriterLevel(&out, zlib.BestCompression)
	z.Write(b)
	z.Close()
	return out.Bytes()
}
