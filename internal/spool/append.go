package spool

import (
	"errors"
	"fmt"
)

// keptBuffer is how much memory an Append leaves for the next one.
const keptBuffer = 4 << 20

// Append adds entries and replaces the state, as one: after a crash all of it is
// there or nothing. It is durable when Append returns. There may be no entries.
// Seq is set in each. One commit has at most 64 MiB.
//
// After an error the spool is as it was. Only if what was written could not be
// taken back either, which the error says, Append fails from then on, and the
// next Open may find the entries with their state.
func (s *Spool) Append(entries []Entry, state []byte) error {
	s.commit.Lock()
	defer s.commit.Unlock()
	size, err := frameBytes(entries, state)
	if err != nil {
		return err
	}
	if s.broken != nil {
		return fmt.Errorf("the spool %s takes no more posts until it is opened again: %w", s.dir, s.broken)
	}
	// Without acknowledgements, segments of states alone would stay.
	if err := s.reclaim(); err != nil {
		return err
	}
	g, err := s.room(size)
	if err != nil {
		return err
	}
	if g == nil {
		err = s.finishNewest()
	}
	if err == nil {
		err = s.write(entries, state, g)
	}
	if err != nil {
		return fmt.Errorf("the spool %s could not take %d posts: %w", s.dir, len(entries), err)
	}
	return nil
}

// room returns the segment for a commit of size bytes, nil for a new one, or
// that there is no room for it.
func (s *Spool) room(size int64) (*segment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	if headerBytes+size > s.o.MaxBytes {
		return nil, fmt.Errorf("a commit of %d bytes does not fit into the spool %s of %d bytes", size, s.dir, s.o.MaxBytes)
	}
	if len(s.segments) == 0 {
		return nil, nil
	}
	newest := s.segments[len(s.segments)-1]
	if newest.size < min(s.o.SegmentBytes, s.o.MaxBytes/4) && s.total+size <= s.o.MaxBytes {
		return newest, nil
	}
	used := s.total
	if newest.next <= s.marks.low+1 {
		used -= newest.size // nothing is left in it: it goes when there is a newer one
	}
	if used+headerBytes+size <= s.o.MaxBytes {
		return nil, nil
	}
	return nil, ErrFull
}

// write makes a commit durable and then visible. It goes into g, or into a new
// segment if g is nil.
func (s *Spool) write(entries []Entry, state []byte, g *segment) error {
	// What is read here without mu changes under the commit lock only.
	number, first := s.commits, s.next
	begin, out, buf := g == nil, s.out, s.buf[:0]
	if begin {
		g = &segment{number: number}
		buf = appendSegmentHeader(buf, s.id, number, first)
	}
	off := g.size
	buf = appendFrame(buf, seed(s.id, g.number), number, first, entries, state)
	if s.buf = buf; cap(buf) > keptBuffer {
		s.buf = nil
	}

	path := s.path(segmentName(g.number))
	var err error
	if begin {
		if out, err = s.fs.Create(path); err != nil {
			return err
		}
	}
	takeBack := func(err error) error {
		var rest error
		if begin {
			if rest = errors.Join(out.Close(), s.fs.Remove(path)); rest == nil {
				rest = s.fs.SyncDir(s.dir)
			}
		} else if rest = out.Truncate(off); rest == nil {
			rest = out.Sync()
		}
		if rest != nil {
			return s.stuck(err, rest)
		}
		return err
	}
	if _, err = out.WriteAt(buf, off); err == nil {
		err = out.Sync()
	}
	if err == nil && begin {
		err = s.fs.SyncDir(s.dir)
	}
	if err != nil {
		return takeBack(err)
	}

	s.mu.Lock()
	before := s.marks.end
	s.marks.end = position{g.number, off + int64(len(buf))}
	if err := s.marks.write(); err != nil {
		// The mark may have been written all the same: it has to go first, or the
		// next Open would miss what is taken back.
		s.marks.end = before
		rest := s.marks.write()
		s.mu.Unlock()
		if rest == nil {
			rest = s.marks.file.Sync()
		}
		if rest != nil {
			return s.stuck(err, rest)
		}
		return takeBack(err)
	}
	defer s.mu.Unlock()
	var old File
	if begin {
		old, s.out = s.out, out
		s.segments = append(s.segments, g)
	}
	for i := range entries {
		e := &entries[i]
		e.Seq = first + uint64(i)
		s.keys.Add(e.Key)
		s.marks.bytes += int64(len(e.Data))
	}
	s.marks.entries += len(entries)
	s.commits++
	s.next += uint64(len(entries))
	g.next, g.size = s.next, off+int64(len(buf))
	s.total += int64(len(buf))
	s.state = append(s.state[:0], state...)
	if old != nil {
		old.Close() // synced: nothing can be lost
	}
	return nil
}

// stuck is the end of all writing: err could not be undone because of rest.
func (s *Spool) stuck(err, rest error) error {
	s.broken = fmt.Errorf("%w, which could not be taken back: %w", err, rest)
	return s.broken
}
