package function

import (
	"bytes"
	"encoding/base64"
	"unicode/utf8"

	"coldstream/internal/jsonscan"
)

// MaxTextBytes is the largest data of a record, and the largest text of a
// request: Firehose takes records of at most 1,000 KiB, so what is larger comes
// from no stream and is no post.
const MaxTextBytes = 1_024_000

// Reason says why a post could not be scored. The words go into answers and
// logs.
type Reason string

// Reasons. The empty Reason stands for a post that is fine.
const (
	NoData      Reason = "no_data"      // the record has no data, or data that is no string
	NotBase64   Reason = "not_base64"   // the data is not base64 (standard alphabet, padded)
	TooBig      Reason = "too_big"      // the data has more than MaxTextBytes
	NotUTF8     Reason = "not_utf8"     // the data is not UTF-8
	BadJSON     Reason = "bad_json"     // the data begins with a brace but is neither a JSON object nor one on each line
	NoText      Reason = "no_text"      // a JSON object has no "text", or one that is no string
	DuplicateID Reason = "duplicate_id" // another record of the event has the same id
	NotScored   Reason = "not_scored"   // the model failed on this post, or the endpoint gave no answer for it
	AnswerFull  Reason = "answer_full"  // the answer to the event has no room for this record
)

// reasons lists all of them, the longest no longer than maxReason.
var reasons = [...]Reason{NoData, NotBase64, TooBig, NotUTF8, BadJSON, NoText, DuplicateID, NotScored, AnswerFull}

const maxReason = len(DuplicateID)

// extraFields are the optional members of a post that are passed on as they
// came, in the order in which they are written.
var extraFields = [...]string{"id", "lang", "created_at", "source"}

// post is one text to score. Its parts point into the scratch's arena.
type post struct {
	text  string
	extra [len(extraFields)]string // JSON values, each on one line; "" = absent
}

// byteOrderMark begins files that some editors write; it is no text.
const byteOrderMark = "\xef\xbb\xbf"

// post appends an empty post to s.posts and returns it. It is good until the
// next one is appended.
func (s *scratch) post() *post {
	s.posts = append(s.posts, post{})
	return &s.posts[len(s.posts)-1]
}

// readData appends the posts in a record's data, which it owns and may
// overwrite, to s.posts and returns how many they are. With a reason s.posts is
// as before, and held says how many posts fail for it.
//
// One line end behind the data belongs to the stream, not to the post, and is
// dropped. Data whose first character other than white space is '{' must be a
// JSON object with a member "text", or several, one on each line; everything
// else is the text itself.
func (s *scratch) readData(data []byte) (held int, why Reason) {
	if len(data) > MaxTextBytes {
		return 1, TooBig
	}
	if !utf8.Valid(data) {
		return 1, NotUTF8
	}
	if len(data) >= len(byteOrderMark) && string(data[:len(byteOrderMark)]) == byteOrderMark {
		data = data[len(byteOrderMark):]
	}
	if n := len(data); n > 0 && data[n-1] == '\n' {
		if data = data[:n-1]; n > 1 && data[n-2] == '\r' {
			data = data[:n-2]
		}
	}
	switch {
	case !beginsWithBrace(data):
		s.post().text = view(data)
		return 1, ""
	case bytes.IndexByte(data, '\n') < 0:
		return 1, s.readObject(data)
	}
	return s.readLines(data)
}

// readObject appends the post in the JSON object in data.
func (s *scratch) readObject(data []byte) Reason {
	n := len(s.posts)
	why := s.post().readObject(data)
	if why != "" {
		s.posts = s.posts[:n]
	}
	return why
}

// readLines reads data of several lines that begins with a brace. If the first
// line is a JSON object the data is packed and each of its lines is a post: no
// object that spans lines begins so. Otherwise the data is one post. Lines of
// white space count for nothing.
func (s *scratch) readLines(data []byte) (held int, why Reason) {
	n := len(s.posts)
	for rest := data; len(rest) > 0; {
		var line []byte
		if line, rest, _ = bytes.Cut(rest, newline); isBlank(line) {
			continue
		}
		// What no answer could hold is not scored either.
		if why = AnswerFull; base64.StdEncoding.EncodedLen(len(s.posts)*minAnswer) <= MaxAnswerBytes {
			why = s.readObject(line)
		}
		switch {
		case why == BadJSON && len(s.posts) == n:
			// The scan of a broken line overwrites nothing.
			return 1, s.readObject(data)
		case why != "":
			held = len(s.posts) - n + 1 + countLines(rest)
			s.posts = s.posts[:n]
			return held, why
		}
	}
	return len(s.posts) - n, ""
}

var newline = []byte("\n")

// isBlank reports whether line holds nothing but white space, as JSON knows it.
func isBlank(line []byte) bool {
	for _, c := range line {
		if c != ' ' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}

// countLines counts the lines that are not blank.
func countLines(data []byte) (n int) {
	for line := range bytes.SplitSeq(data, newline) {
		if !isBlank(line) {
			n++
		}
	}
	return n
}

func beginsWithBrace(data []byte) bool {
	for _, c := range data {
		switch c {
		case ' ', '\t', '\n', '\r':
		default:
			return c == '{'
		}
	}
	return false
}

// readObject reads a post from the JSON object in data. Of members that stand
// twice the last counts, as in most readers of JSON.
func (p *post) readObject(data []byte) Reason {
	var text jsonscan.Value
	var extra [len(extraFields)]jsonscan.Value
	sc := jsonscan.New(data)
	sc.Object()
	for key, ok := sc.Member(); ok; key, ok = sc.Member() {
		v := sc.Value()
		if key.Is("text") {
			text = v
			continue
		}
		for i := range extraFields {
			if key.Is(extraFields[i]) {
				extra[i] = v
				break
			}
		}
	}
	if !sc.End() {
		return BadJSON
	}
	if text.Kind != jsonscan.String {
		return NoText
	}
	if text.Escaped {
		p.text = view(jsonscan.AppendString(text.Raw[:0], text))
	} else {
		p.text = view(text.Raw[1 : len(text.Raw)-1])
	}
	for i, v := range extra {
		p.extra[i] = view(jsonscan.AppendCompact(v.Raw[:0], v))
	}
	return ""
}

// decode appends the bytes that the base64 string v stands for to the arena
// and returns them.
func (s *scratch) decode(v jsonscan.Value) ([]byte, Reason) {
	raw := v.Raw[1 : len(v.Raw)-1]
	if v.Escaped { // some writers of JSON escape the slash
		s.tmp = jsonscan.AppendString(s.tmp[:0], v)
		raw = s.tmp
	}
	if base64.StdEncoding.DecodedLen(len(raw)) > MaxTextBytes+2 {
		return nil, TooBig
	}
	from := len(s.arena)
	arena, err := base64.StdEncoding.AppendDecode(s.arena, raw)
	if err != nil {
		return nil, NotBase64
	}
	s.arena = arena
	return arena[from:], ""
}
