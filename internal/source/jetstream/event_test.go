package jetstream

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"coldstream/internal/source"
	"coldstream/internal/source/jetstream/jetstreamtest"
)

func TestParse(t *testing.T) {
	commit := func(fields string) string {
		return `{"did":"did:plc:x","time_us":1700000000000001,"kind":"commit","commit":{"rev":"r","operation":"create","collection":"app.bsky.feed.post","rkey":"k","record":` + fields + `,"cid":"c"}}`
	}
	post := func(text, lang, createdAt string) source.Post {
		return source.Post{ID: "at://did:plc:x/app.bsky.feed.post/k", Text: text, Lang: lang, CreatedAt: createdAt, Source: "jetstream"}
	}
	for _, c := range []struct {
		frame string
		what  counter
		post  source.Post
	}{
		{commit(`{"$type":"app.bsky.feed.post","text":"a\n\"b\" \ud83d\ude00","langs":["en","pt-BR"],"createdAt":"2026-01-01T00:00:00Z"}`), posts, post("a\n\"b\" 😀", "en,pt-BR", "2026-01-01T00:00:00Z")},
		{commit(`{"text":"a"}`), posts, post("a", "", "")},
		{commit(`{"text":"","langs":[]}`), posts, post("", "", "")},
		{commit(`{"text":"a","langs":"en","createdAt":7}`), posts, post("a", "", "")},
		{commit(`{"text":"a","langs":[1,"en",null,""]}`), posts, post("a", "en", "")},
		{commit(`{"text":"half \ud83d"}`), posts, post("half \ufffd", "", "")},
		{commit(`{"text":"a","reply":{"text":"b","langs":["fr"]}}`), posts, post("a", "", "")},
		{commit(`{"langs":["en"]}`), malformed, source.Post{}},
		{commit(`{"text":7}`), malformed, source.Post{}},
		{commit(`null`), malformed, source.Post{}},
		{commit(`["text"]`), malformed, source.Post{}},
		{`{"kind":"commit"}`, malformed, source.Post{}},
		{`{"kind":"commit","commit":null}`, malformed, source.Post{}},
		{`{"kind":"commit","did":"d","commit":{"operation":"create","collection":"app.bsky.feed.post","record":{"text":"a"}}}`, malformed, source.Post{}},
		{`{"kind":"commit","did":"d","commit":{"operation":"create","collection":"app.bsky.feed.like","rkey":"k","record":{"text":"a"}}}`, otherCollections, source.Post{}},
		{`{"kind":"commit","did":"d","commit":{"operation":"delete","collection":"app.bsky.feed.post","rkey":"k"}}`, deletes, source.Post{}},
		{`{"kind":"commit","commit":{"operation":"update"}}`, updates, source.Post{}},
		{`{"kind":"account"}`, accounts, source.Post{}},
		{`{"kind":"identity"}`, identities, source.Post{}},
		{`{"kind":"else"}`, otherKinds, source.Post{}},
	} {
		e, err := parse([]byte(c.frame), []string{"app.bsky.feed.post"})
		if err != nil || e.what != c.what || !reflect.DeepEqual(e.post, c.post) {
			t.Errorf("%s: got %s, %+v, %v; want %s, %+v", c.frame, counterNames[e.what], e.post, err, counterNames[c.what], c.post)
		}
	}
	for _, frame := range []string{"", "{", "[]", "null", "{}", `{"kind":1}`, `{"kind":"commit"}x`, "{\"kind\":\"account\",\"did\":\"\xff\"}", `{"$type":"message","payload":{}}`} {
		if e, err := parse([]byte(frame), nil); err == nil {
			t.Errorf("%q: got %+v", frame, e)
		}
	}
	for raw, want := range map[string]int64{"1700000000000001": 1700000000000001, "5": 0, "-1": 0, "1e15": 0, "99999999999999999999": 0, `"1700000000000001"`: 0, "null": 0} {
		if e, err := parse(fmt.Appendf(nil, `{"kind":"account","time_us":%s}`, raw), nil); err != nil || e.time != want {
			t.Errorf("time %s: got %d, %v", raw, e.time, err)
		}
	}
}

// FuzzParse: nothing is taken that is not valid JSON, and a post has a whole id
// and valid UTF-8, whatever comes.
func FuzzParse(f *testing.F) {
	s := jetstreamtest.New(jetstreamtest.Options{})
	for i := range 32 {
		f.Add(s.Event(i).Frame)
	}
	f.Add([]byte(`{"kind":"commit","commit":{"record":{"text":"\ud83d","langs":[[]]}}}`))
	wanted := []string{"app.bsky.feed.post"}
	f.Fuzz(func(t *testing.T, frame []byte) {
		e, err := parse(frame, wanted)
		if err != nil {
			return
		}
		if !json.Valid(frame) {
			t.Fatal("not valid JSON, and taken")
		}
		if e.time != 0 && e.time < minTime {
			t.Errorf("time %d", e.time)
		}
		if e.what != posts {
			if e.post.ID != "" {
				t.Errorf("%s has a post: %+v", counterNames[e.what], e.post)
			}
			return
		}
		for _, v := range []string{e.post.ID, e.post.Text, e.post.Lang, e.post.CreatedAt} {
			if !utf8.ValidString(v) {
				t.Errorf("%q is not valid UTF-8", v)
			}
		}
		if !strings.HasPrefix(e.post.ID, "at://") || !strings.Contains(e.post.ID, "/app.bsky.feed.post/") {
			t.Errorf("ID %q", e.post.ID)
		}
	})
}

// BenchmarkParse reads frames as the network sends them.
func BenchmarkParse(b *testing.B) {
	s := jetstreamtest.New(jetstreamtest.Options{})
	var frames [][]byte
	size := 0
	for i := range 320 {
		frames = append(frames, s.Event(i).Frame)
		size += len(frames[i])
	}
	wanted := []string{"app.bsky.feed.post"}
	b.SetBytes(int64(size / len(frames)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := parse(frames[i%len(frames)], wanted); err != nil {
			b.Fatal(err)
		}
	}
}
