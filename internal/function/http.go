package function

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"

	"coldstream/internal/jsonscan"
)

// request is what an HTTP event says, whatever its version.
type request struct {
	method, path, stage string
	body                []byte // in the arena
}

// isHTTP tells a request through a function URL or an HTTP API (version 2.0,
// the method is in requestContext.http) or through a REST API (version 1.0, the
// method is httpMethod).
func (e *event) isHTTP() bool {
	return e.requestContext.Kind == jsonscan.Object || e.httpMethod.Kind == jsonscan.String
}

// serveHTTP answers an HTTP event. Whatever is wrong with the request is an
// HTTP answer with a JSON object that has "error", never an error of the
// function.
//
//	POST /predict {"text"} or {"texts"}   labels them; POST / does the same
//	GET  /                                tells that the function is up, and its model's name
func (h *Handler) serveHTTP(ctx context.Context, s *scratch, e *event, l *line) ([]byte, error) {
	status, err := 200, h.route(ctx, s, e, l)
	if err != nil {
		status = 500
		var bad *requestError
		if errors.As(err, &bad) {
			status = bad.status
		}
		s.tmp = append(s.tmp[:0], `{"error":`...)
		s.tmp = append(jsonscan.AppendQuoted(s.tmp, err.Error()), '}')
		l.err = err
	}
	l.status = status
	answer := appendResponse(make([]byte, 0, 256+len(s.tmp)*5/4), status, s.tmp) // quoting escapes the quotes
	if len(answer) > MaxAnswerBytes {
		l.status, l.err = 413, refuse(413, "answer would be %d bytes, more than %d; send fewer texts", len(answer), MaxAnswerBytes)
		answer = appendResponse(nil, 413, append(jsonscan.AppendQuoted([]byte(`{"error":`), l.err.Error()), '}'))
	}
	return answer, nil
}

// route answers the request into s.tmp.
func (h *Handler) route(ctx context.Context, s *scratch, e *event, l *line) error {
	r, err := s.readHTTP(e)
	if err != nil {
		return err
	}
	root, predict := r.place()
	switch {
	case !root && !predict:
		return refuse(404, "nothing at this path; POST /predict labels texts, GET / tells whether the function is up")
	case root && (r.method == "GET" || r.method == "HEAD"):
		s.tmp = append(append(append(s.tmp[:0], `{"status":"ok"`...), h.model...), '}')
		return nil
	case r.method != "POST":
		return refuse(405, `method is not served here; POST a JSON object with "text" or "texts"`)
	case len(bytes.TrimSpace(r.body)) == 0:
		return refuse(400, `request has no body; POST a JSON object with "text" or "texts"`)
	}
	return h.ask(ctx, s, r.body, l)
}

// place tells which of the two paths the request means. Behind a REST API or a
// domain name of one's own the path may begin with a stage or a base path, so
// the last element decides.
func (r *request) place() (root, predict bool) {
	path := strings.TrimSuffix(r.path, "/")
	if path == "" || r.stage != "" && path == "/"+r.stage {
		return true, false
	}
	return false, path[strings.LastIndexByte(path, '/')+1:] == "predict"
}

// readHTTP reads an HTTP event of either version.
func (s *scratch) readHTTP(e *event) (request, error) {
	var r request
	method, path := e.httpMethod, e.path
	if e.requestContext.Kind == jsonscan.Object {
		sc := jsonscan.New(e.requestContext.Raw)
		sc.Object()
		for key, ok := sc.Member(); ok; key, ok = sc.Member() {
			v := sc.Value()
			switch {
			case key.Is("stage"):
				r.stage = plain(v)
			case key.Is("http") && method.Kind == jsonscan.None:
				method, path = readV2(v)
			}
		}
	}
	if method.Kind != jsonscan.String {
		return request{}, refuse(400, "event has no HTTP method")
	}
	if e.rawPath.Kind == jsonscan.String {
		path = e.rawPath
	}
	r.method, r.path = plain(method), plain(path)
	if e.body.Kind == jsonscan.None || e.body.Kind == jsonscan.Null {
		return r, nil
	}
	if e.body.Kind != jsonscan.String {
		return request{}, refuse(400, `the event's "body" is %v, want a string`, e.body.Kind)
	}
	s.reserve(len(e.body.Raw))
	if string(e.isBase64.Raw) != "true" {
		s.arena = jsonscan.AppendString(s.arena, e.body)
		r.body = s.arena
		return r, nil
	}
	s.tmp = jsonscan.AppendString(s.tmp[:0], e.body)
	body, err := base64.StdEncoding.AppendDecode(s.arena, s.tmp)
	if err != nil {
		return request{}, refuse(400, "body is said to be base64 but is not")
	}
	s.arena, r.body = body, body
	return r, nil
}

// readV2 reads the method and path of requestContext.http.
func readV2(http jsonscan.Value) (method, path jsonscan.Value) {
	if http.Kind != jsonscan.Object {
		return
	}
	sc := jsonscan.New(http.Raw)
	sc.Object()
	for key, ok := sc.Member(); ok; key, ok = sc.Member() {
		v := sc.Value()
		switch {
		case key.Is("method"):
			method = v
		case key.Is("path"):
			path = v
		}
	}
	return method, path
}

// plain is a string's text, or "".
func plain(v jsonscan.Value) string {
	if v.Kind != jsonscan.String {
		return ""
	}
	return string(jsonscan.AppendString(nil, v))
}

// appendResponse appends the answer to an HTTP event; every version takes this
// form.
func appendResponse(dst []byte, status int, body []byte) []byte {
	dst = append(dst, `{"statusCode":`...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, `,"headers":{"content-type":"application/json"`...)
	if status == 405 {
		dst = append(dst, `,"allow":"GET, HEAD, POST"`...)
	}
	dst = append(dst, `},"isBase64Encoded":false,"body":`...)
	dst = jsonscan.AppendQuoted(dst, body)
	return append(dst, '}')
}
