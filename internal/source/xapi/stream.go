package xapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"coldstream/internal/source"
)

const (
	// heartbeat is how long a stream may be silent. X sends a keep-alive at least
	// every 20 s, and often a little late.
	heartbeat = 27 * time.Second
	// healthySpell is how long a connection has to last for the failures before
	// it to be forgotten. A server that accepts and hangs up stays one failure
	// among others.
	healthySpell = time.Minute
	// connectsPerWindow stays under the 50 that X allows, so that somebody can
	// still start the program anew.
	connectsPerWindow = 45
	// latency is how late X delivers a post: 6 to 7 s in 99 of 100 cases.
	latency = 10 * time.Second
)

// errStall ends a connection that is silent.
var errStall = errors.New("no byte for " + heartbeat.String())

// dropError says why an established connection ended.
type dropError struct {
	cause string // for the counter
	text  string
}

func (e *dropError) Error() string { return e.text }

// stream is a stream of posts as a source. One goroutine reads, one asks recent
// search for what was missed; Next hands out what they queue.
type stream struct {
	*client
	o              Options
	path, endpoint string // endpoint is the stream's name among X's connections
	stop           context.CancelFunc
	budget         budget
	queue          *queue
	err            error // why it ended; set before the queue is closed
	connects       *limiter
	searches       *limiter

	// Of the reading goroutine.
	back      backoff
	known     map[string]bool // ids of the rules whose posts are wanted
	line      int             // lines read
	connected time.Time       // when the last connection was made, zero = it was not
	lastByte  time.Time
	skew      time.Duration // X's clock less ours
	resume    time.Time     // by X's clock: everything until then was received, zero = nothing was
	stale     bool          // a connection of ours may still be open on X's side

	catch catcher

	mu  sync.Mutex
	pos cursor // behind what Next handed out; its Read is the budget's
}

func startStream(ctx context.Context, c *client, o Options, cur cursor) *stream {
	s := &stream{client: c, o: o, path: "/2/tweets/search/stream", endpoint: "filtered_stream",
		budget: budget{max: o.MaxPosts, read: cur.Read}, queue: newQueue(), pos: cur,
		connects: newLimiter(connectsPerWindow), searches: newLimiter(searchesPerWindow),
		// A former run may have ended without a word.
		stale: cur.At > 0}
	if len(o.Queries) == 0 {
		s.path, s.endpoint = "/2/tweets/sample/stream", "sample_stream"
	}
	if cur.At > 0 {
		s.resume = time.UnixMilli(cur.At)
	}
	ctx, s.stop = context.WithCancel(ctx)
	s.startCatcher(ctx)
	go func() {
		s.err = s.run(ctx)
		s.stop()
		s.catch.done.Wait()
		s.queue.close()
		s.http.CloseIdleConnections()
	}()
	return s
}

// Next implements source.Source.
func (s *stream) Next(ctx context.Context) (source.Post, error) {
	if ctx.Err() != nil {
		s.stop()
	}
	for {
		it, ok := s.queue.pop(ctx, s.stop)
		if !ok {
			if s.err != io.EOF && ctx.Err() != nil {
				return source.Post{}, context.Cause(ctx)
			}
			return source.Post{}, s.err
		}
		if it.apply != nil {
			s.mu.Lock()
			it.apply(&s.pos)
			s.mu.Unlock()
		}
		if it.post.ID != "" || it.err != nil {
			return it.post, it.err
		}
	}
}

// Cursor implements source.Source.
func (s *stream) Cursor() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.pos
	c.Read = s.budget.total()
	return c.String()
}

// Close implements source.Source. What was not handed out is dropped; the
// cursor has not passed it.
func (s *stream) Close() error {
	s.stop()
	s.queue.drain()
	return nil
}

// run makes one connection after the other.
func (s *stream) run(ctx context.Context) error {
	if s.budget.left() == 0 {
		return s.spent()
	}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	for {
		if err := s.connects.wait(ctx); err != nil {
			return err
		}
		err := s.connection(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if errors.Is(err, errSpent) {
			return s.spent()
		}
		wait, err := s.judge(ctx, err)
		if err != nil {
			return err
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// prepare sets the rules of the filtered stream.
func (s *stream) prepare(ctx context.Context) error {
	if len(s.o.Queries) == 0 {
		return nil
	}
	return s.try(ctx, "rules", 0, func() (err error) {
		s.known, err = s.setRules(ctx, s.o.Queries)
		return err
	})
}

// spent ends the stream because of the budget.
func (s *stream) spent() error {
	n := s.budget.total()
	s.tell("budget", "%d posts were read, which is %.2f dollars, of a limit of %d: no more may be asked for", n, float64(n)*PostPrice, s.o.MaxPosts)
	return io.EOF
}

// judge notes why a connection ended, or could not be made, and returns how long
// to wait before the next one, or an error that no repetition mends.
func (s *stream) judge(ctx context.Context, err error) (time.Duration, error) {
	healthy := false
	if !s.connected.IsZero() {
		s.resume = s.lastByte.Add(s.skew)
		healthy = s.lastByte.Sub(s.connected) >= healthySpell
	}
	if healthy {
		s.back.reset()
	}
	fam, asked := classify(err)
	cause := causes[fam]
	var drop *dropError
	var status *statusError
	switch {
	case errors.As(err, &drop):
		fam, cause = unreachable, drop.cause
		// What X itself ended it knows about. Anything else it may not have noticed.
		s.stale = cause != "eof" && cause != "in_stream"
	case errors.As(err, &status) && status.noRules():
		cause = "no_rules"
		if err := s.prepare(ctx); err != nil {
			return 0, err
		}
	}
	if fam == final {
		return 0, err
	}
	var wait time.Duration // none after a healthy spell
	if !healthy {
		wait = s.back.next(fam, asked)
	}
	if fam == occupied && s.stale && s.freeSlot(ctx) {
		s.stale = false
		wait = overloadFirst
	}
	s.Count("reconnects_" + cause)
	kind := "reconnect"
	if fam == rateLimited || fam == occupied {
		kind = cause
	}
	s.tell(kind, "%v; connecting again in %v", err, wait.Round(time.Millisecond))
	return wait, nil
}

// causes names the families for counters and notices.
var causes = [families]string{unreachable: "network", overloaded: "overload", rateLimited: "rate_limit", occupied: "too_many_connections", final: "final"}

// freeSlot ends the app's connections to this stream. X allows one, and may
// still count one of ours that died without a word. It is called only then:
// otherwise two programs with the same token would end each other's for ever.
func (s *stream) freeSlot(ctx context.Context) bool {
	s.Count("slots_freed")
	err := s.call(ctx, http.MethodDelete, "/2/connections/"+s.endpoint, nil, nil, nil)
	if err != nil {
		s.tell("too_many_connections", "the connection that X still counts could not be ended: %v", err)
	}
	return err == nil
}
