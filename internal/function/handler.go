// Package function is the deployed function's handler: events in, answers out.
//
// NewHandler makes a Handler of a Scorer, NewRemoteHandler of an endpoint that
// scores elsewhere; Handler.Invoke answers one event. It tells events apart by
// their shape: a Firehose transformation event, a request through a function
// URL, an HTTP API or a REST API, or {"text"} and {"texts"} as they are.
// Handler.Respond answers a request that came without an event around it.
// Handler.SetBackfill has it answer tasks of S3 Batch Operations too. JSON and
// base64 are read and written by code of this project, so that a record
// costs neither reflection nor an allocation of its own.
package function

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
	"unsafe"

	"coldstream/internal/jsonscan"
	"coldstream/internal/sentiment"
)

// MaxAnswerBytes is the largest answer that Lambda passes on from a synchronous
// invocation.
const MaxAnswerBytes = 6_291_556

// Scorer labels texts and writes the answers' fields. A *sentiment.Classifier
// is one.
type Scorer interface {
	// Classify appends one result for each of texts, which are valid UTF-8, to
	// dst. It is safe for concurrent use, and uses the processors it wants.
	Classify(dst []sentiment.Result, texts []string) ([]sentiment.Result, error)
	// AppendFields appends the members of a JSON object that answer for
	// message, without its braces.
	AppendFields(dst []byte, message string, r *sentiment.Result) []byte
	// Name is the model's name, which every answer carries.
	Name() string
}

// Handler answers events. It is safe for concurrent use.
type Handler struct {
	scorer Scorer
	model  []byte // `,"model":"NAME"`, the member behind the scorer's
	remote Remote // scores instead of scorer; nil = scorer does
	logs   logger

	backfill Backfill // scores whole objects; nil = cannot

	mu   sync.Mutex
	free []*scratch // as many as events were ever answered at the same time
}

// NewHandler returns a Handler that scores with s. It writes one line of JSON
// for each event to logs, never with a text in it; nil writes none.
func NewHandler(s Scorer, logs io.Writer) *Handler {
	h := &Handler{scorer: s, logs: logger{w: logs}}
	h.model = jsonscan.AppendQuoted([]byte(`,"model":`), s.Name())
	return h
}

func (h *Handler) take() *scratch {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := len(h.free)
	if n == 0 {
		return &scratch{ids: map[string]int{}}
	}
	s := h.free[n-1]
	h.free = h.free[:n-1]
	s.reset()
	return s
}

func (h *Handler) give(s *scratch) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.free = append(h.free, s)
}

// scratch is what one Invoke works in. Its buffers grow to the largest event
// seen, which the caller's payload bounds, and are used again.
type scratch struct {
	arena   []byte // decoded data; texts point into it
	tmp     []byte // text of one escaped string, or one record's answers
	records []record
	posts   []post         // of the records, or of a request
	ids     map[string]int // index into records by recordId
	texts   []string       // of the posts to score
	results []sentiment.Result
	answers Answers // of a Remote, instead of results
	failed  []bool  // by text: it could not be scored; empty if all were
}

func (s *scratch) reset() {
	s.arena, s.tmp = s.arena[:0], s.tmp[:0]
	s.records, s.posts = s.records[:0], s.posts[:0]
	s.texts, s.results, s.failed = s.texts[:0], s.results[:0], s.failed[:0]
	s.answers = Answers{}
	clear(s.ids)
}

// reserve makes room in the empty arena for n bytes at once.
func (s *scratch) reserve(n int) {
	if cap(s.arena) < n {
		s.arena = make([]byte, 0, n)
	}
}

// Invoke answers one event. The answer belongs to the caller; payload is only
// read, and not used after Invoke returns. An error means that the event as a whole cannot be
// answered: it is no event that this package knows, or is not valid JSON.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	start := time.Now()
	s := h.take()
	l := line{in: len(payload)}
	answer, err := h.answer(ctx, s, payload, &l)
	h.give(s)
	if err != nil {
		l.err = err
	}
	l.out, l.took = len(answer), time.Since(start)
	h.logs.write(&l)
	return answer, err
}

// warmUp is an event like those to come.
const warmUp = `{"invocationId":"0","records":[{"recordId":"0","data":"eyJpZCI6IjAiLCJ0ZXh0IjoiZ29vZCJ9"}]}`

// Warm answers an event of its own and drops the answer, without a line in the
// log, so that code, weights and buffers are in memory when the first event
// comes. It asks no Remote.
func (h *Handler) Warm() {
	if h.remote != nil {
		return
	}
	s := h.take()
	_, _ = h.answer(context.Background(), s, []byte(warmUp), new(line)) // what is wrong, the first event will show
	h.give(s)
}

func (h *Handler) answer(ctx context.Context, s *scratch, payload []byte, l *line) ([]byte, error) {
	e, err := readEvent(payload)
	if err != nil {
		return nil, err
	}
	for _, shape := range shapes {
		if shape.is(&e) {
			l.event = shape.name
			return shape.answer(h, ctx, s, &e, l)
		}
	}
	return nil, errors.New(`event is not known: want "records" (Firehose), "requestContext" or "httpMethod" (HTTP), "tasks" (S3 Batch Operations), "text" or "texts"`)
}

// shapes are the kinds of events, the first that fits an event answers it.
var shapes = []struct {
	name   string
	is     func(*event) bool
	answer func(*Handler, context.Context, *scratch, *event, *line) ([]byte, error)
}{
	{"firehose", func(e *event) bool { return e.records.Kind == jsonscan.Array }, (*Handler).transform},
	{"http", (*event).isHTTP, (*Handler).serveHTTP},
	{"s3batch", func(e *event) bool { return e.tasks.Kind != jsonscan.None }, (*Handler).runTasks},
	{"direct", func(e *event) bool { return e.text.Kind != jsonscan.None || e.texts.Kind != jsonscan.None }, (*Handler).direct},
}

// event is the part of an event that tells what it is. Absent members have
// Kind None.
type event struct {
	payload []byte

	records, invocationID jsonscan.Value // Firehose

	requestContext, httpMethod, path, rawPath, body, isBase64 jsonscan.Value // HTTP, both versions

	text, texts jsonscan.Value // direct

	tasks, schema jsonscan.Value // S3 Batch Operations, with invocationID
}

// readEvent checks that payload is one JSON object and finds its members.
func readEvent(payload []byte) (event, error) {
	e := event{payload: payload}
	sc := jsonscan.New(payload)
	sc.Object()
	for key, ok := sc.Member(); ok; key, ok = sc.Member() {
		v := sc.Value()
		if dst := e.member(key); dst != nil {
			*dst = v
		}
	}
	if !sc.End() {
		return event{}, fmt.Errorf("event is not a JSON object: %w", sc.Err())
	}
	return e, nil
}

func (e *event) member(key jsonscan.Value) *jsonscan.Value {
	for _, m := range [...]struct {
		name string
		dst  *jsonscan.Value
	}{
		{"records", &e.records}, {"invocationId", &e.invocationID},
		{"requestContext", &e.requestContext}, {"httpMethod", &e.httpMethod}, {"path", &e.path},
		{"rawPath", &e.rawPath}, {"body", &e.body}, {"isBase64Encoded", &e.isBase64},
		{"text", &e.text}, {"texts", &e.texts},
		{"tasks", &e.tasks}, {"invocationSchemaVersion", &e.schema},
	} {
		if key.Is(m.name) {
			return m.dst
		}
	}
	return nil
}

// score scores s.texts as one batch into s.results, or into s.answers if a
// Remote does it, and notes in l what was wrong and the time it took.
func (h *Handler) score(ctx context.Context, s *scratch, l *line) {
	if len(s.texts) == 0 {
		return
	}
	start := time.Now()
	if h.remote != nil {
		l.scorerErr = h.ask(ctx, s)
		l.remote = &s.answers
	} else {
		l.scorerErr = h.scoreHere(ctx, s)
	}
	l.scoring = time.Since(start)
}

// scoreHere scores s.texts with the Scorer. If the batch fails it scores the
// texts one by one and notes in s.failed which fail, so that one text costs no
// other its answer; it returns what was wrong with the batch.
func (h *Handler) scoreHere(ctx context.Context, s *scratch) error {
	results, err := h.classify(s.results, s.texts)
	if err == nil {
		s.results = results
		return nil
	}
	for i := range s.texts {
		e := ctx.Err()
		if e == nil {
			results, e = h.classify(s.results, s.texts[i:i+1])
		}
		if e != nil {
			results = append(s.results, sentiment.Result{})
		}
		s.results = results
		s.failed = append(s.failed, e != nil)
	}
	return err
}

// classify is Scorer.Classify, held to its promise of one result per text.
func (h *Handler) classify(dst []sentiment.Result, texts []string) ([]sentiment.Result, error) {
	results, err := h.scorer.Classify(dst, texts)
	if err == nil && len(results) != len(dst)+len(texts) {
		err = fmt.Errorf("%d results for %d texts", len(results)-len(dst), len(texts))
	}
	return results, err
}

// appendAnswer appends the JSON object that answers for p, the post of
// s.texts[i].
func (h *Handler) appendAnswer(dst []byte, s *scratch, i int, p *post) []byte {
	dst = append(dst, '{')
	if h.remote != nil {
		dst = s.answers.append(dst, i, p.text)
	} else {
		dst = append(h.scorer.AppendFields(dst, p.text, &s.results[i]), h.model...)
	}
	for i, v := range p.extra {
		if len(v) > 0 {
			dst = append(dst, ',', '"')
			dst = append(dst, extraFields[i]...)
			dst = append(dst, '"', ':')
			dst = append(dst, v...)
		}
	}
	return append(dst, '}')
}

// view is b as a string that shares b's memory.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
