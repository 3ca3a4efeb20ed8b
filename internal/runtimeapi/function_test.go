//go:build unix

package runtimeapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"coldstream/internal/runtimeapi"
	"coldstream/internal/runtimeapi/bootstraptest"
)

func TestMain(m *testing.M) { bootstraptest.Main(m) }

// start starts the program in testdata/name; o.Bootstrap is filled in.
func start(t testing.TB, name string, o runtimeapi.Options) *runtimeapi.Function {
	t.Helper()
	f, err := tryStart(t, name, o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func tryStart(t testing.TB, name string, o runtimeapi.Options) (*runtimeapi.Function, error) {
	t.Helper()
	o.Bootstrap = bootstraptest.Build(t, "testdata/"+name)
	if o.InitTimeout == 0 {
		o.InitTimeout = time.Minute // machines under load are slow, not wrong
	}
	f, err := runtimeapi.Start(context.Background(), o)
	if err == nil {
		t.Cleanup(func() { f.Close() })
	}
	return f, err
}

func invoke(t testing.TB, f *runtimeapi.Function, payload string) runtimeapi.Result {
	t.Helper()
	r, err := f.Invoke(context.Background(), []byte(payload))
	if err != nil {
		t.Fatalf("invoke %.100s: %v", payload, err)
	}
	return r
}

// wantError checks that the function failed with the type and a message that
// contains the words.
func wantError(t *testing.T, r runtimeapi.Result, kind, words string) {
	t.Helper()
	var detail struct{ ErrorType, ErrorMessage string }
	if err := json.Unmarshal(r.Payload, &detail); err != nil {
		t.Fatalf("payload %q: %v", r.Payload, err)
	}
	if r.FunctionError != runtimeapi.Unhandled || r.Report.ErrorType != kind || detail.ErrorType != kind || !strings.Contains(detail.ErrorMessage, words) {
		t.Fatalf("got FunctionError %q, report %v, payload %s; want type %s and %q", r.FunctionError, r.Report, r.Payload, kind, words)
	}
	if err := r.Err(); err == nil || !strings.Contains(err.Error(), kind) || strings.Contains(err.Error(), "\n") {
		t.Fatalf("Err() = %v; want one line with %s", err, kind)
	}
}

func wantPayload(t *testing.T, r runtimeapi.Result, want string) {
	t.Helper()
	if r.FunctionError != "" || string(r.Payload) != want || r.Err() != nil {
		t.Fatalf("got %s %s, want %s", r.FunctionError, r.Payload, want)
	}
}

func alive(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return syscall.Kill(pid, 0) == nil && runtime.GOOS != "linux"
	}
	return !bytes.Contains(status, []byte(") Z "))
}

// eventually waits for what another process has to do.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 3000 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("not seen: " + what)
}

func TestEventsAreAnsweredAndMeasured(t *testing.T) {
	f := start(t, "echo", runtimeapi.Options{MemoryMB: 256})
	if f.Init() <= 0 {
		t.Errorf("init took %v", f.Init())
	}
	seen := map[string]bool{}
	for i := range 5 {
		want := fmt.Sprintf(`{"n":%d}`, i)
		r := invoke(t, f, want)
		wantPayload(t, r, want)
		p := r.Report
		if seen[p.RequestID] || p.RequestID == "" {
			t.Errorf("request id %q twice or empty", p.RequestID)
		}
		seen[p.RequestID] = true
		if p.Duration <= 0 || p.Duration != r.Duration() || p.MemoryMB != 256 || p.Status != "" {
			t.Errorf("report %+v", p)
		}
		wantInit := time.Duration(0)
		if i == 0 {
			wantInit = f.Init()
		}
		if p.Init != wantInit {
			t.Errorf("invocation %d reports init %v, want %v", i, p.Init, wantInit)
		}
		if over := p.Billed - p.Duration - p.Init; over < 0 || over >= time.Millisecond || p.Billed%time.Millisecond != 0 {
			t.Errorf("billed %v for %v", p.Billed, p.Duration+p.Init)
		}
		if runtime.GOOS == "linux" && p.MaxMemory < 1<<20 {
			t.Errorf("peak memory %d bytes", p.MaxMemory)
		}
	}
}

func TestFunctionSeesLambdasEnvironment(t *testing.T) {
	t.Setenv("OF_THE_PARENT", "1")
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f := start(t, "echo", runtimeapi.Options{Dir: dir, Name: "scorer", Version: "7", Region: "eu-west-1", MemoryMB: 1769,
		Timeout: 40 * time.Second, Env: []string{"MODEL=m", "TZ=Europe/Paris"}})
	before := time.Now()
	r := invoke(t, f, `{"do":"who"}`)
	var who struct {
		Request, ARN, Trace, Dir string
		Deadline                 int64
		Env                      []string
		PID                      int
	}
	if err := json.Unmarshal(r.Payload, &who); err != nil {
		t.Fatalf("%v: %s", err, r.Payload)
	}
	if who.Request != r.Report.RequestID || who.ARN != "arn:aws:lambda:eu-west-1:000000000000:function:scorer" ||
		who.Trace != r.Report.TraceID || !strings.HasPrefix(who.Trace, "Root=1-") || who.Dir != dir || who.PID != f.PID() {
		t.Errorf("function sees %+v", who)
	}
	if d := time.UnixMilli(who.Deadline); d.Before(before.Add(39*time.Second)) || d.After(time.Now().Add(41*time.Second)) {
		t.Errorf("deadline %v", d)
	}
	for _, want := range []string{"AWS_LAMBDA_FUNCTION_NAME=scorer", "AWS_LAMBDA_FUNCTION_VERSION=7", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=1769",
		"AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-west-1", "LAMBDA_TASK_ROOT=" + dir, "_HANDLER=bootstrap", "MODEL=m", "TZ=Europe/Paris"} {
		if !slices.Contains(who.Env, want) {
			t.Errorf("no %s in %q", want, who.Env)
		}
	}
	if slices.ContainsFunc(who.Env, func(s string) bool { return strings.HasPrefix(s, "OF_THE_PARENT=") || s == "TZ=:UTC" }) {
		t.Errorf("inherited or doubled variables: %q", who.Env)
	}
}

func TestFunctionErrorsAreResults(t *testing.T) {
	f := start(t, "echo", runtimeapi.Options{})
	pid := f.PID()
	wantError(t, invoke(t, f, `{"do":"error"}`), "errorString", "cannot do that")
	wantPayload(t, invoke(t, f, `1`), `1`)
	if f.PID() != pid {
		t.Error("a reported error restarted the process")
	}
	wantError(t, invoke(t, f, `{"do":"panic"}`), "string", "out of luck")
	wantPayload(t, invoke(t, f, `2`), `2`)
	raw := start(t, "raw", runtimeapi.Options{})
	wantError(t, invoke(t, raw, "error-not-json"), "Runtime.UnknownReason", "plain words")
	wantError(t, invoke(t, raw, "trailer"), "Stream.Broken", "")
}

func TestCrashIsReportedAndTheNextInvocationRestarts(t *testing.T) {
	var log lockedBuffer
	f := start(t, "echo", runtimeapi.Options{Stderr: &log})
	invoke(t, f, `0`)
	first := f.PID()
	r := invoke(t, f, `{"do":"crash"}`)
	wantError(t, r, "Runtime.ExitError", "exit status 7")
	if r.Report.Status != "error" || !strings.Contains(r.Err().Error(), "about to fall over") || !strings.Contains(log.String(), "about to fall over") {
		t.Errorf("status %q, err %v, log %q", r.Report.Status, r.Err(), log.String())
	}
	if alive(first) {
		t.Error("the crashed process lives")
	}
	r = invoke(t, f, `1`)
	wantPayload(t, r, `1`)
	if r.Report.Init == 0 || r.Report.Init != f.Init() || f.PID() == first {
		t.Errorf("the restart is not in the report: %v", r.Report)
	}
	wantError(t, invoke(t, f, `{"do":"quit"}`), "Runtime.ExitError", "without providing a reason")
	wantPayload(t, invoke(t, f, `2`), `2`)

	// Gone between two invocations; one that comes before this is noticed may
	// meet the dead process.
	second := f.PID()
	syscall.Kill(second, syscall.SIGKILL)
	eventually(t, "another process", func() bool {
		r := invoke(t, f, `3`)
		return f.PID() != second && r.FunctionError == "" && string(r.Payload) == `3`
	})
}

func TestTimeoutKillsAndTheNextInvocationRestarts(t *testing.T) {
	f := start(t, "echo", runtimeapi.Options{Timeout: 2 * time.Second})
	first := f.PID()
	r := invoke(t, f, `{"do":"sleep"}`)
	wantError(t, r, "Sandbox.Timedout", "Task timed out after 2.00 seconds")
	if r.Report.Status != "timeout" || r.Duration() <= 0 || alive(first) {
		t.Errorf("report %v, process alive: %v", r.Report, alive(first))
	}
	wantPayload(t, invoke(t, f, `1`), `1`)
}

func TestInitFailuresSayWhy(t *testing.T) {
	for _, c := range []struct {
		name, program, env string
		timeout            time.Duration
		kind, words        string
	}{
		{"exit", "echo", "FAIL_INIT=no model here", 0, "Runtime.ExitError", "exit status 3"},
		{"exit with output", "echo", "FAIL_INIT=no model here", 0, "Runtime.ExitError", "no model here"},
		{"hang", "raw", "INIT=hang", 300 * time.Millisecond, "Sandbox.Timedout", "within 300ms"},
		{"reported", "raw", "INIT=error", 0, "Model.Missing", "no model beside the binary"},
		{"reported, then hanging", "raw", "INIT=error-and-hang", 0, "Runtime.UnknownReason", "not json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := tryStart(t, c.program, runtimeapi.Options{Env: []string{c.env}, InitTimeout: c.timeout})
			var initErr *runtimeapi.InitError
			if !errors.As(err, &initErr) || initErr.Type != c.kind || !strings.Contains(err.Error(), c.words) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("got %v; want one line with %s and %q", err, c.kind, c.words)
			}
		})
	}
	t.Run("in a restart", func(t *testing.T) {
		starts := 0
		f := start(t, "echo", runtimeapi.Options{Prepare: func(cmd *exec.Cmd) {
			if starts++; starts == 2 {
				cmd.Env = append(cmd.Env, "FAIL_INIT=gone since")
			}
		}})
		invoke(t, f, `{"do":"crash"}`)
		r := invoke(t, f, `1`)
		wantError(t, r, "Runtime.ExitError", "first request")
		if !strings.Contains(r.Err().Error(), "gone since") {
			t.Errorf("err %v", r.Err())
		}
		wantPayload(t, invoke(t, f, `2`), `2`)
	})
}

func TestWhatCannotBeStartedIsAnError(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	garbage := filepath.Join(dir, "garbage")
	os.WriteFile(plain, []byte("#!/bin/sh\n"), 0o644)
	os.WriteFile(garbage, []byte("\x7fELF, not really"), 0o755)
	for path, words := range map[string]string{
		filepath.Join(dir, "none"): "no such file",
		plain:                      "make the file executable",
		garbage:                    "architecture",
		"":                         "no bootstrap",
	} {
		if os.Getuid() == 0 && path == plain && runtime.GOOS != "linux" {
			continue
		}
		_, err := runtimeapi.Start(context.Background(), runtimeapi.Options{Bootstrap: path})
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("start %q: %v; want %q", path, err, words)
		}
	}
}

func TestPayloadLimits(t *testing.T) {
	const limit = 6291556
	f := start(t, "echo", runtimeapi.Options{})
	largest := `"` + strings.Repeat("x", limit-2) + `"`
	wantPayload(t, invoke(t, f, largest), largest)
	if _, err := f.Invoke(context.Background(), []byte(largest+" ")); !errors.Is(err, runtimeapi.ErrTooLarge) {
		t.Errorf("a request of %d bytes: %v", limit+1, err)
	}
	r := invoke(t, f, fmt.Sprintf(`{"do":"big","bytes":%d}`, limit))
	if len(r.Payload) != limit || r.FunctionError != "" {
		t.Errorf("%d bytes, %s", len(r.Payload), r.FunctionError)
	}
	wantError(t, invoke(t, f, fmt.Sprintf(`{"do":"big","bytes":%d}`, limit+1)), "Function.ResponseSizeTooLarge", "6291556")
	wantPayload(t, invoke(t, f, `1`), `1`)

	var log lockedBuffer
	raw := start(t, "raw", runtimeapi.Options{Stderr: &log})
	wantError(t, invoke(t, raw, "huge-chunked"), "Function.ResponseSizeTooLarge", "6291556")
	wantError(t, invoke(t, raw, "huge-length"), "Function.ResponseSizeTooLarge", "6291556")
	wantPayload(t, invoke(t, raw, "fine"), "fine")
	eventually(t, "413 twice", func() bool { return strings.Count(log.String(), "413 ") == 2 })
}

func TestRuleBreakersAreRefused(t *testing.T) {
	var log lockedBuffer
	f := start(t, "raw", runtimeapi.Options{Stderr: &log, Env: []string{"INIT=early-response"}})
	for _, c := range []struct{ do, want, seen string }{
		{"", "", `400 {"errorType":"InvalidRequestID"`}, // of the response before the first event
		{"wrong-id", "right", `400 {"errorType":"InvalidRequestID"`},
		{"double", "first", `400 {"errorType":"InvalidRequestID"`},
		{"next-unanswered", "right", `403 {"errorType":"InvalidStateTransition"`},
		{"unknown-paths", "right", `405 `},
		{"cut", "whole", `202 `},
	} {
		mark := len(log.String())
		if c.do == "" {
			mark = 0
		}
		wantPayload(t, invoke(t, f, c.do), c.want)
		eventually(t, c.seen, func() bool { return strings.Contains(log.String()[mark:], c.seen) })
	}
	if strings.Count(log.String(), "404 ") != 2 {
		t.Errorf("unknown resources: %q", log.String())
	}
	wantPayload(t, invoke(t, f, "response-and-exit"), "last words")
	eventually(t, "a restart", func() bool { return string(invoke(t, f, "after").Payload) == "after" })
}

func TestNothingIsLeftBehind(t *testing.T) {
	child := func(f *runtimeapi.Function) int {
		pid, err := strconv.Atoi(string(invoke(t, f, "child").Payload))
		if err != nil {
			t.Fatal(err)
		}
		return pid
	}
	t.Run("after Close", func(t *testing.T) {
		f := start(t, "raw", runtimeapi.Options{})
		pids := []int{f.PID(), child(f)}
		if err := errors.Join(f.Close(), f.Close()); err != nil {
			t.Error(err)
		}
		eventually(t, "end of the processes", func() bool { return !slices.ContainsFunc(pids, alive) })
		if _, err := f.Invoke(context.Background(), nil); !errors.Is(err, runtimeapi.ErrClosed) {
			t.Errorf("invoke after close: %v", err)
		}
	})
	t.Run("after the end of the context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		f, err := runtimeapi.Start(ctx, runtimeapi.Options{Bootstrap: bootstraptest.Build(t, "testdata/raw")})
		if err != nil {
			t.Fatal(err)
		}
		pids := []int{f.PID(), child(f)}
		cancel()
		eventually(t, "end of the processes", func() bool { return !slices.ContainsFunc(pids, alive) })
		if _, err := runtimeapi.Start(ctx, runtimeapi.Options{Bootstrap: bootstraptest.Build(t, "testdata/raw")}); !errors.Is(err, runtimeapi.ErrClosed) {
			t.Errorf("start after the end: %v", err)
		}
	})
	t.Run("after a crash", func(t *testing.T) {
		f := start(t, "raw", runtimeapi.Options{})
		orphan := child(f)
		syscall.Kill(f.PID(), syscall.SIGKILL)
		eventually(t, "end of the child", func() bool { return !alive(orphan) })
	})
	t.Run("when closed in mid-invocation", func(t *testing.T) {
		f := start(t, "echo", runtimeapi.Options{})
		failed := make(chan error)
		go func() {
			_, err := f.Invoke(context.Background(), []byte(`{"do":"sleep"}`))
			failed <- err
		}()
		time.Sleep(20 * time.Millisecond)
		f.Close()
		if err := <-failed; !errors.Is(err, runtimeapi.ErrClosed) {
			t.Errorf("invoke: %v", err)
		}
	})
}

func TestCancelledInvocationEndsTheProcess(t *testing.T) {
	f := start(t, "echo", runtimeapi.Options{})
	pid := f.PID()
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if _, err := f.Invoke(ctx, []byte(`{"do":"sleep"}`)); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("invoke: %v", err)
	}
	if alive(pid) {
		t.Error("the process still works on a cancelled invocation")
	}
	wantPayload(t, invoke(t, f, `1`), `1`)
}

func TestCancelledRestartReturns(t *testing.T) {
	starts := 0
	f := start(t, "raw", runtimeapi.Options{Prepare: func(cmd *exec.Cmd) {
		if starts++; starts == 2 {
			cmd.Env = append(cmd.Env, "INIT=hang")
		}
	}})
	invoke(t, f, "exit")
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if _, err := f.Invoke(ctx, []byte("1")); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("invoke: %v", err)
	}
	wantPayload(t, invoke(t, f, "2"), "2")
}

func TestConcurrentInvocationsTakeTurns(t *testing.T) {
	p, err := runtimeapi.StartPool(context.Background(), 2, runtimeapi.Options{Bootstrap: bootstraptest.Build(t, "testdata/echo"), InitTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if p.Len() != 2 {
		t.Errorf("%d environments", p.Len())
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 20 {
				want := strconv.Itoa(100*i + j)
				if i == 0 && j%7 == 3 {
					want = `{"do":"crash"}`
				}
				r, err := p.Invoke(context.Background(), []byte(want))
				if err != nil || (r.FunctionError == "") != (want[0] != '{') || r.FunctionError == "" && string(r.Payload) != want {
					t.Errorf("%s: %s, %v", want, r.Payload, err)
				}
			}
		})
	}
	wg.Wait()
	if runtime.GOOS == "linux" && p.PeakMemory() < 1<<20 {
		t.Errorf("peak memory %d", p.PeakMemory())
	}
	if _, err := runtimeapi.StartPool(context.Background(), 3, runtimeapi.Options{Bootstrap: "/dev/null"}); err == nil {
		t.Error("a pool without processes")
	}
}

func TestReportLine(t *testing.T) {
	r := runtimeapi.Report{RequestID: "id", Duration: 1234 * time.Microsecond, Billed: 5 * time.Millisecond, Init: 3100 * time.Microsecond,
		MemoryMB: 512, MaxMemory: 11<<20 + 1}
	const want = "REPORT RequestId: id\tDuration: 1.23 ms\tBilled Duration: 5 ms\tMemory Size: 512 MB\tMax Memory Used: 12 MB\tInit Duration: 3.10 ms"
	if r.String() != want {
		t.Errorf("got  %q\nwant %q", r, want)
	}
	r.Status, r.ErrorType = "error", "Runtime.ExitError"
	if got := want + "\tStatus: error\tError Type: Runtime.ExitError"; r.String() != got {
		t.Errorf("got  %q\nwant %q", r, got)
	}
}

// BenchmarkInvoke is what this side adds to every measurement: the function
// does nothing but return its event.
func BenchmarkInvoke(b *testing.B) {
	for _, runtime := range []string{"echo", "raw"} {
		for _, size := range []int{16, 1 << 20} {
			b.Run(fmt.Sprintf("runtime=%s/bytes=%d", runtime, size), func(b *testing.B) {
				f := start(b, runtime, runtimeapi.Options{})
				payload := []byte(`"` + strings.Repeat("x", size-2) + `"`)
				var inside time.Duration
				least := time.Hour // what a machine under load does not spoil
				b.ReportAllocs()
				for b.Loop() {
					begin := time.Now()
					r, err := f.Invoke(context.Background(), payload)
					if err != nil || r.FunctionError != "" {
						b.Fatal(err, r.FunctionError)
					}
					inside += r.Duration()
					least = min(least, time.Since(begin))
				}
				b.ReportMetric(float64(least.Nanoseconds()), "min-ns/op")
				b.ReportMetric(float64(inside.Nanoseconds())/float64(b.N), "duration-ns/op")
			})
		}
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
