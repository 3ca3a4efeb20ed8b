package spool

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
)

// readAhead is how much a reader asks for at once.
const readAhead = 512 << 10

// segmentName is the file of a segment.
func segmentName(number uint64) string { return fmt.Sprintf("%020d%s", number, segmentSuffix) }

const segmentSuffix = ".seg"

// reader reads the frames of a segment.
type reader struct {
	file   File
	path   string
	id     uint32
	number uint64
	seed   uint32
	size   int64 // the frames end here

	off    int64  // of the next frame; 0 = before the segment's header
	commit uint64 // of the next frame
	first  uint64 // Seq of its first entry

	buf    []byte // what was read ahead
	bufOff int64  // where it begins
}

// reader opens a segment.
func (s *Spool) reader(number uint64, size int64) (*reader, error) {
	path := s.path(segmentName(number))
	f, err := s.fs.Open(path)
	if err != nil {
		return nil, err
	}
	return &reader{file: f, path: path, id: s.id, number: number, seed: seed(s.id, number), size: size}, nil
}

// corrupt is the error for what stands at off.
func (r *reader) corrupt(reason string) error {
	return &CorruptError{File: r.path, Offset: r.off, Reason: reason}
}

// torn is the error for what an unfinished write may have left at off.
func (r *reader) torn(reason string) error {
	return &CorruptError{File: r.path, Offset: r.off, Reason: reason, torn: true}
}

// peek returns n bytes from off on, valid until the next call.
func (r *reader) peek(n int64) ([]byte, error) {
	if r.size-r.off < n {
		return nil, r.torn("the end of the record is missing")
	}
	if r.off < r.bufOff || r.off+n > r.bufOff+int64(len(r.buf)) {
		want := int(max(n, min(readAhead, r.size-r.off)))
		r.buf, r.bufOff = slices.Grow(r.buf[:0], want)[:want], r.off
		if got, err := r.file.ReadAt(r.buf, r.off); got < want {
			r.buf = r.buf[:0]
			if errors.Is(err, io.EOF) {
				return nil, r.corrupt("the file ends early")
			}
			return nil, fmt.Errorf("%s cannot be read: %w", r.path, err)
		}
	}
	return r.buf[r.off-r.bufOff:][:n], nil
}

// begin reads the segment's header.
func (r *reader) begin() error {
	b, err := r.peek(headerBytes)
	if err != nil {
		return err
	}
	number, id := littleEndian.Uint64(b[8:]), littleEndian.Uint32(b[24:])
	switch {
	case !sealed(b, seed(id, number)):
		return r.torn("the checksum of the header is wrong")
	case string(b[:8]) != segmentMagic:
		return r.corrupt("the file was written by another version of this program")
	case number != r.number || id != r.id:
		return r.corrupt("the file is of another spool, or has the name of another file")
	}
	r.off, r.commit, r.first = headerBytes, r.number, littleEndian.Uint64(b[16:])
	return nil
}

// next returns a frame, valid until the next call, and moves behind it. It is
// io.EOF at the end.
func (r *reader) next() (header, payload, error) {
	fail := func(err error) (header, payload, error) { return header{}, payload{}, err }
	if r.off == 0 {
		if err := r.begin(); err != nil {
			return fail(err)
		}
	}
	if r.off == r.size {
		return fail(io.EOF)
	}
	b, err := r.peek(headerBytes)
	if err != nil {
		return fail(err)
	}
	h, ok := parseHeader(b, r.seed)
	switch {
	case !ok:
		return fail(r.torn("the checksum of a record's header is wrong"))
	case h.commit != r.commit || h.first != r.first:
		return fail(r.corrupt(fmt.Sprintf("this is commit %d from post %d on, and commit %d from post %d on belongs here", h.commit, h.first, r.commit, r.first)))
	case h.length > maxPayload:
		return fail(r.corrupt("the record is too long"))
	}
	b, err = r.peek(headerBytes + int64(h.length))
	if err != nil {
		return fail(err)
	}
	b = b[headerBytes:]
	if crc32.Update(r.seed, castagnoli, b) != h.sum {
		return fail(r.torn("the checksum of the record is wrong"))
	}
	p, ok := parsePayload(b, h.count)
	if !ok {
		return fail(r.corrupt("the lengths in the record do not add up"))
	}
	r.off += headerBytes + int64(h.length)
	r.commit, r.first = h.commit+1, h.next()
	return h, p, nil
}

// unfinished reports whether the bytes from off on, where there is no valid
// frame, can be the rest of one write that did not finish. A commit is written
// after the one before it has reached the disk, so a later one behind them
// proves that they were once complete.
func (r *reader) unfinished() (bool, error) {
	seed, commit := r.seed, max(r.commit, r.number) // a segment's header is written with its first commit
	at := *r                                        // the frame at fault stays where it is
	at.buf, at.bufOff = nil, 0
	for at.off = r.off + 1; at.size-at.off >= headerBytes; {
		b, err := at.peek(min(readAhead, at.size-at.off))
		if err != nil {
			return false, err
		}
		for i := 0; i+headerBytes <= len(b); i++ {
			// Most bytes are told apart by the number alone.
			if n := littleEndian.Uint64(b[i:]); n-commit-1 < 1<<32 {
				if _, ok := parseHeader(b[i:], seed); ok {
					return false, nil
				}
			}
		}
		at.off += int64(len(b) - headerBytes + 1)
	}
	return true, nil
}
