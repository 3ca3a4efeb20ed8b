// Package bootstraptest builds small Lambda functions for tests: Main runs the
// tests of a package, Build compiles a program once for all of them.
package bootstraptest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
)

var (
	mu    sync.Mutex
	root  string
	built = map[string]string{} // folder of the program to path of the executable
)

// Main runs the tests, removes what Build made and exits. It is for TestMain.
func Main(m *testing.M) {
	code := m.Run()
	if root != "" {
		os.RemoveAll(root)
	}
	os.Exit(code)
}

// Build compiles the main package in the folder dir, as a function is packaged,
// into an executable named bootstrap in a folder of its own. It returns its path.
func Build(tb testing.TB, dir string) string {
	tb.Helper()
	mu.Lock()
	defer mu.Unlock()
	if path, ok := built[dir]; ok {
		return path
	}
	if root == "" {
		var err error
		if root, err = os.MkdirTemp("", "bootstraptest"); err != nil {
			tb.Fatal(err)
		}
	}
	path := filepath.Join(root, strconv.Itoa(len(built)), "bootstrap")
	cmd := exec.Command("go", "build", "-trimpath", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", path, ".")
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("build %s: %v\n%s", dir, err, out)
	}
	built[dir] = path
	return path
}
