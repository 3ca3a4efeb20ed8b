package firehose

import (
	"bytes"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
)

// uploadsAtATime bounds the calls of Sink.Put in flight.
const uploadsAtATime = 4

// Pauses between attempts to store an object.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 30 * time.Second
)

// outputKey tells outputs apart: one for errors, one for each combination of
// partition values.
type outputKey struct {
	errors    bool
	partition string // the values, joined by NUL
}

// output collects the records of the next object.
type output struct {
	key    outputKey
	values []string // of the partition keys in prefix.keys
	first  time.Time
	body   []byte
	n      int64 // records
	timer  *time.Timer
}

// object is a full output on its way to the sink.
type object struct {
	output
	name string
}

// appendRecord adds the transformed data of r to its output. The caller holds
// mu.
func (s *Stream) appendRecord(r record, data []byte, answered, queried map[string]string) {
	values, ok := s.prefix.values(answered, queried)
	if !ok {
		s.rejectPartition(r, failurePartition)
		return
	}
	var key outputKey
	if len(values) > 0 {
		key.partition = strings.Join(values, "\x00")
		switch {
		case s.outputs[key] != nil:
		case s.prefix.check(&s.config, r.arrival, values) != nil:
			s.rejectPartition(r, failurePartition)
			return
		case len(s.outputs) >= maxPartitions:
			s.rejectPartition(r, failurePartitions)
			return
		}
	}
	s.held -= r.held()
	s.append(key, values, r.arrival, data)
}

// rejectPartition sends a record that was transformed, but has no place, to the
// error output.
func (s *Stream) rejectPartition(r record, f failure) {
	s.stats.Transformed--
	s.stats.Failed++
	f.attempts, f.ended = 1, time.Now()
	s.appendFailure(r, f)
}

// appendFailure adds r to the error output. The caller holds mu.
func (s *Stream) appendFailure(r record, f failure) {
	s.held -= r.held()
	s.append(outputKey{errors: true}, nil, r.arrival, appendErrorLine(nil, r, f, s.config.functionARN()))
}

func (s *Stream) append(key outputKey, values []string, arrival time.Time, data []byte) {
	o := s.outputs[key]
	if o != nil && int64(len(o.body)+len(data)) > s.config.Buffer.Bytes {
		s.sealOutput(o)
		o = nil
	}
	if o == nil {
		o = &output{key: key, values: values, first: arrival}
		s.outputs[key] = o
		if d := s.config.Buffer.Interval; d > 0 {
			o.timer = time.AfterFunc(d, func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				if s.outputs[key] == o {
					s.sealOutput(o)
				}
			})
		}
	}
	if arrival.Before(o.first) {
		o.first = arrival
	}
	o.body = append(o.body, data...)
	o.n++
	s.held += int64(len(data))
}

// settleOutputs is called after records were added: without an interval they
// go at once, and in a drain as soon as no more can follow. The caller holds mu.
func (s *Stream) settleOutputs() {
	last := s.draining > 0 && s.input == nil && s.running+len(s.waiting) == 0
	if s.config.Buffer.Interval == 0 || last {
		s.sealOutputs()
	}
}

func (s *Stream) sealOutputs() {
	for _, o := range s.outputs {
		s.sealOutput(o)
	}
}

// sealOutput names the object and queues it for upload. The caller holds mu.
func (s *Stream) sealOutput(o *output) {
	delete(s.outputs, o.key)
	if o.timer != nil {
		o.timer.Stop()
	}
	p := s.prefix
	if o.key.errors {
		p = s.errorPrefix
	}
	s.uploads = append(s.uploads, &object{output: *o, name: p.objectKey(&s.config, o.first, o.values)})
	s.startUploads()
}

func (s *Stream) startUploads() {
	for s.uploading < uploadsAtATime && len(s.uploads) > 0 {
		o := s.uploads[0]
		s.uploads[0] = nil
		s.uploads = s.uploads[1:]
		s.uploading++
		go s.upload(o)
	}
}

// upload stores o, trying until it is stored or the stream is given up.
func (s *Stream) upload(o *object) {
	body := o.body
	if s.config.GZIP {
		body = compress(body)
	}
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := s.config.Sink.Put(s.ctx, o.name, body)
		if err == nil {
			break
		}
		if s.ctx.Err() != nil {
			s.mu.Lock()
			s.uploading--
			s.mu.Unlock()
			return
		}
		s.mu.Lock()
		s.stats.SinkErrors++
		s.stats.LastError = err.Error()
		s.mu.Unlock()
		sleep(s.ctx, jitter(pause))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.uploading--
	s.held -= int64(len(o.body))
	s.stats.Bytes += int64(len(body))
	if o.key.errors {
		s.stats.FailedDelivered += o.n
		s.stats.ErrorObjects++
	} else {
		s.stats.Delivered += o.n
		s.stats.Objects++
	}
	s.startUploads()
	s.checkEmpty()
}

// checkEmpty wakes Drain. The caller holds mu.
func (s *Stream) checkEmpty() {
	if s.stats.Buffered() == 0 {
		close(s.empty)
		s.empty = make(chan struct{})
	}
}

var gzipWriters = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

func compress(body []byte) []byte {
	w := gzipWriters.Get().(*gzip.Writer)
	defer gzipWriters.Put(w)
	var b bytes.Buffer
	w.Reset(&b)
	w.Write(body) // a bytes.Buffer takes everything
	w.Close()
	return b.Bytes()
}
