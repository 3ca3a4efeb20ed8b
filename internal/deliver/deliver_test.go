package deliver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coldstream/internal/source"
)

// stream is a target in memory with faults.
type stream struct {
	t        *testing.T
	fault    func(request int, records []Record) ([]Refusal, error) // before anything is stored
	received map[string]int
	requests int
}

func (s *stream) Put(ctx context.Context, records []Record) ([]Refusal, error) {
	s.t.Helper()
	size := 0
	for _, r := range records {
		size += encodedLen(r.Data)
		if len(r.Data) > MaxRecordBytes {
			s.t.Errorf("a record has %d bytes", len(r.Data))
		}
	}
	if len(records) == 0 || len(records) > MaxRecords || size > MaxBatchBytes {
		s.t.Errorf("a request has %d records and %d bytes", len(records), size)
	}
	s.requests++
	var refusals []Refusal
	if s.fault != nil {
		var err error
		if refusals, err = s.fault(s.requests, records); err != nil {
			return nil, err
		}
	}
	refused := make(map[int]bool)
	for _, r := range refusals {
		refused[r.Index] = true
	}
	if s.received == nil {
		s.received = make(map[string]int)
	}
	for i, r := range records {
		if !refused[i] {
			s.received[r.ID]++
		}
	}
	return refusals, nil
}

// once fails the test unless ids sample-000001 to n arrived once each.
func (s *stream) once(n int) {
	s.t.Helper()
	for i := range n {
		if id := fmt.Sprintf("sample-%06d", i+1); s.received[id] != 1 {
			s.t.Errorf("%s arrived %d times", id, s.received[id])
		}
	}
	if len(s.received) != n {
		s.t.Errorf("%d posts arrived, want %d", len(s.received), n)
	}
}

func sample(t *testing.T, n int) source.Source {
	t.Helper()
	s, err := source.NewSample(n, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// quick has pauses that tests can wait for.
func quick() Options {
	return Options{Linger: time.Millisecond, MinDelay: time.Microsecond, MaxDelay: time.Millisecond}
}

// funcSource is a source made of a function.
type funcSource func(ctx context.Context) (source.Post, error)

func (f funcSource) Next(ctx context.Context) (source.Post, error) { return f(ctx) }
func (f funcSource) Cursor() string                                { return "" }
func (f funcSource) Close() error                                  { return nil }

func TestEveryPostArrivesOnce(t *testing.T) {
	for _, n := range []int{0, 1, 499, 500, 501, 2345} {
		to := &stream{t: t}
		var src source.Source = funcSource(func(context.Context) (source.Post, error) { return source.Post{}, io.EOF })
		if n > 0 {
			src = sample(t, n)
		}
		c, err := Run(t.Context(), src, to, quick())
		if err != nil || c.Received != n || c.Delivered != n || !c.Balanced() {
			t.Errorf("%d posts: %v, %v", n, c, err)
		}
		to.once(n)
	}
}

// TestRefusedRecordsAreSentAgain lets every request lose some records at
// random, fail as a whole before storing, or pass.
func TestRefusedRecordsAreSentAgain(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	to := &stream{t: t, fault: func(_ int, records []Record) (refusals []Refusal, err error) {
		if rnd.IntN(4) == 0 {
			return nil, errors.New("503")
		}
		for i := range records {
			if rnd.IntN(3) == 0 {
				refusals = append(refusals, Refusal{i, "ServiceUnavailableException: Slow down."})
			}
		}
		return refusals, nil
	}}
	accepted := 0
	o := quick()
	o.Accepted = func(r []Record) error { accepted += len(r); return nil }
	c, err := Run(t.Context(), sample(t, 5000), to, o)
	if err != nil || c.Delivered != 5000 || accepted != 5000 || c.Retried == 0 || !c.Balanced() {
		t.Errorf("%+v, accepted %d, %v", c, accepted, err)
	}
	to.once(5000)
}

func TestBatchesAreCutByBytes(t *testing.T) {
	// Base64 of 900,000 bytes is 1.2 MB: three fit, four do not.
	n := 0
	src := funcSource(func(context.Context) (source.Post, error) {
		if n == 8 {
			return source.Post{}, io.EOF
		}
		n++
		return source.Post{ID: fmt.Sprintf("sample-%06d", n), Text: strings.Repeat("x", 900_000)}, nil
	})
	to := &stream{t: t}
	if c, err := Run(t.Context(), src, to, Options{}); err != nil || c.Requests != 3 {
		t.Errorf("%+v, %v", c, err)
	}
	to.once(8)
}

func TestOversizeRecordIsDeadLettered(t *testing.T) {
	posts := []source.Post{{ID: "a", Text: "x"}, {ID: "big", Text: strings.Repeat("x", MaxRecordBytes)}, {ID: "b", Text: "y"}}
	fresh := func() source.Source {
		i := 0
		return funcSource(func(context.Context) (source.Post, error) {
			if i == len(posts) {
				return source.Post{}, io.EOF
			}
			i++
			return posts[i-1], nil
		})
	}
	var dead []DeadLetter
	o := quick()
	o.DeadLetter = func(d DeadLetter) error { dead = append(dead, d); return nil }
	c, err := Run(t.Context(), fresh(), &stream{t: t}, o)
	if err != nil || c.Delivered != 2 || c.DeadLettered != 1 || !c.Balanced() || len(dead) != 1 || dead[0].ID != "big" {
		t.Errorf("%v, %v, %d dead letters", c, err, len(dead))
	}
	c, err = Run(t.Context(), fresh(), &stream{t: t}, quick())
	if err == nil || !strings.Contains(err.Error(), `post "big": the record has 1024`) || !c.Balanced() {
		t.Errorf("without dead letters: %v, %v", c, err)
	}
}

func TestBadRecordsAreDeadLettered(t *testing.T) {
	in := "{\"text\":\"x\"}\n{broken\n{\"text\":\"y\"}\n"
	src, err := source.NewReader("in", "file", strings.NewReader(in), source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var dead []DeadLetter
	o := quick()
	o.DeadLetter = func(d DeadLetter) error { dead = append(dead, d); return nil }
	c, err := Run(t.Context(), src, &stream{t: t}, o)
	if err != nil || c.Received != 3 || c.Delivered != 2 || c.DeadLettered != 1 || !c.Balanced() || string(dead[0].Data) != "{broken" {
		t.Errorf("%v, %v, %q", c, err, dead)
	}
}

func TestFilterAndCount(t *testing.T) {
	i := 0
	src := funcSource(func(context.Context) (source.Post, error) {
		i++
		return source.Post{ID: fmt.Sprint(i), Lang: []string{"en", "de"}[i%2]}, nil
	})
	o := quick()
	o.Filter = func(p source.Post) string {
		if p.Lang != "en" {
			return "language"
		}
		return ""
	}
	o.Count = 10
	c, err := Run(t.Context(), src, &stream{t: t}, o)
	if err != nil || c.Delivered != 10 || c.Filtered != 10 || !c.Balanced() {
		t.Errorf("%v, %v", c, err)
	}
}

func TestPermanentErrorEndsTheRun(t *testing.T) {
	to := &stream{t: t, fault: func(int, []Record) ([]Refusal, error) { return nil, Permanent(errors.New("no such stream")) }}
	c, err := Run(t.Context(), sample(t, 1200), to, quick())
	if err == nil || err.Error() != "no such stream" || to.requests != 1 || c.Delivered != 0 || c.Unsent == 0 || !c.Balanced() {
		t.Errorf("%v, %v after %d requests", c, err, to.requests)
	}
}

func TestGivesUpWhenNothingIsAccepted(t *testing.T) {
	o := quick()
	o.MaxRetryTime = 20 * time.Millisecond
	to := &stream{t: t, fault: func(int, []Record) ([]Refusal, error) { return nil, errors.New("connection refused") }}
	c, err := Run(t.Context(), sample(t, 10), to, o)
	if err == nil || !strings.Contains(err.Error(), "nothing was accepted for 20ms: connection refused") || c.Unsent != 10 || !c.Balanced() {
		t.Errorf("%v, %v", c, err)
	}
}

func TestCancelDuringAnOutageEndsAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := quick()
	o.MinDelay, o.MaxDelay = time.Hour, time.Hour
	to := &stream{t: t, fault: func(int, []Record) ([]Refusal, error) { cancel(); return nil, errors.New("down") }}
	c, err := Run(ctx, sample(t, 10), to, o)
	// The first request may come before all ten are read.
	if !errors.Is(err, context.Canceled) || c.Unsent == 0 || c.Delivered != 0 || !c.Balanced() {
		t.Errorf("%v, %v", c, err)
	}
}

// TestCancelSendsWhatWasReceived cancels while a request is under way and the
// source has more.
func TestCancelSendsWhatWasReceived(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	to := &stream{t: t, fault: func(int, []Record) ([]Refusal, error) { cancel(); return nil, nil }}
	c, err := Run(ctx, sample(t, 100_000), to, quick())
	if !errors.Is(err, context.Canceled) || c.Unsent != 0 || c.Delivered == 0 || c.Delivered == 100_000 || !c.Balanced() {
		t.Errorf("%v, %v", c, err)
	}
	to.once(c.Delivered)
}

// TestSilentSourceDoesNotHoldBack: a post is sent although no more come.
func TestSilentSourceDoesNotHoldBack(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	first := true
	src := funcSource(func(ctx context.Context) (source.Post, error) {
		if first {
			first = false
			return source.Post{ID: "sample-000001"}, nil
		}
		<-ctx.Done()
		return source.Post{}, ctx.Err()
	})
	to := &stream{t: t, fault: func(int, []Record) ([]Refusal, error) { cancel(); return nil, nil }}
	if c, err := Run(ctx, src, to, quick()); !errors.Is(err, context.Canceled) || c.Delivered != 1 {
		t.Errorf("%v, %v", c, err)
	}
}

func TestAcceptedErrorEndsTheRun(t *testing.T) {
	o := quick()
	o.Accepted = func([]Record) error { return errors.New("disk full") }
	c, err := Run(t.Context(), sample(t, 700), &stream{t: t}, o)
	if err == nil || err.Error() != "disk full" || c.Delivered == 0 || !c.Balanced() {
		t.Errorf("%v, %v", c, err)
	}
}

func TestSourceErrorIsReturnedAfterSending(t *testing.T) {
	n := 0
	src := funcSource(func(context.Context) (source.Post, error) {
		if n++; n > 3 {
			return source.Post{}, errors.New("unreadable")
		}
		return source.Post{ID: fmt.Sprintf("sample-%06d", n)}, nil
	})
	to := &stream{t: t}
	if c, err := Run(t.Context(), src, to, quick()); err == nil || err.Error() != "unreadable" || c.Delivered != 3 {
		t.Errorf("%v, %v", c, err)
	}
	to.once(3)
}

func TestEncodeIsOneLineOfJSON(t *testing.T) {
	in := source.Post{ID: "1", Text: "a\n\"b\" <c> \u2028 é", Lang: "en", Source: "file"}
	r := Encode(in)
	var out struct{ ID, Text, Lang, Source string }
	if err := json.Unmarshal(r.Data, &out); err != nil {
		t.Fatal(err)
	}
	if out.Text != in.Text || out.ID != in.ID || out.Lang != in.Lang || strings.Count(string(r.Data), "\n") != 1 || !strings.HasSuffix(string(r.Data), "}\n") {
		t.Errorf("got %s", r.Data)
	}
}

func TestOpenedFilesWithoutLinesAreAsBefore(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "old")
	if err := os.WriteFile(old, []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{old, filepath.Join(dir, "new")} {
		f := NewFile(path)
		if err := f.Open(); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	if b, _ := os.ReadFile(old); string(b) != "old" || len(entries) != 1 {
		t.Errorf("the old file holds %q, there are %v, %v", b, entries, err)
	}
	for _, path := range []string{dir, filepath.Join(dir, "no", "file")} {
		if err := NewFile(path).Open(); err == nil {
			t.Errorf("%s could be opened", path)
		}
	}
}

func TestFileIsUntouchedUntilTheFirstWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.jsonl")
	if err := os.WriteFile(path, []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	f := NewFile(path)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(path); string(b) != "old" {
		t.Errorf("got %q", b)
	}
	f = NewFile(path)
	if _, err := f.Write([]byte("new\n")); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(path); string(b) != "new\n" {
		t.Errorf("got %q", b)
	}
}
