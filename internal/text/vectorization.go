package text

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Values of Config.Standardize, as in Keras' TextVectorization.
const (
	LowerAndStrip = "lower_and_strip_punctuation"
	LowerOnly     = "lower"
	StripOnly     = "strip_punctuation"
)

// Values of Config.Split in a tokenizer of kind KindVectorization; "" leaves the
// text in one piece.
const (
	SplitWhitespace = "whitespace"
	SplitCharacter  = "character"
)

// Ids of a TextVectorization: 0 is padding, 1 every unknown word.
const vectorizationOOV = 1

// UnknownWord is the entry of a TextVectorization's vocabulary that stands for
// unknown words unless a program says otherwise.
const UnknownWord = "[UNK]"

// Bounds on n-grams. Each width is a pass over the words that hashes width words
// at each of them.
const (
	MaxNgram  = 16 // words
	MaxNgrams = 16 // widths
)

// VectorizationConfig returns the Config of TextVectorization() without
// arguments. unknown is the vocabulary's entry for unknown words.
func VectorizationConfig(unknown string) Config {
	return Config{
		Kind: KindVectorization, Standardize: LowerAndStrip, Split: SplitWhitespace,
		OOVToken: &unknown, Padding: Post, Truncating: Post,
	}
}

// FromVocabulary returns the tokenizer of a TextVectorization: c is
// VectorizationConfig with the layer's options, words is what get_vocabulary()
// returns, with the padding at 0 and the entry for unknown words at 1.
func FromVocabulary(c Config, words []string) (Config, Vocab, error) {
	if len(words) < 2 || words[0] != "" {
		return Config{}, Vocab{}, errors.New(`tokenizer: the vocabulary does not begin with "" for padding and "[UNK]" for unknown words, as that of a TextVectorization does; write get_vocabulary() with its special tokens`)
	}
	words = slices.Clone(words)
	unknown := words[1]
	if slices.Contains(words[2:], unknown) {
		// The layer looks the word up like any other; no text has an empty one.
		words[1], unknown = "", ""
	}
	c.OOVToken = &unknown
	for id, w := range words[2:] {
		switch {
		case w == "":
			return Config{}, Vocab{}, fmt.Errorf("tokenizer: the word with the id %d is empty; a word with a line break in it cannot be kept in a text file, use a JSON list", id+2)
		case !utf8.ValidString(w):
			return Config{}, Vocab{}, fmt.Errorf("tokenizer: the word %q is not UTF-8", shown(w))
		}
	}
	return checked(c, words)
}

// IsVocabulary reports whether a file is the vocabulary of a TextVectorization
// as Keras keeps it in a .keras file: an empty line for padding, [UNK] for
// unknown words, then a word on each line.
func IsVocabulary(content []byte) bool {
	first, rest, _ := bytes.Cut(content, []byte("\n"))
	second, _, _ := bytes.Cut(rest, []byte("\n"))
	return len(bytes.TrimSuffix(first, []byte("\r"))) == 0 && string(bytes.TrimSuffix(second, []byte("\r"))) == UnknownWord
}

// VocabularyLines returns the words of such a file, which Python on Windows ends
// in \r\n. A last line without a word is none; behind an empty word there are
// no more.
func VocabularyLines(content []byte) []string {
	s := string(content)
	if strings.HasPrefix(s, "\r\n") {
		s = strings.ReplaceAll(s, "\r\n", "\n")
	}
	s = strings.TrimSuffix(s, "\n")
	if i := strings.Index(s, "\n\n"); i >= 0 {
		// An empty word is an error. A file of nothing else would be many.
		s = s[:i+1]
	}
	return strings.Split(s, "\n")
}

// checkVectorization reports the first field that a TextVectorization cannot
// have.
func (c *Config) checkVectorization() error {
	if c.Lower || c.Filters != "" || c.CharLevel {
		return errors.New("tokenizer: lower, filters and char_level belong to kind \"keras\", not to \"textvectorization\"")
	}
	if !slices.Contains([]string{"", LowerOnly, StripOnly, LowerAndStrip}, c.Standardize) {
		return fieldError("standardize", strconv.Quote(c.Standardize), `"lower_and_strip_punctuation", "lower", "strip_punctuation" or null`)
	}
	if !slices.Contains([]string{"", SplitWhitespace, SplitCharacter}, c.Split) {
		return fieldError("split", strconv.Quote(c.Split), `"whitespace", "character" or null`)
	}
	if len(c.Ngrams) > MaxNgrams {
		return fieldError("ngrams", fmt.Sprintf("%d widths", len(c.Ngrams)), fmt.Sprintf("at most %d", MaxNgrams))
	}
	for _, n := range c.Ngrams {
		if n < 1 || n > MaxNgram {
			return fieldError("ngrams", strconv.Itoa(n), fmt.Sprintf("widths from 1 to %d", MaxNgram))
		}
	}
	if c.NumWords < 0 || c.NumWords == 1 {
		return fieldError("num_words", strconv.Itoa(c.NumWords), "at least 2, for padding and unknown words, or 0 for all words")
	}
	if c.OOVToken == nil || !utf8.ValidString(*c.OOVToken) {
		return fieldError("oov_token", "missing or not UTF-8", "the word at id 1")
	}
	if c.Padding != Post || c.Truncating != Post {
		return errors.New(`tokenizer: a TextVectorization pads and cuts at the end; padding and truncating must be "post"`)
	}
	return nil
}

// splitVectorization returns what the layer does after standardize: it splits at
// ASCII white space, at every code point, or not at all.
func splitVectorization(c Config) splitter {
	split := splitNothing
	switch c.Split {
	case SplitWhitespace:
		split = func(s *scratch) { splitAtBytes(s, &asciiSpace) }
	case SplitCharacter:
		split = splitCharacters
	}
	if len(c.Ngrams) == 0 {
		return split
	}
	return func(s *scratch) {
		split(s)
		s.joinNgrams(c.Ngrams)
	}
}

// asciiSpace is the white space of tf.strings.split.
var asciiSpace = [256]bool{' ': true, '\t': true, '\n': true, '\v': true, '\f': true, '\r': true}

// splitNothing makes one word of the text, an empty one of an empty text.
func splitNothing(s *scratch) {
	s.words = append(s.words, span{0, len(s.text)})
}

// joinNgrams replaces the words by their n-grams, all of the first width before
// those of the next. The words of an n-gram are joined by one space.
func (s *scratch) joinNgrams(widths []int) {
	s.next = s.next[:0]
	for i, w := range s.words {
		if i > 0 {
			s.next = append(s.next, ' ')
		}
		from := len(s.next)
		s.next = append(s.next, s.text[w.from:w.to]...)
		s.words[i] = span{from, len(s.next)}
	}
	s.text, s.next = s.next, s.text
	n := len(s.words)
	for _, width := range widths {
		for i := 0; i+width <= n; i++ {
			s.words = append(s.words, span{s.words[i].from, s.words[i+width-1].to})
		}
	}
	s.words = s.words[:copy(s.words, s.words[n:])]
}

// appendVectorized appends the id of a word as a TextVectorization gives it: an
// empty text that is not split counts as padding.
func (t *Tokenizer) appendVectorized(dst []int32, word []byte) []int32 {
	if len(word) == 0 {
		return append(dst, 0)
	}
	return t.appendWord(dst, word)
}

// appendLowerASCII appends the text with A to Z in lower case, as
// tf.strings.lower does without an encoding.
func appendLowerASCII(dst, text []byte) []byte {
	for _, c := range text {
		if c-'A' <= 'Z'-'A' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// appendWithoutPunctuation appends the text without ASCII's punctuation.
func appendWithoutPunctuation(dst, text []byte) []byte {
	for _, c := range text {
		if !punctuation[c] {
			dst = append(dst, c)
		}
	}
	return dst
}

// punctuation is what Keras' strip_punctuation deletes: all 32 ASCII characters
// that are neither letters nor digits nor space nor control characters.
var punctuation = func() (table [256]bool) {
	for _, c := range []byte("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") {
		table[c] = true
	}
	return table
}()
