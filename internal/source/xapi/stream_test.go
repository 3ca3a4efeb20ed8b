package xapi

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"coldstream/internal/source/xapi/xapitest"
)

func TestStreamGivesPostsAsTheyCome(t *testing.T) {
	for _, postNames := range []bool{false, true} {
		inWorld(t, func(w *world) {
			w.PostNames = postNames
			o := w.options()
			if postNames {
				o.FieldsParam = "post.fields"
			}
			s := w.stream(o)
			settle()
			first := w.Publish(xapitest.Post{Text: "a cat", Lang: "de"})
			w.Publish(xapitest.Post{Text: "a dog"})
			w.Publish(xapitest.Post{Text: "a cat, cut", Long: "a cat, not cut", Edits: []string{first, "2"}})
			w.Publish(xapitest.Post{Text: "RT a cat", Retweet: true})
			if p := w.next(s); p.ID != first || p.Text != "a cat" || p.Lang != "de" || p.Source != "x-stream" || p.Key != first || p.CreatedAt != "2026-11-22T12:00:00.001Z" {
				w.Errorf("got %+v", p)
			}
			if p := w.next(s); p.Text != "a cat, not cut" || p.Key != first || p.Retweet {
				w.Errorf("got %+v", p)
			}
			if p := w.next(s); !p.Retweet {
				w.Errorf("got %+v", p)
			}
			w.counter(s, "posts_read", 3)
			if err := s.Close(); err != nil {
				w.Error(err)
			}
		})
	}
}

func TestSampleStreamNeedsNoRules(t *testing.T) {
	inWorld(t, func(w *world) {
		o := w.options()
		o.Queries, o.CatchUp = nil, true
		s := w.stream(o)
		settle()
		w.Publish(xapitest.Post{Text: "anything"})
		if p := w.next(s); p.Text != "anything" {
			w.Errorf("got %+v", p)
		}
		s.Close()
		for _, r := range w.Requests() {
			if r.Path != xapitest.SamplePath {
				w.Errorf("asked for %s", r.Path)
			}
		}
	})
}

// TestFaultsOfAnOpenStream: after each fault the stream goes on; what may be
// missing is reported.
func TestFaultsOfAnOpenStream(t *testing.T) {
	for _, c := range []struct {
		name    string
		fault   xapitest.Fault
		counter string
		gap     bool
		stale   bool
	}{
		{"ended", xapitest.Fault{Do: xapitest.End, After: 1}, "reconnects_eof", true, false},
		{"cut within an object", xapitest.Fault{Do: xapitest.Cut, After: 1}, "reconnects_cut", true, true},
		{"silent", xapitest.Fault{Do: xapitest.Stall, After: 1}, "reconnects_stall", true, true},
		{"in-stream error", xapitest.Fault{Do: xapitest.InStreamError, After: 1}, "disconnects_operational_disconnect", true, false},
		{"late keep-alive", xapitest.Fault{Do: xapitest.Late, After: 1, For: 26 * time.Second}, "keep_alives", false, false},
		{"keep-alive too late", xapitest.Fault{Do: xapitest.Late, After: 1, For: 28 * time.Second}, "reconnects_stall", true, true},
		{"line of 2 MiB", xapitest.Fault{Do: xapitest.LongLine, After: 1}, "long_lines", false, false},
		{"no JSON", xapitest.Fault{Do: xapitest.Garbage, After: 1}, "bad_records", false, false},
		{"unknown message", xapitest.Fault{Do: xapitest.Unknown, After: 1}, "unknown_messages", false, false},
		{"split line ends", xapitest.Fault{Do: xapitest.Split, After: 1}, "", false, false},
		{"a post again", xapitest.Fault{Do: xapitest.Repeat, After: 1}, "", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.Fail(xapitest.StreamPath, c.fault)
				s := w.stream(w.options())
				settle()
				first := w.publish(1)[0]
				settle()
				if c.fault.Do == xapitest.Cut {
					w.publish(1) // the one that is cut
				}
				time.Sleep(time.Minute)
				last := w.publish(1)[0]
				got := map[string]int{}
				bad := 0
				for got[last] == 0 {
					p, err := s.Next(w.Context())
					if isBad(err) {
						bad++
						continue
					}
					if err != nil {
						w.Fatal(err)
					}
					got[p.ID]++
				}
				if want := map[bool]int{false: 1, true: 2}[c.fault.Do == xapitest.Repeat]; got[first] != want || len(got) != 2 {
					w.Errorf("got %v", got)
				}
				if want := c.fault.Do == xapitest.LongLine || c.fault.Do == xapitest.Garbage; bad > 0 != want {
					w.Errorf("%d bad records", bad)
				}
				if c.counter != "" && s.Counters()[c.counter] == 0 {
					w.Errorf("no %s in %v", c.counter, s.Counters())
				}
				if (w.count("gap", "may be missing") > 0) != c.gap {
					w.Errorf("notices %q", w.said())
				}
				if want := int64(w.Read()); s.Counters()["posts_read"] != want {
					w.Errorf("X counts %d posts, %v", want, s.Counters())
				}
				s.Close()
				if s.stale != c.stale {
					w.Errorf("stale is %v", s.stale)
				}
			})
		})
	}
}

// TestFinalAnswersEndWithOneLine: no repetition, and a line that says what to do.
func TestFinalAnswersEndWithOneLine(t *testing.T) {
	for _, c := range []struct {
		path  string
		fault xapitest.Fault
		want  string
	}{
		{xapitest.StreamPath, xapitest.Unauthorized(), "X answered 401 to GET /2/tweets/search/stream: Unauthorized; the bearer token is wrong or was revoked"},
		{xapitest.RulesPath, xapitest.Unauthorized(), "X answered 401 to GET /2/tweets/search/stream/rules"},
		{xapitest.StreamPath, xapitest.Problem(402, "Payment Required", "No credits."), "X answered 402 to GET /2/tweets/search/stream: No credits; the account has no credits left"},
		{xapitest.StreamPath, xapitest.Problem(403, "Forbidden", "Your client app is not configured with the appropriate elevated access."), "the app has no access to this"},
		{xapitest.StreamPath, xapitest.Problem(404, "Not Found", "Not Found"), "this address is not the X API"},
		{xapitest.RulesPath, xapitest.Problem(400, "Invalid Request", "One or more parameters\r\n to your request was invalid."), "One or more parameters to your request was invalid; correct the query"},
		{xapitest.StreamPath, xapitest.UsageCapped(), "cap on posts is reached"},
		{xapitest.StreamPath, xapitest.Fault{Status: 302, Body: "x"}, "X answered 302"},
		{xapitest.StreamPath, xapitest.Problem(401, "x", "the token was "+token), "the token was [token]"},
	} {
		inWorld(t, func(w *world) {
			w.Fail(c.path, c.fault)
			s := w.stream(w.options())
			w.finally(s, c.want)
			if n := len(w.Requests()); n > 3 {
				w.Errorf("%d requests", n)
			}
		})
	}
	t.Run("wrong token", func(t *testing.T) {
		inWorld(t, func(w *world) {
			o := w.options()
			o.Token = "other"
			w.finally(w.stream(o), "401")
		})
	})
	t.Run("refused rule", func(t *testing.T) {
		inWorld(t, func(w *world) {
			o := w.options()
			o.Queries = []string{"(cat"}
			w.finally(w.stream(o), `X refused a rule: missing ')' ("(cat"); correct the query`)
		})
	})
}

func TestBudgetStopsExactly(t *testing.T) {
	inWorld(t, func(w *world) {
		o := w.options()
		o.MaxPosts = 7
		s := w.stream(o)
		settle()
		ids := w.publish(3)
		for range 3 {
			w.next(s)
		}
		o.Cursor = s.Cursor()
		s.Close()
		settle()
		s = w.stream(o)
		time.Sleep(time.Minute)
		ids = append(ids[:0], w.publish(20)...)
		if got := w.ids(s); !slices.Equal(got, ids[:4]) {
			w.Errorf("got %v of %v", got, ids)
		}
		if w.count("budget", "7 posts were read, which is 0.04 dollars, of a limit of 7") != 1 || w.count("budget", "7 posts were read") != 1 {
			w.Errorf("notices %q", w.said())
		}
		settle()
		if w.Open() != 0 {
			w.Error("the stream is still open")
		}
		o.Cursor = s.Cursor()
		s.Close()
		// A further run reads nothing and asks for nothing.
		before := len(w.Requests())
		s = w.stream(o)
		if got := w.ids(s); len(got) != 0 || len(w.Requests()) != before {
			w.Errorf("got %v after %d requests", got, len(w.Requests())-before)
		}
		s.Close()
	})
}

// TestCancellingAtAnyMoment: what was read is handed out, then comes the error,
// and nothing is left running; the bubble would not end otherwise.
func TestCancellingAtAnyMoment(t *testing.T) {
	stopped := errors.New("stopped")
	for _, after := range []time.Duration{0, time.Millisecond, time.Second, 3 * time.Second, 5 * time.Minute, 5*time.Minute + 10*time.Second, 6 * time.Minute, time.Hour} {
		for _, whose := range []string{"Next's context", "the source's context", "Close"} {
			inWorld(t, func(w *world) {
				w.Fail(xapitest.RulesPath, xapitest.Unavailable())
				w.Fail(xapitest.StreamPath, xapitest.Fault{Do: xapitest.End, Delay: 5 * time.Minute}, xapitest.Unavailable(), xapitest.RateLimited(time.Minute))
				w.Fail(xapitest.SearchPath, xapitest.RateLimited(10*time.Minute))
				ctx, cancel := context.WithCancelCause(w.Context())
				defer cancel(nil)
				o := w.options()
				o.CatchUp = true
				s, err := OpenStream(map[bool]context.Context{true: ctx, false: w.Context()}[whose == "the source's context"], o)
				if err != nil {
					w.Fatal(err)
				}
				time.Sleep(after)
				n := 0
				if w.Open() > 0 {
					n = len(w.publish(10))
					settle()
				}
				if whose == "Close" {
					s.Close()
				}
				cancel(stopped)
				for i := 0; ; i++ {
					_, err := s.Next(map[bool]context.Context{true: ctx, false: w.Context()}[whose == "Next's context"])
					if err == nil {
						continue
					}
					want := stopped
					if whose == "Close" {
						want, n = context.Canceled, 0
					}
					if !errors.Is(err, want) || i != n {
						w.Errorf("%s after %v: %v after %d posts of %d", whose, after, err, i, n)
					}
					break
				}
				s.Close()
			})
		}
	}
}

// TestSlowConsumerStopsTheReader: the queue is bounded, and waiting for its
// reader is no stall.
func TestSlowConsumerStopsTheReader(t *testing.T) {
	inWorld(t, func(w *world) {
		s := w.stream(w.options())
		settle()
		long := strings.Repeat("cat ", 50_000)
		for range 100 {
			w.Publish(xapitest.Post{Text: long})
		}
		time.Sleep(10 * time.Minute)
		if n := s.queue.bytes.Load(); n < queueBytes || n > queueBytes+300_000 {
			w.Errorf("%d bytes are queued", n)
		}
		for range 100 {
			w.next(s)
		}
		w.counter(s, "reconnects_stall", 0)
		s.Close()
	})
}

func TestWebPageInsteadOfAStream(t *testing.T) {
	inWorld(t, func(w *world) {
		w.Fail(xapitest.StreamPath, xapitest.Fault{Status: 200, Body: "<html>log in</html>"})
		s := w.stream(w.options())
		time.Sleep(time.Minute)
		w.publish(1)
		w.next(s)
		w.counter(s, "bad_records", 0)
		if w.count("reconnect", "a web page instead of a stream") != 1 {
			w.Errorf("notices %q", w.said())
		}
		s.Close()
	})
}
