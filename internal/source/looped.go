package source

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
)

// Looped returns a Source that starts again when the one that open gives has
// ended. From the second round on the ids, and the keys where there are any,
// end in the number of the round (#2, #3, ...), so that no round is taken for
// duplicates of another. A round without any post is the last one.
//
// The cursor is the round and the inner cursor (2#345); a cursor without a
// round, of a run that did not loop, is one of the first. Open is called with
// the cursor of the round, "" for its start.
func Looped(open func(cursor string) (Source, error), cursor string) (Source, error) {
	l := &looped{open: open, round: 1, closed: make(map[string]int64)}
	if round, inner, ok := strings.Cut(cursor, "#"); ok {
		n, err := strconv.Atoi(round)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("cursor %q does not begin with the number of a round", cursor)
		}
		l.round, cursor = n, inner
	}
	l.whole = cursor == ""
	inner, err := open(cursor)
	if err != nil {
		return nil, err
	}
	l.inner = inner
	return l, nil
}

type looped struct {
	open  func(cursor string) (Source, error)
	round int  // from 1
	whole bool // the round was begun at its start
	posts bool // the round gave one

	mu     sync.Mutex // of what Counters needs: it may be called while Next runs
	inner  Source
	closed map[string]int64 // the counters of the rounds before
}

// Next returns the next post of the round, or the first one of the next round.
func (l *looped) Next(ctx context.Context) (Post, error) {
	for {
		p, err := l.inner.Next(ctx)
		if err == nil {
			l.posts = true
			if l.round > 1 {
				suffix := "#" + strconv.Itoa(l.round)
				p.ID += suffix
				if p.Key != "" {
					p.Key += suffix
				}
			}
			return p, nil
		}
		if err != io.EOF || l.whole && !l.posts {
			return p, err
		}
		if err := l.again(); err != nil {
			return Post{}, err
		}
	}
}

// again ends the round and begins the next one.
func (l *looped) again() error {
	last := l.inner
	next, err := l.open("")
	if err != nil {
		return fmt.Errorf("round %d: %w", l.round+1, err)
	}
	l.mu.Lock()
	for name, n := range counters(last) {
		l.closed[name] += n
	}
	l.inner = next
	l.mu.Unlock()
	l.round++
	l.whole, l.posts = true, false
	return last.Close()
}

// Cursor is the round and the position in it.
func (l *looped) Cursor() string { return strconv.Itoa(l.round) + "#" + l.inner.Cursor() }

// Counters returns the sums over all rounds.
func (l *looped) Counters() map[string]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make(map[string]int64)
	for _, part := range []map[string]int64{l.closed, counters(l.inner)} {
		for name, n := range part {
			all[name] += n
		}
	}
	return all
}

// Close releases the input of the round.
func (l *looped) Close() error { return l.inner.Close() }
