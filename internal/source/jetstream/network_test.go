package jetstream

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"coldstream/internal/source"
	"coldstream/internal/source/jetstream/jetstreamtest"
)

// bubble runs f with a clock of its own that begins in 2026: a bubble's begins
// in 2000, when times were still sequence numbers to a host.
func bubble(t *testing.T, f func(t *testing.T)) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)))
		f(t)
	})
}

// network is some hosts, a, b, ..., in a bubble.
type network struct {
	servers []*jetstreamtest.Server
	urls    []string
	client  *http.Client

	mu      sync.Mutex
	notices []source.Notice
}

// newNetwork makes hosts of one network, one for each of the options, of which
// only LookBack, Skew, Compress and Edit may differ.
func newNetwork(t *testing.T, hosts ...jetstreamtest.Options) *network {
	n := &network{}
	handlers := make(map[string]http.Handler)
	for i, o := range hosts {
		s := jetstreamtest.New(o)
		t.Cleanup(s.Close)
		name := string(rune('a' + i))
		n.servers = append(n.servers, s)
		n.urls = append(n.urls, "ws://"+name)
		handlers[name] = s
	}
	client, stop := jetstreamtest.Client(handlers)
	t.Cleanup(stop)
	n.client = client
	return n
}

func (n *network) options() Options {
	return Options{Hosts: n.urls, Client: n.client, Notify: func(notice source.Notice) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.notices = append(n.notices, notice)
	}}
}

// told returns the notices of a kind.
func (n *network) told(kind string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var texts []string
	for _, notice := range n.notices {
		if notice.Kind == kind {
			texts = append(texts, notice.Text)
		}
	}
	return texts
}

func (n *network) open(t *testing.T, o Options) source.Source {
	t.Helper()
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// want returns the posts among events from to to.
func (n *network) want(from, to int) map[string]source.Post {
	m := make(map[string]source.Post)
	for i := from; i < to; i++ {
		if e := n.servers[0].Event(i); e.Post() {
			m[e.ID] = source.Post{ID: e.ID, Text: e.Text, Lang: strings.Join(e.Langs, ","), Source: "jetstream"}
		}
	}
	return m
}

// receive reads until all wanted posts have come or two hours have passed, and
// returns how many came more than once.
func receive(t *testing.T, s source.Source, want map[string]source.Post) (doubled int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
	defer cancel()
	seen := make(map[string]bool)
	for len(seen) < len(want) {
		p, err := s.Next(ctx)
		if err != nil {
			t.Fatalf("%d of %d posts came, then: %v; %v", len(seen), len(want), err, s.(source.Counter).Counters())
		}
		w, ok := want[p.ID]
		if p.CreatedAt == "" {
			t.Errorf("%s: no time", p.ID)
		}
		p.CreatedAt = ""
		if !ok || p != w {
			t.Fatalf("got %+v, want %+v", p, w)
		}
		if seen[p.ID] {
			doubled++
		}
		seen[p.ID] = true
	}
	return doubled
}

// soon is a network whose first event comes after the client.
func soon(count int) jetstreamtest.Options {
	return jetstreamtest.Options{Start: time.Now().Add(time.Second), Count: count}
}
