package spool

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
	"math/rand/v2"
)

// Keys of all segments but the newest are in files of their own, which are
// numbered; the newest two are kept, and a new one begins when the newest has
// Options.Keys. A file is a header and blocks, each with the keys of entries up
// to a Seq.
//
//	header  magic [8] | spool id u32 | sum u32
//	block   count u32 | through u64 | count x u64 | sum u32
const (
	keysSuffix = ".keys"
	keysMagic  = "cspkeys\x01" // the last byte is the version
	keysHeader = 16
	blockFixed = 12
	blockKeys  = 32 << 10 // most keys of a block
)

// Keys remembers keys, the newest limit of them at least and twice as many at
// most: in two generations, the older of which is forgotten when the younger is
// full. 0 is no key.
type Keys struct {
	limit      int
	young, old keyTable
}

// NewKeys returns Keys that remember limit keys at least.
func NewKeys(limit int) *Keys { return &Keys{limit: limit} }

// Add remembers a key.
func (k *Keys) Add(key uint64) {
	if key == 0 || k.young.has(key) {
		return
	}
	if k.young.count >= k.limit {
		k.young, k.old = k.old, k.young
		clear(k.young.slots)
		k.young.count = 0
	}
	k.young.add(key)
}

// Has reports whether a key is remembered.
func (k *Keys) Has(key uint64) bool {
	return key != 0 && (k.young.has(key) || k.old.has(key))
}

// keyTable is a set of keys other than 0. With a Go map, which looks in three
// places for a key, adding keys was two fifths of the spool's time.
type keyTable struct {
	slots []uint64 // a power of two of them, at least a quarter is 0
	count int
	mul   uint64 // random, odd: nobody can make up keys that all belong in one place
}

// slot returns where key is, or the 0 where it belongs.
func (t *keyTable) slot(key uint64) *uint64 {
	shift := bits.LeadingZeros64(uint64(len(t.slots) - 1))
	for i := key * t.mul >> shift; ; i = (i + 1) & uint64(len(t.slots)-1) {
		if s := &t.slots[i]; *s == key || *s == 0 {
			return s
		}
	}
}

func (t *keyTable) has(key uint64) bool { return t.count > 0 && *t.slot(key) == key }

// add takes a key that is not in the set.
func (t *keyTable) add(key uint64) {
	if t.count >= len(t.slots)/4*3 {
		before := t.slots
		t.mul = rand.Uint64() | 1
		t.slots = make([]uint64, max(1024, 2*len(before)))
		for _, k := range before {
			if k != 0 {
				*t.slot(k) = k
			}
		}
	}
	*t.slot(key) = key
	t.count++
}

// keyLog is the newest file of keys.
type keyLog struct {
	mark    keyMark
	file    File // nil = there is none
	count   int
	through uint64 // the keys of entries up to this one are on disk
	unused  uint64 // a file to remove, 0 = there is none
	block   []byte
}

func (s *Spool) keysPath(number uint64) string {
	return s.path(fmt.Sprintf("%020d%s", number, keysSuffix))
}

// saveKeys makes the keys of a segment durable. The mark that says so is written
// with the next change. The caller holds reclaiming.
func (s *Spool) saveKeys(g *segment) error {
	if s.saved.through >= g.next-1 {
		return nil
	}
	r, err := s.reader(g.number, g.size)
	if err != nil {
		return err
	}
	defer r.file.Close()
	log := s.saved // a failure leaves s.saved as it was
	log.block = log.block[:0]
	wrote := false
	flush := func(through uint64) error {
		if log.through = through; len(log.block) == 0 {
			return nil
		}
		if !wrote && (log.file == nil || log.count >= s.o.Keys) {
			if err := s.beginKeys(&log); err != nil {
				return err
			}
		}
		wrote = true
		return log.flush(seed(s.id, log.mark.file))
	}
	err = func() error {
		for {
			h, p, err := r.next()
			if err == io.EOF {
				return flush(g.next - 1)
			}
			if err != nil {
				return err
			}
			for seq := h.first; len(p.heads) > 0; seq, p.heads = seq+1, p.heads[entryBytes:] {
				key := littleEndian.Uint64(p.heads)
				if key == 0 || seq <= log.through {
					continue
				}
				if len(log.block) == 0 {
					log.block = append(log.block, make([]byte, blockFixed)...)
				}
				if log.block = littleEndian.AppendUint64(log.block, key); len(log.block) == blockFixed+8*blockKeys {
					if err := flush(seq); err != nil {
						return err
					}
				}
			}
		}
	}()
	if err == nil && wrote {
		err = log.file.Sync()
	}
	if err == nil && log.mark.file != s.saved.mark.file {
		err = s.fs.SyncDir(s.dir)
	}
	unused := s.saved.file
	if err != nil {
		unused = log.file
	} else {
		s.saved = log
		s.mu.Lock()
		s.marks.keys = log.mark
		s.mu.Unlock()
	}
	if unused != nil && unused != s.saved.file {
		unused.Close() // synced, or not to be used
	}
	return err
}

// beginKeys makes the next file.
func (s *Spool) beginKeys(log *keyLog) error {
	number := log.mark.file + 1
	f, err := s.fs.Create(s.keysPath(number))
	if err != nil {
		return err
	}
	b := append([]byte(nil), keysMagic...)
	b = littleEndian.AppendUint32(b, s.id)
	b = littleEndian.AppendUint32(b, 0)
	seal(b, seed(s.id, number))
	if _, err := f.WriteAt(b, 0); err != nil {
		return errors.Join(err, f.Close())
	}
	log.mark = keyMark{file: number, length: keysHeader, before: log.mark.length}
	log.file, log.count = f, 0
	if number > 2 {
		log.unused = number - 2
	}
	return nil
}

// flush writes the block.
func (l *keyLog) flush(seed uint32) error {
	keys := (len(l.block) - blockFixed) / 8
	littleEndian.PutUint32(l.block, uint32(keys))
	littleEndian.PutUint64(l.block[4:], l.through)
	l.block = littleEndian.AppendUint32(l.block, 0)
	seal(l.block, seed)
	if _, err := l.file.WriteAt(l.block, l.mark.length); err != nil {
		return err
	}
	l.mark.length += int64(len(l.block))
	l.count += keys
	l.block = l.block[:0]
	return nil
}

// loadKeys remembers what the files of keys have, as far as they are committed.
// What stands behind is of segments that are still there.
func (s *Spool) loadKeys() error {
	mark := s.marks.keys
	s.saved.mark = mark
	if mark.before > 0 {
		f, err := s.readKeys(mark.file-1, mark.before)
		if err != nil {
			return err
		}
		f.Close() // read only
		s.saved.count = 0
	}
	if mark.file == 0 {
		return nil
	}
	f, err := s.readKeys(mark.file, mark.length)
	s.saved.file = f
	return err
}

// readKeys reads one file up to size.
func (s *Spool) readKeys(number uint64, size int64) (_ File, err error) {
	path := s.keysPath(number)
	f, err := s.fs.Open(path)
	if isNotExist(err) {
		return nil, &CorruptError{File: path, Reason: "the file is missing"}
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close() // read only
		}
	}()
	off, seed := int64(0), seed(s.id, number)
	corrupt := func(reason string) (File, error) {
		return nil, &CorruptError{File: path, Offset: off, Reason: reason}
	}
	b := make([]byte, keysHeader, blockFixed+8*blockKeys+4)
	read := func() (ok bool, err error) {
		if off+int64(len(b)) > size {
			return false, nil
		}
		_, err = f.ReadAt(b, off)
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		return err == nil, err
	}
	switch ok, err := read(); {
	case err != nil:
		return nil, err
	case !ok || !sealed(b, seed) || string(b[:8]) != keysMagic:
		return corrupt("the header is not the one that was written")
	}
	for off = keysHeader; off < size; off += int64(len(b)) {
		b = b[:blockFixed]
		ok, err := read()
		if err != nil {
			return nil, err
		}
		if count := littleEndian.Uint32(b); ok && count <= blockKeys {
			b = b[:blockFixed+8*int(count)+4]
			ok, err = read()
		} else {
			ok = false
		}
		switch {
		case err != nil:
			return nil, err
		case !ok || !sealed(b, seed):
			return corrupt("the checksum of a block of keys is wrong, or its end is missing")
		}
		s.saved.through = littleEndian.Uint64(b[4:])
		for keys := b[blockFixed : len(b)-4]; len(keys) > 0; keys = keys[8:] {
			s.keys.Add(littleEndian.Uint64(keys))
			s.saved.count++
		}
	}
	return f, nil
}
