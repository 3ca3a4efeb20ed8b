// Package text turns texts into token ids exactly as Keras does in Python.
//
// A tokenizer is described by a Config, the part of a model file that is JSON,
// and a Vocab, its words. New puts the two together; Tokenizer.Encode gives the
// ids of a text and Tokenizer.EncodePadded a row of fixed length, as
// texts_to_sequences and pad_sequences would. The descriptions come from
// ParseConfig and MapVocab (a model file), from ParseJSON and FromFields
// (a Tokenizer saved by Keras), from FromVocabulary (a TextVectorization layer)
// or from Fit (texts).
//
// "As in Python" is CPython 3.11 with Unicode 14. Its tables are part of this
// package, so a text has the same ids whichever Go release compiled it. CPython
// 3.12 and 3.13 agree on every lower case letter and every white space, and
// differ only in 111 newly assigned code points that stand beside a capital
// sigma.
package text
