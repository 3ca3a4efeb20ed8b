package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"coldstream/internal/cli"
	"coldstream/internal/measure"
)

// bench runs the program.
func bench(ctx context.Context, args ...string) (stdout string, err error) {
	var out, errs bytes.Buffer
	err = run(ctx, args, strings.NewReader(""), &out, &errs)
	return out.String(), err
}

func readRun(t *testing.T, path string) *measure.Run {
	t.Helper()
	r, err := measure.Read(strings.NewReader(readFile(t, path)), path)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestLocal(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the function's program runs on Linux only")
	}
	dir := t.TempDir()
	lines, text := filepath.Join(dir, "new", "r.jsonl"), filepath.Join(dir, "r.txt")
	out, err := bench(t.Context(), "local", "--only", "bare,lean,serve", "--rounds", "3", "--warm", "2", "--batch", "7", "--buffer=false", "--large", "2", "-o", lines, "--go", text)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"bare", "lean", "serve", lines} {
		if !strings.Contains(out, want) {
			t.Errorf("the output has no %q:\n%s", want, out)
		}
	}
	for _, path := range []string{lines, text} {
		r := readRun(t, path)
		if r.Platform != measure.Local {
			t.Errorf("%s: platform %q", path, r.Platform)
		}
		for name, n := range map[string]int{
			"Cold/variant=bare": 3, "Cold/variant=lean": 3, "Cold/variant=serve": 3,
			"Warm/variant=lean/records=1": 6, "Warm/variant=serve/records=7": 2, "Server/variant=serve": 1,
		} {
			unit := measure.Init
			if strings.HasPrefix(name, "Warm") {
				unit = measure.Time
			}
			if got := r.Values(name, unit); len(got) != n {
				t.Errorf("%s: %s has %d figures, expected %d", path, name, len(got), n)
			}
		}
	}
	r := readRun(t, lines)
	for _, name := range []string{"bare", "lean", "serve"} {
		if v := r.Variant(name); v == nil || v.UploadBytes < 100_000 || v.DiskBytes <= v.UploadBytes {
			t.Errorf("%s: %+v", name, v)
		}
	}
	if !strings.Contains(r.Command, "--only=bare,lean,serve") || strings.Contains(r.Command, dir) {
		t.Errorf("command %q", r.Command)
	}
}

func TestLocalRefuses(t *testing.T) {
	for args, want := range map[string]string{
		"local --only zap":                 `--only names "zap"; the variants are bare, `,
		"local --rounds -1":                "--rounds is -1",
		"local --rounds 0":                 "nothing to measure",
		"local --quota 0":                  "--quota is 0",
		"local --quota NaN":                "--quota is NaN",
		"local --timeout 0s":               "time limits",
		"local x":                          "x",
		"local --only bare -o /dev/null/x": "/dev/null",
		"local --batch 99999":              "--batch is 99999; an event of more than 6291556 bytes",
		"local --batch 2000000000":         "--batch is 2000000000",
		"local -o x --go ./x":              "-o and --go both name x",
	} {
		if _, err := bench(t.Context(), strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(cli.OneLine(err), "\n") {
			t.Errorf("%s: got %v, expected %q", args, err, want)
		}
	}
}

// TestLocalKeepsWhatCtrlCLeft: the results so far are written, and the command
// says that it was interrupted.
func TestLocalKeepsWhatCtrlCLeft(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the function's program runs on Linux only")
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir) // the function lies there
	path := filepath.Join(dir, "r.jsonl")
	ended := make(chan error, 1)
	go func() {
		_, err := bench(ctx, "local", "--only", "bare", "--rounds", "1000000", "--warm", "1", "--batch", "0", "--buffer=false", "-o", path)
		ended <- err
	}()
	// The run is on once its function has been built and started.
	program := regexp.MustCompile(regexp.QuoteMeta(dir) + ".*/bare/bootstrap")
	for !running(t, program) {
		time.Sleep(5 * time.Millisecond)
	}
	cancel(cli.ErrInterrupted)
	if err := <-ended; !errors.Is(err, cli.ErrInterrupted) {
		t.Errorf("got %v", err)
	}
	if r := readRun(t, path); len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "interrupted after ") {
		t.Errorf("notes %q", r.Notes)
	}
	for i := 0; running(t, program); i++ {
		if i == 100 {
			t.Fatal("a function is left")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// running reports whether a process's command line is one that program matches.
func running(t *testing.T, program *regexp.Regexp) bool {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && program.Match(b) && !bytes.HasPrefix(b, []byte("go\x00")) {
			return true
		}
	}
	return false
}
