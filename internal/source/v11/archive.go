package v11

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"coldstream/internal/source"
)

// archive gives the lines of one file, or of all files in a tar, one after the
// other. Nothing is unpacked to disk.
type archive struct {
	name  string // of the archive
	count func(what string)
	close []func() error

	tar     *tar.Reader // nil = the archive is one file
	tarErr  error       // the tar itself could not be read
	entries int         // of the tar, taken so far, files or not

	// The file that is being read.
	label   string // what errors call it
	lines   *source.LineReader
	member  io.Closer // its decompressor, in a tar
	records int       // taken from it: lines that are not blank, and what stands for a whole file
}

// openArchive opens the archive at the cursor. Skipped entries of a tar go to
// count.
func openArchive(ctx context.Context, file, cursor string, count func(what string)) (*archive, error) {
	a := &archive{name: filepath.Base(file), label: filepath.Base(file), count: count}
	err := a.open(ctx, file)
	if err == nil {
		err = a.seek(ctx, cursor)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", file, err), a.Close())
	}
	return a, nil
}

func (a *archive) open(ctx context.Context, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return bare(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	a.close = append(a.close, f.Close, func() error { cancel(); return nil })
	info, err := f.Stat()
	if err != nil {
		return bare(err)
	}
	if info.IsDir() {
		return errors.New("is a directory")
	}
	if info.Mode().IsRegular() {
		var head [tarMagicAt + len(tarMagic)]byte
		// On an error the reads below say what is wrong.
		if n, _ := f.ReadAt(head[:], 0); isTar(head[:n]) {
			a.tar = tar.NewReader(f) // passes over files by seeking
			return nil
		}
	}
	in, err := source.Decompress(source.Interruptible(ctx, f))
	if err != nil {
		return err
	}
	a.close = append(a.close, in.Close)
	b := bufio.NewReaderSize(in, 1<<16)
	c, err := firstByte(b)
	if err != nil {
		return err
	}
	if c == '{' || c == 0 {
		a.lines = source.NewLineReader(b)
		return nil
	}
	head, err := b.Peek(tarMagicAt + len(tarMagic))
	if err != nil && err != io.EOF {
		return err
	}
	if !isTar(head) {
		return errors.New("no v1.1 stream: want one JSON object per line, or a tar of such files")
	}
	a.tar = tar.NewReader(b)
	return nil
}

// bare takes the path out of an error of package os: it is put in front of all
// errors.
func bare(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// Where every tar since POSIX.1-1988 says what it is.
const (
	tarMagic   = "ustar"
	tarMagicAt = 257
)

func isTar(head []byte) bool {
	return len(head) >= tarMagicAt+len(tarMagic) && string(head[tarMagicAt:tarMagicAt+len(tarMagic)]) == tarMagic
}

// firstByte returns the first byte of b that is no white space, without taking
// it; 0 if there is none, or none in 4 KiB.
func firstByte(b *bufio.Reader) (byte, error) {
	for n := 1; n <= 4096; n++ {
		head, err := b.Peek(n)
		if err == io.EOF {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		// A byte order mark has three bytes that are no white space.
		text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
		if len(text) > 0 && !(n < 3 && text[0] == '\xef') {
			return text[0], nil
		}
	}
	return 0, nil
}

// seek goes to the cursor. Of a tar the entries in front of it are passed over
// without decompressing them.
func (a *archive) seek(ctx context.Context, cursor string) error {
	if cursor == "" {
		return nil
	}
	entry, record, inTar := strings.Cut(cursor, "/")
	if !inTar {
		entry, record = "0", cursor
	}
	entries, err1 := strconv.Atoi(entry)
	records, err2 := strconv.Atoi(record)
	if err1 != nil || err2 != nil || entries < 0 || records < 0 || inTar != (a.tar != nil) {
		return fmt.Errorf("cursor %q is none of this kind of archive", cursor)
	}
	behind := fmt.Errorf("cursor %q is behind the end of what it points into; is it the same archive?", cursor)
	for a.entries < entries {
		if err := a.entry(ctx, func(*tar.Header) error { return nil }); err == io.EOF {
			return behind
		} else if err != nil {
			return err
		}
	}
	in := 0 // a.entries while the records are read
	if inTar {
		in = entries + 1
	}
	for records > 0 && (a.entries != in || a.records < records) {
		_, err := a.next(ctx)
		var bad *source.BadRecordError
		switch {
		case err == io.EOF, a.entries > in:
			return behind
		case err != nil && !errors.As(err, &bad):
			return err
		}
	}
	return nil
}

// cursor is the position behind the last record.
func (a *archive) cursor() string {
	if a.tar == nil {
		return strconv.Itoa(a.records)
	}
	return fmt.Sprintf("%d/%d", max(a.entries-1, 0), a.records)
}

// next returns the next line that is not blank, valid until the following call.
// What cannot be read is a BadRecordError: a line that is too long, or the rest
// of a file in a tar, behind which the tar goes on.
func (a *archive) next(ctx context.Context) ([]byte, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if a.lines == nil {
			if err := a.entry(ctx, a.begin); err != nil {
				return nil, err
			}
			continue
		}
		line, err := a.lines.Next()
		switch {
		case err == nil && len(bytes.TrimSpace(line)) == 0:
		case err == nil:
			a.records++
			return line, nil
		case errors.Is(err, source.ErrLineTooLong):
			a.records++
			return nil, a.bad(err.Error(), nil)
		case a.tar == nil && err == io.EOF:
			return nil, io.EOF
		case a.tar == nil || a.tarErr != nil:
			return nil, fmt.Errorf("%s, line %d: %w", a.label, a.lines.Line(), err)
		case err == io.EOF:
			a.end()
		default:
			a.records++
			bad := a.bad(fmt.Sprintf("%v; the rest of the file is left out", err), nil)
			a.end()
			return nil, bad
		}
	}
}

// bad is the error for the line read last.
func (a *archive) bad(reason string, data []byte) error {
	line := 1
	if a.lines != nil {
		line = a.lines.Line()
	}
	return &source.BadRecordError{Name: a.label, Line: line, Reason: reason, Data: data}
}

// entry takes the next entry of the tar and gives it to use, or returns io.EOF.
func (a *archive) entry(ctx context.Context, use func(*tar.Header) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	h, err := a.tar.Next()
	if err == io.EOF {
		return err
	}
	if err != nil {
		return fmt.Errorf("%s, entry %d: %w", a.name, a.entries+1, err)
	}
	a.entries++
	a.records = 0
	return use(h)
}

// begin begins to read a file of the tar. One that is no stream is a bad record
// as a whole.
func (a *archive) begin(h *tar.Header) error {
	if h.Typeflag != tar.TypeReg || strings.HasPrefix(path.Base(h.Name), ".") {
		a.count("entries_skipped")
		return nil
	}
	name := h.Name
	if strings.ContainsFunc(name, unicode.IsControl) {
		name = strconv.Quote(name) // an error is one line
	}
	a.label = a.name + ": " + name
	in, err := source.Decompress((*tarFile)(a))
	var c byte
	var b *bufio.Reader
	if err == nil {
		a.member = in
		b = bufio.NewReaderSize(in, 1<<16)
		c, err = firstByte(b)
	}
	switch {
	case a.tarErr != nil:
		return fmt.Errorf("%s: %w", a.label, a.tarErr)
	case err == nil && (c == '{' || c == 0):
		a.lines = source.NewLineReader(b)
		return nil
	case err == nil:
		err = errors.New("no v1.1 stream, which has one JSON object per line")
	}
	a.records++
	bad := a.bad(fmt.Sprintf("%v; the file is left out", err), nil)
	a.end()
	return bad
}

// tarFile reads the current file of the tar and remembers errors of the tar
// itself: those are no fault of the file.
type tarFile archive

func (t *tarFile) Read(p []byte) (int, error) {
	n, err := t.tar.Read(p)
	if err != nil && err != io.EOF {
		t.tarErr = err
	}
	return n, err
}

// end ends the current file of the tar.
func (a *archive) end() {
	if a.member != nil {
		_ = a.member.Close() // a decompressor that was only read from
	}
	a.member, a.lines = nil, nil
}

// Close closes the archive.
func (a *archive) Close() error {
	a.end()
	var errs []error
	for i := len(a.close) - 1; i >= 0; i-- {
		errs = append(errs, a.close[i]())
	}
	a.close = nil
	return errors.Join(errs...)
}
