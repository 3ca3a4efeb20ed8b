// Package jetstream reads public posts live from Bluesky's Jetstream, which
// needs no account and no key.
//
// Start with Open. The source never ends by itself: it reconnects for ever, and
// asks the hosts for what it missed. A post may come again after a reconnect or
// a restart; the caller leaves out what it knows by ID.
package jetstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"coldstream/internal/source"
)

// publicHosts are the public instances, in the order in which they are tried.
var publicHosts = []string{
	"wss://jetstream1.us-east.bsky.network/subscribe",
	"wss://jetstream2.us-east.bsky.network/subscribe",
	"wss://jetstream1.us-west.bsky.network/subscribe",
	"wss://jetstream2.us-west.bsky.network/subscribe",
}

const (
	// defaultStall: the network has some fifty posts and hundreds of events per
	// second, so silence of half a minute is a host that has gone silent. To
	// reconnect needlessly costs nothing but some posts that come twice.
	defaultStall = 30 * time.Second
	// queueLen is how many posts wait for Next. A reader that is slower than the
	// network holds the host back, not memory.
	queueLen = 256
	// maxCollections is what a host takes.
	maxCollections = 100
)

// errClosed is what Next returns after Close.
var errClosed = errors.New("jetstream: the source is closed")

// Options steers a source. The zero value reads all posts from now on.
type Options struct {
	Hosts       []string // websocket URLs, tried in this order and rotated; without a path "/subscribe" is added; nil = the four public hosts
	Collections []string // whose new records are posts, "app.bsky.feed.*" for all below; at most 100; nil = app.bsky.feed.post
	Cursor      string   // where to go on: what Source.Cursor gave; "" = from now on

	// Stall is after how long without an event the connection is given up; 0 =
	// 30 s, which suits posts (some fifty per second). Collections in which
	// little happens need more, though account events come in any case.
	Stall time.Duration

	Client    *http.Client // for the handshake, HTTP/1.1; nil = one made for this source
	UserAgent string       // "" = "coldstream"

	// Notify is told of lost connections ("reconnect"), posts that no host keeps
	// any more ("gap") and a cursor that was not honoured ("cursor"); nil = nobody
	// is. It is called from the source's own goroutine, one call at a time: it may
	// be called while Next waits, and posts wait while it runs. It must not call
	// Close.
	Notify func(source.Notice)
}

// stream is the source. One goroutine, run, reads from the network.
type stream struct {
	ctx       context.Context // ends run
	cancel    context.CancelCauseFunc
	done      chan struct{} // closed when run has ended
	items     chan item
	cursor    atomic.Int64 // of the last post handed out, 0 = none
	given     string       // the cursor of the options
	counts    [numCounters]atomic.Int64
	client    *http.Client
	ownClient bool
	userAgent string
	hosts     []host
	wanted    []string
	stall     time.Duration
	notify    func(source.Notice)

	// Of run alone.
	position  position
	host      int   // which is connected, or is tried next
	asked     int64 // the cursor of the connection, 0 = from now on
	failures  int   // connections in a row that were not healthy
	search    search
	garbageAt int64 // where a garbage frame last ended a connection
	frame     frameBuffer
}

// item is a post with the cursor behind it.
type item struct {
	post   source.Post
	cursor int64
}

// Open connects to the first host that can be reached; if none can, the error
// says why for each of them, and what else can be used. The Source also
// implements source.Counter, and lives until Close or the end of ctx.
//
// Its Cursor is a time in microseconds, up to some events before the last post
// that Next returned: hosts do not send in the order of their clocks. A Source
// that is opened with it asks for ten seconds more.
func Open(ctx context.Context, o Options) (source.Source, error) {
	s, err := newStream(o)
	if err != nil {
		return nil, fmt.Errorf("jetstream: %w", err)
	}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	conn, err := s.connectFirst(s.ctx)
	if err != nil {
		s.cancel(err)
		s.closeIdle()
		return nil, err
	}
	go s.run(conn)
	return s, nil
}

func newStream(o Options) (*stream, error) {
	s := &stream{
		done:      make(chan struct{}),
		items:     make(chan item, queueLen),
		given:     o.Cursor,
		client:    o.Client,
		userAgent: o.UserAgent,
		wanted:    o.Collections,
		stall:     o.Stall,
		notify:    o.Notify,
	}
	if o.Cursor != "" {
		c, err := strconv.ParseInt(o.Cursor, 10, 64)
		if err != nil || c < minTime {
			return nil, fmt.Errorf("cursor %q is not a time in microseconds since 1970; leave it out to start from now", o.Cursor)
		}
		s.position.mark = c
	}
	if s.client == nil {
		s.client = &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment}}
		s.ownClient = true
	}
	if s.userAgent == "" {
		s.userAgent = "coldstream"
	}
	if s.wanted == nil {
		s.wanted = []string{"app.bsky.feed.post"}
	}
	if len(s.wanted) > maxCollections {
		return nil, fmt.Errorf("%d collections, a host takes %d", len(s.wanted), maxCollections)
	}
	if s.stall == 0 {
		s.stall = defaultStall
	}
	if s.stall < 0 {
		return nil, fmt.Errorf("the stall time is %v, want more than 0", s.stall)
	}
	urls := o.Hosts
	if len(urls) == 0 {
		urls = publicHosts
	}
	for _, u := range urls {
		h, err := parseHost(u)
		if err != nil {
			return nil, err
		}
		s.hosts = append(s.hosts, h)
	}
	return s, nil
}

// Next returns the next post. It waits for as long as there is none.
func (s *stream) Next(ctx context.Context) (source.Post, error) {
	if err := ctx.Err(); err != nil {
		return source.Post{}, err
	}
	if s.ctx.Err() != nil {
		return source.Post{}, context.Cause(s.ctx)
	}
	select {
	case it := <-s.items:
		s.cursor.Store(it.cursor)
		return it.post, nil
	case <-ctx.Done():
		return source.Post{}, ctx.Err()
	case <-s.ctx.Done():
		return source.Post{}, context.Cause(s.ctx)
	}
}

// Cursor is where a new Source has to go on. Before the first post it is the
// cursor that Open was given.
func (s *stream) Cursor() string {
	if c := s.cursor.Load(); c != 0 {
		return strconv.FormatInt(c, 10)
	}
	return s.given
}

// Close ends the connection and everything that belongs to the source.
func (s *stream) Close() error {
	s.cancel(errClosed)
	<-s.done
	s.closeIdle()
	return nil
}

func (s *stream) closeIdle() {
	if s.ownClient {
		s.client.CloseIdleConnections()
	}
}

// Counters returns how often each thing was met, zeros included.
func (s *stream) Counters() map[string]int64 {
	m := make(map[string]int64, len(counterNames))
	for i, name := range counterNames {
		m[name] = s.counts[i].Load()
	}
	return m
}

func (s *stream) count(c counter) { s.counts[c].Add(1) }

func (s *stream) tell(kind, format string, args ...any) {
	if s.notify != nil {
		s.notify(source.Notice{Kind: kind, Text: "jetstream: " + fmt.Sprintf(format, args...)})
	}
}

// run reads and reconnects until the source is closed.
func (s *stream) run(conn *websocket.Conn) {
	defer close(s.done)
	for {
		lost := s.read(s.ctx, conn)
		// There is no goodbye to wait for: a host that is silent would not answer.
		_ = conn.CloseNow()
		if s.ctx.Err() != nil {
			return
		}
		var ok bool
		if conn, ok = s.reconnect(s.ctx, lost); !ok {
			return
		}
	}
}
