package v11

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/klauspost/compress/zstd"

	"coldstream/internal/source"
)

// write writes an archive and returns its path.
func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t *testing.T, path, cursor string) source.Source {
	t.Helper()
	s, err := Open(t.Context(), path, source.Options{Cursor: cursor})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// records reads s to its end: one line per post or bad record.
func records(t *testing.T, s source.Source) (all []string) {
	t.Helper()
	for {
		p, err := s.Next(t.Context())
		var bad *source.BadRecordError
		switch {
		case err == io.EOF:
			return all
		case errors.As(err, &bad):
			all = append(all, bad.Error())
		case err != nil:
			t.Fatal(err)
		default:
			all = append(all, p.ID+" "+p.Text)
		}
	}
}

// statusLine is an invented status; more are further members, each with a comma in
// front.
func statusLine(id int, text, more string) string {
	return fmt.Sprintf(`{"created_at":"Wed Aug 27 13:08:45 +0000 2008","id":%d,"id_str":"%d","text":%q,"user":{"id":7,"id_str":"7","screen_name":"someone","lang":"en"},"place":{"attributes":{"odd":5}},"retweet_count":0,"lang":"en"%s}`, id, id, text, more)
}

func gz(t *testing.T, content string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zst(t *testing.T, content string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return string(w.EncodeAll([]byte(content), nil))
}

// entry is one of a tar; a name that ends in a slash is a directory.
type entry struct{ name, content string }

func tarOf(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(e.content))}
		if strings.HasSuffix(e.name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestStatusBecomesAPost(t *testing.T) {
	const at = "2008-08-27T13:08:45Z"
	for _, c := range []struct {
		name, line string
		want       source.Post
	}{
		{"plain", statusLine(9007199254740993, "caf\u00e9 &amp; \\ud83d", ""),
			source.Post{ID: "9007199254740993", Text: "café &amp; \\ud83d", Lang: "en", CreatedAt: at}},
		{"long", statusLine(2, "cut off…", `,"truncated":true,"extended_tweet":{"full_text":"the whole text","display_text_range":"odd"}`),
			source.Post{ID: "2", Text: "the whole text", Lang: "en", CreatedAt: at}},
		{"extended mode", `{"id":3,"id_str":"3","full_text":"whole","lang":"de","created_at":"Wed Aug 27 15:08:45 +0200 2008"}`,
			source.Post{ID: "3", Text: "whole", Lang: "de", CreatedAt: at}},
		{"retweet", statusLine(4, "RT @other: cut off…", `,"retweeted_status":`+statusLine(1, "cut off…", `,"extended_tweet":{"full_text":"all that the other said"}`)),
			source.Post{ID: "4", Text: "all that the other said", Lang: "en", CreatedAt: at, Retweet: true}},
		{"retweet of an edited status", statusLine(4, "RT", `,"retweeted_status":`+statusLine(2, "said", `,"edit_history":{"initial_tweet_id":"1"}`)),
			source.Post{ID: "4", Text: "said", Lang: "en", CreatedAt: at, Retweet: true}},
		{"quote", statusLine(5, "see this", `,"quoted_status":`+statusLine(1, "quoted", "")),
			source.Post{ID: "5", Text: "see this", Lang: "en", CreatedAt: at}},
		{"edited", statusLine(6, "second version", `,"edit_history":{"initial_tweet_id":"1"}`),
			source.Post{ID: "6", Text: "second version", Lang: "en", CreatedAt: at, Key: "1"}},
		{"never edited", statusLine(6, "only version", `,"edit_history":{"initial_tweet_id":"6"}`),
			source.Post{ID: "6", Text: "only version", Lang: "en", CreatedAt: at}},
		{"no language", `{"id_str":"8","text":"x","lang":"und","created_at":"yesterday"}`,
			source.Post{ID: "8", Text: "x", CreatedAt: "yesterday"}},
		{"first years: only id", `{"id":1234567890,"text":"x","source":"web"}`,
			source.Post{ID: "1234567890", Text: "x"}},
		{"id_str goes before a rounded id", `{"id":629697200650592300,"id_str":"629697200650592256","text":"x"}`,
			source.Post{ID: "629697200650592256", Text: "x"}},
		{"an id that is no integer", `{"id":6.29e17,"id_str":"629697200650592256","text":"x"}`,
			source.Post{ID: "629697200650592256", Text: "x"}},
		{"nulls", `{"id":9,"id_str":null,"text":"x","lang":null,"created_at":null,"retweeted_status":null,"extended_tweet":null}`,
			source.Post{ID: "9", Text: "x"}},
	} {
		s := open(t, write(t, "posts.json", []byte(c.line+"\r\n")), "")
		c.want.Source = "v11-file"
		if got, err := s.Next(t.Context()); err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v; want %+v", c.name, got, err, c.want)
		}
	}
}

func TestNoticesAreCounted(t *testing.T) {
	lines := []string{
		`{"delete":{"status":{"id":1234,"id_str":"1234","user_id":3,"user_id_str":"3"},"timestamp_ms":"1"}}`,
		`{"delete":{"status":{"id":"odd"}}}`,
		`{"scrub_geo":{"user_id":14090452,"up_to_status_id":23260136625}}`,
		`{"limit":{"track":1234}}`,
		`{"status_withheld":{"id":1,"user_id":2,"withheld_in_countries":["XX"]}}`,
		`{"user_withheld":{"id":2,"withheld_in_countries":["XX"]}}`,
		`{"disconnect":{"code":4,"stream_name":"s","reason":"stall"}}`,
		`{"warning":{"code":"FALLING_BEHIND","message":"m","percent_full":60}}`,
		`{"friends":[1,2]}`, `{"event":"favorite","source":{},"target":{}}`, `{"direct_message":{"id":1,"text":"x"}}`,
		`{"something":"new"}`, `{}`, "",
		statusLine(1, "x", ""),
	}
	s := open(t, write(t, "posts.json", []byte(strings.Join(lines, "\n"))), "")
	if got := records(t, s); !reflect.DeepEqual(got, []string{"1 x"}) {
		t.Errorf("got %q", got)
	}
	want := map[string]int64{"deletes": 2, "location_deletes": 1, "limits": 1, "withheld": 2, "disconnects": 1, "warnings": 1, "unknown": 2}
	if got := s.(source.Counter).Counters(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if s.Cursor() != "14" {
		t.Errorf("the cursor is %s", s.Cursor())
	}
}

func TestBadRecordsAreNamedAndReadingGoesOn(t *testing.T) {
	lines := []string{
		`{"data":{"id":"1","text":"x"}}`, `{"data":[],"meta":{"result_count":0}}`,
		`{"id":1,"text":5}`, `{"id":null,"text":"x"}`, `{"id":{},"text":"x"}`, `{"id":1,"text":"cut`, "{\"id\":1,\"text\":\"\xff\"}", `[1]`,
		`{"id":1,"text":"x","retweeted_status":{"id":2,"text":[]}}`,
		statusLine(1, "fine", ""),
	}
	s := open(t, write(t, "posts.json", []byte(strings.Join(lines, "\n"))), "")
	got := records(t, s)
	want := []string{
		"line 1: an object of the API v2, not v1.1: read it with --source file", "line 2: an object of the API v2",
		`line 3: "text" is not a string`, "line 4: a status without an id", "line 5: the id is neither a string nor a number",
		"line 6: not a JSON object: unexpected end", "line 7: not valid UTF-8", "line 8: not a JSON object: want an object",
		`line 9: "text" is not a string`,
	}
	if len(got) != len(lines) || got[9] != "1 fine" {
		t.Fatalf("got %q", got)
	}
	for i, w := range want {
		if !strings.HasPrefix(got[i], "posts.json, "+w) || strings.Contains(got[i], "\n") {
			t.Errorf("got %q, want %q", got[i], w)
		}
	}
}

// archives are the same five records in every form.
func archives(t *testing.T) (forms map[string][]byte, want []string) {
	t.Helper()
	one := statusLine(1, "one", "") + "\r\n\r\n" + statusLine(2, "two", "") + "\r\n"
	two := `{"delete":{"status":{"id":1}}}` + "\n" + `{"id":3}{` + "\n" + statusLine(4, "four", "") + "\n"
	three := statusLine(5, "five", "")
	whole := one + two + three
	// An empty minute of the archive; the library cannot write bzip2.
	empty, err := base64.StdEncoding.DecodeString("QlpoORdyRThQkAAAAAA=")
	if err != nil {
		t.Fatal(err)
	}
	plain := tarOf(t, entry{"2012/", ""}, entry{"2012/00.json", one}, entry{"2012/.hidden", "no"}, entry{"2012/01.json.gz", gz(t, two)},
		entry{"2012/02.json.bz2", string(empty)}, entry{"2012/03.json.zst", zst(t, three)}, entry{"2013/", ""})
	return map[string][]byte{
		"plain": []byte(whole), "gzip": []byte(gz(t, whole)), "zstd": []byte(zst(t, whole)),
		"tar": plain, "tar.gz": []byte(gz(t, string(plain))),
	}, []string{"1 one", "2 two", "line: not a JSON object: unexpected text behind the value at byte 8", "4 four", "5 five"}
}

// plainly takes the position out of a bad record's text.
func plainly(all []string) []string {
	for i, r := range all {
		if _, reason, ok := strings.Cut(r, ": not a JSON object"); ok {
			all[i] = "line: not a JSON object" + reason
		}
	}
	return all
}

func TestEveryFormGivesTheSame(t *testing.T) {
	forms, want := archives(t)
	for form, content := range forms {
		s := open(t, write(t, "a", content), "")
		if got := plainly(records(t, s)); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %q, want %q", form, got, want)
		}
		c := s.(source.Counter).Counters()
		if skipped := c["entries_skipped"]; c["deletes"] != 1 || strings.HasPrefix(form, "tar") != (skipped == 3) {
			t.Errorf("%s: the counters are %v", form, c)
		}
	}
}

// TestCursorGoesOn stops behind every record of every form, and at the end.
func TestCursorGoesOn(t *testing.T) {
	forms, want := archives(t)
	for form, content := range forms {
		path := write(t, "a", content)
		s := open(t, path, "")
		for i := 0; ; i++ {
			rest := open(t, path, s.Cursor())
			if rest.Cursor() != s.Cursor() {
				t.Errorf("%s: cursor %s became %s", form, s.Cursor(), rest.Cursor())
			}
			if got := plainly(records(t, rest)); !reflect.DeepEqual(got, append([]string(nil), want[i:]...)) {
				t.Errorf("%s, cursor %s: got %q, want %q", form, s.Cursor(), got, want[i:])
			}
			_, err := s.Next(t.Context())
			if err == io.EOF {
				break
			}
		}
		if got := records(t, open(t, path, s.Cursor())); got != nil {
			t.Errorf("%s: behind the end there are %q", form, got)
		}
	}
}

func TestWrongCursorsAreRefused(t *testing.T) {
	forms, _ := archives(t)
	for form, cursors := range map[string][]string{
		"plain": {"x", "-1", "0/1", "7"},
		"tar":   {"3", "0/1", "1/3", "9/0", "-1/0", "1/x", "x/1", "2/1"},
	} {
		path := write(t, "a", forms[form])
		for _, cursor := range cursors {
			if _, err := Open(t.Context(), path, source.Options{Cursor: cursor}); err == nil || !strings.Contains(err.Error(), path+": cursor ") {
				t.Errorf("%s: cursor %q: got %v", form, cursor, err)
			}
		}
	}
}

// TestBrokenFileOfATarIsOneBadRecord; the tar goes on behind it, and so does a
// new run.
func TestBrokenFileOfATarIsOneBadRecord(t *testing.T) {
	good := statusLine(1, "x", "") + "\n"
	cut := gz(t, strings.Repeat(good, 1000))
	path := write(t, "a.tar", tarOf(t,
		entry{"cut.gz", cut[:len(cut)-9]}, entry{"header.gz", "\x1f\x8bno"}, entry{"read\nme", "About this archive"}, entry{"good", good}))
	s := open(t, path, "")
	got := records(t, s)
	if len(got) < 4 {
		t.Fatalf("got %q", got)
	}
	want := []string{"a.tar: cut.gz, line ", "a.tar: header.gz, line 1: ", `a.tar: "read\nme", line 1: no v1.1 stream`, "1 x"}
	for i, r := range got[len(got)-4:] {
		if !strings.HasPrefix(r, want[i]) {
			t.Errorf("got %q, want %q", r, want[i])
		}
	}
	if !strings.HasSuffix(got[len(got)-4], "unexpected EOF; the rest of the file is left out") {
		t.Errorf("got %q", got[len(got)-4])
	}
	for cursor, n := range map[string]int{fmt.Sprintf("0/%d", len(got)-3): 3, "1/1": 2, "2/1": 1, "3/1": 0} {
		if rest := records(t, open(t, path, cursor)); !reflect.DeepEqual(rest, append([]string(nil), got[len(got)-n:]...)) {
			t.Errorf("cursor %s: got %q", cursor, rest)
		}
	}
}

// TestCutTarEndsTheRun: what is behind the cut is lost, which no bad record may
// hide.
func TestCutTarEndsTheRun(t *testing.T) {
	lines := strings.Repeat(statusLine(1, "x", "")+"\n", 20)
	whole := tarOf(t, entry{"a.gz", gz(t, lines)}, entry{"b", lines})
	for form, wrap := range map[string]func(string) string{"tar": func(s string) string { return s }, "tar.gz": func(s string) string { return gz(t, s) }} {
		for _, at := range []int{520, 600, 1100, len(whole) - 3000} {
			s := open(t, write(t, "a.tar", []byte(wrap(string(whole[:at])))), "")
			var err error
			for err == nil {
				_, err = s.Next(t.Context())
			}
			var bad *source.BadRecordError
			if err == io.EOF || errors.As(err, &bad) || !errors.Is(err, io.ErrUnexpectedEOF) || !strings.HasPrefix(err.Error(), "a.tar") {
				t.Errorf("%s cut at %d: got %v", form, at, err)
			}
		}
	}
}

func TestLongLineIsSkipped(t *testing.T) {
	lines := statusLine(1, "x", "") + "\n{\"id\":2,\"text\":\"" + strings.Repeat("x", 16<<20) + "\"}\n" + statusLine(3, "y", "")
	got := records(t, open(t, write(t, "posts.json", []byte(lines)), ""))
	if len(got) != 3 || got[1] != "posts.json, line 2: the line is longer than 16 MiB" || got[2] != "3 y" {
		t.Errorf("got %.100q", got)
	}
}

func TestOpenErrorsNameTheFile(t *testing.T) {
	for content, want := range map[string]string{
		"id,text\n1,x\n": "no v1.1 stream", "PK\x03\x04": "a zip archive; unpack it", "\x1f\x8b?": "gzip: ",
	} {
		path := write(t, "a", []byte(content))
		if _, err := Open(t.Context(), path, source.Options{}); err == nil || !strings.Contains(err.Error(), path+": "+want) {
			t.Errorf("%q: got %v", content, err)
		}
	}
	dir := t.TempDir()
	if _, err := Open(t.Context(), dir, source.Options{}); err == nil || err.Error() != dir+": is a directory" {
		t.Errorf("got %v", err)
	}
	if _, err := Open(t.Context(), filepath.Join(dir, "none"), source.Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := Open(t.Context(), dir, source.Options{TextField: "text"}); err == nil || !strings.Contains(err.Error(), "fixed") {
		t.Errorf("got %v", err)
	}
}

// TestEmptyArchivesEnd without a post.
func TestEmptyArchivesEnd(t *testing.T) {
	for name, content := range map[string][]byte{"nothing": nil, "blank lines": []byte("\r\n\r\n"), "tar": tarOf(t, entry{"2012/", ""})} {
		s := open(t, write(t, "a", content), "")
		for range 2 {
			if _, err := s.Next(t.Context()); err != io.EOF {
				t.Errorf("%s: got %v", name, err)
			}
		}
	}
}

func TestCancelledContextStops(t *testing.T) {
	forms, _ := archives(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for form, content := range forms {
		s := open(t, write(t, "a", content), "")
		if _, err := s.Next(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", form, err)
		}
	}
}

// TestCloseLeavesNoGoroutine: what is left behind fails the bubble.
func TestCloseLeavesNoGoroutine(t *testing.T) {
	forms, _ := archives(t)
	for _, content := range forms {
		path := write(t, "a", content)
		synctest.Test(t, func(t *testing.T) {
			s, err := Open(context.Background(), path, source.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Next(t.Context()); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestMemoryIsBounded reads a tar of 20 MB, compressed twice, of which never
// more than a few buffers may be in memory.
func TestMemoryIsBounded(t *testing.T) {
	line := statusLine(1, "x", `,"entities":"`+strings.Repeat("long ", 600)+`"`) + "\n"
	minute := gz(t, strings.Repeat(line, 1500))
	var entries []entry
	for i := range 4 {
		entries = append(entries, entry{fmt.Sprint(i), minute})
	}
	s := open(t, write(t, "a.tar.zst", []byte(zst(t, string(tarOf(t, entries...))))), "")
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for n := range 6000 {
		if _, err := s.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n%500 == 0 {
			runtime.ReadMemStats(&now)
			if grown := int64(now.HeapAlloc) - int64(before.HeapAlloc); grown > 12<<20 {
				t.Fatalf("after %d posts the heap has %d MB more", n, grown>>20)
			}
		}
	}
	if _, err := s.Next(t.Context()); err != io.EOF {
		t.Errorf("got %v", err)
	}
}

// FuzzDecode wants no panic, and either a message or a reason.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(statusLine(1, "x", `,"retweeted_status":`+statusLine(2, "y", `,"extended_tweet":{"full_text":"z"}`)+`,"edit_history":{"initial_tweet_id":"1"}`)))
	f.Add([]byte(`{"delete":{"status":{"id":1}}}`))
	f.Add([]byte(`{"data":{}}`))
	f.Add([]byte(`{"id":"1","text":"\ud800"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var edits string
		if message, err := decode(line, &edits); (message == nil) == (err == nil) {
			t.Errorf("got %v and %v", message, err)
		}
	})
}

// BenchmarkNext: one operation is one status of the size that they had in the
// stream.
func BenchmarkNext(b *testing.B) {
	line := statusLine(1, "some text of a usual length, with a link https://example.com/p/1 and an end", `,"entities":{"hashtags":[],"urls":["`+strings.Repeat("x", 1500)+`"]},"retweeted_status":`+
		statusLine(2, "the text", `,"user":{"description":"`+strings.Repeat("y", 1000)+`"}`)) + "\n"
	const lines = 5000
	path := filepath.Join(b.TempDir(), "a")
	if err := os.WriteFile(path, bytes.Repeat([]byte(line), lines), 0o666); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(line)))
	var s source.Source
	left := 0
	for b.Loop() {
		if left == 0 {
			if s != nil {
				_ = s.Close()
			}
			var err error
			if s, err = Open(b.Context(), path, source.Options{}); err != nil {
				b.Fatal(err)
			}
			left = lines
		}
		if _, err := s.Next(b.Context()); err != nil {
			b.Fatal(err)
		}
		left--
	}
	_ = s.Close()
}
