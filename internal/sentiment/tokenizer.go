package sentiment

import (
	"fmt"

	"coldstream/internal/text"
	"coldstream/weights"
)

// newTokenizer returns the tokenizer that f describes. The words' index is used
// in place where the file has one.
func newTokenizer(f *weights.File) (*text.Tokenizer, error) {
	cfg, err := text.ParseConfig([]byte(f.Tokenizer))
	if err != nil {
		return nil, err
	}
	v, err := vocabulary(f)
	if err != nil {
		return nil, err
	}
	return text.New(cfg, v)
}

func vocabulary(f *weights.File) (text.Vocab, error) {
	if len(f.Vocab.Index) > 0 {
		return text.MapVocab(f.Vocab.Bytes, f.Vocab.Offsets, f.Vocab.Index)
	}
	offsets := f.Vocab.Offsets
	if len(offsets) == 0 {
		return text.Vocab{}, fmt.Errorf("vocabulary: no offsets")
	}
	words := make([]string, len(offsets)-1)
	for i := range words {
		from, to := offsets[i], offsets[i+1]
		if from > to || uint64(to) > uint64(len(f.Vocab.Bytes)) {
			return text.Vocab{}, fmt.Errorf("vocabulary: word %d is said to be bytes %d to %d of %d", i, from, to, len(f.Vocab.Bytes))
		}
		words[i] = string(f.Vocab.Bytes[from:to])
	}
	return text.NewVocab(words)
}

// Pack gives f what its unpacked form needs beyond the compressed one: the
// index over the tokenizer's words.
func Pack(f *weights.File) error {
	if f.Tokenizer == "" || len(f.Vocab.Index) > 0 {
		return nil
	}
	v, err := vocabulary(f)
	if err != nil {
		return fmt.Errorf("sentiment: %w", err)
	}
	f.Vocab.Index = v.Index
	return nil
}

// SetTokenizer puts a tokenizer into f.
func SetTokenizer(f *weights.File, cfg text.Config, v text.Vocab) error {
	if _, err := text.New(cfg, v); err != nil {
		return fmt.Errorf("sentiment: %w", err)
	}
	description, err := cfg.MarshalJSON()
	if err != nil {
		return fmt.Errorf("sentiment: %w", err)
	}
	f.Tokenizer = string(description)
	f.Vocab = weights.Vocab{Bytes: v.Bytes, Offsets: v.Offsets}
	return nil
}
