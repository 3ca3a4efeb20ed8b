package xapi

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"coldstream/internal/source"
)

// maxLine bounds one line of a stream: X's longest post has 25,000 characters,
// 150,000 bytes if all are escaped, and its own fields beside.
const maxLine = 2 << 20

// errLineTooLong reports a line above maxLine; it has been skipped.
var errLineTooLong = fmt.Errorf("the line is longer than %d MiB", maxLine>>20)

// lineReader gives the lines of a stream without their line ends.
type lineReader struct {
	r   *bufio.Reader
	buf []byte
	cut bool // the stream ended within a line
}

// next returns the next line, valid until the following call. It accepts \r\n
// and \n alone.
func (l *lineReader) next() ([]byte, error) {
	// A long line must not keep its memory for ever.
	if cap(l.buf) > 1<<18 {
		l.buf = nil
	}
	l.buf = l.buf[:0]
	long := false
	for {
		part, err := l.r.ReadSlice('\n')
		if !long {
			l.buf = append(l.buf, part...)
		}
		if len(l.buf) > maxLine {
			long, l.buf = true, nil
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil:
			l.cut = long || len(l.buf) > 0
			return nil, err
		case long:
			return nil, errLineTooLong
		}
		return bytes.TrimSuffix(bytes.TrimSuffix(l.buf, []byte("\n")), []byte("\r")), nil
	}
}

// newLineReader returns a reader of r's lines.
func newLineReader(r io.Reader) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, 1<<16)}
}

// message is one line of a stream that is no keep-alive.
type message struct {
	post    source.Post
	isPost  bool
	errors  []problem // what X has to say; beside a post, about parts of it that are missing
	foreign bool      // matched other rules only
}

// parseMessage reads a line. The error is the reason for a bad record. Known are
// the ids of the rules whose posts are wanted, nil = all are.
func parseMessage(line []byte, kind string, known map[string]bool) (message, error) {
	var in struct {
		Data     json.RawMessage `json:"data"`
		Errors   []problem       `json:"errors"`
		Matching []struct {
			ID string `json:"id"`
		} `json:"matching_rules"`
	}
	if !utf8.Valid(line) {
		return message{}, errors.New("not valid UTF-8")
	}
	if err := json.Unmarshal(line, &in); err != nil {
		return message{}, fmt.Errorf("not a JSON object of the stream: %w", err)
	}
	m := message{errors: in.Errors}
	if len(in.Data) == 0 || string(in.Data) == "null" {
		return m, nil
	}
	var err error
	if m.post, err = parsePost(in.Data, kind); err != nil {
		return message{}, err
	}
	m.isPost = true
	m.foreign = known != nil && len(in.Matching) > 0
	for _, rule := range in.Matching {
		m.foreign = m.foreign && !known[rule.ID]
	}
	return m, nil
}

// longText is the whole text of a post whose text field is cut.
type longText struct {
	Text string `json:"text"`
}

// reference is another post that a post repeats, quotes or answers.
type reference struct {
	Type string `json:"type"`
}

// parsePost reads a post object, with the field names of tweets or of posts.
func parsePost(raw []byte, kind string) (source.Post, error) {
	var in struct {
		ID              string      `json:"id"`
		Text            *string     `json:"text"`
		Lang            string      `json:"lang"`
		CreatedAt       string      `json:"created_at"`
		NoteTweet       longText    `json:"note_tweet"`
		NotePost        longText    `json:"note_post"`
		TweetEdits      []string    `json:"edit_history_tweet_ids"`
		PostEdits       []string    `json:"edit_history_post_ids"`
		TweetReferences []reference `json:"referenced_tweets"`
		PostReferences  []reference `json:"referenced_posts"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return source.Post{}, fmt.Errorf("not a post: %w", err)
	}
	switch {
	case in.ID == "":
		return source.Post{}, errors.New(`not a post: no field "id"`)
	case in.Text == nil:
		return source.Post{}, errors.New(`not a post: no field "text"`)
	}
	p := source.Post{ID: in.ID, Text: *in.Text, Lang: in.Lang, CreatedAt: in.CreatedAt, Source: kind}
	for _, long := range []string{in.NoteTweet.Text, in.NotePost.Text} {
		if long != "" {
			p.Text = long
		}
	}
	for _, edits := range [][]string{in.TweetEdits, in.PostEdits} {
		if len(edits) > 0 {
			p.Key = edits[0]
		}
	}
	for _, references := range [][]reference{in.TweetReferences, in.PostReferences} {
		for _, r := range references {
			p.Retweet = p.Retweet || r.Type == "retweeted"
		}
	}
	return p, nil
}

// idEpoch is the zero of the time in post ids, in Unix milliseconds; the lower
// 22 bits of an id are not time.
// https://github.com/twitter-archive/snowflake
const (
	idEpoch = 1288834974657
	idShift = 22
)

// idAt is the least id of a post of time t.
func idAt(t time.Time) uint64 {
	return uint64(max(0, t.UnixMilli()-idEpoch)) << idShift
}

// timeOf is when the post with the id was made, to the millisecond.
func timeOf(id uint64) time.Time { return time.UnixMilli(int64(id>>idShift) + idEpoch) }

// number is a post's id as a number, 0 if it is none.
func number(id string) uint64 {
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
