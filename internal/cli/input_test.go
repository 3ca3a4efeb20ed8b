package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestInputsAreKept(t *testing.T) {
	dir := t.TempDir()
	in, link, other := filepath.Join(dir, "in"), filepath.Join(dir, "link"), filepath.Join(dir, "other")
	for _, path := range []string{in, other} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("in", link); err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{in, link, dir + "/./in"} {
		if err := KeepInputs(out, "", other, in); err == nil || !strings.HasPrefix(err.Error(), out+" is also an input") {
			t.Errorf("%s: got %v", out, err)
		}
	}
	for _, out := range []string{"", other, filepath.Join(dir, "new"), os.DevNull, dir} {
		if err := KeepInputs(out, "", in, filepath.Join(dir, "missing"), os.DevNull); err != nil {
			t.Errorf("%s: got %v", out, err)
		}
	}
}

func TestReadFileIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := ReadFile(path); err != nil || string(b) != "x" {
		t.Errorf("got %q, %v", b, err)
	}
	if b, err := readFile(path, 1); err != nil || string(b) != "x" {
		t.Errorf("at the limit: got %q, %v", b, err)
	}
	if b, err := readFile(path, 0); err == nil || !strings.HasPrefix(err.Error(), path+" has more than 0 bytes") {
		t.Errorf("above the limit: got %q, %v", b, err)
	}
}
