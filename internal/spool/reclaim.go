package spool

import "fmt"

// reclaim removes segments in which nothing is left. What is being removed by
// another call is left to that.
func (s *Spool) reclaim() error {
	for s.oldest() != nil {
		if !s.reclaiming.TryLock() {
			return nil
		}
		err := s.reclaimOldest()
		s.reclaiming.Unlock()
		if err != nil {
			return fmt.Errorf("the spool %s cannot make room: %w", s.dir, err)
		}
	}
	return nil
}

// oldest returns the segment to remove, nil if there is none.
func (s *Spool) oldest() *segment {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.segments) < 2 || s.segments[0].next > s.marks.low+1 {
		return nil
	}
	return s.segments[0]
}

// finishNewest makes the newest segment one that can be removed: the keys are
// saved while there is room on the disk, so that a full one can be emptied.
func (s *Spool) finishNewest() error {
	s.reclaiming.Lock()
	defer s.reclaiming.Unlock()
	s.mu.Lock()
	if len(s.segments) == 0 {
		s.mu.Unlock()
		return nil
	}
	newest := s.segments[len(s.segments)-1]
	s.mu.Unlock()
	return s.saveKeys(newest)
}

func (s *Spool) reclaimOldest() error {
	g := s.oldest()
	if g == nil {
		return nil
	}
	// Open may have found the keys without the mark that says so.
	if err := s.saveKeys(g); err != nil {
		return err
	}
	// From here on the marks on disk do without the segment.
	if err := s.checkpoint(); err != nil {
		return err
	}
	if s.saved.unused > 0 {
		if err := s.removeIfThere(s.keysPath(s.saved.unused)); err != nil {
			return err
		}
		s.saved.unused = 0
	}
	if err := s.removeIfThere(s.path(segmentName(g.number))); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.segments = s.segments[1:]
	s.total -= g.size
	if s.in != nil && s.in.number == g.number {
		s.in.file.Close() // read only
		s.in = nil
	}
	return nil
}

// checkpoint makes the marks durable. The caller holds reclaiming.
func (s *Spool) checkpoint() error {
	s.mu.Lock()
	err := s.marks.keep()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.marks.file.Sync()
}

// removeIfThere removes a file. An earlier attempt may have got as far.
func (s *Spool) removeIfThere(path string) error {
	if err := s.fs.Remove(path); err != nil && !isNotExist(err) {
		return err
	}
	return nil
}
