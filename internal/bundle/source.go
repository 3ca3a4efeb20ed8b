package bundle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// module is the path of the module whose source FromSource looks for.
const module = "coldstream"

// FromSource returns a Builder that compiles ./lambda with the go command, in
// the clone of this project that holds dir.
func FromSource(dir string) Builder { return FromPackage(dir, "./lambda") }

// FromPackage is FromSource for another function of this project, such as one
// to compare with: pkg is the path of its main package, "./folder".
func FromPackage(dir, pkg string) Builder {
	return func(ctx context.Context, t Target) ([]byte, error) {
		if err := t.check(); err != nil {
			return nil, err
		}
		root, err := findRoot(dir)
		if err != nil {
			return nil, err
		}
		return compile(ctx, root, pkg, t)
	}
}

var moduleLine = regexp.MustCompile(`(?m)^module\s+"?` + module + `"?\s*(//.*)?$`)

// findRoot returns the innermost folder at or above dir that holds the go.mod of
// this module.
func findRoot(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("bundle: %w", err)
	}
	for d := dir; ; d = filepath.Dir(d) {
		b, err := os.ReadFile(filepath.Join(d, "go.mod"))
		if err == nil && moduleLine.Match(b) {
			return d, nil
		}
		if d == filepath.Dir(d) {
			return "", fmt.Errorf("bundle: %s is not inside a clone of %s, whose source the function is built from; run the command in one", dir, module)
		}
	}
}

// compile builds a main package in root. The flags leave nothing of the machine in the
// program: no paths, no build id, no version control state.
func compile(ctx context.Context, root, pkg string, t Target) ([]byte, error) {
	tmp, err := os.MkdirTemp("", "coldstream-")
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	defer func() { _ = os.RemoveAll(tmp) }() // what is left is in the temporary folder
	out := filepath.Join(tmp, bootstrap)
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", out}
	if t.Runtime == "aws" {
		args = append(args, "-tags=lambda.norpc")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, pkg)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(),
		"CGO_ENABLED=0", "GOOS=linux", "GOARCH="+t.Arch, "GOAMD64=v1", "GOARM64=v8.0",
		// What a user may have set otherwise must not change the program.
		"GOFLAGS=", "GOEXPERIMENT=", "GOFIPS140=off", "GOWORK=off", "PWD="+root)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		switch {
		case ctx.Err() != nil:
			return nil, fmt.Errorf("bundle: build the function: %w", ctx.Err())
		case errors.Is(err, exec.ErrNotFound):
			return nil, errors.New("bundle: build the function: the go command is not installed; see https://go.dev/dl")
		}
		return nil, fmt.Errorf("bundle: build the function: %w: %s", err, firstLine(stderr.String()))
	}
	program, err := os.ReadFile(out)
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	return program, nil
}

// firstLine returns the first line of the go command's output that says
// something; lines that begin with # name packages.
func firstLine(s string) string {
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return line
		}
	}
	return "no output"
}
