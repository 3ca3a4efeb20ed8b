package source

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// maxLine bounds one line. Posts have some hundred bytes; a line of this size
// is no post.
const maxLine = 16 << 20

// ErrLineTooLong reports a line of more than 16 MiB; it has been skipped.
var ErrLineTooLong = fmt.Errorf("the line is longer than %d MiB", maxLine>>20)

// errNotUTF8 is the reason for a bad record.
var errNotUTF8 = errors.New("not valid UTF-8; convert the input to UTF-8")

// LineReader gives the lines of an input without their line ends. A byte order
// mark in front of the first one is dropped.
type LineReader struct {
	r    *bufio.Reader
	line int
	buf  []byte // a line that r's buffer does not hold
}

// NewLineReader returns a LineReader over r.
func NewLineReader(r *bufio.Reader) *LineReader { return &LineReader{r: r} }

// Line returns the number of the line that Next returned last, from 1.
func (l *LineReader) Line() int { return l.line }

// Next returns the next line, valid until the following call; io.EOF after the
// last one; ErrLineTooLong for a line that was skipped.
func (l *LineReader) Next() ([]byte, error) {
	l.line++
	line, err := l.r.ReadSlice('\n')
	if err != nil {
		if line, err = l.collect(line, err); err != nil {
			return nil, err
		}
	}
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	if l.line == 1 {
		line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	}
	return line, nil
}

// collect reads the rest of a line of which ReadSlice gave the first part and
// an error.
func (l *LineReader) collect(part []byte, err error) ([]byte, error) {
	l.buf = append(l.buf[:0], part...)
	long := false
	for errors.Is(err, bufio.ErrBufferFull) {
		part, err = l.r.ReadSlice('\n')
		if !long {
			l.buf = append(l.buf, part...)
		}
		if len(l.buf) > maxLine {
			long, l.buf = true, l.buf[:0]
		}
	}
	switch {
	case err != nil && err != io.EOF:
		return nil, err
	case long:
		return nil, ErrLineTooLong
	case err == io.EOF && len(l.buf) == 0:
		return nil, io.EOF
	}
	return l.buf, nil
}

// lineSource reads one post per line.
type lineSource struct {
	reader
	lines *LineReader
	parse func(line []byte) (Post, error) // the error is the reason for a bad record
	empty bool                            // an empty line is a post
}

func newJSONL(base reader, r *bufio.Reader, o Options) *lineSource {
	return &lineSource{reader: base, lines: NewLineReader(r), parse: newObjectReader(o).post}
}

func newLines(base reader, r *bufio.Reader) *lineSource {
	return &lineSource{reader: base, lines: NewLineReader(r), empty: true, parse: func(line []byte) (Post, error) {
		if !utf8.Valid(line) {
			return Post{}, errNotUTF8
		}
		return Post{Text: string(line)}, nil
	}}
}

// Next returns the next line's post. Blank lines between JSON objects are
// skipped.
func (s *lineSource) Next(ctx context.Context) (Post, error) {
	for {
		if err := ctx.Err(); err != nil {
			return Post{}, err
		}
		line, err := s.lines.Next()
		if err == io.EOF {
			return Post{}, err
		}
		if err != nil && !errors.Is(err, ErrLineTooLong) {
			return Post{}, fmt.Errorf("%s, line %d: %w", s.name, s.lines.Line(), err)
		}
		if err == nil && !s.empty && len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		s.records++
		var p Post
		if err == nil {
			p, err = s.parse(line)
		}
		if err != nil {
			return Post{}, &BadRecordError{Name: s.name, Line: s.lines.Line(), Reason: err.Error(), Data: bytes.Clone(line)}
		}
		p.Source = s.kind
		if p.ID == "" {
			p.ID = s.madeID()
		}
		return p, nil
	}
}
