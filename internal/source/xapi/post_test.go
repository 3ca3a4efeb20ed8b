package xapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"coldstream/internal/source"
)

func TestPostsInBothSpellings(t *testing.T) {
	for line, want := range map[string]message{
		`{"data":{"id":"12","text":"Look at this cat","lang":"en","created_at":"2026-01-15T10:35:00.000Z","edit_history_tweet_ids":["12"]},"matching_rules":[{"id":"1","tag":"x"}]}`: {isPost: true,
			post: source.Post{ID: "12", Text: "Look at this cat", Lang: "en", CreatedAt: "2026-01-15T10:35:00.000Z", Source: "x-stream", Key: "12"}},
		`{"data":{"id":"12","text":"short","edit_history_tweet_ids":["10","11","12"],"note_tweet":{"text":"the whole \u00e9"},"referenced_tweets":[{"type":"replied_to"},{"type":"retweeted"}]}}`: {isPost: true,
			post: source.Post{ID: "12", Text: "the whole é", Source: "x-stream", Key: "10", Retweet: true}},
		`{"data":{"id":"12","text":"short","edit_history_post_ids":["10","12"],"note_post":{"text":"the whole"},"referenced_posts":[{"type":"retweeted","id":"3"}]}}`: {isPost: true,
			post: source.Post{ID: "12", Text: "the whole", Source: "x-stream", Key: "10", Retweet: true}},
		`{"data":{"id":"12","text":"","note_tweet":null,"referenced_tweets":[{"type":"quoted"}]},"matching_rules":[{"id":"7"},{"id":"1"}]}`: {isPost: true,
			post: source.Post{ID: "12", Source: "x-stream"}},
		`{"data":{"id":"12","text":"other"},"matching_rules":[{"id":"7"}]}`: {isPost: true, foreign: true,
			post: source.Post{ID: "12", Text: "other", Source: "x-stream"}},
		`{"data":{"id":"12","text":"x"},"errors":[{"title":"Not Found Error"}]}`: {isPost: true, errors: []problem{{Title: "Not Found Error"}},
			post: source.Post{ID: "12", Text: "x", Source: "x-stream"}},
		`{"errors":[{"title":"operational-disconnect","detail":"d"}]}`: {errors: []problem{{Title: "operational-disconnect", Detail: "d"}}},
		`{"data":null,"more":{}}`:                                      {},
		`{}`:                                                           {},
	} {
		got, err := parseMessage([]byte(line), "x-stream", map[string]bool{"1": true})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v", line, got, err)
		}
	}
	for line, want := range map[string]string{
		`{"data":{"id":"1","te`: "not a JSON object", `[1]`: "not a JSON object", `{"data":{"text":"x"}}`: `no field "id"`, `{"data":{"id":"1"}}`: `no field "text"`,
		`{"data":[{"id":"1","text":"x"}]}`: "not a post", `{"data":{"id":1,"text":"x"}}`: "not a post", "{\"data\":{\"id\":\"1\",\"text\":\"\xff\"}}": "not valid UTF-8",
	} {
		if got, err := parseMessage([]byte(line), "x-stream", nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %+v, %v, want %q", line, got, err, want)
		}
	}
}

// lines reads all lines; the last string is what ended them.
func lines(r io.Reader) (out []string, cut bool) {
	l := newLineReader(r)
	for {
		line, err := l.next()
		switch {
		case err == errLineTooLong:
			out = append(out, "too long")
		case err != nil:
			return append(out, err.Error()), l.cut
		default:
			out = append(out, string(line))
		}
	}
}

func TestLinesAreTheSameHoweverTheyArrive(t *testing.T) {
	in := "{\"a\":1}\r\n\r\n{\"b\":\"\r\"}\r\n\n{}\n"
	want := []string{`{"a":1}`, "", "{\"b\":\"\r\"}", "", "{}", "EOF"}
	for cut := range len(in) + 1 {
		got, torn := lines(io.MultiReader(strings.NewReader(in[:cut]), strings.NewReader(in[cut:])))
		if !reflect.DeepEqual(got, want) || torn {
			t.Errorf("cut at %d: got %q", cut, got)
		}
	}
	if got, torn := lines(iotest.OneByteReader(strings.NewReader(in))); !reflect.DeepEqual(got, want) || torn {
		t.Errorf("byte by byte: got %q", got)
	}
	if got, torn := lines(strings.NewReader("{}\r\n{\"a")); !torn || len(got) != 2 {
		t.Errorf("torn: got %q, %v", got, torn)
	}
	if got, torn := lines(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("{}")))); !torn || got[0] != iotest.ErrTimeout.Error() {
		t.Errorf("error: got %q, %v", got, torn)
	}
}

func TestLongLinesAreSkipped(t *testing.T) {
	fits := strings.Repeat("x", maxLine-2)
	got, torn := lines(strings.NewReader(fits + "\r\n" + fits + "y\r\n{}\r\n" + fits + "zzz"))
	if len(got) != 4 || got[0] != fits || got[1] != "too long" || got[2] != "{}" || got[3] != "EOF" || !torn {
		t.Errorf("got %d lines, torn %v", len(got), torn)
	}
}

func TestIDsTellTheTime(t *testing.T) {
	// The example of the published layout: the first post with an id of this kind.
	if got := timeOf(1541815603606036480).UTC().Format("2006-01-02T15:04:05.000"); got != "2022-06-28T16:07:40.105" {
		t.Errorf("got %s", got)
	}
	at := timeOf(number("1541815603606036480"))
	if id := idAt(at); id > 1541815603606036480 || timeOf(id) != at {
		t.Errorf("got %d", id)
	}
	if number("sample-1") != 0 || number("") != 0 {
		t.Error("an id that is no number is one")
	}
}

// FuzzLines wants, of whatever a stream sends: no panic; every line is found
// however it arrives; a post has an id and a text of valid UTF-8, the one that
// encoding/json finds.
func FuzzLines(f *testing.F) {
	f.Add([]byte(`{"data":{"id":"12","text":"x\ud83d","edit_history_tweet_ids":["1"]},"matching_rules":[{"id":"7"}]}`+"\r\n\r\n{\"errors\":[{\"title\":\"a\"}]}\r\n"), 3)
	f.Add([]byte("{\"data\":{\"id\":\"\",\"text\":null}}\n[]\n\"\xff\"\r\n{\"data\":7}\n{\"dat"), 40)
	f.Add([]byte(`{"data":{"id":"1","text":"a","note_post":{"text":"b"},"note_tweet":{"text":"c"},"referenced_posts":[{}]},"errors":[{"errors":[{"details":["x"]}]}]}`+"\n"), 0)
	f.Fuzz(func(t *testing.T, in []byte, cut int) {
		if cut < 0 || cut > len(in) {
			return
		}
		whole, torn := lines(bytes.NewReader(in))
		parts, tornToo := lines(io.MultiReader(bytes.NewReader(in[:cut]), bytes.NewReader(in[cut:])))
		if !reflect.DeepEqual(whole, parts) || torn != tornToo {
			t.Fatalf("%q and %q", whole, parts)
		}
		for _, line := range whole[:len(whole)-1] {
			m, err := parseMessage([]byte(line), "x-stream", nil)
			for i := range m.errors {
				_ = m.errors[i].text() + name(m.errors[i].Title)
			}
			if err != nil || !m.isPost {
				if m.post != (source.Post{}) {
					t.Fatalf("%q: a post that is none: %+v", line, m.post)
				}
				continue
			}
			var want struct{ Data struct{ ID, Text string } }
			if err := json.Unmarshal([]byte(line), &want); err != nil || m.post.ID != want.Data.ID || m.post.ID == "" || !utf8.ValidString(m.post.Text) {
				t.Fatalf("%q: got %+v, %v", line, m.post, err)
			}
			if m.post.Text != want.Data.Text && !strings.Contains(line, "note_") && !strings.Contains(strings.ToLower(line), "note_") {
				t.Fatalf("%q: got text %q", line, m.post.Text)
			}
		}
	})
}

func TestErrorsAreToldApart(t *testing.T) {
	for _, c := range []struct {
		err  error
		want family
	}{
		{&networkError{err: io.EOF}, unreachable}, {&statusError{status: 503}, overloaded}, {&statusError{status: 500}, overloaded},
		{&statusError{status: 429}, rateLimited}, {&statusError{status: 429, problem: problem{Issue: "TooManyConnections"}}, occupied},
		{&statusError{status: 429, problem: problem{Type: "https://api.x.com/2/problems/usage-capped"}}, final},
		{&statusError{status: 409, problem: problem{Issue: "RuleConfigurationIssue"}}, overloaded}, {&statusError{status: 409}, final},
		{&statusError{status: 400}, final}, {&statusError{status: 401}, final}, {&statusError{status: 402}, final}, {&statusError{status: 403}, final},
		{&statusError{status: 404}, final}, {&statusError{status: 302}, final}, {errors.New("other"), final},
	} {
		if got, _ := classify(c.err); got != c.want {
			t.Errorf("%+v: got %d, want %d", c.err, got, c.want)
		}
	}
}
