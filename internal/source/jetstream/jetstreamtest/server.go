// Package jetstreamtest is a fake Jetstream host for tests and demonstrations.
// Its network of invented posts is computed, not stored, so that days of history
// cost nothing.
//
// Start with New; a Server is an http.Handler for /subscribe. Inject has
// connections fail. Client reaches servers in memory, without sockets.
package jetstreamtest

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// pingInterval and writeTimeout are those of the real hosts.
const (
	pingInterval = 30 * time.Second
	writeTimeout = 5 * time.Second
)

// Options says what happens in the network. Servers with the same Start, Rate
// and Count are hosts of the same network.
type Options struct {
	Start    time.Time                        // when event 0 comes about; zero = when New is called
	Rate     float64                          // events per second, of which 11 in 16 are posts; 0 = 20
	Count    int                              // of events; 0 = there is no end
	LookBack time.Duration                    // how far back a cursor reaches; 0 = 36 h
	Skew     time.Duration                    // how much the host's clock is fast
	Compress bool                             // take up permessage-deflate if it is offered
	Edit     func(i int, frame []byte) []byte // replaces what event i is on the wire; nil = nothing does
}

// Server is one host.
type Server struct {
	o           Options
	interval    time.Duration
	ctx         context.Context
	cancel      context.CancelFunc
	connections atomic.Int64
	choose      atomic.Pointer[func(Request) Fault]
}

// Request is what a fault can be chosen by.
type Request struct {
	Number int   // of the connection to this server, from 0
	Cursor int64 // 0 = none
}

// Fault is what goes wrong with one connection. The zero value is nothing.
type Fault struct {
	Status int           // refuse the handshake with this status
	Delay  time.Duration // before each event
	After  int           // the events to send before what follows

	Garbage   bool                 // send a frame that is no JSON
	Oversized int                  // send a frame of so many bytes
	Reset     bool                 // end the connection without a word
	Close     websocket.StatusCode // end it with this status
	Stall     bool                 // send nothing but pings from here on
}

// New returns a host. Close ends it.
func New(o Options) *Server {
	if o.Start.IsZero() {
		o.Start = time.Now()
	}
	if o.Rate == 0 {
		o.Rate = 20
	}
	if o.LookBack == 0 {
		o.LookBack = 36 * time.Hour
	}
	s := &Server{o: o, interval: time.Duration(float64(time.Second) / o.Rate)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Close ends all connections.
func (s *Server) Close() { s.cancel() }

// Inject has choose decide what goes wrong with each connection from now on; nil
// ends it. choose is called by several goroutines at a time.
func (s *Server) Inject(choose func(Request) Fault) {
	if choose == nil {
		choose = func(Request) Fault { return Fault{} }
	}
	s.choose.Store(&choose)
}

// Connections is how many were asked for, refused ones included.
func (s *Server) Connections() int { return int(s.connections.Load()) }

// Events is how many events there have been.
func (s *Server) Events() int {
	n := 0
	if since := time.Since(s.o.Start); since >= 0 {
		n = int(since/s.interval) + 1
	}
	if s.o.Count > 0 {
		n = min(n, s.o.Count)
	}
	return n
}

// ServeHTTP is the endpoint /subscribe.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	req := Request{Number: int(s.connections.Add(1)) - 1}
	if c := q.Get("cursor"); c != "" {
		var err error
		if req.Cursor, err = strconv.ParseInt(c, 10, 64); err != nil {
			http.Error(w, "cursor is not an integer", http.StatusBadRequest)
			return
		}
	}
	var fault Fault
	if choose := s.choose.Load(); choose != nil {
		fault = (*choose)(req)
	}
	switch {
	case r.URL.Path != "/subscribe":
		http.NotFound(w, r)
		return
	case fault.Status != 0:
		http.Error(w, http.StatusText(fault.Status), fault.Status)
		return
	}
	mode := websocket.CompressionDisabled
	if s.o.Compress {
		mode = websocket.CompressionContextTakeover
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: mode})
	if err != nil {
		return // Accept has answered
	}
	defer conn.CloseNow()
	// As on the real hosts, a client that sends data is thrown out.
	c := &connection{s: s, conn: conn, ctx: conn.CloseRead(s.ctx), fault: fault, collections: q["wantedCollections"], ping: time.NewTicker(pingInterval)}
	defer c.ping.Stop()
	c.serve(s.begin(req.Cursor))
}

// begin returns the first event for a cursor, and the time before which events
// are left out: a cursor of the future or none means from now on, one beyond the
// look-back means from there, without a word.
func (s *Server) begin(cursor int64) (first int, from int64) {
	now := time.Now().Add(s.o.Skew)
	if cursor == 0 || cursor > now.UnixMicro() {
		first = s.Events()
		return first, 0
	}
	cursor = max(cursor, now.Add(-s.o.LookBack).UnixMicro())
	since := time.UnixMicro(cursor).Sub(s.o.Start.Add(s.o.Skew))
	// Times are at most three places out of order, less at low rates.
	return max(0, int(since/s.interval)-4), cursor
}

// connection is one client's.
type connection struct {
	s           *Server
	conn        *websocket.Conn
	ctx         context.Context
	fault       Fault
	collections []string
	ping        *time.Ticker
}

// serve sends events until the connection ends.
func (c *connection) serve(first int, from int64) {
	sent := 0
	for i := first; ; i++ {
		if sent == c.fault.After && !c.misbehave() {
			return
		}
		if c.s.o.Count > 0 && i >= c.s.o.Count {
			c.wait(nil)
			return
		}
		if !c.waitUntil(c.s.at(i)) {
			return
		}
		if c.s.timeUS(i) < from {
			continue
		}
		e := c.s.Event(i)
		if !c.wants(e) {
			continue
		}
		if c.fault.Delay > 0 && !c.waitUntil(time.Now().Add(c.fault.Delay)) {
			return
		}
		if !c.send(e.Frame) {
			return
		}
		sent++
	}
}

// misbehave does what the fault says, once; false ends the connection.
func (c *connection) misbehave() bool {
	f := c.fault
	c.fault = Fault{Delay: f.Delay, After: -1}
	switch {
	case f.Garbage && !c.send([]byte(`{"did":"did:plc:`)), f.Oversized > 0 && !c.send([]byte(`"`+strings.Repeat("x", max(0, f.Oversized-2))+`"`)):
		return false
	case f.Stall:
		c.wait(nil)
		return false
	case f.Close != 0:
		_ = c.conn.Close(f.Close, "")
		return false
	}
	return !f.Reset
}

// wants reports whether the client asked for e. Account and identity events
// come in any case.
func (c *connection) wants(e Event) bool {
	if e.Collection == "" || len(c.collections) == 0 {
		return true
	}
	for _, w := range c.collections {
		if prefix, ok := strings.CutSuffix(w, "*"); ok && strings.HasPrefix(e.Collection, prefix) || w == e.Collection {
			return true
		}
	}
	return false
}

// send writes a message; a client that does not read it in time is thrown out.
func (c *connection) send(frame []byte) bool {
	ctx, cancel := context.WithTimeout(c.ctx, writeTimeout)
	defer cancel()
	return c.conn.Write(ctx, websocket.MessageText, frame) == nil
}

// waitUntil pings until t; false means that the connection has ended.
func (c *connection) waitUntil(t time.Time) bool {
	d := time.Until(t)
	if d <= 0 {
		return c.ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	return c.wait(timer.C)
}

// wait pings until something comes; false means that the connection has ended.
func (c *connection) wait(until <-chan time.Time) bool {
	for {
		select {
		case <-until:
			return true
		case <-c.ctx.Done():
			return false
		case <-c.ping.C:
			ctx, cancel := context.WithTimeout(c.ctx, writeTimeout)
			err := c.conn.Ping(ctx)
			cancel()
			if err != nil {
				return false
			}
		}
	}
}
