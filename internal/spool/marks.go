package spool

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
)

// The file of the marks has four slots. Every change is one write of all marks
// into the older of the first two slots, not synced: the end of the process
// loses nothing, and a write that was torn leaves the other slot. A power cut
// may tear both, so the other two slots are written and synced in turn before
// anything is removed. The valid slot with the highest generation counts.
//
//	magic [8] | generation u64 | spool id u32 | length u32 | low u64 | handed u64 |
//	segment u64 | segment length u64 | keys file u64 | its length u64 | length of the one before u64 |
//	state length u32 | words u32 | state | words x u64 | sum u32
const (
	marksName  = "ack"
	marksMagic = "cspack\x00\x01" // the last byte is the version
	marksFixed = 88
	slotBytes  = 16 << 10 // at least marksFixed + MaxAckState + 8*windowWords + 4
	slots      = 4
)

// position is how far the newest segment is committed: what is damaged before it
// is damage, and not the rest of an unfinished write.
type position struct {
	segment uint64 // number, 0 = there is none yet
	length  int64
}

// keyMark is how far the files of keys are committed.
type keyMark struct {
	file   uint64 // number of the newest, 0 = there is none
	length int64
	before int64 // length of the file before it, 0 = there is none
}

// marks are what is known of the entries.
type marks struct {
	file       File
	id         uint32
	generation uint64
	fast, kept int64 // which of the two slots is next
	buf        []byte

	low    uint64 // this entry and all before it are acknowledged
	high   uint64 // the last one that is
	words  [windowWords]uint64
	handed uint64 // the last one that may have been sent
	end    position
	keys   keyMark
	state  []byte

	pos     uint64 // behind the last one that this run handed out
	prior   uint64 // handed, at Open
	sizes   [windowSizes]uint32
	entries int // committed, not acknowledged
	bytes   int64
}

// done reports whether an entry up to low+Window is acknowledged.
func (m *marks) done(seq uint64) bool {
	return seq <= m.low || seq <= m.high && m.words[seq/64%windowWords]>>(seq%64)&1 == 1
}

// handOut notes that Next returns an entry.
func (m *marks) handOut(seq uint64, size uint32) {
	m.sizes[seq%windowSizes] = size
	m.pos = seq + 1
}

// settle takes back what reserve marked too many.
func (m *marks) settle() { m.handed = max(m.prior, m.pos-1) }

// acknowledge takes an entry out.
func (m *marks) acknowledge(seq uint64) {
	if m.done(seq) {
		return
	}
	m.words[seq/64%windowWords] |= 1 << (seq % 64)
	m.high = max(m.high, seq)
	m.entries--
	m.bytes -= int64(m.sizes[seq%windowSizes])
	for m.low < m.high && m.done(m.low+1) {
		m.low++
		m.words[m.low/64%windowWords] &^= 1 << (m.low % 64)
	}
}

// Ack takes entries that Next returned out of the spool, in any order, and
// replaces its state, of at most MaxAckState bytes. The end of the process loses
// nothing of it; after a power cut the last ones may be sent again. Segments in
// which nothing is left are removed, but the newest.
//
// An error about an entry or the state changes nothing. After another one the
// entries count as acknowledged, and what could not be written or removed is
// tried again by the next Ack.
func (s *Spool) Ack(done []uint64, state []byte) error {
	if err := s.ack(done, state); err != nil {
		return err
	}
	return s.reclaim()
}

func (s *Spool) ack(done []uint64, state []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := &s.marks
	if s.closed {
		return errClosed
	}
	if len(state) > MaxAckState {
		return fmt.Errorf("a state of %d bytes is too long, the most is %d", len(state), MaxAckState)
	}
	for _, seq := range done {
		if seq == 0 || seq >= m.pos {
			return fmt.Errorf("post %d of the spool %s was acknowledged before it was read", seq, s.dir)
		}
	}
	for _, seq := range done {
		m.acknowledge(seq)
	}
	m.state = append(m.state[:0], state...)
	if err := m.write(); err != nil {
		return fmt.Errorf("the spool %s cannot note what was sent, which may be sent again: %w", s.dir, err)
	}
	return nil
}

// write puts the marks into the older of the first two slots.
func (m *marks) write() error { return m.put(0, &m.fast) }

// keep puts the marks into the older of the other two.
func (m *marks) keep() error { return m.put(2, &m.kept) }

// put writes a slot. After a failure the same slot is the next.
func (m *marks) put(from int64, which *int64) error {
	m.encode(m.generation + 1)
	if _, err := m.file.WriteAt(m.buf, (from+*which)*slotBytes); err != nil {
		return err
	}
	m.generation++
	*which ^= 1
	return nil
}

// encode sets buf.
func (m *marks) encode(generation uint64) {
	b := append(m.buf[:0], marksMagic...)
	b = littleEndian.AppendUint64(b, generation)
	b = littleEndian.AppendUint32(b, m.id)
	b = littleEndian.AppendUint32(b, 0)
	for _, v := range [...]uint64{m.low, m.handed, m.end.segment, uint64(m.end.length), m.keys.file, uint64(m.keys.length), uint64(m.keys.before)} {
		b = littleEndian.AppendUint64(b, v)
	}
	first, words := (m.low+1)/64, uint64(0)
	if m.high > m.low {
		words = m.high/64 - first + 1
	}
	b = littleEndian.AppendUint32(b, uint32(len(m.state)))
	b = littleEndian.AppendUint32(b, uint32(words))
	b = append(b, m.state...)
	for i := range words {
		b = littleEndian.AppendUint64(b, m.words[(first+i)%windowWords])
	}
	b = littleEndian.AppendUint32(b, 0)
	littleEndian.PutUint32(b[20:], uint32(len(b)))
	seal(b, 0)
	m.buf = b
}

// generationOf returns the generation of a slot, 0 if it is not valid.
func generationOf(slot []byte) (generation uint64, length int) {
	n := littleEndian.Uint32(slot[20:])
	if n < marksFixed+4 || n > slotBytes || string(slot[:8]) != marksMagic || !sealed(slot[:n], 0) {
		return 0, 0
	}
	return littleEndian.Uint64(slot[8:]), int(n)
}

// read takes the marks from the file. ok is false if no slot is valid.
func (m *marks) read() (ok bool, err error) {
	all := make([]byte, slots*slotBytes)
	if _, err := m.file.ReadAt(all, 0); err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	var generations [slots]uint64
	best, length := 0, 0
	for i := range slots {
		g, n := generationOf(all[i*slotBytes:][:slotBytes])
		if generations[i] = g; g > m.generation {
			m.generation, best, length = g, i, n
		}
	}
	if length == 0 {
		return false, nil
	}
	// The newer of the synced ones has to stay until the other is synced.
	if generations[2] > generations[3] {
		m.kept = 1
	}
	b := all[best*slotBytes:][:length]
	m.id = littleEndian.Uint32(b[16:])
	word := func(off int) uint64 { return littleEndian.Uint64(b[off:]) }
	m.low, m.handed = word(24), word(32)
	m.end = position{word(40), int64(word(48))}
	m.keys = keyMark{word(56), int64(word(64)), int64(word(72))}
	state, words := uint64(littleEndian.Uint32(b[80:])), uint64(littleEndian.Uint32(b[84:]))
	if words > windowWords || marksFixed+state+8*words+4 != uint64(length) {
		return false, nil
	}
	m.state = append(m.state, b[marksFixed:marksFixed+state]...)
	b = b[marksFixed+state:]
	first := (m.low + 1) / 64
	m.high = m.low
	for i := range words {
		w := littleEndian.Uint64(b[8*i:])
		m.words[(first+i)%windowWords] = w
		if w != 0 {
			m.high = max(m.high, (first+i)*64+uint64(bits.Len64(w)-1))
		}
	}
	m.pos, m.prior = 1, m.handed
	return true, nil
}

// maybeSent counts what was handed out and not acknowledged.
func (m *marks) maybeSent() int {
	n := int(m.handed - m.low)
	for _, w := range m.words {
		n -= bits.OnesCount64(w)
	}
	return n
}
