package deliver

import (
	"context"
	"errors"
	"io"
	"os"
)

// writer writes records as they are.
type writer struct{ w io.Writer }

// NewWriter returns a target that writes each batch with one call of w.Write.
// Its errors are permanent.
func NewWriter(w io.Writer) Putter { return &writer{w} }

// Put writes the records.
func (t *writer) Put(_ context.Context, records []Record) ([]Refusal, error) {
	var all []byte
	for _, r := range records {
		all = append(all, r.Data...)
	}
	if _, err := t.w.Write(all); err != nil {
		return nil, Permanent(err)
	}
	return nil, nil
}

// File is a file of whole lines: what a failed write left of a batch is cut off
// again. It is created, or emptied, by the first write, so a run that fails
// before that leaves everything as it was.
type File struct {
	path string
	f    *os.File
	size int64
}

// NewFile returns a File at path.
func NewFile(path string) *File { return &File{path: path} }

// Write appends whole lines.
func (t *File) Write(lines []byte) (int, error) {
	if t.f == nil {
		f, err := os.Create(t.path)
		if err != nil {
			return 0, err
		}
		t.f = f
	}
	n, err := t.f.Write(lines)
	if err != nil {
		if info, statErr := t.f.Stat(); statErr == nil && info.Mode().IsRegular() {
			err = errors.Join(err, t.f.Truncate(t.size))
		}
		return 0, err
	}
	t.size += int64(n)
	return n, nil
}

// Close makes the lines durable.
func (t *File) Close() error {
	if t.f == nil {
		return nil
	}
	info, err := t.f.Stat()
	if err == nil && info.Mode().IsRegular() {
		err = t.f.Sync()
	}
	return errors.Join(err, t.f.Close())
}
