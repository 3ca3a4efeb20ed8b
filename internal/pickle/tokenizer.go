// Package pickle reads the Keras Tokenizers that Python programs have saved with
// pickle.dump.
//
// Call [Tokenizer] with the file's bytes. A pickle is a program; this package
// reads it as data: nothing is imported or executed, names other than those a
// Tokenizer needs are refused, and so is anything that would take more memory than
// a modest multiple of the file's size. Protocols 0 to 5 are read, written by
// Python 2 or 3.
package pickle

import (
	"math"
	"slices"
	"unicode/utf8"
)

// Fields are the attributes of a pickled Tokenizer.
type Fields struct {
	// Bare: the pickle was a dictionary from words to indices, without a
	// Tokenizer around it. Only WordIndex is set; the rest is for the caller to
	// know.
	Bare bool

	Module string // of the Tokenizer's class, such as "keras_preprocessing.text"

	WordIndex  []Word // word and index, in the order of the dictionary
	IndexWord  []Word // the inverse, nil in files of Keras before 2.2
	WordCounts []Word // word and count, in order of first appearance (since Keras 2.0.5)

	NumWords      *int // nil: no limit
	Filters       string
	Lower         bool
	Split         string
	CharLevel     bool
	OOVToken      *string // nil: none
	DocumentCount int

	// Extra are the names of attributes that no Keras version gives a Tokenizer,
	// sorted. They were set by whoever saved it and are not read.
	Extra []string
}

// Word is a word with its index or its count.
type Word struct {
	Word string
	N    int
}

// maxSize is the longest pickle read. A Tokenizer of a million words takes some
// 40 MB.
const maxSize = 128 << 20

// Tokenizer reads a pickle that holds exactly one Keras Tokenizer, alone or as a
// member of tuples, lists or dictionaries, or else a bare word_index dictionary.
// What follows the first pickle in b is not looked at. Errors wrap [ErrDamaged]
// or [ErrRefused].
func Tokenizer(b []byte) (f *Fields, err error) {
	defer catch(&err)
	if len(b) > maxSize {
		refuse("%d bytes are more than a Tokenizer takes (at most %d)", len(b), maxSize)
	}
	v := load(b)
	s := search{seen: map[any]bool{}}
	s.visit(v, 0)
	switch {
	case len(s.found) == 1:
		return tokenizerFields(s.found[0]), nil
	case len(s.found) > 1:
		refuse("the file holds %d Tokenizers; save the one the model uses alone", len(s.found))
	}
	d, ok := v.(*dict)
	if !ok {
		refuse("the file holds no Keras Tokenizer but a %s", typeName(v))
	}
	if !isWordIndex(d) {
		refuse("the file holds no Keras Tokenizer but a dict, and not one from words to integers")
	}
	return &Fields{Bare: true, WordIndex: words(d, "word_index", false)}, nil
}

func isWordIndex(d *dict) bool {
	for i, k := range d.keys {
		_, word := k.(string)
		_, number := d.values[i].(int64)
		if !word || !number {
			return false
		}
	}
	return len(d.keys) > 0
}

// search looks for Tokenizers in a value.
type search struct {
	found []*object
	seen  map[any]bool
}

// maxDepth is how many containers may stand around a Tokenizer.
const maxDepth = 4

func (s *search) visit(v any, depth int) {
	var items []any
	switch v := v.(type) {
	case *object:
		if !s.seen[v] {
			s.found = append(s.found, v)
		}
	case *tuple:
		items = v.items
	case *list:
		items = v.items
	case *dict:
		items = v.values
	default:
		return
	}
	if s.seen[v] {
		return
	}
	s.seen[v] = true
	if depth == maxDepth && len(items) > 0 {
		refuse("containers nested deeper than %d are not part of a saved Tokenizer", maxDepth)
	}
	for _, item := range items {
		s.visit(item, depth+1)
	}
}

// attributes are those every Keras version may give a Tokenizer; nb_words is what
// Keras 1 calls num_words. The last ones count documents and texts: nothing that
// turns texts into ids depends on them.
var attributes = []string{
	"word_index", "index_word", "word_counts", "num_words", "nb_words", "filters", "lower", "split",
	"char_level", "oov_token", "document_count", "analyzer", "word_docs", "index_docs",
}

func tokenizerFields(o *object) *Fields {
	if o.state == nil {
		damaged("the Tokenizer has no attributes")
	}
	d := o.state
	if v, ok := d.get("analyzer"); ok && v != nil {
		refuse("the Tokenizer has an analyzer of its own (%s), which is Python code; only analyzer=None can be converted", typeName(v))
	}
	f := &Fields{
		Module:    o.class.module,
		WordIndex: words(member(d, "word_index"), "word_index", false),
		Filters:   text(attribute(d, "filters"), "filters"),
		Lower:     flag(attribute(d, "lower"), "lower"),
		Split:     text(attribute(d, "split"), "split"),
	}
	if _, ok := d.get("index_word"); ok {
		f.IndexWord = words(member(d, "index_word"), "index_word", true)
	}
	if _, ok := d.get("word_counts"); ok {
		f.WordCounts = words(member(d, "word_counts"), "word_counts", false)
	}
	limit := "num_words"
	if _, ok := d.get(limit); !ok {
		limit = "nb_words"
	}
	if v := attribute(d, limit); v != nil {
		n := number(v, limit)
		f.NumWords = &n
	}
	if v, ok := d.get("char_level"); ok {
		f.CharLevel = flag(v, "char_level")
	}
	if v, ok := d.get("oov_token"); ok && v != nil {
		token := text(v, "oov_token")
		f.OOVToken = &token
	}
	if v, ok := d.get("document_count"); ok {
		f.DocumentCount = number(v, "document_count")
	}
	for _, k := range d.keys {
		if name := text(k, "the name of an attribute"); !slices.Contains(attributes, name) {
			f.Extra = append(f.Extra, name)
		}
	}
	slices.Sort(f.Extra)
	return f
}

func attribute(d *dict, name string) any {
	v, ok := d.get(name)
	if !ok {
		hint := ""
		if name == "word_index" {
			hint = ": it has not been fitted on texts"
		}
		refuse("the Tokenizer has no attribute %s%s", name, hint)
	}
	return v
}

func member(d *dict, name string) *dict {
	v := attribute(d, name)
	m, ok := v.(*dict)
	if !ok {
		refuse("%s is of type %s instead of dict", name, typeName(v))
	}
	return m
}

// words returns the items of a dictionary from words to numbers or, inverse, from
// numbers to words.
func words(d *dict, name string, inverse bool) []Word {
	out := make([]Word, len(d.keys))
	for i, k := range d.keys {
		v := d.values[i]
		if inverse {
			k, v = v, k
		}
		out[i] = Word{text(k, "a word of "+name), number(v, "a number of "+name)}
	}
	return out
}

// text checks that a value is a str that is valid UTF-8. Python 2 does not say how
// its str are encoded; what is not UTF-8 would never match a text.
func text(v any, name string) string {
	s, ok := v.(string)
	if !ok {
		refuse("%s is of type %s instead of str", name, typeName(v))
	}
	if !utf8.ValidString(s) {
		refuse("%s is not valid UTF-8: %.40q", name, s)
	}
	return s
}

// flag accepts what Python programs use as a flag.
func flag(v any, name string) bool {
	switch v := v.(type) {
	case bool:
		return v
	case int64:
		return v != 0
	}
	refuse("%s is of type %s instead of bool", name, typeName(v))
	return false
}

// number accepts non-negative integers, also as floats such as 1e4.
func number(v any, name string) int {
	if x, ok := v.(float64); ok && x == math.Trunc(x) && math.Abs(x) <= math.MaxInt32 {
		v = int64(x)
	}
	n, ok := v.(int64)
	if !ok {
		refuse("%s is of type %s instead of int", name, typeName(v))
	}
	if n < 0 || n > math.MaxInt32 {
		refuse("%s is %d, outside 0 to %d", name, n, math.MaxInt32)
	}
	return int(n)
}
