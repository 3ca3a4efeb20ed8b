package backfill

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"coldstream/internal/function"
	"coldstream/internal/s3lite"
)

func isS3(err error) bool {
	var e *s3lite.Error
	return errors.As(err, &e)
}

func isCorrupt(err error) bool {
	var c flate.CorruptInputError
	return errors.As(err, &c)
}

// packed is an object that is gzipped on its way.
type packed struct {
	upload *s3lite.Upload
	z      *gzip.Writer // nil until something is written
}

func (s *Scorer) create(ctx context.Context, key string) *packed {
	return &packed{upload: s.client.Create(ctx, s.to.Bucket, key, resultType)}
}

func (p *packed) Write(b []byte) (int, error) {
	if p.z == nil {
		p.z, _ = gzip.NewWriterLevel(p.upload, gzip.BestSpeed) // the level is valid
	}
	return p.z.Write(b)
}

func (p *packed) commit() error {
	if p.z == nil { // an object without posts has a result without lines
		p.z = gzip.NewWriter(p.upload)
	}
	if err := p.z.Close(); err != nil {
		return err
	}
	return p.upload.Commit()
}

func (p *packed) abort() { p.upload.Abort() }

// writer scores lines and writes what came of them.
type writer struct {
	ok, bad *packed
	score   function.ScoreLines
	count   count

	arena []byte   // the lines of the batch, one after the other
	ends  []int    // of the lines in arena
	nums  []int    // of the lines in the object, from 1
	batch [][]byte // the lines
	row   []byte
}

// lines scores the lines of content. Lines of white space count for nothing.
func (w *writer) lines(ctx context.Context, content io.Reader) error {
	r := bufio.NewReaderSize(content, 1<<16)
	for n := 1; ; n++ {
		from := len(w.arena)
		long, err := w.readLine(r)
		if err != nil && err != io.EOF {
			return err
		}
		switch line := w.arena[from:]; {
		case long:
			w.arena = w.arena[:from]
			if err := w.fail(n, function.TooBig, nil); err != nil {
				return err
			}
		case len(bytes.TrimSpace(line)) == 0:
			w.arena = w.arena[:from]
		default:
			w.ends, w.nums = append(w.ends, len(w.arena)), append(w.nums, n)
		}
		if len(w.ends) == batchLines || len(w.arena) >= batchBytes || err == io.EOF {
			if err := w.flush(ctx); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
	}
}

// readLine appends the next line, without its end, to the arena. Of a long one,
// which has more than function.MaxTextBytes, only the beginning is kept.
func (w *writer) readLine(r *bufio.Reader) (long bool, err error) {
	from := len(w.arena)
	for {
		part, err := r.ReadSlice('\n')
		if !long {
			w.arena = append(w.arena, bytes.TrimSuffix(part, []byte("\n"))...)
			long = len(w.arena)-from > function.MaxTextBytes
		}
		if err != bufio.ErrBufferFull {
			return long, err
		}
	}
}

// flush scores the batch.
func (w *writer) flush(ctx context.Context) error {
	if len(w.ends) == 0 {
		return ctx.Err()
	}
	w.batch = w.batch[:0]
	from := 0
	for _, end := range w.ends {
		w.batch = append(w.batch, w.arena[from:end])
		from = end
	}
	err := w.score(ctx, w.batch, func(i int, answer []byte, why function.Reason) error {
		if why != "" {
			return w.fail(w.nums[i], why, w.batch[i])
		}
		w.count.scored++
		w.row = append(append(w.row[:0], answer...), '\n')
		_, err := w.ok.Write(w.row)
		return err
	})
	w.arena, w.ends, w.nums = w.arena[:0], w.ends[:0], w.nums[:0]
	return err
}

// fail writes the line that says why line n has no answer, as Firehose does. A
// line that is too long is left out of it: it is in the source, under its number.
func (w *writer) fail(n int, why function.Reason, line []byte) error {
	w.count.add(why)
	b := append(w.row[:0], `{"attemptsMade":1,"errorCode":"Backfill.ProcessingFailed","errorMessage":"`...)
	b = append(append(b, why...), `","line":`...)
	b = append(strconv.AppendInt(b, int64(n), 10), `,"rawData":"`...)
	b = append(base64.StdEncoding.AppendEncode(b, line), "\"}\n"...)
	w.row = b
	_, err := w.bad.Write(b)
	return err
}

// count is the account of a task.
type count struct {
	scored, failed int
	reasons        []reasonCount // in the order of their first line
}

type reasonCount struct {
	why function.Reason
	n   int
}

func (c *count) add(why function.Reason) {
	c.failed++
	i := slices.IndexFunc(c.reasons, func(r reasonCount) bool { return r.why == why })
	if i < 0 {
		i = len(c.reasons)
		c.reasons = append(c.reasons, reasonCount{why: why})
	}
	c.reasons[i].n++
}

// String is the account in words: "12 posts scored, 3 failed (bad_json 2, no_text 1)".
func (c *count) String() string {
	text := fmt.Sprintf("%d posts scored, %d failed", c.scored, c.failed)
	if c.failed == 0 {
		return text
	}
	parts := make([]string, len(c.reasons))
	for i, r := range c.reasons {
		parts[i] = fmt.Sprintf("%s %d", r.why, r.n)
	}
	return text + " (" + strings.Join(parts, ", ") + ")"
}
