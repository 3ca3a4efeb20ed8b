package text

import (
	"bytes"
	"unicode/utf8"
)

// The first two steps of CleanPosts: HTML entities are resolved and code points
// folded to few. Both only ever shorten a text, so they work in place. Nothing
// here asks the unicode package: what a code point becomes is written out (see
// docs/design/default-text.md).

// entities are tried in this order at every ampersand.
var entities = [...]struct{ name, becomes string }{
	{"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", `"`}, {"&apos;", "'"}, {"&#39;", "'"}, {"&nbsp;", " "},
}

// unescape resolves entities in place: &amp; first, in a pass of its own, since
// archives escape twice, then all of them from left to right.
func unescape(text []byte) []byte {
	if bytes.IndexByte(text, '&') < 0 {
		return text
	}
	return unescapePass(unescapePass(text, 1), len(entities))
}

// unescapePass resolves the first n entities in one pass.
func unescapePass(text []byte, n int) []byte {
	out := text[:0]
next:
	for i := 0; i < len(text); {
		if text[i] == '&' {
			for _, e := range entities[:n] {
				if bytes.HasPrefix(text[i:], []byte(e.name)) {
					out = append(out, e.becomes...)
					i += len(e.name)
					continue next
				}
			}
		}
		out = append(out, text[i])
		i++
	}
	return out
}

// fold replaces every code point in place by what it counts as: lower case
// letters without accents, typewriter punctuation, one kind of space.
func fold(text []byte) []byte {
	i := 0
	for ; i < len(text); i++ {
		c := text[i]
		if c >= utf8.RuneSelf {
			break
		}
		text[i] = foldedASCII[c]
	}
	out := text[:i]
	for i < len(text) {
		if c := text[i]; c < utf8.RuneSelf {
			out = append(out, foldedASCII[c])
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if becomes, ok := folded(r); ok {
			out = append(out, becomes...)
		} else {
			out = append(out, text[i:i+size]...)
		}
		i += size
	}
	return out
}

// foldedASCII is what each ASCII character is folded to.
var foldedASCII = func() (table [utf8.RuneSelf]byte) {
	for c := range table {
		switch {
		case c <= ' ' || c == 0x7f:
			table[c] = ' '
		case 'A' <= c && c <= 'Z':
			table[c] = byte(c) + ('a' - 'A')
		case c == '`':
			table[c] = '\''
		default:
			table[c] = byte(c)
		}
	}
	return table
}()

// folded returns what a code point beyond ASCII is folded to, and whether it is
// folded at all. The result is never longer than the code point in UTF-8.
func folded(r rune) (string, bool) {
	switch {
	case r <= 0xa0:
		return " ", true
	case r < 0xc0:
		switch r {
		case 0xad:
			return "", true
		case 0xab, 0xbb:
			return `"`, true
		case 0xb4:
			return "'", true
		}
	case r <= 0x17f:
		return latin[r-0xc0], true
	case r <= 0x36f:
		return "", r >= 0x300 // combining marks
	case r < 0x2000:
		return " ", r == 0x1680
	case r <= 0x206f:
		return foldedPunctuation(r)
	case r <= 0x20ff:
		return "", r >= 0x20d0 // combining marks for symbols
	case r <= 0x3000:
		if r == 0x2212 {
			return "-", true
		}
		return " ", r == 0x3000
	case r <= 0xfeff:
		return "", r >= 0xfe00 && r <= 0xfe0f || r == 0xfeff // variation selectors, byte order mark
	case r <= 0xff5e: // full-width forms
		if r < 0xff01 {
			return "", false
		}
		return foldedASCIIString[r-0xff01 : r-0xff01+1], true
	}
	return "", 0x1f3fb <= r && r <= 0x1f3ff || 0xe0000 <= r && r <= 0xe0fff // skin tones, tags
}

// foldedASCIIString is foldedASCII from ! on.
var foldedASCIIString = string(foldedASCII['!':])

// foldedPunctuation is folded for U+2000 to U+206F.
func foldedPunctuation(r rune) (string, bool) {
	switch {
	case r <= 0x200a, r == 0x2028, r == 0x2029, r == 0x202f, r == 0x205f:
		return " ", true
	case r <= 0x200f, 0x202a <= r && r <= 0x202e, r >= 0x2060: // zero width, directions
		return "", true
	case r <= 0x2015:
		return "-", true
	case 0x2018 <= r && r <= 0x201b, r == 0x2032:
		return "'", true
	case 0x201c <= r && r <= 0x201f, r == 0x2033:
		return `"`, true
	case r == 0x2026:
		return "...", true
	}
	return "", false
}

// latin is what U+00C0 to U+017F are folded to.
var latin = [...]string{
	"a", "a", "a", "a", "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i", "i", // U+00C0
	"d", "n", "o", "o", "o", "o", "o", "x", "o", "u", "u", "u", "u", "y", "th", "ss",
	"a", "a", "a", "a", "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i", "i", // U+00E0
	"d", "n", "o", "o", "o", "o", "o", "÷", "o", "u", "u", "u", "u", "y", "th", "y",
	"a", "a", "a", "a", "a", "a", "c", "c", "c", "c", "c", "c", "c", "c", "d", "d", // U+0100
	"d", "d", "e", "e", "e", "e", "e", "e", "e", "e", "e", "e", "g", "g", "g", "g",
	"g", "g", "g", "g", "h", "h", "h", "h", "i", "i", "i", "i", "i", "i", "i", "i", // U+0120
	"i", "i", "ij", "ij", "j", "j", "k", "k", "k", "l", "l", "l", "l", "l", "l", "l",
	"l", "l", "l", "n", "n", "n", "n", "n", "n", "n", "n", "n", "o", "o", "o", "o", // U+0140
	"o", "o", "oe", "oe", "r", "r", "r", "r", "r", "r", "s", "s", "s", "s", "s", "s",
	"s", "s", "t", "t", "t", "t", "t", "t", "u", "u", "u", "u", "u", "u", "u", "u", // U+0160
	"u", "u", "u", "u", "w", "w", "y", "y", "y", "z", "z", "z", "z", "z", "z", "s",
}
