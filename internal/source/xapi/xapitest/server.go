// Package xapitest is a fake of the X API v2 for tests: the filtered stream and
// its rules, the sample stream, recent search and the list of connections, in
// the forms of the real wire, with the faults that it is known for.
//
// Start with New, serve it as any http.Handler (or with Serve, which needs no
// sockets and works in a synctest bubble), call Publish for every post and Fail
// for what shall go wrong. All texts are invented by the caller.
package xapitest

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"coldstream/internal/memnet"
)

// Paths of the endpoints, for Fail.
const (
	StreamPath      = "/2/tweets/search/stream"
	SamplePath      = "/2/tweets/sample/stream"
	RulesPath       = "/2/tweets/search/stream/rules"
	SearchPath      = "/2/tweets/search/recent"
	ConnectionsPath = "/2/connections"
)

// X's limits on connections to one stream.
const (
	Connects = 50
	Window   = 15 * time.Minute
)

// Post is a post as it is published.
type Post struct {
	ID      string // "" = made of the time
	Text    string
	Long    string // the whole text of a long post, of which Text is the beginning
	Lang    string // "" = en
	Edits   []string
	Retweet bool

	at time.Time
}

// Rule is a rule of the filtered stream.
type Rule struct {
	ID    string `json:"id"`
	Value string `json:"value"`
	Tag   string `json:"tag,omitempty"`
}

// Request is one request that the server got.
type Request struct {
	Method, Path string
	Time         time.Time
	Refused      bool // it was answered with an error
}

// Server is the fake. Its fields are set before it serves.
type Server struct {
	Token     string
	Beat      time.Duration // silence after which a keep-alive is sent, 0 = 20 s as X says
	PostNames bool          // the fields' names are those of posts, not of tweets
	HoldSlots bool          // a connection that the client left counts until it is deleted
	Lag       time.Duration // until search finds a post
	ShortBy   int           // a page has so many posts fewer than asked for, though more follow
	Unlimited bool          // no limit on connections per time

	mu       sync.Mutex
	takeover bool
	rules    []Rule
	serial   int
	posts    []Post // of seven days, oldest first
	lastID   uint64
	streams  map[*stream]bool
	held     int
	faults   map[string][]Fault
	requests []Request
	connects []time.Time
	read     int
}

// New returns a server that takes the token.
func New(token string) *Server {
	return &Server{Token: token, streams: make(map[*stream]bool), faults: make(map[string][]Fault)}
}

// idEpoch is the zero of the time in ids, in Unix milliseconds.
const idEpoch = 1288834974657

// Publish makes a post, gives it to the open streams whose rules it matches and
// to search, and returns its id.
func (s *Server) Publish(p Post) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.at = time.Now()
	if p.ID == "" {
		s.lastID = max(s.lastID+1, uint64(max(0, p.at.UnixMilli()-idEpoch))<<22)
		p.ID = strconv.FormatUint(s.lastID, 10)
	}
	if p.Lang == "" {
		p.Lang = "en"
	}
	old := 0
	for old < len(s.posts) && p.at.Sub(s.posts[old].at) > 7*24*time.Hour {
		old++
	}
	s.posts = append(s.posts[old:], p)
	for st := range s.streams {
		st.offer(s.wire(p, st))
	}
	return p.ID
}

// Feed publishes n posts with the text of each number, one in every interval,
// until ctx ends.
func (s *Server) Feed(ctx context.Context, every time.Duration, n int, text func(i int) string) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for i := range n {
		select {
		case <-tick.C:
			s.Publish(Post{Text: text(i)})
		case <-ctx.Done():
			return
		}
	}
}

// Fail makes the next requests to a path meet the faults, one each.
func (s *Server) Fail(path string, faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[path] = append(s.faults[path], faults...)
}

// SetTakeover says whether a second connection ends the first one, as X's
// quickstart has it, or is refused, as its page on disconnections has it.
func (s *Server) SetTakeover(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takeover = on
}

// Heal drops the faults that have not been met.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.faults)
}

// SetRules replaces the rules, as another program of the same app would.
func (s *Server) SetRules(rules ...Rule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = slices.Clone(rules)
}

// Rules returns the rules.
func (s *Server) Rules() []Rule {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.rules)
}

// Requests returns all requests so far.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Read returns how many posts were sent, in streams and pages: what X would
// charge for.
func (s *Server) Read() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read
}

// Open returns how many streams are open.
func (s *Server) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.streams)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault := s.note(r)
	switch {
	case r.Header.Get("Authorization") != "Bearer "+s.Token:
		s.refuse(w, r, Unauthorized())
	case fault.Status != 0:
		s.refuse(w, r, fault)
	case r.URL.Path == StreamPath && r.Method == http.MethodGet, r.URL.Path == SamplePath && r.Method == http.MethodGet:
		s.serveStream(w, r, fault)
	case r.URL.Path == RulesPath && r.Method == http.MethodGet:
		answer(w, http.StatusOK, map[string]any{"data": orMissing(s.Rules()), "meta": map[string]any{"sent": sent(), "result_count": len(s.Rules())}})
	case r.URL.Path == RulesPath && r.Method == http.MethodPost:
		s.changeRules(w, r)
	case r.URL.Path == SearchPath && r.Method == http.MethodGet:
		s.serveSearch(w, r)
	case strings.HasPrefix(r.URL.Path, ConnectionsPath):
		s.serveConnections(w, r)
	default:
		s.refuse(w, r, Problem(http.StatusNotFound, "Not Found", "Not Found"))
	}
}

// note logs a request and takes its fault.
func (s *Server) note(r *http.Request) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, Request{Method: r.Method, Path: r.URL.Path, Time: time.Now()})
	queue := s.faults[r.URL.Path]
	if len(queue) == 0 {
		return Fault{}
	}
	s.faults[r.URL.Path] = queue[1:]
	return queue[0]
}

// refuse answers with an error.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, f Fault) {
	s.mu.Lock()
	for i := len(s.requests) - 1; i >= 0; i-- {
		if s.requests[i].Path == r.URL.Path && s.requests[i].Method == r.Method {
			s.requests[i].Refused = true
			break
		}
	}
	s.mu.Unlock()
	if f.Reset > 0 {
		w.Header().Set("x-rate-limit-limit", strconv.Itoa(Connects))
		w.Header().Set("x-rate-limit-remaining", "0")
		w.Header().Set("x-rate-limit-reset", strconv.FormatInt(time.Now().Add(f.Reset).Unix(), 10))
	}
	kind := "application/problem+json"
	if strings.HasPrefix(f.Body, "<") {
		kind = "text/html"
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(f.Status)
	fmt.Fprint(w, f.Body)
}

// changeRules adds and deletes rules.
func (s *Server) changeRules(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Add    []Rule `json:"add"`
		Delete struct {
			IDs []string `json:"ids"`
		} `json:"delete"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		s.refuse(w, r, Problem(http.StatusBadRequest, "Invalid Request", "One or more parameters to your request was invalid."))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(in.Delete.IDs) > 0 {
		s.rules = slices.DeleteFunc(s.rules, func(r Rule) bool { return slices.Contains(in.Delete.IDs, r.ID) })
		answer(w, http.StatusOK, map[string]any{"meta": map[string]any{"sent": sent(), "summary": map[string]int{"deleted": len(in.Delete.IDs), "not_deleted": 0}}})
		return
	}
	var added []Rule
	var problems []map[string]any
	for _, rule := range in.Add {
		i := slices.IndexFunc(s.rules, func(r Rule) bool { return r.Value == rule.Value })
		switch {
		case i >= 0:
			problems = append(problems, map[string]any{"value": rule.Value, "id": s.rules[i].ID, "title": "DuplicateRule", "type": "https://api.x.com/2/problems/duplicate-rules"})
		case strings.Count(rule.Value, "(") != strings.Count(rule.Value, ")"):
			problems = append(problems, map[string]any{"value": rule.Value, "title": "UnprocessableEntity", "details": []string{"missing ')'"}, "type": "https://api.x.com/2/problems/invalid-rules"})
		default:
			s.serial++
			rule.ID = strconv.Itoa(1273026480692322304 + s.serial)
			s.rules = append(s.rules, rule)
			added = append(added, rule)
		}
	}
	out := map[string]any{"meta": map[string]any{"sent": sent(), "summary": map[string]int{"created": len(added), "not_created": len(problems), "valid": len(added), "invalid": len(problems)}}}
	status := http.StatusCreated
	if len(added) > 0 {
		out["data"] = added
	}
	if len(problems) > 0 {
		out["errors"] = problems
		status = http.StatusOK
	}
	answer(w, status, out)
}

// serveConnections ends streams, or lists them.
func (s *Server) serveConnections(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.held + len(s.streams)
	if r.Method != http.MethodDelete {
		answer(w, http.StatusOK, map[string]any{"meta": map[string]int{"result_count": n}})
		return
	}
	which := strings.TrimPrefix(r.URL.Path, ConnectionsPath+"/")
	for st := range s.streams {
		if which == "all" || which == st.endpoint {
			st.end()
		}
	}
	s.held = 0
	answer(w, http.StatusOK, map[string]any{"data": map[string]any{"successful_kills": n, "failed_kills": 0}})
}

// orMissing is null for an empty list: X leaves the key out, which reads alike.
func orMissing(rules []Rule) any {
	if len(rules) == 0 {
		return nil
	}
	return rules
}

func sent() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000Z") }

// answer writes a JSON answer.
func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		panic(http.ErrAbortHandler) // the client has gone
	}
}

// Serve serves h without sockets. The client reaches it under any http address;
// stop ends the server and all connections.
func Serve(h http.Handler) (client *http.Client, stop func()) {
	l := memnet.Listen()
	server := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() {
		defer close(done)
		// It ends with the listener; there is nobody to tell.
		_ = server.Serve(l)
	}()
	t := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return l.Dial(ctx) }}
	return &http.Client{Transport: t}, func() {
		t.CloseIdleConnections()
		_ = server.Close()
		<-done
	}
}
