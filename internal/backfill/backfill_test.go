package backfill

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"coldstream/internal/function"
	"coldstream/internal/report"
	"coldstream/internal/s3lite/s3litetest"
	"coldstream/internal/sentiment"
	"coldstream/weights/pretrained"
)

var to = Target{Bucket: "results", Prefix: "run-1"}

// handler answers tasks with the default model and the server's objects.
func handler(t testing.TB, server *s3litetest.Server, to Target) *function.Handler {
	t.Helper()
	f, err := pretrained.Default()
	if err != nil {
		t.Fatal(err)
	}
	c, err := sentiment.New(f, 1)
	if err != nil {
		t.Fatal(err)
	}
	h := function.NewHandler(c, nil)
	h.SetBackfill(New(server.Client(t), to))
	return h
}

type result struct{ TaskID, ResultCode, ResultString string }

// run sends the event of one task, whose key is URL-encoded, through h.
func run(t testing.TB, h *function.Handler, bucket, key string) result {
	t.Helper()
	out, err := h.Invoke(t.Context(), fmt.Appendf(nil, `{"invocationSchemaVersion":"1.0","invocationId":"i","job":{"id":"j"},"tasks":[{"taskId":"t","s3Key":%q,"s3VersionId":null,"s3BucketArn":"arn:aws:s3:::%s"}]}`, key, bucket))
	if err != nil {
		t.Fatal(err)
	}
	var a struct{ Results []result }
	if err := json.Unmarshal(out, &a); err != nil || len(a.Results) != 1 {
		t.Fatalf("%s: %v", out, err)
	}
	return a.Results[0]
}

func zipped(parts ...string) []byte {
	var b bytes.Buffer
	for _, p := range parts {
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(p)) // a buffer never fails
		_ = z.Close()
	}
	return b.Bytes()
}

// posts are n JSON lines as the producer writes them.
func posts(from, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"id\":\"%d\",\"text\":\"what a lovely day number %d\",\"lang\":\"en\"}\n", from+i, from+i)
	}
	return b.String()
}

// read returns an object's content.
func read(t *testing.T, server *s3litetest.Server, key string) string {
	t.Helper()
	body, ok := server.Get(to.Bucket, key)
	if !ok {
		t.Fatalf("%s is not there; there are %v", key, server.Keys())
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestEveryPostOfAnObjectIsAccountedFor: the ids of the source are in the
// results once, as the project's own verification reads them.
func TestEveryPostOfAnObjectIsAccountedFor(t *testing.T) {
	bad := "{\"id\":\"bad\",\"text\":7}\n{\"id\":\"cut\",\n\n"
	for name, object := range map[string][]byte{
		"plain":         []byte(posts(0, 1500) + bad + posts(1500, 1000)),
		"gzip":          zipped(posts(0, 1500) + bad + posts(1500, 1000)),
		"gzip in parts": zipped(posts(0, 1500), bad, posts(1500, 1000)),
		"without end":   []byte(strings.TrimSuffix(posts(0, 2500), "\n") + "\r\n" + strings.TrimSuffix(bad, "\n\n")),
	} {
		server := s3litetest.New(t)
		server.Put("source", "2026/11/22/a b+.gz", object)
		r := run(t, handler(t, server, to), "source", "2026/11/22/a%20b%2B.gz")
		if r.ResultCode != "Succeeded" || r.ResultString != "2500 posts scored, 2 failed (no_text 1, bad_json 1)" {
			t.Fatalf("%s: %+v", name, r)
		}
		files := fstest.MapFS{}
		for _, key := range []string{"run-1/scored/source/2026/11/22/a b+.gz.jsonl.gz", "run-1/processing-failed/source/2026/11/22/a b+.gz.jsonl.gz"} {
			files[key] = &fstest.MapFile{Data: []byte(read(t, server, key))}
		}
		next, failed := 0, 0
		results, err := report.Read(files, func(l report.Line) error {
			switch {
			case l.Failed:
				failed++
			case l.ID != fmt.Sprint(next):
				return fmt.Errorf("id %s, want %d", l.ID, next)
			default:
				next++
			}
			return nil
		})
		if err != nil || next != 2500 || failed != 2 || results.Bad != 0 || results.Scored != 2500 {
			t.Errorf("%s: %d scored, %d failed, %+v, %v", name, next, failed, results.BadList, err)
		}
		at := 1501
		if name == "without end" {
			at = 2501
		}
		for i, raw := range []string{"{\"id\":\"bad\",\"text\":7}", "{\"id\":\"cut\","} {
			want := fmt.Sprintf(`"line":%d,"rawData":"%s"}`, at+i, base64.StdEncoding.EncodeToString([]byte(raw)))
			if got := read(t, server, "run-1/processing-failed/source/2026/11/22/a b+.gz.jsonl.gz"); !strings.Contains(got, want) {
				t.Errorf("%s: failed lines %s, want %s", name, got, want)
			}
		}
		if n := len(server.Keys()); n != 3 {
			t.Errorf("%s: objects %v", name, server.Keys())
		}
	}
}

func TestTheAnswersAreTheFunctions(t *testing.T) {
	server := s3litetest.New(t)
	server.Put("source", "k", []byte("so sad today\n\n   \n{\"text\":\"a \\u2603 day\",\"id\":9}\n"))
	h := handler(t, server, Target{Bucket: to.Bucket})
	if r := run(t, h, "source", "k"); r.ResultString != "2 posts scored, 0 failed" {
		t.Fatalf("%+v", r)
	}
	var want strings.Builder
	for _, event := range []string{`{"text":"so sad today"}`, `{"text":"a \u2603 day","id":9}`} {
		out, err := h.Invoke(t.Context(), []byte(event))
		if err != nil {
			t.Fatal(err)
		}
		want.WriteString(string(out) + "\n")
	}
	if got := read(t, server, "scored/source/k.jsonl.gz"); got != want.String() {
		t.Errorf("got %s want %s", got, want.String())
	}
	// Again: the same bytes in the same place.
	first, _ := server.Get(to.Bucket, "scored/source/k.jsonl.gz")
	run(t, h, "source", "k")
	if again, _ := server.Get(to.Bucket, "scored/source/k.jsonl.gz"); !bytes.Equal(first, again) || len(server.Keys()) != 2 {
		t.Errorf("a second run differs: %v", server.Keys())
	}
}

func TestFailuresLeaveNothing(t *testing.T) {
	whole := zipped(posts(0, 5000))
	corrupt := bytes.Clone(whole)
	corrupt[len(corrupt)/2] ^= 0xff
	for _, tt := range []struct {
		name       string
		key        string
		object     []byte
		status     int
		code, said string
	}{
		{"missing", "none", nil, 0, "PermanentFailure", "NoSuchKey"},
		{"cut gzip", "k", whole[:len(whole)-100], 0, "PermanentFailure", "no whole gzip file"},
		{"corrupt gzip", "k", corrupt, 0, "PermanentFailure", "no whole gzip file"},
		{"gzip header alone", "k", []byte("\x1f\x8b"), 0, "PermanentFailure", "no whole gzip file"},
		{"own result", "run-1/scored/x", nil, 0, "PermanentFailure", "is itself a result"},
		{"long key", strings.Repeat("k", 1000), nil, 0, "PermanentFailure", "choose a shorter BACKFILL_TO"},
		{"store refused", "k", whole, 403, "PermanentFailure", "AccessDenied"},
		{"store busy", "k", whole, 503, "TemporaryFailure", "AccessDenied"},
	} {
		server := s3litetest.New(t)
		if tt.object != nil {
			server.Put("results", tt.key, tt.object)
		}
		server.Fail(func(r *http.Request) (int, string) {
			if r.Method == http.MethodPut {
				return tt.status, "AccessDenied"
			}
			return 0, ""
		})
		before := len(server.Keys())
		r := run(t, handler(t, server, to), "results", tt.key)
		if r.ResultCode != tt.code || !strings.Contains(r.ResultString, tt.said) {
			t.Errorf("%s: %+v", tt.name, r)
		}
		if len(server.Keys()) != before || server.Open() != 0 {
			t.Errorf("%s: left %v", tt.name, server.Keys())
		}
	}
}

func TestAnObjectWithoutAGoodPostFails(t *testing.T) {
	server := s3litetest.New(t)
	long := strings.Repeat("x", function.MaxTextBytes+1)
	server.Put("source", "k", []byte("{\"a\":1}\n"+long+"\n{\n"))
	r := run(t, handler(t, server, to), "source", "k")
	if r.ResultCode != "PermanentFailure" || !strings.HasPrefix(r.ResultString, "0 posts scored, 3 failed (too_big 1, no_text 1, bad_json 1); see s3://results/run-1/processing-failed/source/k.jsonl.gz") {
		t.Errorf("%+v", r)
	}
	failed := read(t, server, "run-1/processing-failed/source/k.jsonl.gz")
	if strings.Count(failed, "\n") != 3 || !strings.Contains(failed, `"errorMessage":"too_big","line":2,"rawData":""}`) {
		t.Errorf("failed: %s", failed)
	}
	// One of no posts is fine.
	server.Put("source", "empty", nil)
	if r := run(t, handler(t, server, to), "source", "empty"); r.ResultCode != "Succeeded" || r.ResultString != "0 posts scored, 0 failed" {
		t.Errorf("%+v", r)
	}
}

// TestMemoryDoesNotGrowWithTheObject streams 96 MB of posts, packed to less than
// 1 MB, through a scorer that takes no time.
func TestMemoryDoesNotGrowWithTheObject(t *testing.T) {
	if testing.Short() {
		t.Skip("packs 96 MB")
	}
	const lines = 96 << 10
	server := s3litetest.New(t)
	server.Put("source", "k", zipped(strings.Repeat(strings.Repeat("a word ", 1024/7)+"\n", lines)))
	s := New(server.Client(t), to)
	var most, n uint64
	echo := func(_ context.Context, lines [][]byte, each func(int, []byte, function.Reason) error) error {
		if n++; n%16 == 0 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}
		for i := range lines {
			if err := each(i, []byte(`{"a":1}`), ""); err != nil {
				return err
			}
		}
		return nil
	}
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	said, err := s.Score(t.Context(), function.Task{Bucket: "source", Key: "k"}, echo)
	if err != nil || said != fmt.Sprintf("%d posts scored, 0 failed", lines) {
		t.Fatal(said, err)
	}
	if grown := int64(most) - int64(before.HeapAlloc); grown > 24<<20 {
		t.Errorf("%d MB more in use", grown>>20)
	}
}

func TestTheTimeOutIsToldBeforeItComes(t *testing.T) {
	server := s3litetest.New(t)
	server.Put("source", "k", []byte(posts(0, 10)))
	s := New(server.Client(t), to)
	ctx, cancel := context.WithTimeout(t.Context(), spare) // nothing is left of it
	defer cancel()
	_, err := s.Score(ctx, function.Task{Bucket: "source", Key: "k"}, func(ctx context.Context, _ [][]byte, _ func(int, []byte, function.Reason) error) error {
		return ctx.Err()
	})
	var later interface{ Temporary() bool }
	if !errors.As(err, &later) || !later.Temporary() || !strings.Contains(err.Error(), "time-out") || ctx.Err() != nil {
		t.Errorf("error %v", err)
	}
	if len(server.Keys()) != 1 {
		t.Errorf("left %v", server.Keys())
	}
}

func TestTargets(t *testing.T) {
	for text, want := range map[string]Target{
		"s3://b": {Bucket: "b"}, "s3://b/": {Bucket: "b"}, "s3://b/p/q/": {"b", "p/q"},
	} {
		if got, err := FromEnv(func(string) string { return text }); err != nil || got != want {
			t.Errorf("%s: %+v %v", text, got, err)
		}
	}
	for _, text := range []string{"", "b/p", "s3://", "s3:///p"} {
		if _, err := FromEnv(func(string) string { return text }); err == nil || !strings.Contains(err.Error(), "want s3://BUCKET/PREFIX") {
			t.Errorf("%s: error %v", text, err)
		}
	}
}

// BenchmarkScore scores gzip objects of 20,000 different posts.
func BenchmarkScore(b *testing.B) {
	const n = 20_000
	server := s3litetest.New(b)
	object := zipped(posts(0, n))
	server.Put("source", "k", object)
	h := handler(b, server, to)
	b.Run(fmt.Sprintf("posts=%d", n), func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if r := run(b, h, "source", "k"); r.ResultCode != "Succeeded" {
				b.Fatalf("%+v", r)
			}
		}
		b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "posts/s")
	})
}
