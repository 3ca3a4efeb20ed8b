package xapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"coldstream/internal/source"
)

const (
	searchPath = "/2/tweets/search/recent"
	// searchesPerWindow stays under the 450 requests that X allows an app.
	searchesPerWindow = 440
	// reach is how far back recent search goes, less a margin for clocks: ids
	// beyond it are refused.
	reach = 7*24*time.Hour - 10*time.Minute
	// searchPatience is how long a search may fail before it is given up.
	searchPatience = 15 * time.Minute
)

// query is one request to recent search.
type query struct {
	text         string
	since, until uint64 // ids, both exclusive, 0 = none
	max          int
	token        string
}

// found is one element of an answer.
type found struct {
	post source.Post
	id   uint64
	err  error // a *source.BadRecordError
}

// page is one answer, newest first.
type page struct {
	posts []found
	next  string // token of the next one, "" = this is the last
}

// pageSize returns how many posts to ask for when want are wanted (0 = all) and
// left may be read, which is at least minPage. No rest is left over that is
// smaller than a page can be: it would cost more than is wanted.
func pageSize(want, left int) int {
	n := left
	if want > 0 {
		n = min(want, left)
	}
	if n > maxPage && n < maxPage+minPage {
		return n - minPage
	}
	return max(minPage, min(maxPage, n))
}

// search asks for one page, as often as it takes.
func (c *client) search(ctx context.Context, l *limiter, q query) (page, error) {
	values := url.Values{"query": {q.text}, "max_results": {strconv.Itoa(q.max)}, c.fieldsParam: {c.fields}}
	for name, id := range map[string]uint64{"since_id": q.since, "until_id": q.until} {
		if id > 0 {
			values.Set(name, strconv.FormatUint(id, 10))
		}
	}
	if q.token != "" {
		values.Set("next_token", q.token)
	}
	var answer struct {
		Data   []json.RawMessage `json:"data"` // not there if nothing was found
		Errors []problem         `json:"errors"`
		Meta   struct {
			NextToken string `json:"next_token"`
		} `json:"meta"`
	}
	err := c.try(ctx, "recent search", searchPatience, func() error {
		if err := l.wait(ctx); err != nil {
			return err
		}
		l.count()
		c.Count("searches")
		return c.call(ctx, http.MethodGet, searchPath, values, nil, &answer)
	})
	if err != nil {
		return page{}, err
	}
	c.Add("partial_errors", len(answer.Errors))
	p := page{next: answer.Meta.NextToken, posts: make([]found, len(answer.Data))}
	for i, raw := range answer.Data {
		f := &p.posts[i]
		if f.post, err = parsePost(raw, c.kind); err != nil {
			f.err = &source.BadRecordError{Name: c.kind, Line: i + 1, Reason: c.clean(err.Error()), Data: raw}
			c.Count("bad_records")
		}
		f.id = number(f.post.ID)
	}
	slices.SortStableFunc(p.posts, func(a, b found) int { return cmp.Compare(b.id, a.id) })
	return p, nil
}

// searchSource is recent search as a source.
type searchSource struct {
	*client
	o        Options
	life     context.Context
	end      context.CancelFunc
	requests *limiter
	budget   budget
	page     []found // read, not handed out
	token    string
	begun    bool   // a page of this search was read
	before   uint64 // id that this run's search began behind, 0 = the newest
	last     bool   // it has no further page

	mu  sync.Mutex
	cur cursor // its Read is the budget's
}

func startSearch(ctx context.Context, c *client, o Options, cur cursor) *searchSource {
	s := &searchSource{client: c, o: o, requests: newLimiter(searchesPerWindow), budget: budget{max: o.MaxPosts, read: cur.Read}}
	s.life, s.end = context.WithCancel(ctx)
	d := digest(o.Queries[0])
	if cur.Query != "" && cur.Query != d {
		s.tell("cursor", "the query is another one than before; its search begins anew, what was paid for still counts")
		cur = cursor{Kind: cur.Kind, Read: cur.Read}
	}
	cur.Query = d
	oldest := idAt(time.Now().Add(-reach))
	if cur.Until > 0 && cur.Until <= oldest {
		// The rest of the search that was under way has gone.
		s.Count("gaps")
		s.tell("gap", "posts before %s were not handed out and cannot be found any more: recent search reaches back seven days", stamp(timeOf(cur.Until)))
		cur.Since, cur.Until = cur.Newest, 0
	}
	if cur.Since > 0 && cur.Since <= oldest {
		s.Count("gaps")
		s.tell("gap", "posts from %s to %s cannot be found any more: recent search reaches back seven days", stamp(timeOf(cur.Since)), stamp(timeOf(oldest)))
		cur.Since = 0
	}
	s.cur = cur
	return s
}

// Next implements source.Source.
func (s *searchSource) Next(ctx context.Context) (source.Post, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.life, func() { cancel(context.Cause(s.life)) })()
	for {
		if ctx.Err() != nil {
			return source.Post{}, context.Cause(ctx)
		}
		if s.o.Count > 0 && s.given() >= s.o.Count {
			s.tell("count", "all %d posts that were asked for were handed out; %d were read", s.o.Count, s.budget.total())
			return source.Post{}, io.EOF
		}
		if len(s.page) > 0 {
			f := s.page[0]
			s.page = s.page[1:]
			if f.err == nil && f.id > 0 && f.id <= s.cur.Since {
				s.Count("old_posts")
				continue
			}
			s.handOut(f)
			return f.post, f.err
		}
		if s.last {
			s.finish()
			if s.o.Count > 0 {
				s.tell("count", "%d of %d posts were handed out: recent search has no more of the last seven days", s.given(), s.o.Count)
			}
			return source.Post{}, io.EOF
		}
		if err := s.turn(ctx); err != nil {
			return source.Post{}, err
		}
	}
}

// turn reads the next page.
func (s *searchSource) turn(ctx context.Context) error {
	want := 0
	if s.o.Count > 0 {
		want = s.o.Count - s.given()
	}
	n := s.budget.reserve(func(left int) int { return pageSize(want, left) })
	if n == 0 {
		s.tell("budget", "%d posts were read, which is %.2f dollars: the limit is %d and a request reads up to %d; %d were handed out",
			s.budget.total(), float64(s.budget.total())*PostPrice, s.o.MaxPosts, minPage, s.given())
		return io.EOF
	}
	q := query{text: s.o.Queries[0], since: s.cur.Since, max: n, token: s.token}
	if !s.begun {
		s.before = s.cur.Until
	}
	q.until = s.before
	p, err := s.search(ctx, s.requests, q)
	s.budget.settle(n, len(p.posts))
	s.Add("posts_read", len(p.posts))
	if err != nil {
		if ctx.Err() != nil && !errors.Is(err, context.Cause(ctx)) {
			return context.Cause(ctx)
		}
		return err
	}
	s.begun, s.page, s.token, s.last = true, p.posts, p.next, p.next == ""
	return nil
}

// handOut moves the cursor behind f.
func (s *searchSource) handOut(f found) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.err == nil {
		s.cur.Given++
	}
	if f.id > 0 {
		s.cur.Until = f.id
		s.cur.Newest = max(s.cur.Newest, f.id)
	}
}

// finish makes the next search ask for what is newer than this one's posts.
func (s *searchSource) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cur.Since, s.cur.Until = max(s.cur.Since, s.cur.Newest), 0
}

func (s *searchSource) given() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cur.Given
}

// Cursor implements source.Source.
func (s *searchSource) Cursor() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.cur
	c.Read = s.budget.total()
	return c.String()
}

// Close implements source.Source. A Next that is under way ends.
func (s *searchSource) Close() error {
	s.end()
	s.http.CloseIdleConnections()
	return nil
}

// stamp is a time in a notice.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
