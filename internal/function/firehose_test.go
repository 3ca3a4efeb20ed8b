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
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

// transformed is the answer to a transformation event.
type transformed struct {
	Records []struct {
		RecordID string  `json:"recordId"`
		Result   string  `json:"result"`
		Data     *[]byte `json:"data"` // decoded; nil = absent
		Reason   Reason  `json:"reason"`
	} `json:"records"`
}

// transformEvent makes an event of raw record data, with ids r0, r1, ...
func transformEvent(data ...string) []byte {
	var b bytes.Buffer
	b.WriteString(`{"invocationId":"inv-1","deliveryStreamArn":"arn:aws:firehose:eu-west-1:123456789012:deliverystream/posts","region":"eu-west-1","records":[`)
	for i, d := range data {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"recordId":"r%d","approximateArrivalTimestamp":1495072949453,"data":"%s"}`, i, base64.StdEncoding.EncodeToString([]byte(d)))
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

// invoke answers an event with the fake scorer and decodes the answer.
func invoke(t *testing.T, h *Handler, event []byte, into any) []byte {
	t.Helper()
	out, err := h.Invoke(t.Context(), event)
	if err != nil {
		t.Fatalf("event %.80s: %v", event, err)
	}
	if err := json.Unmarshal(out, into); err != nil {
		t.Fatalf("answer %.200s: %v", out, err)
	}
	return out
}

func TestARecordBecomesOneLine(t *testing.T) {
	h := NewHandler(&fakeScorer{}, nil)
	for data, want := range map[string]string{
		// Plain text; what looks like other JSON is text too.
		"hello":            `{"message":"hello","sentiment":"label2","score":0.75,"probabilities":{"label0":0.75,"label1":0.125,"label2":0.125},"model":"fake \"model\""}`,
		"hello\n":          `{"message":"hello",`,
		"hello\r\n":        `{"message":"hello",`,
		"hello\n\n":        `{"message":"hello\n",`,
		"hello\r":          `{"message":"hello\r",`,
		"":                 `{"message":"",`,
		"\n":               `{"message":"",`,
		" [\"a\"] ":        `{"message":" [\"a\"] ",`,
		`"quoted"`:         `{"message":"\"quoted\"",`,
		"a {b}":            `{"message":"a {b}",`,
		"caf\u00e9 \u2603": "{\"message\":\"caf\u00e9 \u2603\",",
		// JSON objects.
		`{"text":"hello"}`:                      `{"message":"hello",`,
		" \t\r\n{\"text\":\"hello\"}\n":         `{"message":"hello",`,
		`{"text":"a\u00e9\n\ud83d\ude00\/"}`:    "{\"message\":\"a\u00e9\\n\U0001F600/\",",
		`{"text":"half \ud83d"}`:                "{\"message\":\"half \ufffd\",",
		`{"\u0074ext":"hello"}`:                 `{"message":"hello",`,
		`{"text":"first","text":"last"}`:        `{"message":"last",`,
		`{"text":1,"text":"last"}`:              `{"message":"last",`,
		"\ufeff{\"text\":\"marked\"}":           `{"message":"marked",`,
		`{"text":"","user":{"id":[1,{"a":2}]}}`: `{"message":"",`,
	} {
		var got transformed
		invoke(t, h, transformEvent(data), &got)
		if r := got.Records[0]; r.Result != "Ok" || r.Reason != "" {
			t.Errorf("%q: result %s %s", data, r.Result, r.Reason)
			continue
		}
		line := string(*got.Records[0].Data)
		if !strings.HasPrefix(line, want) || strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "}\n") {
			t.Errorf("%q: line %q, want %q...", data, line, want)
		}
		var a answer
		if err := json.Unmarshal([]byte(line), &a); err != nil || a.Model != `fake "model"` || len(a.Probabilities) != 3 {
			t.Errorf("%q: line %q: %+v, %v", data, line, a, err)
		}
	}
}

func TestOptionalFieldsPassThroughAsTheyCame(t *testing.T) {
	h := NewHandler(&fakeScorer{}, nil)
	for data, want := range map[string]string{
		`{"text":"t"}`: ``,
		`{"id":12345678901234567890123,"text":"t"}`: `,"id":12345678901234567890123`,
		`{"id":-1.50e+07,"text":"t"}`:               `,"id":-1.50e+07`,
		`{"source":"s","created_at":"2015-08-07T12:00:00Z","text":"t","lang":"en","id":"a\u00e9\/"}`: `,"id":"a\u00e9\/","lang":"en","created_at":"2015-08-07T12:00:00Z","source":"s"`,
		`{"text":"t","id":null,"lang":false}`:                                                        `,"id":null,"lang":false`,
		"{\"text\":\"t\",\"source\":{ \"a b\" :\n[ 1,\t\"x \\\" y\" ] }}":                            `,"source":{"a b":[1,"x \" y"]}`,
		`{"text":"t","id":1,"id":2,"Id":3,"ID":4}`:                                                   `,"id":2`,
		`{"text":"t","score":1,"message":"m","model":"x","sentiment":"y","user":1}`:                  ``,
	} {
		var got transformed
		invoke(t, h, transformEvent(data), &got)
		line := string(*got.Records[0].Data)
		const before = `"model":"fake \"model\""`
		if _, rest, ok := strings.Cut(line, before); !ok || rest != want+"}\n" {
			t.Errorf("%s: line ends in %q, want %q", data, rest, want+"}\n")
		}
	}
}

func TestABadRecordFailsAloneAndSaysWhy(t *testing.T) {
	h := NewHandler(&fakeScorer{}, nil)
	quoted := func(data string) string { return `"` + base64.StdEncoding.EncodeToString([]byte(data)) + `"` }
	for data, want := range map[string]Reason{
		``:                        NoData, // no member at all
		`null`:                    NoData,
		`17`:                      NoData,
		`["aGVsbG8="]`:            NoData,
		`"%%%%"`:                  NotBase64,
		`"aGVsbG8"`:               NotBase64,
		`"aGVsbG8=="`:             NotBase64,
		`"aGVs bG8="`:             NotBase64,
		`"aGVsbG8-_w=="`:          NotBase64,
		quoted("caf\xe9"):         NotUTF8,
		quoted("\xed\xa0\x80"):    NotUTF8,
		quoted("{\"text\":\xff}"): NotUTF8,
		quoted(`{"text":"a"`):     BadJSON,
		quoted(`{text:"a"}`):      BadJSON,
		quoted(`{"text":"a"} x`):  BadJSON,
		quoted(`{"text":"a","b":` + strings.Repeat("[", 300) + strings.Repeat("]", 300) + `}`): BadJSON,
		quoted("  {"):                               BadJSON,
		quoted("{\"text\":\"a\nb\"}"):               BadJSON,
		quoted(`{}`):                                NoText,
		quoted(`{"Text":"a"}`):                      NoText,
		quoted(`{"text":null}`):                     NoText,
		quoted(`{"text":["a"]}`):                    NoText,
		quoted(`{"text":"a","text":1}`):             NoText,
		quoted(strings.Repeat("a", MaxTextBytes+1)): TooBig,
		quoted(strings.Repeat("a", 3<<20)):          TooBig,
	} {
		member := ""
		if data != "" {
			member = `,"data":` + data
		}
		event := `{"records":[{"recordId":"before","data":"YQ=="},{"recordId":"bad"` + member + `},{"recordId":"after","data":"Yg=="}]}`
		var got transformed
		invoke(t, h, []byte(event), &got)
		if len(got.Records) != 3 || got.Records[0].Result != "Ok" || got.Records[2].Result != "Ok" || got.Records[2].RecordID != "after" {
			t.Errorf("%.40s: other records suffered: %+v", data, got.Records)
			continue
		}
		if r := got.Records[1]; r.RecordID != "bad" || r.Result != "ProcessingFailed" || r.Reason != want || r.Data != nil {
			t.Errorf("%.40s: %+v, want %s", data, r, want)
		}
	}
}

func TestTheLargestRecordIsScored(t *testing.T) {
	var got transformed
	invoke(t, NewHandler(&fakeScorer{}, nil), transformEvent(strings.Repeat("a", MaxTextBytes)), &got)
	if got.Records[0].Result != "Ok" {
		t.Errorf("%s %s", got.Records[0].Result, got.Records[0].Reason)
	}
}

func TestEventsOfKinesisStreamsAreTheSame(t *testing.T) {
	event := `{"invocationId":"i","sourceKinesisStreamArn":"arn:aws:kinesis:x","deliveryStreamArn":"arn:aws:firehose:x","region":"x","records":[
		{"data":"SGVsbG8\u003d","recordId":"record1","approximateArrivalTimestamp":1510772160000,"kinesisRecordMetadata":{"shardId":"shardId-0","partitionKey":"{\"recordId\":\"x\"}","approximateArrivalTimestamp":1510772160000,"sequenceNumber":"495","subsequenceNumber":""}},
		{"data":"aGVsbG8\/","recordId":"record2","kinesisRecordMetadata":{"data":"no","recordId":"no"}}]}`
	var got transformed
	invoke(t, NewHandler(&fakeScorer{}, nil), []byte(event), &got)
	if len(got.Records) != 2 || got.Records[0].RecordID != "record1" || got.Records[1].RecordID != "record2" {
		t.Fatalf("%+v", got.Records)
	}
	for i, want := range []string{"Hello", "hello?"} {
		var a answer
		if err := json.Unmarshal(*got.Records[i].Data, &a); err != nil || a.Message != want {
			t.Errorf("record %d: message %q, want %q (%v)", i, a.Message, want, err)
		}
	}
}

func TestEveryIDComesBackOnceInOrder(t *testing.T) {
	h := NewHandler(&fakeScorer{}, nil)
	event := `{"records":[{"recordId":"b","data":"YQ=="},{"recordId":"\u0061\"","data":"YQ=="},{"data":"YQ=="},7,{"recordId":9,"data":"YQ=="},
		{"recordId":"b","data":"Yg=="},{"recordId":"","data":"YQ=="},{"recordId":"a\u0022","data":"YQ=="},{"recordId":"c","recordId":"d","data":"YQ=="}]}`
	var got transformed
	out := invoke(t, h, []byte(event), &got)
	var ids, results []string
	for _, r := range got.Records {
		ids = append(ids, r.RecordID)
		results = append(results, r.Result+string(r.Reason))
	}
	if want := []string{"b", `a"`, "", "d"}; !reflect.DeepEqual(ids, want) {
		t.Errorf("ids %q, want %q", ids, want)
	}
	if want := []string{"ProcessingFailedduplicate_id", "ProcessingFailedduplicate_id", "Ok", "Ok"}; !reflect.DeepEqual(results, want) {
		t.Errorf("results %q, want %q", results, want)
	}
	if !bytes.Contains(out, []byte(`"recordId":"\u0061\""`)) {
		t.Errorf("answer %s: the id's spelling has changed", out)
	}
}

func TestNoRecordsIsAnAnswer(t *testing.T) {
	f := &fakeScorer{}
	out, err := NewHandler(f, nil).Invoke(t.Context(), []byte(`{"records":[]}`))
	if err != nil || string(out) != `{"records":[]}` || f.batches.Load() != 0 {
		t.Errorf("answer %s, %v after %d batches", out, err, f.batches.Load())
	}
}

func TestABatchIsScoredInOneCall(t *testing.T) {
	f := &fakeScorer{}
	h := NewHandler(f, nil)
	posts := make([]string, 500)
	for i := range posts {
		posts[i] = fmt.Sprintf("post number %d", i)
	}
	posts[17] = "{broken"
	var got transformed
	invoke(t, h, transformEvent(posts...), &got)
	if n := f.batches.Load(); n != 1 {
		t.Errorf("%d batches", n)
	}
	for i, r := range got.Records {
		if i == 17 {
			continue
		}
		var a answer
		if err := json.Unmarshal(*r.Data, &a); err != nil || a.Message != posts[i] || a.Sentiment != fmt.Sprintf("label%d", len(posts[i])%3) {
			t.Fatalf("record %d: %+v, %v", i, a, err)
		}
	}
}

func TestAFailingPostCostsNoOtherItsScore(t *testing.T) {
	var logs bytes.Buffer
	f := &fakeScorer{refuse: "poison"}
	h := NewHandler(f, &logs)
	for range 2 { // a second time with used buffers
		var got transformed
		invoke(t, h, transformEvent("first", "{", "a poison post", "last post"), &got)
		for i, want := range []string{"Ok", "ProcessingFailedbad_json", "ProcessingFailednot_scored", "Ok"} {
			if r := got.Records[i]; r.Result+string(r.Reason) != want {
				t.Errorf("record %d: %s%s, want %s", i, r.Result, r.Reason, want)
			}
		}
		var a answer
		if err := json.Unmarshal(*got.Records[3].Data, &a); err != nil || a.Message != "last post" || a.Sentiment != "label0" {
			t.Errorf("last record: %+v, %v", a, err)
		}
	}
	if !strings.Contains(logs.String(), `"model_error":"refused for the test"`) {
		t.Errorf("log %s does not name the model's error", logs.String())
	}
	var got transformed
	invoke(t, h, transformEvent("fine again"), &got)
	if got.Records[0].Result != "Ok" {
		t.Errorf("a later event: %+v", got.Records)
	}
}

func TestExpiredContextStopsScoringOneByOne(t *testing.T) {
	f := &fakeScorer{refuse: "poison"}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	out, err := NewHandler(f, nil).Invoke(ctx, transformEvent("poison", "b", "c"))
	if err != nil || f.batches.Load() != 1 || bytes.Count(out, []byte(NotScored)) != 3 {
		t.Errorf("answer %s, %v after %d batches", out, err, f.batches.Load())
	}
}

func TestTheAnswerNeverExceedsTheLimit(t *testing.T) {
	h := NewHandler(&fakeScorer{}, nil)
	many := make([]string, 30_000)
	for i := range many {
		many[i] = "hi"
	}
	big := make([]string, 5)
	for i := range big {
		big[i] = strings.Repeat("\x01", 200_000) // six bytes each in JSON
	}
	for name, posts := range map[string][]string{"many short posts": many, "few large posts": append(append([]string{"small"}, big...), "small")} {
		var got transformed
		out := invoke(t, h, transformEvent(posts...), &got)
		if len(out) > MaxAnswerBytes {
			t.Errorf("%s: answer of %d bytes", name, len(out))
		}
		if len(got.Records) != len(posts) {
			t.Fatalf("%s: %d records for %d", name, len(got.Records), len(posts))
		}
		full := 0
		for i, r := range got.Records {
			if r.RecordID != fmt.Sprintf("r%d", i) {
				t.Fatalf("%s: record %d has id %s", name, i, r.RecordID)
			}
			if r.Result == "ProcessingFailed" && r.Reason == AnswerFull {
				full++
			} else if r.Result != "Ok" {
				t.Fatalf("%s: record %d is %s %s", name, i, r.Result, r.Reason)
			}
		}
		if full == 0 || full == len(posts) {
			t.Errorf("%s: %d of %d records did not fit", name, full, len(posts))
		}
		if last := got.Records[len(posts)-1]; name == "few large posts" && last.Result != "Ok" {
			t.Errorf("%s: a small record behind the large ones: %s", name, last.Result)
		}
	}
}

func TestMoreRecordsThanAnAnswerCanNameIsAnError(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(`{"records":[`)
	for i := range 100_000 {
		fmt.Fprintf(&b, `{"recordId":"%d"},`, i)
	}
	b.WriteString(`{}]}`)
	_, err := NewHandler(&fakeScorer{}, nil).Invoke(t.Context(), b.Bytes())
	if err == nil || !strings.Contains(err.Error(), "more records than an answer of 6291556 bytes can name") {
		t.Errorf("error %v", err)
	}
}

func TestHostileEventsTakeLittleMemory(t *testing.T) {
	const size = 6 << 20
	repeat := func(head, part, tail string) []byte {
		return []byte(head + strings.Repeat(part, size/len(part)) + tail)
	}
	for name, event := range map[string][]byte{
		"deep arrays":   repeat(`{"records":`, `[`, ``),
		"deep objects":  repeat(``, `{"records":`, ``),
		"empty records": repeat(`{"records":[`, `{},`, `{}]}`),
		"one id":        repeat(`{"records":[`, `{"recordId":""},`, `{}]}`),
		"empty texts":   repeat(`{"texts":[`, `"",`, `""]}`),
		"numbers":       repeat(`{"texts":[`, `1,`, `1]}`),
		"long key":      repeat(`{"`, `a`, `":1}`),
	} {
		h := NewHandler(&fakeScorer{}, nil)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = h.Invoke(t.Context(), event)
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 64<<20 {
			t.Errorf("%s: %d MB allocated for an event of 6 MB", name, got>>20)
		}
	}
}

func TestRecordsAllocateNothing(t *testing.T) {
	h := NewHandler(&fakeScorer{}, io.Discard)
	cost := func(n int) float64 {
		posts := make([]string, n)
		for i := range posts {
			posts[i] = fmt.Sprintf(`{"id":%d,"text":"post \"%d\" \u2014 caf\u00e9","lang":"en"}`, i, i)
		}
		event := transformEvent(posts...)
		return testing.AllocsPerRun(20, func() {
			if _, err := h.Invoke(context.Background(), event); err != nil {
				t.Fatal(err)
			}
		})
	}
	cost(1000) // let the buffers grow
	if few, many := cost(10), cost(1000); many > few+2 || few > 8 {
		t.Errorf("%v allocations for 10 records, %v for 1000", few, many)
	}
}

func TestAHandlerMayBeShared(t *testing.T) {
	h := NewHandler(&fakeScorer{}, io.Discard)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 20 {
				text := fmt.Sprintf("post %d of %d", i, g)
				var got transformed
				out, err := h.Invoke(context.Background(), transformEvent(text, "{", text))
				if err != nil {
					t.Error(err)
					return
				}
				if err := json.Unmarshal(out, &got); err != nil {
					t.Error(err)
					return
				}
				var a answer
				if err := json.Unmarshal(*got.Records[2].Data, &a); err != nil || a.Message != text {
					t.Errorf("message %q, want %q (%v)", a.Message, text, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestThePayloadIsLeftAlone(t *testing.T) {
	h := NewHandler(&fakeScorer{}, nil)
	for _, event := range []string{
		string(transformEvent(`{"text":"\u0061","id":{ "a" : 1 }}`)),
		`{"text":"\u0061","id":{ "a" : 1 }}`, `{"texts":["\u0061"]}`,
		`{"httpMethod":"POST","path":"/","body":"{\"text\":\"\\u0061\"}"}`,
	} {
		payload := []byte(event)
		if _, err := h.Invoke(t.Context(), payload); err != nil {
			t.Fatal(err)
		}
		if string(payload) != event {
			t.Errorf("%s became %s", event, payload)
		}
	}
}

// logLine is one line of the log.
type logLine struct {
	Timestamp    time.Time      `json:"timestamp"`
	Level        string         `json:"level"`
	Event        string         `json:"event"`
	InvocationID string         `json:"invocation_id"`
	Status       int            `json:"status"`
	Posts        int            `json:"posts"`
	OK           int            `json:"ok"`
	Failed       int            `json:"failed"`
	Reasons      map[Reason]int `json:"reasons"`
	BytesIn      int            `json:"bytes_in"`
	BytesOut     int            `json:"bytes_out"`
	MS           *float64       `json:"ms"`
	Error        string         `json:"error"`
}

func TestTheLogCountsAndHoldsNoTexts(t *testing.T) {
	var logs bytes.Buffer
	h := NewHandler(&fakeScorer{}, &logs)
	event := transformEvent("a SECRET post", `{"text":"SECRET","id":"SECRET"}`, "{SECRET", "\xff", "\xfe", `{"SECRET":1}`)
	out, err := h.Invoke(t.Context(), event)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = h.Invoke(t.Context(), []byte(`{"text":SECRET}`))
	_, _ = h.Invoke(t.Context(), []byte(`{"SECRET":1}`))
	_, _ = h.Invoke(t.Context(), []byte(`{"httpMethod":"SECRET","path":"/SECRET"}`))
	_, _ = h.Invoke(t.Context(), []byte(`{"httpMethod":"POST","path":"/","body":"SECRET"}`))
	if strings.Contains(logs.String(), "SECRET") {
		t.Errorf("the log holds a text: %s", logs.String())
	}
	var lines []logLine
	for line := range strings.Lines(logs.String()) {
		var l logLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		lines = append(lines, l)
	}
	if len(lines) != 5 {
		t.Fatalf("%d lines for 5 events", len(lines))
	}
	got := lines[0]
	if got.Timestamp.IsZero() || got.MS == nil || *got.MS < 0 {
		t.Errorf("line %+v has no time", got)
	}
	got.Timestamp, got.MS = time.Time{}, nil
	want := logLine{Level: "WARN", Event: "firehose", InvocationID: "inv-1", Posts: 6, OK: 2, Failed: 4, Reasons: map[Reason]int{BadJSON: 1, NotUTF8: 2, NoText: 1}, BytesIn: len(event), BytesOut: len(out)}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("line %+v, want %+v", got, want)
	}
	if l := lines[1]; l.Level != "ERROR" || l.Error == "" || l.BytesOut != 0 {
		t.Errorf("line %+v of a refused event", l)
	}
	if l := lines[3]; l.Level != "WARN" || l.Status != 404 {
		t.Errorf("line %+v of a refused request", l)
	}
}

func TestReasonsFitTheRoomKeptForThem(t *testing.T) {
	for _, r := range reasons {
		if len(r) > maxReason || r == "" {
			t.Errorf("reason %q", r)
		}
	}
}

// BenchmarkInvoke measures the codec: the scorer takes next to no time.
func BenchmarkInvoke(b *testing.B) {
	for _, form := range []struct{ name, format string }{
		{"text", "Post %d: the debate tonight was long, loud & \"lively\" \u2014 and then some more words to fill it up #debate http://t.co/abc"},
		{"json", `{"id":"%d","text":"Post: the debate tonight was long, loud & \"lively\" \u2014 and then some more words to fill it up #debate http:\/\/t.co\/abc","lang":"en","created_at":"2015-08-07T12:00:00Z","source":"sample"}`},
	} {
		for _, n := range []int{1, 500, 4000} {
			b.Run(fmt.Sprintf("data=%s/records=%d", form.name, n), func(b *testing.B) {
				posts := make([]string, n)
				for i := range posts {
					posts[i] = fmt.Sprintf(form.format, i)
					if !utf8.ValidString(posts[i]) {
						b.Fatal("bad post")
					}
				}
				event := transformEvent(posts...)
				h := NewHandler(&fakeScorer{}, io.Discard)
				b.ReportAllocs()
				b.SetBytes(int64(len(event)))
				for b.Loop() {
					if _, err := h.Invoke(context.Background(), event); err != nil {
						b.Fatal(err)
					}
				}
				perRecord := float64(b.Elapsed().Nanoseconds()) / float64(b.N) / float64(n)
				b.ReportMetric(perRecord, "ns/record")
				b.ReportMetric(1e9/perRecord, "records/s")
			})
		}
	}
}
