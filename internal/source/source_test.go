package source

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// drain returns all posts and bad records of s.
func drain(t *testing.T, s Source) (posts []Post, bad []string) {
	t.Helper()
	for {
		p, err := s.Next(t.Context())
		var b *BadRecordError
		switch {
		case err == io.EOF:
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			return posts, bad
		case errors.As(err, &b):
			bad = append(bad, b.Error())
		case err != nil:
			t.Fatal(err)
		default:
			posts = append(posts, p)
		}
	}
}

func open(t *testing.T, in string, o Options) Source {
	t.Helper()
	s, err := NewReader("in", "file", strings.NewReader(in), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// post returns a post of kind file.
func post(id, text, lang, createdAt string) Post {
	return Post{ID: id, Text: text, Lang: lang, CreatedAt: createdAt, Source: "file"}
}

func TestFormats(t *testing.T) {
	for _, c := range []struct {
		name, in string
		o        Options
		want     []Post
	}{
		{"JSON lines", "{\"id\":\"a\",\"text\":\"x\",\"lang\":\"en\",\"created_at\":\"now\",\"more\":[1]}\r\n\n{\"id\":629697200650592256,\"text\":\"y\\n\"}", Options{},
			[]Post{post("a", "x", "en", "now"), post("629697200650592256", "y\n", "", "")}},
		{"JSON lines without ids", "{\"text\":\"x\"}\n{\"text\":\"\",\"id\":null}\n", Options{},
			[]Post{post("in:1", "x", "", ""), post("in:2", "", "", "")}},
		{"mapped fields", "{\"k\":1,\"full_text\":\"x\",\"text\":\"no\"}\n", Options{TextField: "full_text", IDField: "k"},
			[]Post{post("1", "x", "", "")}},
		{"CSV", "\xef\xbb\xbfid,text,lang\r\n7,\"x\ny\",en\r\n7,z,\r\n,w,\r\n", Options{},
			[]Post{post("7", "x\ny", "en", ""), post("7", "z", "", ""), post("in:3", "w", "", "")}},
		{"CSV columns", "nr,tweet\n5,x\n", Options{TextField: "tweet", IDField: "nr"},
			[]Post{post("5", "x", "", "")}},
		{"lines", "\xef\xbb\xbfone\n\ntwo", Options{Format: FormatLines},
			[]Post{post("in:1", "one", "", ""), post("in:2", "", "", ""), post("in:3", "two", "", "")}},
		{"empty JSON lines", "", Options{Format: FormatJSONL}, nil},
	} {
		posts, bad := drain(t, open(t, c.in, c.o))
		if !reflect.DeepEqual(posts, c.want) || bad != nil {
			t.Errorf("%s: got %+v, bad %q; want %+v", c.name, posts, bad, c.want)
		}
	}
}

func TestBadRecordsAreNamedAndReadingGoesOn(t *testing.T) {
	in := strings.Join([]string{`{"text":"ok"}`, `{"text":`, `{"txt":"x"}`, `{"text":5}`, `{"text":"x","id":{}}`, `[1]`, "{\"text\":\"\xff\"}", `{"text":"fine"}`}, "\n")
	posts, bad := drain(t, open(t, in, Options{}))
	if len(posts) != 2 || posts[1].ID != "in:8" {
		t.Errorf("got posts %+v", posts)
	}
	want := []string{"in, line 2: not a JSON object", `in, line 3: no field "text"`, `in, line 4: field "text" is not a string`,
		`in, line 5: field "id": neither a string nor a number`, "in, line 6: not a JSON object", "in, line 7: not valid UTF-8"}
	if len(bad) != len(want) {
		t.Fatalf("got %q", bad)
	}
	for i := range want {
		if !strings.HasPrefix(bad[i], want[i]) {
			t.Errorf("got %q, want %q", bad[i], want[i])
		}
	}
	posts, bad = drain(t, open(t, "text\na\nb,c\n\xff\nd\n", Options{}))
	if len(posts) != 2 || len(bad) != 2 || bad[0] != "in, line 3: 2 fields, the header has 1" || !strings.HasPrefix(bad[1], "in, line 4: not valid UTF-8") {
		t.Errorf("CSV: got %+v, %q", posts, bad)
	}
}

func TestLongLineIsSkipped(t *testing.T) {
	in := `{"text":"a"}` + "\n{\"text\":\"" + strings.Repeat("x", maxLine) + "\"}\n" + `{"text":"b"}`
	posts, bad := drain(t, open(t, in, Options{}))
	if len(posts) != 2 || len(bad) != 1 || !strings.Contains(bad[0], "line 2: the line is longer than 16 MiB") {
		t.Errorf("got %d posts, bad %q", len(posts), bad)
	}
}

// TestSentiment140 reads rows in the form of that data set: quoted, without a
// header, in Latin-1 here and there.
func TestSentiment140(t *testing.T) {
	in := strings.Join([]string{
		`"0","1467810369","Mon Apr 06 22:19:45 PDT 2009","NO_QUERY","someone","a text, with a comma"`,
		"\"4\",\"1467810672\",\"Mon Apr 06 22:19:49 PDT 2009\",\"NO_QUERY\",\"caf\xe9\",\"na\xefve caf\xe9 \xa3 5\"",
		`"4","1467810673","Mon Apr 06 22:19:50 PDT 2009","NO_QUERY","other","naïve in UTF-8"`,
		`"4","1467810674","Mon Apr 06 22:19:51 PDT 2009","NO_QUERY","too short"`,
		`"4","","Mon Apr 06 22:19:52 PDT 2009","NO_QUERY","no id","say ""no"""`,
	}, "\n")
	posts, bad := drain(t, open(t, in, Options{Format: FormatSentiment140}))
	want := []Post{
		{ID: "1467810369", Text: "a text, with a comma", CreatedAt: "Mon Apr 06 22:19:45 PDT 2009", Source: "file"},
		{ID: "1467810672", Text: "naïve café £ 5", CreatedAt: "Mon Apr 06 22:19:49 PDT 2009", Source: "file"},
		{ID: "1467810673", Text: "naïve in UTF-8", CreatedAt: "Mon Apr 06 22:19:50 PDT 2009", Source: "file"},
		{ID: "in:5", Text: `say "no"`, CreatedAt: "Mon Apr 06 22:19:52 PDT 2009", Source: "file"},
	}
	if !reflect.DeepEqual(posts, want) {
		t.Errorf("got %+v, want %+v", posts, want)
	}
	if len(bad) != 1 || bad[0] != "in, line 4: 5 fields, want target, id, date, flag, user, text" {
		t.Errorf("got bad records %q", bad)
	}
	if posts, _ := drain(t, open(t, "", Options{Format: FormatSentiment140})); posts != nil {
		t.Errorf("an empty file has the posts %+v", posts)
	}
	if _, err := NewReader("in", "file", strings.NewReader(in), Options{Format: FormatSentiment140, TextField: "text"}); err == nil {
		t.Error("a column name was accepted")
	}
}

func TestMissingColumnListsTheColumns(t *testing.T) {
	for _, o := range []Options{{}, {TextField: "tweet"}, {TextField: "msg", IDField: "no"}} {
		_, err := NewReader("in", "file", strings.NewReader("id,msg\n1,x\n"), o)
		if err == nil || !strings.Contains(err.Error(), `the columns are "id", "msg"`) {
			t.Errorf("%+v: got %v", o, err)
		}
	}
}

func TestCompressedFilesAreRecognised(t *testing.T) {
	plain := []byte("{\"id\":\"a\",\"text\":\"x\"}\n")
	var gz, zs bytes.Buffer
	w := gzip.NewWriter(&gz)
	w.Write(plain)
	w.Close()
	z, err := zstd.NewWriter(&zs)
	if err != nil {
		t.Fatal(err)
	}
	z.Write(plain)
	z.Close()
	// What bzip2 makes of plain; the library cannot write it.
	bz, err := base64.StdEncoding.DecodeString("QlpoOTFBWSZTWcx/RoAAAApZgAAQEAQAECYgBEogACGo9Rkx6oQNA0CJvxTLSJfNoH8XckU4UJDMf0aA")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"plain": plain, "gzip": gz.Bytes(), "zstd": zs.Bytes(), "bzip2": bz} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		s, err := OpenFile(t.Context(), path, Options{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if posts, _ := drain(t, s); len(posts) != 1 || posts[0].ID != "a" {
			t.Errorf("%s: got %+v", name, posts)
		}
	}
	cut := filepath.Join(t.TempDir(), "cut.gz")
	if err := os.WriteFile(cut, gz.Bytes()[:gz.Len()-6], 0o666); err != nil {
		t.Fatal(err)
	}
	s, err := OpenFile(t.Context(), cut, Options{})
	if err == nil {
		_, err = s.Next(t.Context())
		if err == nil {
			_, err = s.Next(t.Context())
		}
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut gzip: got %v", err)
	}
}

func TestOpenFileErrorsNameTheFile(t *testing.T) {
	dir := t.TempDir()
	empty, zip := filepath.Join(dir, "empty.csv"), filepath.Join(dir, "posts.zip")
	for path, content := range map[string]string{empty: "", zip: "PK\x03\x04\x14\x00"} {
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{dir: "is a directory", filepath.Join(dir, "none"): "no such file", empty: "the file is empty", zip: "a zip archive"} {
		if _, err := OpenFile(t.Context(), path, Options{}); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q and %q", err, path, want)
		}
	}
}

// TestCursorGoesOn stops each source after two records and goes on with a new
// one over the same input.
func TestCursorGoesOn(t *testing.T) {
	for name, open := range map[string]func(cursor string) (Source, error){
		"sample": func(c string) (Source, error) { return NewSample(4, Options{Cursor: c}) },
		"CSV": func(c string) (Source, error) {
			return NewReader("in", "file", strings.NewReader("text\na\nb,bad\nc\nd\n"), Options{Cursor: c})
		},
		"JSON lines": func(c string) (Source, error) {
			return NewReader("in", "file", strings.NewReader("{\"text\":\"a\"}\n{bad\n\n{\"text\":\"c\"}\n"), Options{Cursor: c})
		},
	} {
		whole, err := open("")
		if err != nil {
			t.Fatal(err)
		}
		var bad *BadRecordError
		for range 2 {
			if _, err := whole.Next(t.Context()); err != nil && !errors.As(err, &bad) {
				t.Fatal(err)
			}
		}
		rest, err := open(whole.Cursor())
		if err != nil {
			t.Fatal(err)
		}
		want, _ := drain(t, whole)
		if got, _ := drain(t, rest); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
		if _, err := open("x"); err == nil {
			t.Errorf("%s: cursor %q was accepted", name, "x")
		}
	}
	if _, err := NewReader("in", "file", strings.NewReader("text\na\n"), Options{Cursor: "5"}); err == nil {
		t.Error("a cursor behind the end was accepted")
	}
}

// TestFirstPostIsNotHeldBack: a post comes out although the input, a pipe, says
// nothing more.
func TestFirstPostIsNotHeldBack(t *testing.T) {
	for name, in := range map[string]string{
		"JSON lines": "\n {\"text\":\"x\"}\n", "CSV": "\xef\xbb\xbftext\nx\n", "lines": "x\n", "sentiment140": "0,1,d,f,u,x\n",
	} {
		r, w := io.Pipe()
		go io.WriteString(w, in)
		o := Options{}
		if name == "lines" || name == "sentiment140" {
			o.Format = Format(name)
		}
		s, err := NewReader("in", "stdin", r, o)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := s.Next(t.Context()); err != nil || p.Text != "x" {
			t.Errorf("%s: got %+v, %v", name, p, err)
		}
	}
}

func TestSampleIsStableAndVaried(t *testing.T) {
	s, err := NewSample(0, Options{})
	if err != nil {
		t.Fatal(err)
	}
	posts, _ := drain(t, s)
	if len(posts) != SampleSize {
		t.Fatalf("got %d posts", len(posts))
	}
	ids, texts := make(map[string]bool), make(map[string]bool)
	for _, p := range posts {
		ids[p.ID], texts[p.Text] = true, true
	}
	if len(ids) != len(posts) || len(texts) != len(posts) {
		t.Errorf("%d ids and %d texts among %d posts", len(ids), len(texts), len(posts))
	}
	if p := posts[0]; p.ID != "sample-000001" || p.Lang != "en" || p.CreatedAt != "2026-01-01T12:00:00Z" || p.Source != "sample" || p.Text != "I love the night train to the coast, best thing this week" {
		t.Errorf("the first post changed: %+v", p)
	}
}

func TestCancelledContextStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	sample, err := NewSample(3, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []Source{sample, open(t, "text\na\n", Options{}), open(t, "{}\n", Options{})} {
		if _, err := s.Next(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%T: got %v", s, err)
		}
	}
}

// TestDebateTweets reads the debate tweets, whose texts have quoted line breaks.
func TestDebateTweets(t *testing.T) {
	path := filepath.Join("..", "..", "..", "shared", "data", "gop", "Sentiment.csv")
	if dir := os.Getenv("COLDSTREAM_DATA"); dir != "" {
		path = filepath.Join(dir, "gop", "Sentiment.csv")
	}
	s, err := OpenFile(t.Context(), path, Options{})
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("the data set is not there (%v); set COLDSTREAM_DATA", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	posts, bad := drain(t, s)
	if len(posts) != 13871 || bad != nil || posts[13870].ID != "13871" {
		t.Errorf("got %d posts, bad %q", len(posts), bad)
	}
}

func TestInterruptibleEndsWithTheContext(t *testing.T) {
	silent, w := io.Pipe()
	defer w.Close()
	stopped := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	r := Interruptible(ctx, silent)
	time.AfterFunc(time.Millisecond, func() { cancel(stopped) })
	if _, err := r.Read(make([]byte, 10)); !errors.Is(err, stopped) {
		t.Errorf("got %v", err)
	}
}

func TestInterruptiblePassesEverything(t *testing.T) {
	want := strings.Repeat("0123456789", 100_000)
	got, err := io.ReadAll(Interruptible(t.Context(), strings.NewReader(want)))
	if err != nil || string(got) != want {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
}
