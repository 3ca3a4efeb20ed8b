package function

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzInvoke wants, of whatever event: no panic; an answer that is valid JSON
// within the limit, or an error; from a transformation event every recordId
// once, in order, with data if and only if it is Ok; and one line for each of
// the posts that encoding/json would read.
func FuzzInvoke(f *testing.F) {
	f.Add(transformEvent("plain text", `{"text":"a \u00e9","id":1,"source":{"a":[1, 2]}}`, "{broken", "\xff", ""))
	f.Add(transformEvent("{\"text\":\"a\"}\n{\"id\":2,\"text\":\"refused\"}\n", " \r\n{\"text\":\"a\"}\r\n \n{\"text\":\"\\n\"}\n", "{\n\"text\":\"a\"\n}\n", "{\"text\":\"a\"}\n{\"text\":"))
	f.Add([]byte(`{"records":[{"recordId":"a","data":"YQ=="},{"recordId":"\u0061","data":"Yg=="},{"recordId":"b","data":"Yg"},{"recordId":"c"},{"data":"Yg=="},7]}`))
	f.Add([]byte(`{"invocationId":"i","records":[{"data":"SGVsbG8\u003d","recordId":"r","kinesisRecordMetadata":{"shardId":"s","sequenceNumber":"495"}}]}`))
	for _, event := range versions {
		f.Add([]byte(event("POST", "/predict", `{"text":"a \"b\" \u2603","id":7}`)))
		f.Add([]byte(event("GET", "/", "")))
	}
	f.Add([]byte(`{"text":"hello","lang":"en"}`))
	f.Add([]byte(`{"texts":["hello","\ud83d\ude00",""]}`))
	f.Add([]byte(`{"tasks":[]}`))
	h := NewHandler(&fakeScorer{refuse: "refused"}, io.Discard)
	f.Fuzz(func(t *testing.T, event []byte) {
		before := bytes.Clone(event)
		out, err := h.Invoke(context.Background(), event)
		if !bytes.Equal(before, event) {
			t.Fatal("the event was changed")
		}
		if err != nil {
			if out != nil {
				t.Fatalf("both an answer and the error %v", err)
			}
			return
		}
		if !json.Valid(out) || !utf8.Valid(out) || len(out) > MaxAnswerBytes {
			t.Fatalf("answer %q", out)
		}
		var e map[string]json.RawMessage
		if err := json.Unmarshal(event, &e); err != nil {
			t.Fatalf("answered what is no JSON object: %v", err)
		}
		if r := bytes.TrimSpace(e["records"]); len(r) > 0 && r[0] == '[' {
			checkTransformed(t, r, out)
		}
	})
}

// checkTransformed compares the answer to records with what encoding/json and
// the plainest reading of the rules make of them.
func checkTransformed(t *testing.T, records, out []byte) {
	t.Helper()
	var items []json.RawMessage
	if err := json.Unmarshal(records, &items); err != nil {
		t.Fatal(err)
	}
	type want struct {
		id   string
		data json.RawMessage
		seen int
	}
	var wants []*want
	byID := map[string]*want{}
	for _, item := range items {
		var r map[string]json.RawMessage
		var id *string
		if json.Unmarshal(item, &r) != nil || json.Unmarshal(r["recordId"], &id) != nil || id == nil {
			continue
		}
		if byID[*id] == nil {
			byID[*id] = &want{id: *id, data: r["data"]}
			wants = append(wants, byID[*id])
		}
		byID[*id].seen++
	}
	var got transformed
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Records) != len(wants) {
		t.Fatalf("%d records for %d ids", len(got.Records), len(wants))
	}
	for i, w := range wants {
		r := got.Records[i]
		if r.RecordID != w.id {
			t.Fatalf("record %d has id %q, want %q", i, r.RecordID, w.id)
		}
		texts, ok := readPlainly(w.data)
		ok = ok && w.seen == 1 && !strings.Contains(strings.Join(texts, "\x00"), "refused")
		if (r.Result == "Ok") != ok || r.Result != "Ok" && r.Result != "ProcessingFailed" || (r.Data != nil) != ok || (r.Reason == "") != ok {
			t.Fatalf("record %d: %+v, want ok %v", i, r, ok)
		}
		if !ok {
			continue
		}
		lines := strings.SplitAfter(string(*r.Data), "\n")
		if len(lines) != len(texts)+1 || lines[len(texts)] != "" {
			t.Fatalf("record %d: data %q, want a line for each of %q", i, *r.Data, texts)
		}
		for n, text := range texts {
			var a answer
			if err := json.Unmarshal([]byte(lines[n]), &a); err != nil || a.Message != text {
				t.Fatalf("record %d: line %q, want message %q (%v)", i, lines[n], text, err)
			}
		}
	}
}

// readPlainly reads a record's data as scratch.readData does, by means of
// encoding/json.
func readPlainly(raw json.RawMessage) (texts []string, ok bool) {
	var s *string
	if json.Unmarshal(raw, &s) != nil || s == nil {
		return nil, false
	}
	data, err := base64.StdEncoding.DecodeString(*s)
	if err != nil || !utf8.Valid(data) || len(data) > MaxTextBytes {
		return nil, false
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if cut, found := bytes.CutSuffix(data, []byte("\n")); found {
		data = bytes.TrimSuffix(cut, []byte("\r"))
	}
	trimmed := bytes.Trim(data, " \t\r\n")
	if len(trimmed) == 0 || trimmed[0] != '{' {
		return []string{string(data)}, true
	}
	objects := [][]byte{trimmed}
	if lines := bytes.Split(trimmed, []byte("\n")); json.Valid(lines[0]) {
		objects = lines
	}
	for _, object := range objects {
		if len(bytes.Trim(object, " \t\r")) == 0 {
			continue
		}
		var post map[string]json.RawMessage
		var value *string
		if json.Unmarshal(object, &post) != nil || json.Unmarshal(post["text"], &value) != nil || value == nil {
			return nil, false
		}
		texts = append(texts, *value)
	}
	return texts, true
}
