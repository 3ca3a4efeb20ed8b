package lean

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// handlerFunc makes a Handler of a function.
type handlerFunc func(ctx context.Context, payload []byte) ([]byte, error)

func (f handlerFunc) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	return f(ctx, payload)
}

// post is what the fake Runtime API received.
type post struct {
	path, body string
	header     http.Header
}

// fakeAPI is a Runtime API built on net/http that hands out events one by one
// and then answers 410, which ends Run.
type fakeAPI struct {
	events  []string
	headers func(h http.Header, i int) // changes the headers of event i
	posts   []post
	served  int
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == "GET" && r.URL.Path == nextPath {
		if f.served == len(f.events) {
			w.WriteHeader(http.StatusGone)
			return
		}
		h := w.Header()
		h.Set("Lambda-Runtime-Aws-Request-Id", fmt.Sprintf("id-%d", f.served))
		h.Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(time.Minute).UnixMilli()))
		h.Set("Lambda-Runtime-Trace-Id", fmt.Sprintf("Root=%d", f.served))
		if f.headers != nil {
			f.headers(h, f.served)
		}
		f.served++
		_, _ = io.WriteString(w, f.events[f.served-1])
		return
	}
	body, _ := io.ReadAll(r.Body)
	f.posts = append(f.posts, post{r.URL.Path, string(body), r.Header})
	w.WriteHeader(http.StatusAccepted)
}

// run lets Run serve f's events with h and returns what it logged.
func run(t *testing.T, f *fakeAPI, h handlerFunc) (logs string, err error) {
	t.Helper()
	t.Setenv(TraceVariable, "")
	server := httptest.NewServer(f)
	defer server.Close()
	var b bytes.Buffer
	err = Run(t.Context(), server.Listener.Addr().String(), h, &b)
	return b.String(), err
}

func TestEventsAreAnsweredInTurn(t *testing.T) {
	// Bodies around the sizes at which requests and responses are cut up; the
	// fake sends those above 2 KB chunked.
	var events []string
	for _, n := range []int{0, 1, 2047, 2049, maxLine - 1, maxLine, maxLine + 1, maxHeaders + 1, 3 << 20} {
		events = append(events, strings.Repeat("e", n))
	}
	f := &fakeAPI{events: events}
	var traces []string
	_, err := run(t, f, func(ctx context.Context, payload []byte) ([]byte, error) {
		traces = append(traces, os.Getenv(TraceVariable))
		left, ok := ctx.Deadline()
		if d := time.Until(left); !ok || d > time.Minute || d < 0 {
			t.Errorf("deadline in %v", d)
		}
		return append([]byte("answer "), payload...), nil
	})
	if err == nil || err.Error() != "lean: next invocation: status 410" {
		t.Errorf("Run ended with %v", err)
	}
	if len(f.posts) != len(events) {
		t.Fatalf("%d answers for %d events", len(f.posts), len(events))
	}
	for i, p := range f.posts {
		if want := fmt.Sprintf("/2018-06-01/runtime/invocation/id-%d/response", i); p.path != want {
			t.Errorf("event %d: path %s, want %s", i, p.path, want)
		}
		if p.body != "answer "+events[i] {
			t.Errorf("event %d: answer of %d bytes for %d", i, len(p.body), len(events[i]))
		}
		if want := fmt.Sprintf("Root=%d", i); traces[i] != want {
			t.Errorf("event %d: trace id %q, want %q", i, traces[i], want)
		}
	}
}

// reported is the error payload that Lambda takes.
type reported struct {
	ErrorMessage string `json:"errorMessage"`
	ErrorType    string `json:"errorType"`
	StackTrace   []struct {
		Path, Label string
		Line        int
	} `json:"stackTrace"`
}

type oddEvent struct{ what string }

func (e *oddEvent) Error() string { return "odd event: " + e.what }

func TestErrorsAreReportedAndServingGoesOn(t *testing.T) {
	f := &fakeAPI{events: []string{"a", "b"}}
	logs, _ := run(t, f, func(_ context.Context, payload []byte) ([]byte, error) {
		if string(payload) == "a" {
			return nil, &oddEvent{"\"quoted\"\nline"}
		}
		return payload, nil
	})
	if len(f.posts) != 2 || f.posts[0].path != "/2018-06-01/runtime/invocation/id-0/error" || f.posts[1].body != "b" {
		t.Fatalf("posts %+v", f.posts)
	}
	var got reported
	if err := json.Unmarshal([]byte(f.posts[0].body), &got); err != nil {
		t.Fatal(err)
	}
	if got.ErrorMessage != "odd event: \"quoted\"\nline" || got.ErrorType != "oddEvent" || got.StackTrace != nil {
		t.Errorf("reported %+v", got)
	}
	if logs != f.posts[0].body+"\n" {
		t.Errorf("logged %q", logs)
	}
	var cause struct {
		Exceptions []struct{ Type, Message string }
		Paths      []string
	}
	if err := json.Unmarshal([]byte(f.posts[0].header.Get("Lambda-Runtime-Function-Xray-Error-Cause")), &cause); err != nil {
		t.Fatal(err)
	}
	if len(cause.Exceptions) != 1 || cause.Exceptions[0].Type != "oddEvent" || cause.Paths == nil {
		t.Errorf("cause %+v", cause)
	}
}

func explode() { panic("no such label") }

func TestPanicIsReportedWithItsStackAndEndsRun(t *testing.T) {
	f := &fakeAPI{events: []string{"a", "b"}}
	_, err := run(t, f, func(context.Context, []byte) ([]byte, error) {
		explode()
		return nil, nil
	})
	if err == nil || err.Error() != "lean: invocation id-0: the handler panicked: no such label" {
		t.Errorf("Run ended with %v", err)
	}
	if len(f.posts) != 1 {
		t.Fatalf("posts %+v", f.posts)
	}
	var got reported
	if err := json.Unmarshal([]byte(f.posts[0].body), &got); err != nil {
		t.Fatal(err)
	}
	if got.ErrorMessage != "no such label" || got.ErrorType != "string" {
		t.Errorf("reported %+v", got)
	}
	found := false
	for _, fr := range got.StackTrace {
		found = found || fr.Label == "explode" && strings.HasSuffix(fr.Path, "internal/lean/run_test.go") && fr.Line > 0
	}
	if !found {
		t.Errorf("stack %+v does not name the function that panicked", got.StackTrace)
	}
}

func TestBrokenDeadlineFailsThatInvocationAlone(t *testing.T) {
	f := &fakeAPI{events: []string{"a", "b"}, headers: func(h http.Header, i int) {
		if i == 0 {
			h.Set("Lambda-Runtime-Deadline-Ms", "soon")
		}
	}}
	_, _ = run(t, f, func(_ context.Context, payload []byte) ([]byte, error) { return payload, nil })
	if len(f.posts) != 2 || !strings.HasSuffix(f.posts[0].path, "id-0/error") || !strings.HasSuffix(f.posts[1].path, "id-1/response") {
		t.Errorf("posts %+v", f.posts)
	}
}

func TestRequestIDThatIsNoPathElementIsRefused(t *testing.T) {
	f := &fakeAPI{events: []string{"a"}, headers: func(h http.Header, _ int) { h.Set("Lambda-Runtime-Aws-Request-Id", "../../x") }}
	_, err := run(t, f, func(_ context.Context, payload []byte) ([]byte, error) { return payload, nil })
	if err == nil || !strings.Contains(err.Error(), "broken request id") || len(f.posts) != 0 {
		t.Errorf("Run ended with %v after %+v", err, f.posts)
	}
}

func TestExpiredDeadlineReachesTheHandler(t *testing.T) {
	f := &fakeAPI{events: []string{"a"}, headers: func(h http.Header, _ int) { h.Set("Lambda-Runtime-Deadline-Ms", "1") }}
	_, _ = run(t, f, func(ctx context.Context, _ []byte) ([]byte, error) { return nil, ctx.Err() })
	if len(f.posts) != 1 || !strings.Contains(f.posts[0].body, "deadline exceeded") {
		t.Errorf("posts %+v", f.posts)
	}
}

func TestInitErrorIsReported(t *testing.T) {
	f := &fakeAPI{}
	server := httptest.NewServer(f)
	defer server.Close()
	cause := errors.New("model.safetensors: no such file")
	address := server.Listener.Addr().String()
	if err := FailInit(address, cause); err != cause {
		t.Fatal(err)
	}
	if err := Start(t.Context(), address, func() (Handler, error) { return nil, cause }, io.Discard); err != cause {
		t.Fatal(err)
	}
	if len(f.posts) != 2 || f.posts[0].path != f.posts[1].path || f.posts[0].body != f.posts[1].body {
		t.Errorf("Start and FailInit differ: %+v", f.posts)
	}
	if err := FailInit("127.0.0.1:1", cause); !errors.Is(err, cause) || !strings.Contains(err.Error(), "could not be told") {
		t.Errorf("nobody was told: %v", err)
	}
	if f.posts[0].path != "/2018-06-01/runtime/init/error" || f.posts[0].body != `{"errorMessage":"model.safetensors: no such file","errorType":"errorString"}` {
		t.Errorf("posts %+v", f.posts)
	}
	if got := f.posts[0].header.Get("Lambda-Runtime-Function-Error-Type"); got != "Runtime.InitError" {
		t.Errorf("error type %q", got)
	}
}

// TestStartConnectsWhileTheHandlerIsMade: the connection is there before init
// returns, carries the first request, and is made again if it was closed.
func TestStartConnectsWhileTheHandlerIsMade(t *testing.T) {
	for _, closed := range []bool{false, true} {
		accepted := make(chan net.Conn, 10)
		f := &fakeAPI{events: []string{"a"}}
		server := httptest.NewUnstartedServer(f)
		server.Config.ConnState = func(c net.Conn, s http.ConnState) {
			if s == http.StateNew {
				accepted <- c
			}
		}
		server.Start()
		err := Start(t.Context(), server.Listener.Addr().String(), func() (Handler, error) {
			c := <-accepted // for ever, if Start connects afterwards
			if closed {
				c.Close()
			}
			return handlerFunc(func(_ context.Context, payload []byte) ([]byte, error) { return payload, nil }), nil
		}, io.Discard)
		server.Close()
		again := map[bool]int{false: 0, true: 1}[closed]
		if err == nil || !strings.Contains(err.Error(), "410") || len(f.posts) != 1 || len(accepted) != again {
			t.Errorf("closed %t: %v, %d answers, %d more connections", closed, err, len(f.posts), len(accepted))
		}
	}
}

// warmed is a Handler that notes when it was warmed up.
type warmed struct {
	handlerFunc
	warm func()
}

func (w warmed) Warm() { w.warm() }

// TestWarmRunsOnceBeforeTheFirstEvent: after the request for it has been sent,
// and a panic in it is none of the events'.
func TestWarmRunsOnceBeforeTheFirstEvent(t *testing.T) {
	asked := make(chan bool, 10)
	f := &fakeAPI{events: []string{"a", "b"}, headers: func(http.Header, int) { asked <- true }}
	server := httptest.NewServer(f)
	defer server.Close()
	var order []string
	h := warmed{
		func(_ context.Context, payload []byte) ([]byte, error) {
			order = append(order, string(payload))
			return payload, nil
		},
		func() {
			<-asked // for ever, if Start waits for the event only afterwards
			order = append(order, "warm")
			panic("too warm")
		},
	}
	_ = Run(t.Context(), server.Listener.Addr().String(), h, io.Discard)
	if got := strings.Join(order, " "); got != "warm a b" || len(f.posts) != 2 {
		t.Errorf("%s, %d answers", got, len(f.posts))
	}
}

func TestUnreachableAPIIsNamed(t *testing.T) {
	for address, want := range map[string]string{
		"[::1]:9001":      "is not an IPv4 address and a port",
		"127.0.0.1":       "is not an IPv4 address and a port",
		"127.0.0.1:99999": "is not an IPv4 address and a port",
		"127.0.0.01:80":   "is not an IPv4 address and a port",
		"256.0.0.1:80":    "is not an IPv4 address and a port",
		"1.2.3.4.5:80":    "is not an IPv4 address and a port",
		"1.2.3:80":        "is not an IPv4 address and a port",
		"":                "is not an IPv4 address and a port",
		"127.0.0.1:1":     "127.0.0.1:1",
		"not-a-number":    "not-a-number",
	} {
		err := Run(t.Context(), address, nil, io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("address %q: %v", address, err)
		}
	}
}
