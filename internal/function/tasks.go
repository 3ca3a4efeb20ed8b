package function

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"coldstream/internal/jsonscan"
)

// Task is one object of an S3 Batch Operations job.
type Task struct {
	Bucket  string
	Key     string // decoded
	Version string // "" = the newest
}

// Backfill scores the objects of a job. It is safe for concurrent use.
type Backfill interface {
	// Score scores the lines of t's object by means of score and says in a few
	// words, which go into the job's report and hold no texts, what came of it.
	// An error with a method Temporary that returns true, and the end of ctx,
	// means that the task may succeed later.
	Score(ctx context.Context, t Task, score ScoreLines) (said string, err error)
}

// ScoreLines scores lines, which hold no line ends, as one batch and calls each for every line in order:
// with the JSON object that answers for it, which is good until each returns, or
// with the reason why there is none. The lines are only read. An error of each
// comes back; otherwise an error means that none was scored, but may be later.
type ScoreLines func(ctx context.Context, lines [][]byte, each func(n int, answer []byte, why Reason) error) error

// SetBackfill has b score the objects of S3 Batch Operations tasks; without it
// such an event is an error. It must be called before the first event.
func (h *Handler) SetBackfill(b Backfill) { h.backfill = b }

// Pieces of the answer to a task event, and the result codes.
const (
	tasksHead = `{"invocationSchemaVersion":`
	tasksMid  = `,"treatMissingKeysAs":"TemporaryFailure","invocationId":`
	tasksList = `,"results":[`

	succeeded        = "Succeeded"
	temporaryFailure = "TemporaryFailure"
	permanentFailure = "PermanentFailure"
)

// maxResultString bounds what a task says. Batch Operations cuts longer texts.
const maxResultString = 1024

// errNoBackfill is the answer of a function that cannot read objects.
var errNoBackfill = errors.New("event is a task of S3 Batch Operations, which this function is not set up for: package it with --runtime aws and set BACKFILL_TO to s3://BUCKET/PREFIX, where results go")

// runTasks answers an S3 Batch Operations event: one result for each task.
func (h *Handler) runTasks(ctx context.Context, s *scratch, e *event, l *line) ([]byte, error) {
	if h.backfill == nil {
		return nil, errNoBackfill
	}
	if !e.schema.Is("1.0") && !e.schema.Is("2.0") {
		return nil, errors.New(`event has "tasks" of another "invocationSchemaVersion" than "1.0" and "2.0"`)
	}
	if e.tasks.Kind != jsonscan.Array || e.invocationID.Kind != jsonscan.String {
		return nil, errors.New(`event of S3 Batch Operations has no array "tasks" or no string "invocationId"`)
	}
	l.invocationID = e.invocationID
	tasks, err := readTasks(e.tasks)
	if err != nil {
		return nil, err
	}
	out := append([]byte(tasksHead), e.schema.Raw...)
	out = append(append(out, tasksMid...), e.invocationID.Raw...)
	out = append(out, tasksList...)
	for i, t := range tasks {
		code, said := h.runTask(ctx, s, &t, l)
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(out, `{"taskId":`...), t.id...)
		out = append(append(out, `,"resultCode":"`...), code...)
		out = jsonscan.AppendQuoted(append(out, `","resultString":`...), cut(said, maxResultString))
		out = append(out, '}')
	}
	if out = append(out, `]}`...); len(out) > MaxAnswerBytes {
		return nil, tooMuch(len(out))
	}
	return out, nil
}

func (h *Handler) runTask(ctx context.Context, s *scratch, t *task, l *line) (code, said string) {
	if t.fault != "" {
		l.taskErr = errors.New(t.fault)
		return permanentFailure, t.fault
	}
	said, err := h.backfill.Score(ctx, t.Task, func(ctx context.Context, lines [][]byte, each func(int, []byte, Reason) error) error {
		return h.scoreLines(ctx, s, lines, each, l)
	})
	if err == nil {
		return succeeded, said
	}
	l.taskErr = err
	var later interface{ Temporary() bool }
	if ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &later) && later.Temporary() {
		return temporaryFailure, err.Error()
	}
	return permanentFailure, err.Error()
}

// task is a Task as it stands in an event.
type task struct {
	Task
	id    []byte // quotes included
	fault string // why it cannot be run
}

// readTasks reads the tasks of an event. A task without an id cannot be
// answered, so it is an error.
func readTasks(list jsonscan.Value) ([]task, error) {
	var tasks []task
	sc := jsonscan.New(list.Raw)
	sc.Array()
	for sc.Element() {
		if sc.Next() != jsonscan.Object {
			return nil, errors.New(`event has a task that is no object`)
		}
		t := readTask(&sc)
		if t.id == nil {
			return nil, errors.New(`event has a task without a string "taskId"`)
		}
		tasks = append(tasks, t)
	}
	return tasks, nil
}

func readTask(sc *jsonscan.Scanner) task {
	var id, key, version, bucket, arn jsonscan.Value
	sc.Object()
	for name, ok := sc.Member(); ok; name, ok = sc.Member() {
		v := sc.Value()
		switch {
		case name.Is("taskId"):
			id = v
		case name.Is("s3Key"):
			key = v
		case name.Is("s3VersionId"):
			version = v
		case name.Is("s3Bucket"):
			bucket = v
		case name.Is("s3BucketArn"):
			arn = v
		}
	}
	var t task
	if id.Kind != jsonscan.String {
		return t
	}
	t.id = id.Raw
	var ok bool
	if t.Key, ok = unescapeKey(str(key)); !ok || t.Key == "" {
		t.fault = `the task's "s3Key" is no URL-encoded key`
		return t
	}
	t.Version = str(version)
	if t.Bucket = str(bucket); t.Bucket == "" {
		_, t.Bucket, _ = strings.Cut(str(arn), ":::")
	}
	if t.Bucket == "" {
		t.fault = `the task names no bucket: want "s3Bucket", or "s3BucketArn" like arn:aws:s3:::BUCKET`
	}
	return t
}

// str is the string v; "" if it is none.
func str(v jsonscan.Value) string {
	if v.Kind != jsonscan.String {
		return ""
	}
	return string(jsonscan.AppendString(nil, v))
}

// unescapeKey decodes a URL-encoded key, in which a plus is a space. It is not
// net/url's, which the lean function does without.
func unescapeKey(s string) (key string, ok bool) {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '+':
			b = append(b, ' ')
		case '%':
			if i+2 >= len(s) {
				return "", false
			}
			high, low := hexDigit(s[i+1]), hexDigit(s[i+2])
			if high < 0 || low < 0 {
				return "", false
			}
			b = append(b, byte(high<<4|low))
			i += 2
		default:
			b = append(b, c)
		}
	}
	return string(b), utf8.Valid(b)
}

func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// cut is text of at most n bytes, whole characters of UTF-8 only.
func cut(text string, n int) string {
	if text = strings.ToValidUTF8(text, "\ufffd"); len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// laterError is a fault that may be gone at a later attempt.
type laterError struct{ error }

func (e laterError) Unwrap() error   { return e.error }
func (e laterError) Temporary() bool { return true }

// scoreLines is a ScoreLines that works in s.
func (h *Handler) scoreLines(ctx context.Context, s *scratch, lines [][]byte, each func(int, []byte, Reason) error, l *line) error {
	s.reset()
	size := 0
	for _, b := range lines {
		size += len(b)
	}
	s.reserve(size)
	for _, b := range lines {
		from := len(s.arena)
		s.arena = append(s.arena, b...) // reading a post may overwrite it
		r := record{first: len(s.posts)}
		r.held, r.reason = s.readData(s.arena[from:])
		s.records = append(s.records, r)
	}
	for i := range s.posts {
		s.texts = append(s.texts, s.posts[i].text)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	h.score(ctx, s, l)
	if err := ctx.Err(); err != nil {
		return err
	}
	// An endpoint that gives no answer may give one later; a model will not.
	if h.remote != nil && len(s.failed) > 0 {
		return laterError{errors.Join(errors.New("the endpoint did not score all posts"), l.scorerErr)}
	}
	for i := range s.records {
		r := &s.records[i]
		var answer []byte
		if r.reason == "" && len(s.failed) > 0 && s.failed[r.first] {
			r.reason = NotScored
		}
		if r.reason == "" {
			s.tmp = h.appendAnswer(s.tmp[:0], s, r.first, &s.posts[r.first])
			answer = s.tmp
		}
		l.count(r.reason, 1)
		if err := each(i, answer, r.reason); err != nil {
			return err
		}
	}
	return nil
}
