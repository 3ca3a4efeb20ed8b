// Package deliver moves posts from a source to a target and accounts for every
// one of them:
//
//	received = delivered + dead-lettered + filtered + duplicates + unsent
//
// and unsent is 0 unless the run ended early. With a spool (Options.Queue) what
// is unsent is on disk, the account spans all runs that share the spool, and it
// holds after a kill too.
//
// Start with New and Delivery.Run. A target is a Putter: a delivery stream
// (subpackage awsfirehose), a data stream (awskinesis) or a writer of lines
// (NewWriter, NewFile).
package deliver

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"coldstream/internal/jsonscan"
	"coldstream/internal/source"
	"coldstream/internal/spool"
)

// Limits of one PutRecordBatch request, from the Firehose API reference. The
// service does not say whether the 4 MiB are counted before or after base64;
// the batcher counts after, which is safe either way.
const (
	MaxRecords     = 500
	MaxBatchBytes  = 4 << 20
	MaxRecordBytes = 1000 << 10 // before base64
)

// Record is one post on its way, a JSON line with its line end; with
// Options.Aggregate it may be several such lines, with the id of the first.
type Record struct {
	ID   string
	Data []byte
}

// Putter takes batches of records within the limits above. Put may be called by
// several goroutines at a time if Options.InFlight is more than 1.
type Putter interface {
	// Put hands records over. It returns the records that were refused (all
	// others were accepted), or an error if the request failed as a whole.
	// Nothing is known about its records then, unless the error is wrapped by
	// NotAccepted, Poisoned or Permanent.
	Put(ctx context.Context, records []Record) ([]Refusal, error)
}

// Refusal is one record of a request that the target did not accept.
type Refusal struct {
	Index  int // in the request
	Reason string
}

// Queue keeps posts between the source and the target. A *spool.Spool is one.
type Queue interface {
	Append(entries []spool.Entry, state []byte) error
	Has(key uint64) bool
	Next() (spool.Entry, error)
	Ack(done []uint64, state []byte) error
	Pending() (entries int, bytes int64)
	State() []byte
	AckState() []byte
	MaybeSent() int
}

// DeadLetter is a record that can never be sent, with the reason.
type DeadLetter struct {
	ID     string `json:"id,omitempty"`
	Reason string `json:"reason"`
	Data   []byte `json:"data,omitempty"` // the record as it came, base64 in JSON
}

// Options steers a Delivery. The zero value keeps posts in memory, sends
// everything, tries for ever and ends the run at the first record that cannot be
// sent.
type Options struct {
	Queue  Queue  // nil = in memory: the source waits while much is unsent
	Origin string // what the posts come from; a Queue that was filled from another origin is refused

	Filter         func(source.Post) (reason string) // posts with a reason are counted by it and left out; nil = all are sent
	KeepDuplicates bool                              // send posts with a key that was seen before
	Count          int                               // end after so many posts that were not left out; 0 = the whole source
	Aggregate      int                               // put posts into one record up to so many bytes; 0 = each is a record of its own

	Accepted   func([]Record) error      // called with every batch of accepted posts; an error ends the run
	DeadLetter func(DeadLetter) error    // called with every record that cannot be sent; nil = the first ends the run
	Progress   func(c Counts, now Event) // called after every request

	// WhenFull says what becomes of a post for which the Queue has no room: with
	// false the source waits, with true it is a dead letter.
	WhenFull bool

	InFlight     int           // requests at a time; 0 = 1
	Linger       time.Duration // how long a batch that is not full waits for more; 0 = 1 s
	MinDelay     time.Duration // back-off after the first failure; 0 = 200 ms
	MaxDelay     time.Duration // longest back-off; 0 = 30 s
	MaxRetryTime time.Duration // give up when nothing was accepted for so long; 0 = never
	Grace        time.Duration // after cancellation, time to send what was received; 0 = 5 s
}

// Event says how the last request went.
type Event struct {
	Accepted int // posts
	Refused  int
	Err      error         // of the request as a whole, or of a refused record
	Wait     time.Duration // until the next attempt, 0 = none is needed
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

// encodedLen is what a record counts against MaxBatchBytes.
func encodedLen(data []byte) int { return base64.StdEncoding.EncodedLen(len(data)) }

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
	o.InFlight = max(o.InFlight, 1)
	if o.Queue == nil {
		o.Queue = newMemory()
	}
	return o
}

// Delivery is one run from a source to a target.
type Delivery struct {
	src     source.Source
	to      Putter
	o       Options
	account *account
}

// New returns a Delivery. It fails if the Queue holds posts of another origin,
// or an account that cannot be read.
func New(src source.Source, to Putter, o Options) (*Delivery, error) {
	o = o.defaults()
	a, err := openAccount(o.Queue, o.Origin)
	if err != nil {
		return nil, err
	}
	return &Delivery{src: src, to: to, o: o, account: a}, nil
}

// Cursor returns where the source has to go on, "" for the start: what the
// source said before the newest post in the queue. A source is opened with it
// before New, so it takes the queue alone.
func Cursor(q Queue, origin string) (string, error) {
	a, err := openAccount(q, origin)
	if err != nil {
		return "", err
	}
	return a.in.Cursor, nil
}

// Counts returns the account so far. It may be called at any time.
func (d *Delivery) Counts() Counts { return d.account.counts() }

// Run sends the posts of the queue and of the source until the source ends,
// Options.Count is reached or ctx is cancelled; it returns the account in every
// case. After cancellation what was received is still sent for Options.Grace.
// Run may be called once. The caller closes source and queue.
func (d *Delivery) Run(ctx context.Context) (Counts, error) {
	readCtx, stopReading := context.WithCancel(ctx)
	defer stopReading()
	in := newIntake(d.src, d.o, d.account)
	// A source or a disk that fails ends the run as an interruption does: what
	// was received is still sent, but not for ever.
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	in.start(readCtx, fail)

	s := newSender(ctx, d.to, d.o, d.account, in)
	err := s.loop()
	s.release()
	// What the reader holds is in the account, and in the spool if there is one.
	stopReading()
	readErr := in.wait()
	counts := d.account.final()
	switch {
	case err != nil:
		return counts, err // if the intake failed it begins with that
	case readErr != nil:
		return counts, readErr
	case ctx.Err() != nil:
		return counts, context.Cause(ctx)
	}
	return counts, nil
}

// Run is New and Delivery.Run.
func Run(ctx context.Context, src source.Source, to Putter, o Options) (Counts, error) {
	d, err := New(src, to, o)
	if err != nil {
		return Counts{}, fmt.Errorf("deliver: %w", err)
	}
	return d.Run(ctx)
}
