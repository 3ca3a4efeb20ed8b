package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"coldstream/internal/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"coldstream": func() { os.Exit(cli.Main(run)) }})
}

// TestScripts runs the sessions in testdata/script. In them $REPO is the
// project's folder.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/script",
		Setup: setup,
		Cmds:  map[string]func(ts *testscript.TestScript, neg bool, args []string){"oneline": oneLine, "clean": clean, "head": head},
		Condition: func(name string) (bool, error) {
			if name == "devfull" {
				_, err := os.Stat("/dev/full")
				return err == nil, nil
			}
			return false, fmt.Errorf("unknown condition %s", name)
		},
	})
}

// setup tells scripts where the project is, and the go command where it works:
// scripts have a home of their own.
func setup(e *testscript.Env) error {
	root, err := filepath.Abs("..")
	if err != nil {
		return err
	}
	e.Setenv("REPO", root)
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOSUMDB"} {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			return fmt.Errorf("go env %s: %w", name, err)
		}
		e.Setenv(name, strings.TrimSpace(string(out)))
	}
	return nil
}

// oneLine: "oneline TEXT" demands that the last command said exactly one line
// on standard error, beginning with "coldstream" and containing TEXT.
func oneLine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: oneline text")
	}
	stderr := ts.ReadFile("stderr")
	if strings.Count(stderr, "\n") != 1 || !strings.HasSuffix(stderr, "\n") || !strings.HasPrefix(stderr, "coldstream") || !strings.Contains(stderr, args[0]) {
		ts.Fatalf("want one line with %q on standard error, got %q", args[0], stderr)
	}
}

// clean: "clean DIR" demands that DIR is empty, hidden files included.
func clean(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: clean dir")
	}
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	for _, e := range entries {
		ts.Fatalf("%s was left behind", e.Name())
	}
}

// head: "head -N SRC DST" copies the first N bytes of a file.
func head(ts *testscript.TestScript, neg bool, args []string) {
	var n int
	if _, err := fmt.Sscanf(strings.Join(args[:1], ""), "-%d", &n); neg || err != nil || len(args) != 3 {
		ts.Fatalf("usage: head -N src dst")
	}
	b, err := os.ReadFile(ts.MkAbs(args[1]))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), b[:n], 0o666))
}
