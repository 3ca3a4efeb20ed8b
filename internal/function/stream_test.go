package function

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"coldstream/internal/deliver"
	"coldstream/internal/deliver/awsfirehose"
	"coldstream/internal/firehose"
	"coldstream/internal/report"
	"coldstream/internal/runtimeapi"
)

// TestPackedPostsThroughAStream sends packed records over the wire into a local
// delivery stream with this function, and verifies the objects: every post is
// scored once, or named as one of a record that failed.
func TestPackedPostsThroughAStream(t *testing.T) {
	handlers := map[string]*Handler{
		"model":    NewHandler(&fakeScorer{refuse: "poison"}, nil),
		"endpoint": NewRemoteHandler(&fakeRemote{refuse: "poison"}, nil),
	}
	for name, h := range handlers {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			sink, err := firehose.OpenDirectory(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer sink.Close()
			stream, err := firehose.NewStream(firehose.Config{
				Name: "posts", Sink: sink,
				Transform: &firehose.Transform{Invoke: func(ctx context.Context, payload []byte) (runtimeapi.Result, error) {
					answer, err := h.Invoke(ctx, payload)
					return runtimeapi.Result{Payload: answer}, err
				}},
			})
			if err != nil {
				t.Fatal(err)
			}
			server := httptest.NewServer(firehose.NewServer(stream))
			defer server.Close()
			to, err := awsfirehose.New(t.Context(), aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}, "posts")
			if err != nil {
				t.Fatal(err)
			}

			const packed, perRecord = 40, 16
			var records []deliver.Record
			var sent strings.Builder
			add := func(format string, ids ...string) {
				data := ""
				for _, id := range ids {
					data += fmt.Sprintf(format+"\n", id)
					fmt.Fprintf(&sent, "{\"id\":%q}\n", id)
				}
				records = append(records, deliver.Record{Data: []byte(data)})
			}
			for r := range packed {
				ids := make([]string, perRecord)
				for i := range ids {
					ids[i] = fmt.Sprintf("p%d-%d", r, i)
				}
				add(`{"id":"%s","text":"one of several"}`, ids...)
			}
			add(`{"id":"%s","text":"alone"}`, "alone")
			add(`{"id":"%s","text":"poison"}`, "x1", "x2", "x3")
			records = append(records, deliver.Record{Data: []byte("{\"id\":\"y1\",\"text\":\"whole\"}\n{\"id\":\"y2\",\"text\":\"to")})
			sent.WriteString("{\"id\":\"y1\"}\n{\"id\":\"y2\"}\n")
			if refusals, err := to.Put(t.Context(), records); len(refusals) > 0 || err != nil {
				t.Fatal(refusals, err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := stream.Close(ctx); err != nil {
				t.Fatal(err)
			}
			v, err := report.Verify(ctx, strings.NewReader(sent.String()), os.DirFS(dir))
			if err != nil {
				t.Fatal(err)
			}
			wantFailed := []report.IDCount{{ID: "x1", Count: 1}, {ID: "x2", Count: 1}, {ID: "x3", Count: 1}, {ID: "y1", Count: 1}}
			if !reflect.DeepEqual(v.Failed, wantFailed) || !reflect.DeepEqual(v.Missing, []report.IDCount{{ID: "y2", Count: 1}}) || len(v.Doubled) > 0 {
				t.Errorf("failed %v, missing %v, doubled %v", v.Failed, v.Missing, v.Doubled)
			}
			r, s := v.Results, stream.Stats()
			if r.Scored != packed*perRecord+1 || r.WithoutID != 0 || r.Failed != 2 || r.FailedPosts != 5 || r.Bad != 0 || s.Delivered != packed+1 || s.FailedDelivered != 2 {
				t.Errorf("results %+v of stream %+v", r, s)
			}
		})
	}
}
