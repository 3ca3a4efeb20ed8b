package text

import (
	"bytes"
	"unicode/utf8"
)

// The tokens of CleanPosts, the normaliser of the `default` model, as
// docs/design/default-text.md defines them.

// appendPosts appends the tokens of a post, each with a space in front. Tokens
// have no spaces. It overwrites text.
func appendPosts(dst, text []byte) []byte {
	text = fold(unescape(text))
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == ' ':
			i++
		case (c == 'h' || c == 'w') && startsURL(text[i:]):
			dst = append(dst, " <url>"...)
			if n := bytes.IndexByte(text[i:], ' '); n >= 0 {
				i += n
			} else {
				i = len(text)
			}
		case isLetter(c):
			end := endOfWord(text, i)
			dst = appendWord(dst, text[i:end])
			i = end
		case c == '@' && endOfRun(text, i+1, isName) > i+1:
			dst = append(dst, " <user>"...)
			i = endOfRun(text, i+1, isName)
		case c == '#' && i+1 < len(text) && isName(text[i+1]):
			dst = append(dst, " <hash>"...)
			i++
		case isDigit(c):
			dst = append(dst, " <num>"...)
			i = endOfNumber(text, i)
		case isMark(c):
			end := endOfRun(text, i, isMark)
			dst = appendMarks(dst, text[i:end])
			i = end
		default:
			if token, end := emoticon(text, i); end > 0 {
				dst = append(append(dst, ' '), token...)
				i = end
			} else {
				dst, i = appendSymbol(dst, text, i)
			}
		}
	}
	return dst
}

// Classes of the folded text.
func isLetter(c byte) bool { return 'a' <= c && c <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isName(c byte) bool   { return isLetter(c) || isDigit(c) || c == '_' }
func isMark(c byte) bool   { return c == '!' || c == '?' || c == '.' }

// endOfRun returns the end of the run of the class that starts at i.
func endOfRun(text []byte, i int, class func(byte) bool) int {
	for i < len(text) && class(text[i]) {
		i++
	}
	return i
}

// endOfRepeats returns the end of the run of the same byte that starts at i.
func endOfRepeats(text []byte, i int, c byte) int {
	for i < len(text) && text[i] == c {
		i++
	}
	return i
}

func startsURL(text []byte) bool {
	return bytes.HasPrefix(text, []byte("http://")) || bytes.HasPrefix(text, []byte("https://")) || bytes.HasPrefix(text, []byte("www."))
}

// endOfWord returns the end of the letters and inner apostrophes at i.
func endOfWord(text []byte, i int) int {
	end := endOfRun(text, i, isLetter)
	for end+1 < len(text) && text[end] == '\'' && isLetter(text[end+1]) {
		end = endOfRun(text, end+1, isLetter)
	}
	return end
}

// endOfNumber returns the end of the digits at i and of further digits behind a
// single full stop, comma or colon.
func endOfNumber(text []byte, i int) int {
	end := endOfRun(text, i, isDigit)
	for end+1 < len(text) && (text[end] == '.' || text[end] == ',' || text[end] == ':') && isDigit(text[end+1]) {
		end = endOfRun(text, end+1, isDigit)
	}
	return end
}

// appendMarks appends the token of a run of full stops, exclamation and
// question marks.
func appendMarks(dst, run []byte) []byte {
	exclamations, questions := bytes.Count(run, []byte("!")), bytes.Count(run, []byte("?"))
	switch {
	case exclamations > 0 && questions > 0:
		return append(dst, " ?!"...)
	case exclamations > 1:
		return append(dst, " !!"...)
	case exclamations == 1:
		return append(dst, " !"...)
	case questions > 1:
		return append(dst, " ??"...)
	case questions == 1:
		return append(dst, " ?"...)
	case len(run) > 1:
		return append(dst, " ..."...)
	}
	return append(dst, " ."...)
}

// appendWord appends the tokens of a word: its parts, the suffix of a
// contraction, and <elong> if a letter stood in it three times in a row.
func appendWord(dst, word []byte) []byte {
	dst = append(dst, ' ')
	start := len(dst)
	dst = appendShortened(dst, word)
	elongated := len(dst)-start < len(word)

	suffix := ""
	if apostrophe := bytes.LastIndexByte(dst[start:], '\''); apostrophe >= 0 {
		dst, suffix = cutSuffix(dst, start, start+apostrophe)
	} else if stem := contracted(dst[start:]); stem != "" {
		dst, suffix = append(dst[:start], stem...), " n't"
	}
	switch string(dst[start:]) {
	case "http", "https":
		dst = append(dst[:start], "<url>"...)
	}
	dst = append(dst, suffix...)
	if elongated {
		dst = append(dst, " <elong>"...)
	}
	return dst
}

// appendShortened appends the word with runs of three and more of one letter cut
// to two.
func appendShortened(dst, word []byte) []byte {
	for i := 2; i < len(word); i++ {
		if word[i] != word[i-2] || word[i] != word[i-1] {
			continue
		}
		dst = append(dst, word[:i]...)
		for _, c := range word[i:] {
			if n := len(dst); dst[n-1] != c || dst[n-2] != c {
				dst = append(dst, c)
			}
		}
		return dst
	}
	return append(dst, word...)
}

// cutSuffix splits the word dst[start:], whose last apostrophe is given, into
// its parts and returns the suffix that was cut off behind them.
func cutSuffix(dst []byte, start, apostrophe int) ([]byte, string) {
	part := start + bytes.LastIndexByte(dst[start:apostrophe], '\'') + 1 // the part before the last
	suffix := ""
	switch string(dst[apostrophe+1:]) {
	case "t":
		if apostrophe-part > 1 && dst[apostrophe-1] == 'n' {
			dst, suffix = dst[:apostrophe-1], " n't"
			switch string(dst[part:]) {
			case "ca":
				dst = append(dst[:part], "can"...)
			case "wo":
				dst = append(dst[:part], "will"...)
			case "sha":
				dst = append(dst[:part], "shall"...)
			}
		}
	case "s":
		dst, suffix = dst[:apostrophe], " 's"
	case "m":
		dst, suffix = dst[:apostrophe], " 'm"
	case "re":
		dst, suffix = dst[:apostrophe], " 're"
	case "ve":
		dst, suffix = dst[:apostrophe], " 've"
	case "ll":
		dst, suffix = dst[:apostrophe], " 'll"
	case "d":
		dst, suffix = dst[:apostrophe], " 'd"
	}
	for i := start; i < len(dst); i++ {
		if dst[i] == '\'' {
			dst[i] = ' '
		}
	}
	return dst, suffix
}

// contracted returns the stem of a contraction with "not" that was written
// without its apostrophe, or "".
func contracted(word []byte) string {
	if n := len(word); n < len("aint") || n > len("shouldnt") || word[n-1] != 't' {
		return ""
	}
	switch string(word) {
	case "aint":
		return "ai"
	case "arent":
		return "are"
	case "cant", "cannot":
		return "can"
	case "couldnt":
		return "could"
	case "didnt":
		return "did"
	case "doesnt":
		return "does"
	case "dont":
		return "do"
	case "hadnt":
		return "had"
	case "hasnt":
		return "has"
	case "havent":
		return "have"
	case "isnt":
		return "is"
	case "shouldnt":
		return "should"
	case "wasnt":
		return "was"
	case "werent":
		return "were"
	case "wont":
		return "will"
	case "wouldnt":
		return "would"
	}
	return ""
}

// emoticon returns the token of the emoticon at i and its end; the end is 0
// when there is none. It has eyes, perhaps a nose, and a mouth that may repeat,
// or it is a heart.
func emoticon(text []byte, i int) (token string, end int) {
	switch text[i] {
	case '<':
		return heart(text, i)
	case ':', ';', '=':
		return face(text, i)
	}
	return "", 0
}

func heart(text []byte, i int) (token string, end int) {
	for _, token := range [...]string{"</3", "<3"} {
		if bytes.HasPrefix(text[i:], []byte(token)) {
			end := endOfRepeats(text, i+len(token), '3')
			if end < len(text) && isDigit(text[end]) { // "<30" is a number
				return "", 0
			}
			return token, end
		}
	}
	return "", 0
}

func face(text []byte, i int) (token string, end int) {
	i++
	if i < len(text) && (text[i] == '-' || text[i] == '\'') {
		i++
	}
	if i == len(text) {
		return "", 0
	}
	mouth := text[i]
	switch mouth {
	case ')', ']', '}', 'd':
		token = ":)"
	case '(', '[', '{':
		token = ":("
	case '/', '\\', '|':
		token = ":/"
	case 'p':
		token = ":p"
	case '*':
		token = ":*"
	case 'o':
		token = ":o"
	default:
		return "", 0
	}
	end = endOfRepeats(text, i, mouth)
	if isLetter(mouth) && end < len(text) && isName(text[end]) { // ":dog"
		return "", 0
	}
	if mouth == '/' && end-i > 1 { // "ftp://"
		return "", 0
	}
	return token, end
}

// appendSymbol appends the code point at i as a token, and <elong> if it stands
// there three times or more; it returns the end of the run.
func appendSymbol(dst, text []byte, i int) ([]byte, int) {
	_, size := utf8.DecodeRune(text[i:])
	symbol := text[i : i+size]
	dst = append(append(dst, ' '), symbol...)
	end := i + size
	for bytes.HasPrefix(text[end:], symbol) {
		end += size
	}
	if end-i >= 3*size {
		dst = append(dst, " <elong>"...)
	}
	return dst, end
}
