package function

import (
	"context"
	"encoding/base64"
	"fmt"

	"coldstream/internal/jsonscan"
)

// record is one record of a transformation event on its way to its answer.
type record struct {
	id     []byte // recordId as it stands in the event, quotes included
	post   post
	reason Reason // "" = to be scored
}

// Pieces of the answer to a transformation event.
const (
	answerHead = `{"records":[`
	answerTail = `]}`
	recordHead = `{"recordId":`
	okHead     = `,"result":"Ok","data":"`
	okTail     = `"}`
	failedHead = `,"result":"ProcessingFailed","reason":"`
	failedTail = `"}`

	// maxFailed is the most that a record takes in the answer when it is not
	// scored, with its comma and without its id.
	maxFailed = len(recordHead) + len(failedHead) + maxReason + len(failedTail) + 1
)

// transform answers a Firehose transformation event.
//
// Every recordId comes back once, in the order of the event: Ok with one line
// of JSON as its data, or ProcessingFailed with the reason. Failed records come
// back without data, because the stream keeps what it sent and stores that. An
// id that stands on several records comes back once, failed, so that the stream
// stores all of them and loses none. A record without an id cannot be answered;
// the stream counts it as failed.
func (h *Handler) transform(ctx context.Context, s *scratch, e *event, l *line) ([]byte, error) {
	l.invocationID = e.invocationID
	if err := s.readRecords(e); err != nil {
		return nil, err
	}
	h.score(ctx, s, l)
	return h.appendRecords(s, l), nil
}

// readRecords reads the event's records into s.records and the posts among them
// into s.texts, both in the event's order.
func (s *scratch) readRecords(e *event) error {
	s.reserve(base64.StdEncoding.DecodedLen(len(e.records.Raw)))
	room := MaxAnswerBytes - len(answerHead) - len(answerTail)
	sc := jsonscan.New(e.records.Raw)
	sc.Array()
	for sc.Element() {
		id, data := readRecord(&sc)
		if id.Kind != jsonscan.String {
			continue
		}
		name := view(id.Raw[1 : len(id.Raw)-1])
		if id.Escaped {
			name = string(jsonscan.AppendString(nil, id))
		}
		if n, known := s.ids[name]; known {
			s.records[n].reason = DuplicateID
			continue
		}
		s.ids[name] = len(s.records)
		if room -= maxFailed + len(id.Raw); room < 0 {
			return fmt.Errorf("event has more records than an answer of %d bytes can name", MaxAnswerBytes)
		}
		s.records = append(s.records, record{id: id.Raw})
		r := &s.records[len(s.records)-1]
		if data.Kind != jsonscan.String {
			r.reason = NoData
			continue
		}
		var b []byte
		if b, r.reason = s.decode(data); r.reason == "" {
			r.reason = r.post.read(b)
		}
	}
	for i := range s.records {
		if r := &s.records[i]; r.reason == "" {
			s.texts = append(s.texts, r.post.text)
		}
	}
	return nil
}

// readRecord takes the next element and returns its two members of interest.
func readRecord(sc *jsonscan.Scanner) (id, data jsonscan.Value) {
	if sc.Next() != jsonscan.Object {
		sc.Value()
		return
	}
	sc.Object()
	for key, ok := sc.Member(); ok; key, ok = sc.Member() {
		v := sc.Value()
		switch {
		case key.Is("recordId"):
			id = v
		case key.Is("data"):
			data = v
		}
	}
	return id, data
}

// appendRecords writes the answer. It keeps room for every record that is still
// to come to be named as failed, so a record that does not fit is the only one
// that fails.
func (h *Handler) appendRecords(s *scratch, l *line) []byte {
	estimate, reserve := len(answerHead)+len(answerTail), len(answerTail)
	for i := range s.records {
		r := &s.records[i]
		// A line repeats the text and adds about 150 bytes; base64 adds a third.
		estimate += maxFailed + len(r.id) + (len(r.post.text)+200)*4/3
		reserve += maxFailed + len(r.id)
	}
	out := append(make([]byte, 0, min(estimate, MaxAnswerBytes)), answerHead...)
	scored := 0
	for i := range s.records {
		r := &s.records[i]
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(out, recordHead...), r.id...)
		reserve -= maxFailed + len(r.id)
		if r.reason == "" {
			if len(s.failed) > 0 && s.failed[scored] {
				r.reason = NotScored
			} else {
				s.tmp = append(h.appendAnswer(s.tmp[:0], s, scored, &r.post), '\n')
				if need := len(okHead) + base64.StdEncoding.EncodedLen(len(s.tmp)) + len(okTail); len(out)+need+reserve > MaxAnswerBytes {
					r.reason = AnswerFull
				}
			}
			scored++
		}
		l.count(r.reason)
		if r.reason == "" {
			out = append(out, okHead...)
			out = base64.StdEncoding.AppendEncode(out, s.tmp)
			out = append(out, okTail...)
			continue
		}
		out = append(out, failedHead...)
		out = append(out, r.reason...)
		out = append(out, failedTail...)
	}
	return append(out, answerTail...)
}
