package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"coldstream/internal/csvfile"
)

// csvSource reads posts from the columns of a CSV file.
type csvSource struct {
	reader
	r                         *csvfile.Reader
	text, id, lang, createdAt int // columns, -1 = none
}

func newCSV(base reader, r io.Reader, o Options) (*csvSource, error) {
	c, err := csvfile.NewReader(r)
	if err != nil {
		return nil, err
	}
	s := &csvSource{reader: base, r: c}
	for _, f := range []struct {
		column       *int
		given, usual string
	}{
		{&s.text, o.TextField, "text"},
		{&s.id, o.IDField, "id"},
		{&s.lang, o.LangField, "lang"},
		{&s.createdAt, o.CreatedAtField, "created_at"},
	} {
		name, required := field(f.given, f.usual)
		if *f.column, err = c.Column(name); err != nil {
			if required || f.usual == "text" {
				return nil, err
			}
			*f.column = -1
		}
	}
	return s, nil
}

// Next returns the next row.
func (s *csvSource) Next(ctx context.Context) (Post, error) {
	if err := ctx.Err(); err != nil {
		return Post{}, err
	}
	rec, err := s.r.Read()
	var count *csvfile.FieldCountError
	if errors.As(err, &count) {
		s.records++
		return Post{}, &BadRecordError{Name: s.name, Line: count.Line, Reason: fmt.Sprintf("%d fields, the header has %d", count.Got, count.Want)}
	}
	if err == io.EOF {
		return Post{}, err
	}
	if err != nil {
		return Post{}, fmt.Errorf("%s: %w", s.name, err)
	}
	s.records++
	p := Post{ID: s.at(rec, s.id), Text: rec[s.text], Lang: s.at(rec, s.lang), CreatedAt: s.at(rec, s.createdAt), Source: s.kind}
	for _, v := range [...]string{p.Text, p.ID} {
		if !utf8.ValidString(v) {
			return Post{}, &BadRecordError{Name: s.name, Line: s.r.Line(), Reason: "not valid UTF-8; convert the file to UTF-8", Data: []byte(v)}
		}
	}
	if p.ID == "" {
		p.ID = s.madeID()
	}
	return p, nil
}

// at returns the value of a column that may not be there.
func (s *csvSource) at(rec []string, column int) string {
	if column < 0 {
		return ""
	}
	return rec[column]
}
