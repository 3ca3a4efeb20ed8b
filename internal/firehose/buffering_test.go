package firehose_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"coldstream/internal/firehose"
	"coldstream/internal/runtimeapi"
)

// These tests run on a clock of their own, which moves when everything waits.

// post puts the texts as the wire would carry them, without a socket.
func post(t *testing.T, s *firehose.Stream, texts ...string) (failed int) {
	t.Helper()
	var body strings.Builder
	fmt.Fprintf(&body, `{"DeliveryStreamName":%q,"Records":[`, s.Name())
	for i, text := range texts {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"Data":%q}`, base64.StdEncoding.EncodeToString([]byte(text)))
	}
	body.WriteString("]}")
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body.String()))
	r.Header.Set("X-Amz-Target", "Firehose_20150804.PutRecordBatch")
	w := httptest.NewRecorder()
	firehose.NewServer(s).ServeHTTP(w, r)
	var answer struct{ FailedPutCount int }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %s %v", w.Code, w.Body, err)
	}
	return answer.FailedPutCount
}

func echoFunction(ctx context.Context, payload []byte) (runtimeapi.Result, error) {
	return echo(payload), nil
}

// pass lets d go by, and everything that is due then happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestIntervalsPassBuffersOn(t *testing.T) {
	const second = time.Second
	for _, c := range []struct {
		name                string
		transform, delivery time.Duration // -1: no transformation
	}{
		{"delivery only", -1, 60 * second},
		{"both", 10 * second, 60 * second},
		{"no delivery interval", 10 * second, 0},
		{"no transformation interval", 0, 60 * second},
		{"none", 0, 0},
		{"none and no transformation", -1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sink := &memory{}
				config := firehose.Config{Name: "posts", Sink: sink, Buffer: firehose.Buffer{Bytes: 1 << 20, Interval: c.delivery}}
				if c.transform >= 0 {
					config.Transform = &firehose.Transform{Invoke: echoFunction, Buffer: firehose.Buffer{Bytes: 1 << 20, Interval: c.transform}}
				}
				stream := newStream(t, config)
				begin := time.Now()
				post(t, stream, "a")
				total := max(c.transform, 0) + c.delivery
				if total > 0 {
					pass(5 * second)
					post(t, stream, "b")
					pass(total - 5*second - time.Millisecond)
					if len(sink.keys()) != 0 {
						t.Fatalf("delivered early: %q", sink.keys())
					}
					pass(time.Millisecond)
				} else {
					synctest.Wait()
					post(t, stream, "b")
					synctest.Wait()
				}
				var all []byte
				for _, key := range sink.order {
					all = append(all, sink.objects[key]...)
				}
				wantObjects := 1
				if total == 0 {
					wantObjects = 2
				}
				if string(all) != "ab" || len(sink.order) != wantObjects {
					t.Errorf("objects %q", sink.objects)
				}
				// Named after the oldest record, not after the delivery.
				if want := begin.UTC().Format("2006/01/02/15/posts-1-2006-01-02-15-04-05-"); !strings.HasPrefix(sink.order[0], want) {
					t.Errorf("object %s, want %s", sink.order[0], want)
				}
				checkStats(t, stream, 2)
				stream.Close(context.Background())
			})
		})
	}
}

func TestSizesPassBuffersOn(t *testing.T) {
	for _, transform := range []bool{false, true} {
		t.Run(fmt.Sprintf("transform=%v", transform), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sink := &memory{}
				var events atomic.Int32
				config := firehose.Config{Name: "posts", Sink: sink, Buffer: firehose.Buffer{Bytes: 1 << 20, Interval: 900 * time.Second}}
				if transform {
					config.Transform = &firehose.Transform{Buffer: firehose.Buffer{Bytes: 200_000, Interval: 900 * time.Second},
						Invoke: func(ctx context.Context, payload []byte) (runtimeapi.Result, error) {
							if events.Add(1); len(payload) > 300_000 {
								t.Errorf("an event of %d bytes from a buffer of 200,000", len(payload))
							}
							return echo(payload), nil
						}}
				}
				stream := newStream(t, config)
				line := strings.Repeat("x", 999) + "\n"
				for range 35 {
					post(t, stream, slices.Repeat([]string{line}, 100)...)
					synctest.Wait()
				}
				if got := len(sink.keys()); got != 3 {
					t.Errorf("%d objects of 1 MiB after 3.5 MB", got)
				}
				for key, body := range sink.objects {
					if len(body) > 1<<20 || len(body) < 1<<20-len(line) {
						t.Errorf("%s has %d bytes", key, len(body))
					}
				}
				if transform && events.Load() != 17 {
					t.Errorf("%d events", events.Load())
				}
				drain(t, stream)
				checkStats(t, stream, 3500)
				if n := len(sink.lines(t, false)); n != 3500 {
					t.Errorf("%d lines", n)
				}
				stream.Close(context.Background())
			})
		})
	}
}

func TestLongOutageOfTheSinkIsSatOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memory{fail: -1}
		stream := newStream(t, firehose.Config{Name: "posts", Sink: sink, Buffer: firehose.Buffer{Bytes: 1 << 20}})
		post(t, stream, "a\n")
		pass(24 * time.Hour)
		attempts := stream.Stats().SinkErrors
		if least, most := int64(24*3600/30), int64(24*3600/15+10); attempts < least || attempts > most {
			t.Errorf("%d attempts in a day, want %d to %d", attempts, least, most)
		}
		sink.mu.Lock()
		sink.fail = 0
		sink.mu.Unlock()
		pass(30 * time.Second)
		if got := sink.lines(t, false); !slices.Equal(got, []string{"a"}) {
			t.Errorf("delivered %q", got)
		}
		checkStats(t, stream, 1)
		stream.Close(context.Background())
	})
}

func TestHangingFunctionIsGivenUpAfterFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memory{}
		var calls atomic.Int32
		stream := newStream(t, firehose.Config{Name: "posts", Sink: sink, Buffer: firehose.Buffer{Bytes: 1 << 20},
			Transform: &firehose.Transform{Buffer: firehose.Buffer{Bytes: 1 << 20}, Invoke: func(ctx context.Context, payload []byte) (runtimeapi.Result, error) {
				if calls.Add(1) > 1 {
					return echo(payload), nil
				}
				<-ctx.Done()
				return runtimeapi.Result{}, ctx.Err()
			}}})
		post(t, stream, "a\n")
		pass(5*time.Minute - time.Millisecond)
		if calls.Load() != 1 {
			t.Errorf("%d calls", calls.Load())
		}
		pass(time.Second)
		if got := sink.lines(t, false); calls.Load() != 2 || !slices.Equal(got, []string{"a"}) {
			t.Errorf("%d calls, delivered %q", calls.Load(), got)
		}
		stream.Close(context.Background())
	})
}

func TestQuotaRefillsWithTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream := newStream(t, firehose.Config{Name: "posts", Sink: &memory{}, Quota: firehose.Quota{Requests: 10, Records: 100, Bytes: 1000}})
		refusedAt := func(n int, text string) int {
			t.Helper()
			return post(t, stream, slices.Repeat([]string{text}, n)...)
		}
		if f := refusedAt(150, "x"); f != 50 {
			t.Errorf("%d of 150 records refused at 100 a second", f)
		}
		pass(500 * time.Millisecond)
		if f := refusedAt(60, "x"); f != 10 {
			t.Errorf("%d of 60 records refused after half a second", f)
		}
		pass(time.Hour)
		if f := refusedAt(10, strings.Repeat("x", 150)); f != 4 {
			t.Errorf("%d of 1,500 bytes in tens refused at 1,000 a second", f)
		}
		pass(time.Hour)
		if f := refusedAt(1, strings.Repeat("x", 5000)); f != 0 {
			t.Errorf("a record larger than a second's bytes never passes")
		}
		pass(time.Hour)
		refused := 0
		for range 15 {
			refused += refusedAt(1, "x")
		}
		if refused != 5 {
			t.Errorf("%d of 15 requests refused at 10 a second", refused)
		}
		stream.Close(context.Background())
	})
}

func TestPartitionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memory{}
		partition := func(ctx context.Context, payload []byte) (runtimeapi.Result, error) {
			var event struct {
				Records []map[string]any `json:"records"`
			}
			if err := json.Unmarshal(payload, &event); err != nil {
				return runtimeapi.Result{}, err
			}
			for _, r := range event.Records {
				data, _ := base64.StdEncoding.DecodeString(r["data"].(string))
				r["result"] = "Ok"
				r["metadata"] = map[string]any{"partitionKeys": map[string]any{"k": string(bytes.TrimSpace(data)), "other": 7}}
			}
			answer, err := json.Marshal(event)
			return runtimeapi.Result{Payload: answer}, err
		}
		stream := newStream(t, firehose.Config{Name: "posts", Sink: sink, Prefix: "!{partitionKeyFromLambda:k}/", ErrorPrefix: "!{firehose:error-output-type}/",
			Transform: &firehose.Transform{Invoke: partition}})
		var texts []string
		for i := range 700 {
			texts = append(texts, fmt.Sprintf("%03d\n", i))
		}
		post(t, stream, texts[:350]...)
		post(t, stream, texts[350:]...)
		post(t, stream, texts[:100]...) // of partitions that are active already
		drain(t, stream)
		checkStats(t, stream, 800)
		failed := sink.lines(t, true)
		for _, line := range failed {
			if e := parseErrorLine(t, line); e.ErrorCode != "DynamicPartitioning.ActivePartitionLimitExceeded" || e.AttemptsMade != 1 {
				t.Fatalf("error line %+v", e)
			}
		}
		// The error output is one of the 500.
		if ok := sink.lines(t, false); len(ok)+len(failed) != 800 || len(failed) != 200 && len(failed) != 201 {
			t.Errorf("%d records delivered, %d failed", len(ok), len(failed))
		}
		stream.Close(context.Background())
	})
}

// TestAnswersThatSettleNothingFailTheRecords: whatever a function answers, each
// record is in an error object once, after one attempt.
func TestAnswersThatSettleNothingFailTheRecords(t *testing.T) {
	for answer, code := range map[string]string{
		``:                   "Lambda.JsonProcessingException",
		`null`:               "Lambda.MissingRecordId",
		`{}`:                 "Lambda.MissingRecordId",
		`[]`:                 "Lambda.MissingRecordId",
		`{"records":7}`:      "Lambda.MissingRecordId",
		`{"records":[null]}`: "Lambda.MissingRecordId",
		`{"records":[`:       "Lambda.JsonProcessingException",
		"\xff\xfe":           "Lambda.JsonProcessingException",
		`{"records":[{"recordId":"ID","result":"Ok","data":7}]}`:                                              "Lambda.InvalidReturnFormat",
		`{"records":[{"recordId":"ID","result":"ok","data":""}]}`:                                             "Lambda.InvalidReturnFormat",
		`{"records":[{"recordId":"ID","result":"Ok","data":"eA"}]}`:                                           "Lambda.InvalidReturnFormat",
		`{"records":[{"recordId":"ID","result":"ProcessingFailed","data":"eA=="}]}`:                           "Lambda.ProcessingFailedStatus",
		`{"records":[{"recordId":"ID","result":"Ok","data":""},{"recordId":"ID","result":"Ok","data":""}]}`:   "Lambda.DuplicatedRecordId",
		`{"records":[{"recordId":"ID","result":"Dropped"},{"recordId":"ID","result":"Dropped","data":null}]}`: "Lambda.DuplicatedRecordId",
	} {
		synctest.Test(t, func(t *testing.T) {
			sink := &memory{}
			stream := newStream(t, firehose.Config{Name: "posts", Sink: sink, Transform: &firehose.Transform{
				Invoke: func(ctx context.Context, payload []byte) (runtimeapi.Result, error) {
					var event struct{ Records []struct{ RecordID string } }
					if err := json.Unmarshal(payload, &event); err != nil {
						t.Error(err)
					}
					return runtimeapi.Result{Payload: []byte(strings.ReplaceAll(answer, "ID", event.Records[0].RecordID))}, nil
				}}})
			post(t, stream, "only")
			drain(t, stream)
			checkStats(t, stream, 1)
			lines := sink.lines(t, true)
			if len(lines) != 1 || len(sink.keys()) != 1 {
				t.Fatalf("%s: objects %q", answer, sink.objects)
			}
			if e := parseErrorLine(t, lines[0]); e.ErrorCode != code || e.AttemptsMade != 1 || string(e.RawData) != "only" {
				t.Errorf("%s: %+v, want %s", answer, e, code)
			}
			stream.Close(context.Background())
		})
	}
}
