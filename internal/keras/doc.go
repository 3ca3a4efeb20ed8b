// Package keras turns a file that Keras saved into an [lstm.Graph] with its
// weights, or says which layer and which option stand in the way.
//
// Use [Open] for a path and [Parse] for bytes; [Options] carries the
// architecture of a file that holds weights only. The [Model] that comes back
// has the graph, the weights, the inputs and the list of the original layers.
//
// # How a file becomes a graph
//
// The content decides what a file is, not its name: an HDF5 file with a model in
// it, a .keras archive, or weights alone. Its config is read into networks of
// layers (Sequential, Functional, and models inside models). Each layer class
// stands in a table with the options it may have, the variables it owns and the
// function that adds its nodes to the graph: a new layer is one entry in one
// file. Values carry their masks along as Keras does it at run time, by the
// rules of the version that wrote the file, so that the graph needs no version.
//
// # What is never done
//
// Nothing is guessed. An unknown class, an unknown option and a known option
// with a value that is not supported are errors, and so is a tensor that is
// missing or left over, apart from the state of optimizers, metrics and random
// generators. No code stored in a file is ever run.
package keras
