package keras

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	tokenizer "coldstream/internal/text"
	"coldstream/lstm"
)

// Tokenizer is a TextVectorization layer: with one the model takes texts in
// Keras, and its ids here.
type Tokenizer struct {
	Layer  string // name
	Config tokenizer.Config
	Vocab  tokenizer.Vocab
}

// lineSeparators are what Python's splitlines and text files take for the end of
// a line beside \n. Keras 3.15 reads a vocabulary with the one, Keras 2 with the
// other (\r alone).
const lineSeparators = "\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029"

// hasLineSeparator reports whether a word has one.
func (t *Tokenizer) hasLineSeparator() bool {
	return strings.ContainsAny(string(t.Vocab.Bytes), lineSeparators)
}

// textLayers turn texts into ids. The graph begins behind them.
var textLayers = map[string]*layerType{
	"TextVectorization": {
		reads:   "standardize split ngrams output_sequence_length vocabulary vocabulary_size",
		ignores: "max_tokens pad_to_max_tokens has_input_vocabulary",
		fixed: []fixedOption{
			{"standardize", `["lower_and_strip_punctuation", "lower", "strip_punctuation", null]`, "use one of Keras' own, or clean the texts before they come"},
			{"split", `["whitespace", "character", null]`, "use one of Keras' own, or give the model token ids"},
			{"output_mode", `["int"]`, "only output_mode=\"int\", ids for an Embedding, is"},
			{"idf_weights", `[null]`, "use output_mode=\"int\""},
			{"sparse", `[false]`, "use output_mode=\"int\""},
			{"ragged", `[false]`, "give the layer an output_sequence_length"},
			{"encoding", `["utf-8", "UTF-8", "utf8"]`, "use utf-8"},
		},
		call: callVectorization,
	},
	"StringLookup": {
		reads:   "mask_token oov_token num_oov_indices",
		ignores: "max_tokens pad_to_max_tokens vocabulary vocabulary_size vocabulary_dtype encoding oov_method salt has_input_vocabulary",
		fixed: []fixedOption{
			{"invert", `[false]`, "use the layer to make ids of words, not words of ids"},
			{"output_mode", `["int"]`, "only output_mode=\"int\", ids for an Embedding, is"},
			{"idf_weights", `[null]`, "use output_mode=\"int\""},
			{"sparse", `[false]`, "use output_mode=\"int\""},
		},
		call: callLookup,
	},
}

// takesText reports whether the input of a model or a layer is of strings.
func (l *layer) takesText() bool {
	switch {
	case l.class == "InputLayer":
		return asString(l.config["dtype"]) == "string"
	case l.inner == nil:
		return textLayers[l.class] != nil
	case l.inner.sequential():
		return l.inner.layers[0].takesText()
	}
	for _, x := range l.inner.layers {
		if len(l.inner.inputs) == 1 && x.name == l.inner.inputs[0].layer {
			return x.takesText()
		}
	}
	return false
}

// texts returns the only tensor a layer is called with, an input of strings that
// no other layer has made ids of.
func (b *builder) texts(l *layer, in []value) (value, error) {
	x, err := one(l, in)
	if err != nil {
		return x, err
	}
	if !x.text || b.inputs[x.node] == nil {
		return x, l.fail("its input is no input of the model; only a layer that the model's texts go into is supported")
	}
	if by := b.readers[x.node]; by != nil && by != l {
		return x, l.fail("the texts go into layer %q too; only one layer may read them", by.name)
	}
	b.readers[x.node] = l
	return x, nil
}

// callVectorization makes the model's input one of ids. Texts are read by the
// tokenizer that the layer becomes.
func callVectorization(b *builder, l *layer, in []value) ([]value, error) {
	x, err := b.texts(l, in)
	if err != nil {
		return nil, err
	}
	whole := l.config["split"] == nil
	if len(x.shape) > 1 || len(x.shape) == 1 && x.shape[0] != 1 || whole && len(x.shape) != 1 {
		return nil, l.fail("the input has shape %s; it must be one text, [1]", shapeText(x.shape))
	}
	if b.tokenizer == nil || b.tokenizer.Layer != l.path {
		if b.tokenizer != nil {
			return nil, l.fail("the model has a TextVectorization already, %q; only one is supported", b.tokenizer.Layer)
		}
		if b.tokenizer, err = b.vectorization(l); err != nil {
			return nil, err
		}
	}
	length := -1
	if n := b.tokenizer.Config.MaxLen; n > 0 {
		length = n
	}
	b.inputs[x.node].Shape = []int{length}
	for i := range b.graph.Nodes {
		if n := &b.graph.Nodes[i]; n.Op == lstm.OpInput && n.Name == x.node {
			n.Shape = []int{length}
		}
	}
	return []value{{node: x.node, shape: []int{length}}}, nil
}

// vectorization returns the tokenizer that the layer is.
func (b *builder) vectorization(l *layer) (*Tokenizer, error) {
	c := tokenizer.VectorizationConfig(tokenizer.UnknownWord)
	c.Standardize, c.Split = asString(l.config["standardize"]), asString(l.config["split"])
	var err error
	if c.Ngrams, err = l.ngrams(); err != nil {
		return nil, err
	}
	switch {
	case l.config["output_sequence_length"] != nil:
		o := l.options()
		if c.MaxLen = o.positive("output_sequence_length"); o.err != nil {
			return nil, o.err
		}
	case c.Split == "":
		c.MaxLen = 1
	}
	words, err := b.vocabulary(l)
	if err != nil {
		return nil, err
	}
	t := &Tokenizer{Layer: l.path}
	if t.Config, t.Vocab, err = tokenizer.FromVocabulary(c, words); err != nil {
		return nil, err
	}
	return t, nil
}

// ngrams returns the widths of the n-grams; a number stands for all up to it.
func (l *layer) ngrams() ([]int, error) {
	bad := func() ([]int, error) {
		return nil, fmt.Errorf("ngrams=%.60s is not supported; use widths from 1 to %d", jsonText(l.config["ngrams"]), tokenizer.MaxNgram)
	}
	switch v := l.config["ngrams"].(type) {
	case nil:
		return nil, nil
	case []any:
		var widths []int
		for _, e := range v {
			n, ok := integer(e)
			if !ok || n < 1 || n > tokenizer.MaxNgram {
				return bad()
			}
			widths = append(widths, n)
		}
		if len(widths) == 0 || len(widths) > tokenizer.MaxNgrams {
			return bad()
		}
		return widths, nil
	default:
		n, ok := integer(v)
		if !ok || n < 1 || n > tokenizer.MaxNgram {
			return bad()
		}
		widths := make([]int, n)
		for i := range widths {
			widths[i] = i + 1
		}
		return widths, nil
	}
}

// vocabulary returns the words of a TextVectorization by id. They are in the
// config where the program gave them, else in an asset of a .keras file.
func (b *builder) vocabulary(l *layer) ([]string, error) {
	switch v := l.config["vocabulary"].(type) {
	case nil:
	case []any:
		words := make([]string, len(v))
		for i, e := range v {
			word, ok := e.(string)
			if !ok {
				return nil, fmt.Errorf("its vocabulary has %.60s, which is no word", jsonText(e))
			}
			words[i] = word
		}
		if special := []string{"", tokenizer.UnknownWord}; len(words) < 2 || !slices.Equal(words[:2], special) {
			words = append(special, words...)
		}
		return words, l.checkVocabularySize(len(words))
	default:
		return nil, fmt.Errorf("its vocabulary is in another file (%.60s); give the layer the words as a list and save the model again", jsonText(v))
	}
	if b.asset == nil {
		return nil, fmt.Errorf("its vocabulary is not in the file; save the model as .keras, which keeps it")
	}
	content, err := b.asset("assets/" + l.group + "/vocabulary.txt")
	if err != nil {
		return nil, err
	}
	lines := bytes.Count(bytes.TrimSuffix(content, []byte("\n")), []byte("\n")) + 1
	if err := l.checkVocabularySize(lines); err != nil {
		return nil, err
	}
	return tokenizer.VocabularyLines(content), nil
}

// checkVocabularySize compares the number of words with the one that the config
// says. A word with a line break makes more lines than words.
func (l *layer) checkVocabularySize(n int) error {
	if size, ok := integer(l.config["vocabulary_size"]); ok && size != n {
		return fmt.Errorf("its vocabulary has %d words in the file, but vocabulary_size=%d; a word with a line break cannot be kept: give the layer the words as a list and save the model again", n, size)
	}
	return nil
}

// callLookup makes the model's input the row of ids that a StringLookup gives:
// how a text becomes words is not part of such a model.
func callLookup(b *builder, l *layer, in []value) ([]value, error) {
	x, err := b.texts(l, in)
	if err != nil {
		return nil, err
	}
	if len(x.shape) != 1 {
		return nil, l.fail("the input has shape %s; only a row of words is supported", shapeText(x.shape))
	}
	return []value{{node: x.node, shape: x.shape}}, nil
}

// checkTexts makes sure that each input of texts has become one of ids.
func (b *builder) checkTexts() error {
	for _, name := range b.graph.Inputs {
		if !b.strings[name] {
			continue
		}
		if by := b.readers[name]; by == nil {
			return fmt.Errorf("input %q is of strings, but no TextVectorization reads it; feed token ids", name)
		} else if b.inputs[name].VocabSize == 0 {
			return by.fail("its ids feed no Embedding, which is not supported")
		}
	}
	return nil
}
