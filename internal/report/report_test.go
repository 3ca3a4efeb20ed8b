package report

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"
)

// scored is a delivered line.
func scored(id, label string) string {
	return fmt.Sprintf(`{"id":%q,"message":"x","sentiment":%q,"score":0.5,"probabilities":{"Negative":0.1,"Neutral":0.4,"Positive":0.5},"model":"m"}`, id, label) + "\n"
}

// failed is a line of an error object.
func failed(raw string) string {
	return fmt.Sprintf(`{"attemptsMade":1,"arrivalTimestamp":1,"errorCode":"Lambda.ProcessingFailedStatus","errorMessage":"ProcessingFailed status set for record","attemptEndingTimestamp":2,"rawData":%q,"lambdaArn":"a"}`,
		base64.StdEncoding.EncodeToString([]byte(raw))) + "\n"
}

func zipped(s string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(s))
	z.Close()
	return b.Bytes()
}

// objects is a small delivery: plain, gzip in two members, and error objects.
func objects() fstest.MapFS {
	return fstest.MapFS{
		"year=2026/a":         {Data: []byte(scored("1", "Positive") + scored("2", "Negative"))},
		"year=2026/b.gz":      {Data: append(zipped(scored("3", "Positive")), zipped(scored("4", "Odd"))...)},
		"processing-failed/c": {Data: []byte(failed(`{"id":"5","text":"x"}`) + failed("plain text"))},
		".hidden/d":           {Data: []byte("not an object")},
		"year=2026/.tmp":      {Data: []byte("not an object")},
	}
}

func TestCountsByLabel(t *testing.T) {
	r, err := Read(objects(), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []LabelCount{{"Negative", 1, .5}, {"Neutral", 0, 0}, {"Positive", 2, .5}, {"Odd", 1, .5}}
	if !reflect.DeepEqual(r.Labels, want) || r.Scored != 4 || r.Objects != 3 || r.Failed != 2 || r.FailedPosts != 2 || r.Bad != 0 {
		t.Errorf("got %+v", r)
	}
	if len(r.Failures) != 1 || r.Failures[0].Count != 2 || !strings.HasPrefix(r.Failures[0].Reason, "Lambda.ProcessingFailedStatus: ") {
		t.Errorf("got failures %+v", r.Failures)
	}
}

func TestBadLinesAreNamed(t *testing.T) {
	whole := zipped(strings.Repeat(scored("1", "Positive"), 3))
	r, err := Read(fstest.MapFS{
		"a": {Data: []byte(scored("1", "Positive") + "\n{broken\n" + `{"id":"2"}` + "\n[]\n" + scored("3", "Negative"))},
		"b": {Data: whole[:len(whole)-9]},
		"c": {Data: []byte("\x1f\x8bno gzip")},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range r.BadList {
		got = append(got, b.String())
	}
	want := []string{"a, line 3: not a delivered record", `a, line 4: not a delivered record: "sentiment"`, "a, line 5: not a delivered record", "b, line ", "c, line 1: gzip"}
	if len(got) != len(want) || r.Bad != len(want) {
		t.Fatalf("got %q", got)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("got %q, want %q", got[i], want[i])
		}
	}
}

func TestVerifyComparesMultisets(t *testing.T) {
	sent := strings.NewReader(`{"id":"1"}` + "\n" + `{"id":"2"}` + "\n" + `{"id":"2"}` + "\n" + `{"id":3}` + "\n" + `{"id":"4"}` + "\n" + `{"id":"5"}` + "\n\n" + `{"id":"6"}` + "\n")
	all := scored("1", "Positive") + scored("1", "Positive") + scored("1", "Positive") + scored("2", "Negative") +
		strings.Replace(scored("3", "Neutral"), `"3"`, "3", 1) + scored("9", "Neutral") + strings.Replace(scored("", "Neutral"), `"id":"",`, "", 1) +
		failed(`{"id":"5","text":"x"}`) + failed("plain")
	v, err := Verify(t.Context(), sent, fstest.MapFS{"a": {Data: []byte(all)}})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(v.Missing, []IDCount{{"2", 1}, {"4", 1}, {"6", 1}}) || !reflect.DeepEqual(v.Doubled, []IDCount{{"1", 2}}) || !reflect.DeepEqual(v.Failed, []IDCount{{"5", 1}}) {
		t.Errorf("missing %v, doubled %v, failed %v", v.Missing, v.Doubled, v.Failed)
	}
	if v.Sent != 7 || v.Received != 7 || v.Unknown != 1 || v.Anonymous != 2 || v.OK() || Total(v.Missing) != 3 {
		t.Errorf("got %+v", v)
	}
}

// TestPostsOfAFailedRecordAreNamed: a record that failed may hold several posts,
// whole or not.
func TestPostsOfAFailedRecordAreNamed(t *testing.T) {
	sent := ""
	for id := range 9 {
		sent += fmt.Sprintf("{\"id\":\"%d\"}\n", id)
	}
	all := scored("0", "Positive") +
		failed("{\"id\":\"1\",\"text\":\"a\"}\n{\"id\":2,\"text\":\"b\"}\n") +
		failed("\ufeff{\"id\":\"3\",\"text\":\"{\\\"id\\\":8}\"}\r\n\r\n{\"text\":\"no id\"}\r\n{\"id\":\"4\",\"te") + // torn
		failed("{\n \"id\": \"5\",\n \"text\": \"one object on many lines\"\n}\n") +
		failed("{\n \"id\": \"6\",\n \"text\": \"torn") +
		failed("two lines of\n{\"id\":\"8\"}") + failed("")
	v, err := Verify(t.Context(), strings.NewReader(sent), fstest.MapFS{"a": {Data: []byte(all)}})
	if err != nil {
		t.Fatal(err)
	}
	if want := []IDCount{{"1", 1}, {"2", 1}, {"3", 1}, {"5", 1}}; !reflect.DeepEqual(v.Failed, want) {
		t.Errorf("failed %v, want %v", v.Failed, want)
	}
	if want := []IDCount{{"4", 1}, {"6", 1}, {"7", 1}, {"8", 1}}; !reflect.DeepEqual(v.Missing, want) {
		t.Errorf("missing %v, want %v", v.Missing, want)
	}
	if r := v.Results; r.Failed != 6 || r.FailedPosts != 9 || r.Failures[0].Count != 6 || v.Anonymous != 5 || r.Bad != 0 {
		t.Errorf("got %+v, %d anonymous", r, v.Anonymous)
	}
}

func TestVerifyIsContentWhenAllArrived(t *testing.T) {
	sent := "{\"id\":\"1\"}\n{\"id\":\"1\"}\n{\"id\":\"2\"}\n"
	objects := fstest.MapFS{"a": {Data: []byte(scored("2", "Neutral") + scored("1", "Neutral"))}, "b": {Data: []byte(scored("1", "Neutral"))}}
	v, err := Verify(t.Context(), strings.NewReader(sent), objects)
	if err != nil || !v.OK() {
		t.Fatalf("got %+v, %v", v, err)
	}
	objects["c"] = &fstest.MapFile{Data: []byte("torn{")}
	if v, err = Verify(t.Context(), strings.NewReader(sent), objects); err != nil || v.OK() {
		t.Errorf("a line that cannot be read was passed over: %+v, %v", v, err)
	}
}

func TestVerifyRefusesOddSentFiles(t *testing.T) {
	for in, want := range map[string]string{"": "no sent ids", "{\"id\":\"1\"}\nx\n": "line 2: not a JSON object", "{\"text\":\"1\"}\n": "line 1: no id", "{\"id\":\"\"}\n": "line 1: no id"} {
		if _, err := Verify(t.Context(), strings.NewReader(in), fstest.MapFS{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", in, err, want)
		}
	}
}

// TestBrokenInputIsNoBadLine: what was read of a line before the input broke is
// not blamed.
func TestBrokenInputIsNoBadLine(t *testing.T) {
	broken := errors.New("broken")
	sent := io.MultiReader(strings.NewReader("{\"id\":\"1\"}\n{\"id\":"), iotest.ErrReader(broken))
	if _, err := Verify(t.Context(), sent, fstest.MapFS{}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.NoCompression)
	if err != nil {
		t.Fatal(err)
	}
	z.Write([]byte(scored("1", "Positive") + scored("2", "Positive")))
	z.Close()
	r, err := Read(fstest.MapFS{"a": {Data: b.Bytes()[:b.Len()-30]}}, nil)
	if err != nil || r.Scored != 1 || len(r.BadList) != 1 || r.BadList[0].String() != "a, line 2: unexpected EOF" {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestVerifyEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	objects := fstest.MapFS{"a": {Data: []byte(scored("1", "Neutral"))}}
	if _, err := Verify(ctx, strings.NewReader("{\"id\":\"1\"}\n"), objects); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestTableAndBars(t *testing.T) {
	r := &Results{Scored: 13_871, Labels: []LabelCount{{"Negative", 8_493, .81}, {"Neutral", 3_142, .6}, {"Positive", 2_236, .7}, {"日本\x1b", 0, 0}}}
	var b strings.Builder
	if err := r.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteBars(&b, 40, true); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteBars(&b, 40, false); err != nil {
		t.Fatal(err)
	}
	want := `label      posts    share  mean score
Negative   8,493   61.2 %       0.810
Neutral    3,142   22.7 %       0.600
Positive   2,236   16.1 %       0.700
日本�          0    0.0 %           -
total     13,871  100.0 %
Negative  ████████████████████████ 8,493
Neutral   ████████▉ 3,142
Positive  ██████▍ 2,236
日本�      0
Negative  ######################## 8,493
Neutral   ######### 3,142
Positive  ###### 2,236
日本�      0
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", -1000: "-1,000", -999: "-999", 1234567: "1,234,567"} {
		if got := Thousands(n); got != want {
			t.Errorf("%d: got %s", n, got)
		}
	}
}
