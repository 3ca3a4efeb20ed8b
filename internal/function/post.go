package function

import (
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
	BadJSON     Reason = "bad_json"     // the data begins with a brace but is no JSON object
	NoText      Reason = "no_text"      // the JSON object has no "text", or one that is no string
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

// read makes a post of a record's data, which it owns and may overwrite.
//
// One line end behind the data belongs to the stream, not to the post, and is
// dropped. Data whose first character other than white space is '{' must be a
// JSON object with a member "text"; everything else is the text itself.
func (p *post) read(data []byte) Reason {
	*p = post{}
	if len(data) > MaxTextBytes {
		return TooBig
	}
	if !utf8.Valid(data) {
		return NotUTF8
	}
	if len(data) >= len(byteOrderMark) && string(data[:len(byteOrderMark)]) == byteOrderMark {
		data = data[len(byteOrderMark):]
	}
	if n := len(data); n > 0 && data[n-1] == '\n' {
		if data = data[:n-1]; n > 1 && data[n-2] == '\r' {
			data = data[:n-2]
		}
	}
	if !beginsWithBrace(data) {
		p.text = view(data)
		return ""
	}
	return p.readObject(data)
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
