package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startServe starts a server on a free port and returns its URL.
func startServe(t *testing.T, args ...string) (p *process, url string) {
	t.Helper()
	p = start(t, append([]string{"serve", "--addr", "127.0.0.1:0"}, args...)...)
	line := p.line()
	if _, err := fmt.Sscanf(line, "default answers at %s until Ctrl-C", &url); err != nil {
		t.Fatalf("printed %q: %v", line, err)
	}
	return p, url
}

func post(t *testing.T, url, body string) string {
	t.Helper()
	resp, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%d %s %v", resp.StatusCode, b, err)
	}
	return string(b)
}

// TestServeSaysWhatPredictSays: the same numbers over HTTP as from the command
// line, one line of log for each request, and Ctrl-C is no failure.
func TestServeSaysWhatPredictSays(t *testing.T) {
	p, url := startServe(t)
	const text = "what a wonderful day"
	predict := exec.Command("coldstream", "predict", "--format", "jsonl")
	predict.Stdin = strings.NewReader(text + "\n")
	want, err := predict.Output()
	if err != nil {
		t.Fatal(err)
	}
	got := post(t, url, `{"text":"`+text+`"}`)
	if before, ok := strings.CutSuffix(got, `,"model":"default"}`); !ok || before+"}\n" != string(want) {
		t.Errorf("answered %s, coldstream predict %s", got, want)
	}
	if batch := post(t, url, `{"texts":["`+text+`"]}`); batch != `{"results":[`+got+`]}` {
		t.Errorf("answered %s", batch)
	}
	if rest := p.interrupt(); rest != "" {
		t.Errorf("printed %q", rest)
	}
	_ = p.Wait() // the exit code is checked
	lines := strings.Split(strings.TrimSuffix(p.stderr.String(), "\n"), "\n")
	if p.ProcessState.ExitCode() != 0 || len(lines) != 2 || strings.Contains(p.stderr.String(), "wonderful") {
		t.Errorf("exit code %d, standard error %s", p.ProcessState.ExitCode(), p.stderr.String())
	}
	for _, line := range lines {
		if !json.Valid([]byte(line)) {
			t.Errorf("log line %s", line)
		}
	}
}

func TestServeTwiceAtOneAddress(t *testing.T) {
	p, url := startServe(t, "--quiet")
	second := start(t, "serve", "--addr", address(url))
	second.ends(1, "coldstream serve: listen tcp "+address(url)+": bind: address already in use; --addr chooses another address")
	post(t, url, `{"text":"a"}`)
	p.interrupt()
	p.ends(0, "")
}

// TestTerminatedServerAnswersWhatItTook sends SIGTERM while the body of a
// request is on its way.
func TestTerminatedServerAnswersWhatItTook(t *testing.T) {
	p, url := startServe(t, "--quiet")
	c := halfway(t, url)
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	untilRefused(t, address(url))
	if _, err := io.WriteString(c, `{"text":"a"}`); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(b), "HTTP/1.1 200 OK") {
		t.Errorf("%s %v", b, err)
	}
	p.ends(0, "")
}

// TestASecondInterruptEndsAServerAtOnce, whatever is under way.
func TestASecondInterruptEndsAServerAtOnce(t *testing.T) {
	p, url := startServe(t, "--quiet", "--grace", "1h")
	halfway(t, url)
	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	untilRefused(t, address(url))
	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait() // the state is checked
	if s, ok := p.ProcessState.Sys().(syscall.WaitStatus); !ok || s.Signal() != syscall.SIGINT {
		t.Errorf("ended with %v", p.ProcessState)
	}
}

// address is the HOST:PORT of a server's URL.
func address(url string) string {
	return strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/predict")
}

// halfway sends a request up to its body of 12 bytes and returns when the server
// wants that.
func halfway(t *testing.T, url string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address(url))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, "POST /predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 12\r\nExpect: 100-continue\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))
	if _, err := io.ReadFull(c, first); err != nil || !strings.HasPrefix(string(first), "HTTP/1.1 100 ") {
		t.Fatalf("%q %v", first, err)
	}
	return c
}

// untilRefused waits until nobody listens at address.
func untilRefused(t *testing.T, address string) {
	t.Helper()
	for {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		_ = c.Close()
		time.Sleep(time.Millisecond)
	}
}
