package function

import (
	"context"
	"encoding/base64"
	"strconv"

	"coldstream/internal/jsonscan"
)

// isHTTP tells a request through a function URL or an HTTP API (version 2.0,
// the method is in requestContext.http) or through a REST API (version 1.0, the
// method is httpMethod).
func (e *event) isHTTP() bool {
	return e.requestContext.Kind == jsonscan.Object || e.httpMethod.Kind == jsonscan.String
}

// serveHTTP answers an HTTP event. Whatever is wrong with the request is an
// HTTP answer with a JSON object that has "error", never an error of the
// function.
func (h *Handler) serveHTTP(ctx context.Context, s *scratch, e *event, l *line) ([]byte, error) {
	r, stage, err := s.readHTTP(e)
	if err == nil {
		err = h.route(ctx, s, &r, stage, l)
	}
	allow := s.conclude(err, l)
	answer := appendResponse(make([]byte, 0, 256+len(s.tmp)*5/4), l.status, allow, s.tmp) // quoting escapes the quotes
	if len(answer) > MaxAnswerBytes {
		allow = s.conclude(tooMuch(len(answer)), l)
		answer = appendResponse(nil, l.status, allow, s.tmp)
	}
	return answer, nil
}

// readHTTP reads an HTTP event of either version.
// The body is in the arena; stage is what a REST API put in front of the path.
func (s *scratch) readHTTP(e *event) (r Request, stage string, err error) {
	method, path := e.httpMethod, e.path
	if e.requestContext.Kind == jsonscan.Object {
		sc := jsonscan.New(e.requestContext.Raw)
		sc.Object()
		for key, ok := sc.Member(); ok; key, ok = sc.Member() {
			v := sc.Value()
			switch {
			case key.Is("stage"):
				stage = plain(v)
			case key.Is("http") && method.Kind == jsonscan.None:
				method, path = readV2(v)
			}
		}
	}
	if method.Kind != jsonscan.String {
		return r, "", refuse(400, "event has no HTTP method")
	}
	if e.rawPath.Kind == jsonscan.String {
		path = e.rawPath
	}
	r.Method, r.Path = plain(method), plain(path)
	if e.body.Kind == jsonscan.None || e.body.Kind == jsonscan.Null {
		return r, stage, nil
	}
	if e.body.Kind != jsonscan.String {
		return r, "", refuse(400, `the event's "body" is %v, want a string`, e.body.Kind)
	}
	s.reserve(len(e.body.Raw))
	if string(e.isBase64.Raw) != "true" {
		s.arena = jsonscan.AppendString(s.arena, e.body)
		r.Body = s.arena
		return r, stage, nil
	}
	s.tmp = jsonscan.AppendString(s.tmp[:0], e.body)
	body, err := base64.StdEncoding.AppendDecode(s.arena, s.tmp)
	if err != nil {
		return r, "", refuse(400, "body is said to be base64 but is not")
	}
	s.arena, r.Body = body, body
	return r, stage, nil
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
func appendResponse(dst []byte, status int, allow string, body []byte) []byte {
	dst = append(dst, `{"statusCode":`...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, `,"headers":{"content-type":"application/json"`...)
	if allow != "" {
		dst = jsonscan.AppendQuoted(append(dst, `,"allow":`...), allow)
	}
	dst = append(dst, `},"isBase64Encoded":false,"body":`...)
	dst = jsonscan.AppendQuoted(dst, body)
	return append(dst, '}')
}
