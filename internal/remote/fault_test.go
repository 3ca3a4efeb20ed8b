package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestWhatPassesIsTriedAgain: an endpoint that fails in each of these ways a few
// times and then recovers costs no post its answer.
func TestWhatPassesIsTriedAgain(t *testing.T) {
	status := func(code int) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { w.WriteHeader(code) }
	}
	for name, fail := range map[string]func(http.ResponseWriter){
		"408": status(408), "429": status(429), "502": status(502), "503": status(503), "504": status(504),
		"429 with a long refusal": func(w http.ResponseWriter) {
			w.WriteHeader(429)
			fmt.Fprint(w, strings.Repeat("x", 2*drainBytes))
		},
		"closed":          hijack(""),
		"closed mid-head": hijack("HTTP/1.1 200 OK\r\nContent-Le"),
		"closed mid-body": hijack("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"results\":[{"),
		"broken chunks":   hijack("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"res\r\nZZ\r\n"),
		"no HTTP":         hijack("hello\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(w http.ResponseWriter, n int, a asked) {
				if n < 4 {
					fail(w)
					return
				}
				well(w, a)
			})
			e := endpoint(t, Options{URL: s.URL, Batch: 2})
			check(t, e, numbered(5), nil)
		})
	}
}

// hijack answers with bytes of its own and closes the connection.
func hijack(answer string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = c.Write([]byte(answer)) // the client may have seen enough
		_ = c.Close()
	}
}

func TestRetryAfterIsRespected(t *testing.T) {
	var first, second time.Time
	s := serve(t, func(w http.ResponseWriter, n int, a asked) {
		if n == 0 {
			first = time.Now()
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		second = time.Now()
		well(w, a)
	})
	e := endpoint(t, Options{URL: s.URL})
	check(t, e, []string{"a"}, nil)
	if d := second.Sub(first); d < time.Second {
		t.Errorf("asked again after %v", d)
	}
	// Longer than there is time: no use to wait at all.
	far := serve(t, func(w http.ResponseWriter, _ int, _ asked) {
		w.Header().Set("Retry-After", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	got := check(t, endpoint(t, Options{URL: far.URL, Batch: 1}), []string{"a", "b"}, everything)
	if n := len(far.requests()); n != 1 || got != "no answer in time, after 1 requests: the endpoint answered with status 503" {
		t.Errorf("%d requests, error %s", n, got)
	}
}

func everything(string) bool { return true }

// TestABatchThatIsRefusedIsHalved: the posts at fault fail, and no others.
func TestABatchThatIsRefusedIsHalved(t *testing.T) {
	poison := func(text string) bool { return strings.Contains(text, "poison") }
	texts := numbered(100)
	texts[0], texts[41], texts[42], texts[99] = "poison 1", "poison 2", "poison 3", "poison 4"
	for name, refuse := range map[string]func(http.ResponseWriter, asked){
		"400":         func(w http.ResponseWriter, _ asked) { w.WriteHeader(400) },
		"413":         func(w http.ResponseWriter, _ asked) { w.WriteHeader(413) },
		"422":         func(w http.ResponseWriter, _ asked) { w.WriteHeader(422) },
		"500":         func(w http.ResponseWriter, _ asked) { w.WriteHeader(500) },
		"empty":       func(http.ResponseWriter, asked) {},
		"garbage":     func(w http.ResponseWriter, _ asked) { fmt.Fprint(w, "<html>all is well</html>") },
		"two objects": func(w http.ResponseWriter, _ asked) { fmt.Fprint(w, `{"results":[]}{}`) },
		"no results":  func(w http.ResponseWriter, _ asked) { fmt.Fprint(w, `{"result":[]}`) },
		"no array":    func(w http.ResponseWriter, _ asked) { fmt.Fprint(w, `{"results":{"0":{}}}`) },
		"one too few": func(w http.ResponseWriter, a asked) { well(w, asked{texts: a.texts[1:]}) },
		"one too many": func(w http.ResponseWriter, a asked) {
			well(w, asked{texts: append(slices.Clone(a.texts), "another")})
		},
		"too large": func(w http.ResponseWriter, _ asked) {
			w.Header().Set("Content-Length", "100000000")
		},
		"too large, unannounced": func(w http.ResponseWriter, _ asked) {
			for range maxAnswerBytes>>20 + 1 {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(w http.ResponseWriter, _ int, a asked) {
				if slices.ContainsFunc(a.texts, poison) {
					refuse(w, a)
					return
				}
				well(w, a)
			})
			check(t, endpoint(t, Options{URL: s.URL, Batch: 50}), texts, poison)
		})
	}
}

// TestABatchInWhichAPostTakesTheEndpointDownIsHalvedToo: what looks like an
// outage may be the doing of one post.
func TestABatchInWhichAPostTakesTheEndpointDownIsHalvedToo(t *testing.T) {
	poison := func(text string) bool { return text == "poison" }
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	texts := numbered(40)
	texts[7] = "poison"
	s := serve(t, func(w http.ResponseWriter, n int, a asked) {
		if !slices.ContainsFunc(a.texts, poison) {
			well(w, a)
			return
		}
		if len(a.texts) == 1 && n > 100 { // time is over when it alone is left
			cancel()
		}
		hijack("")(w)
	})
	if got := checkWithin(ctx, t, endpoint(t, Options{URL: s.URL, Batch: 16}), texts, poison); !strings.HasPrefix(got, "no answer in time") {
		t.Errorf("error %s", got)
	}
}

func TestAnswersForSomeTextsOnly(t *testing.T) {
	broken := []string{
		`null`, `{}`, `[]`, `"Positive"`, `{"error":"no"}`,
		`{"sentiment":"a"}`, `{"score":1}`, `{"sentiment":1,"score":1}`, `{"sentiment":"a","score":"1"}`,
		`{"sentiment":"a","score":1,"model":7}`, `{"sentiment":"a","score":1,"probabilities":[1]}`,
		`{"sentiment":"a","score":1,"probabilities":{"a":"1"}}`, `{"sentiment":"a","score":` + strings.Repeat("1", maxNumber+1) + `}`,
	}
	s := serve(t, func(w http.ResponseWriter, _ int, a asked) {
		objects := make([]string, len(a.texts))
		for i, t := range a.texts {
			if objects[i] = object(t); i%2 == 1 {
				objects[i] = broken[i/2%len(broken)]
			}
		}
		fmt.Fprintf(w, `{"results":[%s]}`, strings.Join(objects, ","))
	})
	texts := numbered(2 * len(broken))
	lost := map[string]bool{}
	for i := 1; i < len(texts); i += 2 {
		lost[texts[i]] = true
	}
	check(t, endpoint(t, Options{URL: s.URL}), texts, func(t string) bool { return lost[t] })
	if n := len(s.requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// TestAWrongAddressIsAskedOnce: no text would fare better there.
func TestAWrongAddressIsAskedOnce(t *testing.T) {
	var elsewhere atomic.Int32
	other := serve(t, func(http.ResponseWriter, int, asked) { elsewhere.Add(1) })
	for _, status := range []int{204, 301, 307, 308, 401, 403, 404, 405, 501} {
		s := serve(t, func(w http.ResponseWriter, _ int, _ asked) {
			w.Header().Set("Location", other.URL)
			w.WriteHeader(status)
		})
		got := check(t, endpoint(t, Options{URL: s.URL, Batch: 1}), numbered(9), everything)
		if n := len(s.requests()); n != 1 || got != fmt.Sprintf("the endpoint answered with status %d", status) {
			t.Errorf("%d: %d requests, error %s", status, n, got)
		}
	}
	if elsewhere.Load() != 0 {
		t.Error("posts went to where a redirection points")
	}
}

func TestAnEndpointThatIsDown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	e := endpoint(t, Options{URL: "http://user:SECRET@" + address + "/?key=SECRET"})
	e.patience = 500 * time.Millisecond
	got := check(t, e, numbered(3), everything)
	if !strings.HasPrefix(got, "no answer in time, after ") || !strings.Contains(got, "cannot be reached: dial tcp "+address) || strings.Contains(got, "SECRET") || strings.Contains(got, "after 1 requests") {
		t.Errorf("error %s", got)
	}
	// It comes up while there is time.
	e.patience = time.Minute
	up := make(chan struct{})
	go func() {
		defer close(up)
		time.Sleep(20 * time.Millisecond)
		if l, err := net.Listen("tcp", address); err != nil {
			t.Error(err)
		} else {
			serveAt(t, l, func(w http.ResponseWriter, _ int, a asked) { well(w, a) })
		}
	}()
	check(t, e, []string{"a", "b"}, nil)
	<-up
}

// TestAnAttemptEndsAndTheDeadlineHolds: an endpoint that never answers is asked
// again, until time is over.
func TestAnAttemptEndsAndTheDeadlineHolds(t *testing.T) {
	release := make(chan struct{})
	s := serve(t, func(_ http.ResponseWriter, _ int, _ asked) { <-release })
	defer close(release)
	e := endpoint(t, Options{URL: s.URL, Batch: 1, Concurrency: 2})
	e.attempt = 10 * time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	a, err := e.Score(ctx, numbered(5))
	if err == nil || a.Requests < 4 || slices.ContainsFunc(a.Fields, func(f []byte) bool { return f != nil }) {
		t.Errorf("%d requests, %v", a.Requests, err)
	}
	// A deadline that has passed: nothing is sent.
	past, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	if a, err := e.Score(past, numbered(5)); a.Requests != 0 || len(a.Fields) != 5 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%+v, %v", a, err)
	}
}

// TestAnswersInTimeSurviveTheDeadline: what was answered before time was over
// is kept.
func TestAnswersInTimeSurviveTheDeadline(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	release := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, _ int, a asked) {
		if a.texts[0] == "slow" {
			cancel()
			<-release
		}
		well(w, a)
	})
	defer close(release)
	e := endpoint(t, Options{URL: s.URL, Batch: 1})
	checkWithin(ctx, t, e, []string{"a", "b", "slow", "d"}, func(t string) bool { return t == "slow" || t == "d" })
}

func TestConnectionsClosedWhileIdleCostNothing(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ int, a asked) { well(w, a) })
	e := endpoint(t, Options{URL: s.URL})
	for range 3 {
		a, err := e.Score(t.Context(), []string{"a"})
		if err != nil || string(a.Fields[0]) != wanted("a") {
			t.Errorf("%+v, %v", a, err)
		}
		s.CloseClientConnections()
	}
}

func TestAnEventsAnswersAreBounded(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ int, a asked) {
		fmt.Fprintf(w, `{"sentiment":%q,"score":1}`, strings.Repeat("x", 1<<20))
	})
	a, err := endpoint(t, Options{URL: s.URL, Batch: 1}).Score(t.Context(), numbered(20))
	if err == nil || !strings.Contains(err.Error(), "the answers to one event have more than 6291556 bytes") || a.Requests > 7 {
		t.Errorf("%d requests, %v", a.Requests, err)
	}
}

func TestRetryAfterAndServerTimingOfAnyForm(t *testing.T) {
	for value, want := range map[string]time.Duration{"": 0, "0": 0, "120": 2 * time.Minute, "-1": 0, "soon": 0, "1.5": 0, "99999999999999999999": 0, "Mon, 01 Jan 2001 00:00:00 GMT": 0} {
		if got := retryAfter(http.Header{"Retry-After": {value}}); got != want {
			t.Errorf("Retry-After %q is %v, want %v", value, got, want)
		}
	}
	for value, want := range map[string]time.Duration{
		"score;dur=2": 2 * time.Millisecond, `a;dur=1, score;desc=x ; dur="0.5"`: 500 * time.Microsecond, "score;dur=0": 0,
		"": -1, "score": -1, "score;dur": -1, "score;dur=-1": -1, "score;dur=NaN": -1, "score;dur=1e300": -1, "scores;dur=1": -1, ";;=,=": -1,
	} {
		got, ok := scoringTime(http.Header{"Server-Timing": {value}})
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("Server-Timing %q is %v %v, want %v", value, got, ok, want)
		}
	}
}

func TestTimeIsKeptBackForTheAnswer(t *testing.T) {
	e := endpoint(t, Options{URL: "http://host"})
	for given, kept := range map[time.Duration]time.Duration{time.Minute: e.margin, 2 * time.Second: e.margin, time.Second: time.Second / 4} {
		outer, cancel := context.WithTimeout(t.Context(), given)
		defer cancel()
		inner, cancelInner := e.within(outer)
		defer cancelInner()
		end, _ := outer.Deadline()
		got, _ := inner.Deadline()
		// What passes between the two calls makes a quarter of it smaller.
		if left := end.Sub(got); left > kept || left < kept/2 {
			t.Errorf("of %v %v are kept back, want %v", given, left, kept)
		}
	}
	inner, cancel := e.within(t.Context())
	defer cancel()
	if _, ok := inner.Deadline(); !ok {
		t.Error("no deadline without one")
	}
}
