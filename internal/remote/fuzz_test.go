package remote

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzAnswers wants, of whatever an endpoint answers: no panic; an error, or as
// many answers as texts, each of them either refused or members of a JSON object
// on one line that say what encoding/json reads.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte(object("a")), 1, true)
	f.Add([]byte(`{"results":[`+object("a")+`, null,`+object("\u2028\" \\ b")+`]}`), 3, false)
	f.Add([]byte(`{"results":[],"results":[{"sentiment":"a\u2028\/","score":-1.5e+07,"score":null,"model":"\ud83d","probabilities":{"\n":1,"":null}}]}`), 1, false)
	f.Add([]byte(`{"results":[{"sentiment":"a","score":1,"probabilities":{"a":[1]}},[],"",0,true]}`), 5, false)
	f.Fuzz(func(t *testing.T, body []byte, n int, single bool) {
		if n < 1 || n > 1000 || single && n != 1 {
			return
		}
		answers, err := readAnswers(body, n, single)
		if err != nil {
			return
		}
		if len(answers) != n {
			t.Fatalf("%d answers for %d texts", len(answers), n)
		}
		for _, v := range answers {
			const before = "before"
			out, err := appendFields([]byte(before), v)
			fields, kept := strings.CutPrefix(string(out), before)
			if !kept || err != nil && fields != "" || err == nil && fields == "" {
				t.Fatalf("%s: %q, %v", v.Raw, out, err)
			}
			if err != nil {
				continue
			}
			var got, want map[string]json.RawMessage
			if err := json.Unmarshal([]byte("{"+fields+"}"), &got); err != nil || !utf8.ValidString(fields) || strings.ContainsAny(fields, "\n\r\u2028\u2029") {
				t.Fatalf("%s: fields %q, %v", v.Raw, fields, err)
			}
			if err := json.Unmarshal(v.Raw, &want); err != nil {
				t.Fatalf("%s: took what is no object: %v", v.Raw, err)
			}
			for _, name := range []string{"sentiment", "score", "probabilities", "model"} {
				if !bytes.Equal(normal(t, got[name]), normal(t, want[name])) {
					t.Fatalf("%s: %s is %s", v.Raw, name, got[name])
				}
			}
		}
	})
}

// normal is raw as encoding/json would write it, numbers as they stand.
func normal(t *testing.T, raw json.RawMessage) []byte {
	if raw == nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
