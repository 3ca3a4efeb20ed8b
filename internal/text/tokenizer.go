package text

import (
	"math"
	"sync"
)

// Tokenizer turns texts into ids. It is immutable and may be shared by
// goroutines; buffers come from a pool, so a call allocates nothing once the
// pool holds buffers of that size. Texts are UTF-8; a text that is not gets
// some ids or other.
type Tokenizer struct {
	config Config
	vocab  Vocab
	steps  []cleaner
	split  splitter
	limit  int32 // ids from here on are not given to words
	oov    int32 // id of unknown words; -1 = they are dropped
	maxID  int
}

// New returns the tokenizer that the config and the vocabulary describe. It
// does not read through the vocabulary.
func New(c Config, v Vocab) (*Tokenizer, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if err := v.check(); err != nil {
		return nil, err
	}
	oov, err := c.oovID(&v)
	if err != nil {
		return nil, err
	}
	if c.Kind == KindWordPiece {
		if err := checkLetters(&v); err != nil {
			return nil, err
		}
	}
	t := &Tokenizer{config: c, vocab: v, steps: c.steps(), split: newSplitter(c), limit: int32(c.limit(v.Len())), oov: int32(oov)}
	t.maxID = max(int(t.limit)-1, 0)
	for t.maxID > 0 && len(v.Word(t.maxID)) == 0 { // holes at the end
		t.maxID--
	}
	t.maxID = max(t.maxID, oov)
	return t, nil
}

// Config returns the tokenizer's description.
func (t *Tokenizer) Config() Config { return t.config }

// MaxID returns the highest id that Encode and EncodePadded can give: an
// Embedding before which the tokenizer stands needs more rows than that.
func (t *Tokenizer) MaxID() int { return t.maxID }

// Encode appends the ids of the text to dst, without padding or truncation.
func (t *Tokenizer) Encode(dst []int32, text string) []int32 {
	s := scratches.Get().(*scratch)
	dst = t.encode(dst, s, text, math.MaxInt)
	scratches.Put(s)
	return dst
}

// EncodePadded fills dst, whose length is usually Config.MaxLen, with the ids
// of the text, cut or padded with zeros to that length.
func (t *Tokenizer) EncodePadded(dst []int32, text string) {
	s := scratches.Get().(*scratch)
	most := math.MaxInt
	if t.config.Truncating == Post {
		most = len(dst)
	}
	s.ids = t.encode(s.ids[:0], s, text, most)
	t.pad(dst, s.ids)
	scratches.Put(s)
}

// pad copies ids to dst as pad_sequences does for one sequence.
func (t *Tokenizer) pad(dst, ids []int32) {
	if extra := len(ids) - len(dst); extra > 0 {
		if t.config.Truncating == Pre {
			ids = ids[extra:]
		} else {
			ids = ids[:len(dst)]
		}
	}
	if zeros := len(dst) - len(ids); t.config.Padding == Pre {
		clear(dst[:zeros])
		copy(dst[zeros:], ids)
	} else {
		clear(dst[copy(dst, ids):])
	}
}

// encode appends the ids of the text to dst, at least the first most of them.
func (t *Tokenizer) encode(dst []int32, s *scratch, text string, most int) []int32 {
	s.prepare(text, t.steps, t.split)
	start := len(dst)
	for _, w := range s.words {
		switch word := s.text[w.from:w.to]; t.config.Kind {
		case KindWordPiece:
			dst = t.appendPieces(dst, start, word)
		case KindVectorization:
			dst = t.appendVectorized(dst, word)
		default:
			dst = t.appendWord(dst, word)
		}
		if len(dst)-start >= most {
			break
		}
	}
	return dst
}

// appendWord appends the id of a word as Keras' texts_to_sequences does.
func (t *Tokenizer) appendWord(dst []int32, word []byte) []int32 {
	id := t.vocab.lookup(word)
	if id < 0 || id >= t.limit {
		id = t.oov
	}
	if id < 0 {
		return dst
	}
	return append(dst, id)
}

// scratch holds the buffers of one call.
type scratch struct {
	text, next []byte // the text as cleaned so far, and what the next step writes
	words      []span // of text
	ids        []int32
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// prepare leaves the cleaned text in s.text and its words in s.words.
func (s *scratch) prepare(text string, steps []cleaner, split splitter) {
	s.text = append(s.text[:0], text...)
	for _, clean := range steps {
		s.next = clean(s.next[:0], s.text)
		s.text, s.next = s.next, s.text
	}
	s.words = s.words[:0]
	split(s)
}
