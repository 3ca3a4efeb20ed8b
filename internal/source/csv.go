package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"coldstream/internal/csvfile"
)

// sentiment140 are the columns of the Sentiment140 data set, which has no
// header line.
var sentiment140 = []string{"target", "id", "date", "flag", "user", "text"}

// csvSource reads posts from the columns of a CSV file.
type csvSource struct {
	reader
	r                         *csvfile.Reader
	text, id, lang, createdAt int    // columns, -1 = none
	columns                   string // what a row of another length is told
	latin1                    bool
}

func newCSV(base reader, r io.Reader, o Options) (*csvSource, error) {
	c, err := csvfile.NewReader(r)
	if err != nil {
		return nil, err
	}
	s := &csvSource{reader: base, r: c, columns: fmt.Sprintf("the header has %d", len(c.Header()))}
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

func newSentiment140(base reader, r io.Reader, o Options) (*csvSource, error) {
	if o.TextField != "" || o.IDField != "" || o.LangField != "" || o.CreatedAtField != "" {
		return nil, fmt.Errorf("format %s has fixed columns; leave their names out, or use format %s", FormatSentiment140, FormatCSV)
	}
	c, err := csvfile.NewHeaderless(r, sentiment140)
	if err != nil {
		return nil, err
	}
	s := &csvSource{reader: base, r: c, lang: -1, columns: "want " + strings.Join(sentiment140, ", "), latin1: true}
	for name, column := range map[string]*int{"text": &s.text, "id": &s.id, "date": &s.createdAt} {
		if *column, err = c.Column(name); err != nil {
			return nil, err
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
	if err != nil {
		return Post{}, s.fault(err)
	}
	s.records++
	p := Post{ID: s.at(rec, s.id), Text: rec[s.text], Lang: s.at(rec, s.lang), CreatedAt: s.at(rec, s.createdAt), Source: s.kind}
	for _, v := range [...]*string{&p.Text, &p.ID} {
		if utf8.ValidString(*v) {
			continue
		}
		if !s.latin1 {
			return Post{}, &BadRecordError{Name: s.name, Line: s.r.Line(), Reason: errNotUTF8.Error(), Data: []byte(*v)}
		}
		*v = fromLatin1(*v)
	}
	if p.ID == "" {
		p.ID = s.madeID()
	}
	return p, nil
}

// fault is what an error of the reader means for a caller of Next.
func (s *csvSource) fault(err error) error {
	var count *csvfile.FieldCountError
	switch {
	case err == io.EOF:
		return err
	case errors.As(err, &count):
		s.records++
		return &BadRecordError{Name: s.name, Line: count.Line, Reason: fmt.Sprintf("%d fields, %s", count.Got, s.columns)}
	}
	return fmt.Errorf("%s: %w", s.name, err)
}

// at returns the value of a column that may not be there.
func (s *csvSource) at(rec []string, column int) string {
	if column < 0 {
		return ""
	}
	return rec[column]
}

// fromLatin1 decodes ISO 8859-1, in which every byte is the character of that
// number.
func fromLatin1(s string) string {
	b := make([]byte, 0, len(s)+len(s)/8)
	for i := range len(s) {
		b = utf8.AppendRune(b, rune(s[i]))
	}
	return string(b)
}
