package jetstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
)

const (
	// dialTimeout is the time for name look-up, TCP, TLS and handshake.
	dialTimeout = 10 * time.Second
	// minDelay and maxDelay bound the wait before an attempt. The bound doubles
	// with each connection that was not healthy.
	minDelay = 500 * time.Millisecond
	maxDelay = 30 * time.Second
	// healthy is how long events must have come for the back-off to start anew:
	// a host that accepts and drops at once must not be hammered.
	healthy = time.Minute
	// maxAnswer is how much of a refusal's text is shown.
	maxAnswer = 200
)

// host is where to connect.
type host struct {
	name string // for messages
	url  url.URL
}

func parseHost(raw string) (host, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "ws" && u.Scheme != "wss" {
		return host{}, fmt.Errorf("host %q is not a URL like wss://HOST/subscribe", raw)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/subscribe"
	}
	return host{u.Host, *u}, nil
}

// lost says why a connection ended.
type lost struct {
	what counter
	err  error
}

// connectFirst tries each host once.
func (s *stream) connectFirst(ctx context.Context) (*websocket.Conn, error) {
	s.position.opened = time.Now().UnixMicro()
	if s.position.mark != 0 {
		s.asked = s.position.ask()
	}
	var failed []string // "names: reason"; hosts with the same reason are named together
	names, reason := "", ""
	for i, h := range s.hosts {
		s.host = i
		conn, err := s.dial(ctx)
		if err == nil {
			return conn, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err.Error() == reason {
			names += ", " + h.name
			failed = failed[:len(failed)-1]
		} else {
			names, reason = h.name, err.Error()
		}
		failed = append(failed, names+": "+reason)
	}
	return nil, fmt.Errorf("jetstream: no host can be reached: %s; without a network use --source sample or --source file", strings.Join(failed, "; "))
}

// reconnect tries the hosts in turn until one can be reached. It returns false
// when ctx has ended.
func (s *stream) reconnect(ctx context.Context, l lost) (*websocket.Conn, bool) {
	for {
		s.count(l.what)
		from := s.hosts[s.host].name
		if l.what != lostHistory {
			s.search.failed()
		}
		s.host = s.search.next(s.host, len(s.hosts))
		// Full jitter: any time up to the bound, so that clients that lost their
		// host together do not come back together.
		bound := maxDelay
		if d := minDelay << min(s.failures, 10); d < bound {
			bound = d
		}
		s.failures++
		wait := rand.N(bound) + 1
		s.tell("reconnect", "%s: %v; connecting to %s in %v", from, l.err, s.hosts[s.host].name, wait.Round(time.Millisecond))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, false
		}
		s.asked = s.position.ask()
		conn, err := s.dial(ctx)
		if err == nil {
			return conn, true
		}
		if ctx.Err() != nil {
			return nil, false
		}
		l = lost{failedConnects, err}
	}
}

// dial connects to the host in turn, from s.asked on.
func (s *stream) dial(ctx context.Context) (*websocket.Conn, error) {
	u := s.hosts[s.host].url
	q := u.Query()
	q["wantedCollections"] = s.wanted
	q.Set("maxMessageSizeBytes", strconv.Itoa(maxFrame))
	if s.asked != 0 {
		q.Set("cursor", strconv.FormatInt(s.asked, 10))
	}
	u.RawQuery = q.Encode()

	ctx, cancel := context.WithTimeoutCause(ctx, dialTimeout, fmt.Errorf("no answer within %v", dialTimeout))
	defer cancel()
	conn, answer, err := websocket.Dial(ctx, u.String(), &websocket.DialOptions{
		HTTPClient:      s.client,
		HTTPHeader:      http.Header{"User-Agent": {s.userAgent}},
		CompressionMode: websocket.CompressionContextTakeover,
		OnPingReceived: func(context.Context, []byte) bool {
			s.count(keepAlives)
			return true
		},
	})
	if err != nil {
		return nil, dialError(ctx, answer, err)
	}
	// The limit is kept by frameBuffer, which can skip what is too long.
	conn.SetReadLimit(-1)
	s.count(connections)
	return conn, nil
}

// dialError shortens err to what the operator needs.
func dialError(ctx context.Context, answer *http.Response, err error) error {
	if answer != nil && answer.StatusCode != http.StatusSwitchingProtocols {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
		return fmt.Errorf("refused with status %s %q", answer.Status, text)
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var dns *net.DNSError
	var u *url.Error
	switch {
	case errors.As(err, &dns):
		return errors.New(dns.Err) // without the host's name, which the caller says
	case errors.As(err, &u):
		return u.Err // without method and URL
	}
	return err
}
