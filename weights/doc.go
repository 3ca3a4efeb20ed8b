// Package weights is the model file: a network, its weights, its tokenizer and
// its check vectors in one safetensors file.
//
// The same content has two forms. The compressed form, NAME.safetensors.zst, is
// what users keep and exchange; weights/zst reads and writes it. The unpacked
// form is what a function maps: Open maps such a file and uses its tensors in
// place. Parse reads a safetensors file that is in memory, Append writes one,
// and Verify runs the check vectors of a File. This package does not link zstd,
// so that a function which only maps its model does not either.
package weights
