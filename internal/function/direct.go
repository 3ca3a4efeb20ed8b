package function

import (
	"context"
	"fmt"

	"coldstream/internal/jsonscan"
)

// Pieces of the answer to several texts.
const (
	resultsHead = `{"results":[`
	resultsTail = `]}`

	// minAnswer is the least that the answer to one text takes: its members'
	// names and punctuation.
	minAnswer = len(`{"message":"","sentiment":"","score":0,"probabilities":{},"model":""},`)
)

// requestError is a fault of a request, with the HTTP status that says so.
type requestError struct {
	status int
	text   string
	allow  string // status 405: the methods that are served
}

func (e *requestError) Error() string { return e.text }

func refuse(status int, format string, args ...any) *requestError {
	return &requestError{status: status, text: fmt.Sprintf(format, args...)}
}

// direct answers an event that is itself the request.
func (h *Handler) direct(ctx context.Context, s *scratch, e *event, l *line) ([]byte, error) {
	s.reserve(len(e.payload))
	s.arena = append(s.arena, e.payload...) // reading a post may overwrite it
	if err := h.label(ctx, s, s.arena, l); err != nil {
		return nil, err
	}
	answer := append([]byte(nil), s.tmp...)
	if len(answer) > MaxAnswerBytes {
		return nil, tooMuch(len(answer))
	}
	return answer, nil
}

// label answers the request in body, {"text"} or {"texts"}, which it may
// overwrite, into s.tmp.
func (h *Handler) label(ctx context.Context, s *scratch, body []byte, l *line) error {
	single, err := s.readRequest(body)
	if err != nil {
		return err
	}
	for i := range s.posts {
		s.texts = append(s.texts, s.posts[i].text)
	}
	h.score(ctx, s, l)
	for i := range s.failed {
		if s.failed[i] {
			l.count(NotScored, 1)
			return refuse(500, "text %d could not be scored: %v", i, l.scorerErr)
		}
	}
	s.tmp = s.tmp[:0]
	if !single {
		s.tmp = append(s.tmp, resultsHead...)
	}
	for i := range s.posts {
		if i > 0 {
			s.tmp = append(s.tmp, ',')
		}
		s.tmp = h.appendAnswer(s.tmp, s, i, &s.posts[i])
	}
	l.count("", len(s.posts))
	if !single {
		s.tmp = append(s.tmp, resultsTail...)
	}
	return nil
}

// readRequest reads the posts of a request into s.posts and reports whether
// it is a single text.
func (s *scratch) readRequest(body []byte) (single bool, err error) {
	var text, texts jsonscan.Value
	sc := jsonscan.New(body)
	sc.Object()
	for key, ok := sc.Member(); ok; key, ok = sc.Member() {
		v := sc.Value()
		switch {
		case key.Is("text"):
			text = v
		case key.Is("texts"):
			texts = v
		}
	}
	switch {
	case !sc.End():
		return false, refuse(400, "request is not a JSON object: %v", sc.Err())
	case text.Kind == jsonscan.None && texts.Kind == jsonscan.None:
		return false, refuse(400, `request has neither "text" nor "texts"`)
	case text.Kind != jsonscan.None && texts.Kind != jsonscan.None:
		return false, refuse(400, `request has both "text" and "texts"; send one of them`)
	case texts.Kind != jsonscan.None:
		return false, s.readTexts(texts)
	case text.Kind != jsonscan.String:
		return false, refuse(400, `"text" is %v, want a string`, text.Kind)
	}
	p := s.post()
	p.readObject(body) // valid, and has a text
	if len(p.text) > MaxTextBytes {
		return false, tooBig(`"text"`, len(p.text))
	}
	return true, nil
}

func (s *scratch) readTexts(texts jsonscan.Value) error {
	if texts.Kind != jsonscan.Array {
		return refuse(400, `"texts" is %v, want an array of strings`, texts.Kind)
	}
	sc := jsonscan.New(texts.Raw)
	sc.Array()
	for sc.Element() {
		v := sc.Value()
		n := len(s.posts)
		if v.Kind != jsonscan.String {
			return refuse(400, `"texts" holds %v at index %d, want a string`, v.Kind, n)
		}
		if n*minAnswer > MaxAnswerBytes {
			return refuse(413, "more than %d texts, whose answer would be larger than %d bytes; send fewer", n, MaxAnswerBytes)
		}
		text := jsonscan.AppendString(v.Raw[:0], v)
		if len(text) > MaxTextBytes {
			return tooBig(fmt.Sprintf("text %d", n), len(text))
		}
		s.post().text = view(text)
	}
	return nil
}

func tooBig(what string, n int) error {
	return refuse(413, "%s has %d bytes, more than %d", what, n, MaxTextBytes)
}

func tooMuch(n int) error {
	return refuse(413, "answer would be %d bytes, more than %d; send fewer texts", n, MaxAnswerBytes)
}
