package source

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/klauspost/compress/zstd"
)

// zstdMemory bounds what one zstd frame may ask for: 128 MiB is the largest
// window that zstd's own tool accepts without being told.
const zstdMemory = 128 << 20

// OpenFile opens a file of posts, or a pipe; see NewReader. Reading ends with
// ctx.
func OpenFile(ctx context.Context, path string, o Options) (Source, error) {
	f, err := Open(ctx, path)
	if err != nil {
		return nil, err
	}
	s, err := newReader(filepath.Base(path), "file", f, o)
	if err != nil {
		err := fmt.Errorf("%s: %w", path, err)
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

// NewReader reads posts from r, decompressed if it is gzip, zstd or bzip2 by
// its first bytes. The name stands in ids that are made and in errors; kind is each
// post's Source. Close closes r if it is an io.Closer.
func NewReader(name, kind string, r io.Reader, o Options) (Source, error) {
	d, err := decompress(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s, err := newReader(name, kind, d, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// Open opens a file or a pipe for reading, decompressed if it is gzip, zstd or
// bzip2 by its first bytes. Reading ends with ctx.
func Open(ctx context.Context, path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, errors.Join(fmt.Errorf("%s is a directory", path), f.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	in, err := decompress(Interruptible(ctx, f))
	if err != nil {
		cancel()
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	in.close = append(in.close, func() error { cancel(); return nil }, f.Close)
	return in, nil
}

// input is a decompressed reader over the raw one that Close closes.
type input struct {
	*bufio.Reader
	close []func() error
}

func (i *input) Close() error {
	var errs []error
	for _, c := range i.close {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// compressions are told by their first bytes; ? stands for any byte.
var compressions = []struct {
	magic string
	open  func(in *input) error
}{
	{"\x1f\x8b", (*input).gunzip},
	{"\x28\xb5\x2f\xfd", (*input).unzstd},
	{"BZh?1AY&SY", (*input).bunzip2},
	{"BZh?\x17rE8P\x90", (*input).bunzip2}, // of nothing
	{"PK\x03\x04", func(*input) error { return errors.New("a zip archive; unpack it and give the file inside") }},
}

// begins compares head with the beginning of magic.
func begins(magic string, head []byte) bool {
	for i := range min(len(magic), len(head)) {
		if magic[i] != '?' && magic[i] != head[i] {
			return false
		}
	}
	return true
}

// Decompress returns a reader of r's content, decompressed if it is gzip, zstd
// or bzip2 by its first bytes. Closing it closes r if r is an io.Closer.
func Decompress(r io.Reader) (io.ReadCloser, error) {
	in, err := decompress(r)
	if err != nil {
		return nil, err
	}
	return in, nil
}

func decompress(r io.Reader) (*input, error) {
	in := &input{Reader: bufio.NewReaderSize(r, 1<<16)}
	if c, ok := r.(io.Closer); ok {
		in.close = append(in.close, c.Close)
	}
	// A further byte may be a while in coming: it is asked for only while the
	// ones before it look like compressed data.
	for n, more := 1, true; more; n++ {
		head, err := in.Peek(n)
		if err != nil && err != io.EOF {
			return nil, err
		}
		more = false
		for _, c := range compressions {
			if !begins(c.magic, head) {
				continue
			}
			if len(head) >= len(c.magic) {
				return in, c.open(in)
			}
			more = err == nil
		}
	}
	return in, nil
}

func (i *input) gunzip() error {
	z, err := gzip.NewReader(i.Reader)
	if err != nil {
		return fmt.Errorf("gzip: %w", err)
	}
	i.Reader = bufio.NewReaderSize(z, 1<<16)
	return nil
}

func (i *input) unzstd() error {
	z, err := zstd.NewReader(i.Reader, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdMemory))
	if err != nil {
		return fmt.Errorf("zstd: %w", err)
	}
	i.Reader = bufio.NewReaderSize(z, 1<<16)
	i.close = append([]func() error{func() error { z.Close(); return nil }}, i.close...)
	return nil
}

func (i *input) bunzip2() error {
	i.Reader = bufio.NewReaderSize(bzip2.NewReader(i.Reader), 1<<16)
	return nil
}

// newReader picks the format and goes to the cursor.
func newReader(name, kind string, r io.ReadCloser, o Options) (Source, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	format := o.Format
	if format == FormatAuto {
		var err error
		if format, err = guess(b); err != nil {
			return nil, err
		}
	}
	var s Source
	var err error
	base := reader{name: name, kind: kind, in: r, records: o.Before}
	switch format {
	case FormatCSV:
		s, err = newCSV(base, b, o)
	case FormatJSONL:
		s = newJSONL(base, b, o)
	case FormatLines:
		s = newLines(base, b)
	case FormatSentiment140:
		s, err = newSentiment140(base, b, o)
	default:
		return nil, fmt.Errorf("unknown format %q; formats are %s, %s, %s and %s", format, FormatJSONL, FormatCSV, FormatLines, FormatSentiment140)
	}
	if err != nil {
		return nil, err
	}
	return s, seek(s, o.Cursor)
}

// guess tells the format by the first character that is no space. It waits for
// no byte beyond that one: the next may be a while in coming.
func guess(b *bufio.Reader) (Format, error) {
	for n := 1; ; n++ {
		head, err := b.Peek(min(n, b.Size()))
		text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
		if bytes.HasPrefix(text, []byte("{")) {
			return FormatJSONL, nil
		}
		// The first bytes may be the beginning of a byte order mark.
		if len(text) > 0 && !bytes.HasPrefix([]byte("\xef\xbb\xbf"), head) || err == io.EOF || n > b.Size() {
			return FormatCSV, nil
		}
		if err != nil {
			return "", err
		}
	}
}

// reader is what the sources over an input have in common.
type reader struct {
	name, kind string
	in         io.Closer
	records    int // returned by Next, bad ones too
}

func (r *reader) Cursor() string { return strconv.Itoa(r.records) }

func (r *reader) Close() error { return r.in.Close() }

// madeID is the id of a record that has none.
func (r *reader) madeID() string { return r.name + ":" + strconv.Itoa(r.records) }

// seek reads the records in front of the cursor.
func seek(s Source, cursor string) error {
	if cursor == "" {
		return nil
	}
	n, err := strconv.Atoi(cursor)
	if err != nil || n < 0 {
		return fmt.Errorf("cursor %q is not a number of records", cursor)
	}
	for range n {
		_, err := s.Next(context.Background())
		var bad *BadRecordError
		if err == io.EOF {
			return fmt.Errorf("the cursor is behind record %d, the input has %s records; is it the same input?", n, s.Cursor())
		}
		if err != nil && !errors.As(err, &bad) {
			return err
		}
	}
	return nil
}
