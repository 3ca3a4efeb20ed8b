package source

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// maxLine bounds one line. Posts have some hundred bytes; a line of this size
// is no post.
const maxLine = 16 << 20

// errLineTooLong reports a line above maxLine; it has been skipped.
var errLineTooLong = fmt.Errorf("the line is longer than %d MiB", maxLine>>20)

// lineReader gives the lines of an input without their line ends.
type lineReader struct {
	r    *bufio.Reader
	line int // of the last line returned, from 1
	buf  []byte
}

// next returns the next line, valid until the following call.
func (l *lineReader) next() ([]byte, error) {
	l.buf = l.buf[:0]
	l.line++
	long := false
	for {
		part, err := l.r.ReadSlice('\n')
		if !long {
			l.buf = append(l.buf, part...)
		}
		if len(l.buf) > maxLine {
			long, l.buf = true, l.buf[:0]
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && err != io.EOF {
			return nil, err
		}
		if long {
			return nil, errLineTooLong
		}
		if err == io.EOF && len(l.buf) == 0 {
			return nil, io.EOF
		}
		line := bytes.TrimSuffix(bytes.TrimSuffix(l.buf, []byte("\n")), []byte("\r"))
		if l.line == 1 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		}
		return line, nil
	}
}

// lineSource reads one post per line.
type lineSource struct {
	reader
	lines lineReader
	parse func(s *lineSource, line []byte) (Post, error) // the error is the reason for a bad record
	empty bool                                           // an empty line is a post

	text, id, lang, createdAt    string // JSON fields
	needID, needLang, needCreate bool
}

func newJSONL(base reader, r *bufio.Reader, o Options) *lineSource {
	s := &lineSource{reader: base, lines: lineReader{r: r}, parse: (*lineSource).object}
	s.text, _ = field(o.TextField, "text")
	s.id, s.needID = field(o.IDField, "id")
	s.lang, s.needLang = field(o.LangField, "lang")
	s.createdAt, s.needCreate = field(o.CreatedAtField, "created_at")
	return s
}

func newLines(base reader, r *bufio.Reader) *lineSource {
	return &lineSource{reader: base, lines: lineReader{r: r}, empty: true, parse: func(s *lineSource, line []byte) (Post, error) {
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
		line, err := s.lines.next()
		if err == io.EOF {
			return Post{}, err
		}
		if err != nil && !errors.Is(err, errLineTooLong) {
			return Post{}, fmt.Errorf("%s, line %d: %w", s.name, s.lines.line, err)
		}
		if err == nil && !s.empty && len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		s.records++
		var p Post
		if err == nil && !utf8.Valid(line) {
			err = errors.New("not valid UTF-8; convert the input to UTF-8")
		}
		if err == nil {
			p, err = s.parse(s, line)
		}
		if err != nil {
			return Post{}, &BadRecordError{Name: s.name, Line: s.lines.line, Reason: err.Error(), Data: bytes.Clone(line)}
		}
		p.Source = s.kind
		if p.ID == "" {
			p.ID = s.madeID()
		}
		return p, nil
	}
}

// object reads a post from a JSON object.
func (s *lineSource) object(line []byte) (Post, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(line, &fields); err != nil {
		return Post{}, fmt.Errorf("not a JSON object: %w", err)
	}
	var p Post
	for _, f := range []struct {
		value  *string
		name   string
		needed bool
	}{
		{&p.Text, s.text, true},
		{&p.ID, s.id, s.needID},
		{&p.Lang, s.lang, s.needLang},
		{&p.CreatedAt, s.createdAt, s.needCreate},
	} {
		raw, ok := fields[f.name]
		if !ok || string(raw) == "null" {
			if f.needed {
				return Post{}, fmt.Errorf("no field %q", f.name)
			}
			continue
		}
		v, err := scalar(raw)
		if err != nil {
			return Post{}, fmt.Errorf("field %q: %w", f.name, err)
		}
		*f.value = v
	}
	if raw := fields[s.text]; raw[0] != '"' {
		return Post{}, fmt.Errorf("field %q is not a string", s.text)
	}
	return p, nil
}

// scalar returns a JSON string's value or a number's digits as they stand: ids
// above 2^53 must not pass through a float.
func scalar(raw json.RawMessage) (string, error) {
	switch c := raw[0]; {
	case c == '"':
		var v string
		err := json.Unmarshal(raw, &v)
		return v, err
	case c == '-' || c >= '0' && c <= '9':
		return string(raw), nil
	}
	return "", errors.New("neither a string nor a number")
}
