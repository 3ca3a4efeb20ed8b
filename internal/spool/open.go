package spool

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

const lockName = "lock"

// Open opens the spool in dir, which it makes if needed. It reads all that is
// there: what a write that did not finish left at the very end is cut off, and
// any other damage is a CorruptError, with nothing changed on disk. ErrLocked if
// another process has the spool.
func Open(dir string, o Options) (*Spool, error) {
	if o.SegmentBytes < 0 || o.MaxBytes < 0 || o.Keys < 0 {
		return nil, fmt.Errorf("a spool of %d bytes in segments of %d bytes with %d keys: want no negative number", o.MaxBytes, o.SegmentBytes, o.Keys)
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = 16 << 20
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 1 << 30
	}
	if o.Keys == 0 {
		o.Keys = 1_000_000
	}
	if o.FS == nil {
		o.FS = osFS{}
	}
	s := &Spool{dir: dir, o: o, fs: o.FS, commits: 1, next: 1, keys: Keys{limit: o.Keys}}
	err := s.fs.MkdirAll(dir)
	if err == nil {
		s.lock, err = s.fs.Lock(s.path(lockName))
	}
	if err == nil {
		err = s.open()
	}
	if err != nil {
		s.release() // of files that were read; what was written is synced
		return nil, fmt.Errorf("the spool %s cannot be opened: %w", dir, err)
	}
	return s, nil
}

func (s *Spool) open() error {
	names, err := s.fs.ReadDir(s.dir)
	if err != nil {
		return err
	}
	slices.Sort(names) // numbers have leading zeros
	var numbers, keys []uint64
	for _, name := range names {
		if n, ok := fileNumber(name, segmentSuffix); ok {
			numbers = append(numbers, n)
		} else if n, ok := fileNumber(name, keysSuffix); ok {
			keys = append(keys, n)
		}
	}
	if _, marked := slices.BinarySearch(names, marksName); !marked {
		// The marks are made before any other file.
		if len(numbers)+len(keys) > 0 {
			return &CorruptError{File: s.path(marksName), Reason: "the file is missing"}
		}
		if err := s.createMarks(); err != nil {
			return err
		}
	}
	m := &s.marks
	if m.file, err = s.fs.Open(s.path(marksName)); err != nil {
		return err
	}
	ok, err := m.read()
	if err != nil {
		return err
	}
	if !ok {
		return &CorruptError{File: s.path(marksName), Reason: "the checksum of every slot is wrong"}
	}
	s.id = m.id
	if err := s.loadKeys(); err != nil {
		return err
	}
	torn, err := s.loadSegments(numbers)
	if err != nil {
		return err
	}

	// Everything was read and is as it should be: from here on files change.
	if err := s.heal(torn); err != nil {
		return err
	}
	s.maybeSent = m.maybeSent()
	if err := s.checkpoint(); err != nil {
		return err
	}
	for _, n := range keys {
		if n > m.keys.file || n+1 < m.keys.file {
			if err := s.fs.Remove(s.keysPath(n)); err != nil {
				return err
			}
		}
	}
	return s.reclaim()
}

// fileNumber returns the number in a file's name.
func fileNumber(name, suffix string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil && n > 0
}

// createMarks makes the file of the marks of a new spool.
func (s *Spool) createMarks() error {
	var id [4]byte
	rand.Read(id[:])
	m := marks{id: littleEndian.Uint32(id[:])}
	m.encode(1)
	temp := s.path(marksName + ".tmp")
	f, err := s.fs.Create(temp)
	if err != nil {
		return err
	}
	// At its full size at once, so that no later write of it needs room.
	if _, err = f.WriteAt(append(m.buf, make([]byte, slots*slotBytes-len(m.buf))...), 0); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := s.fs.Rename(temp, s.path(marksName)); err != nil {
		return err
	}
	return s.fs.SyncDir(s.dir)
}

// loadSegments reads all segments. It leaves the newest one open in s.out, and
// returns a reader that stands at an unfinished write, nil if there is none.
func (s *Spool) loadSegments(numbers []uint64) (torn *reader, err error) {
	end := s.marks.end
	if n := len(numbers); end.segment > 0 && (n == 0 || numbers[n-1] < end.segment) {
		return nil, s.missing(end.segment)
	}
	for i, number := range numbers {
		r, err := s.reader(number, 0)
		if err != nil {
			return nil, err
		}
		newest := i == len(numbers)-1
		if newest {
			s.out = r.file
		}
		committed := int64(0)
		if number == end.segment {
			committed = end.length
		}
		ok, err := s.loadSegment(r, committed, newest)
		if !newest {
			r.file.Close() // read only
		}
		if err != nil {
			return nil, err
		}
		if !ok {
			torn = r
		}
		if r.off > headerBytes {
			s.segments = append(s.segments, &segment{number: number, next: s.next, size: r.off})
			s.total += r.off
		}
	}
	if m := &s.marks; s.next <= max(m.low, m.handed) {
		return nil, &CorruptError{File: s.path(marksName), Reason: fmt.Sprintf("post %d was sent, but the segments end at post %d", max(m.low, m.handed), s.next-1)}
	}
	return torn, nil
}

// missing is the error for a segment that is not there.
func (s *Spool) missing(number uint64) error {
	return &CorruptError{File: s.path(segmentName(number)), Reason: "the file is missing"}
}

// loadSegment reads a segment. ok is false if it is the newest and an unfinished
// write stands at r.off.
func (s *Spool) loadSegment(r *reader, committed int64, newest bool) (ok bool, err error) {
	if r.size, err = r.file.Size(); err != nil {
		return false, err
	}
	err = s.loadFrames(r)
	if err == nil && r.off < committed {
		return false, r.corrupt(fmt.Sprintf("the file ends early, %d bytes were written", committed))
	}
	if err == nil && r.off == headerBytes {
		err = r.torn("the first record is missing")
	}
	var damage *CorruptError
	if err == nil || !newest || r.off < committed || !errors.As(err, &damage) || !damage.torn {
		return err == nil, err
	}
	unfinished, searchErr := r.unfinished()
	if searchErr != nil || unfinished {
		return false, searchErr
	}
	return false, err
}

// loadFrames takes over what is in the frames of a segment, up to the end or to
// the first frame that is not valid.
func (s *Spool) loadFrames(r *reader) error {
	if err := r.begin(); err != nil {
		return err
	}
	m := &s.marks
	if r.commit != s.commits || r.first != s.next {
		// Segments in which nothing was left may have been removed in any order,
		// if the power was cut.
		if r.first > m.low+1 || s.next > m.low+1 {
			return s.missing(s.commits)
		}
		s.commits, s.next = r.commit, r.first
	}
	for {
		h, p, err := r.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		s.commits, s.next = r.commit, r.first
		s.state = append(s.state[:0], p.state...)
		for seq, heads := h.first, p.heads; len(heads) > 0; seq, heads = seq+1, heads[entryBytes:] {
			if seq > s.saved.through {
				s.keys.Add(littleEndian.Uint64(heads))
			}
			if !m.done(seq) {
				m.entries++
				m.bytes += int64(littleEndian.Uint32(heads[12:]))
			}
		}
	}
}

// heal cuts off the unfinished write, makes sure of what is left, and marks its
// end.
func (s *Spool) heal(torn *reader) error {
	n := len(s.segments)
	if torn != nil {
		s.healed = torn.size
		if torn.off > headerBytes {
			s.healed -= torn.off
			if err := torn.file.Truncate(torn.off); err != nil {
				return err
			}
		} else {
			err := errors.Join(s.out.Close(), s.fs.Remove(torn.path))
			if s.out = nil; err != nil {
				return err
			}
			if n > 0 {
				if s.out, err = s.fs.Open(s.path(segmentName(s.segments[n-1].number))); err != nil {
					return err
				}
			}
		}
	}
	if err := s.fs.SyncDir(s.dir); err != nil || n == 0 {
		return err
	}
	if err := s.out.Sync(); err != nil {
		return err
	}
	s.marks.end = position{s.segments[n-1].number, s.segments[n-1].size}
	return nil
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
