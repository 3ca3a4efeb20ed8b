// Package mototest starts Moto, the fake of AWS's management calls and of S3, for
// tests. Start with Start.
package mototest

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// Start starts the server that .ci/moto makes ready, with more variables in its
// environment, and returns its address, an http URL. The server ends with the
// test, which is skipped where there is none.
func Start(t testing.TB, env ...string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts Moto: not in -short mode")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skipf("no folder for caches: %v", err)
	}
	ready, _ := filepath.Glob(filepath.Join(cache, "coldstream-bench", "moto-*", "complete"))
	if len(ready) == 0 {
		t.Skip("Moto is not there: .ci/moto makes it ready")
	}
	newest := slices.MaxFunc(ready, func(a, b string) int { return modified(t, a).Compare(modified(t, b)) })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	host, port, _ := net.SplitHostPort(address)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "moto.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(filepath.Dir(newest), "bin", "moto_server"), "-H", host, "-p", port)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		if cmd.Process.Kill() == nil {
			<-ended
		}
		_ = log.Close() // its text has been read, if it was wanted
	})
	for range 600 { // imports take seconds on a busy machine
		res, err := http.Get("http://" + address + "/moto-api/data.json")
		if err == nil {
			_ = res.Body.Close() // that it answers is enough
			return "http://" + address
		}
		select {
		case err := <-ended:
			text, _ := os.ReadFile(log.Name())
			t.Fatalf("moto_server ended: %v\n%s", err, text)
		case <-time.After(100 * time.Millisecond):
		}
	}
	text, _ := os.ReadFile(log.Name())
	t.Fatalf("moto_server does not answer: %s", text)
	return ""
}

func modified(t testing.TB, path string) time.Time {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.ModTime()
}
