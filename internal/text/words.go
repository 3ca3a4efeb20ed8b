package text

import (
	"bytes"
	"unicode/utf8"
)

// splitter finds the words of s.text and leaves their bounds in s.words. It may
// rewrite s.text first.
type splitter func(s *scratch)

// span is a part of scratch.text.
type span struct{ from, to int }

// newSplitter returns what text_to_word_sequence does after lower case, or, for
// a tokenizer of characters, Python's walk over a str. Word pieces are cut from
// what stands between spaces.
func newSplitter(c Config) splitter {
	if c.Kind == KindWordPiece {
		return func(s *scratch) { splitAtBytes(s, &spaceOnly) }
	}
	if c.Kind == KindVectorization {
		return splitVectorization(c)
	}
	if c.CharLevel {
		return splitCharacters
	}
	// Where the separator and the filters are ASCII, replacing and splitting
	// come down to one look at each byte.
	var separates [256]bool
	ascii := len(c.Split) == 1 && c.Split[0] < utf8.RuneSelf
	for _, r := range c.Filters + c.Split {
		if r < utf8.RuneSelf {
			separates[r] = true
		} else {
			ascii = false
		}
	}
	if ascii {
		return func(s *scratch) { splitAtBytes(s, &separates) }
	}
	filtered := make(map[rune]bool)
	for _, r := range c.Filters {
		filtered[r] = true
	}
	return func(s *scratch) { splitAtString(s, c.Split, filtered) }
}

// spaceOnly separates the tokens of the normalisers.
var spaceOnly = [256]bool{' ': true}

// splitAtBytes splits at every byte that separates.
func splitAtBytes(s *scratch, separates *[256]bool) {
	text, from := s.text, 0
	for i, b := range text {
		if separates[b] {
			if i > from {
				s.words = append(s.words, span{from, i})
			}
			from = i + 1
		}
	}
	if len(text) > from {
		s.words = append(s.words, span{from, len(text)})
	}
}

// splitAtString replaces every filtered code point by the separator, then
// splits at the separator from left to right. A replaced character and those
// around it can make up a separator together, as in Python.
func splitAtString(s *scratch, separator string, filtered map[rune]bool) {
	s.next = s.next[:0]
	for rest := s.text; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		if filtered[r] {
			s.next = append(s.next, separator...)
		} else {
			s.next = append(s.next, rest[:size]...)
		}
		rest = rest[size:]
	}
	s.text, s.next = s.next, s.text
	for from := 0; from < len(s.text); {
		to := len(s.text)
		if n := bytes.Index(s.text[from:], []byte(separator)); n >= 0 {
			to = from + n
		}
		if to > from {
			s.words = append(s.words, span{from, to})
		}
		from = to + len(separator)
	}
}

// splitCharacters makes a word of every code point.
func splitCharacters(s *scratch) {
	for from := 0; from < len(s.text); {
		_, size := utf8.DecodeRune(s.text[from:])
		s.words = append(s.words, span{from, from + size})
		from += size
	}
}
