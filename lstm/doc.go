// Package lstm runs recurrent networks (LSTM, GRU and the layers around them)
// forward: token ids or feature rows in, outputs out.
//
// Start with New, which checks a Graph and its weights and returns a Model; a
// Model is immutable and may be shared by goroutines. Each goroutine takes its
// own Scratch from Model.NewScratch and calls Model.Predict with it, which
// allocates nothing once the Scratch has seen a batch of that size. The package does no
// I/O and knows neither texts nor file formats.
package lstm
