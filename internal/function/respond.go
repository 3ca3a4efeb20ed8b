package function

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"

	"coldstream/internal/jsonscan"
)

// Request is an HTTP request.
type Request struct {
	Method, Path string
	Body         []byte // Handler.Respond may overwrite it
}

// Response is the answer to a Request.
type Response struct {
	Status  int
	Allow   string        // with status 405: the methods that are served
	Body    []byte        // a JSON object; with "error" if Status is not 200
	Err     error         // why Status is not 200; it holds no texts
	Posts   int           // texts labelled
	Scoring time.Duration // the part of the work that was the model's
}

// Respond answers a request with the same bytes as the function answers it
// through a function URL. It writes no line to the log: its caller knows more
// about the request.
//
//	POST /predict {"text"} or {"texts"}   labels them; POST / does the same
//	GET  /                                tells that the function is up, and its model's name
func (h *Handler) Respond(ctx context.Context, r Request) Response {
	s := h.take()
	defer h.give(s)
	var l line
	allow := s.conclude(h.route(ctx, s, &r, "", &l), &l)
	if len(s.tmp) > MaxAnswerBytes {
		allow = s.conclude(tooMuch(len(s.tmp)), &l)
	}
	return Response{Status: l.status, Allow: allow, Body: bytes.Clone(s.tmp), Err: l.err, Posts: l.ok, Scoring: l.scoring}
}

// conclude notes the status of a request and, if err is set, makes s.tmp the
// answer that says so. It returns the methods to allow.
func (s *scratch) conclude(err error, l *line) (allow string) {
	if l.status = 200; err == nil {
		return ""
	}
	l.status, l.err = 500, err
	var bad *requestError
	if errors.As(err, &bad) {
		l.status, allow = bad.status, bad.allow
	}
	s.tmp = append(s.tmp[:0], `{"error":`...)
	s.tmp = append(jsonscan.AppendQuoted(s.tmp, err.Error()), '}')
	return allow
}

// route answers a request into s.tmp.
func (h *Handler) route(ctx context.Context, s *scratch, r *Request, stage string, l *line) error {
	root, predict := place(r.Path, stage)
	switch {
	case !root && !predict:
		return refuse(404, "nothing at this path; POST /predict labels texts, GET / tells whether the function is up")
	case root && (r.Method == "GET" || r.Method == "HEAD"):
		s.tmp = append(append(append(s.tmp[:0], `{"status":"ok"`...), h.model...), '}')
		return nil
	case r.Method != "POST":
		e := refuse(405, `method is not served here; POST a JSON object with "text" or "texts"`)
		if e.allow = "POST"; root {
			e.allow = "GET, HEAD, POST"
		}
		return e
	case len(bytes.TrimSpace(r.Body)) == 0:
		return refuse(400, `request has no body; POST a JSON object with "text" or "texts"`)
	}
	return h.label(ctx, s, r.Body, l)
}

// place tells which of the two paths a request means. Behind a REST API or a
// domain name of one's own the path may begin with a stage or a base path, so
// the last element decides.
func place(path, stage string) (root, predict bool) {
	path = strings.TrimSuffix(path, "/")
	if path == "" || stage != "" && path == "/"+stage {
		return true, false
	}
	return false, path[strings.LastIndexByte(path, '/')+1:] == "predict"
}

// Refusal returns the Response to a request that is refused before a Handler
// sees it, with text, which must hold none of the request's, as its error.
func Refusal(status int, text string) Response {
	var s scratch
	var l line
	allow := s.conclude(&requestError{status: status, text: text}, &l)
	return Response{Status: l.status, Allow: allow, Body: s.tmp, Err: l.err}
}
