package function

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

// fakeBackfill scores the given lines for every task, or fails.
type fakeBackfill struct {
	lines []string
	err   error
	tasks []Task
	got   []string // answers and reasons
}

func (f *fakeBackfill) Score(ctx context.Context, t Task, score ScoreLines) (string, error) {
	f.tasks = append(f.tasks, t)
	if f.err != nil {
		return "", f.err
	}
	var lines [][]byte
	for _, l := range f.lines {
		lines = append(lines, []byte(l))
	}
	err := score(ctx, lines, func(n int, answer []byte, why Reason) error {
		if string(lines[n]) != f.lines[n] {
			return fmt.Errorf("line %d was overwritten", n)
		}
		f.got = append(f.got, fmt.Sprintf("%d %s%s", n, answer, why))
		return nil
	})
	return fmt.Sprintf("%d lines of %s", len(lines), t.Key), err
}

// The events are in the form of the S3 User Guide ("Invoke AWS Lambda function").
const (
	eventV1 = `{"invocationSchemaVersion":"1.0","invocationId":"YXNkbGZqYWRmaiBhc2RmdW9hZHNmZGpmaGFzbGtkaGZza2RmaAo","job":{"id":"f3cc4f60-61f6-4a2b-8a21-d07600c373ce"},"tasks":[{"taskId":"dGFza2lkZ29lc2hlcmUK","s3Key":"2026/11/22/posts%2B1%20%C3%A9.gz","s3VersionId":"1","s3BucketArn":"arn:aws:s3:::amzn-s3-demo-bucket"}]}`
	eventV2 = `{"invocationSchemaVersion":"2.0","invocationId":"YXNk","job":{"id":"f3cc","userArguments":{"k1":"v1"}},"tasks":[{"taskId":"dGFz","s3Key":"a+b","s3VersionId":null,"s3Bucket":"amzn-s3-demo-bucket"}]}`
)

type taskAnswer struct {
	InvocationSchemaVersion, TreatMissingKeysAs, InvocationID string
	Results                                                   []struct{ TaskID, ResultCode, ResultString string }
}

func runEvent(t *testing.T, h *Handler, event string) (a taskAnswer) {
	t.Helper()
	out, err := h.Invoke(t.Context(), []byte(event))
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(out))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	return a
}

func TestTasksOfBothVersions(t *testing.T) {
	for event, want := range map[string]Task{
		eventV1: {Bucket: "amzn-s3-demo-bucket", Key: "2026/11/22/posts+1 \u00e9.gz", Version: "1"},
		eventV2: {Bucket: "amzn-s3-demo-bucket", Key: "a b"},
	} {
		var logs bytes.Buffer
		h := NewHandler(&fakeScorer{refuse: "refused"}, &logs)
		b := &fakeBackfill{lines: []string{`{"text":"a \"b\" c","id":"7"}`, "plain", "{broken", `{"id":1}`, "\xff", "refused", `{"text":"\u00e9"}`}}
		h.SetBackfill(b)
		a := runEvent(t, h, event)
		var e taskAnswer
		if err := json.Unmarshal([]byte(event), &e); err != nil {
			t.Fatal(err)
		}
		if a.InvocationSchemaVersion != e.InvocationSchemaVersion || a.InvocationID != e.InvocationID || len(a.Results) != 1 || a.TreatMissingKeysAs != "TemporaryFailure" {
			t.Errorf("answer %+v", a)
		}
		if r := a.Results[0]; r.ResultCode != "Succeeded" || r.ResultString != "7 lines of "+want.Key || !strings.Contains(event, r.TaskID) {
			t.Errorf("result %+v", r)
		}
		if len(b.tasks) != 1 || b.tasks[0] != want {
			t.Errorf("tasks %+v, want %+v", b.tasks, want)
		}
		if !strings.HasPrefix(b.got[0], `0 {"message":"a \"b\" c"`) || !strings.HasSuffix(b.got[0], `,"id":"7"}`) || !strings.Contains(b.got[6], `"message":"é"`) {
			t.Errorf("answers %q", b.got)
		}
		if got := strings.Join(b.got[2:6], "|"); got != "2 bad_json|3 no_text|4 not_utf8|5 not_scored" {
			t.Errorf("reasons %s", got)
		}
		if l := logs.String(); !strings.Contains(l, `"event":"s3batch"`) || !strings.Contains(l, `"ok":3,"failed":4`) || !strings.Contains(l, `"level":"WARN"`) {
			t.Errorf("log %s", l)
		}
	}
}

func TestFailuresOfTasks(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	long := strings.Repeat("\u00e9", 2000)
	for _, tt := range []struct {
		ctx        context.Context
		err        error
		code, said string
	}{
		{t.Context(), errors.New("no such\nobject"), "PermanentFailure", "no such\nobject"},
		{t.Context(), laterError{errors.New("busy")}, "TemporaryFailure", "busy"},
		{t.Context(), fmt.Errorf("read: %w", laterError{errors.New("busy")}), "TemporaryFailure", "read: busy"},
		{t.Context(), context.DeadlineExceeded, "TemporaryFailure", "context deadline exceeded"},
		{ended, errors.New("x"), "TemporaryFailure", "x"},
		{t.Context(), errors.New(long), "PermanentFailure", long[:1024]},
		{t.Context(), errors.New("x" + long), "PermanentFailure", "x" + long[:1022]},
	} {
		var logs bytes.Buffer
		h := NewHandler(&fakeScorer{}, &logs)
		h.SetBackfill(&fakeBackfill{err: tt.err})
		out, err := h.Invoke(tt.ctx, []byte(eventV1))
		var a taskAnswer
		if err != nil || json.Unmarshal(out, &a) != nil || len(a.Results) != 1 || a.Results[0].ResultCode != tt.code || a.Results[0].ResultString != tt.said {
			t.Errorf("%v: %s, %v", tt.err, out, err)
		}
		if !strings.Contains(logs.String(), `"task_error":`) {
			t.Errorf("log %s", logs.String())
		}
	}
	// A task that names no object fails alone.
	h := NewHandler(&fakeScorer{}, nil)
	h.SetBackfill(&fakeBackfill{})
	a := runEvent(t, h, `{"tasks":[{"taskId":"a","s3Key":"%zz","s3Bucket":"bbb"},{"taskId":"b","s3Key":"%4","s3Bucket":"bbb"},{"taskId":"c","s3Key":"%ff","s3Bucket":"bbb"},{"taskId":"d","s3Bucket":"bbb"},{"taskId":"e","s3Key":"k","s3BucketArn":"bbb"},{"s3Bucket":"bbb","s3Key":"k","taskId":"\u0066"}],"invocationId":"i","invocationSchemaVersion":"2.0"}`)
	var got []string
	for _, r := range a.Results {
		got = append(got, r.TaskID+" "+r.ResultCode)
	}
	if s := strings.Join(got, ","); s != "a PermanentFailure,b PermanentFailure,c PermanentFailure,d PermanentFailure,e PermanentFailure,f Succeeded" {
		t.Error(s)
	}
}

func TestEventsThatAreNoTasks(t *testing.T) {
	h := NewHandler(&fakeScorer{}, nil)
	h.SetBackfill(&fakeBackfill{})
	for event, want := range map[string]string{
		`{"tasks":[],"invocationId":"i"}`:                                              "invocationSchemaVersion",
		`{"tasks":[],"invocationId":"i","invocationSchemaVersion":"3.0"}`:              "invocationSchemaVersion",
		`{"tasks":{},"invocationId":"i","invocationSchemaVersion":"1.0"}`:              `no array "tasks"`,
		`{"tasks":[],"invocationSchemaVersion":"1.0"}`:                                 `no string "invocationId"`,
		`{"tasks":[1],"invocationId":"i","invocationSchemaVersion":"1.0"}`:             "a task that is no object",
		`{"tasks":[{"s3Key":"a"}],"invocationId":"i","invocationSchemaVersion":"1.0"}`: `without a string "taskId"`,
		`{"tasks":[{"taskId":7}],"invocationId":"i","invocationSchemaVersion":"1.0"}`:  `without a string "taskId"`,
	} {
		if out, err := h.Invoke(t.Context(), []byte(event)); err == nil || !strings.Contains(err.Error(), want) || out != nil {
			t.Errorf("%s: %s, error %v, want %s", event, out, err, want)
		}
	}
}

// silent is an endpoint that answers no text.
type silent struct{}

func (silent) Score(_ context.Context, texts []string) (Answers, error) {
	return Answers{Fields: make([][]byte, len(texts))}, errors.New("no answer")
}

func TestAnEndpointThatIsAwayMayComeBack(t *testing.T) {
	h := NewRemoteHandler(silent{}, nil)
	b := &fakeBackfill{lines: []string{"a", "b"}}
	h.SetBackfill(b)
	a := runEvent(t, h, eventV2)
	if r := a.Results[0]; r.ResultCode != "TemporaryFailure" || !strings.Contains(r.ResultString, "no answer") || len(b.got) != 0 {
		t.Errorf("%+v, answers %q", r, b.got)
	}
}

// FuzzTasks wants, of whatever task event: no panic; an error, or one result for
// each of the tasks that encoding/json reads, in order, with the key that
// net/url decodes.
func FuzzTasks(f *testing.F) {
	f.Add([]byte(eventV1), "{\"text\":\"a\"}")
	f.Add([]byte(eventV2), "refused")
	f.Add([]byte(`{"invocationSchemaVersion":"2.0","invocationId":"\n","tasks":[{"taskId":"\u0000","s3Key":"%41+%","s3Bucket":"b"},{"taskId":"","s3Key":"\ud83d","s3BucketArn":":::x"}]}`), "{")
	f.Fuzz(func(t *testing.T, event []byte, line string) {
		h := NewHandler(&fakeScorer{refuse: "refused"}, io.Discard)
		b := &fakeBackfill{lines: []string{strings.ReplaceAll(line, "\n", " "), "good"}}
		h.SetBackfill(b)
		before := bytes.Clone(event)
		out, err := h.Invoke(t.Context(), event)
		if !bytes.Equal(before, event) {
			t.Fatal("the event was changed")
		}
		var e struct {
			Tasks []struct {
				TaskID string `json:"taskId"`
				Key    string `json:"s3Key"`
			} `json:"tasks"`
		}
		if err != nil || len(b.tasks) == 0 || json.Unmarshal(event, &e) != nil {
			return
		}
		var a taskAnswer
		if err := json.Unmarshal(out, &a); err != nil || !utf8.Valid(out) {
			t.Fatalf("answer %q: %v", out, err)
		}
		if len(a.Results) != len(e.Tasks) || len(b.got) != 2*len(b.tasks) {
			t.Fatalf("%d results for %d tasks, %d answers for %d objects", len(a.Results), len(e.Tasks), len(b.got), len(b.tasks))
		}
		ran := 0
		for i, r := range a.Results {
			if r.TaskID != e.Tasks[i].TaskID {
				t.Fatalf("result %d is of %q, want %q", i, r.TaskID, e.Tasks[i].TaskID)
			}
			if r.ResultCode != "Succeeded" {
				continue
			}
			if key, err := url.QueryUnescape(e.Tasks[i].Key); err != nil || key != b.tasks[ran].Key {
				t.Fatalf("key %q, want %q (%v)", b.tasks[ran].Key, key, err)
			}
			ran++
		}
	})
}
