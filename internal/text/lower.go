package text

import "unicode/utf8"

// appendLower appends the text in lower case as Python's str.lower() gives it:
// the full mapping (U+0130 becomes i and U+0307), and a capital sigma at the
// end of a word becomes a final sigma.
func appendLower(dst, text []byte) []byte {
	start := len(dst)
	dst = append(dst, text...)
	lower := dst[start:]
	for i, c := range lower {
		if c >= utf8.RuneSelf {
			return appendLowerUnicode(dst[:start+i], text, i)
		}
		if c-'A' <= 'Z'-'A' {
			lower[i] = c + ('a' - 'A')
		}
	}
	return dst
}

const (
	capitalIWithDot = 0x0130
	capitalSigma    = 0x03a3
	smallSigma      = 0x03c3
	finalSigma      = 0x03c2
)

// appendLowerUnicode appends text[from:] in lower case.
func appendLowerUnicode(dst, text []byte, from int) []byte {
	for i := from; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf {
			if c-'A' <= 'Z'-'A' {
				c += 'a' - 'A'
			}
			dst = append(dst, c)
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		switch r {
		case capitalIWithDot:
			dst = append(dst, "i\u0307"...)
		case capitalSigma:
			dst = utf8.AppendRune(dst, lowerSigma(text, i, i+size))
		default:
			dst = utf8.AppendRune(dst, lowerRune(r))
		}
		i += size
	}
	return dst
}

// lowerSigma returns the lower case of the capital sigma text[from:to]: the
// final form when a cased letter stands before it and none after it, both
// looked for beyond code points that casing ignores (Unicode's Final_Sigma).
func lowerSigma(text []byte, from, to int) rune {
	before := text[:from]
	for {
		r, size := utf8.DecodeLastRune(before)
		if size == 0 || !inRanges(caseIgnorable, r) {
			if size == 0 || !inRanges(cased, r) {
				return smallSigma
			}
			break
		}
		before = before[:len(before)-size]
	}
	after := text[to:]
	for {
		r, size := utf8.DecodeRune(after)
		if size == 0 || !inRanges(caseIgnorable, r) {
			if size > 0 && inRanges(cased, r) {
				return smallSigma
			}
			return finalSigma
		}
		after = after[size:]
	}
}

// lowerRange maps the code points lo, lo+step, ... hi to themselves plus delta.
type lowerRange struct {
	lo, hi rune
	step   rune
	delta  rune
}

// lowerRune returns the lower case of a code point that has just one.
func lowerRune(r rune) rune {
	from, to := 0, len(lowerRanges)
	for from < to {
		middle := int(uint(from+to) / 2)
		switch m := &lowerRanges[middle]; {
		case r < m.lo:
			to = middle
		case r > m.hi:
			from = middle + 1
		case (r-m.lo)%m.step == 0:
			return r + m.delta
		default:
			return r
		}
	}
	return r
}

// inRanges reports whether one of the sorted ranges, first and last code point
// each, has the code point.
func inRanges(ranges [][2]rune, r rune) bool {
	from, to := 0, len(ranges)
	for from < to {
		middle := int(uint(from+to) / 2)
		switch m := &ranges[middle]; {
		case r < m[0]:
			to = middle
		case r > m[1]:
			from = middle + 1
		default:
			return true
		}
	}
	return false
}
