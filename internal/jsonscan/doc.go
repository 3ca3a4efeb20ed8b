// Package jsonscan reads JSON in place and writes JSON strings, without
// allocating.
//
// Start with New and ask the Scanner for whole values (Value) or enter objects
// and arrays (Object and Member, Array and Element). A Value is a piece of the
// document: AppendString decodes a string, AppendCompact copies any value on
// one line, AppendQuoted writes a new string. The scanner is strict (RFC 8259,
// UTF-8 only) and bounds the nesting depth; it knows nothing of Go types, so
// it decodes no numbers.
package jsonscan
