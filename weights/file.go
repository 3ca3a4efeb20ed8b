package weights

import (
	"coldstream/lstm"
)

// FormatVersion is the version of the model file that this package writes. A
// file of another version is refused.
const FormatVersion = "1"

// File is the content of a model file. Slices of a File that was mapped or
// parsed are views into the file's bytes and must not be written to.
type File struct {
	Name   string                 // the model's name; answers carry it
	Graph  lstm.Graph             // the network, normalised
	Params map[string]lstm.Tensor // weight tensors by the names that the Graph's nodes use
	DType  string                 // number format of the weights: F16 or Int8; "" = F32
	Loss   *Loss                  // what DType costs; nil without one
	Labels []string               // of the outputs, in order; empty: "0", "1", ...

	Tokenizer string // JSON description of text processing; "" for a model that takes no texts
	Vocab     Vocab  // the tokenizer's words; empty without a tokenizer

	KerasVersion string            // of the source file
	KerasConfig  string            // the source's model configuration, verbatim; empty in the unpacked form
	SourceSHA256 string            // of the source file, in hex
	Converter    string            // the program that wrote the file, with its version
	Notes        map[string]string // further string metadata, for people; keys outside the format's own

	Goldens []Golden // check vectors; none in the unpacked form
}

// Vocab is a list of words as three flat arrays, so that a mapped file can be
// searched without work at start.
type Vocab struct {
	Bytes   []byte   // the words' UTF-8, one after the other
	Offsets []uint32 // [words+1]: word i is Bytes[Offsets[i]:Offsets[i+1]]; i is its id
	Index   []uint32 // hash table over the words, in internal/text's layout; only in the unpacked form
}

// Golden is one batch of inputs with the outputs that the model must give.
type Golden struct {
	Origin  string        // who computed Outputs: "keras 3.15.1", or "self" for this engine at conversion
	Rows    int           // batch size
	Inputs  []lstm.Input  // one for each of Graph.Inputs
	Outputs []lstm.Tensor // one for each of Graph.Outputs; Shape is [Rows][...]
	Texts   []string      // the texts that Inputs were made of; nil, or one for each row
}
