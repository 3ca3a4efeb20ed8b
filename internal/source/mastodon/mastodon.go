// Package mastodon reads public posts live from one Mastodon server.
//
// Start with Open. The server replays nothing: what is posted while there is no
// connection is missed, and Cursor is always empty.
package mastodon

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"coldstream/internal/source"
)

const (
	maxEvent     = 1 << 20          // bytes; posts have some thousand
	defaultStall = 45 * time.Second // three of the server's keep-alives
	minDelay     = time.Second      // bound of the first wait; it doubles
	maxDelay     = time.Minute
	healthy      = time.Minute // how long a connection lasts before waits start anew
)

var (
	errClosed = errors.New("mastodon: the source is closed")
	errToken  = errors.New("the server refuses the token; use a user's access token with the scope read:statuses")
	errStall  = errors.New("nothing came for too long, not even a keep-alive")
)

// Options says which posts of which server.
type Options struct {
	BaseURL   string              // https://HOST of the server, or of its streaming host
	Token     string              // a user's access token with the scope read:statuses
	Stream    string              // "public", "public:local" or "hashtag:NAME"; "" = public
	Stall     time.Duration       // reconnect when nothing came for so long; 0 = 45 s
	Client    *http.Client        // without a time limit; nil = one made for this source
	UserAgent string              // "" = "coldstream"
	Notify    func(source.Notice) // told from within Next: "reconnect", and "gap" with the time that is missing
}

type stream struct {
	o       Options
	url     *url.URL
	ctx     context.Context
	close   context.CancelCauseFunc
	lines   *bufio.Scanner          // of the connection
	end     context.CancelCauseFunc // ends the connection
	begun   time.Time               // when it was made
	retries int                     // since a connection was healthy
	source.Tally
}

// Open connects to the server. The Source also implements source.Counter and
// lives until Close or the end of ctx. It has no goroutine of its own; the end
// of a Next's ctx costs the connection, which the following Next makes anew.
func Open(ctx context.Context, o Options) (source.Source, error) {
	base, err := url.Parse(o.BaseURL)
	if err != nil || base.Host == "" || o.Token == "" {
		return nil, fmt.Errorf("mastodon: server %q, token of %d bytes; want https://HOST and a user's access token", o.BaseURL, len(o.Token))
	}
	path := map[string]string{"": "public", "public": "public", "public:local": "public/local"}[o.Stream]
	tag, _ := strings.CutPrefix(o.Stream, "hashtag:")
	if path == "" && (tag == "" || tag == o.Stream) {
		return nil, fmt.Errorf("mastodon: stream %q, want public, public:local or hashtag:NAME", o.Stream)
	}
	s := &stream{o: o, url: base.JoinPath("api/v1/streaming", cmp.Or(path, "hashtag"))}
	if path == "" {
		s.url.RawQuery = url.Values{"tag": {tag}}.Encode()
	}
	s.o.UserAgent, s.o.Stall = cmp.Or(o.UserAgent, "coldstream"), cmp.Or(o.Stall, defaultStall)
	if o.Client == nil {
		s.o.Client = &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}}
	}
	if o.Notify == nil {
		s.o.Notify = func(source.Notice) {}
	}
	s.ctx, s.close = context.WithCancelCause(ctx)
	if err := s.connect(ctx); err != nil {
		s.close(err)
		return nil, fmt.Errorf("mastodon: %w", err)
	}
	return s, nil
}

// Next returns the next post. It waits for as long as there is none, and fails
// only when the server does not take the token any more.
func (s *stream) Next(ctx context.Context) (p source.Post, err error) {
	for ok := false; !ok && err == nil; {
		if p, ok, err = s.event(ctx); err != nil {
			err = s.reconnect(ctx, err)
		}
	}
	return p, err
}

// Cursor is empty: the server cannot go on where it was.
func (s *stream) Cursor() string { return "" }

// Close ends the connection; a Next that waits ends with an error.
func (s *stream) Close() error {
	s.close(errClosed)
	return nil
}

// reconnect connects again after why, for as long as it takes.
func (s *stream) reconnect(ctx context.Context, why error) error {
	lost, cause := time.Now(), "reconnects_broken"
	if lost.Sub(s.begun) >= healthy {
		s.retries = 0
	}
	for ; why != nil; cause = "reconnects_refused" {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case s.ctx.Err() != nil:
			return context.Cause(s.ctx)
		case errors.Is(why, errToken):
			s.close(fmt.Errorf("mastodon: %w", why))
			continue
		case errors.Is(why, errStall):
			cause = "reconnects_stall"
		}
		s.Count(cause)
		wait := rand.N(min(maxDelay, minDelay<<min(s.retries, 10))) + 1
		s.retries++
		s.o.Notify(source.Notice{Kind: "reconnect", Text: fmt.Sprintf("mastodon: %v; connecting again in %v", why, wait.Round(time.Millisecond))})
		select {
		case <-time.After(wait):
			why = s.connect(ctx)
		case <-ctx.Done():
		case <-s.ctx.Done():
		}
	}
	s.Count("gaps")
	s.o.Notify(source.Notice{Kind: "gap", Text: fmt.Sprintf("mastodon: the posts of %v are missing: the server replays nothing", time.Since(lost).Round(time.Millisecond))})
	return nil
}

// connect asks for the stream.
func (s *stream) connect(ctx context.Context) error {
	conn, end := context.WithCancelCause(s.ctx)
	s.end = end
	_, release := s.watch(ctx)
	defer release()
	req, err := http.NewRequestWithContext(conn, http.MethodGet, s.url.String(), nil)
	if err != nil {
		return err
	}
	req.Header = http.Header{"Authorization": {"Bearer " + s.o.Token}, "Accept": {"text/event-stream"}, "User-Agent": {s.o.UserAgent}}
	resp, err := s.o.Client.Do(req)
	if err != nil {
		end(err)
		return cmp.Or(context.Cause(conn), err)
	}
	if resp.StatusCode == http.StatusOK {
		s.lines, s.begun = bufio.NewScanner(resp.Body), time.Now()
		s.lines.Buffer(nil, maxEvent)
		s.Count("connections")
		return nil
	}
	err = fmt.Errorf("%s: status %s", s.url.Host, resp.Status)
	if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden {
		err = fmt.Errorf("%w: %w", err, errToken)
	}
	end(err)
	_ = resp.Body.Close()
	return err
}

// watch ends the connection with ctx, and when nothing comes for too long.
func (s *stream) watch(ctx context.Context) (stall *time.Timer, release func()) {
	end := s.end
	unwatch := context.AfterFunc(ctx, func() { end(ctx.Err()) })
	stall = time.AfterFunc(s.o.Stall, func() { end(errStall) })
	return stall, func() { unwatch(); stall.Stop() }
}

// event reads one event; ok means that it was a post.
func (s *stream) event(ctx context.Context) (p source.Post, ok bool, err error) {
	stall, release := s.watch(ctx)
	defer release()
	var kind string
	var data []byte
	for s.lines.Scan() && len(data) <= maxEvent {
		stall.Reset(s.o.Stall)
		name, value, _ := bytes.Cut(s.lines.Bytes(), []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch {
		case string(name) == "event":
			kind = string(value)
		case string(name) == "data":
			data = append(data, value...)
		case len(name)+len(value) > 0:
			s.Count("keep_alives")
		case kind != "":
			p, ok = s.post(kind, data)
			return p, ok, nil
		}
	}
	err = cmp.Or(s.lines.Err(), io.ErrUnexpectedEOF)
	s.end(err)
	return p, false, err
}
