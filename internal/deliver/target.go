package deliver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
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
// again. It is emptied by the first write, so a run that fails before that
// leaves everything as it was.
type File struct {
	path  string
	f     *os.File
	keep  bool // the old content stays
	made  bool // by Open
	begun bool // the old content is gone, or to stay
	size  int64
}

// NewFile returns a File at path.
func NewFile(path string) *File { return &File{path: path} }

// ContinueFile returns a File at path to which lines are added: those of a run
// that goes on. A line that was not finished is cut off.
func ContinueFile(path string) *File { return &File{path: path, keep: true} }

// Open makes sure that lines can be written, before there are any. A file that
// it had to create and that gets no lines is removed by Close.
func (t *File) Open() error {
	_, err := os.Lstat(t.path)
	t.made = errors.Is(err, fs.ErrNotExist)
	t.f, err = os.OpenFile(t.path, os.O_RDWR|os.O_CREATE, 0o666)
	if errors.Is(err, fs.ErrPermission) && !t.keep {
		t.f, err = os.OpenFile(t.path, os.O_WRONLY, 0o666) // a pipe, perhaps
	}
	if err != nil || !t.keep {
		return err
	}
	return t.toEnd()
}

// toEnd goes behind the last whole line and cuts off what follows.
func (t *File) toEnd() error {
	info, err := t.f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	block := make([]byte, 1<<16)
	end := info.Size()
	for end > 0 {
		from := max(0, end-int64(len(block)))
		b := block[:end-from]
		if _, err := t.f.ReadAt(b, from); err != nil {
			return err
		}
		if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
			end = from + int64(i) + 1
			break
		}
		end = from
	}
	t.begun, t.size = true, end
	if err := t.f.Truncate(end); err != nil {
		return err
	}
	_, err = t.f.Seek(end, io.SeekStart)
	return err
}

// Write appends whole lines.
func (t *File) Write(lines []byte) (int, error) {
	if t.f == nil {
		if err := t.Open(); err != nil {
			return 0, err
		}
	}
	info, statErr := t.f.Stat()
	regular := statErr == nil && info.Mode().IsRegular()
	if !t.begun && regular {
		if err := t.f.Truncate(0); err != nil {
			return 0, err
		}
	}
	t.begun = true
	n, err := t.f.Write(lines)
	if err != nil {
		if regular {
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
	if t.made && !t.begun {
		return errors.Join(t.f.Close(), os.Remove(t.path))
	}
	info, err := t.f.Stat()
	if err == nil && info.Mode().IsRegular() {
		err = t.f.Sync()
	}
	return errors.Join(err, t.f.Close())
}
