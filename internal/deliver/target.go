package deliver

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"

	"coldstream/internal/jsonscan"
)

// ListIDs returns an Options.Accepted that writes one JSON object with the id of
// every accepted record to each of the writers.
func ListIDs(lists ...io.Writer) func([]Record) error {
	var lines []byte
	return func(records []Record) error {
		lines = lines[:0]
		for _, r := range records {
			lines = append(jsonscan.AppendQuoted(append(lines, `{"id":`...), r.ID), "}\n"...)
		}
		for _, w := range lists {
			if _, err := w.Write(lines); err != nil {
				return err
			}
		}
		return nil
	}
}

// WriteDeadLetters returns an Options.DeadLetter that writes one JSON object per
// record to w.
func WriteDeadLetters(w io.Writer) func(DeadLetter) error {
	return func(d DeadLetter) error {
		line, err := json.Marshal(d)
		if err != nil {
			return err
		}
		_, err = w.Write(append(line, '\n'))
		return err
	}
}

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
