package deliver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"coldstream/internal/source"
	"coldstream/internal/spool"
)

func openSpool(t *testing.T, dir string, o spool.Options) *spool.Spool {
	t.Helper()
	q, err := spool.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = q.Close() }) // a second Close after the test's own
	return q
}

// shared is a stream for several requests at a time.
type shared struct {
	mu sync.Mutex
	stream
	sizes []int
}

func (s *shared) Put(ctx context.Context, records []Record) ([]Refusal, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sizes = append(s.sizes, len(records))
	return s.stream.Put(ctx, records)
}

// TestRunsGoOnWhereTheOthersEnded cancels run after run at random moments, with
// a faulty target; the runs share a spool and the account.
func TestRunsGoOnWhereTheOthersEnded(t *testing.T) {
	const posts = 20_000
	dir := t.TempDir()
	rnd := rand.New(rand.NewPCG(3, 4))
	to := &shared{stream: stream{t: t}}
	to.fault = func(_ int, records []Record) (refusals []Refusal, err error) {
		if rnd.IntN(5) == 0 {
			return nil, NotAccepted(errors.New("503"))
		}
		for i := range records {
			if rnd.IntN(10) == 0 {
				refusals = append(refusals, Refusal{i, "ServiceUnavailableException: Slow down."})
			}
		}
		return refusals, nil
	}
	runs, before := 0, 0
	for {
		runs++
		q := openSpool(t, dir, spool.Options{SegmentBytes: 1 << 16})
		cursor, err := Cursor(q, "sample")
		if err != nil {
			t.Fatal(err)
		}
		src, err := source.NewSample(posts, source.Options{Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		o := quick()
		o.Queue, o.Origin, o.InFlight, o.Grace = q, "sample", 1+rnd.IntN(4), time.Millisecond
		left := 1 + rnd.IntN(8)
		o.Progress = func(Counts, Event) {
			if left--; left == 0 {
				cancel()
			}
		}
		c, err := Run(ctx, src, to, o)
		cancel()
		if !c.Balanced() || c.Delivered < before {
			t.Fatalf("run %d: %v, %+v", runs, c, c)
		}
		before = c.Delivered
		if e := q.Close(); e != nil {
			t.Fatal(e)
		}
		if err == nil {
			if c.Delivered != posts || c.Unsent != 0 || c.Received != posts {
				t.Errorf("after %d runs: %v", runs, c)
			}
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	doubled := 0
	for i := range posts {
		n := to.received[fmt.Sprintf("sample-%06d", i+1)]
		if n == 0 {
			t.Fatalf("post %d is lost", i+1)
		}
		doubled += n - 1
	}
	if doubled > 0 { // the target says what it accepted, and every run waits for it
		t.Errorf("%d posts are doubled", doubled)
	}
	if runs < 4 {
		t.Errorf("only %d runs", runs)
	}
	t.Logf("%d runs", runs)
}

func TestASpoolOfAnotherSourceIsRefused(t *testing.T) {
	dir := t.TempDir()
	q := openSpool(t, dir, spool.Options{})
	o := quick()
	o.Queue, o.Origin = q, "file a.csv"
	if _, err := Run(t.Context(), sample(t, 3), &stream{t: t}, o); err != nil {
		t.Fatal(err)
	}
	o.Origin = "file b.csv"
	if _, err := Run(t.Context(), sample(t, 3), &stream{t: t}, o); err == nil || !strings.Contains(err.Error(), "the spool holds posts of file a.csv, not of file b.csv") {
		t.Errorf("error %v", err)
	}
}

// TestDuplicatesAreLeftOut within a run, over runs, and by the key of an edited
// post.
func TestDuplicatesAreLeftOut(t *testing.T) {
	posts := []source.Post{{ID: "1"}, {ID: "2"}, {ID: "1"}, {ID: "3", Key: "2"}, {ID: "4"}, {ID: "4", Text: "again"}}
	from := func() source.Source {
		i := 0
		return funcSource(func(context.Context) (source.Post, error) {
			if i == len(posts) {
				return source.Post{}, io.EOF
			}
			i++
			return posts[i-1], nil
		})
	}
	dir := t.TempDir()
	for run, want := range []Counts{{Received: 6, Delivered: 3, Duplicates: 3}, {Received: 12, Delivered: 3, Duplicates: 9}} {
		q := openSpool(t, dir, spool.Options{})
		to := &stream{t: t}
		o := quick()
		o.Queue = q
		c, err := Run(t.Context(), from(), to, o)
		if err != nil || c.Received != want.Received || c.Delivered != want.Delivered || c.Duplicates != want.Duplicates || !c.Balanced() {
			t.Errorf("run %d: %v, %v", run, c, err)
		}
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
	}
	o := quick()
	o.KeepDuplicates = true
	if c, err := Run(t.Context(), from(), &stream{t: t}, o); err != nil || c.Delivered != 6 {
		t.Errorf("kept: %v, %v", c, err)
	}
}

// TestAPoisonedRecordIsFound: the request is refused as a whole as long as the
// record is in it.
func TestAPoisonedRecordIsFound(t *testing.T) {
	for _, aggregate := range []int{0, 2000} {
		to := &stream{t: t}
		arrived := map[string]bool{}
		to.fault = func(_ int, records []Record) ([]Refusal, error) {
			for _, r := range records {
				if strings.Contains(string(r.Data), "sample-000077") {
					return nil, Poisoned(errors.New("ValidationException: member 'data'"))
				}
			}
			for _, r := range records {
				for line := range strings.Lines(string(r.Data)) {
					arrived[line] = true
				}
			}
			return nil, nil
		}
		var dead []DeadLetter
		o := quick()
		o.Aggregate = aggregate
		o.DeadLetter = func(d DeadLetter) error { dead = append(dead, d); return nil }
		c, err := Run(t.Context(), sample(t, 1000), to, o)
		if err != nil || c.Delivered != 999 || c.DeadLettered != 1 || !c.Balanced() || c.MaybeDoubled != 0 || len(arrived) != 999 {
			t.Errorf("%+v, %v, %d arrived", c, err, len(arrived))
		}
		if len(dead) != 1 || dead[0].ID != "sample-000077" || !strings.Contains(dead[0].Reason, "ValidationException") {
			t.Errorf("dead letters %v", dead)
		}
		o.DeadLetter = nil
		if c, err = Run(t.Context(), sample(t, 1000), to, o); err == nil || !strings.Contains(err.Error(), `post "sample-000077": ValidationException`) || !c.Balanced() {
			t.Errorf("without dead letters: %v, %v", c, err)
		}
	}
}

// TestWhenAllAreRefusedItIsNotThePosts that are wrong.
func TestWhenAllAreRefusedItIsNotThePosts(t *testing.T) {
	to := &stream{t: t, fault: func(int, []Record) ([]Refusal, error) { return nil, Poisoned(errors.New("no such key")) }}
	o := quick()
	o.DeadLetter = func(DeadLetter) error { return nil }
	c, err := Run(t.Context(), sample(t, 1000), to, o)
	if err == nil || c.DeadLettered != mostBuried || !c.Balanced() {
		t.Errorf("%v, %v", c, err)
	}
}

func TestAggregatedPostsShareRecords(t *testing.T) {
	lines := 0
	to := &stream{t: t, fault: func(_ int, records []Record) ([]Refusal, error) {
		for _, r := range records {
			if len(r.Data) > 1000 {
				t.Errorf("a record has %d bytes", len(r.Data))
			}
			lines += strings.Count(string(r.Data), "\n")
		}
		return nil, nil
	}}
	ids := 0
	o := quick()
	o.Aggregate = 1000
	o.Accepted = func(r []Record) error { ids += len(r); return nil }
	c, err := Run(t.Context(), sample(t, 5000), to, o)
	if err != nil || c.Delivered != 5000 || lines != 5000 || ids != 5000 || len(to.received) > 1000 {
		t.Errorf("%v, %v: %d lines in %d records, %d ids", c, err, lines, len(to.received), ids)
	}
}

// TestUnansweredRequestsAreCounted: they may have been accepted.
func TestUnansweredRequestsAreCounted(t *testing.T) {
	to := &stream{t: t}
	to.fault = func(request int, records []Record) ([]Refusal, error) {
		if request == 1 {
			for _, r := range records {
				to.received[r.ID]++ // accepted, and the answer is lost
			}
			return nil, errors.New("connection reset")
		}
		return nil, nil
	}
	to.received = map[string]int{}
	c, err := Run(t.Context(), sample(t, 300), to, quick())
	doubled := 0
	for _, n := range to.received {
		doubled += n - 1
	}
	if err != nil || doubled == 0 || c.MaybeDoubled != doubled {
		t.Errorf("%+v, %v: %d doubled", c, err, doubled)
	}
}

// TestKilledRunsCountWhatTheySent: the target accepts every request, and no
// answer arrives, since the connection breaks or the process is killed (its spool
// goes on as the files are at that moment). Posts arrive once with each of them,
// and the account knows.
func TestKilledRunsCountWhatTheySent(t *testing.T) {
	const posts = 300
	for _, fates := range []string{"k", "rk", "rrk", "kk", "krk", "rkrkk"} {
		received, dir := 0, t.TempDir()
		q := openSpool(t, dir, spool.Options{})
		ctx, kill := context.WithCancel(t.Context())
		n := 0
		to := putterFunc(func(_ context.Context, records []Record) ([]Refusal, error) {
			received += len(records)
			if n++; n > len(fates) {
				return nil, nil
			}
			if fates[n-1] == 'k' {
				after := filepath.Join(t.TempDir(), "killed")
				if err := os.CopyFS(after, os.DirFS(dir)); err != nil {
					t.Error(err)
				}
				dir = after
				kill()
			}
			return nil, errors.New("connection reset")
		})
		var c Counts
		for {
			cursor, err := Cursor(q, "sample")
			if err != nil {
				t.Fatal(err)
			}
			src, err := source.NewSample(posts, source.Options{Cursor: cursor})
			if err != nil {
				t.Fatal(err)
			}
			o := quick()
			o.Queue, o.Origin, o.Grace, o.Linger = q, "sample", time.Millisecond, time.Minute // all in one request
			c, err = Run(ctx, src, to, o)
			if err == nil {
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			q = openSpool(t, dir, spool.Options{})
			ctx, kill = context.WithCancel(t.Context())
		}
		kill()
		if doubled := received - posts; doubled != len(fates)*posts || c.MaybeDoubled != doubled || !c.Balanced() || c.Delivered != posts {
			t.Errorf("%s: %d doubled; %+v", fates, doubled, c)
		}
	}
}

// TestRequestsRunSideBySide up to the limit, and no further.
func TestRequestsRunSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		now, most := 0, 0
		to := putterFunc(func(context.Context, []Record) ([]Refusal, error) {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			now--
			mu.Unlock()
			return nil, nil
		})
		start := time.Now()
		c, err := Run(t.Context(), sample(t, 6000), to, Options{InFlight: 3})
		if err != nil || c.Delivered != 6000 || most != 3 {
			t.Errorf("%v, %v, %d at a time", c, err, most)
		}
		if took := time.Since(start); took > 8*time.Second {
			t.Errorf("12 requests of a second, 3 at a time, took %v", took)
		}
	})
}

type putterFunc func(context.Context, []Record) ([]Refusal, error)

func (f putterFunc) Put(ctx context.Context, r []Record) ([]Refusal, error) { return f(ctx, r) }

// TestAFullSpool: the source waits, or posts become dead letters; in both cases
// all are accounted for.
func TestAFullSpool(t *testing.T) {
	for _, drop := range []bool{false, true} {
		t.Run(fmt.Sprintf("dead-letter=%t", drop), func(t *testing.T) {
			q := openSpool(t, t.TempDir(), spool.Options{SegmentBytes: 1 << 17, MaxBytes: 2 << 20})
			release := make(chan struct{})
			time.AfterFunc(time.Second, func() { close(release) }) // by then the spool is full
			to := &stream{t: t, fault: func(int, []Record) ([]Refusal, error) { <-release; return nil, nil }}
			dead := map[string]bool{}
			o := quick()
			o.Queue, o.WhenFull = q, drop
			o.DeadLetter = func(d DeadLetter) error {
				if !strings.Contains(d.Reason, spool.ErrFull.Error()) {
					t.Errorf("dead letter %+v", d)
				}
				dead[d.ID] = true
				return nil
			}
			c, err := Run(t.Context(), sample(t, 40_000), to, o)
			if err != nil || c.Delivered+c.DeadLettered != 40_000 || !c.Balanced() || len(dead) != c.DeadLettered || len(to.received) != c.Delivered || drop != (len(dead) > 0) {
				t.Errorf("%v, %v; %d dead letters, %d arrived", c, err, len(dead), len(to.received))
			}
		})
	}
}

// broken is a queue whose disk is full.
type broken struct{ Queue }

func (broken) Append([]spool.Entry, []byte) error {
	return errors.New("write: no space left on device")
}

// TestAFailingDiskStopsLoudly: what was not spooled is not sent either, and is
// accounted for.
func TestAFailingDiskStopsLoudly(t *testing.T) {
	o := quick()
	o.Queue = broken{newMemory()}
	c, err := Run(t.Context(), sample(t, 100), &stream{t: t}, o)
	if err == nil || err.Error() != "write: no space left on device" || c.Delivered != 0 || c.Received == 0 || c.Received != c.Unsent || !c.Balanced() {
		t.Errorf("%v, %v", c, err)
	}
}

// TestAFailingDiskIsToldDuringAnOutage too: the run does not wait for a target
// that may never come back.
func TestAFailingDiskIsToldDuringAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &fillsUp{Queue: newMemory()}
		to := putterFunc(func(context.Context, []Record) ([]Refusal, error) { return nil, errors.New("connection refused") })
		start := time.Now()
		c, err := Run(t.Context(), sample(t, 100_000), to, Options{Queue: q, Grace: 20 * time.Second})
		if err == nil || !strings.HasPrefix(err.Error(), "write: no space left on device") || c.Received == 0 || c.Received != c.Unsent || !c.Balanced() {
			t.Errorf("%v, %v", c, err)
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("it took %v", took)
		}
	})
}

// fillsUp is a queue whose disk is full after the first commit.
type fillsUp struct {
	Queue
	commits int
}

func (q *fillsUp) Append(entries []spool.Entry, state []byte) error {
	if q.commits++; q.commits > 1 {
		return errors.New("write: no space left on device")
	}
	return q.Queue.Append(entries, state)
}

// TestThePaceFollowsTheTarget: a target that takes 1,000 posts a second and
// refuses the rest gets little more than that after a while.
func TestThePaceFollowsTheTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const capacity = 1000
		var room float64
		last := time.Now()
		asked, took := 0, 0
		to := putterFunc(func(_ context.Context, records []Record) (refusals []Refusal, _ error) {
			time.Sleep(20 * time.Millisecond)
			room = min(room+capacity*time.Since(last).Seconds(), capacity)
			last = time.Now()
			for i := range records {
				if asked++; room >= 1 {
					room--
					took++
				} else {
					refusals = append(refusals, Refusal{i, "ServiceUnavailableException: Slow down."})
				}
			}
			return refusals, nil
		})
		start := time.Now()
		c, err := Run(t.Context(), sample(t, 60_000), to, Options{})
		seconds := time.Since(start).Seconds()
		if err != nil || took != 60_000 || c.Delivered != 60_000 {
			t.Fatalf("%v, %v", c, err)
		}
		if rate := float64(took) / seconds; rate < capacity/3 {
			t.Errorf("%.0f posts a second of %d", rate, capacity)
		}
		if waste := float64(asked-took) / float64(took); waste > .5 {
			t.Errorf("%.0f %% of the posts were refused", 100*waste)
		}
		t.Logf("%.0f posts a second, %d asked for %d", float64(took)/seconds, asked, took)
	})
}
