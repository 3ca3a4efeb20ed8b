package text

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Steps of Config.Clean. They run before the tokenizer's own lower case and
// filters, one after the other.
const (
	CleanLower     = "lower"             // str.lower()
	CleanOrigin    = "keep_origin_chars" // re.sub(r"[^a-zA-z0-9\s]", "", text), with its slip: A-z keeps [ \ ] ^ _ and the backtick
	CleanRTDeleted = "delete_rt"         // text.replace("rt", ""), inside words too: "party" becomes "pay"
	CleanRTSpaced  = "rt_to_space"       // text.replace("rt", " "): "party" becomes "pa y"
	CleanPosts     = "posts"             // the normaliser of `default`: tokens of a post, each with a space in front
)

// cleanings are the lists of steps that have been used on the data set of the
// first version of this system, in the order of their names. They differ in what
// becomes of "rt", and each gives another vocabulary.
var cleanings = [...]struct {
	name  string
	steps []string
}{
	{"none", nil},
	{"origin", []string{CleanLower, CleanOrigin, CleanRTDeleted}},
	{"origin-rt-keep", []string{CleanLower, CleanOrigin}},
	{"origin-rt-space", []string{CleanLower, CleanOrigin, CleanRTSpaced}},
}

// Cleaning returns the steps, for Config.Clean, of a cleaning known by name:
// none, origin (as the first version trained its model), origin-rt-space or
// origin-rt-keep.
func Cleaning(name string) ([]string, error) {
	var names []string
	for _, c := range cleanings {
		if c.name == name {
			return slices.Clone(c.steps), nil
		}
		names = append(names, c.name)
	}
	return nil, fieldError("clean", fmt.Sprintf("%q", name), "one of "+strings.Join(names, ", "))
}

// cleaner appends the cleaned text to dst. It may overwrite text.
type cleaner func(dst, text []byte) []byte

// cleaners are the steps by name, in the order of the names. No map: it would
// have to be filled whenever a function starts.
var cleaners = [...]struct {
	name  string
	clean cleaner
}{
	{CleanRTDeleted, func(dst, text []byte) []byte { return appendReplaced(dst, text, "rt", "") }},
	{CleanOrigin, appendOriginChars},
	{CleanLower, appendLower},
	{CleanPosts, appendPosts},
	{CleanRTSpaced, func(dst, text []byte) []byte { return appendReplaced(dst, text, "rt", " ") }},
}

// findCleaner returns the step of that name, nil if there is none.
func findCleaner(name string) cleaner {
	for _, c := range cleaners {
		if c.name == name {
			return c.clean
		}
	}
	return nil
}

// steps returns the cleaners of the config, with the tokenizer's own lower case
// as the last unless it can have no effect any more: lower case is idempotent
// and none of the other steps makes a capital letter. What a TextVectorization
// does to a text comes last in any case.
func (c *Config) steps() []cleaner {
	var steps []cleaner
	for _, name := range c.Clean {
		steps = append(steps, findCleaner(name))
	}
	if c.Lower && !slices.Contains(c.Clean, CleanLower) {
		steps = append(steps, appendLower)
	}
	if c.Standardize == LowerOnly || c.Standardize == LowerAndStrip {
		steps = append(steps, appendLowerASCII)
	}
	if c.Standardize == StripOnly || c.Standardize == LowerAndStrip {
		steps = append(steps, appendWithoutPunctuation)
	}
	return steps
}

// originChars are the ASCII characters that [a-zA-z0-9\s] matches.
var originChars = func() (keep [utf8.RuneSelf]bool) {
	for c := range keep {
		keep[c] = 'a' <= c && c <= 'z' || 'A' <= c && c <= 'z' || '0' <= c && c <= '9' || isSpace(rune(c))
	}
	return keep
}()

// appendOriginChars appends the characters of the text that [a-zA-z0-9\s]
// matches in Python 3.
func appendOriginChars(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf {
			if originChars[c] {
				dst = append(dst, c)
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if isSpace(r) {
			dst = append(dst, text[i:i+size]...)
		}
		i += size
	}
	return dst
}

// appendReplaced appends the text with every old, found from left to right,
// replaced.
func appendReplaced(dst, text []byte, old, replacement string) []byte {
	for {
		i := bytes.Index(text, []byte(old))
		if i < 0 {
			return append(dst, text...)
		}
		dst = append(dst, text[:i]...)
		dst = append(dst, replacement...)
		text = text[i+len(old):]
	}
}

// isSpace reports whether Python 3's \s matches the code point; str.isspace is
// the same set.
func isSpace(r rune) bool {
	switch {
	case r <= ' ':
		return r == ' ' || '\t' <= r && r <= '\r' || 0x1c <= r && r <= 0x1f
	case r < 0x1680:
		return r == 0x85 || r == 0xa0
	case r <= 0x200a:
		return r >= 0x2000 || r == 0x1680
	}
	return r == 0x2028 || r == 0x2029 || r == 0x202f || r == 0x205f || r == 0x3000
}
