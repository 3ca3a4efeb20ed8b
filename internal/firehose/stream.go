// Package firehose is a delivery stream on one machine: it takes records over
// the wire protocol of Amazon Data Firehose, has a function transform them, and
// delivers them as objects to a folder or a bucket, with the limits, buffering,
// retries, object names and error objects of the service. [NewStream] makes a
// stream, [NewServer] serves streams to any AWS client, [Stream.Close] delivers
// what is buffered. Buffers are in memory: what is not delivered when the
// process dies is lost, so a caller ends a stream with Close.
package firehose

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"coldstream/internal/runtimeapi"
)

// Limits and defaults of the service.
// https://docs.aws.amazon.com/firehose/latest/dev/limits.html
// https://docs.aws.amazon.com/firehose/latest/APIReference/API_BufferingHints.html
const (
	MaxRecords      = 500       // records of one PutRecordBatch
	MaxRecordBytes  = 1_024_000 // of one record, before base64: 1,000 KiB
	MaxRequestBytes = 4 << 20   // of all records of a request, before base64

	minDelivery, maxDelivery   = 1 << 20, 128 << 20
	minTransform, maxTransform = 200_000, 3 << 20 // 0.2 to 3 MB
	maxInterval                = 900 * time.Second
	defaultRetries             = 3
	invokeTimeout              = 5 * time.Minute // Firehose waits no longer for a function
	maxPartitions              = 500             // active at a time

	minBuffered = 2 << 20 // of Config.MaxBuffered
)

// Buffer is a pair of buffering hints: a buffer is passed on when the next
// record would take it over Bytes, or Interval after its first record. The zero
// value means the default of its place; with Bytes set, an Interval of 0 passes
// every request's records on at once.
type Buffer struct {
	Bytes    int64
	Interval time.Duration
}

// Config is what a stream is made from. Name and Sink are required.
type Config struct {
	Name    string // letters, digits, "_", "-", "."; at most 64
	Region  string // default "us-east-1"
	Account string // default "000000000000"

	Sink   Sink
	Bucket string // the name that descriptions give to Sink; default "local"

	Buffer        Buffer // of the delivery: 1 to 128 MiB, 0 to 900 s; default 5 MiB and 300 s
	Prefix        string // of objects, with expressions; see docs of the service
	ErrorPrefix   string // of error objects; must name !{firehose:error-output-type} if either prefix has expressions
	FileExtension string // of objects, in place of the default ("" or ".gz")
	TimeZone      *time.Location
	GZIP          bool

	// PartitionQuery is a JQ expression that makes an object of partition keys,
	// such as {label:.sentiment}, from each record that is one JSON value, as it
	// is to be delivered. !{partitionKeyFromQuery:label} in Prefix reads a key;
	// a record without it goes to the error output. "" means none.
	PartitionQuery string

	Transform *Transform // nil: records are delivered as they came

	Quota Quota // zero: unlimited

	// MaxBuffered bounds the memory of records on their way, in bytes. Records
	// beyond it are answered with ServiceUnavailableException. Default: room
	// for the buffers twice over, at least 64 MiB.
	MaxBuffered int64
}

// Transform is the function that records pass through before delivery.
type Transform struct {
	// Invoke calls the function, as Function.Invoke and Pool.Invoke of
	// internal/runtimeapi do.
	Invoke func(ctx context.Context, payload []byte) (runtimeapi.Result, error)

	ARN         string        // default: a local function of this stream's account
	Buffer      Buffer        // 0.2 to 3 MiB, 0 to 900 s; default 1 MiB and 60 s
	Retries     int           // after a failed invocation; 0 means 3, negative none
	Backoff     time.Duration // before the first retry, doubled for each further one; default 200 ms
	Concurrency int           // invocations at a time; default 1
}

var (
	namePattern      = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,64}$`)
	extensionPattern = regexp.MustCompile(`^(|\.[0-9a-z!_.*'()-]{1,127})$`)
)

// check fills in defaults and refuses what the service would refuse.
func (c *Config) check() error {
	if !namePattern.MatchString(c.Name) {
		return fmt.Errorf("name %q: use 1 to 64 letters, digits, \"_\", \"-\", \".\"", c.Name)
	}
	if c.Sink == nil {
		return errors.New("no sink to deliver to")
	}
	c.Region = orDefault(c.Region, "us-east-1")
	c.Account = orDefault(c.Account, "000000000000")
	c.Bucket = orDefault(c.Bucket, "local")
	c.TimeZone = orDefault(c.TimeZone, time.UTC)
	if !extensionPattern.MatchString(c.FileExtension) {
		return fmt.Errorf("file extension %q: use a dot and lower case letters or digits", c.FileExtension)
	}
	c.Buffer = orDefault(c.Buffer, Buffer{5 << 20, 300 * time.Second})
	if err := c.Buffer.check("delivery buffer", minDelivery, maxDelivery); err != nil {
		return err
	}
	room := 2 * c.Buffer.Bytes
	if t := c.Transform; t != nil {
		own := *t
		c.Transform = &own
		if err := c.Transform.check(c); err != nil {
			return err
		}
		room += 2 * own.Buffer.Bytes * int64(1+own.Concurrency)
	}
	if c.MaxBuffered == 0 {
		c.MaxBuffered = max(room, 64<<20)
	}
	if c.MaxBuffered < minBuffered {
		return fmt.Errorf("at most %d bytes buffered; %d is the least that takes any record", c.MaxBuffered, minBuffered)
	}
	return nil
}

func (t *Transform) check(c *Config) error {
	if t.Invoke == nil {
		return errors.New("the transformation has no function to invoke")
	}
	t.ARN = orDefault(t.ARN, "arn:aws:lambda:"+c.Region+":"+c.Account+":function:"+c.Name+":$LATEST")
	t.Buffer = orDefault(t.Buffer, Buffer{1 << 20, 60 * time.Second})
	t.Retries = max(0, orDefault(t.Retries, defaultRetries))
	t.Backoff = orDefault(t.Backoff, 200*time.Millisecond)
	t.Concurrency = orDefault(t.Concurrency, 1)
	if t.Concurrency < 1 || t.Backoff < 0 {
		return errors.New("concurrency and back-off of the transformation must be positive")
	}
	return t.Buffer.check("transformation buffer", minTransform, maxTransform)
}

func (b Buffer) check(what string, least, most int64) error {
	if b.Bytes < least || b.Bytes > most {
		return fmt.Errorf("%s of %d bytes: use %d to %d", what, b.Bytes, least, most)
	}
	if b.Interval < 0 || b.Interval > maxInterval {
		return fmt.Errorf("%s interval of %v: use 0 s to %v", what, b.Interval, maxInterval)
	}
	return nil
}

// functionARN is the function that error objects name: "" without one.
func (c *Config) functionARN() string {
	if c.Transform == nil {
		return ""
	}
	return c.Transform.ARN
}

func orDefault[T comparable](v, d T) T {
	var zero T
	if v == zero {
		return d
	}
	return v
}

// Stream is a delivery stream. Its methods are safe for concurrent use.
//
// A record's way: put adds it to input; a full input becomes a batch, waits its
// turn, is transformed by a goroutine and committed, batches in the order of
// their arrival; its records are appended to outputs, one per partition and one
// for errors; a full output becomes an object that a goroutine uploads. Without
// a transformation records are appended to the outputs right away. All fields
// below mu are guarded by it, and no goroutine lives longer than its batch or
// object.
type Stream struct {
	config      Config
	arn         string
	created     time.Time
	prefix      *prefix
	errorPrefix *prefix
	query       *partitionQuery // nil: none

	ctx    context.Context // ends when Close gives up or is done
	cancel context.CancelFunc

	mu     sync.Mutex
	closed bool
	quota  quotaState
	ids    idSource
	held   int64 // bytes of records on their way, in all forms
	stats  Stats

	input       *batch // being filled; nil when empty
	waiting     []*batch
	transformed map[uint64]*batch // done before an earlier one
	running     int               // transformations in flight
	nextBatch   uint64
	nextCommit  uint64

	outputs   map[outputKey]*output
	uploads   []*object // waiting
	uploading int

	draining int           // calls of Drain in progress
	empty    chan struct{} // closed, and replaced, when the last record is delivered
}

// NewStream makes a stream, or says what about c the service would refuse.
func NewStream(c Config) (*Stream, error) {
	s, err := newStream(c)
	if err != nil {
		return nil, fmt.Errorf("firehose: stream %s: %w", c.Name, err)
	}
	return s, nil
}

func newStream(c Config) (*Stream, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &Stream{
		config:      c,
		arn:         "arn:aws:firehose:" + c.Region + ":" + c.Account + ":deliverystream/" + c.Name,
		created:     time.Now(),
		ids:         newIDSource(),
		transformed: map[uint64]*batch{},
		outputs:     map[outputKey]*output{},
		empty:       make(chan struct{}),
	}
	var err error
	if s.prefix, s.errorPrefix, err = newPrefixes(&s.config); err != nil {
		return nil, err
	}
	if s.query, err = compileQuery(c.PartitionQuery); err != nil {
		return nil, err
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// Name returns the stream's name.
func (s *Stream) Name() string { return s.config.Name }

// ARN returns the stream's resource name.
func (s *Stream) ARN() string { return s.arn }

// putResult is the answer to one record: an id, or an error's code and message.
type putResult struct {
	id            string
	code, message string
}

const (
	codeUnavailable = "ServiceUnavailableException"
	codeInternal    = "InternalFailure"
	slowDown        = "Slow down."
)

// put takes the records, which are the stream's from now on, in their order.
// When one does not fit, the later ones are refused too: nothing overtakes.
func (s *Stream) put(records [][]byte, now time.Time, results []putResult) []putResult {
	queried := make([]map[string]string, len(records))
	if s.config.Transform == nil {
		for i, data := range records { // before the lock: a query may take its time
			queried[i] = s.query.keys(s.ctx, data)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	full := s.closed || !s.quota.request(s.config.Quota, now)
	for i, data := range records {
		size := int64(len(data)) + recordOverhead
		full = full || s.held+size > s.config.MaxBuffered || !s.quota.record(s.config.Quota, len(data), now)
		if full {
			s.stats.Refused++
			results = append(results, putResult{code: codeUnavailable, message: slowDown})
			continue
		}
		put, transform := s.ids.next()
		results = append(results, putResult{id: put})
		s.stats.Accepted++
		s.stats.AcceptedBytes += int64(len(data))
		s.accept(record{id: transform, data: data, arrival: now}, queried[i])
	}
	switch {
	case s.config.Transform == nil:
		s.settleOutputs()
	case s.input != nil && (s.config.Transform.Buffer.Interval == 0 || s.draining > 0):
		s.sealInput()
	}
	if full {
		s.relieve()
	}
	return results
}

func (s *Stream) accept(r record, queried map[string]string) {
	s.held += r.held()
	if s.config.Transform == nil {
		s.appendRecord(r, r.data, nil, queried)
		return
	}
	if s.input != nil && !s.input.fits(r, s.config.Transform.Buffer.Bytes) {
		s.sealInput()
	}
	if s.input == nil {
		b := &batch{}
		s.input = b
		if d := s.config.Transform.Buffer.Interval; d > 0 {
			b.timer = time.AfterFunc(d, func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				if s.input == b {
					s.sealInput()
				}
			})
		}
	}
	s.input.add(r)
}

// relieve passes on what waits for its interval when the buffers are full and
// nothing is under way that would make room.
func (s *Stream) relieve() {
	if s.running+len(s.waiting)+s.uploading+len(s.uploads) > 0 {
		return
	}
	s.flush()
}

// flush passes on every buffer that waits for more records.
func (s *Stream) flush() {
	if s.input != nil {
		s.sealInput()
	}
	if s.running+len(s.waiting) == 0 {
		s.sealOutputs()
	}
}

// Drain delivers everything accepted so far, buffers that are not full
// included, and returns when nothing is left. Records that arrive meanwhile
// are delivered too and prolong it; a caller that wants an end stops the
// producers first, or uses Close. When ctx ends sooner, the error says how many
// records remain; they stay in the stream and delivery goes on.
func (s *Stream) Drain(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining++
	defer func() { s.draining-- }()
	s.flush()
	for s.stats.Buffered() > 0 {
		empty := s.empty
		s.mu.Unlock()
		var err error
		select {
		case <-empty:
		case <-ctx.Done():
			err = ctx.Err()
		case <-s.ctx.Done():
			err = errClosed
		}
		s.mu.Lock()
		if left := s.stats.Buffered(); err != nil && left > 0 {
			return fmt.Errorf("firehose: stream %s: %d records not delivered: %w%s", s.config.Name, left, err, because(s.stats.LastError))
		}
	}
	return nil
}

var errClosed = errors.New("the stream is closed")

func because(last string) string {
	if last == "" {
		return ""
	}
	return " (last error: " + strings.ReplaceAll(last, "\n", " ") + ")"
}

// Close refuses further records and drains the stream. When ctx ends first,
// what remains is given up, and the error says how much.
func (s *Stream) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	err := s.Drain(ctx)
	s.cancel()
	return err
}
