package xapi

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	// catchUpDelay is how long after a reconnect recent search is asked: it finds
	// a post some seconds after it was made, and refuses ids of the last ten.
	catchUpDelay = 30 * time.Second
	// maxQuery is the longest query of recent search in characters, pay-per-use.
	maxQuery = 512
)

// catcher holds what recent search is still to be asked for.
type catcher struct {
	done    sync.WaitGroup
	queries map[string]string // by digest; nil = nothing is asked for
	tooLong int               // queries of the stream that no search can have
	wake    chan struct{}

	mu   sync.Mutex
	work []job // the first is under way
	nr   int   // of the last gap
}

// job is one gap, asked for when its time has come.
type job struct {
	gap
	due time.Time
}

// searchQueries joins the rules of a stream to as few queries of recent search
// as possible; tooLong is how many fit into none.
func searchQueries(rules []string) (queries []string, tooLong int) {
	var joined string
	for _, r := range rules {
		r = strings.TrimSpace(r)
		if utf8.RuneCountInString(r) > maxQuery {
			tooLong++
			continue
		}
		in := "(" + r + ")"
		switch both := joined + " OR " + in; {
		case joined == "":
			joined = r
			if len(rules) > 1 && utf8.RuneCountInString(in) <= maxQuery {
				joined = in
			}
		case utf8.RuneCountInString(both) <= maxQuery && strings.HasPrefix(joined, "("):
			joined = both
		default:
			queries = append(queries, joined)
			joined = in
			if utf8.RuneCountInString(in) > maxQuery {
				joined = r
			}
		}
	}
	if joined != "" {
		queries = append(queries, joined)
	}
	return queries, tooLong
}

// startCatcher takes over the gaps of an earlier run.
func (s *stream) startCatcher(ctx context.Context) {
	c := &s.catch
	c.wake = make(chan struct{}, 1)
	if s.o.CatchUp && len(s.o.Queries) > 0 {
		c.queries = make(map[string]string)
		var queries []string
		queries, c.tooLong = searchQueries(s.o.Queries)
		for _, q := range queries {
			c.queries[digest(q)] = q
		}
	}
	old := s.pos.Gaps
	s.pos.Gaps = nil
	for _, g := range old {
		if c.queries[g.Query] == "" {
			s.gap(timeOf(g.Since), timeOf(g.Until), "this run does not ask recent search with that run's queries")
			continue
		}
		c.nr++
		g.nr = c.nr
		s.pos.Gaps = append(s.pos.Gaps, g)
		c.work = append(c.work, job{gap: g})
	}
	if c.queries == nil || s.budget.left() == 0 {
		return
	}
	c.done.Add(1)
	go func() {
		defer c.done.Done()
		s.catchUp(ctx)
	}()
}

// gap reports posts that are lost.
func (s *stream) gap(from, to time.Time, why string) {
	s.Count("gaps")
	s.tell("gap", "posts from %s to %s (%v) may be missing: %s", stamp(from), stamp(to), to.Sub(from).Round(time.Second), why)
}

// missed notes a time without a connection, by X's clock.
func (s *stream) missed(from, to time.Time) {
	c := &s.catch
	switch {
	case !from.Before(to):
		return // the clock of a cursor that is ahead of X's
	case len(s.o.Queries) == 0:
		s.gap(from, to, "X does not replay the sample stream")
		return
	case c.queries == nil:
		s.gap(from, to, "X replays nothing, and recent search is not asked")
		return
	}
	if oldest := to.Add(-reach); from.Before(oldest) {
		s.gap(from, oldest, "recent search reaches back seven days")
		from = oldest
	}
	if c.tooLong > 0 {
		s.gap(from, to, "some queries are longer than recent search takes")
	}
	c.mu.Lock()
	room := len(c.work)+len(c.queries) <= maxGaps
	var gaps []gap
	for d := range c.queries {
		if room {
			c.nr++
			g := gap{Query: d, Since: idAt(from), Until: idAt(to), nr: c.nr}
			gaps = append(gaps, g)
			c.work = append(c.work, job{g, time.Now().Add(catchUpDelay)})
		}
	}
	c.mu.Unlock()
	if !room {
		s.gap(from, to, "recent search is too far behind")
		return
	}
	// The cursor knows the gap before it passes any later post.
	s.queue.push(item{apply: func(c *cursor) { c.Gaps = append(c.Gaps, gaps...) }})
	s.tell("catch_up", "posts from %s to %s (%v) may be missing; recent search is asked for them, which finds no retweets",
		stamp(from), stamp(to), to.Sub(from).Round(time.Second))
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// catchUp asks for one gap after the other until ctx ends or the budget is too
// small. What is left then stays in the cursor.
func (s *stream) catchUp(ctx context.Context) {
	c := &s.catch
	for {
		c.mu.Lock()
		work := slices.Clone(c.work)
		c.mu.Unlock()
		if len(work) == 0 {
			select {
			case <-c.wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		j := work[0]
		if sleep(ctx, time.Until(j.due)) != nil {
			return
		}
		err := s.fill(ctx, j.gap)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errSpent):
			s.tell("catch_up", "too few posts are left of the limit for recent search; a later run with a higher one goes on")
			return
		case err != nil:
			s.gap(timeOf(j.Since), timeOf(j.Until), err.Error())
		}
		c.mu.Lock()
		c.work = slices.Delete(c.work, 0, 1)
		c.mu.Unlock()
		s.queue.push(item{apply: func(c *cursor) {
			c.Gaps = slices.DeleteFunc(c.Gaps, func(g gap) bool { return g.nr == j.nr })
		}})
	}
}

// fill reads all pages for one gap, newest first.
func (s *stream) fill(ctx context.Context, g gap) error {
	q := query{text: s.catch.queries[g.Query], since: g.Since, until: g.Until}
	// It may have waited long, or be of an earlier run.
	q.since = max(q.since, idAt(time.Now().Add(-reach)))
	if q.until <= q.since {
		return errors.New("recent search reaches back seven days")
	}
	for {
		q.max = s.budget.reserve(func(left int) int { return pageSize(0, left) })
		if q.max == 0 {
			return errSpent
		}
		p, err := s.search(ctx, s.searches, q)
		s.budget.settle(q.max, len(p.posts))
		s.Add("posts_read", len(p.posts))
		if err != nil {
			return err
		}
		for _, f := range p.posts {
			s.Count("catch_up_posts")
			it := item{post: f.post, err: f.err, size: len(f.post.Text)}
			if f.id > 0 {
				it.apply = func(c *cursor) {
					for i := range c.Gaps {
						if c.Gaps[i].nr == g.nr {
							c.Gaps[i].Until = min(c.Gaps[i].Until, f.id)
						}
					}
				}
			}
			s.queue.push(it)
		}
		if q.token = p.next; q.token == "" {
			return nil
		}
	}
}
