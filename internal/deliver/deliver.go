// Package deliver moves posts from a source to a target and accounts for every
// one of them: received = delivered + dead-lettered + filtered + unsent, and
// unsent is 0 unless the run ended early.
//
// Start with Run. A target is a Putter: a delivery stream (subpackage
// awsfirehose) or a writer of lines (NewWriter, NewFile).
package deliver

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"coldstream/internal/jsonscan"
	"coldstream/internal/source"
)

// Limits of one PutRecordBatch request, from the Firehose API reference. The
// service does not say whether the 4 MiB are counted before or after base64;
// the batcher counts after, which is safe either way.
const (
	MaxRecords     = 500
	MaxBatchBytes  = 4 << 20
	MaxRecordBytes = 1000 << 10 // before base64
)

// Record is one post on its way: one JSON line with its line end.
type Record struct {
	ID   string
	Data []byte
}

// size is what the record counts against MaxBatchBytes.
func (r *Record) size() int { return base64.StdEncoding.EncodedLen(len(r.Data)) }

// Putter takes batches of records within the limits above.
type Putter interface {
	// Put hands records over. It returns the records that were refused (all
	// others were accepted), or an error if the request failed as a whole and
	// nothing is known. An error that no later attempt can mend is wrapped by
	// Permanent.
	Put(ctx context.Context, records []Record) ([]Refusal, error)
}

// Refusal is one record of a request that the target did not accept.
type Refusal struct {
	Index  int // in the request
	Reason string
}

// permanent marks an error that trying again cannot mend.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent marks err as one that trying again cannot mend.
func Permanent(err error) error { return permanent{err} }

// DeadLetter is a record that can never be sent, with the reason.
type DeadLetter struct {
	ID     string `json:"id,omitempty"`
	Reason string `json:"reason"`
	Data   []byte `json:"data,omitempty"` // the record as it came, base64 in JSON
}

// Options steers a Run. The zero value sends everything, tries for ever and
// ends the run at the first record that cannot be sent.
type Options struct {
	Filter     func(source.Post) bool    // posts for which it is false are counted and left out; nil = all are sent
	Count      int                       // end after so many posts that passed the filter; 0 = the whole source
	Accepted   func([]Record) error      // called with every batch of accepted records; an error ends the run
	DeadLetter func(DeadLetter) error    // called with every record that cannot be sent; nil = the first ends the run
	Progress   func(c Counts, now Event) // called after every request

	Linger       time.Duration // how long a batch that is not full waits for more; 0 = 1 s
	MinDelay     time.Duration // back-off after the first failure; 0 = 200 ms
	MaxDelay     time.Duration // longest back-off; 0 = 30 s
	MaxRetryTime time.Duration // give up when nothing was accepted for so long; 0 = never
	Grace        time.Duration // after cancellation, time to send what was received; 0 = 5 s
}

// Event says how the last request went.
type Event struct {
	Accepted int
	Refused  int
	Err      error         // of the request as a whole, or of a refused record
	Wait     time.Duration // until the next attempt, 0 = none is needed
}

// Counts is the account of a run.
type Counts struct {
	Received     int // posts and bad records read from the source
	Delivered    int // accepted by the target
	DeadLettered int // cannot be sent; handed to Options.DeadLetter
	Filtered     int // left out by Options.Filter
	Unsent       int // received, not accepted when the run ended early
	Requests     int // Put calls
	Retried      int // records put again after a refusal or a failed request
	Bytes        int // delivered
}

// Balanced reports whether every received post is accounted for.
func (c Counts) Balanced() bool {
	return c.Received == c.Delivered+c.DeadLettered+c.Filtered+c.Unsent
}

// String is the account as one sentence.
func (c Counts) String() string {
	s := fmt.Sprintf("%d received = %d delivered", c.Received, c.Delivered)
	for _, part := range []struct {
		n    int
		what string
	}{{c.DeadLettered, "dead-lettered"}, {c.Filtered, "filtered"}, {c.Unsent, "not sent"}} {
		if part.n > 0 {
			s += fmt.Sprintf(" + %d %s", part.n, part.what)
		}
	}
	return s
}

// Encode returns the record of a post.
func Encode(p source.Post) Record {
	b := append(make([]byte, 0, len(p.Text)+len(p.ID)+128), `{"id":`...)
	b = jsonscan.AppendQuoted(b, p.ID)
	b = append(b, `,"text":`...)
	b = jsonscan.AppendQuoted(b, p.Text)
	for _, f := range []struct{ name, value string }{
		{`,"lang":`, p.Lang}, {`,"created_at":`, p.CreatedAt}, {`,"source":`, p.Source},
	} {
		if f.value != "" {
			b = jsonscan.AppendQuoted(append(b, f.name...), f.value)
		}
	}
	return Record{ID: p.ID, Data: append(b, "}\n"...)}
}

// defaults fills in the zero fields.
func (o Options) defaults() Options {
	for _, d := range []struct {
		field *time.Duration
		usual time.Duration
	}{
		{&o.Linger, time.Second}, {&o.MinDelay, 200 * time.Millisecond}, {&o.MaxDelay, 30 * time.Second}, {&o.Grace, 5 * time.Second},
	} {
		if *d.field == 0 {
			*d.field = d.usual
		}
	}
	return o
}

// item is what the reader hands to the sender: a record, a dead letter, or a
// post that was filtered.
type item struct {
	record   Record
	dead     *DeadLetter
	deadErr  error // names the record for a run without dead letters
	filtered bool
}

// Run sends the posts of src to the target until the source ends, o.Count is
// reached or ctx is cancelled; it returns the account in every case. After
// cancellation what was received is still sent for o.Grace. The caller closes
// src.
func Run(ctx context.Context, src source.Source, to Putter, o Options) (Counts, error) {
	o = o.defaults()
	readCtx, stopReading := context.WithCancel(ctx)
	defer stopReading()
	items := make(chan item, MaxRecords)
	var readErr error // set before items is closed
	go func() {
		defer close(items)
		readErr = read(readCtx, src, o, items)
	}()

	s := newSender(ctx, to, o)
	defer s.release()
	err := s.loop(items)
	// The reader may be waiting for room in the channel: what it read counts.
	stopReading()
	for it := range items {
		s.receive(it)
	}
	s.counts.Unsent += len(s.pending)
	switch {
	case err != nil:
		return s.counts, err
	case ctx.Err() != nil:
		return s.counts, context.Cause(ctx)
	}
	return s.counts, readErr
}

// read turns the source's posts into items. It never drops an item: the
// receiver empties the channel until it is closed.
func read(ctx context.Context, src source.Source, o Options, items chan<- item) error {
	for taken := 0; o.Count == 0 || taken < o.Count; {
		p, err := src.Next(ctx)
		var bad *source.BadRecordError
		switch {
		case errors.As(err, &bad):
			items <- item{dead: &DeadLetter{Reason: bad.Error(), Data: bad.Data}, deadErr: bad}
			taken++
			continue
		case err != nil:
			if isEOF(err) || ctx.Err() != nil {
				return nil
			}
			return err
		}
		if o.Filter != nil && !o.Filter(p) {
			items <- item{filtered: true}
			continue
		}
		taken++
		r := Encode(p)
		if len(r.Data) > MaxRecordBytes {
			reason := fmt.Sprintf("the record has %d bytes, a delivery stream takes %d", len(r.Data), MaxRecordBytes)
			items <- item{dead: &DeadLetter{ID: p.ID, Reason: reason, Data: r.Data}, deadErr: fmt.Errorf("post %q: %s", p.ID, reason)}
			continue
		}
		items <- item{record: r}
	}
	return nil
}
