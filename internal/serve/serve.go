// Package serve answers HTTP requests with a model, with the same bytes as the
// function answers them through a function URL.
//
// New makes a Server of a function.Scorer and Options, Server.Serve runs it
// until its context ends. Requests, their bodies, connections and the time each
// may take are bounded: what exceeds a bound is told so, and a server that is
// full says when to come back.
package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"

	"coldstream/internal/function"
)

// Bounds that no Options change.
const (
	maxHeader = 16 << 10 // bytes of a request's header
	maxConns  = 1024     // connections; more wait to be accepted
	// maxBodies bounds what the bodies of all requests hold in memory. Room is
	// taken as their bytes arrive, so slow senders take little.
	maxBodies = 256 << 20
)

// Options say what a Server takes. Start from Defaults.
type Options struct {
	Logs       io.Writer     // one line of JSON for each request, without texts; nil = none
	MaxBody    int           // bytes of a request's body
	Concurrent int           // requests scored at the same time
	Queue      int           // requests that wait for that; more are refused
	Grace      time.Duration // that requests get to end when the server is to end

	// Times of one request: until its header is read; until its body is; until
	// it is scored, from the queue on; until its answer is written, from the
	// header on. And of a connection without a request.
	HeaderTimeout, ReadTimeout, QueueTimeout, WriteTimeout, IdleTimeout time.Duration
}

// Defaults returns Options for any server.
func Defaults() Options {
	return Options{
		MaxBody:       function.MaxAnswerBytes,
		Concurrent:    runtime.GOMAXPROCS(0),
		Queue:         256,
		Grace:         20 * time.Second,
		HeaderTimeout: 5 * time.Second,
		ReadTimeout:   30 * time.Second,
		QueueTimeout:  10 * time.Second,
		WriteTimeout:  2 * time.Minute,
		IdleTimeout:   2 * time.Minute,
	}
}

// Server answers requests with a model. It is an http.Handler.
type Server struct {
	o       Options
	handler *function.Handler
	logs    *slog.Logger

	slots   chan struct{} // one element for each processor at work
	waiting atomic.Int64  // requests for a slot
	bodies  atomic.Int64  // bytes of bodies in memory
	running atomic.Int64  // requests that are not answered yet
}

// New returns a Server that scores with s, which should work on one processor
// per call: the Server spreads large batches over those that are idle.
func New(s function.Scorer, o Options) (*Server, error) {
	switch {
	case o.MaxBody < 1 || o.MaxBody > function.MaxAnswerBytes:
		return nil, fmt.Errorf("serve: bodies of %d bytes, want 1 to %d", o.MaxBody, function.MaxAnswerBytes)
	case o.Concurrent < 1:
		return nil, fmt.Errorf("serve: %d requests scored at the same time, want at least 1", o.Concurrent)
	case o.Queue < 0 || o.Grace < 0:
		return nil, errors.New("serve: the queue and the grace must not be negative")
	}
	if o.Logs == nil {
		o.Logs = io.Discard
	}
	server := &Server{o: o, logs: newLogger(o.Logs), slots: make(chan struct{}, o.Concurrent)}
	server.handler = function.NewHandler(&spread{Scorer: s, slots: server.slots}, nil)
	return server, nil
}

// Serve answers requests from l until ctx ends. Then it takes no more, lets
// those under way end and returns nil, or an error that says how many were cut
// off because the grace was over. It closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: s.o.HeaderTimeout,
		ReadTimeout:       s.o.ReadTimeout,
		WriteTimeout:      s.o.WriteTimeout,
		IdleTimeout:       s.o.IdleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          log.New(errorLog{s.logs}, "", 0),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(netutil.LimitListener(l, maxConns)) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.o.Grace)
	defer cancel()
	err := server.Shutdown(grace)
	running := s.running.Load()
	if err != nil {
		err = server.Close()
	}
	<-ended
	if running > 0 {
		return fmt.Errorf("serve: the grace of %v was over with %d requests not answered", s.o.Grace, running)
	}
	return err
}
