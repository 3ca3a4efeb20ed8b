// Package coldstream_test runs what README.md promises.
package coldstream_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// inner marks the test run that the README's own test command starts, which
// would otherwise start itself again.
const inner = "COLDSTREAM_README_TEST"

// TestREADMECommandsWorkOnACleanClone executes every command of README.md's
// "Quick start" in a fresh clone of what is committed.
func TestREADMECommandsWorkOnACleanClone(t *testing.T) {
	if os.Getenv(inner) != "" {
		t.Skip("this run is the README's test command itself")
	}
	if testing.Short() {
		t.Skip("clones and tests the whole project: not in -short mode")
	}
	if _, err := os.Stat(".git"); err != nil {
		t.Skip("not a git checkout, so there is nothing to clone")
	}
	clone := filepath.Join(t.TempDir(), "coldstream")
	run(t, ".", "git", "clone", "--quiet", ".", clone)
	readme, err := os.ReadFile(filepath.Join(clone, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	commands := quickStart(string(readme))
	if len(commands) != 2 || commands[0] != "go run ./tools pipeline" || commands[1] != "go test ./..." {
		t.Fatalf("the quick start's commands are %q", commands)
	}
	for _, c := range commands {
		t.Run(c, func(t *testing.T) {
			out := run(t, clone, strings.Fields(c)...)
			if strings.Contains(c, "pipeline") {
				shown := shownOutput(string(readme))
				if len(shown) < 5 {
					t.Fatalf("the README shows %d lines of output", len(shown))
				}
				for _, want := range shown {
					if !strings.Contains(out, want+"\n") {
						t.Errorf("the output has no line %q, which the README shows:\n%s", want, out)
					}
				}
			}
		})
	}
	if dirty := run(t, clone, "git", "status", "--porcelain"); dirty != "" {
		t.Errorf("the commands left files behind:\n%s", dirty)
	}
}

// quickStart returns the command lines of the first code block after the
// heading "Quick start", without their comments.
func quickStart(readme string) (commands []string) {
	_, rest, _ := strings.Cut(readme, "## Quick start")
	_, rest, _ = strings.Cut(rest, "```sh\n")
	block, _, _ := strings.Cut(rest, "```")
	for line := range strings.Lines(block) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line != "" {
			commands = append(commands, line)
		}
	}
	return commands
}

// shownOutput returns the lines of the first block of text in the README, empty
// ones apart.
func shownOutput(readme string) (lines []string) {
	_, rest, _ := strings.Cut(readme, "```text\n")
	block, _, _ := strings.Cut(rest, "```")
	for line := range strings.Lines(block) {
		if line = strings.TrimRight(line, " \n"); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), inner+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
