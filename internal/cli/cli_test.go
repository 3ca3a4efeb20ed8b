package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"
)

func TestVerdicts(t *testing.T) {
	interrupted, cancel := context.WithCancelCause(t.Context())
	cancel(ErrInterrupted)
	for _, c := range []struct {
		name string
		ctx  context.Context
		err  error
		line string
		code int
	}{
		{"success", t.Context(), nil, "", 0},
		{"failure", t.Context(), errors.New("no"), "no", 1},
		{"several lines", t.Context(), errors.Join(errors.New("one\n\t two"), errors.New("three\n")), "one; two; three", 1},
		{"closed pipe", t.Context(), fmt.Errorf("write: %w", syscall.EPIPE), "", 141},
		{"interrupted", interrupted, &commandError{"x y", fmt.Errorf("reading: %w", context.Canceled)}, "x y: interrupted", 130},
		{"interrupted with an account", interrupted, fmt.Errorf("x: %w; 5 sent", ErrInterrupted), "x: interrupted; 5 sent", 130},
		{"failure after the interruption", interrupted, errors.New("disk full"), "disk full", 1},
		{"cancelled by the program itself", t.Context(), context.Canceled, "context canceled", 1},
	} {
		if line, code := verdict(c.ctx, c.err); line != c.line || code != c.code {
			t.Errorf("%s: got %q, %d; want %q, %d", c.name, line, code, c.line, c.code)
		}
	}
}

func TestExecuteNamesTheCommand(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"convert", "a"}, "prog convert: broken"},
		{[]string{"convert"}, "prog convert: MODEL is missing (see prog convert --help)"},
		{[]string{"convert", "a", "b"}, `prog convert: unexpected argument "b" (see prog convert --help)`},
		{[]string{"convert", ""}, "prog convert: MODEL is empty (see prog convert --help)"},
		{[]string{"convert", "a", "--name", ""}, "prog convert: --name is empty (see prog convert --help)"},
		{[]string{"convert", "--no"}, "prog convert: unknown flag: --no (see prog convert --help)"},
		{[]string{"covert"}, `prog: unknown command "covert"; did you mean "convert"? (see prog --help)`},
		{[]string{"zzzzz"}, `prog: unknown command "zzzzz" (see prog --help)`},
	} {
		root := &cobra.Command{Use: "prog"}
		Group(root)
		convert := &cobra.Command{Use: "convert MODEL", Args: Args("MODEL"), RunE: func(*cobra.Command, []string) error { return errors.New("broken") }}
		convert.Flags().String("name", "", "")
		root.AddCommand(convert)
		var out, errs strings.Builder
		err := Execute(t.Context(), root, c.args, strings.NewReader(""), &out, &errs)
		if err == nil || err.Error() != c.want || out.String()+errs.String() != "" {
			t.Errorf("%q: got %v, printed %q", c.args, err, out.String()+errs.String())
		}
	}
}

// names lists a folder.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func put(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

func TestWriteFileIsWholeOrNotThere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	if err := WriteFile(t.Context(), path, put("first")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	for name, write := range map[string]func() error{
		"error": func() error {
			return WriteFile(t.Context(), path, func(w io.Writer) error {
				return errors.Join(put(strings.Repeat("x", 1<<20))(w), errors.New("broken"))
			})
		},
		"cancelled": func() error {
			return WriteFile(cancelled, path, func(w io.Writer) error { cancel(); return put("half")(w) })
		},
		"no folder":    func() error { return WriteFile(t.Context(), filepath.Join(dir, "no", "out"), put("x")) },
		"a folder":     func() error { return WriteFile(t.Context(), dir, put("x")) },
		"no name":      func() error { return WriteFile(t.Context(), "", put("x")) },
		"below a file": func() error { return WriteFile(t.Context(), filepath.Join(path, "out"), put("x")) },
	} {
		if err := write(); err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), ".tmp") {
			t.Errorf("%s: the error names the temporary file: %v", name, err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != "first" {
			t.Errorf("%s: the old file became %q, %v", name, b, err)
		}
		if got := names(t, dir); len(got) != 1 {
			t.Errorf("%s: left %q", name, got)
		}
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("out", link); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(t.Context(), link, put("second")); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(path); string(b) != "second" {
		t.Errorf("behind the link stands %q", b)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode became %v, %v", info.Mode(), err)
	}
}

func TestComputationsAreAbandoned(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	if v, err := Abandonable(ctx, func() (int, error) { return 5, nil }); v != 5 || err != nil {
		t.Errorf("got %d, %v", v, err)
	}
	blocked := make(chan int)
	cancel(ErrInterrupted)
	if v, err := Abandonable(ctx, func() (int, error) { return <-blocked, nil }); !errors.Is(err, ErrInterrupted) {
		t.Errorf("got %d, %v", v, err)
	}
	close(blocked)
}

func TestFullDiskIsAnError(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	err := WriteFile(t.Context(), "/dev/full", put("x"))
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v", err)
	}
}

func TestUnicodeFollowsTheLocale(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want bool
	}{
		{nil, false},
		{map[string]string{"LANG": "en_US.UTF-8"}, true},
		{map[string]string{"LANG": "C.utf8"}, true},
		{map[string]string{"LANG": "C.UTF-8", "LC_ALL": "C"}, false},
		{map[string]string{"LANG": "C", "LC_CTYPE": "de_DE.UTF-8"}, true},
	} {
		if got := Unicode(func(name string) string { return c.env[name] }); got != c.want {
			t.Errorf("%v: got %v", c.env, got)
		}
	}
}

func TestProgressIsSilentInAPipe(t *testing.T) {
	var b strings.Builder
	p := NewProgress(&b, "working", 10)
	p.Set(5)
	p.Describe("still working")
	p.Done()
	if b.Len() > 0 {
		t.Errorf("printed %q", b.String())
	}
}
