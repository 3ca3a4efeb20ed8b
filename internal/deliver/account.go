package deliver

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Counts is the account of a run, or of all runs with one spool.
type Counts struct {
	Received     int            `json:"received"`                // posts and bad records read from the source
	Delivered    int            `json:"delivered"`               // accepted by the target
	DeadLettered int            `json:"dead_lettered,omitempty"` // cannot be sent; handed to Options.DeadLetter
	Filtered     int            `json:"filtered,omitempty"`      // left out by Options.Filter
	FilteredBy   map[string]int `json:"filtered_by,omitempty"`   // the same by reason
	Duplicates   int            `json:"duplicates,omitempty"`    // left out: their key was seen before
	Unsent       int            `json:"unsent,omitempty"`        // received, not accepted yet; with a spool they are in it
	MaybeDoubled int            `json:"maybe_doubled,omitempty"` // sent again although the target may have had them: requests without an answer, posts under way when a run was killed

	Requests int `json:"requests"`          // Put calls of this run
	Retried  int `json:"retried,omitempty"` // posts put again by this run after a refusal or a failed request
	Bytes    int `json:"bytes"`             // delivered
	Sent     int `json:"sent"`              // delivered by this run

	Newest  string `json:"newest,omitempty"` // created_at of the newest post received, as declared
	Spooled bool   `json:"spooled"`          // what is unsent is in a spool
}

// Balanced reports whether every received post is accounted for.
func (c Counts) Balanced() bool {
	return c.Received == c.Delivered+c.DeadLettered+c.Filtered+c.Duplicates+c.Unsent
}

// Lag returns how far behind now the newest post was created, false if it does
// not say when.
func (c Counts) Lag(now time.Time) (time.Duration, bool) {
	t, err := time.Parse(time.RFC3339, c.Newest)
	return now.Sub(t), err == nil
}

// String is the account as one sentence.
func (c Counts) String() string {
	unsent := "not sent"
	if c.Spooled {
		unsent = "left in the spool"
	}
	s := fmt.Sprintf("%d received = %d delivered", c.Received, c.Delivered)
	for _, part := range []struct {
		n    int
		what string
	}{{c.DeadLettered, "dead-lettered"}, {c.Filtered, "filtered"}, {c.Duplicates, "duplicate"}, {c.Unsent, unsent}} {
		if part.n > 0 {
			s += fmt.Sprintf(" + %d %s", part.n, part.what)
		}
	}
	return s
}

// intakeState is what the queue keeps with every commit: everything about the
// posts read so far that is not in the queue itself.
type intakeState struct {
	Origin       string         `json:"origin"`
	Cursor       string         `json:"cursor"`
	Received     int            `json:"received"`
	Taken        int            `json:"taken"` // not filtered, no duplicates
	DeadLettered int            `json:"dead_lettered,omitempty"`
	Filtered     map[string]int `json:"filtered,omitempty"`
	Duplicates   int            `json:"duplicates,omitempty"`
	Newest       string         `json:"newest,omitempty"`
}

// sentState is what the queue keeps with every acknowledgement.
type sentState struct {
	Delivered    int `json:"delivered"`
	DeadLettered int `json:"dead_lettered,omitempty"`
	Bytes        int `json:"bytes"`
	MaybeDoubled int `json:"maybe_doubled,omitempty"`
}

// account gathers what intake and sender count.
type account struct {
	queue Queue

	mu       sync.Mutex
	in       intakeState // with what is not committed yet
	staged   int         // posts counted in it that are not in the queue yet
	broken   int         // received, but not to be committed: the bad record that ended the run
	out      sentState
	unsaved  bool // the queue does not keep all of out.MaybeDoubled yet
	earlier  int  // delivered by earlier runs
	requests int
	retried  int
}

// openAccount reads the account that q keeps.
func openAccount(q Queue, origin string) (*account, error) {
	a := &account{queue: q, in: intakeState{Origin: origin}}
	for _, s := range []struct {
		from []byte
		to   any
	}{{q.State(), &a.in}, {q.AckState(), &a.out}} {
		if len(s.from) == 0 {
			continue
		}
		if err := json.Unmarshal(s.from, s.to); err != nil {
			return nil, fmt.Errorf("the spool's account cannot be read: %w", err)
		}
	}
	if a.in.Origin != origin {
		return nil, fmt.Errorf("the spool holds posts of %s, not of %s; name another directory, or finish that source first", a.in.Origin, origin)
	}
	if a.in.Filtered == nil {
		a.in.Filtered = map[string]int{}
	}
	a.out.MaybeDoubled += q.MaybeSent()
	a.unsaved = q.MaybeSent() > 0
	a.earlier = a.out.Delivered
	return a, nil
}

// final returns the account when nothing moves any more. What is unsent is
// counted where it is, so that Balanced tells whether all is there.
func (a *account) final() Counts {
	c := a.counts()
	pending, _ := a.queue.Pending()
	a.mu.Lock()
	defer a.mu.Unlock()
	c.Unsent = pending + a.staged + a.broken
	return c
}

// counts returns the account of a run under way. What is unsent is what is left
// of the equation: posts move while it is read.
func (a *account) counts() Counts {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, forgets := a.queue.(*memory)
	c := Counts{
		Received: a.in.Received + a.broken, Delivered: a.out.Delivered, DeadLettered: a.in.DeadLettered + a.out.DeadLettered,
		Duplicates: a.in.Duplicates, MaybeDoubled: a.out.MaybeDoubled,
		Requests: a.requests, Retried: a.retried, Bytes: a.out.Bytes, Sent: a.out.Delivered - a.earlier,
		Newest: a.in.Newest, Spooled: !forgets,
	}
	for _, reason := range slices.Sorted(maps.Keys(a.in.Filtered)) {
		c.Filtered += a.in.Filtered[reason]
	}
	if c.Filtered > 0 {
		c.FilteredBy = maps.Clone(a.in.Filtered)
	}
	c.Unsent = a.in.Taken - a.in.DeadLettered - a.out.Delivered - a.out.DeadLettered + a.broken
	return c
}

// accepted counts posts that the target took and returns the state to keep.
func (a *account) accepted(posts, bytes int) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.out.Delivered += posts
	a.out.Bytes += bytes
	return a.sent()
}

// rejected counts a post that the target will never take.
func (a *account) rejected() []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.out.DeadLettered++
	return a.sent()
}

// sent returns the state to keep. The caller holds mu.
func (a *account) sent() []byte {
	a.unsaved = false
	return mustJSON(a.out)
}

// doubts returns the state to keep before anything is sent, nil if the queue has
// it: posts that may have arrived are about to be sent again, and if the process
// is killed meanwhile, what the queue has handed out counts for one of the two
// times only.
func (a *account) doubts() []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.unsaved {
		return nil
	}
	return a.sent()
}

// requested counts a request of which again posts are to be sent again, doubled
// of them perhaps for a second time.
func (a *account) requested(again, doubled int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests++
	a.retried += again
	a.out.MaybeDoubled += doubled
	a.unsaved = a.unsaved || doubled > 0
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("deliver: " + err.Error()) // numbers and strings only
	}
	return b
}
