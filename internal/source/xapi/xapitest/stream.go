package xapitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Action is what a stream does wrong.
type Action int

// Actions. After End, Cut, Stall and InStreamError the stream is over, after the
// others it goes on.
const (
	Nothing       Action = iota
	End                  // the answer ends as it should
	Cut                  // the connection ends within the next post's object
	Stall                // silence until the client leaves; posts are lost
	InStreamError        // an operational disconnect
	Late                 // one silence of Fault.For, without keep-alives or posts
	LongLine             // a line of 2 MiB and more
	Garbage              // a line that is no JSON
	Unknown              // a message of a kind that is not known
	Repeat               // the last post again
	Split                // from now on every line comes in pieces, \r and \n apart
)

// Fault is what goes wrong with one request. A stream that goes on after its
// fault takes the next one, if that is something an open stream does.
type Fault struct {
	// An answer other than the usual one.
	Status int
	Body   string
	Reset  time.Duration // the rate limit's window ends so long from now, 0 = not said

	// What an open stream does wrong, after so many posts or so much time.
	Do    Action
	After int
	Delay time.Duration
	For   time.Duration // of Late
}

// Problem is an answer with an error.
func Problem(status int, title, detail string) Fault {
	b, _ := json.Marshal(map[string]any{"title": title, "detail": detail, "type": "about:blank", "status": status})
	return Fault{Status: status, Body: string(b)}
}

// Unauthorized is the answer to a wrong token.
func Unauthorized() Fault { return Problem(http.StatusUnauthorized, "Unauthorized", "Unauthorized") }

// Unavailable is an overloaded X, with a page that is no JSON.
func Unavailable() Fault {
	return Fault{Status: http.StatusServiceUnavailable, Body: "<html><body><b>Over capacity</b></body></html>"}
}

// RateLimited is the 429 of the rate limit, whose window ends after reset.
func RateLimited(reset time.Duration) Fault {
	f := Problem(http.StatusTooManyRequests, "Too Many Requests", "Too Many Requests")
	f.Reset = reset
	return f
}

// RateLimitedOld is the same without a header and in the older form.
func RateLimitedOld() Fault {
	return Fault{Status: http.StatusTooManyRequests, Body: `{"errors":[{"code":88,"message":"Rate limit exceeded"}]}`}
}

// TooManyConnections is the other 429.
func TooManyConnections() Fault {
	return Fault{Status: http.StatusTooManyRequests, Body: `{"title":"ConnectionException","detail":"This stream is currently at the maximum allowed connection limit.","connection_issue":"TooManyConnections","type":"https://api.x.com/2/problems/streaming-connection"}`}
}

// UsageCapped is the 429 of an account that may read no more.
func UsageCapped() Fault {
	return Fault{Status: http.StatusTooManyRequests, Body: `{"title":"UsageCapExceeded","detail":"Usage cap exceeded: Monthly product cap","period":"Monthly","scope":"Product","type":"https://api.x.com/2/problems/usage-capped"}`}
}

// noRules is the answer of a filtered stream without rules.
func noRules() Fault {
	return Fault{Status: http.StatusConflict, Body: `{"title":"ConnectionException","detail":"You must define rules using the POST /2/tweets/search/stream/rules endpoint before connecting to filtered stream.","connection_issue":"RuleConfigurationIssue","type":"https://api.x.com/2/problems/streaming-connection"}`}
}

// stream is one open connection.
type stream struct {
	endpoint string
	lines    chan []byte
	ended    chan struct{}
	tooSlow  bool
}

// offer queues a line; a client that is far behind is disconnected. Under the
// server's lock.
func (st *stream) offer(line []byte) {
	if line == nil || st.tooSlow {
		return
	}
	select {
	case st.lines <- line:
	default:
		st.tooSlow = true
		st.end()
	}
}

// end ends the connection. Under the server's lock.
func (st *stream) end() {
	select {
	case <-st.ended:
	default:
		close(st.ended)
	}
}

// admit opens a stream, or says why not.
func (s *Server) admit(path string) (*stream, Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for len(s.connects) > 0 && now.Sub(s.connects[0]) >= Window {
		s.connects = s.connects[1:]
	}
	if len(s.connects) >= Connects && !s.Unlimited {
		return nil, RateLimited(s.connects[0].Add(Window).Sub(now))
	}
	s.connects = append(s.connects, now)
	st := &stream{endpoint: "filtered_stream", lines: make(chan []byte, 10_000), ended: make(chan struct{})}
	if path == SamplePath {
		st.endpoint = "sample_stream"
	} else if len(s.rules) == 0 {
		return nil, noRules()
	}
	if s.takeover {
		for other := range s.streams {
			other.end()
		}
	} else if s.held+len(s.streams) > 0 {
		return nil, TooManyConnections()
	}
	s.streams[st] = true
	return st, Fault{}
}

// serveStream serves one connection. A client that leaves keeps its slot if
// slots are held.
func (s *Server) serveStream(w http.ResponseWriter, r *http.Request, f Fault) {
	st, refused := s.admit(r.URL.Path)
	if st == nil {
		s.refuse(w, r, refused)
		return
	}
	left := true
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.streams, st)
		select {
		case <-st.ended:
			left = false // X ended it before the client left
		default:
		}
		if left && s.HoldSlots {
			s.held++
		}
	}()
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("x-rate-limit-limit", fmt.Sprint(Connects))
	w.WriteHeader(http.StatusOK)
	out := &wire{w: w, flush: http.NewResponseController(w)}
	out.flush.Flush()
	beat := s.Beat
	if beat == 0 {
		beat = 20 * time.Second
	}
	var last []byte
	sentPosts := 0
	delay := time.NewTimer(f.Delay)
	defer delay.Stop()
	due := false
	for {
		if f.Do == Nothing {
			if f = s.takeAction(r.URL.Path); f.Do != Nothing {
				due, sentPosts = false, 0
				delay.Reset(f.Delay)
			}
		}
		if due && sentPosts >= f.After && f.Do != Nothing && (f.Do != Repeat || last != nil) {
			do := f.Do
			f.Do = Nothing
			switch do {
			case End:
				left = false
				return
			case Cut:
				select {
				case line := <-st.lines:
					s.bill()
					out.write(line[:len(line)/2])
				case <-st.ended:
				case <-r.Context().Done():
				}
				panic(http.ErrAbortHandler)
			case Stall:
				select {
				case <-st.ended:
				case <-r.Context().Done():
				}
				return
			case InStreamError:
				out.line([]byte(`{"errors":[{"title":"operational-disconnect","disconnect_type":"UpstreamOperationalDisconnect","detail":"This stream has been disconnected upstream for operational reasons.","type":"https://api.x.com/2/problems/operational-disconnect"}]}`))
				left = false
				return
			case Late:
				select {
				case <-time.After(f.For):
				case <-st.ended:
					return
				case <-r.Context().Done():
					return
				}
				out.line(nil)
			case LongLine:
				s.bill()
				out.line([]byte(`{"data":{"id":"1","text":"` + strings.Repeat("x", 2<<20) + `"}}`))
			case Garbage:
				s.bill()
				out.line([]byte(`{"data":{"id":"1","te`))
			case Unknown:
				out.line([]byte(`{"notice":{"kind":"invented"}}`))
			case Repeat:
				s.bill()
				out.line(last)
			case Split:
				out.split = true
			}
			continue
		}
		silence := time.NewTimer(beat)
		select {
		case line := <-st.lines:
			s.bill()
			out.line(line)
			last = line
			sentPosts++
		case <-silence.C:
			out.line(nil)
		case <-delay.C:
			due = true
		case <-st.ended:
			silence.Stop()
			return
		case <-r.Context().Done():
			silence.Stop()
			return
		}
		silence.Stop()
	}
}

// takeAction takes the next fault if it is one of an open stream.
func (s *Server) takeAction(path string) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	queue := s.faults[path]
	if len(queue) == 0 || queue[0].Do == Nothing {
		return Fault{}
	}
	s.faults[path] = queue[1:]
	return queue[0]
}

// bill counts a post.
func (s *Server) bill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read++
}

// wire writes lines as X does.
type wire struct {
	w     http.ResponseWriter
	flush *http.ResponseController
	split bool
}

// line writes a line and its end; an empty one is a keep-alive.
func (o *wire) line(line []byte) {
	line = append(bytes.Clone(line), '\r', '\n')
	if o.split {
		half, end := len(line)/2, len(line)-1
		o.write(line[:half])
		o.write(line[half:end])
		line = line[end:]
	}
	o.write(line)
}

// write sends bytes at once. A client that has gone shows in the request's
// context.
func (o *wire) write(b []byte) {
	_, _ = o.w.Write(b)
	_ = o.flush.Flush()
}
