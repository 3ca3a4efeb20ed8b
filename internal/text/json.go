package text

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"coldstream/internal/jsonscan"
)

// Fields that the JSON form of a Config must have: all kinds, Keras' alone.
var (
	commonFields = []string{"kind", "oov_token", "maxlen", "padding", "truncating"}
	kerasFields  = []string{"lower", "filters", "split", "char_level", "num_words"}

	vectorizationFields = []string{"standardize", "split", "ngrams", "num_words"}
)

// ParseConfig reads the JSON form of a Config. A field that is unknown, missing
// or there twice is an error, as each of them would change the ids.
func ParseConfig(data []byte) (Config, error) {
	var c Config
	have := make(map[string]bool)
	err := members(data, func(name string, v jsonscan.Value) (err error) {
		have[name] = true
		switch name {
		case "kind":
			c.Kind, err = str(name, v)
		case "clean":
			c.Clean, err = strs(name, v)
		case "maxlen":
			c.MaxLen, err = integer(name, v)
		case "padding":
			c.Padding, err = str(name, v)
		case "truncating":
			c.Truncating, err = str(name, v)
		case "standardize":
			if v.Kind != jsonscan.Null {
				c.Standardize, err = str(name, v)
			}
		case "ngrams":
			if v.Kind != jsonscan.Null {
				c.Ngrams, err = integers(name, v)
			}
		case "split":
			if v.Kind != jsonscan.Null { // check refuses the empty one in other kinds
				c.Split, err = str(name, v)
			}
		default:
			var known bool
			if known, err = c.setField(name, v); !known {
				return fmt.Errorf("tokenizer: unknown field %q", shown(name))
			}
		}
		return err
	})
	if err != nil {
		return Config{}, err
	}
	required := commonFields
	switch c.Kind {
	case KindKeras:
		required = slices.Concat(commonFields, kerasFields)
	case KindVectorization:
		required = slices.Concat(commonFields, vectorizationFields)
	}
	for _, name := range required {
		if !have[name] {
			return Config{}, fmt.Errorf("tokenizer: %s is missing", name)
		}
	}
	if err := c.check(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// MarshalJSON returns the JSON form of the config.
func (c Config) MarshalJSON() ([]byte, error) {
	out := jsonscan.AppendQuoted([]byte(`{"kind":`), c.Kind)
	if len(c.Clean) > 0 {
		separator := `,"clean":[`
		for _, step := range c.Clean {
			out = jsonscan.AppendQuoted(append(out, separator...), step)
			separator = ","
		}
		out = append(out, ']')
	}
	if c.Kind == KindKeras {
		out = strconv.AppendBool(append(out, `,"lower":`...), c.Lower)
		out = jsonscan.AppendQuoted(append(out, `,"filters":`...), c.Filters)
		out = jsonscan.AppendQuoted(append(out, `,"split":`...), c.Split)
		out = strconv.AppendBool(append(out, `,"char_level":`...), c.CharLevel)
		out = strconv.AppendInt(append(out, `,"num_words":`...), int64(c.NumWords), 10)
	}
	if c.Kind == KindVectorization {
		out = appendOptional(append(out, `,"standardize":`...), c.Standardize)
		out = appendOptional(append(out, `,"split":`...), c.Split)
		out = appendIntegers(append(out, `,"ngrams":`...), c.Ngrams)
		out = strconv.AppendInt(append(out, `,"num_words":`...), int64(c.NumWords), 10)
	}
	out = append(out, `,"oov_token":`...)
	if c.OOVToken == nil {
		out = append(out, "null"...)
	} else {
		out = jsonscan.AppendQuoted(out, *c.OOVToken)
	}
	out = strconv.AppendInt(append(out, `,"maxlen":`...), int64(c.MaxLen), 10)
	out = jsonscan.AppendQuoted(append(out, `,"padding":`...), c.Padding)
	out = jsonscan.AppendQuoted(append(out, `,"truncating":`...), c.Truncating)
	return append(out, '}'), nil
}

// appendOptional appends a JSON string, or null for an empty one.
func appendOptional(out []byte, s string) []byte {
	if s == "" {
		return append(out, "null"...)
	}
	return jsonscan.AppendQuoted(out, s)
}

// appendIntegers appends a JSON array, or null for an empty one.
func appendIntegers(out []byte, list []int) []byte {
	if len(list) == 0 {
		return append(out, "null"...)
	}
	for i, n := range list {
		out = strconv.AppendInt(append(out, "[,"[min(i, 1)]), int64(n), 10)
	}
	return append(out, ']')
}

// integers reads an array of whole numbers.
func integers(name string, v jsonscan.Value) ([]int, error) {
	if v.Kind != jsonscan.Array {
		return nil, fieldError(name, shown(v.Raw), "an array of whole numbers")
	}
	var list []int
	s := jsonscan.New(v.Raw)
	s.Array()
	for s.Element() {
		n, err := integer(name, s.Value())
		if err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, s.Err()
}

// members calls f with each member of the JSON object that the document is. A
// name that occurs twice is an error: readers disagree on which one counts.
func members(doc []byte, f func(name string, v jsonscan.Value) error) error {
	s := jsonscan.New(doc)
	seen := make(map[string]bool)
	if s.Object() {
		for {
			key, ok := s.Member()
			if !ok {
				break
			}
			name := string(jsonscan.AppendString(nil, key))
			v := s.Value()
			if s.Err() != nil {
				break
			}
			if seen[name] {
				return fmt.Errorf("tokenizer: %q occurs twice", shown(name))
			}
			seen[name] = true
			if err := f(name, v); err != nil {
				return err
			}
		}
	}
	s.End()
	if err := s.Err(); err != nil {
		return fmt.Errorf("tokenizer: not valid JSON: %w", err)
	}
	return nil
}

// jsonValue returns the only value of the document.
func jsonValue(doc []byte) (jsonscan.Value, error) {
	s := jsonscan.New(doc)
	v := s.Value()
	s.End()
	if err := s.Err(); err != nil {
		return jsonscan.Value{}, fmt.Errorf("not valid JSON: %w", err)
	}
	return v, nil
}

// setField sets one of the fields that our description of a tokenizer and
// Keras' have in common; it reports whether name is one of them.
func (c *Config) setField(name string, v jsonscan.Value) (known bool, err error) {
	switch name {
	case "num_words":
		if v.Kind == jsonscan.Null {
			c.NumWords = 0
			return true, nil
		}
		c.NumWords, err = integer(name, v)
	case "filters":
		if v.Kind == jsonscan.Null { // a tokenizer of characters does without
			c.Filters = ""
			return true, nil
		}
		c.Filters, err = characters(name, v)
	case "lower":
		c.Lower, err = boolean(name, v)
	case "split":
		c.Split, err = str(name, v)
	case "char_level":
		c.CharLevel, err = boolean(name, v)
	case "oov_token":
		if v.Kind == jsonscan.Null {
			c.OOVToken = nil
			return true, nil
		}
		var token string
		token, err = str(name, v)
		c.OOVToken = &token
	default:
		return false, nil
	}
	return true, err
}

func str(name string, v jsonscan.Value) (string, error) {
	if v.Kind != jsonscan.String {
		return "", fieldError(name, shown(v.Raw), "a string")
	}
	return decode(v), nil
}

func boolean(name string, v jsonscan.Value) (bool, error) {
	if v.Kind != jsonscan.Bool {
		return false, fieldError(name, shown(v.Raw), "true or false")
	}
	return v.Raw[0] == 't', nil
}

func integer(name string, v jsonscan.Value) (int, error) {
	n, ok := whole(v)
	if !ok || n != int64(int32(n)) {
		return 0, fieldError(name, shown(v.Raw), "a whole number")
	}
	return int(n), nil
}

// whole returns the whole number that v is. Python writes 10000.0 for one that
// was given as 1e4.
func whole(v jsonscan.Value) (int64, bool) {
	if v.Kind != jsonscan.Number {
		return 0, false
	}
	if n, err := strconv.ParseInt(string(v.Raw), 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(string(v.Raw), 64)
	return int64(f), err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53
}

// characters reads what Python iterates over as characters: a string, or an
// array of strings of one character.
func characters(name string, v jsonscan.Value) (string, error) {
	if v.Kind != jsonscan.Array {
		return str(name, v)
	}
	list, err := strs(name, v)
	if err != nil {
		return "", err
	}
	var all []byte
	for _, s := range list {
		if utf8.RuneCountInString(s) != 1 {
			return "", fieldError(name, shown(v.Raw), "single characters")
		}
		all = append(all, s...)
	}
	return string(all), nil
}

// strs reads an array of strings.
func strs(name string, v jsonscan.Value) ([]string, error) {
	if v.Kind != jsonscan.Array {
		return nil, fieldError(name, shown(v.Raw), "an array of strings")
	}
	var list []string
	s := jsonscan.New(v.Raw)
	s.Array()
	for s.Element() {
		element, err := str(name, s.Value())
		if err != nil {
			return nil, err
		}
		list = append(list, element)
	}
	return list, s.Err()
}

// decode returns the text of a JSON string. One with half a surrogate pair,
// which a Python str can hold and UTF-8 cannot, becomes bytes that are not UTF-8
// and no other string has.
func decode(v jsonscan.Value) string {
	s := jsonscan.AppendString(nil, v)
	if v.Escaped && bytes.Contains(s, []byte("\ufffd")) && bytes.Count(s, []byte("\ufffd")) != replacements(v.Raw) {
		return string(v.Raw) + "\xff"
	}
	return string(s)
}

// replacements counts the U+FFFD that a JSON string says it has.
func replacements(raw []byte) int {
	n := bytes.Count(raw, []byte("\ufffd"))
	for i := 0; i+6 <= len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		if bytes.EqualFold(raw[i:i+6], []byte(`\ufffd`)) {
			n++
		}
		i++ // the escaped character is no beginning of another escape
	}
	return n
}

// shown returns a value as an error message has it: on one line, and not long.
func shown[T string | []byte](value T) string {
	const most = 60
	s := string(value[:min(len(value), most)])
	if len(value) > most {
		s += "..."
	}
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "\ufffd"), unicode.IsControl), " ")
}

var errNotTokenizer = errors.New("tokenizer: neither Tokenizer.to_json() of Keras nor a word_index, an object of words and their ids, nor get_vocabulary() of a TextVectorization, an array of words")
