package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"coldstream/internal/deliver"
	"coldstream/internal/firehose"
	"coldstream/internal/source/jetstream/jetstreamtest"
	"coldstream/internal/source/xapi/xapitest"
)

// host starts a fake Jetstream host and returns its URL.
func host(t *testing.T, o jetstreamtest.Options) (s *jetstreamtest.Server, url string) {
	t.Helper()
	s = jetstreamtest.New(o)
	server := httptest.NewServer(s)
	t.Cleanup(func() { s.Close(); server.Close() })
	return s, "ws" + strings.TrimPrefix(server.URL, "http")
}

// readSummary reads what --summary wrote.
func readSummary(t *testing.T, path string) (c deliver.Counts) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestJetstreamPostsComeAtOnce: the first line is there long before the stream
// ends, which it never does.
func TestJetstreamPostsComeAtOnce(t *testing.T) {
	_, url := host(t, jetstreamtest.Options{Rate: 100})
	cmd := exec.CommandContext(t.Context(), "producer", "--source", "jetstream", "--source-url", url, "--lang", "en", "--to", "stdout")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; n < 10; n++ {
		if !lines.Scan() {
			t.Fatalf("the output ends after %d lines: %v; %s", n, lines.Err(), stderr.String())
		}
		var p struct{ ID, Text, Lang, Source string }
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil || !strings.HasPrefix(p.ID, "at://did:plc:") || p.Text == "" || p.Source != "jetstream" || p.Lang != "" && !strings.Contains(p.Lang, "en") {
			t.Errorf("%s: %v", lines.Bytes(), err)
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, out)
	_ = cmd.Wait() // the exit code is checked
	if cmd.ProcessState.ExitCode() != 130 || !strings.HasPrefix(stderr.String(), "producer: interrupted (") || strings.Count(stderr.String(), "\n") != 1 {
		t.Errorf("exit code %d: %s", cmd.ProcessState.ExitCode(), stderr.String())
	}
}

// TestJetstreamOverKills: connections break, the delivery stream fails, the
// producer is killed and started again; from the first post on, every one of the
// network arrives.
func TestJetstreamOverKills(t *testing.T) {
	const events, rate = 4000, 500
	server, url := host(t, jetstreamtest.Options{Rate: rate, Count: events})
	server.Inject(func(r jetstreamtest.Request) jetstreamtest.Fault {
		return jetstreamtest.Fault{After: 200 + 300*(r.Number%4), Reset: r.Number%5 != 4}
	})
	sink := &idSink{ids: map[string]int{}}
	stream, err := firehose.NewStream(firehose.Config{Name: "posts", Sink: sink})
	if err != nil {
		t.Fatal(err)
	}
	handler := firehose.NewServer(stream)
	handler.Inject(firehose.RandomFaults(2, firehose.FaultRates{Record: .05, Unavailable: .05, ResetAfter: .02}))
	service := httptest.NewServer(handler)
	defer service.Close()
	env := awsEnv(service.URL)
	dir := t.TempDir()
	summary := filepath.Join(dir, "summary.json")
	start := func() *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), "producer", "--source", "jetstream", "--source-url", url, "--to", "firehose", "--stream", "posts",
			"--spool", filepath.Join(dir, "spool"), "--summary", summary, "--linger", "20ms", "--metrics", "127.0.0.1:0")
		cmd.Env = env
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	for server.Events() < events {
		cmd := start()
		time.Sleep(300*time.Millisecond + rand.N(time.Second))
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
	}
	// The last run reads to the end of the network, and is interrupted then.
	cmd := start()
	var posts []jetstreamtest.Event
	for i := range events {
		if e := server.Event(i); e.Post() && e.Text != "" {
			posts = append(posts, e)
		}
	}
	for wait := 0; sink.count(posts[len(posts)-1].ID) == 0; wait++ {
		if wait == 120 {
			t.Fatal("the last post does not arrive")
		}
		time.Sleep(500 * time.Millisecond)
		if err := stream.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	_ = cmd.Process.Signal(os.Interrupt)
	_ = cmd.Wait() // 130
	if err := stream.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := readSummary(t, summary)
	first, arrived, doubled := -1, 0, 0
	for i, e := range posts {
		n := sink.count(e.ID)
		if n > 0 && first < 0 {
			first = i
		}
		if n == 0 && first >= 0 {
			t.Errorf("post %d of %d is lost, the first was %d", i, len(posts), first)
		}
		arrived += min(n, 1)
		doubled += max(n-1, 0)
	}
	t.Logf("%d connections; %d of %d posts, %d doubled: %+v", server.Connections(), arrived, len(posts), doubled, c)
	if !c.Balanced() || c.Unsent != 0 || c.Delivered != arrived || doubled > c.MaybeDoubled || arrived < len(posts)/2 {
		t.Errorf("account %+v", c)
	}
}

// idSink counts the posts of the objects by their ids.
type idSink struct {
	mu  sync.Mutex
	ids map[string]int
}

func (s *idSink) Put(_ context.Context, _ string, body []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for line := range bytes.Lines(body) {
		var p struct{ ID string }
		if err := json.Unmarshal(line, &p); err != nil {
			return err
		}
		s.ids[p.ID]++
	}
	return nil
}

func (s *idSink) count(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ids[id]
}

// TestSearchSendsExactlyN tells the price first, and keeps the token to itself.
func TestSearchSendsExactlyN(t *testing.T) {
	const token = "t0p-s3cret-t0ken"
	x := xapitest.New(token)
	for i := range 200 {
		x.Publish(xapitest.Post{Text: fmt.Sprintf("post %d about coffee", i)})
	}
	server := httptest.NewServer(x)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	secret := filepath.Join(dir, "token")
	if err := os.WriteFile(secret, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (out, stderr string, err error) {
		cmd := exec.CommandContext(t.Context(), "producer", append([]string{"--source-url", server.URL, "--query", "coffee", "--to", "stdout", "--token", "file:" + secret}, args...)...)
		var o, e strings.Builder
		cmd.Stdout, cmd.Stderr = &o, &e
		err = cmd.Run()
		for _, text := range []string{o.String(), e.String()} {
			if strings.Contains(text, "s3cret") {
				t.Errorf("the token is told: %s", text)
			}
		}
		return o.String(), e.String(), err
	}
	out, stderr, err := run("--source", "x-search", "--count", "120", "--max-cost", "1")
	if err != nil || strings.Count(out, `"source":"x-search"`) != 120 {
		t.Errorf("%d posts, %v: %s", strings.Count(out, "\n"), err, stderr)
	}
	if !strings.HasPrefix(stderr, "producer: x-search: reads 200 posts at most, which cost $1.00 ($0.005 each)\n") || !strings.Contains(stderr, "120 received = 120 delivered in ") {
		t.Errorf("standard error: %s", stderr)
	}
	// The budget ends the run, and says so.
	out, stderr, err = run("--source", "x-search", "--max-posts", "50")
	if err != nil || strings.Count(out, "\n") != 50 || !strings.Contains(stderr, "50") {
		t.Errorf("%d posts, %v: %s", strings.Count(out, "\n"), err, stderr)
	}
	// A wrong token ends it at once.
	if err := os.WriteFile(secret, []byte("another-s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--source", "x-search"}, {"--source", "x-stream", "--spool", "memory"}} {
		if out, stderr, err = run(append(args, "--max-posts", "50")...); err == nil || out != "" || !strings.Contains(stderr, "401") {
			t.Errorf("%v: %v: %s%s", args, err, out, stderr)
		}
	}
}

// TestADefinedNumberOfPostsArrives is the first version's test: search for so
// many posts, send them, and prove that all arrived. What the run leaves behind
// is searched for the token.
func TestADefinedNumberOfPostsArrives(t *testing.T) {
	const token, n = "t0p-s3cret-t0ken", 130
	x := xapitest.New(token)
	for i := range 300 {
		x.Publish(xapitest.Post{Text: fmt.Sprintf("post %d about coffee", i)})
	}
	server := httptest.NewServer(x)
	t.Cleanup(server.Close)
	env, objects, stream := serve(t, firehose.RandomFaults(5, firehose.FaultRates{Record: .1, Unavailable: .1}))
	dir := t.TempDir()
	sent := filepath.Join(dir, "sent.jsonl")
	cmd := exec.CommandContext(t.Context(), "producer", "--source", "x-search", "--source-url", server.URL, "--query", "coffee", "--count", fmt.Sprint(n), "--max-posts", "200",
		"--to", "firehose", "--stream", "posts", "--spool", filepath.Join(dir, "spool"), "--sent", sent, "--summary", filepath.Join(dir, "summary.json"), "--metrics", "127.0.0.1:0", "--emf")
	cmd.Env = append(env, "X_BEARER_TOKEN="+token)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := stream.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadFile(sent)
	if err != nil {
		t.Fatal(err)
	}
	ids := 0
	for line := range strings.Lines(string(list)) {
		ids++
		if id := strings.TrimSuffix(strings.TrimSpace(line), "}"); lines(t, objects, id+",") != 1 {
			t.Errorf("%s arrived %d times", id, lines(t, objects, id+","))
		}
	}
	if ids != n || lines(t, objects, `"source":"x-search"`) != n {
		t.Errorf("%d posts were sent, %d arrived, want %d", ids, lines(t, objects, `"source":"x-search"`), n)
	}
	if strings.Contains(string(out), "s3cret") || lines(t, dir, "s3cret") > 0 || lines(t, objects, "s3cret") > 0 {
		t.Error("the token was written down")
	}
}

// TestFirstVersionsConfiguration is read with a warning that repeats no secret.
func TestFirstVersionsConfiguration(t *testing.T) {
	env, _, stream := serve(t, nil)
	config := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(config, []byte(`{"region_name":"us-east-1","stream_name":"posts","twitter_consumer_key":"k-s3cret","twitter_consumer_secret":"s-s3cret"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "producer", "--to", "firehose", "--config", config, "--count", "5")
	for _, e := range env {
		if !strings.HasPrefix(e, "AWS_REGION=") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	out, err := cmd.CombinedOutput()
	if err != nil || stream.Stats().Accepted != 5 || !strings.Contains(string(out), "not used: twitter_consumer_key, twitter_consumer_secret") || strings.Contains(string(out), "s3cret") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestMetricsWhileItRuns, and in CloudWatch's form at the end.
func TestMetricsWhileItRuns(t *testing.T) {
	_, url := host(t, jetstreamtest.Options{Rate: 100})
	free := httptest.NewServer(nil)
	addr := free.Listener.Addr().String()
	free.Close()
	out := filepath.Join(t.TempDir(), "out.jsonl")
	cmd := exec.CommandContext(t.Context(), "producer", "--source", "jetstream", "--source-url", url, "--to", "file", "--out", out, "--linger", "10ms", "--metrics", addr, "--emf")
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var text string
	for range 1000 {
		if resp, err := http.Get("http://" + addr + "/metrics"); err == nil {
			b, _ := io.ReadAll(resp.Body) // a part has no sample
			resp.Body.Close()
			if text = string(b); strings.Contains(text, "\ncoldstream_producer_delivered_total ") && !strings.Contains(text, "\ncoldstream_producer_delivered_total 0\n") {
				break
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	for _, want := range []string{"# TYPE coldstream_producer_received_total counter", "coldstream_producer_lag_seconds ", `coldstream_producer_filtered_total{reason="empty"}`, `coldstream_producer_source_events_total{event="`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	_ = cmd.Process.Signal(os.Interrupt)
	_ = cmd.Wait() // 130
	var emf map[string]any
	if err := json.Unmarshal([]byte(stdout.String()), &emf); err != nil || emf["_aws"] == nil || emf["coldstream_producer_delivered_total"] == nil {
		t.Errorf("%v: %s; %s", err, stdout.String(), stderr.String())
	}
}
