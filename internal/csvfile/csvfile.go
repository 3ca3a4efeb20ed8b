// Package csvfile reads CSV files of texts byte for byte: quoted fields keep
// their line breaks, carriage returns and doubled quotes as Python's csv module
// and pandas read them, so that a text has the same characters here as it had
// in training (encoding/csv drops carriage returns inside quotes).
//
// Start with NewReader or NewHeaderless, look columns up with Column, then call
// Read until io.EOF.
package csvfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxRecord bounds one record, so that a quote that is never closed does not
// read a whole file into memory. Posts have some hundred bytes, articles some
// ten thousand.
const maxRecord = 16 << 20

// FieldCountError reports a record with more or fewer fields than the header.
// Reading may go on after it.
type FieldCountError struct {
	Line      int // where the record starts, from 1
	Got, Want int
}

// Error says which line has how many fields.
func (e *FieldCountError) Error() string {
	return fmt.Sprintf("line %d: %d fields, the header has %d", e.Line, e.Got, e.Want)
}

// Reader reads the records of one CSV file. Fields are separated by commas, or
// by tabs when the first line has tabs and no comma.
type Reader struct {
	r      *bufio.Reader
	header []string
	comma  byte
	line   int // of the next byte, from 1
	start  int // of the last record, from 1
	fields []string
	ends   []int // of the fields in buf
	buf    []byte
}

// NewReader reads the header of r. A byte order mark in front is skipped; an
// empty input and UTF-16 are errors.
func NewReader(r io.Reader) (*Reader, error) {
	c, err := newReader(r)
	if err != nil {
		return nil, err
	}
	fields, err := c.record()
	if err == io.EOF {
		return nil, errors.New("the file is empty; a header line with column names is needed")
	}
	if err != nil {
		return nil, err
	}
	c.header = slices.Clone(fields)
	return c, nil
}

// NewHeaderless is NewReader for a file without a header line, whose columns are
// the given ones. It may be empty.
func NewHeaderless(r io.Reader, columns []string) (*Reader, error) {
	c, err := newReader(r)
	if err != nil {
		return nil, err
	}
	c.header = slices.Clone(columns)
	return c, nil
}

// newReader returns a Reader in front of the first record.
func newReader(r io.Reader) (*Reader, error) {
	c := &Reader{r: bufio.NewReaderSize(r, 1<<16), line: 1, comma: ','}
	line, err := c.firstLine()
	if err != nil {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(line, []byte("\xef\xbb\xbf")):
		if _, err := c.r.Discard(3); err != nil {
			return nil, err
		}
	case bytes.HasPrefix(line, []byte("\xff\xfe")), bytes.HasPrefix(line, []byte("\xfe\xff")):
		return nil, errors.New("the file is UTF-16; save it as UTF-8")
	}
	if bytes.IndexByte(line, '\t') >= 0 && bytes.IndexByte(line, ',') < 0 {
		c.comma = '\t'
	}
	return c, nil
}

// firstLine returns the first line that is not empty, or as much of it as the
// buffer holds, without taking it. It reads no further: the rest may be a while
// in coming.
func (c *Reader) firstLine() ([]byte, error) {
	for n := 1; ; n = max(c.r.Buffered(), n+1) {
		head, err := c.r.Peek(min(n, c.r.Size()))
		line := bytes.TrimLeft(head, "\r\n")
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			return line[:i], nil
		}
		if err == io.EOF || n > c.r.Size() {
			return line, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// Header returns the column names.
func (c *Reader) Header() []string { return c.header }

// Column returns the index of the column called name. The error lists the
// columns that there are.
func (c *Reader) Column(name string) (int, error) {
	if i := slices.Index(c.header, name); i >= 0 {
		return i, nil
	}
	quoted := make([]string, len(c.header))
	for i, h := range c.header {
		quoted[i] = fmt.Sprintf("%q", h)
	}
	return 0, fmt.Errorf("no column %q; the columns are %s", name, strings.Join(quoted, ", "))
}

// Line returns the line, from 1, on which the last record starts.
func (c *Reader) Line() int { return c.start }

// Read returns the next record, io.EOF after the last one, a FieldCountError
// for a record that does not have the header's number of fields, after which
// reading may go on. Empty lines are skipped. The slice is overwritten by the
// next call, its strings are not.
func (c *Reader) Read() ([]string, error) {
	fields, err := c.record()
	if err != nil {
		return nil, err
	}
	if len(fields) != len(c.header) {
		return nil, &FieldCountError{Line: c.start, Got: len(fields), Want: len(c.header)}
	}
	return fields, nil
}

// record reads one record. The quoting rules are those of Python's csv module:
// a field is quoted if its first byte is a quote, a doubled quote inside stands
// for one, and what follows the closing quote belongs to the field.
func (c *Reader) record() ([]string, error) {
	c.fields, c.ends, c.buf = c.fields[:0], c.ends[:0], c.buf[:0]
	c.start = c.line
	quoted, opened := false, 0 // inside quotes; the line on which they were opened
	fresh := true              // no byte of the current field was seen
	any := false               // a byte of the record was seen
	for {
		if len(c.buf) > maxRecord {
			return nil, fmt.Errorf("line %d: the record is longer than %d MiB; is a closing quote missing?", c.start, maxRecord>>20)
		}
		if n := c.plain(quoted); n > 0 && !quoted {
			any, fresh = true, false
		}
		b, err := c.r.ReadByte()
		if err == io.EOF {
			if quoted {
				return nil, fmt.Errorf("line %d: the quote opened here is never closed", opened)
			}
			if !any {
				return nil, io.EOF
			}
			break
		}
		if err != nil {
			return nil, err
		}
		if b == '\n' {
			c.line++
		}
		if quoted {
			if b != '"' {
				c.buf = append(c.buf, b)
				continue
			}
			if next, err := c.r.Peek(1); err == nil && next[0] == '"' {
				c.buf = append(c.buf, '"')
				if _, err := c.r.Discard(1); err != nil {
					return nil, err
				}
				continue
			}
			quoted = false
			continue
		}
		if b == '\r' { // a line end alone or before \n
			if next, err := c.r.Peek(1); err == nil && next[0] == '\n' {
				continue
			}
			b = '\n'
			c.line++
		}
		if b == '\n' {
			if !any {
				c.start = c.line
				continue
			}
			break
		}
		any = true
		switch {
		case b == c.comma:
			c.ends = append(c.ends, len(c.buf))
			fresh = true
		case b == '"' && fresh:
			quoted, fresh, opened = true, false, c.line
		default:
			c.buf = append(c.buf, b)
			fresh = false
		}
	}
	c.ends = append(c.ends, len(c.buf))
	all, from := string(c.buf), 0
	for _, end := range c.ends {
		c.fields = append(c.fields, all[from:end])
		from = end
	}
	return c.fields, nil
}

// plain moves the bytes that stand for themselves from the input's buffer into
// the record, up to the first one that may mean more, and returns their number.
func (c *Reader) plain(quoted bool) int {
	part, _ := c.r.Peek(c.r.Buffered()) // as much as is there, so there is no error
	n := 0
	if quoted {
		if n = bytes.IndexByte(part, '"'); n < 0 {
			n = len(part)
		}
		c.line += bytes.Count(part[:n], []byte("\n"))
	} else {
		for n < len(part) && part[n] != c.comma && part[n] != '"' && part[n] != '\n' && part[n] != '\r' {
			n++
		}
	}
	c.buf = append(c.buf, part[:n]...)
	_, _ = c.r.Discard(n) // of what is there
	return n
}
