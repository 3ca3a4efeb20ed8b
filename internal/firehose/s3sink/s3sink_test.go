package s3sink_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"coldstream/internal/firehose"
	"coldstream/internal/firehose/s3sink"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

var _ firehose.Sink = (*s3sink.Sink)(nil)

// bucket is an S3 endpoint that knows PUT, and refuses the first few.
type bucket struct {
	mu      sync.Mutex
	refuse  int
	objects map[string]string
	types   map[string]string
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse > 0 {
		b.refuse--
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>")
		return
	}
	if r.Method != http.MethodPut {
		w.WriteHeader(http.StatusNotImplemented)
		return
	}
	b.objects[r.URL.Path] = string(body)
	b.types[r.URL.Path] = r.Header.Get("Content-Type")
}

func client(t *testing.T, b *bucket, attempts int) *s3.Client {
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	return s3.New(s3.Options{
		Region:           "us-east-1",
		BaseEndpoint:     aws.String(server.URL),
		UsePathStyle:     true,
		Credentials:      credentials.NewStaticCredentialsProvider("id", "secret", ""),
		RetryMaxAttempts: attempts,
	})
}

func TestObjectsReachTheBucketWhole(t *testing.T) {
	b := &bucket{objects: map[string]string{}, types: map[string]string{}}
	sink := s3sink.New(client(t, b, 1), "posts")
	body := strings.Repeat("a line\n", 200_000)
	const key = "label=Neutral/2026/11/22/10/s-1-2026-11-22-10-00-00-x.gz"
	for key, body := range map[string]string{key: body, "empty": ""} {
		if err := sink.Put(context.Background(), key, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.objects["/posts/"+key]; got != body || b.types["/posts/"+key] != "application/octet-stream" {
		t.Errorf("stored %d bytes as %q, want %d", len(got), b.types["/posts/"+key], len(body))
	}
	if got, ok := b.objects["/posts/empty"]; !ok || got != "" {
		t.Errorf("empty object: %q, %v", got, ok)
	}
}

func TestErrorsNameTheObject(t *testing.T) {
	b := &bucket{refuse: 1}
	err := s3sink.New(client(t, b, 1), "posts").Put(context.Background(), "a/b", []byte("x"))
	if err == nil || !strings.Contains(err.Error(), "s3://posts/a/b") || !strings.Contains(err.Error(), "SlowDown") {
		t.Errorf("got %v", err)
	}
}

func TestStreamOutlastsARefusingBucket(t *testing.T) {
	b := &bucket{refuse: 3, objects: map[string]string{}, types: map[string]string{}}
	stream, err := firehose.NewStream(firehose.Config{Name: "s", Sink: s3sink.New(client(t, b, 1), "posts"), Bucket: "posts"})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(firehose.NewServer(stream))
	defer server.Close()
	request, _ := http.NewRequest(http.MethodPost, server.URL, strings.NewReader(`{"DeliveryStreamName":"s","Record":{"Data":"b25lCg=="}}`))
	request.Header.Set("X-Amz-Target", "Firehose_20150804.PutRecord")
	response, err := http.DefaultClient.Do(request)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatal(response, err)
	}
	response.Body.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := stream.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if s := stream.Stats(); s.SinkErrors != 3 || s.Delivered != 1 || len(b.objects) != 1 {
		t.Errorf("stats %+v, objects %q", s, b.objects)
	}
	for key, body := range b.objects {
		if body != "one\n" {
			t.Errorf("%s holds %q", key, body)
		}
	}
}
