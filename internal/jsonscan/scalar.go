package jsonscan

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// scalar takes a value that is neither object nor array and begins with c.
func (s *Scanner) scalar(c byte) Value {
	start := s.pos
	switch {
	case c == '"':
		return s.str()
	case c == '-' || '0' <= c && c <= '9':
		s.number()
		return Value{Raw: s.doc[start:s.pos], Kind: Number}
	case c == 't':
		s.literal("true")
		return Value{Raw: s.doc[start:s.pos], Kind: Bool}
	case c == 'f':
		s.literal("false")
		return Value{Raw: s.doc[start:s.pos], Kind: Bool}
	case c == 'n':
		s.literal("null")
		return Value{Raw: s.doc[start:s.pos], Kind: Null}
	}
	s.failHere("want a value")
	return Value{}
}

func (s *Scanner) literal(word string) {
	if len(s.doc)-s.pos < len(word) || string(s.doc[s.pos:s.pos+len(word)]) != word {
		s.fail("want a value")
		return
	}
	s.pos += len(word)
}

// number takes -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
func (s *Scanner) number() {
	if s.doc[s.pos] == '-' {
		s.pos++
	}
	if s.at('0') {
		s.pos++
	} else if !s.digits() {
		return
	}
	if s.at('.') {
		s.pos++
		if !s.digits() {
			return
		}
	}
	if s.at('e') || s.at('E') {
		s.pos++
		if s.at('+') || s.at('-') {
			s.pos++
		}
		s.digits()
	}
}

func (s *Scanner) at(c byte) bool { return s.pos < len(s.doc) && s.doc[s.pos] == c }

func (s *Scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.doc) && '0' <= s.doc[s.pos] && s.doc[s.pos] <= '9' {
		s.pos++
	}
	if s.pos == start {
		s.failHere("want a digit")
		return false
	}
	return true
}

// Words with one value in each of their eight bytes.
const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// str takes the string whose opening quote stands here. Eight bytes at a time
// it looks for the first quote, backslash or control character: in x - ones, a
// byte of x that is 0 is the lowest one to borrow from its high bit.
func (s *Scanner) str() Value {
	start := s.pos
	doc := s.doc
	i := start + 1
	escaped, high := false, uint64(0)
	for {
		for len(doc)-i >= 8 {
			w := binary.LittleEndian.Uint64(doc[i:])
			quote := w ^ '"'*ones
			slash := w ^ '\\'*ones
			stop := ((quote-ones)&^quote | (slash-ones)&^slash | (w-0x20*ones)&^w) & highs
			if stop != 0 {
				n := bits.TrailingZeros64(stop) / 8
				high |= w & (1<<(8*n) - 1)
				i += n
				break
			}
			high |= w
			i += 8
		}
		for ; i < len(doc) && doc[i] >= 0x20 && doc[i] != '"' && doc[i] != '\\'; i++ {
			high |= uint64(doc[i])
		}
		s.pos = i
		switch {
		case i == len(doc):
			s.fail("unexpected end")
			return Value{}
		case doc[i] == '"':
			if high&highs != 0 && !utf8.Valid(doc[start:i]) {
				s.fail("text that is not UTF-8")
				return Value{}
			}
			s.pos++
			return Value{Raw: doc[start:s.pos], Kind: String, Escaped: escaped}
		case doc[i] != '\\':
			s.fail("control character in a string")
			return Value{}
		}
		escaped = true
		n := escapeLen(doc[i:])
		if n == 0 {
			s.fail("broken escape in a string")
			return Value{}
		}
		i += n
	}
}

// escapeLen returns the length of the escape that b begins with, 0 if it is none.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(b[2:]); ok {
			return 6
		}
	}
	return 0
}
