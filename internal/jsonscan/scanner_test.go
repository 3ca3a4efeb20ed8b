package jsonscan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// valid reports whether the scanner takes doc as one whole JSON value.
func valid(doc []byte) bool {
	s := New(doc)
	v := s.Value()
	return s.End() && v.Kind != None
}

// documents are tried by the tests and are the seeds of the fuzz targets.
var documents = []string{
	``, ` `, `null`, `true`, `false`, `nul`, `nulll`, `tru`, `0`, `-0`, `-`, `01`, `1.`, `1.5`, `.5`, `1e`, `1e5`, `1E-07`, `-1.25e+10`, `+1`, `1 2`,
	`""`, `"a"`, `"`, `"a`, `"\"`, `"\\"`, `"\x"`, `"\u12"`, `"\u00e9"`, `"\uD83D\uDE00"`, `"\uD83D"`, `"\uDE00\uD83D"`, `"\ud83dA"`, `"\b\f\n\r\t\/"`,
	"\"tab\there\"", "\"nul\x00\"", "\"caf\u00e9\"", "\"\xff\"", "\"long enough for words, then \xc3\"", "\"eight by\te\"", "\"DEL \x7f\"",
	`{}`, `{ }`, `{"a":1}`, `{"a":1,}`, `{,}`, `{"a"}`, `{"a":}`, `{"a" 1}`, `{a:1}`, `{"a":1 "b":2}`, `{"a":{"b":[1,{"c":null}]}}`, `{"\u0061":1}`,
	`[]`, `[ ]`, `[1]`, `[1,]`, `[,1]`, `[1 2]`, `[[],[[]],{}]`, `[`, `{`, `]`, `}`, `[}`, `{]`, `[1}`, `{"a":1]`, `[true,false,null]`, " \t\r\n[ 1 , 2 ] ", "\v1",
	"\xef\xbb\xbf{}", `"01234567\u0031"`, `"0123456\\"`, `"01234567"x`,
}

func TestValidAsEncodingJSON(t *testing.T) {
	for _, doc := range documents {
		want := json.Valid([]byte(doc)) && utf8.ValidString(doc)
		if got := valid([]byte(doc)); got != want {
			t.Errorf("%q: valid %v, want %v", doc, got, want)
		}
		if s := New([]byte(doc)); want {
			if next := s.Next(); next != s.Value().Kind {
				t.Errorf("%q: next is %v", doc, next)
			}
		}
	}
}

func TestEveryStopByteIsFoundAtEveryOffset(t *testing.T) {
	for n := range 40 {
		for _, c := range []byte{0, 0x1f, 0x20, '!', '"', '#', '[', '\\', ']', 0x7f, 0x80, 0xff} {
			for _, fill := range []byte{'a', ' ', 0x7f} {
				b := bytes.Repeat([]byte{fill}, 40)
				b[n] = c
				doc := append(append([]byte{'"'}, b...), '"')
				want := json.Valid(doc) && utf8.Valid(doc)
				if got := valid(doc); got != want {
					t.Fatalf("byte %#x at %d: valid %v, want %v", c, n, got, want)
				}
			}
		}
	}
}

func TestErrorsNameThePlace(t *testing.T) {
	for doc, want := range map[string]string{
		`{"a":tru}`:   "want a value at byte 5",
		`{"a" 1}`:     "want a colon at byte 5",
		`{"a":1`:      "unexpected end at byte 6",
		`{"a":"b`:     "unexpected end at byte 7",
		`[1 2]`:       "want a comma or the end at byte 3",
		`{1:2}`:       "want a member's name at byte 1",
		`"\q"`:        "broken escape in a string at byte 1",
		"\"a\nb\"":    "control character in a string at byte 2",
		`1.x`:         "want a digit at byte 2",
		`{} {}`:       "unexpected text behind the value at byte 3",
		"\"caf\xe9\"": "text that is not UTF-8 at byte 5",
		"":            "unexpected end at byte 0",
	} {
		s := New([]byte(doc))
		s.Value()
		s.End()
		if err := s.Err(); err == nil || err.Error() != want {
			t.Errorf("%q: error %v, want %s", doc, err, want)
		}
	}
}

func TestDepthIsBounded(t *testing.T) {
	for _, open := range []string{"[", `{"a":`} {
		shut := map[string]string{"[": "]", `{"a":`: "}"}[open]
		deepest := strings.Repeat(open, MaxDepth) + "1" + strings.Repeat(shut, MaxDepth)
		if !valid([]byte(deepest)) {
			t.Errorf("depth %d of %s: refused", MaxDepth, open)
		}
		s := New([]byte(open + deepest + shut))
		s.Value()
		if err := s.Err(); err == nil || !strings.HasPrefix(err.Error(), "nested too deeply") {
			t.Errorf("depth %d of %s: error %v", MaxDepth+1, open, err)
		}
	}
}

func TestWalkSeesEveryMember(t *testing.T) {
	doc := `{"a": [1, "two", {"three": null}], "\u0062": {"x": -1e3}, "c": true }`
	var got []string
	s := New([]byte(doc))
	s.Object()
	for key, ok := s.Member(); ok; key, ok = s.Member() {
		if key.Is("a") && s.Array() {
			for s.Element() {
				got = append(got, string(s.Value().Raw))
			}
			continue
		}
		v := s.Value()
		got = append(got, fmt.Sprintf("%s=%s %s %v", key.Raw, v.Kind, v.Raw, key.Is("b")))
	}
	if !s.End() {
		t.Fatal(s.Err())
	}
	want := `1|"two"|{"three": null}|"\u0062"=an object {"x": -1e3} true|"c"=a boolean true false`
	if strings.Join(got, "|") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "|"), want)
	}
}

func TestTextsAsEncodingJSON(t *testing.T) {
	for _, doc := range documents {
		s := New([]byte(doc))
		v := s.Value()
		if v.Kind != String {
			continue
		}
		var want string
		if err := json.Unmarshal(v.Raw, &want); err != nil {
			t.Fatalf("%q: %v", doc, err)
		}
		if got := string(AppendString(nil, v)); got != want {
			t.Errorf("%q: text %q, want %q", doc, got, want)
		}
		if !v.Is(want) {
			t.Errorf("%q: Is(%q) is false", doc, want)
		}
		own := bytes.Clone(v.Raw)
		v.Raw = own
		if got := string(AppendString(own[:0], v)); got != want {
			t.Errorf("%q in place: text %q, want %q", doc, got, want)
		}
	}
}

func TestQuotedTextComesBack(t *testing.T) {
	for _, text := range []string{"", "plain", "\"quoted\"\\", "\x00\x1f\b\f\n\r\t\x7f", "caf\u00e9 \u2028 \u2029 \U0001F600", "\xff\xc3", "end \xe2\x80"} {
		q := AppendQuoted(nil, text)
		if string(AppendQuoted(nil, []byte(text))) != string(q) {
			t.Errorf("%q: bytes and string differ", text)
		}
		var got string
		if err := json.Unmarshal(q, &got); err != nil {
			t.Fatalf("%q: %s: %v", text, q, err)
		}
		if want := strings.ToValidUTF8(text, "\ufffd"); got != want && utf8.ValidString(text) {
			t.Errorf("%q: came back as %q", text, got)
		}
		if !utf8.Valid(q) || bytes.ContainsAny(q, "\n\u2028\u2029") {
			t.Errorf("%q: %q is not one line of UTF-8", text, q)
		}
	}
}

func TestCompactIsOneLine(t *testing.T) {
	doc := " { \"a b\" : [ 1.50 ,\n\t\"x\\\" \\n y\" ] } "
	s := New([]byte(doc))
	v := s.Value()
	want := `{"a b":[1.50,"x\" \n y"]}`
	if got := string(AppendCompact(nil, v)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := string(AppendCompact(v.Raw[:0], v)); got != want {
		t.Errorf("in place: got %s, want %s", got, want)
	}
}

func TestScanningAllocatesNothing(t *testing.T) {
	doc := []byte(`{"text":"caf\u00e9 au lait","id":12,"user":{"tags":[1,2,{"a":null}]}}`)
	buf := make([]byte, 0, 256)
	if n := testing.AllocsPerRun(100, func() {
		s := New(doc)
		s.Object()
		for key, ok := s.Member(); ok; key, ok = s.Member() {
			v := s.Value()
			if key.Is("text") {
				buf = AppendString(buf[:0], v)
				buf = AppendQuoted(buf, "x\u2028y")
			} else {
				buf = AppendCompact(buf[:0], v)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzScan compares the scanner with encoding/json, which takes the same
// grammar but for text that is not UTF-8 and for deeper nesting.
func FuzzScan(f *testing.F) {
	for _, doc := range documents {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		s := New(doc)
		next := s.Next()
		v := s.Value()
		ok := s.End()
		if ok && v.Kind != next {
			t.Fatalf("next is %v, then comes %v", next, v.Kind)
		}
		if strings.HasPrefix(s.fault, "nested too deeply") {
			return
		}
		if want := json.Valid(doc) && utf8.Valid(doc); ok != want {
			t.Fatalf("valid %v, want %v (%v)", ok, want, s.Err())
		}
		if !ok {
			return
		}
		if v.Kind == String {
			var want string
			if err := json.Unmarshal(doc, &want); err != nil {
				t.Fatal(err)
			}
			got := AppendString(nil, v)
			if string(got) != want {
				t.Fatalf("text %q, want %q", got, want)
			}
			var again string
			if err := json.Unmarshal(AppendQuoted(nil, got), &again); err != nil || again != want {
				t.Fatalf("quoted again: %q, %v", again, err)
			}
		}
		var want bytes.Buffer
		if err := json.Compact(&want, doc); err != nil {
			t.Fatal(err)
		}
		if got := AppendCompact(nil, v); !bytes.Equal(got, want.Bytes()) {
			t.Fatalf("compact %s, want %s", got, want.Bytes())
		}
		members(t, doc, v)
	})
}

// members checks that walking an object sees what encoding/json sees.
func members(t *testing.T, doc []byte, v Value) {
	if v.Kind != Object {
		return
	}
	var want map[string]json.RawMessage
	if err := json.Unmarshal(doc, &want); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	s := New(doc)
	s.Object()
	for key, ok := s.Member(); ok; key, ok = s.Member() {
		name := string(AppendString(nil, key))
		if !key.Is(name) {
			t.Fatalf("key %q is not %q", key.Raw, name)
		}
		got[name] = string(s.Value().Raw)
	}
	if !s.End() || len(got) != len(want) {
		t.Fatalf("%d members, want %d (%v)", len(got), len(want), s.Err())
	}
	for name, raw := range want {
		if got[name] != string(raw) {
			t.Fatalf("member %q is %s, want %s", name, got[name], raw)
		}
	}
}

func BenchmarkScan(b *testing.B) {
	doc := []byte(`{"records":[{"recordId":"49546986683135544286507457936321625675700192471156785154000000","approximateArrivalTimestamp":1495072949453,"data":"` + strings.Repeat("QUJDREVGR0g", 30) + `"}]}`)
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if !valid(doc) {
			b.Fatal("not valid")
		}
	}
}
