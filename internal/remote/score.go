package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"coldstream/internal/function"
)

const (
	// maxRefusals is how many requests in a row an endpoint may refuse before an
	// event asks no further: halving the largest batch down to one bad post
	// takes 15, and an endpoint that refuses everything is not asked once for
	// each post.
	maxRefusals = 32
	// splitAfter is how often a batch fails as if for a while before it is
	// halved: a post that takes the endpoint down must not take the others of
	// its batch with it.
	splitAfter = 3
	// maxShift keeps the doubled delay from overflowing.
	maxShift = 20
)

// batch is texts[from:to], the texts of one request.
type batch struct {
	from, to int
	failures int // requests that failed as if for a while
}

func (b batch) halves() []batch {
	if b.to-b.from < 2 {
		return nil
	}
	middle := (b.from + b.to) / 2
	return []batch{{from: b.from, to: middle}, {from: middle, to: b.to}}
}

// run is the work on one event.
type run struct {
	e     *Endpoint
	ctx   context.Context // ends a margin before the event's deadline
	texts []string

	mu       sync.Mutex
	open     []batch // to be sent, the next one last
	answers  function.Answers
	bytes    int   // in answers.Fields
	refusals int   // in a row
	failures int   // in a row that may pass
	passing  error // the latest of these
	over     bool  // the endpoint is not asked any more
	err      error // the first fault, or the one that ended the asking
}

// Score scores texts; see function.Remote. Texts that the endpoint refuses, and
// those for which it has no answer until soon before ctx's deadline, are not
// scored; without a deadline it takes at most a minute.
func (e *Endpoint) Score(ctx context.Context, texts []string) (function.Answers, error) {
	ctx, cancel := e.within(ctx)
	defer cancel()
	r := &run{e: e, ctx: ctx, texts: texts, open: e.cut(texts)}
	r.answers.Fields = make([][]byte, len(texts))
	var workers sync.WaitGroup
	for range min(e.concurrency, len(r.open)) {
		workers.Go(func() {
			for b, ok := r.take(); ok; b, ok = r.take() {
				r.score(b)
			}
		})
	}
	workers.Wait()
	return r.answers, r.err
}

// within returns ctx with a deadline that leaves time for the answer: the
// margin, or a quarter of the time if that is short.
func (e *Endpoint) within(ctx context.Context) (context.Context, context.CancelFunc) {
	left := e.patience
	if end, ok := ctx.Deadline(); ok {
		left = time.Until(end)
		left -= min(e.margin, left/4)
	}
	return context.WithTimeout(ctx, left)
}

// cut cuts texts into batches and returns them with the first one last.
func (e *Endpoint) cut(texts []string) (batches []batch) {
	for from := 0; from < len(texts); {
		to, size := from, 0
		for ; to < len(texts) && to-from < e.batch; to++ {
			if size += len(texts[to]); size > batchBytes && to > from {
				break
			}
		}
		batches = append(batches, batch{from: from, to: to})
		from = to
	}
	slices.Reverse(batches)
	return batches
}

// take returns the next batch, unless there is none or the endpoint is not to be
// asked any more.
func (r *run) take() (b batch, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.open)
	if n == 0 || r.over {
		return batch{}, false
	}
	if err := r.ctx.Err(); err != nil {
		r.over, r.err = true, r.late(err)
		return batch{}, false
	}
	b = r.open[n-1]
	r.open = r.open[:n-1]
	return b, true
}

// score sends one batch, and waits after a failure that may pass.
func (r *run) score(b batch) {
	wait, err := r.request(b)
	var f *fault
	switch {
	case err == nil:
	case !errors.As(err, &f):
		r.postpone(b, wait, err)
	case f.final:
		r.stop(err)
	default:
		r.refused(b, err)
	}
}

// stop ends the asking with the error that says why.
func (r *run) stop(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.over {
		r.over, r.err = true, err
	}
}

// refused puts the halves of a refused batch next.
func (r *run) refused(b batch, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note(err)
	r.failures = 0
	halves := b.halves()
	slices.Reverse(halves)
	r.open = append(r.open, halves...)
	if r.refusals++; r.refusals == maxRefusals && !r.over {
		r.over, r.err = true, fmt.Errorf("%d requests in a row were refused, so no more were sent: %w", r.refusals, err)
	}
}

// postpone puts b behind all others, in halves if it failed before, and waits.
func (r *run) postpone(b batch, wait time.Duration, err error) {
	r.mu.Lock()
	back := []batch{b}
	if back[0].failures++; back[0].failures >= splitAfter && b.to-b.from > 1 {
		back = b.halves()
		slices.Reverse(back)
	}
	r.open = slices.Insert(r.open, 0, back...)
	// Full jitter: any time up to the bound, so that functions that failed
	// together do not come back together.
	wait += rand.N(min(r.e.maxDelay, r.e.minDelay<<min(r.failures, maxShift))) + 1
	r.failures++
	late := r.late(err)
	r.mu.Unlock()
	if end, _ := r.ctx.Deadline(); time.Until(end) <= wait {
		r.stop(late)
		return
	}
	select {
	case <-time.After(wait):
	case <-r.ctx.Done():
		r.stop(late)
	}
}

// late is the error of texts for which there was no time, because of err or of
// what happened before. The caller holds r.mu.
func (r *run) late(err error) error {
	if errors.Is(err, errEnded) || errors.Is(err, context.DeadlineExceeded) {
		err = cmp.Or(r.passing, err)
	}
	r.passing = err
	return fmt.Errorf("no answer in time, after %d requests: %w", r.answers.Requests, err)
}

// note keeps the first fault. The caller holds r.mu.
func (r *run) note(err error) {
	if r.err == nil {
		r.err = err
	}
}

// request sends a batch and takes its answers.
func (r *run) request(b batch) (wait time.Duration, err error) {
	texts, single := r.texts[b.from:b.to], r.e.batch == 1
	body, wait, err := r.post(appendRequest(nil, texts, single))
	if err != nil {
		return wait, err
	}
	answers, err := readAnswers(body, len(texts), single)
	if err != nil {
		return 0, &fault{text: err.Error()}
	}
	// One buffer for all: an answer's end is the next one's beginning, and an
	// answer without fields is one that says nothing of use.
	fields, ends := make([]byte, 0, len(body)), make([]int, len(texts))
	for i, v := range answers {
		if fields, err = appendFields(fields, v); err != nil {
			r.mu.Lock()
			r.note(err)
			r.mu.Unlock()
		}
		ends[i] = len(fields)
	}
	if len(fields) == 0 && len(texts) == 1 {
		return 0, &fault{text: err.Error()}
	}
	return 0, r.keep(b, fields, ends)
}

// keep stores the fields of a batch, the i-th text's ending at ends[i].
func (r *run) keep(b batch, fields []byte, ends []int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = 0
	if len(fields) > 0 {
		r.refusals = 0
	}
	if r.bytes += len(fields); r.bytes > function.MaxAnswerBytes {
		// No answer of the function could hold them.
		return &fault{text: fmt.Sprintf("the answers to one event have more than %d bytes", function.MaxAnswerBytes), final: true}
	}
	start := 0
	for i, end := range ends {
		r.answers.Fields[b.from+i] = fields[start:end:end]
		start = end
	}
	return nil
}
