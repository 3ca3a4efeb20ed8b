package pickle

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// rawUnicode decodes Python's raw-unicode-escape: \uXXXX and \UXXXXXXXX are code
// points, every other byte is the code point of its value. Lone surrogates become
// invalid UTF-8, which is refused where a text is used.
func rawUnicode(s string) string {
	var out strings.Builder
	for len(s) > 0 {
		if r, n := escapedRune(s); n > 0 {
			s = s[n:]
			if utf16.IsSurrogate(r) {
				// A narrow build of Python 2 writes astral characters as pairs.
				low, n := escapedRune(s)
				if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
					out.WriteRune(pair)
					s = s[n:]
				} else {
					out.WriteByte(0xff)
				}
				continue
			}
			out.WriteRune(r)
			continue
		}
		out.WriteRune(rune(s[0]))
		s = s[1:]
	}
	return out.String()
}

// escapedRune reads the escape that s begins with, of n bytes; n is 0 when it
// begins with none.
func escapedRune(s string) (r rune, n int) {
	switch {
	case strings.HasPrefix(s, `\u`):
		n = 6
	case strings.HasPrefix(s, `\U`):
		n = 10
	default:
		return 0, 0
	}
	if len(s) < n {
		damaged("a truncated escape in a text")
	}
	v, err := strconv.ParseUint(s[2:n], 16, 32)
	if err != nil || v > utf8.MaxRune {
		damaged("the escape %q in a text", s[:n])
	}
	return rune(v), n
}

// unquote decodes the repr of a Python 2 str.
func unquote(s string) string {
	if len(s) < 2 || s[0] != s[len(s)-1] || s[0] != '\'' && s[0] != '"' {
		damaged("a string without quotes")
	}
	s = s[1 : len(s)-1]
	var out strings.Builder
	for len(s) > 0 {
		if s[0] != '\\' {
			out.WriteByte(s[0])
			s = s[1:]
			continue
		}
		if len(s) < 2 {
			damaged("a string ends in a backslash")
		}
		plain := map[byte]byte{'\\': '\\', '\'': '\'', '"': '"', 'n': '\n', 'r': '\r', 't': '\t'}
		if c, ok := plain[s[1]]; ok {
			out.WriteByte(c)
			s = s[2:]
			continue
		}
		if s[1] != 'x' || len(s) < 4 {
			damaged("an unknown escape in a string")
		}
		v, err := strconv.ParseUint(s[2:4], 16, 8)
		if err != nil {
			damaged("an unknown escape in a string")
		}
		out.WriteByte(byte(v))
		s = s[4:]
	}
	return out.String()
}
