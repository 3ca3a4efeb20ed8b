// Package backfill scores posts that are in S3 already: object by object, as
// S3 Batch Operations hands them to the deployed function.
//
// FromEnv reads where results go from the environment of a function, New makes
// a Scorer, which is what function.Handler.SetBackfill wants. An object is
// streamed: what is held in memory does not depend on its size.
package backfill

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"coldstream/internal/function"
	"coldstream/internal/s3lite"
)

// Variable of a function's environment: where results go, s3://BUCKET/PREFIX.
const Variable = "BACKFILL_TO"

// Bounds of a batch, the posts that are scored at once. A longer line goes alone.
const (
	batchLines = 1000
	batchBytes = 1 << 20
)

// spare is the part of the time until the deadline that is kept to drop what was
// written and to answer.
const spare = 3 * time.Second

// resultType is the content type of the objects that are written.
const resultType = "application/gzip"

// Target is where results go.
type Target struct {
	Bucket string
	Prefix string // without a slash at its end; may be empty
}

// FromEnv reads a Target by means of getenv, which is os.Getenv for a function.
func FromEnv(getenv func(string) string) (Target, error) {
	text := getenv(Variable)
	rest, ok := strings.CutPrefix(text, "s3://")
	bucket, prefix, _ := strings.Cut(rest, "/")
	if !ok || bucket == "" {
		return Target{}, fmt.Errorf("backfill: %s is %.80q, want s3://BUCKET/PREFIX", Variable, text)
	}
	return Target{bucket, strings.Trim(prefix, "/")}, nil
}

// Scorer is safe for concurrent use.
type Scorer struct {
	client *s3lite.Client
	to     Target
}

// New returns a Scorer that reads and writes by means of client.
func New(client *s3lite.Client, to Target) *Scorer { return &Scorer{client, to} }

// Keys of what is written for a task. They depend on nothing but the task, so
// that a task that is run again replaces what it wrote.
func (s *Scorer) keys(t function.Task) (scored, failed string) {
	name := t.Bucket + "/" + t.Key
	if t.Version != "" {
		name += "." + t.Version
	}
	name += ".jsonl.gz"
	return s.under("scored/" + name), s.under("processing-failed/" + name)
}

func (s *Scorer) under(name string) string {
	if s.to.Prefix == "" {
		return name
	}
	return s.to.Prefix + "/" + name
}

// maxKeyBytes is what S3 takes.
const maxKeyBytes = 1024

// Score reads t's object, plain or gzip, and writes two: PREFIX/scored/... with
// one line for each post that was scored, in the object's order, and, if there
// are others, PREFIX/processing-failed/... with one line for each of them, in
// the form of Firehose's error objects. Neither appears before the whole object
// was read. A task none of whose posts can be scored fails.
func (s *Scorer) Score(ctx context.Context, t function.Task, score function.ScoreLines) (said string, err error) {
	scored, failed := s.keys(t)
	switch own := s.under(""); {
	case t.Bucket == s.to.Bucket && (strings.HasPrefix(t.Key, own+"scored/") || strings.HasPrefix(t.Key, own+"processing-failed/")):
		return "", fmt.Errorf("s3://%s/%s is itself a result of a backfill", t.Bucket, t.Key)
	case len(failed) > maxKeyBytes:
		return "", fmt.Errorf("the key of the result would have %d bytes, more than %d; choose a shorter %s", len(failed), maxKeyBytes, Variable)
	}
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, deadline.Add(-spare), errTime)
		defer cancel()
	}
	w := writer{ok: s.create(ctx, scored), bad: s.create(ctx, failed), score: score}
	defer w.ok.abort()
	defer w.bad.abort()
	if err := s.run(ctx, t, &w); err != nil {
		if context.Cause(ctx) == errTime {
			return "", errTime
		}
		return "", err
	}
	said = w.count.String()
	if w.count.scored == 0 && w.count.failed > 0 {
		return "", fmt.Errorf("%s; see s3://%s/%s", said, s.to.Bucket, failed)
	}
	return said, nil
}

// timeError is the end of the time that a function has.
type timeError struct{}

var errTime error = timeError{}

func (timeError) Error() string {
	return "not finished within the function's time-out; raise it, or its memory, or split the object"
}
func (timeError) Temporary() bool { return true }

func (s *Scorer) run(ctx context.Context, t function.Task, w *writer) error {
	object, err := s.client.Open(ctx, t.Bucket, t.Key, t.Version)
	if err != nil {
		return err
	}
	defer object.Close()
	content, err := unpack(object)
	if err != nil {
		return err
	}
	if err := w.lines(ctx, content); err != nil {
		return readError(err)
	}
	// The failed ones first: what is counted as scored has no part missing.
	if w.count.failed > 0 {
		if err := w.bad.commit(); err != nil {
			return err
		}
	}
	return w.ok.commit()
}

// unpack returns the content of an object, by its first bytes and not its name.
func unpack(object io.Reader) (io.Reader, error) {
	raw := bufio.NewReaderSize(object, 1<<16)
	head, err := raw.Peek(2)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if !bytes.Equal(head, []byte("\x1f\x8b")) {
		return raw, nil
	}
	z, err := gzip.NewReader(raw)
	if err != nil {
		return nil, readError(err)
	}
	return z, nil
}

// readError names what is wrong with a gzip object; errors of S3 name themselves.
func readError(err error) error {
	if errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, io.ErrUnexpectedEOF) && !isS3(err) || isCorrupt(err) {
		return fmt.Errorf("the object is no whole gzip file: %w", err)
	}
	return err
}
