package text

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// Vocab is a vocabulary: words by id, and ids by word. The word with id i is
// Bytes[Offsets[i]:Offsets[i+1]]; an empty word is a hole, an id that no word
// has. Id 0 is padding and usually a hole.
//
// Index is an open-addressing hash table with linear probing whose length is a
// power of two. A slot is 0 when it is free, else id+1 in its low bits and, in
// the bits above, those of the word's hash. How many bits the ids take follows
// from the number of ids, so the three slices say everything and can be used in
// place from a mapped file. A Vocab is immutable once made by NewVocab or
// MapVocab.
type Vocab struct {
	Bytes   []byte   // the words, one after the other, UTF-8
	Offsets []uint32 // [ids+1]
	Index   []uint32 // [power of two]
}

// maxIDs is the number of ids a Vocab can hold: ids are int32 and a slot of the
// index keeps id+1.
const maxIDs = math.MaxInt32 - 1

// NewVocab returns the vocabulary in which words[i] has id i. Empty words are
// holes; a word that occurs twice is an error.
func NewVocab(words []string) (Vocab, error) {
	if len(words) > maxIDs {
		return Vocab{}, fmt.Errorf("vocabulary: %d ids are more than the %d that fit", len(words), maxIDs)
	}
	var size uint64
	filled := 0
	for _, w := range words {
		size += uint64(len(w))
		if w != "" {
			filled++
		}
	}
	if size > math.MaxUint32 {
		return Vocab{}, fmt.Errorf("vocabulary: words of %d bytes in all are more than the 4 GiB that fit", size)
	}
	v := Vocab{
		Bytes:   make([]byte, 0, size),
		Offsets: make([]uint32, 1, len(words)+1),
		Index:   make([]uint32, indexLen(filled)),
	}
	ids := idMask(len(words))
	for id, w := range words {
		v.Bytes = append(v.Bytes, w...)
		v.Offsets = append(v.Offsets, uint32(len(v.Bytes)))
		if w == "" {
			continue
		}
		hash := hashOf(w).spread()
		mask := uint32(len(v.Index) - 1)
		slot := hash & mask
		for ; v.Index[slot] != 0; slot = (slot + 1) & mask {
			entry := v.Index[slot]
			if (entry^hash)&^ids == 0 && words[entry&ids-1] == w {
				return Vocab{}, fmt.Errorf("vocabulary: word %q has two ids, %d and %d", w, entry&ids-1, id)
			}
		}
		v.Index[slot] = hash&^ids | uint32(id+1)
	}
	return v, nil
}

// MapVocab returns the vocabulary made of the three slices, usually parts of a
// mapped file, without copying or reading through them. It checks their
// lengths; every lookup checks what it reads, so slices with damaged contents
// give wrong ids but never a panic or a read outside them.
func MapVocab(bytes []byte, offsets, index []uint32) (Vocab, error) {
	v := Vocab{Bytes: bytes, Offsets: offsets, Index: index}
	return v, v.check()
}

// check verifies the lengths of the three slices.
func (v *Vocab) check() error {
	switch n := len(v.Offsets) - 1; {
	case n < 0:
		return errors.New("vocabulary: no offsets; one more than ids is needed")
	case n > maxIDs:
		return fmt.Errorf("vocabulary: %d ids are more than the %d that fit", n, maxIDs)
	case v.Offsets[0] != 0:
		return fmt.Errorf("vocabulary: the first offset is %d, want 0", v.Offsets[0])
	case uint64(v.Offsets[n]) != uint64(len(v.Bytes)):
		return fmt.Errorf("vocabulary: the last offset is %d, but the words have %d bytes", v.Offsets[n], len(v.Bytes))
	case len(v.Index) == 0 || len(v.Index)&(len(v.Index)-1) != 0 || uint64(len(v.Index)) > 1<<32:
		return fmt.Errorf("vocabulary: an index of %d slots; the number must be a power of two", len(v.Index))
	}
	return nil
}

// Len returns the number of ids, holes included: one more than the highest id.
func (v *Vocab) Len() int { return max(len(v.Offsets)-1, 0) }

// Word returns the word with the id, or nothing for a hole and for an id that
// the vocabulary does not have. The caller must not change the bytes.
func (v *Vocab) Word(id int) []byte {
	if id < 0 || id >= v.Len() {
		return nil
	}
	from, to := v.Offsets[id], v.Offsets[id+1]
	if from > to || uint64(to) > uint64(len(v.Bytes)) {
		return nil
	}
	return v.Bytes[from:to:to]
}

// ID returns the id of the word, and whether it has one.
func (v *Vocab) ID(word string) (int, bool) {
	id := v.lookup([]byte(word))
	return int(id), id >= 0
}

// lookup returns the id of the word, or -1.
func (v *Vocab) lookup(word []byte) int32 {
	return v.find(hashOf(word), "", word)
}

// find returns the id of the word prefix+rest, whose hash is given, or -1.
func (v *Vocab) find(h hash, prefix string, rest []byte) int32 {
	if len(v.Index) == 0 || len(prefix)+len(rest) == 0 {
		return -1
	}
	x, ids := h.spread(), idMask(v.Len())
	mask := uint32(len(v.Index) - 1)
	slot := x & mask
	for range v.Index { // bounds the search in a damaged index without free slots
		entry := v.Index[slot]
		if entry == 0 {
			return -1
		}
		if (entry^x)&^ids == 0 {
			id := int(entry&ids) - 1
			w := v.Word(id)
			if len(w) == len(prefix)+len(rest) && string(w[:len(prefix)]) == prefix && string(w[len(prefix):]) == string(rest) {
				return int32(id)
			}
		}
		slot = (slot + 1) & mask
	}
	return -1
}

// indexLen is the number of slots for n words: a power of two that leaves at
// least a third of them free.
func indexLen(n int) int {
	return 1 << bits.Len(uint(n+n/2))
}

// idMask has the low bits set that hold id+1 for every id below n.
func idMask(n int) uint32 {
	return uint32(1)<<bits.Len(uint(n)) - 1
}

// hash is the state of a 64-bit FNV-1a hash: one byte at a time, so the hashes
// of all prefixes of a word come out of one pass over it.
type hash uint64

const (
	hashStart hash = 14695981039346656037 // FNV offset basis
	hashPrime hash = 1099511628211        // FNV prime
)

func (h hash) add(b byte) hash { return (h ^ hash(b)) * hashPrime }

// spread folds the state into the 32 bits that the index uses. FNV's high bits
// are mixed poorly for short words, so a multiplication by the odd number next
// to 2^64/phi (Fibonacci hashing) follows.
func (h hash) spread() uint32 {
	return uint32((h ^ h>>32) * 0x9e3779b97f4a7c15 >> 32)
}

func hashOf[T string | []byte](word T) hash {
	h := hashStart
	for i := 0; i < len(word); i++ {
		h = h.add(word[i])
	}
	return h
}
