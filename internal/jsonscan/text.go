package jsonscan

import (
	"unicode/utf16"
	"unicode/utf8"
)

// AppendString appends the text of v, a String, to dst. Half a surrogate pair
// becomes U+FFFD, as in encoding/json. The text is never longer than v.Raw, and
// dst may be the front of v.Raw itself (v.Raw[:0]): then v is overwritten.
//
// It panics if v is not a String.
func AppendString(dst []byte, v Value) []byte {
	if v.Kind != String {
		panic("jsonscan: AppendString of " + v.Kind.String())
	}
	raw := v.Raw[1 : len(v.Raw)-1]
	if !v.Escaped {
		return append(dst, raw...)
	}
	for i := 0; i < len(raw); {
		n := i
		for n < len(raw) && raw[n] != '\\' {
			n++
		}
		dst = append(dst, raw[i:n]...)
		if i = n; i == len(raw) {
			break
		}
		c := raw[i+1]
		i += 2
		switch c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			r, _ := hex4(raw[i:])
			i += 4
			if utf16.IsSurrogate(r) {
				r, i = lowSurrogate(r, raw, i)
			}
			dst = utf8.AppendRune(dst, r)
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

// lowSurrogate joins high with the escape at raw[i:] and returns the rune and
// the offset behind it, or U+FFFD and i if they are no pair.
func lowSurrogate(high rune, raw []byte, i int) (rune, int) {
	if len(raw)-i >= 6 && raw[i] == '\\' && raw[i+1] == 'u' {
		low, _ := hex4(raw[i+2:])
		if r := utf16.DecodeRune(high, low); r != utf8.RuneError {
			return r, i + 6
		}
	}
	return utf8.RuneError, i
}

// hex4 reads four hexadecimal digits.
func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// AppendCompact appends v as it stands in its document, without the white space
// between its parts, so that it fits on one line. Nothing is decoded: numbers
// keep their digits. dst may be v.Raw[:0], which is then overwritten.
func AppendCompact(dst []byte, v Value) []byte {
	if v.Kind != Object && v.Kind != Array {
		return append(dst, v.Raw...)
	}
	inString := false
	for i := 0; i < len(v.Raw); i++ {
		c := v.Raw[i]
		switch {
		case inString && c == '\\':
			dst = append(dst, c)
			i++
			c = v.Raw[i]
		case c == '"':
			inString = !inString
		case !inString && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

const hexDigits = "0123456789abcdef"

// AppendQuoted appends text as a JSON string. Control characters, quotes,
// backslashes and the line separators U+2028 and U+2029 (which some readers
// take for the end of a line) are escaped; bytes that are not UTF-8 become
// U+FFFD.
func AppendQuoted[T string | []byte](dst []byte, text T) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if c >= 0x20 && c != '"' && c != '\\' {
				i++
				continue
			}
			dst = append(dst, text[start:i]...)
			dst = appendEscape(dst, c)
			i++
			start = i
			continue
		}
		r, n := utf8.DecodeRuneInString(string(text[i:min(i+utf8.UTFMax, len(text))]))
		if r == utf8.RuneError && n == 1 || r == '\u2028' || r == '\u2029' {
			dst = append(dst, text[start:i]...)
			dst = append(dst, '\\', 'u', hexDigits[r>>12], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
			start = i + n
		}
		i += n
	}
	dst = append(dst, text[start:]...)
	return append(dst, '"')
}

// appendEscape appends the shortest escape of an ASCII character.
func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
