package serve

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"coldstream/internal/function"
)

// Header names as net/http canonicalises them.
const (
	headerRequestID = "X-Request-Id"
	headerTiming    = "Server-Timing"
)

// retryAfter is when a client that finds the server full should come back, in
// seconds: the least that the header can say.
const retryAfter = "1"

// statusGone is what the log calls a request whose client has gone, as nginx
// does. Nobody is left to see it.
const statusGone = 499

// record is what the log says about a request.
type record struct {
	id       string
	started  time.Time
	in       int           // bytes of the body
	queued   time.Duration // spent waiting to be scored
	response function.Response
	stack    []byte // of a panic
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.running.Add(1)
	defer s.running.Add(-1)
	rec := &record{id: requestID(r), started: time.Now()}
	s.answer(w, r, rec)
	a := &rec.response
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(a.Body)))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set(headerRequestID, rec.id)
	if a.Scoring > 0 {
		h.Set(headerTiming, fmt.Sprintf("score;dur=%.3f", milliseconds(a.Scoring)))
	}
	if a.Allow != "" {
		h.Set("Allow", a.Allow)
	}
	if a.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", retryAfter)
	}
	if a.Status == http.StatusRequestTimeout {
		h.Set("Connection", "close") // the rest of the body is still to come
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // a client that has gone
	s.log(rec)
}

// answer answers a request into rec. A panic is an answer too.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, rec *record) {
	defer func() {
		if v := recover(); v != nil {
			rec.response = function.Refusal(http.StatusInternalServerError, "internal error; the server's log has it by this request's "+headerRequestID)
			rec.response.Err = fmt.Errorf("panic: %v", v)
			rec.stack = debug.Stack()
		}
	}()
	if r.Method != http.MethodPost {
		// Whether the server is up must be answered when it is full, too.
		rec.response = s.handler.Respond(r.Context(), function.Request{Method: r.Method, Path: r.URL.Path})
		return
	}
	if e := r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		rec.response = function.Refusal(http.StatusUnsupportedMediaType, "the body is compressed; send it as it is")
		return
	}
	var body buffer
	defer func() { s.bodies.Add(-body.taken) }()
	if status, text := s.read(&body, w, r); status != 0 {
		rec.response = function.Refusal(status, text)
		return
	}
	rec.in = len(body.b)
	from := time.Now()
	status, text := s.enter(r.Context())
	rec.queued = time.Since(from)
	if status != 0 {
		rec.response = function.Refusal(status, text)
		return
	}
	defer s.leave()
	rec.response = s.handler.Respond(r.Context(), function.Request{Method: r.Method, Path: r.URL.Path, Body: body.b})
}

// enter takes a slot, or says with which status the request is refused.
func (s *Server) enter(ctx context.Context) (status int, text string) {
	select {
	case s.slots <- struct{}{}:
		return 0, ""
	default:
	}
	if s.waiting.Add(1) > int64(s.o.Queue) {
		s.waiting.Add(-1)
		return http.StatusServiceUnavailable, fmt.Sprintf("%d requests are waiting already; come back later", s.o.Queue)
	}
	defer s.waiting.Add(-1)
	patience := time.NewTimer(s.o.QueueTimeout)
	defer patience.Stop()
	select {
	case s.slots <- struct{}{}:
		return 0, ""
	case <-patience.C:
		return http.StatusServiceUnavailable, fmt.Sprintf("the request has waited for %v; come back later", s.o.QueueTimeout)
	case <-ctx.Done():
		return statusGone, "the client has gone"
	}
}

func (s *Server) leave() { <-s.slots }

// buffer holds a body.
type buffer struct {
	b     []byte
	taken int64 // its part of Server.bodies
}

// grow makes the capacity n, unless all bodies together would exceed maxBodies.
func (s *Server) grow(b *buffer, n int) bool {
	more := int64(n) - b.taken
	b.taken += more
	if s.bodies.Add(more) > maxBodies {
		return false
	}
	b.b = append(make([]byte, 0, n), b.b...)
	return true
}

// firstRoom is what a body gets before its first bytes have come.
const firstRoom = 16 << 10

// read reads the request's body into b, or says with which status it is
// refused.
func (s *Server) read(b *buffer, w http.ResponseWriter, r *http.Request) (status int, text string) {
	tooLarge := fmt.Sprintf("the body has more than %d bytes; send fewer texts", s.o.MaxBody)
	if r.ContentLength > int64(s.o.MaxBody) {
		w.Header().Set("Connection", "close") // rather than to read it all
		return http.StatusRequestEntityTooLarge, tooLarge
	}
	most := s.o.MaxBody + 1 // to see the end
	if r.ContentLength >= 0 {
		most = int(r.ContentLength) + 1
	}
	src := http.MaxBytesReader(w, r.Body, int64(s.o.MaxBody))
	for {
		if len(b.b) == cap(b.b) && !s.grow(b, min(max(firstRoom, 2*cap(b.b)), most)) {
			w.Header().Set("Connection", "close")
			return http.StatusServiceUnavailable, "the server holds as many bodies as it can; come back later"
		}
		n, err := src.Read(b.b[len(b.b):cap(b.b)])
		b.b = b.b[:len(b.b)+n]
		if err == nil {
			continue
		}
		var large *http.MaxBytesError
		switch {
		case errors.Is(err, io.EOF):
			// The time to read is over, the time to wait begins: without this
			// the wait would end with the former.
			_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
			return 0, ""
		case errors.As(err, &large):
			return http.StatusRequestEntityTooLarge, tooLarge
		case errors.Is(err, os.ErrDeadlineExceeded):
			return http.StatusRequestTimeout, fmt.Sprintf("the body did not come within %v", s.o.ReadTimeout)
		}
		return http.StatusBadRequest, "the body broke off"
	}
}

// requestID is the id that the client or a proxy gave, if it is one that may
// stand in a log and a header, or a new one.
func requestID(r *http.Request) string {
	id := r.Header.Get(headerRequestID)
	if id == "" || len(id) > 128 || strings.IndexFunc(id, notInID) >= 0 {
		return rand.Text()
	}
	return id
}

func notInID(c rune) bool {
	return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("-_.:=", c))
}

func milliseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }
