package serve

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// until waits for what another goroutine brings about.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// open connects and sends what stands in it.
func open(t *testing.T, s *running, sent string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, sent); err != nil {
		t.Fatal(err)
	}
	return c
}

// status reads an answer from c.
func status(t *testing.T, c net.Conn) int {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func TestAFullQueueSaysWhenToComeBack(t *testing.T) {
	f := &fakeScorer{gate: make(chan struct{}), entered: make(chan struct{}, 10)}
	s := start(t, f, func(o *Options) { o.Concurrent, o.Queue = 1, 2 })
	answers := make(chan int, 10)
	var clients sync.WaitGroup
	for range 3 {
		clients.Go(func() {
			resp, err := http.Post(s.url, "", strings.NewReader(`{"text":"a"}`))
			if err != nil {
				t.Error(err)
				return
			}
			_ = resp.Body.Close()
			answers <- resp.StatusCode
		})
	}
	<-f.entered
	until(t, "two requests wait", func() bool { return s.waiting.Load() == 2 })
	resp, body := do(t, "POST", s.url, `{"text":"a"}`)
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "1" || !strings.Contains(body, `{"error":"2 requests are waiting already`) {
		t.Errorf("%d %v %s", resp.StatusCode, resp.Header, body)
	}
	if resp, _ := do(t, "GET", s.url, ""); resp.StatusCode != 200 {
		t.Errorf("health of a full server: %d", resp.StatusCode)
	}
	close(f.gate)
	clients.Wait()
	for range 3 {
		if code := <-answers; code != 200 {
			t.Errorf("a request that waited got %d", code)
		}
	}
	if strings.Count(s.logs.String(), `"status":503`) != 1 {
		t.Errorf("log %s", s.logs.String())
	}
}

func TestWaitingEnds(t *testing.T) {
	f := &fakeScorer{gate: make(chan struct{}), entered: make(chan struct{}, 10)}
	s := start(t, f, func(o *Options) {
		o.Concurrent, o.QueueTimeout, o.ReadTimeout = 1, 200*time.Millisecond, 50*time.Millisecond
	})
	first := open(t, s, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n{\"text\":\"a\"}")
	<-f.entered
	// The time to read a request is not the time that it may wait.
	if resp, body := do(t, "POST", s.url, `{"text":"a"}`); resp.StatusCode != 503 || !strings.Contains(body, "has waited for 200ms") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	// A client that goes gives up its place.
	gone := open(t, s, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n{\"text\":\"a\"}")
	until(t, "it waits", func() bool { return s.waiting.Load() == 1 })
	_ = gone.Close()
	until(t, "its place is free", func() bool { return s.waiting.Load() == 0 })
	close(f.gate)
	if got := status(t, first); got != 200 {
		t.Errorf("the request under way got %d", got)
	}
}

// TestSlowClientsAreCutOff: those that never finish a header or a body neither
// keep others out nor stay.
func TestSlowClientsAreCutOff(t *testing.T) {
	s := start(t, &fakeScorer{}, func(o *Options) {
		o.Concurrent, o.Queue, o.HeaderTimeout, o.ReadTimeout = 1, 0, 300*time.Millisecond, 500*time.Millisecond
	})
	var header, body []net.Conn
	for range 50 {
		header = append(header, open(t, s, "POST /predict HTTP/1.1\r\nHost: x\r\nX-"))
		body = append(body, open(t, s, "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 6000000\r\n\r\n{\"text\":\""))
	}
	until(t, "their bodies have begun", func() bool { return s.bodies.Load() > 0 })
	if resp, _ := do(t, "POST", s.url, `{"text":"a"}`); resp.StatusCode != 200 {
		t.Errorf("beside slow clients: %d", resp.StatusCode)
	}
	if n := s.bodies.Load(); n > 50*firstRoom {
		t.Errorf("slow clients hold %d bytes", n)
	}
	for _, c := range header {
		// net/http answers what is no request by itself, as plain text.
		if b, err := io.ReadAll(c); err != nil || len(b) > 0 && !strings.HasPrefix(string(b), "HTTP/1.1 400 ") {
			t.Errorf("half a header was answered %q, %v", b, err)
		}
	}
	for _, c := range body {
		if got := status(t, c); got != 408 {
			t.Errorf("half a body was answered %d", got)
		}
	}
	until(t, "their memory is free", func() bool { return s.bodies.Load() == 0 })
}

func TestOversizedRequests(t *testing.T) {
	s := start(t, &fakeScorer{}, nil)
	// In chunks, so that the size shows only as it comes.
	chunks := open(t, s, "POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
	go func() {
		for range 200 { // 12.8 MB, unless the server has seen enough
			if _, err := fmt.Fprintf(chunks, "10000\r\n%s\r\n", strings.Repeat(" ", 1<<16)); err != nil {
				return
			}
		}
	}()
	if got := status(t, chunks); got != 413 {
		t.Errorf("12.8 MB in chunks: %d", got)
	}
	// Announced: nothing of it is read.
	c := open(t, s, "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 6291557\r\nExpect: 100-continue\r\n\r\n")
	if got := status(t, c); got != 413 {
		t.Errorf("announced: %d", got)
	}
	c = open(t, s, "POST /predict HTTP/1.1\r\nHost: x\r\nX-Long: "+strings.Repeat("a", 8*maxHeader)+"\r\n\r\n")
	if got := status(t, c); got != 431 {
		t.Errorf("a long header: %d", got)
	}
	// All bodies together.
	s.bodies.Add(maxBodies)
	if resp, _ := do(t, "POST", s.url, `{"text":"a"}`); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("no memory left: %d", resp.StatusCode)
	}
	s.bodies.Add(-maxBodies)
	if resp, _ := do(t, "POST", s.url, `{"text":"`+strings.Repeat("a", 1_000_000)+`"}`); resp.StatusCode != 200 {
		t.Errorf("a text of a megabyte: %d", resp.StatusCode)
	}
}

func TestABodyThatBreaksOff(t *testing.T) {
	s := start(t, &fakeScorer{}, nil)
	c := open(t, s, "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"text\":\"a\"}")
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got := status(t, c); got != 400 {
		t.Errorf("%d", got)
	}
}

func TestTheEndLetsRequestsUnderWayEnd(t *testing.T) {
	f := &fakeScorer{gate: make(chan struct{}), entered: make(chan struct{}, 10)}
	s := start(t, f, func(o *Options) { o.Concurrent = 1 })
	const request = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n{\"text\":\"a\"}"
	running := open(t, s, request)
	<-f.entered
	waiting := open(t, s, request)
	until(t, "one waits", func() bool { return s.waiting.Load() == 1 })
	s.stop()
	until(t, "no more are taken", func() bool {
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	close(f.gate)
	if a, b := status(t, running), status(t, waiting); a != 200 || b != 200 {
		t.Errorf("the one under way got %d, the one that waited %d", a, b)
	}
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
}

func TestTheGraceEnds(t *testing.T) {
	f := &fakeScorer{gate: make(chan struct{}), entered: make(chan struct{}, 10)}
	s := start(t, f, func(o *Options) { o.Grace = 10 * time.Millisecond })
	c := open(t, s, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n{\"text\":\"a\"}")
	idle := open(t, s, "")
	<-f.entered
	s.stop()
	if err := <-s.ended; err == nil || err.Error() != "serve: the grace of 10ms was over with 1 requests not answered" {
		t.Errorf("error %v", err)
	}
	for _, c := range []net.Conn{c, idle} {
		if b, err := io.ReadAll(c); len(b) > 0 {
			t.Errorf("read %q, %v after the end", b, err)
		}
	}
	close(f.gate)
}

func TestAListenerThatFailsIsAnError(t *testing.T) {
	s, err := New(&fakeScorer{}, Defaults())
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if err := s.Serve(t.Context(), l); err == nil || !strings.HasPrefix(err.Error(), "serve: accept tcp 127.0.0.1:") {
		t.Errorf("error %v", err)
	}
}
