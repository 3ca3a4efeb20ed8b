package xapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"coldstream/internal/source"
	"coldstream/internal/source/xapi/xapitest"
)

// token must stand in no error, notice, counter or cursor.
const token = "AAAAAAAAAAAAAAAAAAAAAbcdefgh%3Dverysecret"

// world is a fake X, a client for it without sockets, and what the source said.
type world struct {
	*testing.T
	*xapitest.Server
	client *http.Client

	mu      sync.Mutex
	notices []source.Notice
}

// inWorld runs f in a bubble whose clock stands in 2026, where ids are real.
func inWorld(t *testing.T, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)))
		w := &world{T: t, Server: xapitest.New(token)}
		client, stop := xapitest.Serve(w.Server)
		w.client = client
		f(w)
		stop()
		for _, n := range w.said() {
			w.clean(n.Kind + n.Text)
		}
	})
}

// options are those of a stream for posts with the word cat.
func (w *world) options() Options {
	return Options{BaseURL: "http://x.test", Token: token, Queries: []string{"cat"}, MaxPosts: 1_000_000, Client: w.client,
		Notify: func(n source.Notice) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.notices = append(w.notices, n)
		}}
}

func (w *world) said() []source.Notice {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]source.Notice(nil), w.notices...)
}

// count is how many notices of a kind have the text in them.
func (w *world) count(kind, text string) int {
	n := 0
	for _, notice := range w.said() {
		if notice.Kind == kind && strings.Contains(notice.Text, text) {
			n++
		}
	}
	return n
}

func (w *world) clean(text string) {
	if strings.Contains(text, token) || strings.ContainsAny(text, "\r\n") {
		w.Errorf("the token or a line end stands in %q", text)
	}
}

func (w *world) stream(o Options) *stream {
	w.Helper()
	s, err := OpenStream(w.Context(), o)
	if err != nil {
		w.Fatal(err)
	}
	return s.(*stream)
}

// settle lets pass what happens without delay.
func settle() {
	time.Sleep(time.Millisecond)
	synctest.Wait()
}

// next is Next with a limit on simulated time.
func (w *world) next(s source.Source) source.Post {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 3*time.Hour)
	defer cancel()
	p, err := s.Next(ctx)
	if err != nil {
		w.Fatalf("no post: %v; notices %q", err, w.said())
	}
	return p
}

// finally wants the source to end with an error that has the text in it.
func (w *world) finally(s source.Source, want string) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 3*time.Hour)
	defer cancel()
	p, err := s.Next(ctx)
	if err == nil || !strings.Contains(err.Error(), want) {
		w.Errorf("got %+v, %v; want an error with %q", p, err, want)
	}
	if err != nil {
		w.clean(err.Error())
	}
	if err := s.Close(); err != nil {
		w.Error(err)
	}
}

// ids reads the posts to the end of the source.
func (w *world) ids(s source.Source) []string {
	w.Helper()
	var ids []string
	for {
		p, err := s.Next(w.Context())
		if err == io.EOF {
			return ids
		}
		if err != nil {
			w.Fatalf("after %d posts: %v", len(ids), err)
		}
		ids = append(ids, p.ID)
	}
}

func (w *world) counter(s source.Source, name string, want int64) {
	w.Helper()
	if got := s.(source.Counter).Counters()[name]; got != want {
		w.Errorf("%s is %d, want %d of %v", name, got, want, s.(source.Counter).Counters())
	}
}

// publish makes n posts that match and returns their ids, oldest first.
func (w *world) publish(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = w.Publish(xapitest.Post{Text: fmt.Sprintf("a cat, number %d", i)})
		time.Sleep(time.Millisecond)
	}
	return ids
}

func isBad(err error) bool {
	var bad *source.BadRecordError
	return errors.As(err, &bad)
}
