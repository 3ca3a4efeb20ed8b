package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"coldstream/internal/deliver"
	"coldstream/internal/firehose"
	"coldstream/internal/jsonscan"
	"coldstream/internal/source"
)

// The whole run: go test -run Chaos -timeout 20m ./producer -args -chaos 1000000
var (
	chaosPosts = flag.Int("chaos", 20_000, "posts of the chaos test")
	chaosLife  = flag.Duration("chaos-life", 5*time.Second, "longest life of the producer in a long run")
)

// killer kills the producer: a long run's after life, a short one's whenever
// another twelfth of the posts has arrived, so that there are kills however fast
// the machine is.
func killer(cmd *exec.Cmd, stream *firehose.Stream, posts, kills int, life time.Duration) (stop func()) {
	if posts > 100_000 {
		kill := time.AfterFunc(life, func() { _ = cmd.Process.Kill() })
		return func() { kill.Stop() }
	}
	done := make(chan struct{})
	go func() {
		for kills < 8 {
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
				if stream.Stats().Accepted >= int64(posts/12*(kills+1)) {
					_ = cmd.Process.Kill()
					return
				}
			}
		}
	}()
	return func() { close(done) }
}

// ledger is a sink that counts the posts of the objects by their ids.
type ledger struct {
	mu    sync.Mutex
	count []uint8 // by number
	bad   int
}

// postID is what a post's line begins with in the file of the chaos test.
const postID = `{"id":"p`

func (l *ledger) Put(_ context.Context, _ string, body []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range bytes.Lines(body) {
		number, ok := bytes.CutPrefix(line, []byte(postID))
		digits, _, ended := bytes.Cut(number, []byte(`"`))
		n, err := strconv.Atoi(string(digits))
		if !ok || !ended || err != nil || n < 0 || n >= len(l.count) || !bytes.HasSuffix(line, []byte("}\n")) {
			l.bad++
			continue
		}
		l.count[n]++
	}
	return nil
}

// oversize says which posts are too big for a delivery stream, a few.
func oversize(i, of int) bool { return i%(of/4+1) == 7 }

// writePosts writes a file of n posts, some of them oversize, and returns how
// many.
func writePosts(t testing.TB, path string, n int) (big int) {
	t.Helper()
	writeTexts(t, path, n, func(i int) string {
		if oversize(i, n) {
			big++
			return strings.Repeat("big ", 300_000)
		}
		return source.SampleText(i)
	})
	return big
}

// writeSmallPosts writes a file of n posts.
func writeSmallPosts(t testing.TB, path string, n int) { writeTexts(t, path, n, source.SampleText) }

// writeTexts writes a file of n posts with the texts.
func writeTexts(t testing.TB, path string, n int, texts func(int) string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	for i := range n {
		b = jsonscan.AppendQuoted(append(strconv.AppendInt(append(b, postID...), int64(i), 10), `","lang":"en","text":`...), texts(i))
		if b = append(b, "}\n"...); len(b) > 1<<16 || i == n-1 {
			if _, err := f.Write(b); err != nil {
				t.Fatal(err)
			}
			b = b[:0]
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// nothing is a sink that keeps nothing.
type nothing struct{}

func (nothing) Put(context.Context, string, []byte) error { return nil }

// TestChaos sends posts through a delivery stream in which everything goes wrong
// while the producer is killed again and again: none is lost, and no more are
// doubled than the account says.
func TestChaos(t *testing.T) {
	n := *chaosPosts
	dir := t.TempDir()
	input := filepath.Join(dir, "posts.jsonl")
	big := writePosts(t, input, n)
	sink := &ledger{count: make([]uint8, n)}
	stream, err := firehose.NewStream(firehose.Config{Name: "posts", Sink: sink})
	if err != nil {
		t.Fatal(err)
	}
	handler := firehose.NewServer(stream)
	handler.Inject(firehose.RandomFaults(7, firehose.FaultRates{
		Record: .02, Unavailable: .05, ResetBefore: .02, ResetAfter: .02, HangAfter: .005, Delay: .1, MaxDelay: 50 * time.Millisecond,
	}))
	server := httptest.NewServer(handler)
	defer server.Close()
	summary := filepath.Join(dir, "summary.json")
	start, kills := time.Now(), 0
	for {
		cmd := exec.CommandContext(t.Context(), "producer", "--file", input, "--to", "firehose", "--stream", "posts", "--spool", filepath.Join(dir, "spool"),
			"--in-flight", "4", "--dead-letter", filepath.Join(dir, "dead.jsonl"), "--sent", filepath.Join(dir, "sent.jsonl"), "--summary", summary,
			"--request-timeout", "2s", "--linger", "50ms")
		cmd.Env = awsEnv(server.URL)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		life := *chaosLife/10 + rand.N(*chaosLife)
		stop := killer(cmd, stream, n, kills, life)
		err := cmd.Wait()
		stop()
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled() {
			kills++
			continue
		}
		// Dead letters make the command fail, at its end.
		if !strings.Contains(stderr.String(), fmt.Sprintf("%d posts could not be sent", big)) {
			t.Fatalf("after %d kills: %v: %s", kills, err, stderr.String())
		}
		break
	}
	if err := stream.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(summary)
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		deliver.Counts
		Balanced bool `json:"balanced"`
	}
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	lost, doubled := 0, 0
	for i, k := range sink.count {
		switch {
		case k == 0 && !oversize(i, n):
			lost++
		case k > 0 && oversize(i, n):
			t.Errorf("post %d is oversize and arrived", i)
		case k > 1:
			doubled += int(k) - 1
		}
	}
	t.Logf("%d posts, %d kills, %.0f s: %d lost, %d doubled, %d counted as perhaps doubled; %v", n, kills, time.Since(start).Seconds(), lost, doubled, c.MaybeDoubled, c.Counts)
	if lost > 0 || sink.bad > 0 {
		t.Errorf("%d posts are lost, %d lines are broken", lost, sink.bad)
	}
	if doubled > c.MaybeDoubled {
		t.Errorf("%d posts are doubled, the account says at most %d", doubled, c.MaybeDoubled)
	}
	if !c.Balanced || c.Received != n || c.Delivered != n-big || c.DeadLettered != big || c.Unsent != 0 {
		t.Errorf("account %s", b)
	}
	if kills < 3 {
		t.Errorf("only %d kills: the test shows nothing", kills)
	}
}
