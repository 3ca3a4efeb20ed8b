package sentiment

import (
	"fmt"

	"coldstream/internal/text"
	"coldstream/lstm"
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

// Pack checks f as a function will not have time to, and gives it what its
// unpacked form needs beyond the compressed one: the weights in the form of the
// kernels, and the index over the tokenizer's words.
func Pack(f *weights.File) error {
	if _, err := lstm.New(f.Graph, f.Params, lstm.Options{}); err != nil {
		return fmt.Errorf("sentiment: %w", err)
	}
	f.Params = lstm.Pack(f.Graph, f.Params)
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

// SetTokenizer puts a tokenizer into f, with the words that it can give. One
// that can give an id which an Embedding of the network does not have is
// refused: Keras would read beyond the table or fail, depending on its backend.
func SetTokenizer(f *weights.File, cfg text.Config, v text.Vocab) error {
	v, err := cfg.Trim(v)
	if err != nil {
		return fmt.Errorf("sentiment: %w", err)
	}
	tok, err := text.New(cfg, v)
	if err != nil {
		return fmt.Errorf("sentiment: %w", err)
	}
	for _, n := range f.Graph.Nodes {
		if n.Op != lstm.OpEmbedding || len(n.Params) == 0 {
			continue
		}
		if shape := f.Params[n.Params[0]].Shape; len(shape) == 2 && tok.MaxID() >= shape[0] {
			return fmt.Errorf("sentiment: the tokenizer gives ids up to %d, but layer %q (Embedding) has only %d rows, ids 0 to %d; use the model's own tokenizer, or --num-words %d",
				tok.MaxID(), n.Name, shape[0], shape[0]-1, shape[0])
		}
	}
	description, err := cfg.MarshalJSON()
	if err != nil {
		return fmt.Errorf("sentiment: %w", err)
	}
	f.Tokenizer = string(description)
	f.Vocab = weights.Vocab{Bytes: v.Bytes, Offsets: v.Offsets}
	return nil
}
