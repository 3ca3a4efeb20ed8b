package function

import (
	"context"
	"fmt"
	"io"
	"time"

	"coldstream/internal/jsonscan"
)

// Remote scores texts at an endpoint. It is safe for concurrent use.
type Remote interface {
	// Score scores texts, which are valid UTF-8, until soon before ctx's
	// deadline. The Answers have one element for each text, in order, whatever
	// happens; the error says why some texts, or all, are not scored. It goes
	// into the log, so it holds no texts.
	Score(ctx context.Context, texts []string) (Answers, error)
}

// Answers is what a Remote has for the texts of one event.
type Answers struct {
	// Fields holds, for each text, the members that answer for it but
	// "message", as JSON on one line, without braces and with a comma between
	// them. An empty element is a text that is not scored.
	Fields   [][]byte
	Requests int           // HTTP requests sent, those that failed included
	Timed    bool          // the endpoint said how long it scored
	Scoring  time.Duration // the sum of what it said
}

// append appends the members of the object that answers for text i.
func (a *Answers) append(dst []byte, i int, text string) []byte {
	dst = jsonscan.AppendQuoted(append(dst, `"message":`...), text)
	return append(append(dst, ','), a.Fields[i]...)
}

// NewRemoteHandler returns a Handler whose posts r scores. Its log says how
// long it waited for the endpoint (endpoint_ms), how long the endpoint scored
// if that says so (endpoint_score_ms), and how often it was asked.
func NewRemoteHandler(r Remote, logs io.Writer) *Handler {
	return &Handler{remote: r, logs: logger{w: logs}}
}

// ask has s.texts scored by the Remote and notes in s.failed which were not.
func (h *Handler) ask(ctx context.Context, s *scratch) error {
	var err error
	s.answers, err = h.remote.Score(ctx, s.texts)
	if len(s.answers.Fields) != len(s.texts) {
		err = fmt.Errorf("%d answers for %d texts", len(s.answers.Fields), len(s.texts))
		s.answers.Fields = make([][]byte, len(s.texts))
	}
	for i, f := range s.answers.Fields {
		if len(f) > 0 {
			continue
		}
		if len(s.failed) == 0 {
			s.failed = append(s.failed, make([]bool, len(s.texts))...)
		}
		s.failed[i] = true
	}
	return err
}
