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
	first  int    // its posts are scratch.posts[first:first+held], unless it has a reason
	held   int    // how many posts it holds; 1 where that cannot be told
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
// of JSON for each of its posts as its data, or ProcessingFailed with the reason
// if one of its posts cannot be scored. Failed records come
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

// readRecords reads the event's records into s.records, their posts into s.posts
// and the texts to score into s.texts, all in the event's order.
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
		s.records = append(s.records, record{id: id.Raw, first: len(s.posts), held: 1})
		r := &s.records[len(s.records)-1]
		if data.Kind != jsonscan.String {
			r.reason = NoData
			continue
		}
		var b []byte
		if b, r.reason = s.decode(data); r.reason == "" {
			r.held, r.reason = s.readData(b)
		}
	}
	for i := range s.records {
		if r := &s.records[i]; r.reason == "" {
			for n := r.first; n < r.first+r.held; n++ {
				s.texts = append(s.texts, s.posts[n].text)
			}
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
		estimate += maxFailed + len(s.records[i].id)
		reserve += maxFailed + len(s.records[i].id)
	}
	for _, text := range s.texts {
		// A line repeats the text and adds about 150 bytes; base64 adds a third.
		estimate += (len(text) + 200) * 4 / 3
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
			r.reason = h.answerLines(s, scored, s.posts[r.first:r.first+r.held])
			if need := len(okHead) + base64.StdEncoding.EncodedLen(len(s.tmp)) + len(okTail); r.reason == "" && len(out)+need+reserve > MaxAnswerBytes {
				r.reason = AnswerFull
			}
			scored += r.held
		}
		l.count(r.reason, r.held)
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

// answerLines makes s.tmp the lines that answer for posts, whose texts begin at
// s.texts[first]. One that cannot be scored is the reason for all.
func (h *Handler) answerLines(s *scratch, first int, posts []post) Reason {
	s.tmp = s.tmp[:0]
	for i := range posts {
		switch {
		case len(s.failed) > 0 && s.failed[first+i]:
			return NotScored
		case len(s.tmp) > MaxAnswerBytes:
			return AnswerFull
		}
		s.tmp = append(h.appendAnswer(s.tmp, s, first+i, &posts[i]), '\n')
	}
	return ""
}
