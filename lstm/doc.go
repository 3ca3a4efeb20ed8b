// Package lstm runs recurrent networks (LSTM, GRU and the layers around them)
// forward: token ids or feature rows in, outputs out.
//
// Start with New, which checks a Graph and its weights and returns a Model; a
// Model is immutable and may be shared by goroutines. Each goroutine takes its
// own Scratch from Model.NewScratch and calls Model.Predict with it, which
// allocates nothing once the Scratch has seen a batch of that size. The
// package does no I/O and knows neither texts nor file formats.
//
// A row's result has the same bits in every batch, at every place in it, with
// any number of goroutines, with and without the shortcuts that Options names,
// and with every kernel: sums are added up in one fixed order. Only the portable
// arithmetic of gonum, for processors without AVX2 or NEON and with the build
// tag purego, rounds otherwise; it too is the same everywhere. The results are
// those of Keras within 1e-6.
package lstm
