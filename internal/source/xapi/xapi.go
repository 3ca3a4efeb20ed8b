// Package xapi reads posts from the X API v2: the filtered stream and the 1 %
// sample stream (OpenStream), and recent search (OpenSearch). X charges for
// every post read, so both need a limit, count what they read and stop there.
//
// The stream connects again by itself, at the pace that X asks for, and reports
// what it may have missed: X replays nothing. It does not detect duplicates,
// which X may send; that is the caller's, by Post.ID and Post.Key.
package xapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"coldstream/internal/source"
)

// PostPrice is what X charges in dollars for one post read: pay-per-use, the
// only way in without a contract since February 2026, as published in August
// 2026. A post read again within one UTC day is usually not charged again;
// nothing here counts on it.
const PostPrice = 0.005

// Options says what to read and for how many posts to pay.
type Options struct {
	BaseURL   string   // "" = https://api.x.com
	Token     string   // bearer token of the app; stands in no error, notice or counter
	Queries   []string // stream: rules of the filtered stream, none = the sample stream; search: exactly one
	MaxPosts  int      // io.EOF after so many posts were read, that is paid for, over all runs that share a cursor; required
	Count     int      // search: hand out so many posts, over all runs that share a cursor; 0 = all there are
	CatchUp   bool     // filtered stream: ask recent search for what was missed between two connections or runs
	Cursor    string   // what Source.Cursor gave, "" = from the start
	UserAgent string   // "" = coldstream

	// FieldsParam is the parameter that asks for a post's fields: "tweet.fields"
	// (also "") or "post.fields". X is renaming it; answers are read in both
	// spellings, whatever this is.
	FieldsParam string

	Client *http.Client        // nil = one of its own; its Timeout is not used
	Notify func(source.Notice) // nil = none; called by one goroutine at a time, must not block
}

// minPage and maxPage bound max_results of recent search. No request can read
// fewer than minPage posts when there are that many.
const minPage, maxPage = 10, 100

// check refuses options that cannot work and returns the client for them.
func (o *Options) check(kind string) (*client, error) {
	base := o.BaseURL
	if base == "" {
		base = "https://api.x.com"
	}
	u, err := url.Parse(base)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil:
		// The address is not repeated: somebody may have put the token there.
		return nil, fmt.Errorf("%s: the base URL is no http address such as https://api.x.com", kind)
	case o.Token == "":
		return nil, fmt.Errorf("%s: no bearer token; take the app's from the X developer console", kind)
	case strings.ContainsFunc(o.Token, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return nil, fmt.Errorf("%s: the bearer token has a character that no token has, such as a space or a line end", kind)
	case o.MaxPosts <= 0:
		return nil, fmt.Errorf("%s: no limit on posts; X charges %g dollars for each post read", kind, PostPrice)
	case o.Count < 0:
		return nil, fmt.Errorf("%s: count is %d, want at least 1, or 0 for all", kind, o.Count)
	}
	for _, q := range o.Queries {
		if strings.TrimSpace(q) == "" {
			return nil, fmt.Errorf("%s: an empty query; X wants at least one word", kind)
		}
	}
	c := &client{kind: kind, base: strings.TrimSuffix(base, "/"), token: o.Token, agent: o.UserAgent}
	if c.agent == "" {
		c.agent = "coldstream"
	}
	switch o.FieldsParam {
	case "", "tweet.fields":
		c.fieldsParam, c.fields = "tweet.fields", "created_at,lang,note_tweet,referenced_tweets,edit_history_tweet_ids"
	case "post.fields":
		c.fieldsParam, c.fields = "post.fields", "created_at,lang,note_post,referenced_posts,edit_history_post_ids"
	default:
		return nil, fmt.Errorf("%s: unknown parameter %q for fields, want tweet.fields or post.fields", kind, o.FieldsParam)
	}
	c.http = newHTTPClient(o.Client)
	if o.Notify != nil {
		var mu sync.Mutex
		c.notify = func(n source.Notice) {
			mu.Lock()
			defer mu.Unlock()
			o.Notify(n)
		}
	}
	return c, nil
}

// newHTTPClient returns a client that follows no redirection, which would carry
// the token elsewhere, and has no timeout over all: a stream has no end.
func newHTTPClient(given *http.Client) *http.Client {
	h := http.Client{}
	if given != nil {
		h = *given
	} else if t, ok := http.DefaultTransport.(*http.Transport); ok {
		// HTTP/1.1 gives a stream a connection of its own. One HTTP/2 connection
		// that died without a word would be used again by the next attempt.
		own := t.Clone()
		own.Protocols = new(http.Protocols)
		own.Protocols.SetHTTP1(true)
		h.Transport = own
	}
	h.Timeout = 0
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &h
}

// OpenStream returns a source of the posts of the filtered stream, or of the
// sample stream if there are no queries. Reading begins at once and ends with
// ctx, with Close, or when a Next finds its own context cancelled. What has been
// read is paid for: after that Next still hands it out, a few posts at most, and
// then returns the error.
//
// The rules on X become the queries: missing ones are added, those with the tag
// "coldstream" that are not wanted any more are deleted, others are left alone
// and posts that only they matched are counted as "foreign_posts".
func OpenStream(ctx context.Context, o Options) (source.Source, error) {
	c, err := o.check("x-stream")
	if err != nil {
		return nil, err
	}
	cur, err := readCursor(c.kind, o.Cursor)
	if err != nil {
		return nil, err
	}
	return startStream(ctx, c, o, cur), nil
}

// OpenSearch returns a source of the posts of the last seven days that match the
// query, newest first. Every request is made by Next. With a cursor it goes on
// behind the last post handed out; if that search had come to its end, it hands
// out what is newer.
//
// X gives at least ten posts per request if there are that many: those beyond
// Count are not handed out, but they are paid for and count against MaxPosts.
func OpenSearch(ctx context.Context, o Options) (source.Source, error) {
	c, err := o.check("x-search")
	if err != nil {
		return nil, err
	}
	if len(o.Queries) != 1 {
		return nil, fmt.Errorf("x-search: %d queries, want exactly one", len(o.Queries))
	}
	if o.MaxPosts < minPage {
		return nil, fmt.Errorf("x-search: the limit is %d posts, but one request reads up to %d; raise it to %[2]d or more", o.MaxPosts, minPage)
	}
	cur, err := readCursor(c.kind, o.Cursor)
	if err != nil {
		return nil, err
	}
	return startSearch(ctx, c, o, cur), nil
}

// budget is how many posts may be read.
type budget struct {
	mu                  sync.Mutex
	max, read, reserved int
}

// left is how many posts may still be asked for.
func (b *budget) left() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(0, b.max-b.read-b.reserved)
}

// total is how many posts were read.
func (b *budget) total() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.read
}

// take counts a post that has been read.
func (b *budget) take() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.read++
}

// reserve sets aside the posts of a request: as many as page says for what is
// left, 0 if that is too little for any.
func (b *budget) reserve(page func(left int) int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	left := b.max - b.read - b.reserved
	if left < minPage {
		return 0
	}
	n := page(left)
	b.reserved += n
	return n
}

// settle replaces a reservation by what was read.
func (b *budget) settle(reserved, read int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reserved -= reserved
	b.read += read
}

// errSpent ends a connection because no further post may be read.
var errSpent = errors.New("the limit on posts is reached")
