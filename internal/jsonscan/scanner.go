package jsonscan

import "fmt"

// MaxDepth is the deepest nesting of objects and arrays that a Scanner takes.
// The events that AWS sends stay below ten; the bound keeps the state of a scan
// in a few words whatever a document claims.
const MaxDepth = 256

// Kind says what a Value is.
type Kind uint8

// Kinds of values. None is the zero Value: nothing there, or not valid.
const (
	None Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

// String returns the kind as an error message names it.
func (k Kind) String() string {
	return [...]string{"nothing", "null", "a boolean", "a number", "a string", "an array", "an object"}[k]
}

// Value is one JSON value: a piece of the scanned document, not a copy.
type Value struct {
	Raw     []byte // as it stands in the document, quotes included
	Kind    Kind
	Escaped bool // String: holds at least one backslash
}

// Is reports whether v is the string s.
func (v Value) Is(s string) bool {
	if v.Kind != String {
		return false
	}
	if !v.Escaped {
		return string(v.Raw[1:len(v.Raw)-1]) == s
	}
	if len(v.Raw)-2 < len(s) { // an escape is never shorter than what it stands for
		return false
	}
	var buf [64]byte
	return string(AppendString(buf[:0], v)) == s
}

// Scanner walks through one JSON document. After the first error every method
// returns nothing, and Err says what was wrong.
type Scanner struct {
	doc   []byte
	pos   int
	first bool   // the innermost entered object or array has not yielded anything so far
	depth int    // of objects and arrays entered and not yet left
	fault string // "" = no error
}

// New returns a Scanner at the beginning of doc, which it never changes.
func New(doc []byte) Scanner { return Scanner{doc: doc} }

// Err returns the first error, or nil. It names the byte offset.
func (s *Scanner) Err() error {
	if s.fault == "" {
		return nil
	}
	return fmt.Errorf("%s at byte %d", s.fault, s.pos)
}

// fail records the first error, at the current position.
func (s *Scanner) fail(what string) {
	if s.fault == "" {
		s.fault = what
	}
}

// space skips white space and returns the byte that follows, 0 at the end.
func (s *Scanner) space() byte {
	for ; s.pos < len(s.doc); s.pos++ {
		switch c := s.doc[s.pos]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// Next returns the kind of the value that stands next, by its first character,
// without taking it; None if there is none.
func (s *Scanner) Next() Kind {
	if s.fault != "" {
		return None
	}
	switch c := s.space(); {
	case c == '{':
		return Object
	case c == '[':
		return Array
	case c == '"':
		return String
	case c == 't' || c == 'f':
		return Bool
	case c == 'n':
		return Null
	case c == '-' || '0' <= c && c <= '9':
		return Number
	}
	return None
}

// Object enters the object that stands next; Member walks through it.
func (s *Scanner) Object() bool { return s.enter('{', "want an object") }

// Array enters the array that stands next; Element walks through it.
func (s *Scanner) Array() bool { return s.enter('[', "want an array") }

func (s *Scanner) enter(open byte, want string) bool {
	if s.fault != "" {
		return false
	}
	if s.space() != open || s.pos >= len(s.doc) {
		s.fail(want)
		return false
	}
	if s.depth == MaxDepth {
		s.fail("nested too deeply")
		return false
	}
	s.pos++
	s.depth++
	s.first = true
	return true
}

// Member moves to the next member of the object entered last and returns its
// key. The caller takes the value (Value, Object or Array) before it calls
// Member again. False means the object has ended, or an error.
func (s *Scanner) Member() (key Value, ok bool) {
	if !s.more('}') {
		return Value{}, false
	}
	key = s.key()
	return key, s.fault == ""
}

// Element moves to the next element of the array entered last, which the
// caller takes before it calls Element again. False means the array has ended,
// or an error.
func (s *Scanner) Element() bool { return s.more(']') }

// more steps over a comma or over the end of an object or array.
func (s *Scanner) more(end byte) bool {
	if s.fault != "" {
		return false
	}
	c := s.space()
	switch {
	case c == end:
		s.pos++
		s.depth--
		s.first = false
		return false
	case s.first:
		s.first = false
		return true
	case c == ',':
		s.pos++
		return true
	}
	s.failHere("want a comma or the end")
	return false
}

// failHere is fail, told apart from a document that ends too early.
func (s *Scanner) failHere(what string) {
	if s.pos >= len(s.doc) {
		what = "unexpected end"
	}
	s.fail(what)
}

// key reads a member's name and the colon behind it.
func (s *Scanner) key() Value {
	if s.space() != '"' {
		s.failHere("want a member's name")
		return Value{}
	}
	key := s.str()
	if s.fault == "" && s.space() != ':' {
		s.failHere("want a colon")
	}
	if s.fault != "" {
		return Value{}
	}
	s.pos++
	return key
}

// End reports whether the document ends here, but for white space.
func (s *Scanner) End() bool {
	if s.fault != "" {
		return false
	}
	s.space()
	if s.pos < len(s.doc) {
		s.fail("unexpected text behind the value")
	}
	return s.fault == ""
}

// Value takes the whole value that stands next, checked to its end. On an
// error it returns the zero Value.
func (s *Scanner) Value() Value {
	if s.fault != "" {
		return Value{}
	}
	c := s.space()
	var v Value
	if c == '{' || c == '[' {
		v = s.composite()
	} else {
		v = s.scalar(c)
	}
	if s.fault != "" {
		return Value{}
	}
	return v
}

// composite takes a whole object or array. One bit per level, set for an
// object, replaces recursion.
func (s *Scanner) composite() Value {
	var object [MaxDepth / 64]uint64
	start, outer := s.pos, s.depth
	kind := Array
	if s.doc[start] == '{' {
		kind = Object
	}
	for {
		// A value stands next.
		c := s.space()
		switch c {
		case '{':
			if !s.Object() {
				return Value{}
			}
			d := s.depth - 1
			object[d/64] |= 1 << (d % 64)
		case '[':
			if !s.Array() {
				return Value{}
			}
			d := s.depth - 1
			object[d/64] &^= 1 << (d % 64)
		default:
			if s.scalar(c); s.fault != "" {
				return Value{}
			}
		}
		// Leave everything that ends here, then step to the next value.
		for {
			if s.depth == outer {
				return Value{Raw: s.doc[start:s.pos], Kind: kind}
			}
			d := s.depth - 1
			more := false
			if object[d/64]>>(d%64)&1 != 0 {
				_, more = s.Member()
			} else {
				more = s.Element()
			}
			if s.fault != "" {
				return Value{}
			}
			if more {
				break
			}
		}
	}
}
