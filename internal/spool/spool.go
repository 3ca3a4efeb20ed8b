// Package spool keeps posts on disk from the moment they are read until the
// target has accepted them.
//
// Open a directory, Append what the source gave together with the state needed
// to go on behind it, send what Next returns, and Ack it. What was appended
// survives the end of the process at any moment, and a power cut; what damage
// cannot be told apart from an unfinished write is never cut off silently.
// docs/design/spool.md has the files and the reasons.
package spool

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync"
)

// Entry is one post in the spool.
type Entry struct {
	Seq  uint64 // position, from 1, without gaps; set by Append and read by Next
	Key  uint64 // what duplicates share (a hash); 0 = none
	ID   string
	Data []byte
}

// Options bound a spool. The zero value takes the defaults.
type Options struct {
	SegmentBytes int64 // a new segment begins when the newest is as large, or a quarter of MaxBytes; 0 = 16 MiB
	MaxBytes     int64 // of all segments; 0 = 1 GiB. Append beyond it is ErrFull and changes nothing
	Keys         int   // ids remembered at least, twice as many at most; 0 = 1,000,000
	FS           FS    // file layer for tests; nil = the operating system's
}

// Bounds of a spool.
const (
	// Window is how far Next goes beyond the oldest entry that is not
	// acknowledged.
	Window = (windowWords - 1) * 64

	// MaxState and MaxAckState bound the states, in bytes.
	MaxState    = 1 << 20
	MaxAckState = 4 << 10

	windowWords = 1024 // of the bitmap of acknowledged entries, a ring
	windowSizes = windowWords * 64

	// reserved is how many entries Next marks as handed out with one write: a
	// write for each would be most of its cost.
	reserved = 256
)

// Errors that a caller handles.
var (
	// ErrFull is returned by Append when the spool would pass Options.MaxBytes.
	ErrFull = errors.New("the spool is full")
	// ErrLocked is returned by Open when another process has the directory.
	ErrLocked = errors.New("the spool is in use by another process")

	errClosed = errors.New("the spool is closed")
)

// CorruptError reports bytes that are not what was written.
type CorruptError struct {
	File   string // path
	Offset int64  // of the damaged record in it
	Reason string

	torn bool // an unfinished write may look like this
}

// Error says where the damage is and what can be done.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s is damaged at byte %d: %s; nothing was changed: restore the file, or move the directory away and begin anew without what it holds",
		e.File, e.Offset, e.Reason)
}

// segment is one file of commits.
type segment struct {
	number uint64 // of its first commit, which is its name
	next   uint64 // the Seq behind its last entry
	size   int64  // committed bytes
}

// A Spool is a queue on disk. It is safe for concurrent use.
type Spool struct {
	dir  string
	o    Options
	fs   FS
	lock io.Closer
	id   uint32 // of this spool: part of every checksum

	maybeSent int
	healed    int64

	// commit is held by the one Append that is under way, also while it waits for
	// the disk; reclaiming by the one that removes segments. They are taken in
	// this order, and mu last; mu is never held during a sync.
	commit     sync.Mutex
	out        File   // the newest segment
	buf        []byte // of the commit
	broken     error  // a failed write that could not be taken back
	reclaiming sync.Mutex
	saved      keyLog

	mu       sync.Mutex
	closed   bool
	segments []*segment // by number; the newest is the last
	total    int64      // bytes of the segments' files
	commits  uint64     // number of the next commit
	next     uint64     // Seq of the next entry
	state    []byte
	keys     Keys
	in       *reader // where Next reads, nil = at the start of the first segment
	frame    cursor  // the commit that Next is in
	marks    marks
}

// State returns the state given with the newest Append, nil if there was none.
func (s *Spool) State() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.state)
}

// AckState returns the state given with the newest Ack, nil if there was none.
func (s *Spool) AckState() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.marks.state)
}

// Has reports whether an entry with this key was appended, as far back as keys
// are remembered; acknowledged and removed entries count. Key 0 never is.
func (s *Spool) Has(key uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys.Has(key)
}

// Pending returns how many entries are committed and not acknowledged, and the
// bytes of their Data.
func (s *Spool) Pending() (entries int, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.marks.entries, s.marks.bytes
}

// MaybeSent returns how many entries earlier runs may have got by Next and did
// not acknowledge, as found by Open: they may arrive twice. After a crash it may
// be too high by 255, since Next marks so many entries ahead.
func (s *Spool) MaybeSent() int { return s.maybeSent }

// Healed returns how many bytes of an unfinished write Open cut off.
func (s *Spool) Healed() int64 { return s.healed }

// Close makes the acknowledgements durable and lets go of the directory. It
// waits for an Append that is under way.
func (s *Spool) Close() error {
	s.commit.Lock()
	defer s.commit.Unlock()
	s.reclaiming.Lock()
	defer s.reclaiming.Unlock()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.marks.settle()
	s.mu.Unlock()
	if err := errors.Join(s.checkpoint(), s.release()); err != nil {
		return fmt.Errorf("the end of the spool %s could not be written, some posts may be sent again: %w", s.dir, err)
	}
	return nil
}

// release closes what is open.
func (s *Spool) release() error {
	var err error
	if s.in != nil {
		err = s.in.file.Close()
	}
	for _, f := range []io.Closer{s.out, s.saved.file, s.marks.file, s.lock} {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	return err
}

func (s *Spool) path(name string) string { return filepath.Join(s.dir, name) }
