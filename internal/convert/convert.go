// Package convert makes a model file of a Keras model, its tokenizer and its
// labels. Start with Build. It refuses what would not give Keras' answers: a
// tokenizer with ids that the Embedding does not have, labels that do not fit
// the output, lengths that contradict each other, check vectors that the engine
// does not reproduce.
package convert

import (
	"bytes"
	"errors"
	"fmt"
	"iter"

	"coldstream/internal/keras"
	"coldstream/internal/pickle"
	"coldstream/internal/sentiment"
	"coldstream/internal/text"
	"coldstream/lstm"
	"coldstream/weights"
)

// Input is a file that was read.
type Input struct {
	Path    string // errors about the file begin with it
	Content []byte
}

// Options is what a Keras file does not say.
type Options struct {
	Path      string // of the Keras file; errors about the model begin with it
	Name      string // of the model
	Converter string // the program, with its version

	Tokenizer  *Input                   // a tokenizer file, JSON or pickle; nil = none
	Texts      iter.Seq2[string, error] // texts to fit a vocabulary on, in place of Tokenizer; nil = none
	TextsPath  string                   // where they are from; errors about their vocabulary begin with it
	Cleaning   string                   // "" = as the tokenizer file says; else a name that text.Cleaning knows
	NumWords   int                      // 0 = as the tokenizer file says
	MaxLen     int                      // 0 = as the model's input or the tokenizer file says
	Padding    string                   // "" = as the tokenizer file says, else text.Pre or text.Post
	Truncating string                   // likewise

	Labels  []string  // in the order of the outputs; nil = "0", "1", ...
	DType   string    // number format of the weights; "" or weights.F32 = as they are
	Compare *CheckCSV // predictions of Keras to compare with; Build fills in the result; nil = none

	Check *Input // Keras' own outputs for some inputs, JSON (see ParseCheck); nil = none
}

// hasTokenizer reports whether a tokenizer is asked for.
func (o *Options) hasTokenizer() bool { return o.Tokenizer != nil || o.Texts != nil }

// about puts the file that an error is about in front of it.
func about(path string, err error) error {
	if err == nil || path == "" {
		return err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// Build makes the model file of m. Its check vectors have been run.
func Build(m *keras.Model, o Options) (*weights.File, error) {
	f := &weights.File{
		Name:         o.Name,
		Graph:        m.Graph,
		Params:       m.Params,
		Labels:       o.Labels,
		KerasVersion: m.KerasVersion,
		KerasConfig:  m.Config,
		SourceSHA256: m.SHA256,
		Converter:    o.Converter,
	}
	if err := checkLabels(m, o.Labels); err != nil {
		return nil, about(o.Path, err)
	}
	if m.Tokenizer != nil {
		if err := setVectorization(f, m, o); err != nil {
			return nil, about(o.Path, err)
		}
	} else if o.hasTokenizer() {
		if err := setTokenizer(f, m, o); err != nil {
			return nil, err
		}
	} else if o.Cleaning != "" || o.NumWords != 0 || o.MaxLen != 0 || o.Padding != "" || o.Truncating != "" {
		return nil, errors.New("cleaning, number of words, length and padding belong to a tokenizer, and none is given")
	}
	if err := addGoldens(f, m, o); err != nil {
		return nil, err
	}
	if _, err := f.Verify(); err != nil {
		return nil, about(o.Path, err)
	}
	if o.Compare != nil { // before another number format moves the outputs
		if err := o.Compare.run(f); err != nil {
			return nil, about(o.Compare.Path, err)
		}
	}
	if o.DType == "" || o.DType == weights.F32 {
		return f, nil
	}
	if err := f.Quantise(o.DType); err != nil {
		return nil, about(o.Path, err)
	}
	if _, err := f.Verify(); err != nil {
		return nil, about(o.Path, err)
	}
	return f, nil
}

// checkLabels makes sure that the labels fit the model's output.
func checkLabels(m *keras.Model, labels []string) error {
	if len(labels) == 0 {
		return nil
	}
	if m.NumClasses == 0 {
		return fmt.Errorf("%d labels are given, but the model's output is not one row of probabilities", len(labels))
	}
	_, err := sentiment.Labels(labels, m.NumClasses)
	return err
}

// setTokenizer puts the tokenizer into f.
func setTokenizer(f *weights.File, m *keras.Model, o Options) error {
	if len(m.Inputs) != 1 || m.Inputs[0].VocabSize == 0 || len(m.Inputs[0].Shape) != 1 {
		return about(o.Path, errors.New("a tokenizer is given, but the model does not take one row of token ids"))
	}
	cfg, vocab, source, err := text.KerasConfig(), text.Vocab{}, "", error(nil)
	if o.Tokenizer != nil {
		source = o.Tokenizer.Path
		if cfg, vocab, err = parseTokenizer(o.Tokenizer.Content); err != nil {
			return about(source, err)
		}
	}
	if o.Cleaning != "" {
		if cfg.Clean, err = text.Cleaning(o.Cleaning); err != nil {
			return err
		}
	}
	if o.NumWords != 0 {
		cfg.NumWords = o.NumWords
	}
	if o.Padding != "" {
		cfg.Padding = o.Padding
	}
	if o.Truncating != "" {
		cfg.Truncating = o.Truncating
	}
	if cfg.MaxLen, err = length(m.Inputs[0].Shape[0], o.MaxLen, cfg.MaxLen); err != nil {
		return about(o.Path, err)
	}
	if o.Texts != nil {
		source = o.TextsPath
		if vocab, err = fit(cfg, o.Texts); err != nil {
			return err
		}
	}
	if err := sentiment.SetTokenizer(f, cfg, vocab); err != nil {
		return about(source, err)
	}
	return about(source, hasWordsOr(cfg, f.Vocab))
}

// setVectorization puts the TextVectorization of the model into f. Of a
// tokenizer's options the length alone is open, if the layer says none.
func setVectorization(f *weights.File, m *keras.Model, o Options) error {
	t := m.Tokenizer
	switch {
	case o.hasTokenizer():
		return fmt.Errorf("layer %q (TextVectorization) is the model's tokenizer; give no other one", t.Layer)
	case o.NumWords != 0 || o.Padding != "" || o.Truncating != "":
		return fmt.Errorf("layer %q (TextVectorization) is the model's tokenizer and says the number of words and the sides itself; leave them out", t.Layer)
	case len(m.Inputs) != 1:
		return fmt.Errorf("layer %q (TextVectorization) makes the ids of one input, but the model has %d; only models with one input take texts", t.Layer, len(m.Inputs))
	}
	cfg := t.Config
	var err error
	if o.Cleaning != "" {
		if cfg.Clean, err = text.Cleaning(o.Cleaning); err != nil {
			return err
		}
	}
	if cfg.MaxLen, err = length(m.Inputs[0].Shape[0], o.MaxLen, cfg.MaxLen); err != nil {
		return err
	}
	if err := sentiment.SetTokenizer(f, cfg, t.Vocab); err != nil {
		return err
	}
	return hasWordsOr(cfg, f.Vocab)
}

// hasWordsOr is an error if a vocabulary has no word.
func hasWordsOr(cfg text.Config, v weights.Vocab) error {
	if hasWords(cfg, v) {
		return nil
	}
	return errors.New("the tokenizer gives no word an id, so that all texts would be the same to the model")
}

// hasWords reports whether a vocabulary has a word beside the one for unknown
// words.
func hasWords(cfg text.Config, v weights.Vocab) bool {
	for i := range len(v.Offsets) - 1 {
		word := string(v.Bytes[v.Offsets[i]:v.Offsets[i+1]])
		if word != "" && (cfg.OOVToken == nil || word != *cfg.OOVToken) {
			return true
		}
	}
	return false
}

// Doubts returns what is allowed in f and yet seldom meant, one sentence each.
func Doubts(f *weights.File) []string {
	if f.Tokenizer == "" {
		return nil
	}
	ids := len(f.Vocab.Offsets) - 1
	for _, n := range f.Graph.Nodes {
		if n.Op != lstm.OpEmbedding || len(n.Params) == 0 {
			continue
		}
		if rows := f.Params[n.Params[0]].Shape[0]; rows/2 >= ids {
			return []string{fmt.Sprintf("the tokenizer gives ids up to %d, and layer %q (Embedding) has rows for %d; make sure that it is the model's own tokenizer", ids-1, n.Name, rows)}
		}
	}
	return nil
}

// length returns the number of ids in a row: what the model's input fixes, what
// the caller says, what the tokenizer file says.
func length(model, asked, file int) (int, error) {
	switch {
	case model > 0 && asked > 0 && asked != model:
		return 0, fmt.Errorf("length %d is asked for, but the model takes rows of %d ids", asked, model)
	case model > 0:
		return model, nil
	case asked > 0:
		return asked, nil
	case file > 0:
		return file, nil
	}
	return 0, errors.New("the model takes rows of any length; say with --maxlen how long they were in training")
}

// parseTokenizer reads a tokenizer file. Its content tells what it is: JSON, the
// vocabulary of a TextVectorization with default options, or a pickle.
func parseTokenizer(b []byte) (text.Config, text.Vocab, error) {
	unmarked := bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	trimmed := bytes.TrimLeft(unmarked, " \t\r\n")
	switch {
	case len(trimmed) == 0:
		return text.Config{}, text.Vocab{}, errors.New("tokenizer: the file is empty")
	case text.IsVocabulary(unmarked):
		return text.FromVocabulary(text.VectorizationConfig(text.UnknownWord), text.VocabularyLines(unmarked))
	case bytes.IndexByte([]byte(`{["`), trimmed[0]) >= 0:
		return text.ParseJSON(trimmed)
	}
	p, err := pickle.Tokenizer(b)
	if err != nil {
		return text.Config{}, text.Vocab{}, fmt.Errorf("tokenizer: neither JSON nor a pickle of a Keras Tokenizer nor a vocabulary.txt of TextVectorization (an empty line, [UNK], the words): %w", err)
	}
	cfg := text.KerasConfig()
	if !p.Bare {
		cfg.Filters, cfg.Lower, cfg.Split, cfg.CharLevel, cfg.OOVToken = p.Filters, p.Lower, p.Split, p.CharLevel, p.OOVToken
		if p.NumWords != nil {
			cfg.NumWords = *p.NumWords
		}
	}
	words := make(map[string]int64, len(p.WordIndex))
	for _, w := range p.WordIndex {
		words[w.Word] = int64(w.N)
	}
	return text.FromFields(cfg, words)
}

// fit returns the vocabulary of texts.
func fit(cfg text.Config, texts iter.Seq2[string, error]) (text.Vocab, error) {
	var broken error
	vocab, err := text.Fit(cfg, func(yield func(string) bool) {
		for t, err := range texts {
			if err != nil {
				broken = err
				return
			}
			if !yield(t) {
				return
			}
		}
	})
	if broken != nil {
		return text.Vocab{}, broken
	}
	return vocab, err
}
