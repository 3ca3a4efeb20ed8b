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
	"coldstream/weights"
)

// Options is what a Keras file does not say.
type Options struct {
	Name      string // of the model
	Converter string // the program, with its version

	Tokenizer  []byte                   // content of a tokenizer file, JSON or pickle; nil = none
	Texts      iter.Seq2[string, error] // texts to fit a vocabulary on, in place of Tokenizer; nil = none
	Cleaning   string                   // "" = as the tokenizer file says; else a name that text.Cleaning knows
	NumWords   int                      // 0 = as the tokenizer file says
	MaxLen     int                      // 0 = as the model's input or the tokenizer file says
	Padding    string                   // "" = as the tokenizer file says, else text.Pre or text.Post
	Truncating string                   // likewise

	Labels []string // in the order of the outputs; nil = "0", "1", ...
	Check  []byte   // Keras' own outputs for some inputs, JSON (see ParseCheck); nil = none
}

// hasTokenizer reports whether a tokenizer is asked for.
func (o *Options) hasTokenizer() bool { return o.Tokenizer != nil || o.Texts != nil }

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
	if len(o.Labels) > 0 {
		if m.NumClasses == 0 {
			return nil, fmt.Errorf("%d labels are given, but the model's output is not one row of probabilities", len(o.Labels))
		}
		if _, err := sentiment.Labels(o.Labels, m.NumClasses); err != nil {
			return nil, err
		}
	}
	if o.hasTokenizer() {
		if err := setTokenizer(f, m, o); err != nil {
			return nil, err
		}
	} else if o.Cleaning != "" || o.NumWords != 0 || o.MaxLen != 0 || o.Padding != "" || o.Truncating != "" {
		return nil, errors.New("cleaning, number of words, length and padding belong to a tokenizer, and none is given")
	}
	if err := addGoldens(f, m, o.Check); err != nil {
		return nil, err
	}
	if _, err := f.Verify(); err != nil {
		return nil, err
	}
	return f, nil
}

// setTokenizer puts the tokenizer into f.
func setTokenizer(f *weights.File, m *keras.Model, o Options) error {
	if len(m.Inputs) != 1 || m.Inputs[0].VocabSize == 0 || len(m.Inputs[0].Shape) != 1 {
		return errors.New("a tokenizer is given, but the model does not take one row of token ids")
	}
	cfg, vocab, err := text.KerasConfig(), text.Vocab{}, error(nil)
	if o.Tokenizer != nil {
		if cfg, vocab, err = parseTokenizer(o.Tokenizer); err != nil {
			return err
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
		return err
	}
	if o.Texts != nil {
		if vocab, err = fit(cfg, o.Texts); err != nil {
			return err
		}
	}
	return sentiment.SetTokenizer(f, cfg, vocab)
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

// parseTokenizer reads a tokenizer file: JSON or, told by its content, a pickle.
func parseTokenizer(b []byte) (text.Config, text.Vocab, error) {
	trimmed := bytes.TrimLeft(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), " \t\r\n")
	if len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '"') {
		return text.ParseJSON(trimmed)
	}
	p, err := pickle.Tokenizer(b)
	if err != nil {
		return text.Config{}, text.Vocab{}, fmt.Errorf("tokenizer: neither JSON nor a pickle of a Keras Tokenizer: %w", err)
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
