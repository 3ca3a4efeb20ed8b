// Package hdf5 reads the part of HDF5 that Keras and ordinary h5py options
// write, from a file that is already in memory.
//
// Start with [Open], then [File.Root]. A [Group] lists its members with
// [Group.Names], finds them by path with [Group.Group] and [Group.Dataset], and
// visits everything below it once with [Group.Walk]. Groups and datasets have
// attributes: Attr and AttrNames. Numbers come out as float32
// ([Dataset.Float32s]) or int64, texts as strings.
//
// # What is read
//
//   - superblock versions 0 to 3, also behind a user block; object headers
//     versions 1 and 2; every checksum the format has is verified
//   - groups as symbol tables or as links, compact and dense; hard and soft links
//   - attributes, compact and dense, of fixed and variable-length strings and of
//     numbers; committed (named) types
//   - datasets stored contiguous, compact or in chunks (version 1 B-tree, single
//     chunk, implicit, fixed array), with the filters gzip, shuffle and fletcher32
//   - integers and enumerations of 1 to 8 bytes, float16, bfloat16 (also as the
//     opaque type Keras 3 writes), float32, float64, in either byte order
//
// Everything else is refused with an error that wraps [ErrUnsupported], names the
// feature and says how to rewrite the file. Nothing is left out silently.
//
// # Hostile files
//
// All bytes are reached through one bounds-checked function, and one File spends
// at most a fixed amount of work and memory plus a multiple of its size; see
// [ErrLimit]. A damaged file gives an error, never a panic.
package hdf5
