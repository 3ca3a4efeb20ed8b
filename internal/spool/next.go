package spool

import (
	"fmt"
	"io"
)

// Next returns the next committed entry that is not acknowledged, in the order
// of Seq and each once per Open. It is io.EOF when there is none at the moment:
// at the end of what was appended, or Window entries behind the oldest one that
// is not acknowledged. Data belongs to the caller; the entries of one Append
// share an array, which lives as long as one of them. Damage is a CorruptError.
func (s *Spool) Next() (Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return Entry{}, errClosed
	}
	for {
		if len(s.frame.heads) == 0 {
			if err := s.nextFrame(); err != nil {
				return Entry{}, err
			}
			continue
		}
		seq := s.frame.seq
		if seq > s.marks.low+Window {
			return Entry{}, io.EOF
		}
		if !s.marks.done(seq) {
			if err := s.reserve(seq); err != nil {
				return Entry{}, err
			}
			s.marks.handOut(seq, s.frame.size())
			return s.frame.take(), nil
		}
		s.frame.take()
	}
}

// nextFrame moves to the next commit.
func (s *Spool) nextFrame() error {
	for {
		if s.in != nil {
			h, p, err := s.in.next()
			if err == nil {
				s.frame.set(h, p)
				return nil
			}
			if err != io.EOF {
				return err
			}
		}
		more, err := s.nextSegment()
		if err != nil {
			return err
		}
		if !more {
			return io.EOF
		}
	}
}

// nextSegment moves to what was committed behind the end of what Next has read,
// or reports that there is nothing. Segments in which nothing is left are passed
// over: they may be removed at any time.
func (s *Spool) nextSegment() (bool, error) {
	for i, g := range s.segments {
		if i < len(s.segments)-1 && g.next <= s.marks.low+1 || s.in != nil && g.number < s.in.number {
			continue
		}
		if s.in == nil || g.number > s.in.number {
			return true, s.readFrom(g)
		}
		if s.in.size < g.size {
			s.in.size = g.size
			return true, nil
		}
	}
	return false, nil
}

// readFrom makes a segment the one that Next reads.
func (s *Spool) readFrom(g *segment) error {
	r, err := s.reader(g.number, g.size)
	if err != nil {
		return err
	}
	if s.in != nil {
		s.in.file.Close() // read only: nothing can be lost
		r.buf = s.in.buf[:0]
	}
	s.in = r
	return nil
}

// reserve writes down that the entry may be sent, and some of those behind it,
// before the first of them is.
func (s *Spool) reserve(seq uint64) error {
	before := s.marks.handed
	if seq <= before {
		return nil
	}
	s.marks.handed = min(seq+reserved-1, s.next-1)
	if err := s.marks.write(); err != nil {
		s.marks.handed = before
		return fmt.Errorf("the spool %s cannot note what is sent: %w", s.dir, err)
	}
	return nil
}
