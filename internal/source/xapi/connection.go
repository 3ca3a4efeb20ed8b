package xapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"coldstream/internal/source"
)

// connection makes one connection and reads it to its end; the error says why it
// ended.
func (s *stream) connection(ctx context.Context) error {
	s.connected = time.Time{}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(heartbeat, func() { cancel(errStall) })
	defer watch.Stop()
	res, err := s.open(ctx)
	watch.Stop()
	if err != nil {
		if context.Cause(ctx) == errStall {
			return &dropError{"stall", "no answer for " + heartbeat.String()}
		}
		return err
	}
	defer res.Body.Close()
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		return &networkError{text: "GET " + s.path + ": a web page instead of a stream; is there a proxy or a log-in page on the way?"}
	}
	s.begin(res)
	lines := newLineReader(&watched{s: s, r: res.Body, watch: watch})
	for {
		line, err := lines.next()
		switch {
		case err == nil && len(line) == 0:
			s.line++
			s.Count("keep_alives")
			continue
		case err == nil:
			s.line++
			err = s.receive(line)
		case err == errLineTooLong:
			s.line++
			s.Count("long_lines")
			s.read()
			s.bad(err, nil)
			err = nil
		default:
			if lines.cut {
				s.Count("cut_lines")
				s.read()
			}
			return s.dropped(ctx, lines.cut, err)
		}
		if err != nil {
			return err
		}
		if s.budget.left() == 0 {
			return errSpent
		}
	}
}

// open asks for the stream.
func (s *stream) open(ctx context.Context) (*http.Response, error) {
	reached := false
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { reached = true }})
	// A compressing server would hold posts back until a block is full.
	header := http.Header{"Accept-Encoding": {"identity"}}
	res, err := s.send(traced, http.MethodGet, s.path, url.Values{s.fieldsParam: {s.fields}}, nil, header)
	if reached {
		s.connects.count()
		s.Count("connects")
		// X may have taken a connection whose answer was lost.
		var network *networkError
		s.stale = s.stale || errors.As(err, &network)
	}
	return res, err
}

// begin notes a new connection and what was missed before it.
func (s *stream) begin(res *http.Response) {
	s.connected = time.Now()
	s.lastByte = s.connected
	now := serverTime(res)
	s.skew = now.Sub(s.connected)
	if !s.resume.IsZero() {
		// X's clock comes in whole seconds.
		s.missed(s.resume.Add(-latency), now.Add(time.Second))
	}
	s.queue.push(item{apply: func(c *cursor) { c.At = now.UnixMilli() }})
}

// watched is a stream's body. The watch runs while a read waits, not while the
// reader waits for room in the queue.
type watched struct {
	s     *stream
	r     io.Reader
	watch *time.Timer
}

func (w *watched) Read(p []byte) (int, error) {
	w.watch.Reset(heartbeat)
	n, err := w.r.Read(p)
	w.watch.Stop()
	if n > 0 {
		w.s.lastByte = time.Now()
	}
	return n, err
}

// read counts a post that X charges for.
func (s *stream) read() {
	s.budget.take()
	s.Count("posts_read")
}

// bad queues a record that is no post.
func (s *stream) bad(reason error, line []byte) {
	s.Count("bad_records")
	bad := &source.BadRecordError{Name: s.kind, Line: s.line, Reason: s.clean(reason.Error()), Data: append([]byte(nil), line...)}
	s.queue.push(item{err: bad, apply: s.passed(), size: len(line)})
}

// passed moves the cursor behind what was received just now.
func (s *stream) passed() func(*cursor) {
	at := time.Now().Add(s.skew).UnixMilli()
	return func(c *cursor) { c.At = at }
}

// receive takes one line that is no keep-alive.
func (s *stream) receive(line []byte) error {
	m, err := parseMessage(line, s.kind, s.known)
	switch {
	case err != nil:
		s.read()
		s.bad(err, line)
	case m.isPost:
		s.read()
		s.Add("partial_errors", len(m.errors))
		if m.foreign {
			s.Count("foreign_posts")
			return nil
		}
		s.queue.push(item{post: m.post, apply: s.passed(), size: len(m.post.Text)})
	case len(m.errors) > 0:
		p := &m.errors[0]
		s.Count("disconnects_" + name(p.Title))
		text := s.clean("X ended the stream: " + p.text())
		if e := (&statusError{status: http.StatusTooManyRequests, problem: *p}); e.capped() {
			e.text = text + "; " + hints[e.status]
			return e
		}
		return &dropError{"in_stream", text}
	default:
		// New kinds of messages may come at any time.
		s.Count("unknown_messages")
	}
	return nil
}

// name makes the name of a counter of a title.
func name(title string) string {
	words := strings.FieldsFunc(strings.ToLower(title), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	if len(words) == 0 {
		return "untitled"
	}
	n := strings.Join(words, "_")
	return n[:min(len(n), 40)]
}

// dropped says why reading ended.
func (s *stream) dropped(ctx context.Context, cut bool, err error) error {
	switch {
	case context.Cause(ctx) == errStall:
		return &dropError{"stall", errStall.Error()}
	case errors.Is(err, io.EOF) && !cut:
		return &dropError{"eof", "X ended the stream"}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &dropError{"cut", "the stream broke off"}
	}
	return &dropError{"network", s.clean(fmt.Sprintf("the stream broke off: %v", err))}
}
