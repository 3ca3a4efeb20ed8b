package text

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"coldstream/internal/jsonscan"
)

// ParseJSON reads a JSON file that describes a tokenizer and has its words:
//
//   - Tokenizer.to_json() of Keras, also when it was written by json.dump and
//     therefore is JSON inside a JSON string, and the "config" part of it alone;
//   - word_index, an object of words and their ids. Then the Config is that of
//     Tokenizer();
//   - an array of words, get_vocabulary() of a TextVectorization with default
//     options;
//   - our own: "config" is the JSON form of a Config, "vocab" the words in the
//     order of their ids.
//
// The vocabulary is whole (see Config.Trim). MaxLen and the sides of padding and
// truncating are not part of Keras' Tokenizer: they are those of KerasConfig.
func ParseJSON(data []byte) (Config, Vocab, error) {
	v, err := jsonValue(bytes.TrimPrefix(data, []byte("\ufeff")))
	if err == nil && v.Kind == jsonscan.String {
		v, err = jsonValue([]byte(decode(v)))
	}
	if err != nil {
		return Config{}, Vocab{}, fmt.Errorf("tokenizer: %w", err)
	}
	if v.Kind == jsonscan.Array {
		words, err := strs("vocabulary", v)
		if err != nil {
			return Config{}, Vocab{}, fmt.Errorf("%w: %w", errNotTokenizer, err)
		}
		return FromVocabulary(VectorizationConfig(UnknownWord), words)
	}
	if v.Kind != jsonscan.Object {
		return Config{}, Vocab{}, errNotTokenizer
	}
	top := topLevel(v.Raw)
	switch {
	case top.vocab.Kind == jsonscan.Array:
		return parseOwn(v.Raw)
	case top.config.Kind == jsonscan.Object:
		if !top.class.Is("Tokenizer") {
			return Config{}, Vocab{}, fieldError("class_name", shown(top.class.Raw), `"Tokenizer"`)
		}
		return parseKerasConfig(top.config.Raw)
	case top.wordIndex.Kind == jsonscan.String || top.wordIndex.Kind == jsonscan.Object:
		return parseKerasConfig(v.Raw)
	}
	words, err := parseWordIndex(v.Raw)
	if err != nil {
		return Config{}, Vocab{}, fmt.Errorf("%w: %w", errNotTokenizer, err)
	}
	return FromFields(KerasConfig(), words)
}

// parseOwn reads a Config in its JSON form and its words.
func parseOwn(doc []byte) (Config, Vocab, error) {
	var c Config
	var words []string
	err := members(doc, func(name string, v jsonscan.Value) (err error) {
		switch name {
		case "config":
			c, err = ParseConfig(v.Raw)
		case "vocab":
			words, err = strs(name, v)
		default:
			err = fmt.Errorf("tokenizer: unknown field %q", shown(name))
		}
		return err
	})
	if err != nil {
		return Config{}, Vocab{}, err
	}
	for _, w := range words {
		if !utf8.ValidString(w) {
			return Config{}, Vocab{}, fieldError("vocab", shown(w), "UTF-8")
		}
		if c.Kind == KindWordPiece && len(strings.TrimPrefix(w, continuation)) > maxPiece {
			return Config{}, Vocab{}, fieldError("vocab", shown(w), fmt.Sprintf("pieces of at most %d bytes", maxPiece))
		}
	}
	return checked(c, words)
}

// topMembers are the members by which the forms are told apart. In a word_index
// these names would be words, with numbers as values.
type topMembers struct{ class, config, wordIndex, vocab jsonscan.Value }

// topLevel finds them in an object that is valid JSON.
func topLevel(doc []byte) (m topMembers) {
	s := jsonscan.New(doc)
	s.Object()
	for {
		key, ok := s.Member()
		if !ok {
			return m
		}
		v := s.Value()
		switch {
		case key.Is("class_name"):
			m.class = v
		case key.Is("config"):
			m.config = v
		case key.Is("word_index"):
			m.wordIndex = v
		case key.Is("vocab"):
			m.vocab = v
		}
	}
}

// parseKerasConfig reads what Tokenizer.get_config() returns.
func parseKerasConfig(doc []byte) (Config, Vocab, error) {
	c := KerasConfig()
	var words map[string]int64
	err := members(doc, func(name string, v jsonscan.Value) (err error) {
		switch name {
		case "document_count", "word_counts", "word_docs", "index_docs", "index_word":
			return nil // statistics, and word_index the other way round
		case "word_index":
			index := v
			if v.Kind == jsonscan.String {
				if index, err = jsonValue([]byte(decode(v))); err != nil {
					return fmt.Errorf("tokenizer: word_index: %w", err)
				}
			}
			if index.Kind != jsonscan.Object {
				return fieldError(name, shown(v.Raw), "an object of words and their ids")
			}
			if words, err = parseWordIndex(index.Raw); err != nil {
				return fmt.Errorf("tokenizer: word_index: %w", err)
			}
			return nil
		case "nb_words": // num_words of Keras 1
			name = "num_words"
		}
		known, err := c.setField(name, v)
		if !known {
			return fmt.Errorf("tokenizer: %q is not supported (it is %s)", shown(name), shown(v.Raw))
		}
		return err
	})
	if err != nil {
		return Config{}, Vocab{}, err
	}
	if words == nil {
		return Config{}, Vocab{}, fieldError("word_index", "missing", "an object of words and their ids")
	}
	return FromFields(c, words)
}

// parseWordIndex reads an object of words and their ids.
func parseWordIndex(doc []byte) (map[string]int64, error) {
	words := make(map[string]int64)
	s := jsonscan.New(doc)
	s.Object()
	for {
		key, ok := s.Member()
		if !ok {
			break
		}
		word, v := decode(key), s.Value()
		if s.Err() != nil {
			break
		}
		id, ok := whole(v)
		if !ok {
			return nil, fmt.Errorf("word %q has the id %s, want a whole number", shown(word), shown(v.Raw))
		}
		if _, ok := words[word]; ok {
			return nil, fmt.Errorf("word %q occurs twice", shown(word))
		}
		words[word] = id
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("not valid JSON: %w", err)
	}
	return words, nil
}

// sparseIDs is how high ids may be however few the words are; a vocabulary has
// four bytes for every id below its highest.
const sparseIDs = 1 << 20

// FromFields returns the config and vocabulary of a Keras Tokenizer whose
// attributes have been read: c is KerasConfig with what the object says, words
// is its word_index. Byte strings of Python 2 are taken as UTF-8. Words that are
// not UTF-8 (such byte strings, half surrogate pairs) leave a hole, as no text has
// them.
func FromFields(c Config, words map[string]int64) (Config, Vocab, error) {
	highest := int64(0)
	for word, id := range words {
		if most := int64(max(sparseIDs, 4*len(words))); id < 0 || id > most {
			return Config{}, Vocab{}, fmt.Errorf("tokenizer: word_index: word %q has the id %d, want 0 to %d", shown(word), id, most)
		}
		highest = max(highest, id)
	}
	list, taken := make([]string, highest+1), make([]bool, highest+1)
	for word, id := range words {
		if taken[id] {
			return Config{}, Vocab{}, fmt.Errorf("tokenizer: word_index: %q and another word have the id %d", shown(word), id)
		}
		taken[id] = true
		if utf8.ValidString(word) {
			list[id] = word
		}
	}
	return checked(c, list)
}

// checked returns c and the vocabulary of the words if a tokenizer can be made
// of them.
func checked(c Config, words []string) (Config, Vocab, error) {
	v, err := NewVocab(words)
	if err == nil {
		_, err = New(c, v)
	}
	if err != nil {
		return Config{}, Vocab{}, err
	}
	return c, v, nil
}
