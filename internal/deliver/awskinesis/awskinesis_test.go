package awskinesis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"coldstream/internal/deliver"
)

var _ deliver.Putter = (*Stream)(nil)

// request is a PutRecords request as it goes over the wire.
type request struct {
	StreamName, StreamARN *string
	Records               []struct {
		Data         []byte
		PartitionKey string
	}
}

// serve starts a fake service and returns a Stream called name that talks to it.
func serve(t *testing.T, name string, h func(w http.ResponseWriter, in request)) *Stream {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("X-Amz-Target"); got != "Kinesis_20131202.PutRecords" {
			t.Errorf("target %q", got)
		}
		var in request
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		h(w, in)
	}))
	t.Cleanup(server.Close)
	s, err := New(t.Context(), aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}, name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	io.WriteString(w, body)
}

// records makes n records with ids.
func records(n int) []deliver.Record {
	list := make([]deliver.Record, n)
	for i := range list {
		list[i] = deliver.Record{ID: fmt.Sprint("post-", i), Data: fmt.Appendf(nil, "{\"id\":\"post-%d\",\"text\":\"t\"}\n", i)}
	}
	return list
}

// mark returns how err is marked: the name of the function that marks so.
func mark(err error) string {
	for name, f := range map[string]func(error) error{"Permanent": deliver.Permanent, "NotAccepted": deliver.NotAccepted, "Poisoned": deliver.Poisoned} {
		if reflect.TypeOf(err) == reflect.TypeOf(f(io.EOF)) {
			return name
		}
	}
	return ""
}

// TestRefusedRecordsComeBack: two records fail under a 200, each for its own
// reason; all others were accepted.
func TestRefusedRecordsComeBack(t *testing.T) {
	s := serve(t, "posts", func(w http.ResponseWriter, in request) {
		if in.StreamName == nil || *in.StreamName != "posts" || in.StreamARN != nil || len(in.Records) != 500 {
			t.Errorf("request for %v, %v with %d records", in.StreamName, in.StreamARN, len(in.Records))
		}
		parts := make([]string, len(in.Records))
		for i, r := range in.Records {
			if want := fmt.Sprintf("{\"id\":\"post-%d\",\"text\":\"t\"}\n", i); string(r.Data) != want {
				t.Errorf("record %d has data %q", i, r.Data)
			}
			parts[i] = `{"SequenceNumber":"495","ShardId":"shardId-000000000000"}`
		}
		parts[7] = `{"ErrorCode":"ProvisionedThroughputExceededException","ErrorMessage":"Rate exceeded for shard shardId-000000000000."}`
		parts[499] = `{"ErrorCode":"InternalFailure"}`
		answer(w, 200, `{"FailedRecordCount":2,"Records":[`+strings.Join(parts, ",")+`]}`)
	})
	refusals, err := s.Put(t.Context(), records(500))
	want := []deliver.Refusal{
		{Index: 7, Reason: "ProvisionedThroughputExceededException: Rate exceeded for shard shardId-000000000000."},
		{Index: 499, Reason: "InternalFailure: "},
	}
	if err != nil || !reflect.DeepEqual(refusals, want) {
		t.Errorf("%+v, %v", refusals, err)
	}
}

func TestStreamsMayBeNamedByARN(t *testing.T) {
	const arn = "arn:aws:kinesis:us-east-1:123456789012:stream/posts"
	s := serve(t, arn, func(w http.ResponseWriter, in request) {
		if in.StreamName != nil || in.StreamARN == nil || *in.StreamARN != arn {
			t.Errorf("request for %v, %v", in.StreamName, in.StreamARN)
		}
		answer(w, 200, `{"FailedRecordCount":0,"Records":[{"SequenceNumber":"1","ShardId":"s"}]}`)
	})
	if refusals, err := s.Put(t.Context(), records(1)); refusals != nil || err != nil {
		t.Errorf("%v, %v", refusals, err)
	}
}

// TestKeysSpreadOverTheShards: a key is the same every time and for every run,
// and the keys of numbered posts fill 16 shards evenly.
func TestKeysSpreadOverTheShards(t *testing.T) {
	shards := make(map[byte]int)
	const n = 16_000
	for i := range n {
		key := *partitionKey(deliver.Record{ID: fmt.Sprint(i)})
		if len(key) != keyBytes {
			t.Fatalf("key %q", key)
		}
		shards[key[0]]++
	}
	for c, got := range shards {
		if got < n/16/2 || got > n/16*2 {
			t.Errorf("%d of %d keys begin with %c", got, n, c)
		}
	}
	one, two := deliver.Record{ID: "1", Data: []byte("a")}, deliver.Record{ID: "1", Data: []byte("b")}
	if key := *partitionKey(one); key != *partitionKey(two) || key != "af63ac4c86019afc" {
		t.Errorf("keys %s and %s of one id", key, *partitionKey(two))
	}
	one.ID, two.ID = "", ""
	if *partitionKey(one) == *partitionKey(two) {
		t.Error("records without ids share a key")
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	for _, c := range []struct {
		status       int
		code, reason string
		want         string
	}{
		{400, "ResourceNotFoundException", "Stream posts under account 1 not found.", "Permanent"},
		{400, "AccessDeniedException", "User is not authorized to perform kinesis:PutRecords.", "Permanent"},
		{400, "KMSDisabledException", "The key is disabled.", "Permanent"},
		{403, "InvalidSignatureException", "The signature does not match.", "Permanent"},
		{400, "ValidationException", "1 validation error detected.", "Poisoned"},
		{400, "InvalidArgumentException", "Records exceeds 5 MB.", "Poisoned"},
		{413, "RequestEntityTooLarge", "Too large.", "Poisoned"},
		{400, "ProvisionedThroughputExceededException", "Slow down.", "NotAccepted"},
		{400, "LimitExceededException", "Slow down.", "NotAccepted"},
		{400, "KMSThrottlingException", "Slow down.", "NotAccepted"},
		{400, "ThrottlingException", "Slow down.", "NotAccepted"},
		{429, "TooManyRequestsException", "Slow down.", "NotAccepted"},
		{503, "ServiceUnavailable", "Slow down.", "NotAccepted"},
		{400, "RequestTimeoutException", "Too slow.", ""},
		{500, "InternalFailure", "Oops.", ""},
		{502, "BadGateway", "Oops.", ""},
	} {
		requests := 0
		s := serve(t, "posts", func(w http.ResponseWriter, in request) {
			requests++
			answer(w, c.status, `{"__type":"`+c.code+`","message":"`+c.reason+`"}`)
		})
		_, err := s.Put(t.Context(), records(2))
		if want := "stream posts: " + c.code + ": " + c.reason; err == nil || err.Error() != want || mark(err) != c.want || requests != 1 {
			t.Errorf("%d %s: %v, marked %q, want %q; %d requests", c.status, c.code, err, mark(err), c.want, requests)
		}
	}
}

// TestALateAnswerIsNone: nothing is known about the records then.
func TestALateAnswerIsNone(t *testing.T) {
	late := make(chan bool)
	defer close(late)
	s := serve(t, "posts", func(w http.ResponseWriter, in request) { <-late })
	s.Timeout = time.Millisecond
	if _, err := s.Put(t.Context(), records(1)); !errors.Is(err, context.DeadlineExceeded) || mark(err) != "" {
		t.Errorf("got %v, marked %q", err, mark(err))
	}
}

func TestShortAnswerIsAnError(t *testing.T) {
	s := serve(t, "posts", func(w http.ResponseWriter, in request) {
		answer(w, 200, `{"FailedRecordCount":0,"Records":[{"SequenceNumber":"1","ShardId":"s"}]}`)
	})
	if _, err := s.Put(t.Context(), records(2)); err == nil || mark(err) != "" || !strings.Contains(err.Error(), "answered for 1 of 2 records") {
		t.Errorf("got %v", err)
	}
}

// TestLimits: what package deliver makes at most is below the limits, and what
// is above them is refused here.
func TestLimits(t *testing.T) {
	if deliver.MaxRecords > maxRecords || deliver.MaxRecordBytes+keyBytes > maxRecordBytes ||
		deliver.MaxBatchBytes/4*3+deliver.MaxRecords*keyBytes > maxRequestBytes {
		t.Error("batches of package deliver do not fit")
	}
	s := serve(t, "posts", func(w http.ResponseWriter, in request) {
		t.Error("a request over the limits was sent")
		answer(w, 400, `{"__type":"ValidationException","message":"too much"}`)
	})
	big := deliver.Record{ID: "big", Data: make([]byte, maxRecordBytes-keyBytes)}
	over := deliver.Record{ID: "over", Data: make([]byte, maxRecordBytes-keyBytes+1)}
	for name, list := range map[string][]deliver.Record{"record": {over}, "records": records(501), "bytes": {big, big, big, big, big, records(1)[0]}} {
		if _, err := s.Put(t.Context(), list); mark(err) != "Poisoned" || !strings.Contains(err.Error(), "more than") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestUnreachableServiceIsNamed(t *testing.T) {
	s, err := New(t.Context(), aws.Config{Region: "us-east-1", BaseEndpoint: aws.String("http://127.0.0.1:1"), Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}, "posts")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = s.Put(t.Context(), records(1)); err == nil || err.Error() != "stream posts: http://127.0.0.1:1/: dial tcp 127.0.0.1:1: connect: connection refused" {
		t.Errorf("got %v", err)
	}
}

func TestWhatCannotBeAStreamIsRefused(t *testing.T) {
	for _, name := range []string{"", "a b", "posts/1", strings.Repeat("a", 129), "arn:aws:firehose:us-east-1:123456789012:deliverystream/posts", "arn:aws:kinesis:us-east-1:1:stream/posts"} {
		if _, err := New(t.Context(), aws.Config{Region: "us-east-1"}, name); err == nil || !strings.Contains(err.Error(), "want a name") {
			t.Errorf("%q: got %v", name, err)
		}
	}
}

func TestMissingRegionAndCredentialsAreSaid(t *testing.T) {
	if _, err := New(t.Context(), aws.Config{}, "posts"); err == nil || !strings.Contains(err.Error(), "AWS_REGION") {
		t.Errorf("got %v", err)
	}
	if _, err := New(t.Context(), aws.Config{Region: "us-east-1"}, "posts"); err == nil || !strings.Contains(err.Error(), "credentials") {
		t.Errorf("got %v", err)
	}
	broken := errors.New("no role")
	cfg := aws.Config{Region: "us-east-1", Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, broken })}
	if _, err := New(t.Context(), cfg, "posts"); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
