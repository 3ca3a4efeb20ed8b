package function

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// pack makes the data of a record of posts, as producer --aggregate does.
func pack(posts ...string) string { return strings.Join(posts, "\n") + "\n" }

// messages returns the messages of the lines in a record's data.
func messages(t *testing.T, data []byte) (got []string) {
	t.Helper()
	for line := range strings.Lines(string(data)) {
		var a answer
		if err := json.Unmarshal([]byte(line), &a); err != nil || !strings.HasSuffix(line, "}\n") {
			t.Fatalf("line %q: %v", line, err)
		}
		got = append(got, a.Message)
	}
	return got
}

func TestAPackedRecordIsScoredPostByPost(t *testing.T) {
	scorer := &fakeScorer{}
	h := NewHandler(scorer, nil)
	for data, want := range map[string][]string{
		pack(`{"text":"a"}`, `{"text":"b"}`):                              {"a", "b"},
		"{\"text\":\"a\"}\n{\"text\":\"b\"}":                              {"a", "b"},
		"{\"text\":\"a\"}\r\n{\"text\":\"b\"}\r\n":                        {"a", "b"},
		"\ufeff \n\n {\"text\":\"a\"} \n\t\r\n{\"text\":\"b\\n\"}\n\n \n": {"a", "b\n"},
		pack(`{"text":"a"}`, `{"text":"a"}`, `{"text":""}`):               {"a", "a", ""},
		pack(`{"text":"{\"text\":\"c\"}\n{\"text\":\"d\"}"}`):             {"{\"text\":\"c\"}\n{\"text\":\"d\"}"},
		// One object on many lines is one post, and so is text on many lines.
		"{\n  \"text\": \"a\",\n  \"source\": {\n    \"b\": 1\n  }\n}\n": {"a"},
		"{\"text\":\n\"a\"}":        {"a"},
		"{\"text\":\"a\"}\n\n \t\n": {"a"},
		"a\n{\"text\":\"b\"}":       {"a\n{\"text\":\"b\"}"},
	} {
		before := scorer.batches.Load()
		var got transformed
		invoke(t, h, transformEvent("before", data, "after"), &got)
		if n := scorer.batches.Load() - before; n != 1 {
			t.Errorf("%q: %d batches", data, n)
		}
		if len(got.Records) != 3 || got.Records[1].Result != "Ok" {
			t.Errorf("%q: %+v", data, got.Records)
			continue
		}
		for i, want := range [][]string{{"before"}, want, {"after"}} {
			if m := messages(t, *got.Records[i].Data); !reflect.DeepEqual(m, want) {
				t.Errorf("%q: record %d has messages %q, want %q", data, i, m, want)
			}
		}
	}
}

func TestEachPostOfAPackedRecordKeepsItsFields(t *testing.T) {
	var got transformed
	invoke(t, NewHandler(&fakeScorer{}, nil), transformEvent(pack(`{"id":"1","text":"a","lang":"en"}`, `{"text":"bb","id":2,"source":{ "x":[1, 2]}}`)), &got)
	want := `{"message":"a","sentiment":"label1","score":0.75,"probabilities":{"label0":0.75,"label1":0.125,"label2":0.125},"model":"fake \"model\"","id":"1","lang":"en"}` + "\n" +
		`{"message":"bb","sentiment":"label2","score":0.75,"probabilities":{"label0":0.75,"label1":0.125,"label2":0.125},"model":"fake \"model\"","id":2,"source":{"x":[1,2]}}` + "\n"
	if data := string(*got.Records[0].Data); data != want {
		t.Errorf("data %s, want %s", data, want)
	}
}

func TestAPackedRecordFailsAsAWhole(t *testing.T) {
	for _, c := range []struct {
		name, data string
		want       Reason
		failed     int // posts, as the log counts them
	}{
		{"broken line", pack(`{"text":"a"}`, `{"text":"b"`, `{"text":"c"}`), BadJSON, 3},
		{"torn", "{\"text\":\"a\"}\n{\"text\":\"b", BadJSON, 2},
		{"plain line", pack(`{"text":"a"}`, `b`), BadJSON, 2},
		{"array", pack(`{"text":"a"}`, `[]`), BadJSON, 2},
		{"two on a line", pack(`{"text":"a"}{"text":"b"}`), BadJSON, 1},
		{"two on the second line", pack(`{"text":"a"}`, `{"text":"b"}{"text":"c"}`, ``, `{"text":"d"}`), BadJSON, 3},
		{"object on two lines", "{\"text\":\"a\"}\n{\n\"text\":\"b\"}", BadJSON, 3},
		{"first line broken", "{\"text\":\"a\n{\"text\":\"b\"}", BadJSON, 1},
		{"no text", pack(`{"text":"a"}`, `{"id":1}`), NoText, 2},
		{"no text in the first", pack(`{"id":1}`, `{"text":"a"}`, `{"text":"b"}`), NoText, 3},
		{"not UTF-8", pack(`{"text":"a"}`, "{\"text\":\"\xff\"}"), NotUTF8, 1},
		{"poison", pack(`{"text":"a"}`, `{"text":"poison"}`, `{"text":"c"}`), NotScored, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			var logs bytes.Buffer
			h := NewHandler(&fakeScorer{refuse: "poison"}, &logs)
			for range 2 { // a second time with used buffers
				logs.Reset()
				var got transformed
				invoke(t, h, transformEvent(pack(`{"text":"x"}`, `{"text":"y"}`), c.data, "z"), &got)
				if m := messages(t, *got.Records[0].Data); !reflect.DeepEqual(m, []string{"x", "y"}) {
					t.Errorf("the record before has %q", m)
				}
				if r := got.Records[1]; r.Result != "ProcessingFailed" || r.Reason != c.want || r.Data != nil {
					t.Errorf("%+v, want %s", r, c.want)
				}
				if m := messages(t, *got.Records[2].Data); !reflect.DeepEqual(m, []string{"z"}) {
					t.Errorf("the record behind has %q", m)
				}
				var l logLine
				if err := json.Unmarshal(logs.Bytes(), &l); err != nil {
					t.Fatal(err)
				}
				if l.OK != 3 || l.Failed != c.failed || l.Posts != 3+c.failed || l.Reasons[c.want] != c.failed {
					t.Errorf("log %s, want 3 posts and %d failed", logs.String(), c.failed)
				}
			}
		})
	}
}

func TestAPackedRecordOfADoubledIDIsNotScored(t *testing.T) {
	scorer := &fakeScorer{refuse: "never score"}
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	event := `{"records":[{"recordId":"a","data":"` + b64(pack(`{"text":"never score"}`, `{"text":"never score"}`)) + `"},{"recordId":"b","data":"` +
		b64(pack(`{"text":"b1"}`, `{"text":"b2"}`)) + `"},{"recordId":"a","data":"YQ=="}]}`
	var got transformed
	invoke(t, NewHandler(scorer, nil), []byte(event), &got)
	if len(got.Records) != 2 || got.Records[0].Reason != DuplicateID || got.Records[1].Result != "Ok" {
		t.Fatalf("%+v", got.Records)
	}
	if m := messages(t, *got.Records[1].Data); !reflect.DeepEqual(m, []string{"b1", "b2"}) || scorer.batches.Load() != 1 {
		t.Errorf("messages %q after %d batches", m, scorer.batches.Load())
	}
}

// TestPackedRecordsRespectTheLimit: what does not fit fails alone, and what no
// answer could hold is not even scored.
func TestPackedRecordsRespectTheLimit(t *testing.T) {
	line := `{"text":"` + strings.Repeat(`\u0001`, 2000) + `"}` // six bytes each in the answer too
	large := pack(strings.Split(strings.Repeat(line+"\n", 80), "\n")[:80]...)
	small := pack(`{"text":"a"}`, `{"text":"b"}`)
	tiny := strings.Repeat("{\"text\":\"\"}\n", 80_000)
	for name, c := range map[string]struct {
		data []string
		want string // first letter of each record's result or reason
	}{
		"one too many":          {[]string{large, large, large, large, large, large, small}, "OOOOaaO"},
		"more than any answer":  {[]string{small, tiny, small}, "OaO"},
		"more than any, broken": {[]string{tiny + "x\n", small}, "aO"},
	} {
		h := NewHandler(&fakeScorer{}, nil)
		var got transformed
		out := invoke(t, h, transformEvent(c.data...), &got)
		if len(out) > MaxAnswerBytes {
			t.Errorf("%s: answer of %d bytes", name, len(out))
		}
		results := ""
		for _, r := range got.Records {
			if r.Result == "Ok" {
				results += "O"
			} else {
				results += string(r.Reason[0])
			}
		}
		if results != c.want {
			t.Errorf("%s: results %s, want %s", name, results, c.want)
		}
	}
}

func TestHostilePackedRecordsTakeLittleMemory(t *testing.T) {
	data := make([]string, 4)
	for i := range data {
		data[i] = strings.Repeat("{\"text\":\"\"}\n", MaxTextBytes/12)
	}
	event := transformEvent(data...)
	h := NewHandler(&fakeScorer{}, nil)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var got transformed
	invoke(t, h, event, &got)
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
		t.Errorf("%d MB allocated for an event of %d bytes", n>>20, len(event))
	}
}

func TestARemoteScoresPackedRecords(t *testing.T) {
	local, remote := NewHandler(&fakeScorer{}, nil), NewRemoteHandler(&fakeRemote{}, nil)
	event := transformEvent(pack(`{"id":1,"text":"a"}`, `{"id":2,"text":"bb"}`), "plain", pack(`{"text":"c"}`, `{`))
	want, wantErr := local.Invoke(t.Context(), event)
	got, err := remote.Invoke(t.Context(), event)
	if !bytes.Equal(got, want) || err != nil || wantErr != nil {
		t.Errorf("%s, %v; local %s, %v", got, err, want, wantErr)
	}
	var answers transformed
	invoke(t, NewRemoteHandler(&fakeRemote{refuse: "poison"}, nil), transformEvent(pack(`{"text":"a"}`, `{"text":"poison"}`), pack(`{"text":"b"}`, `{"text":"c"}`)), &answers)
	if answers.Records[0].Reason != NotScored || answers.Records[1].Result != "Ok" {
		t.Errorf("%+v", answers.Records)
	}
}

func TestPackedPostsAllocateNothing(t *testing.T) {
	h := NewHandler(&fakeScorer{}, io.Discard)
	cost := func(records int) float64 {
		data := make([]string, records)
		for i := range data {
			for n := range 16 {
				data[i] += fmt.Sprintf("{\"id\":%d,\"text\":\"post \\\"%d\\\"\",\"lang\":\"en\"}\n", n, i)
			}
		}
		event := transformEvent(data...)
		return testing.AllocsPerRun(20, func() {
			if _, err := h.Invoke(context.Background(), event); err != nil {
				t.Fatal(err)
			}
		})
	}
	cost(100) // let the buffers grow
	if few, many := cost(1), cost(100); many > few+2 || few > 8 {
		t.Errorf("%v allocations for 1 record, %v for 100", few, many)
	}
}

// BenchmarkInvokePacked is BenchmarkInvoke for 4,000 posts, 16 in a record.
func BenchmarkInvokePacked(b *testing.B) {
	const records, perRecord = 250, 16
	data := make([]string, records)
	for i := range data {
		for n := range perRecord {
			data[i] += fmt.Sprintf(`{"id":"%d-%d","text":"Post: the debate tonight was long, loud & \"lively\" \u2014 and then some more words to fill it up #debate http:\/\/t.co\/abc","lang":"en","created_at":"2015-08-07T12:00:00Z","source":"sample"}`+"\n", i, n)
		}
	}
	event := transformEvent(data...)
	h := NewHandler(&fakeScorer{}, io.Discard)
	b.ReportAllocs()
	b.SetBytes(int64(len(event)))
	for b.Loop() {
		if _, err := h.Invoke(context.Background(), event); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(records*perRecord), "ns/post")
}
