package s3objects

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// tree reads all files under dir, those that are hidden included.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(name)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestDownloadGoesOnWhereItWas(t *testing.T) {
	f := &fake{objects: map[string]string{"p/dt=1/a.gz": "aa", "p/dt=1/b": "bb", "p/dt=2/empty": "", "p/folder/": "", "p/x/y/z/deep": noise(1, partBytes+1), "q": "other"}}
	want := map[string]string{"dt=1/a.gz": "aa", "dt=1/b": "bb", "dt=2/empty": "", "x/y/z/deep": f.objects["p/x/y/z/deep"]}
	r := f.reader(t, "p/")
	dir := filepath.Join(t.TempDir(), "new", "dir")
	calls := 0
	sum, err := r.Download(t.Context(), dir, func(Summary) { calls++ })
	if err != nil || sum != (Summary{Listed: 5, Stored: 4, Bytes: 4 + partBytes + 1, Markers: 1}) || calls != 9 {
		t.Fatalf("%+v after %d calls, %v", sum, calls, err)
	}
	if got := tree(t, dir); !maps.Equal(got, want) {
		t.Errorf("stored %d files", len(got))
	}
	if info, err := os.Stat(filepath.Join(dir, "dt=1/b")); err != nil || !info.ModTime().Equal(changed) {
		t.Errorf("a file's time is not the object's: %v, %v", info, err)
	}

	// One was changed here, one is cut, one is missing; one has the size and
	// another time.
	touch := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	touch(os.WriteFile(filepath.Join(dir, "dt=1/a.gz"), []byte("xx"), 0o666))
	touch(os.WriteFile(filepath.Join(dir, "x/y/z/deep"), []byte("cut"), 0o666))
	touch(os.Chtimes(filepath.Join(dir, "x/y/z/deep"), changed, changed))
	touch(os.Remove(filepath.Join(dir, "dt=2/empty")))
	f.gets = nil
	sum, err = r.Download(t.Context(), dir, nil)
	if err != nil || sum.Present != 1 || sum.Stored != 3 || len(f.gets) != 3 { // a.gz, and deep in two parts
		t.Errorf("%+v, %q, %v", sum, f.gets, err)
	}
	if got := tree(t, dir); !maps.Equal(got, want) {
		t.Errorf("the second run left %d files", len(got))
	}
	f.gets = nil
	if sum, err := r.Download(t.Context(), dir, nil); err != nil || sum.Present != 4 || len(f.gets) != 0 {
		t.Errorf("%+v, %q, %v", sum, f.gets, err)
	}
}

func TestNamesBelowThePrefix(t *testing.T) {
	for _, c := range []struct{ prefix, key, want string }{
		{"", "a/b", "a/b"}, {"p/", "p/a", "a"}, {"p", "p", "p"}, {"p", "pq/a", "pq/a"}, {"x/dt=2026", "x/dt=2026-11/a", "dt=2026-11/a"}, {"x/y/a.gz", "x/y/a.gz", "a.gz"},
		{"", "/a", "%=/a"}, {"p/", "p/", "%="}, {"", "a//b/", "a/%=/b/%="}, {"", "../a", "%=%2E%2E/a"}, {"", "a/./..", "a/%=%2E/%=%2E%2E"}, {"p/", "p/../../../a", "%=%2E%2E/%=%2E%2E/%=%2E%2E/a"},
		{"", "%=/%41", "%=%25%3D/%41"}, {"", "a\\b", "%=a%5Cb"}, {"", "a\x00b", "%=a%00b"}, {"", "a\xff", "%=a%FF"}, {"", ".hidden/...", ".hidden/..."}, {"", "ünï c", "ünï c"},
	} {
		if got := (Place{"posts", c.prefix}).FileName(c.key); filepath.ToSlash(got) != c.want {
			t.Errorf("%q under %q: got %q, want %q", c.key, c.prefix, got, c.want)
		}
	}
}

// FuzzFileName: no name leads out, and no two keys have one.
func FuzzFileName(f *testing.F) {
	f.Add("../a", "%=%2E%2E/a")
	f.Add("a//b", "a/%=/b")
	f.Add("/", "")
	f.Add("a/b", "a\\b")
	f.Fuzz(func(t *testing.T, a, b string) {
		names := [2]string{Place{}.FileName(a), Place{}.FileName(b)}
		for i, name := range names {
			if !filepath.IsLocal(name) || filepath.Clean(name) != name || name == "." {
				t.Errorf("%q becomes %q", [2]string{a, b}[i], name)
			}
		}
		if (a == b) != (names[0] == names[1]) {
			t.Errorf("%q and %q become %q and %q", a, b, names[0], names[1])
		}
	})
}

func TestKeysThatHaveNoPlace(t *testing.T) {
	f := &fake{objects: map[string]string{"a": "1", "a-": "2", "a/b": "3", "c/d": "4", "z": "5", strings.Repeat("n", 256): "6"}}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "z"), 0o777); err != nil {
		t.Fatal(err)
	}
	sum, err := f.reader(t, "").Download(t.Context(), dir, nil)
	if err != nil || sum.Stored != 3 || sum.Refused != 3 || sum.First == nil || !strings.HasPrefix(sum.First.Error(), "s3://posts/a/b has no place in "+dir+": ") {
		t.Errorf("%+v, %v", sum, err)
	}
	if got := tree(t, dir); !maps.Equal(got, map[string]string{"a": "1", "a-": "2", "c/d": "4"}) {
		t.Errorf("got %q", got)
	}
}

// TestNothingIsWrittenOutside: not through links either that lie in the
// directory; a link in a file's place is replaced.
func TestNothingIsWrittenOutside(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("NOT TESTED on Windows: making links needs a right there")
	}
	top := t.TempDir()
	dir, outside := filepath.Join(top, "dir"), filepath.Join(top, "outside")
	for _, d := range []string{dir, outside} {
		if err := os.Mkdir(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(outside, "precious"), []byte("kept"), 0o666); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"file": outside + "/precious", "link": outside} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	f := &fake{objects: map[string]string{"../outside/precious": "1", "../../outside/precious": "2", "/etc/precious": "3", "file": "4"}}
	if sum, err := f.reader(t, "").Download(t.Context(), dir, nil); err != nil || sum.Stored != 4 {
		t.Errorf("%+v, %v", sum, err)
	}
	f.objects = map[string]string{"link/precious": "5"}
	if _, err := f.reader(t, "").Download(t.Context(), dir, nil); err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "link")) {
		t.Errorf("got %v", err)
	}
	if got := tree(t, outside); !maps.Equal(got, map[string]string{"precious": "kept"}) {
		t.Errorf("outside are %q", got)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "file")); err != nil || string(text) != "4" {
		t.Errorf("in the link's place is %q, %v", text, err)
	}
}

// TestNothingHalfIsLeft: the content breaks off for good, or the user ends it.
func TestNothingHalfIsLeft(t *testing.T) {
	for _, interrupted := range []bool{false, true} {
		f := &fake{objects: map[string]string{"a": "whole", "b": noise(1, 2*partBytes), "c": "behind"}}
		ctx, cancel := context.WithCancelCause(t.Context())
		cause := errors.New("Ctrl-C")
		f.fault = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/posts/b" || strings.HasPrefix(r.Header.Get("Range"), "bytes=0-") {
				return false
			}
			if interrupted {
				cancel(cause)
				<-r.Context().Done()
			}
			w.Header().Set("Content-Length", "4194304")
			w.WriteHeader(http.StatusPartialContent)
			io.WriteString(w, "the beginning")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		dir := t.TempDir()
		sum, err := f.reader(t, "").Download(ctx, dir, nil)
		if errors.Is(err, cause) != interrupted || err == nil || !interrupted && (sum.Stored != 1 || !strings.HasPrefix(err.Error(), "read s3://posts/b: ")) {
			t.Errorf("%+v, %v", sum, err)
		}
		got := tree(t, dir)
		delete(got, "a") // what came before Ctrl-C may be there
		if len(got) != 0 {
			t.Errorf("left behind: %d files", len(got))
		}
	}
}
