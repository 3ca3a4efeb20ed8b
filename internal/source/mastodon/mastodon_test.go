package mastodon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"coldstream/internal/source"
	"coldstream/internal/source/jetstream/jetstreamtest"
)

// fake is a Mastodon server with one stream; connections are numbered from 0.
type fake struct {
	connections atomic.Int64
	serve       func(number int, w *answer)
}

// answer writes server-sent events.
type answer struct {
	http.ResponseWriter
	r *http.Request
}

func (a *answer) send(text string) {
	_, _ = a.Write([]byte(text))
	_ = http.NewResponseController(a.ResponseWriter).Flush()
}

func (a *answer) status(id int) {
	a.send(fmt.Sprintf("event: update\ndata: {\"id\":\"%d\",\"uri\":\"https://m.example/statuses/%d\",\"content\":\"<p>post %d</p>\",\"language\":\"en\",\"created_at\":\"2026-01-01T00:00:00.000Z\"}\n\n", id, id, id))
}

// beat sends keep-alives for as long as the client stays.
func (a *answer) beat() {
	for a.r.Context().Err() == nil {
		a.send(":thump\n")
		select {
		case <-time.After(15 * time.Second):
		case <-a.r.Context().Done():
		}
	}
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	number := int(f.connections.Add(1)) - 1
	if r.Header.Get("Authorization") != "Bearer secret-token" || r.URL.Path != "/api/v1/streaming/public" || r.Header.Get("User-Agent") != "coldstream" {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	f.serve(number, &answer{w, r})
}

// open opens a source over a fake in a bubble.
func open(t *testing.T, serve func(number int, w *answer)) (s source.Source, f *fake, told *[]source.Notice, err error) {
	f, told = &fake{serve: serve}, new([]source.Notice)
	client, stop := jetstreamtest.Client(map[string]http.Handler{"m.example": f})
	t.Cleanup(stop)
	s, err = Open(t.Context(), Options{BaseURL: "http://m.example/", Token: "secret-token", Client: client, Notify: func(n source.Notice) { *told = append(*told, n) }})
	if err == nil {
		t.Cleanup(func() { s.Close() })
	} else if strings.Contains(err.Error(), "secret") {
		t.Errorf("the error has the token: %v", err)
	}
	return s, f, told, err
}

func next(t *testing.T, s source.Source) source.Post {
	t.Helper()
	p, err := s.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, _, err := open(t, func(_ int, w *answer) {
			w.send(":)\n\n:thump\n\nevent: update\r\ndata: {\"id\":\"1\",\"content\":\"<p>A &amp; B &lt;3<br>new&nbsp;line</p><p>see <a href=\\\"https://x.example\\\"><span class=\\\"invisible\\\">https://</span><span>x.example</span></a></p>\",\"language\":null,\"created_at\":\"2026-01-01T00:00:00.000Z\",\"reblog\":null}\r\n\r\n")
			w.send("event: delete\ndata: 1\n\nevent: status.update\ndata: {\"id\":\"1\"}\n\nevent: filters_changed\n\nevent: update\ndata: {\"id\":7}\n\nevent: update\ndata: \n\n")
			w.send("event: update\ndata: {\"id\":\"2\",\"uri\":\"https://m.example/2/activity\",\"content\":\"\",\"reblog\":{\"id\":\"9\",\n")
			time.Sleep(20 * time.Second) // a status may come in parts
			w.send("data: \"content\":\"<p>again</p>\",\"language\":\"de\"}}\n\n")
			w.beat()
		})
		if err != nil {
			t.Fatal(err)
		}
		want := []source.Post{
			{ID: "1", Text: "A & B <3\nnew\u00a0line\n\nsee https://x.example", CreatedAt: "2026-01-01T00:00:00.000Z", Source: "mastodon"},
			{ID: "https://m.example/2/activity", Text: "again", Lang: "de", Source: "mastodon", Retweet: true},
		}
		for _, w := range want {
			if p := next(t, s); p != w {
				t.Errorf("got %+v, want %+v", p, w)
			}
		}
		counts := s.(source.Counter).Counters()
		for name, want := range map[string]int64{"posts": 2, "deletes": 1, "updates": 1, "other_kinds": 1, "malformed_events": 2, "connections": 1, "keep_alives": 2} {
			if counts[name] != want {
				t.Errorf("%s = %d, want %d", name, counts[name], want)
			}
		}
		if s.Cursor() != "" {
			t.Errorf("cursor %q", s.Cursor())
		}
	})
}

func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name, counter string
		fault         func(w *answer)
	}{
		{"end", "reconnects_broken", func(*answer) {}},
		{"cut in an event", "reconnects_broken", func(w *answer) { w.send("event: update\ndata: {\"id\"") }},
		{"reset", "reconnects_broken", func(*answer) { panic(http.ErrAbortHandler) }},
		{"silence", "reconnects_stall", func(w *answer) { <-w.r.Context().Done() }},
		{"endless line", "reconnects_broken", func(w *answer) { w.send("data: " + strings.Repeat("x", maxEvent+1)) }},
		{"endless event", "reconnects_broken", func(w *answer) {
			for range 1000 {
				w.send("data: " + strings.Repeat("x", 2000) + "\n")
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _, told, err := open(t, func(number int, w *answer) {
					w.status(number)
					if number == 0 {
						c.fault(w)
						return
					}
					w.beat()
				})
				if err != nil {
					t.Fatal(err)
				}
				for i := range 2 {
					if p := next(t, s); p.ID != fmt.Sprintf("https://m.example/statuses/%d", i) {
						t.Errorf("got %+v", p)
					}
				}
				counts := s.(source.Counter).Counters()
				if counts[c.counter] != 1 || counts["gaps"] != 1 || len(*told) != 2 || (*told)[1].Kind != "gap" {
					t.Errorf("got %v, told %q", counts, *told)
				}
			})
		})
	}
}

func TestTokenIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, status := range []int{401, 403} {
			refuse := func(w *answer) { http.Error(w, "{}", status) }
			_, f, _, err := open(t, func(_ int, w *answer) { refuse(w) })
			if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("m.example: status %d", status)) || !strings.Contains(err.Error(), "read:statuses") || f.connections.Load() != 1 {
				t.Errorf("got %v after %d connections", err, f.connections.Load())
			}
			s, f, _, err := open(t, func(number int, w *answer) {
				if number > 0 {
					refuse(w)
				} else {
					w.status(0)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			next(t, s)
			for range 2 {
				if _, err := s.Next(t.Context()); !errors.Is(err, errToken) {
					t.Errorf("got %v", err)
				}
			}
			if f.connections.Load() != 2 {
				t.Errorf("%d connections", f.connections.Load())
			}
		}
	})
}

func TestOpenFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if _, _, _, err := open(t, func(_ int, w *answer) { http.Error(w, "", 500) }); err == nil || !strings.Contains(err.Error(), "m.example: status 500") {
			t.Errorf("got %v", err)
		}
		if _, _, _, err := open(t, func(_ int, w *answer) { <-w.r.Context().Done() }); !errors.Is(err, errStall) {
			t.Errorf("no answer: got %v", err)
		}
		for want, o := range map[string]Options{
			`server "m.example"`: {BaseURL: "m.example", Token: "x"},
			`token of 0 bytes`:   {BaseURL: "https://m.example"},
			`stream "user"`:      {BaseURL: "https://m.example", Token: "x", Stream: "user"},
			`stream "hashtag:"`:  {BaseURL: "https://m.example", Token: "x", Stream: "hashtag:"},
			`stream "public:x"`:  {BaseURL: "https://m.example", Token: "x", Stream: "public:x"},
		} {
			if _, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
		}
	})
}

func TestStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for stream, want := range map[string]string{"": "/api/v1/streaming/public", "public": "/api/v1/streaming/public", "public:local": "/api/v1/streaming/public/local", "hashtag:caf\u00e9": "/api/v1/streaming/hashtag?tag=caf%C3%A9"} {
			asked := ""
			client, stop := jetstreamtest.Client(map[string]http.Handler{"m.example": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = r.URL.String()
				http.Error(w, "", 500)
			})})
			_, err := Open(t.Context(), Options{BaseURL: "http://m.example", Token: "x", Stream: stream, Client: client})
			stop()
			if err == nil || asked != want {
				t.Errorf("stream %q: asked for %q, want %q", stream, asked, want)
			}
		}
	})
}

func TestNextEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f, _, err := open(t, func(_ int, w *answer) { w.beat() })
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begun := time.Now()
		if _, err := s.Next(ctx); err != context.DeadlineExceeded || time.Since(begun) != time.Minute {
			t.Errorf("got %v after %v", err, time.Since(begun))
		}
		time.AfterFunc(time.Hour, func() { s.Close() })
		if _, err := s.Next(t.Context()); err != errClosed || time.Since(begun) != time.Hour+time.Minute || f.connections.Load() != 2 {
			t.Errorf("closed: got %v after %v and %d connections", err, time.Since(begun), f.connections.Load())
		}
		if _, err := s.Next(t.Context()); err != errClosed {
			t.Errorf("after Close: got %v", err)
		}
	})
}

// TestDaysOfOutage: the back-off bounds the attempts, which never end.
func TestDaysOfOutage(t *testing.T) {
	outage := 72 * time.Hour
	if testing.Short() {
		outage = 8 * time.Hour
	}
	for name, fault := range map[string]func(w *answer){
		"refused":         func(w *answer) { http.Error(w, "", http.StatusServiceUnavailable) },
		"dropped at once": func(w *answer) { w.status(1) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, f, _, err := open(t, func(number int, w *answer) {
					if w.status(0); number > 0 {
						fault(w)
					}
				})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), outage)
				defer cancel()
				for err == nil {
					_, err = s.Next(ctx)
				}
				// Full jitter waits for half of the bound on average.
				most := int64(outage*120/100/(maxDelay/2)) + 10
				if n := f.connections.Load(); err != context.DeadlineExceeded || n > most || n < most/4 {
					t.Errorf("%d attempts, %v; want %d at most and a quarter of that at least", n, err, most)
				}
			})
		})
	}
}
