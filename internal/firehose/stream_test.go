package firehose_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"coldstream/internal/firehose"
	"coldstream/internal/runtimeapi"
	"coldstream/internal/runtimeapi/bootstraptest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/klauspost/compress/gzip"
)

func TestMain(m *testing.M) { bootstraptest.Main(m) }

// newStream makes a stream of the name "posts", closed at the end of the test.
func newStream(t *testing.T, c firehose.Config) *firehose.Stream {
	t.Helper()
	if c.Name == "" {
		c.Name = "posts"
	}
	s, err := firehose.NewStream(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		s.Close(ended)
	})
	return s
}

// serve returns a real client of the streams.
func serve(t *testing.T, streams ...*firehose.Stream) (*sdk.Client, *firehose.Server, *httptest.Server) {
	t.Helper()
	handler := firehose.NewServer(streams...)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	client := sdk.New(sdk.Options{
		Region:           "us-east-1",
		BaseEndpoint:     aws.String(server.URL),
		Credentials:      credentials.NewStaticCredentialsProvider("id", "secret", ""),
		RetryMaxAttempts: 1,
		HTTPClient:       &http.Client{Transport: &whole{server.Client().Transport}},
	})
	return client, handler, server
}

// whole is a transport that is done with a request and its answer when it
// returns. The SDK closes the body of a request while the connection may still
// be at it, which breaks the connection once in a few hundred requests on a
// busy machine; a test that counts records cannot have the SDK send them again.
type whole struct{ http.RoundTripper }

func (w *whole) RoundTrip(r *http.Request) (*http.Response, error) {
	sent, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(sent))
	resp, err := w.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	received, err := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(bytes.NewReader(received))
	return resp, err
}

// putAll sends the texts in requests of at most 500 and fails unless each is
// accepted.
func putAll(t *testing.T, client *sdk.Client, texts []string) {
	t.Helper()
	for chunk := range slices.Chunk(texts, firehose.MaxRecords) {
		out, err := putBatch(client, chunk...)
		if err != nil || *out.FailedPutCount != 0 {
			t.Fatal(out, err)
		}
	}
}

func putBatch(client *sdk.Client, texts ...string) (*sdk.PutRecordBatchOutput, error) {
	records := make([]types.Record, len(texts))
	for i, text := range texts {
		records[i].Data = []byte(text)
	}
	return client.PutRecordBatch(context.Background(), &sdk.PutRecordBatchInput{DeliveryStreamName: aws.String("posts"), Records: records})
}

func drain(t *testing.T, s *firehose.Stream) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := s.Drain(ctx); err != nil {
		t.Fatal(err)
	}
}

// checkStats checks what holds at every moment, and that nothing is buffered.
func checkStats(t *testing.T, s *firehose.Stream, accepted int) firehose.Stats {
	t.Helper()
	stats := s.Stats()
	if stats.Buffered() != 0 || stats.Accepted != int64(accepted) {
		t.Errorf("%d records sent, stats %+v", accepted, stats)
	}
	return stats
}

// memory is a sink that fails as often as fail says.
type memory struct {
	mu      sync.Mutex
	fail    int
	objects map[string][]byte
	order   []string
}

func (m *memory) Put(ctx context.Context, key string, body []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != 0 {
		m.fail--
		return errors.New("sink is out of order")
	}
	if m.objects == nil {
		m.objects = map[string][]byte{}
	}
	if m.objects[key] != nil {
		return fmt.Errorf("%s twice", key)
	}
	m.objects[key] = bytes.Clone(body)
	m.order = append(m.order, key)
	return nil
}

func (m *memory) keys() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.objects))
}

// lines returns the lines of all objects that are errors, or are not.
func (m *memory) lines(t *testing.T, failed bool) []string {
	t.Helper()
	var all []string
	for _, key := range m.keys() {
		if strings.Contains(key, "processing-failed/") == failed {
			for line := range strings.Lines(string(m.objects[key])) {
				all = append(all, strings.TrimSuffix(line, "\n"))
			}
		}
	}
	return all
}

// local starts environments of testdata/transform.
func local(t *testing.T, n int) *runtimeapi.Pool {
	t.Helper()
	p, err := runtimeapi.StartPool(context.Background(), n, runtimeapi.Options{
		Bootstrap: bootstraptest.Build(t, "testdata/transform"), InitTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

type errorLine struct {
	AttemptsMade           int
	ArrivalTimestamp       int64
	ErrorCode              string
	ErrorMessage           string
	AttemptEndingTimestamp int64
	RawData                []byte
	LambdaArn              string
}

func parseErrorLine(t *testing.T, line string) errorLine {
	t.Helper()
	var e errorLine
	d := json.NewDecoder(strings.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	return e
}

// TestEveryRecordEndsInOneObject sends records of every fate through a real
// process and looks each of them up in the delivered files.
func TestEveryRecordEndsInOneObject(t *testing.T) {
	fates := map[string]string{ // to the error code; "" is Ok, "-" leaves no trace
		"plain": "", "nokey": "", "evilkey": "",
		"drop": "-", "fail": "Lambda.ProcessingFailedStatus", "missing": "Lambda.MissingRecordId", "double": "Lambda.DuplicatedRecordId",
		"stranger": "Lambda.MissingRecordId", "nodata": "Lambda.InvalidReturnFormat", "notbase64": "Lambda.InvalidReturnFormat",
		"noresult": "Lambda.InvalidReturnFormat",
	}
	words := slices.Sorted(maps.Keys(fates))
	for _, c := range []struct {
		name       string
		partitions bool
		gzip       bool
		instances  int
	}{
		{"one environment", false, false, 1},
		{"three environments, gzip", false, true, 3},
		{"partitions", true, true, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			random := rand.New(rand.NewPCG(seed, 1))
			pool := local(t, c.instances)
			dir := t.TempDir()
			sink, err := firehose.OpenDirectory(dir)
			if err != nil {
				t.Fatal(err)
			}
			config := firehose.Config{Sink: sink, GZIP: c.gzip, Buffer: firehose.Buffer{Bytes: 1 << 20, Interval: time.Minute},
				Transform: &firehose.Transform{Invoke: pool.Invoke, ARN: "arn:of:it", Concurrency: pool.Len(), Buffer: firehose.Buffer{Bytes: 200_000, Interval: time.Minute}}}
			want := maps.Clone(fates)
			if c.partitions {
				config.Prefix = "label=!{partitionKeyFromLambda:label}/!{timestamp:yyyy}/"
				config.ErrorPrefix = "bad/!{firehose:error-output-type}/"
				want["nokey"], want["evilkey"] = "DynamicPartitioning.MetadataExtractionFailed", "DynamicPartitioning.MetadataExtractionFailed"
			}
			stream := newStream(t, config)
			client, _, _ := serve(t, stream)

			var texts []string
			expected := map[string]string{} // text to error code
			for i := range 4000 {
				word := words[random.IntN(len(words))]
				text := fmt.Sprintf("%s %d %s", word, i, strings.Repeat("é", random.IntN(200)))
				texts = append(texts, text)
				if want[word] != "-" {
					expected[text] = want[word]
				}
			}
			before := time.Now()
			putAll(t, client, texts)
			drain(t, stream)

			found := map[string]string{}
			see := func(text, code string) {
				if _, twice := found[text]; twice {
					t.Errorf("%.20q twice", text)
				}
				found[text] = code
			}
			files := 0
			filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				files++
				key, _ := filepath.Rel(dir, path)
				for line := range strings.Lines(readObject(t, path)) {
					line = strings.TrimSuffix(line, "\n")
					if strings.Contains(key, "processing-failed/") {
						e := parseErrorLine(t, line)
						if e.AttemptsMade != 1 || e.LambdaArn != "arn:of:it" || e.ErrorMessage == "" ||
							e.ArrivalTimestamp < before.UnixMilli() || e.AttemptEndingTimestamp < e.ArrivalTimestamp {
							t.Errorf("error line %+v", e)
						}
						see(string(e.RawData), e.ErrorCode)
						continue
					}
					text := strings.TrimSuffix(strings.TrimPrefix(line, "<"), ">")
					see(text, "")
					if word, _, _ := strings.Cut(text, " "); c.partitions && !strings.HasPrefix(filepath.ToSlash(key), "label="+word+"/"+before.UTC().Format("2006/")) {
						t.Errorf("%.20q in %s", text, key)
					}
				}
				return nil
			})
			if !maps.Equal(found, expected) {
				for text, code := range expected {
					if got, ok := found[text]; !ok || got != code {
						t.Errorf("%.20q: got %q (%v), want %q", text, got, ok, code)
						break
					}
				}
				t.Errorf("%d records found, %d expected", len(found), len(expected))
			}
			stats := checkStats(t, stream, len(texts))
			if stats.Objects+stats.ErrorObjects != int64(files) || stats.Delivered != stats.Transformed || stats.FailedDelivered != stats.Failed ||
				stats.Delivered+stats.FailedDelivered != int64(len(found)) || stats.Dropped != int64(len(texts)-len(found)) || stats.InvocationErrors != 0 {
				t.Errorf("stats %+v for %d files", stats, files)
			}
		})
	}
}

func readObject(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(path, ".gz") {
		return string(b)
	}
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	b, err = io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestArrivalOrderIsKept has later batches done before earlier ones.
func TestArrivalOrderIsKept(t *testing.T) {
	sink := &memory{}
	invoke := func(ctx context.Context, payload []byte) (runtimeapi.Result, error) {
		time.Sleep(rand.N(5 * time.Millisecond))
		return echo(payload), nil
	}
	stream := newStream(t, firehose.Config{Sink: sink, Transform: &firehose.Transform{Invoke: invoke, Concurrency: 8, Buffer: firehose.Buffer{Bytes: 200_000}}})
	client, _, _ := serve(t, stream)
	var texts []string
	for i := range 300 {
		texts = append(texts, fmt.Sprintf("%d", i))
		if len(texts)%10 == 0 {
			putAll(t, client, texts[i-9:])
		}
	}
	drain(t, stream)
	checkStats(t, stream, len(texts))
	var got strings.Builder
	for _, key := range sink.order {
		got.Write(sink.objects[key])
	}
	if want := strings.Join(texts, ""); got.String() != want {
		t.Errorf("got %q, want %q", got.String(), want)
	}
}

// echo answers Ok with the data as it came.
func echo(payload []byte) runtimeapi.Result {
	var event struct {
		Records []map[string]any `json:"records"`
	}
	if err := json.Unmarshal(payload, &event); err != nil {
		panic(err)
	}
	for _, r := range event.Records {
		r["result"] = "Ok"
	}
	answer, err := json.Marshal(event)
	if err != nil {
		panic(err)
	}
	return runtimeapi.Result{Payload: answer}
}

func TestFailedInvocationsAreRetried(t *testing.T) {
	for failures := range 6 {
		t.Run(fmt.Sprintf("failures=%d", failures), func(t *testing.T) {
			sink := &memory{}
			var ids, ended []string
			invoke := func(ctx context.Context, payload []byte) (runtimeapi.Result, error) {
				id, rest, _ := strings.Cut(string(payload), `","deliveryStreamArn"`)
				ids, ended = append(ids, id), append(ended, rest)
				switch {
				case len(ids) > failures:
					return echo(payload), nil
				case len(ids)%2 == 1:
					return runtimeapi.Result{FunctionError: runtimeapi.Unhandled, Payload: []byte(`{"errorType":"Boom","errorMessage":"boom"}`),
						Report: runtimeapi.Report{ErrorType: "Boom"}}, nil
				default:
					return runtimeapi.Result{}, errors.New("throttled")
				}
			}
			stream := newStream(t, firehose.Config{Sink: sink, Transform: &firehose.Transform{Invoke: invoke, Backoff: time.Microsecond}})
			client, _, _ := serve(t, stream)
			putAll(t, client, []string{"a\n", "b\n"})
			drain(t, stream)
			stats := checkStats(t, stream, 2)
			if want := int64(min(failures, 4)); stats.InvocationErrors != want || stats.Invocations != min(want+1, 4) {
				t.Errorf("stats %+v", stats)
			}
			slices.Sort(ids)
			if len(slices.Compact(slices.Clone(ids))) != len(ids) || len(slices.Compact(ended)) != 1 {
				t.Errorf("attempts differ in more than the invocation id: %q", ids)
			}
			if failures < 4 {
				if got := sink.lines(t, false); !slices.Equal(got, []string{"a", "b"}) || stats.Failed != 0 {
					t.Errorf("delivered %q", got)
				}
				return
			}
			lines := sink.lines(t, true)
			if len(lines) != 2 || len(sink.lines(t, false)) != 0 {
				t.Fatalf("error lines %q", lines)
			}
			for i, raw := range []string{"a\n", "b\n"} {
				e := parseErrorLine(t, lines[i])
				if e.AttemptsMade != 4 || e.ErrorCode != "Lambda.FunctionError" || !strings.Contains(e.ErrorMessage, "throttled") || string(e.RawData) != raw {
					t.Errorf("error line %+v", e)
				}
			}
		})
	}
}

func TestCrashingFunctionLosesNothing(t *testing.T) {
	pool := local(t, 1)
	sink := &memory{}
	stream := newStream(t, firehose.Config{Sink: sink, Transform: &firehose.Transform{Invoke: pool.Invoke, Backoff: time.Millisecond, Retries: 1}})
	client, _, _ := serve(t, stream)
	putAll(t, client, []string{"plain 1", "crash 2", "plain 3"})
	drain(t, stream)
	putAll(t, client, []string{"error 4"})
	drain(t, stream)
	putAll(t, client, []string{"plain 5"})
	drain(t, stream)
	var raw []string
	for _, line := range sink.lines(t, true) {
		e := parseErrorLine(t, line)
		raw = append(raw, string(e.RawData))
		want := "Runtime.ExitError: "
		if string(e.RawData) == "error 4" {
			want = "asked to fail"
		}
		if e.AttemptsMade != 2 || !strings.Contains(e.ErrorMessage, want) {
			t.Errorf("error line %+v", e)
		}
	}
	slices.Sort(raw)
	if !slices.Equal(raw, []string{"crash 2", "error 4", "plain 1", "plain 3"}) || !slices.Equal(sink.lines(t, false), []string{"<plain 5>"}) {
		t.Errorf("failed %q, delivered %q", raw, sink.lines(t, false))
	}
	checkStats(t, stream, 5)
}

// TestEventsStayWithinAnInvocation: records of one byte grow most on their way
// into the event.
func TestEventsStayWithinAnInvocation(t *testing.T) {
	sink := &memory{}
	var largest, records int
	invoke := func(ctx context.Context, payload []byte) (runtimeapi.Result, error) {
		largest = max(largest, len(payload))
		records += bytes.Count(payload, []byte("recordId"))
		return runtimeapi.Result{Payload: []byte("{}")}, nil
	}
	stream := newStream(t, firehose.Config{Sink: sink, MaxBuffered: 1 << 30,
		Transform: &firehose.Transform{Invoke: invoke, Buffer: firehose.Buffer{Bytes: 3 << 20, Interval: time.Minute}}})
	client, _, _ := serve(t, stream)
	texts := slices.Repeat([]string{"x"}, 500)
	for range 100 {
		putAll(t, client, texts)
	}
	drain(t, stream)
	checkStats(t, stream, 100*500)
	if largest > runtimeapi.MaxPayload || largest < runtimeapi.MaxPayload*3/4 {
		t.Errorf("largest event has %d bytes", largest)
	}
	if records != 100*500 {
		t.Errorf("%d records in the events", records)
	}
}

func TestSinkFailuresAreRetriedUntilStored(t *testing.T) {
	sink := &memory{fail: 3}
	stream := newStream(t, firehose.Config{Sink: sink})
	client, _, _ := serve(t, stream)
	putAll(t, client, []string{"a\n", "b\n"})
	drain(t, stream)
	stats := checkStats(t, stream, 2)
	if !slices.Equal(sink.lines(t, false), []string{"a", "b"}) || stats.SinkErrors != 3 || stats.Objects != 1 || stats.Bytes != 4 ||
		!strings.Contains(stats.LastError, "out of order") {
		t.Errorf("stats %+v, objects %q", stats, sink.objects)
	}
}

func TestDrainAndCloseTellWhatIsLeft(t *testing.T) {
	sink := &memory{fail: -1}
	stream := newStream(t, firehose.Config{Sink: sink})
	client, _, _ := serve(t, stream)
	putAll(t, client, []string{"a", "b", "c"})
	short := func() context.Context {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	for _, end := range []func(context.Context) error{stream.Drain, stream.Close} {
		err := end(short())
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "3 records") || !strings.Contains(err.Error(), "out of order") {
			t.Errorf("got %v", err)
		}
	}
	if s := stream.Stats(); s.Accepted != 3 || s.Buffered() != 3 {
		t.Errorf("stats %+v", s)
	}
	if out, err := putBatch(client, "late"); err != nil || *out.FailedPutCount != 1 || *out.RequestResponses[0].ErrorCode != "ServiceUnavailableException" {
		t.Errorf("a closed stream answers %+v, %v", out, err)
	}
	if err := stream.Drain(context.Background()); err == nil || !strings.Contains(err.Error(), "3 records not delivered: the stream is closed") {
		t.Errorf("drain after close: %v", err)
	}
}

func TestObjectNamesAreTheServices(t *testing.T) {
	sink := &memory{}
	stream := newStream(t, firehose.Config{Sink: sink, GZIP: true})
	client, _, _ := serve(t, stream)
	before := time.Now().UTC()
	putAll(t, client, []string{"a"})
	drain(t, stream)
	want := regexp.MustCompile(`^(\d{4}/\d\d/\d\d/\d\d)/posts-1-(\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d)-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\.gz$`)
	keys := sink.keys()
	m := want.FindStringSubmatch(keys[0])
	if len(keys) != 1 || m == nil {
		t.Fatalf("keys %q", keys)
	}
	at, err := time.Parse("2006-01-02-15-04-05", m[2])
	if err != nil || at.Before(before.Truncate(time.Second)) || at.After(time.Now()) || at.Format("2006/01/02/15") != m[1] {
		t.Errorf("key %s at %v", keys[0], before)
	}
}

func TestFullBuffersPushBack(t *testing.T) {
	release := make(chan struct{})
	invoke := func(ctx context.Context, payload []byte) (runtimeapi.Result, error) {
		select {
		case <-release:
			return echo(payload), nil
		case <-ctx.Done():
			return runtimeapi.Result{}, ctx.Err()
		}
	}
	const limit = 2 << 20
	sink := &memory{}
	stream := newStream(t, firehose.Config{Sink: sink, MaxBuffered: limit, Transform: &firehose.Transform{Invoke: invoke}})
	client, _, _ := serve(t, stream)
	texts := slices.Repeat([]string{strings.Repeat("x", 40_000)}, 20)
	accepted, refused := 0, 0
	for refused == 0 {
		out, err := putBatch(client, texts...)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range out.RequestResponses {
			switch {
			case r.ErrorCode == nil && refused > 0:
				t.Fatal("a later record overtook a refused one")
			case r.ErrorCode == nil:
				accepted++
			case *r.ErrorCode == "ServiceUnavailableException" && r.RecordId == nil:
				refused++
			default:
				t.Fatalf("%+v", r)
			}
		}
	}
	if held := accepted * 40_000; held > limit || held < limit/2 {
		t.Errorf("%d bytes buffered, limit %d", held, limit)
	}
	close(release)
	drain(t, stream)
	if stats := checkStats(t, stream, accepted); stats.Refused != int64(refused) {
		t.Errorf("stats %+v", stats)
	}
	putAll(t, client, texts)
	drain(t, stream)
}

// TestBuffersFullOfWaitingRecordsEmptyThemselves: nothing is in flight, and the
// interval is long.
func TestBuffersFullOfWaitingRecordsEmptyThemselves(t *testing.T) {
	sink := &memory{}
	stream := newStream(t, firehose.Config{Sink: sink, MaxBuffered: 2 << 20, Buffer: firehose.Buffer{Bytes: 128 << 20, Interval: 15 * time.Minute}})
	client, _, _ := serve(t, stream)
	text := strings.Repeat("x", 500_000)
	for accepted := 0; accepted < 10; {
		out, err := putBatch(client, text)
		if err != nil {
			t.Fatal(err)
		}
		if *out.FailedPutCount == 0 {
			accepted++
		}
	}
	drain(t, stream)
	checkStats(t, stream, 10)
}

// BenchmarkPutRecordBatch is the way of a full request of posts from the socket
// to a sink that costs nothing.
func BenchmarkPutRecordBatch(b *testing.B) {
	for _, transform := range []bool{false, true} {
		b.Run(fmt.Sprintf("transform=%v", transform), func(b *testing.B) {
			config := firehose.Config{Name: "posts", Sink: discard{}, MaxBuffered: 1 << 30, Buffer: firehose.Buffer{Bytes: 5 << 20, Interval: time.Minute}}
			if transform {
				config.Transform = &firehose.Transform{Invoke: echoFunction}
			}
			stream, err := firehose.NewStream(config)
			if err != nil {
				b.Fatal(err)
			}
			server := httptest.NewServer(firehose.NewServer(stream))
			defer server.Close()
			body := `{"DeliveryStreamName":"posts","Records":[` + strings.Repeat(`{"Data":"`+strings.Repeat("eHh4", 80)+`"},`, 499) + `{"Data":""}]}`
			b.ReportAllocs()
			for b.Loop() {
				request, _ := http.NewRequest(http.MethodPost, server.URL, strings.NewReader(body))
				request.Header.Set("X-Amz-Target", "Firehose_20150804.PutRecordBatch")
				response, err := http.DefaultClient.Do(request)
				if err != nil || response.StatusCode != http.StatusOK {
					b.Fatal(response, err)
				}
				io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
			if err := stream.Close(context.Background()); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N*500)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

type discard struct{}

func (discard) Put(context.Context, string, []byte) error { return nil }
