package function

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// fakeRemote answers as a fakeScorer would, but for texts that contain refuse.
type fakeRemote struct {
	refuse  string
	answers int // how many answers to give, if not as many as there are texts
	ctx     context.Context
}

func (f *fakeRemote) Score(ctx context.Context, texts []string) (Answers, error) {
	f.ctx = ctx
	a := Answers{Requests: 3, Timed: true, Scoring: 1500 * time.Microsecond}
	var err error
	for i, t := range texts {
		if f.answers > 0 && i == f.answers {
			break
		}
		if f.refuse != "" && strings.Contains(t, f.refuse) {
			a.Fields, err = append(a.Fields, nil), errRefused
			continue
		}
		a.Fields = append(a.Fields, fmt.Appendf(nil, `"sentiment":"label%d","score":0.75,"probabilities":{"label0":0.75,"label1":0.125,"label2":0.125},"model":"fake \"model\""`, len(t)%3))
	}
	return a, err
}

func TestARemoteAnswersWithTheSameBytes(t *testing.T) {
	local, remote := NewHandler(&fakeScorer{}, nil), NewRemoteHandler(&fakeRemote{}, nil)
	for _, event := range []string{
		string(transformEvent("plain", `{"text":"a \u00e9","id":1,"lang":"en"}`, "{broken", "\xff", "")),
		`{"records":[]}`,
		`{"text":"a \"b\"","source":[1, 2]}`,
		`{"texts":["a","bb",""]}`,
		`{"texts":[]}`,
		versions["function url"]("POST", "/predict", `{"text":"abc"}`),
		versions["function url"]("GET", "/predict", ``),
	} {
		for range 2 { // the second time with used buffers
			want, wantErr := local.Invoke(t.Context(), []byte(event))
			got, err := remote.Invoke(t.Context(), []byte(event))
			if !bytes.Equal(got, want) || err != nil || wantErr != nil {
				t.Errorf("%.80s: %s, %v; local %s, %v", event, got, err, want, wantErr)
			}
		}
	}
	var up httpAnswer
	invoke(t, remote, []byte(versions["function url"]("GET", "/", "")), &up)
	if up.StatusCode != 200 || up.Body != `{"status":"ok"}` {
		t.Errorf("health of a function without a model: %+v", up)
	}
}

func TestWhatARemoteDoesNotScoreFailsAlone(t *testing.T) {
	var logs bytes.Buffer
	h := NewRemoteHandler(&fakeRemote{refuse: "poison"}, &logs)
	var got transformed
	invoke(t, h, transformEvent("first", "a poison post", "{", "last"), &got)
	for i, want := range []string{"Ok", "ProcessingFailednot_scored", "ProcessingFailedbad_json", "Ok"} {
		if r := got.Records[i]; r.Result+string(r.Reason) != want {
			t.Errorf("record %d: %s%s, want %s", i, r.Result, r.Reason, want)
		}
	}
	var line struct {
		MS       float64 `json:"ms"`
		Waited   float64 `json:"endpoint_ms"`
		Scoring  float64 `json:"endpoint_score_ms"`
		Requests int     `json:"endpoint_requests"`
		Error    string  `json:"endpoint_error"`
		Failed   int     `json:"failed"`
	}
	if err := json.Unmarshal(logs.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if line.Scoring != 1.5 || line.Requests != 3 || line.Error != errRefused.Error() || line.Failed != 2 || line.Waited > line.MS {
		t.Errorf("log %s", logs.String())
	}
	_, err := h.Invoke(t.Context(), []byte(`{"texts":["fine","poison"]}`))
	if err == nil || err.Error() != "text 1 could not be scored: "+errRefused.Error() {
		t.Errorf("direct: error %v", err)
	}
	var answer httpAnswer
	invoke(t, h, []byte(versions["function url"]("POST", "/", `{"text":"poison"}`)), &answer)
	if answer.StatusCode != 500 {
		t.Errorf("http: %+v", answer)
	}
}

func TestARemoteThatBreaksItsPromiseScoresNothing(t *testing.T) {
	var logs bytes.Buffer
	var got transformed
	invoke(t, NewRemoteHandler(&fakeRemote{answers: 1}, &logs), transformEvent("first", "last"), &got)
	for _, r := range got.Records {
		if r.Reason != NotScored {
			t.Errorf("%+v", r)
		}
	}
	if !strings.Contains(logs.String(), `"endpoint_error":"1 answers for 2 texts"`) {
		t.Errorf("log %s", logs.String())
	}
}

func TestARemoteGetsTheContext(t *testing.T) {
	type key struct{}
	f := &fakeRemote{}
	if _, err := NewRemoteHandler(f, nil).Invoke(context.WithValue(t.Context(), key{}, true), []byte(`{"text":"a"}`)); err != nil || f.ctx.Value(key{}) != true {
		t.Errorf("context %v, error %v", f.ctx, err)
	}
}

func TestARequestIsAnsweredAsAnEventAroundIt(t *testing.T) {
	h := NewHandler(&fakeScorer{refuse: "poison"}, nil)
	for _, c := range []struct {
		method, path, body string
		status             int
		allow              string
		posts              int
	}{
		{"POST", "/predict", `{"text":"a","id":7}`, 200, "", 1},
		{"POST", "/", `{"texts":["a","b"]}`, 200, "", 2},
		{"GET", "/", "", 200, "", 0},
		{"PUT", "/", "", 405, "GET, HEAD, POST", 0},
		{"GET", "/predict", "", 405, "POST", 0},
		{"POST", "/nothing", `{"text":"a"}`, 404, "", 0},
		{"POST", "/predict", `{"text":1}`, 400, "", 0},
		{"POST", "/predict", `{"text":"poison"}`, 500, "", 0},
		{"POST", "/predict", `{"texts":["` + strings.Repeat("\x7f", MaxTextBytes) + strings.Repeat(`","`+strings.Repeat("b", MaxTextBytes), 6) + `"]}`, 413, "", 7},
	} {
		var want httpAnswer
		invoke(t, h, []byte(versions["function url"](c.method, c.path, c.body)), &want)
		got := h.Respond(t.Context(), Request{Method: c.method, Path: c.path, Body: []byte(c.body)})
		if got.Status != c.status || want.StatusCode != c.status || got.Allow != c.allow || want.Headers["allow"] != c.allow || got.Posts != c.posts || (got.Err == nil) != (c.status == 200) {
			t.Errorf("%s %s %.40s: %+v, in an event %d %v", c.method, c.path, c.body, got, want.StatusCode, want.Headers)
		}
		// What the two sizes are of differs: the event's answer has an envelope.
		if c.status != 413 && string(got.Body) != want.Body {
			t.Errorf("%s %s %.40s: body %s, in an event %s", c.method, c.path, c.body, got.Body, want.Body)
		}
	}
	if r := Refusal(413, `too "much"`); r.Status != 413 || string(r.Body) != `{"error":"too \"much\""}` || !errors.As(r.Err, new(*requestError)) {
		t.Errorf("refusal %+v", r)
	}
}
