// Package report reads what a delivery stream has delivered: it counts by
// label, checks that every sent post arrived once, and draws the counts.
//
// Start with Read for the counts, with Verify for the check, and with
// WriteTable and WriteBars for the terminal. They read an fs.FS, such as a
// directory; ReadObjects and VerifyObjects read Objects from anywhere.
package report

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
)

// maxLine bounds one delivered line. A record has at most 1,024,000 bytes
// before scoring; what is longer than this is no delivered line.
const maxLine = 16 << 20

// maxBad bounds how many unreadable lines are listed; all are counted.
const maxBad = 100

// Line is what a line of a delivered object says about one post: that it was
// scored, or that the stream could not deliver the record that it was in.
type Line struct {
	ID    string // "" = the post came without one
	Label string // "" for a failed post
	Score float64

	Failed  bool   // the stream's error object says so
	Code    string // of the failure
	Message string // of the failure
}

// Results is the account of a set of objects.
type Results struct {
	Objects int
	Bytes   int64 // as stored

	Scored    int
	WithoutID int          // scored posts that carry no id
	Labels    []LabelCount // in the model's order

	Failed      int           // records in error objects
	FailedPosts int           // posts in those: a record may hold several
	Failures    []ReasonCount // records by code and message, most frequent first

	Bad     int       // lines that are neither
	BadList []BadLine // the first of them
}

// LabelCount is one label's posts.
type LabelCount struct {
	Label     string
	Count     int
	MeanScore float64
}

// ReasonCount is one kind of failure.
type ReasonCount struct {
	Reason string
	Count  int
}

// BadLine is a line that could not be read.
type BadLine struct {
	File   string
	Line   int // from 1
	Reason string
}

// String names file, line and reason.
func (b BadLine) String() string { return fmt.Sprintf("%s, line %d: %s", b.File, b.Line, b.Reason) }

// Read reads all files under objects as ReadObjects does. Those whose names, or
// whose folders' names, begin with a dot are left out.
func Read(objects fs.FS, each func(Line) error) (*Results, error) {
	return ReadObjects(Files(objects), each)
}

// ReadObjects reads objects, gzip or plain, and calls each (which may be nil) for
// every post in the lines that could be read. A body that breaks off is a bad
// line; an error of the sequence is returned.
func ReadObjects(objects Objects, each func(Line) error) (*Results, error) {
	r := reader{each: each, labels: make(map[string]*LabelCount), reasons: make(map[string]int)}
	for o, err := range objects {
		if err != nil {
			return nil, err
		}
		if err := r.object(o); err != nil {
			return nil, err
		}
	}
	return r.results(), nil
}

// reader gathers the lines of the objects.
type reader struct {
	Results
	each    func(Line) error
	labels  map[string]*LabelCount
	order   []string // labels as the probabilities of the first line list them
	reasons map[string]int
	ids     []string // of the posts in the current line
}

func (r *reader) object(o Object) error {
	r.Objects++
	r.Bytes += o.Size
	raw := bufio.NewReaderSize(o.Body, 1<<16)
	var content io.Reader = raw
	if head, _ := raw.Peek(2); bytes.Equal(head, []byte("\x1f\x8b")) {
		z, err := gzip.NewReader(raw)
		if err != nil {
			r.bad(o.Name, 1, "gzip: "+err.Error())
			return nil
		}
		content = z
	}
	lines := bufio.NewScanner(content)
	lines.Buffer(make([]byte, 0, 1<<16), maxLine)
	n := 0
	for lines.Scan() {
		n++
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		l, err := r.line(lines.Bytes())
		if err != nil && lines.Err() != nil {
			n-- // the line is what was read before the object broke
			break
		}
		if err != nil {
			r.bad(o.Name, n, err.Error())
			continue
		}
		for _, l.ID = range r.ids {
			if r.each == nil {
				break
			}
			if err := r.each(l); err != nil {
				return err
			}
		}
	}
	if err := lines.Err(); err != nil {
		// The object is broken from here on; the others are not.
		r.bad(o.Name, n+1, err.Error())
	}
	return nil
}

func (r *reader) bad(path string, line int, reason string) {
	r.Bad++
	if len(r.BadList) < maxBad {
		r.BadList = append(r.BadList, BadLine{path, line, reason})
	}
}

// line reads one line and counts it. The ids of its posts are in r.ids, not in
// the Line.
func (r *reader) line(b []byte) (Line, error) {
	var v struct {
		ID            json.RawMessage `json:"id"`
		Sentiment     *string         `json:"sentiment"`
		Score         *float64        `json:"score"`
		Probabilities json.RawMessage `json:"probabilities"`
		ErrorCode     *string         `json:"errorCode"`
		ErrorMessage  string          `json:"errorMessage"`
		RawData       []byte          `json:"rawData"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return Line{}, fmt.Errorf("not a delivered record: %w", err)
	}
	if v.ErrorCode != nil {
		l := Line{Failed: true, Code: *v.ErrorCode, Message: v.ErrorMessage}
		r.ids = appendIDs(r.ids[:0], v.RawData)
		r.Failed++
		r.FailedPosts += len(r.ids)
		r.reasons[l.Code+": "+l.Message]++
		return l, nil
	}
	if v.Sentiment == nil || v.Score == nil {
		return Line{}, errors.New(`not a delivered record: "sentiment" or "score" is missing`)
	}
	l := Line{Label: *v.Sentiment, Score: *v.Score}
	r.ids = append(r.ids[:0], scalar(v.ID))
	if r.ids[0] == "" {
		r.WithoutID++
	}
	if r.order == nil {
		r.order = keys(v.Probabilities)
	}
	c := r.labels[l.Label]
	if c == nil {
		c = &LabelCount{Label: l.Label}
		r.labels[l.Label] = c
	}
	c.Count++
	c.MeanScore += l.Score
	r.Scored++
	return l, nil
}

// results puts the counts in order: labels as the model lists them, those that
// it does not list (another model's) behind them by name.
func (r *reader) results() *Results {
	for _, label := range r.order {
		c := r.labels[label]
		if c == nil {
			c = &LabelCount{Label: label}
		}
		delete(r.labels, label)
		r.Labels = append(r.Labels, *c)
	}
	rest := len(r.Labels)
	for _, c := range r.labels {
		r.Labels = append(r.Labels, *c)
	}
	slices.SortFunc(r.Labels[rest:], func(a, b LabelCount) int { return strings.Compare(a.Label, b.Label) })
	for i := range r.Labels {
		if n := r.Labels[i].Count; n > 0 {
			r.Labels[i].MeanScore /= float64(n)
		}
	}
	for reason, n := range r.reasons {
		r.Failures = append(r.Failures, ReasonCount{reason, n})
	}
	slices.SortFunc(r.Failures, func(a, b ReasonCount) int {
		if a.Count != b.Count {
			return b.Count - a.Count
		}
		return strings.Compare(a.Reason, b.Reason)
	})
	return &r.Results
}

// keys returns the keys of a JSON object in the order in which they stand.
func keys(object json.RawMessage) []string {
	d := json.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	var names []string
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		var value json.RawMessage
		if err != nil || !ok || d.Decode(&value) != nil {
			return nil
		}
		names = append(names, name)
	}
	return names
}

// scalar returns a JSON string's value or a number's digits, "" for others.
func scalar(raw json.RawMessage) string {
	if len(raw) == 0 {
		return ""
	}
	if raw[0] == '"' {
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return ""
		}
		return s
	}
	if raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9' {
		return string(raw)
	}
	return ""
}

// appendIDs appends the ids of the posts in a record as it was sent, "" for a
// post without one. Data that begins with a brace may be several JSON objects,
// one on each line, whole or not; everything else is one post.
func appendIDs(ids []string, data []byte) []string {
	data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\ufeff")))
	if id, ok := postID(data); ok || !bytes.HasPrefix(data, []byte("{")) {
		return append(ids, id)
	}
	before, any := len(ids), false
	for line := range bytes.Lines(data) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			id, ok := postID(line)
			ids, any = append(ids, id), any || ok
		}
	}
	if !any {
		ids = append(ids[:before], "")
	}
	return ids
}

// postID returns the id of a post, "" if it has none, and whether the post is a
// JSON object.
func postID(data []byte) (id string, ok bool) {
	var v map[string]json.RawMessage
	if json.Unmarshal(data, &v) != nil || v == nil {
		return "", false
	}
	return scalar(v["id"]), true
}
