package text

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Config says how a text becomes ids: everything about a tokenizer but its
// words. Its JSON form is the `tokenizer` entry of a model file; field names
// are those of Keras where Keras has the thing.
type Config struct {
	Kind  string   // KindKeras, KindWordPiece or KindVectorization
	Clean []string // steps before the tokenizer, in order: the Clean constants

	// Fields of a Keras Tokenizer, zero in other kinds.
	Lower     bool   // lower case, by Python's rules
	Filters   string // each of these code points is replaced by Split
	Split     string // what separates words; not empty unless CharLevel
	CharLevel bool   // every code point is a word; Filters and Split are not used
	NumWords  int    // only ids below this are given; 0 = all; also of KindVectorization

	// Fields of a TextVectorization, with Split and NumWords; zero in other kinds.
	Standardize string // one of the constants, "" = none
	Ngrams      []int  // widths, in the order of the output; nil = words alone

	OOVToken   *string // the word whose id unknown words get; nil = unknown words are dropped
	MaxLen     int     // length of a padded row; 0 = the model takes any length
	Padding    string  // Pre or Post: the side that gets zeros
	Truncating string  // Pre or Post: the side that is cut
}

// Kinds of tokenizers.
const (
	KindKeras     = "keras"     // Keras' Tokenizer: every word has one id
	KindWordPiece = "wordpiece" // words are cut into pieces, each with an id

	KindVectorization = "textvectorization" // Keras' TextVectorization layer
)

// Sides of a row, for Config.Padding and Config.Truncating.
const (
	Pre  = "pre"
	Post = "post"
)

// kerasFilters is what Keras' Tokenizer filters unless told otherwise.
const kerasFilters = "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n"

// KerasConfig returns the Config of Tokenizer() and pad_sequences() without
// arguments.
func KerasConfig() Config {
	return Config{Kind: KindKeras, Lower: true, Filters: kerasFilters, Split: " ", Padding: Pre, Truncating: Pre}
}

// maxLength bounds MaxLen: a row of a million ids is a book, not a short text,
// and what reads model files allocates rows of this length.
const maxLength = 1 << 20

// check reports the first field whose value cannot be used.
func (c *Config) check() error {
	for _, name := range c.Clean {
		if findCleaner(name) == nil {
			var names []string
			for _, c := range cleaners {
				names = append(names, c.name)
			}
			return fieldError("clean", strconv.Quote(name), "one of "+strings.Join(names, ", "))
		}
	}
	switch c.Kind {
	case KindKeras:
		if err := c.checkKeras(); err != nil {
			return err
		}
	case KindWordPiece:
		if err := c.checkWordPiece(); err != nil {
			return err
		}
	case KindVectorization:
		if err := c.checkVectorization(); err != nil {
			return err
		}
	default:
		return fieldError("kind", strconv.Quote(c.Kind), `"keras", "wordpiece" or "textvectorization"`)
	}
	if c.Kind != KindVectorization && (c.Standardize != "" || len(c.Ngrams) > 0) {
		return fmt.Errorf("tokenizer: standardize and ngrams belong to kind \"textvectorization\", not to %q", c.Kind)
	}
	if c.MaxLen < 0 || c.MaxLen > maxLength {
		return fieldError("maxlen", strconv.Itoa(c.MaxLen), fmt.Sprintf("a length up to %d, or 0 for any length", maxLength))
	}
	sides := []string{Pre, Post}
	if !slices.Contains(sides, c.Padding) {
		return fieldError("padding", strconv.Quote(c.Padding), `"pre" or "post"`)
	}
	if !slices.Contains(sides, c.Truncating) {
		return fieldError("truncating", strconv.Quote(c.Truncating), `"pre" or "post"`)
	}
	return nil
}

func (c *Config) checkKeras() error {
	if !utf8.ValidString(c.Filters) {
		return fieldError("filters", strconv.Quote(c.Filters), "UTF-8")
	}
	if !utf8.ValidString(c.Split) {
		return fieldError("split", strconv.Quote(c.Split), "UTF-8")
	}
	if c.Split == "" && !c.CharLevel {
		return fieldError("split", `""`, "at least one character")
	}
	if c.NumWords < 0 {
		return fieldError("num_words", strconv.Itoa(c.NumWords), "a number above 0, or 0 for all words")
	}
	if c.OOVToken != nil && !utf8.ValidString(*c.OOVToken) {
		return fieldError("oov_token", strconv.Quote(*c.OOVToken), "UTF-8")
	}
	return nil
}

// fieldError says that a field of a tokenizer's description has a value that
// cannot be used.
func fieldError(field, got, want string) error {
	return fmt.Errorf("tokenizer: %s is %s, want %s", field, got, want)
}

// limit returns the number of ids that words can be given out of n in the
// vocabulary.
func (c *Config) limit(n int) int {
	if c.NumWords > 0 {
		return min(n, c.NumWords)
	}
	return n
}

// oovID returns the id that unknown words get, or -1 where they are dropped.
func (c *Config) oovID(v *Vocab) (int, error) {
	switch {
	case c.Kind == KindVectorization:
		if v.Len() < 2 || len(v.Word(0)) > 0 || string(v.Word(vectorizationOOV)) != *c.OOVToken {
			return 0, fieldError("oov_token", strconv.Quote(*c.OOVToken), "the word with id 1, behind an empty one for padding")
		}
		return vectorizationOOV, nil
	case c.OOVToken == nil:
		return -1, nil
	case *c.OOVToken == "":
		// No text has an empty word, so Keras puts it at 1 and nothing moves it.
		if v.Len() < 2 || len(v.Word(1)) > 0 {
			return 0, fieldError("oov_token", `""`, "a word of the vocabulary, or an empty word at id 1")
		}
		return 1, nil
	}
	id, ok := v.ID(*c.OOVToken)
	if !ok {
		return 0, fieldError("oov_token", strconv.Quote(*c.OOVToken), "a word of the vocabulary")
	}
	return id, nil
}

// Trim returns the vocabulary without the words that a tokenizer with this
// Config never gives an id to, which is what a model file needs of it.
func (c Config) Trim(v Vocab) (Vocab, error) {
	oov, err := c.oovID(&v)
	if err != nil {
		return Vocab{}, err
	}
	limit := c.limit(v.Len())
	words := make([]string, max(limit, oov+1))
	for id := range words {
		if id < limit || id == oov {
			words[id] = string(v.Word(id))
		}
	}
	return NewVocab(words)
}
