package awstarget_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"coldstream/internal/deliver"
	"coldstream/internal/deliver/awsfirehose"
	"coldstream/internal/deliver/awskinesis"
)

// lateConn is a connection to a server that answers before the writer of the
// request has come back from its last write, as on a busy machine.
type lateConn struct {
	net.Conn
	answered chan struct{}
	once     sync.Once
}

func (c *lateConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.once.Do(func() { close(c.answered) })
	return n, err
}

func (c *lateConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if bytes.HasSuffix(p, []byte("}")) {
		<-c.answered
		time.Sleep(100 * time.Millisecond) // the SDK closes the body meanwhile
	}
	return n, err
}

// TestAnAnswerBeforeTheRequestIsDone: the answer is read to its end, and the
// records are not taken for lost.
func TestAnAnswerBeforeTheRequestIsDone(t *testing.T) {
	const n = 500
	answer := `{"FailedRecordCount":0,"FailedPutCount":0,"Records":[` + list(`{"SequenceNumber":"`+strings.Repeat("9", 500)+`","ShardId":"shardId-000000000000"}`, n) +
		`],"RequestResponses":[` + list(`{"RecordId":"`+strings.Repeat("9", 500)+`"}`, n) + `]}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		io.WriteString(w, answer[:len(answer)/2])
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		time.Sleep(300 * time.Millisecond) // the rest comes after the request's writer is back
		io.WriteString(w, answer[len(answer)/2:])
	}))
	defer server.Close()
	cfg := aws.Config{
		Region: "eu-west-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
		HTTPClient: awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) {
			tr.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
				c, err := new(net.Dialer).DialContext(ctx, network, addr)
				return &lateConn{Conn: c, answered: make(chan struct{})}, err
			}
		}),
	}
	firehose, err := awsfirehose.New(t.Context(), cfg, "posts")
	if err != nil {
		t.Fatal(err)
	}
	kinesis, err := awskinesis.New(t.Context(), cfg, "posts")
	if err != nil {
		t.Fatal(err)
	}
	records := make([]deliver.Record, n)
	for i := range records {
		records[i] = deliver.Record{ID: "1", Data: []byte(`{"id":"1","text":"a post"}`)}
	}
	for name, to := range map[string]deliver.Putter{"firehose": firehose, "kinesis": kinesis} {
		if refusals, err := to.Put(t.Context(), records); err != nil || len(refusals) > 0 {
			t.Errorf("%s: %d refused, %v", name, len(refusals), err)
		}
	}
}

// list is s, n times, as the elements of a JSON array.
func list(s string, n int) string { return strings.TrimSuffix(strings.Repeat(s+",", n), ",") }
