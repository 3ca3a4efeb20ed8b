package spool

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// A segment file is a header and then one frame for each commit, little endian:
//
//	header  magic [8] | number u64 | first u64 | spool id u32 | sum u32
//	frame   commit u64 | first u64 | count u32 | length u32 | payload sum u32 | sum u32 | payload [length]
//	payload state length u32 | state | count x (key u64, id length u32, data length u32) | ids | data
//
// Sums are CRC-32C and begin with what seed returns, so that no bytes of a post
// and no rest of another file pass as a frame. sum covers what stands before it
// in the header.
const (
	segmentMagic = "cspool\x00\x01" // the last byte is the version
	headerBytes  = 32               // of a segment, and of a frame
	entryBytes   = 16
	maxPayload   = 64 << 20 // a commit is read as one piece
)

var (
	castagnoli   = crc32.MakeTable(crc32.Castagnoli)
	littleEndian = binary.LittleEndian
)

// seed is where the checksums of a file begin.
func seed(id uint32, number uint64) uint32 {
	return crc32.Update(id, castagnoli, littleEndian.AppendUint64(nil, number))
}

// seal writes the checksum of b without its last four bytes into those.
func seal(b []byte, seed uint32) {
	littleEndian.PutUint32(b[len(b)-4:], crc32.Update(seed, castagnoli, b[:len(b)-4]))
}

// sealed reports whether b is as seal left it.
func sealed(b []byte, seed uint32) bool {
	return littleEndian.Uint32(b[len(b)-4:]) == crc32.Update(seed, castagnoli, b[:len(b)-4])
}

// appendSegmentHeader appends the header of segment number.
func appendSegmentHeader(b []byte, id uint32, number, first uint64) []byte {
	start := len(b)
	b = append(b, segmentMagic...)
	b = littleEndian.AppendUint64(b, number)
	b = littleEndian.AppendUint64(b, first)
	b = littleEndian.AppendUint32(b, id)
	b = littleEndian.AppendUint32(b, 0)
	seal(b[start:], seed(id, number))
	return b
}

// header is that of a frame.
type header struct {
	commit uint64 // number, from 1, without gaps
	first  uint64 // Seq of the first entry, or of the next one if there is none
	count  uint32 // entries
	length uint32 // of the payload
	sum    uint32 // of the payload
}

// next is the Seq behind the last entry.
func (h *header) next() uint64 { return h.first + uint64(h.count) }

// parseHeader reads headerBytes bytes.
func parseHeader(b []byte, seed uint32) (h header, ok bool) {
	h = header{
		commit: littleEndian.Uint64(b),
		first:  littleEndian.Uint64(b[8:]),
		count:  littleEndian.Uint32(b[16:]),
		length: littleEndian.Uint32(b[20:]),
		sum:    littleEndian.Uint32(b[24:]),
	}
	return h, sealed(b[:headerBytes], seed)
}

// frameBytes is the size of a commit's frame.
func frameBytes(entries []Entry, state []byte) (int64, error) {
	if len(state) > MaxState {
		return 0, fmt.Errorf("a state of %d bytes is too long, the most is %d", len(state), MaxState)
	}
	n := int64(4 + len(state))
	for i := range entries {
		n += entryBytes + int64(len(entries[i].ID)) + int64(len(entries[i].Data))
	}
	if n > maxPayload {
		return 0, fmt.Errorf("%d posts with %d bytes are too much for one commit, the most is %d bytes", len(entries), n, maxPayload)
	}
	return headerBytes + n, nil
}

// appendFrame appends a commit within the bounds of frameBytes.
func appendFrame(b []byte, seed uint32, commit, first uint64, entries []Entry, state []byte) []byte {
	start := len(b)
	b = append(b, make([]byte, headerBytes)...)
	b = littleEndian.AppendUint32(b, uint32(len(state)))
	b = append(b, state...)
	for i := range entries {
		e := &entries[i]
		b = littleEndian.AppendUint64(b, e.Key)
		b = littleEndian.AppendUint32(b, uint32(len(e.ID)))
		b = littleEndian.AppendUint32(b, uint32(len(e.Data)))
	}
	for i := range entries {
		b = append(b, entries[i].ID...)
	}
	for i := range entries {
		b = append(b, entries[i].Data...)
	}
	h, payload := b[start:start+headerBytes], b[start+headerBytes:]
	littleEndian.PutUint64(h, commit)
	littleEndian.PutUint64(h[8:], first)
	littleEndian.PutUint32(h[16:], uint32(len(entries)))
	littleEndian.PutUint32(h[20:], uint32(len(payload)))
	littleEndian.PutUint32(h[24:], crc32.Update(seed, castagnoli, payload))
	seal(h, seed)
	return b
}

// payload is the content of a frame.
type payload struct {
	state []byte
	heads []byte // entryBytes for each entry
	ids   []byte
	data  []byte
}

// parsePayload divides b. ok is false unless the lengths in it add up.
func parsePayload(b []byte, count uint32) (p payload, ok bool) {
	if len(b) < 4 {
		return p, false
	}
	stateLen := uint64(littleEndian.Uint32(b))
	headsLen := uint64(count) * entryBytes
	b = b[4:]
	if stateLen+headsLen > uint64(len(b)) {
		return p, false
	}
	p.state, p.heads, b = b[:stateLen], b[stateLen:stateLen+headsLen], b[stateLen+headsLen:]
	var ids, data uint64
	for h := p.heads; len(h) > 0; h = h[entryBytes:] {
		ids += uint64(littleEndian.Uint32(h[8:]))
		data += uint64(littleEndian.Uint32(h[12:]))
	}
	if ids+data != uint64(len(b)) {
		return p, false
	}
	p.ids, p.data = b[:ids], b[ids:]
	return p, true
}

// cursor goes through the entries of one frame.
type cursor struct {
	seq   uint64 // of the entry that take returns
	heads []byte // of it and those behind it
	ids   string
	data  []byte

	headsBuf []byte
}

// set moves to the start of a frame, which it copies: the entries of one commit
// share one array.
func (c *cursor) set(h header, p payload) {
	c.headsBuf = append(c.headsBuf[:0], p.heads...)
	c.seq, c.heads, c.ids, c.data = h.first, c.headsBuf, string(p.ids), bytes.Clone(p.data)
}

// size is the length of the Data of the entry that take returns.
func (c *cursor) size() uint32 { return littleEndian.Uint32(c.heads[12:]) }

// take returns an entry and moves behind it.
func (c *cursor) take() Entry {
	id, data := littleEndian.Uint32(c.heads[8:]), c.size()
	e := Entry{Seq: c.seq, Key: littleEndian.Uint64(c.heads), ID: c.ids[:id], Data: c.data[:data:data]}
	c.seq, c.heads, c.ids, c.data = c.seq+1, c.heads[entryBytes:], c.ids[id:], c.data[data:]
	return e
}
