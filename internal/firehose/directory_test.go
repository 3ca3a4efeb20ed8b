package firehose_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"coldstream/internal/firehose"
)

func openDirectory(t *testing.T, name string) *firehose.Directory {
	t.Helper()
	d, err := firehose.OpenDirectory(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// files lists every file below dir with its content.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		all[filepath.ToSlash(rel)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestFilesHoldWhatWasPut(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "when", "needed")
	d := openDirectory(t, dir)
	want := map[string]string{"top": "1", "a/b/c": "2", "a/b/d": "", "label=très bon/x y.gz": "3"}
	for key, body := range want {
		if err := d.Put(context.Background(), key, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Put(context.Background(), "a//b/./c", nil); err == nil {
		t.Error("a key with a dot segment was stored")
	}
	got := files(t, dir)
	if len(got) != len(want) {
		t.Errorf("files %q", got)
	}
	for key, body := range want {
		if got[key] != body {
			t.Errorf("%s holds %q", key, got[key])
		}
	}
}

func TestKeysThatLeaveTheDirectoryAreRefused(t *testing.T) {
	outer := t.TempDir()
	dir := filepath.Join(outer, "objects")
	d := openDirectory(t, dir)
	if err := os.Symlink(outer, filepath.Join(dir, "link")); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	for _, key := range []string{"", "../x", "a/../../x", "/x", "..", ".", "a/", "a\x00b", "a\\b", "link/x", strings.Repeat("x", 300), strings.Repeat("x/", 600) + "x"} {
		if err := d.Put(context.Background(), key, []byte("x")); err == nil {
			t.Errorf("key %.20q was stored", key)
		}
	}
	if got := files(t, outer); len(got) != 0 {
		t.Errorf("files %q", got)
	}
}

func TestHalfWrittenFilesAreNeverSeen(t *testing.T) {
	dir := t.TempDir()
	// What a run that was killed in the middle leaves, beside what is not ours.
	os.WriteFile(filepath.Join(dir, ".coldstream-1.partial"), []byte("half"), 0o644)
	os.WriteFile(filepath.Join(dir, ".keep"), nil, 0o644)
	d := openDirectory(t, dir)
	if got := files(t, dir); len(got) != 1 {
		t.Errorf("files %q", got)
	}
	body := []byte(strings.Repeat("x", 1<<20))
	stop := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() {
		for {
			for _, name := range []string{"o/0", "o/1", "o/2", "o/3"} {
				if b, err := os.ReadFile(filepath.Join(dir, name)); err == nil && len(b) != len(body) {
					t.Errorf("%s has %d bytes", name, len(b))
				}
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	for i := range 40 {
		if err := d.Put(context.Background(), fmt.Sprintf("o/%d", i%4), body); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	watcher.Wait()
}

func TestFailedPutsLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	d := openDirectory(t, dir)
	if err := d.Put(context.Background(), "a", []byte("1")); err != nil {
		t.Fatal(err)
	}
	// A folder is wanted where a file is.
	if err := d.Put(context.Background(), "a/b", []byte("2")); err == nil || !strings.Contains(err.Error(), "a/b") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := d.Put(ctx, "c", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if got := files(t, dir); len(got) != 1 {
		t.Errorf("files %q", got)
	}
	blocked := filepath.Join(dir, "a", "below")
	if _, err := firehose.OpenDirectory(blocked); err == nil {
		t.Error("a directory below a file was opened")
	}
	if runtime.GOOS == "linux" {
		if _, err := firehose.OpenDirectory("/proc/none"); err == nil {
			t.Error("a directory that cannot be made was opened")
		}
	}
}
