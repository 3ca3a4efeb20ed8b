package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"coldstream/internal/jsonscan"
)

// reference reads a post by encoding/json, as the truth for objectReader.
func reference(line []byte, o Options) (Post, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(line, &fields); err != nil {
		return Post{}, err
	}
	var p Post
	for _, f := range []struct {
		value        *string
		given, usual string
	}{{&p.Text, o.TextField, "text"}, {&p.ID, o.IDField, "id"}, {&p.Lang, o.LangField, "lang"}, {&p.CreatedAt, o.CreatedAtField, "created_at"}} {
		name, needed := field(f.given, f.usual)
		raw, ok := fields[name]
		switch {
		case !ok || string(raw) == "null":
			if needed || f.usual == "text" {
				return Post{}, fmt.Errorf("no field %q", name)
			}
		case raw[0] == '"':
			if err := json.Unmarshal(raw, f.value); err != nil {
				return Post{}, err
			}
		case f.usual != "text" && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9'):
			*f.value = string(raw)
		default:
			return Post{}, errors.New("neither a string nor a number")
		}
	}
	return p, nil
}

// FuzzObject holds the reader of JSON lines against encoding/json.
func FuzzObject(f *testing.F) {
	for _, line := range []string{
		`{"id":"a","text":"x","lang":"en","created_at":"now","more":[1,{"text":"no"}]}`,
		`{"id":629697200650592256,"text":"caf\u00e9 \ud83d\ude00 \ud800 \" \\ \/ \n"}`,
		`{"text":"first","text":"last","id":1,"id":null}`,
		`{"t\u0065xt":"escaped key","id":-1.5e+10}`,
		`{"text":5}`, `{"text":null}`, `{"text":"x","id":{}}`, `{"text":"x","lang":true}`, `{"id":1}`,
		`{"text":"x"} `, `{"text":"x"}{}`, `{"text":"x",}`, `{"text":`, `[1]`, `null`, ``, `{"text":"x","id":01}`, "{\"text\":\"\xff\"}", "{\"text\":\"\x01\"}",
		`{"a":[[[[[[[[]]]]]]]],"text":"` + strings.Repeat("long ", 50) + `"}`,
	} {
		f.Add([]byte(line), "", "")
		f.Add([]byte(line), "created_at", "text")
	}
	f.Fuzz(func(t *testing.T, line []byte, textField, idField string) {
		if strings.Contains(textField+idField, ".") || !utf8.ValidString(textField+idField) {
			return // a dot leads into objects, which the reference does not know
		}
		o := Options{TextField: textField, IDField: idField}
		got, err := newObjectReader(o).post(line)
		want, wantErr := reference(line, o)
		if !utf8.Valid(line) {
			wantErr = errNotUTF8
		}
		if err != nil && wantErr == nil && strings.Contains(err.Error(), "nested too deeply") && strings.Count(string(line), "[")+strings.Count(string(line), "{") > jsonscan.MaxDepth {
			return // a bound that encoding/json draws at 10,000
		}
		if (err == nil) != (wantErr == nil) || err == nil && got != want {
			t.Errorf("%q: got %+v, %v; want %+v, %v", line, got, err, want, wantErr)
		}
	})
}

func TestDotLeadsIntoAnObject(t *testing.T) {
	o := Options{TextField: "data.text", IDField: "data.meta.id", LangField: "a.b"}
	for _, c := range []struct{ line, want string }{
		{`{"data":{"text":"x","meta":{"id":5}},"a":{"b":"en"}}`, "x 5 en"},
		{`{"data.text":"whole","data":{"text":"x","meta":{"id":5}},"a.b":"de","a":{"b":"en"}}`, "whole 5 de"},
		{`{"data":{"text":"first"},"a.b":"","data":{"text":"x","meta.id":"5"}}`, "x 5 "},
		{`{"data":{"text":"x"},"a":{"b":"en"}}`, `no field "data.meta.id"`},
		{`{"data":{"text":"x","meta":[5]},"a":{"b":"en"}}`, `no field "data.meta.id"`},
		{`{"data":"x"}`, `no field "data.text"`},
	} {
		p, err := newObjectReader(o).post([]byte(c.line))
		got := p.Text + " " + p.ID + " " + p.Lang
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.line, got, c.want)
		}
	}
}

// inputs are files of n sample posts for benchmarks and for Next's allocations.
func inputs(n int) map[string]string {
	var jsonl, csv, s140 strings.Builder
	csv.WriteString("id,text,lang,created_at\n")
	for i := range n {
		text := SampleText(i) + " and then some more words to make it as long as a usual post, \"quoted\" ones too"
		quoted := strings.ReplaceAll(text, `"`, `""`)
		fmt.Fprintf(&jsonl, `{"id":"%d","text":%q,"lang":"en","created_at":"2026-01-01T12:00:00Z","user":{"name":"n%d","followers":%d},"tags":["a","b"]}`+"\n", 1e15+i, text, i, i)
		fmt.Fprintf(&csv, "%d,\"%s\",en,2026-01-01T12:00:00Z\n", int(1e15)+i, quoted)
		fmt.Fprintf(&s140, "\"4\",\"%d\",\"Mon Apr 06 22:19:45 PDT 2009\",\"NO_QUERY\",\"user%d\",\"%s\"\n", int(1e9)+i, i, quoted)
	}
	return map[string]string{"jsonl": jsonl.String(), "csv": csv.String(), "sentiment140": s140.String()}
}

// BenchmarkNext: one operation is one post.
func BenchmarkNext(b *testing.B) {
	const posts = 1000
	for format, in := range inputs(posts) {
		b.Run("format="+format, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(in) / posts))
			var s Source
			left := 0
			for b.Loop() {
				if left == 0 {
					var err error
					if s, err = NewReader("in", "file", strings.NewReader(in), Options{Format: Format(format)}); err != nil {
						b.Fatal(err)
					}
					left = posts
				}
				if _, err := s.Next(b.Context()); err != nil {
					b.Fatal(err)
				}
				left--
			}
		})
	}
}
