package awsfirehose

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"coldstream/internal/deliver"
	"coldstream/internal/source"
)

// serve starts a fake service and returns a Stream that talks to it.
func serve(t *testing.T, h http.HandlerFunc) *Stream {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	s, err := New(t.Context(), aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}, "posts")
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

// TestPartialFailureIsMendedOverTheWire: the second record of the first request
// fails under a 200, the next request is a 503; all arrive once.
func TestPartialFailureIsMendedOverTheWire(t *testing.T) {
	received := make(map[string]int)
	requests := 0
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("X-Amz-Target"); got != "Firehose_20150804.PutRecordBatch" {
			t.Errorf("target %q", got)
		}
		var in struct {
			DeliveryStreamName string
			Records            []struct{ Data []byte }
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.DeliveryStreamName != "posts" {
			t.Errorf("request %+v, %v", in, err)
		}
		requests++
		if requests == 2 {
			answer(w, 503, `{"__type":"ServiceUnavailableException","message":"Slow down."}`)
			return
		}
		failed, parts := 0, make([]string, len(in.Records))
		for i, rec := range in.Records {
			parts[i] = `{"RecordId":"r"}`
			if requests == 1 && i == 1 {
				failed++
				parts[i] = `{"ErrorCode":"ServiceUnavailableException","ErrorMessage":"Slow down."}`
				continue
			}
			var post struct{ ID string }
			if err := json.Unmarshal(rec.Data, &post); err != nil {
				t.Error(err)
			}
			received[post.ID]++
		}
		answer(w, 200, `{"FailedPutCount":`+string(rune('0'+failed))+`,"RequestResponses":[`+strings.Join(parts, ",")+`]}`)
	})
	src, err := source.NewSample(3, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := deliver.Run(t.Context(), src, s, deliver.Options{Linger: time.Millisecond, MinDelay: time.Microsecond})
	if err != nil || c.Delivered != 3 || c.Requests != 3 {
		t.Errorf("%+v, %v", c, err)
	}
	for id, n := range received {
		if n != 1 {
			t.Errorf("%s arrived %d times", id, n)
		}
	}
	if len(received) != 3 {
		t.Errorf("got %v", received)
	}
}

func TestRefusedRequestsEndTheRun(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		answer(w, 400, `{"__type":"ResourceNotFoundException","message":"Firehose posts under account 1 not found."}`)
	})
	src, err := source.NewSample(3, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := deliver.Run(t.Context(), src, s, deliver.Options{Linger: time.Millisecond})
	want := "stream posts: ResourceNotFoundException: Firehose posts under account 1 not found."
	if err == nil || err.Error() != want || c.Requests != 1 || c.Unsent != 3 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestShortAnswerIsAnError(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		answer(w, 200, `{"FailedPutCount":0,"RequestResponses":[{"RecordId":"r"}]}`)
	})
	_, err := s.Put(t.Context(), []deliver.Record{{Data: []byte("a")}, {Data: []byte("b")}})
	if err == nil || !strings.Contains(err.Error(), "answered for 1 of 2 records") {
		t.Errorf("got %v", err)
	}
}

func TestUnreachableServiceIsNamed(t *testing.T) {
	s, err := New(t.Context(), aws.Config{Region: "us-east-1", BaseEndpoint: aws.String("http://127.0.0.1:1"), Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}, "posts")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = s.Put(t.Context(), []deliver.Record{{Data: []byte("a")}}); err == nil || err.Error() != "stream posts: http://127.0.0.1:1/: dial tcp 127.0.0.1:1: connect: connection refused" {
		t.Errorf("got %v", err)
	}
}

func TestMissingRegionAndCredentialsAreSaid(t *testing.T) {
	if _, err := New(t.Context(), aws.Config{}, "posts"); err == nil || !strings.Contains(err.Error(), "AWS_REGION") {
		t.Errorf("got %v", err)
	}
	if _, err := New(t.Context(), aws.Config{Region: "us-east-1"}, "posts"); err == nil || !strings.Contains(err.Error(), "credentials") {
		t.Errorf("got %v", err)
	}
}
