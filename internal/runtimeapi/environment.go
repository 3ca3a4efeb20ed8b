package runtimeapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"coldstream/internal/child"
)

// environment is one process and the Runtime API it talks to. It has its own
// port, so that nothing an earlier process left behind can reach it.
type environment struct {
	options  *Options
	cmd      *exec.Cmd
	listener net.Listener
	server   *http.Server
	output   *child.Tail
	started  time.Time

	ready  chan struct{}    // closed at the first next
	init   time.Duration    // exec to first next; valid once ready is closed
	next   chan *invocation // unbuffered: an invocation is taken only by a waiting runtime
	exited chan struct{}    // closed when the process is gone and its output is read

	group  sync.Mutex // guards reaped: no signal goes to a process group that may be another's
	reaped bool

	mu       sync.Mutex
	current  *invocation // handed to the runtime and not answered yet
	initErr  *InitError  // what the runtime reported about its init
	told     bool        // Init has been part of a report
	sizeHint int         // size of the latest answer

	memory child.Memory
}

// startEnvironment returns once the process has asked for its first event, or
// with the error of ctx when that ends first. The process ends with life.
func startEnvironment(ctx, life context.Context, o *Options) (*environment, error) {
	if life.Err() != nil {
		return nil, closedError()
	}
	e := &environment{
		options: o,
		output:  child.NewTail(o.Stderr),
		ready:   make(chan struct{}),
		next:    make(chan *invocation),
		exited:  make(chan struct{}),
	}
	var err error
	if e.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("runtimeapi: %w", err)
	}
	e.server = &http.Server{Handler: e, ErrorLog: log.New(io.Discard, "", 0)}
	if err := e.exec(life); err != nil {
		e.listener.Close()
		return nil, fmt.Errorf("runtimeapi: start %s: %w", o.Bootstrap, explainStart(err))
	}
	go e.server.Serve(e.listener) // a call that came sooner waits in the backlog

	timer := time.NewTimer(o.InitTimeout)
	defer timer.Stop()
	select {
	case <-e.ready:
		return e, nil
	case <-timer.C:
		e.kill()
		<-e.exited
		return nil, e.initFailure(errorSandboxTimeout, fmt.Sprintf("no request for an event within %v", o.InitTimeout))
	case <-ctx.Done():
		e.kill()
		<-e.exited
		if life.Err() != nil {
			return nil, closedError()
		}
		return nil, ctx.Err()
	case <-e.exited:
		if life.Err() != nil {
			return nil, closedError()
		}
		return nil, e.initFailure(errorExit, "runtime exited before its first request for an event")
	}
}

// exec starts the process and the goroutine that waits for its end, and ends it
// with life.
func (e *environment) exec(life context.Context) error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	for attempt := 0; ; attempt++ {
		e.cmd = exec.Command(e.options.Bootstrap, e.options.Args...)
		e.cmd.Dir = e.options.Dir
		e.cmd.Env = e.environ()
		e.cmd.Stdout, e.cmd.Stderr = write, write
		if e.options.Prepare != nil {
			e.options.Prepare(e.cmd)
		}
		child.OwnGroup(e.cmd)
		e.started = time.Now()
		err = e.cmd.Start()
		// A file written a moment ago is busy while a child forked meanwhile by
		// another goroutine still holds it open.
		if !isBusy(err) || attempt == 20 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	write.Close()
	if err != nil {
		read.Close()
		return err
	}
	go e.wait(read, context.AfterFunc(life, e.kill))
	return nil
}

// outputGrace is how long the last output is waited for after the end of the
// process: a child that left the process group may keep the pipe open.
const outputGrace = 500 * time.Millisecond

func (e *environment) wait(output *os.File, forget func() bool) {
	defer forget()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		io.Copy(e.output, output)
	}()
	e.cmd.Wait() // the state it leaves says all
	e.group.Lock()
	child.KillGroup(e.cmd)
	e.reaped = true
	e.group.Unlock()
	select {
	case <-drained:
	case <-time.After(outputGrace):
		output.SetReadDeadline(time.Now())
		<-drained
	}
	output.Close()
	e.memory.Close()
	close(e.exited)
	e.server.Close()
	e.listener.Close() // when the server had not begun yet
}

// kill ends the process and its children. It does not wait.
func (e *environment) kill() {
	e.group.Lock()
	defer e.group.Unlock()
	if !e.reaped {
		child.KillGroup(e.cmd)
	}
}

// environ is what Lambda defines for an OS-only runtime.
func (e *environment) environ() []string {
	o := e.options
	env := []string{
		"AWS_LAMBDA_RUNTIME_API=" + e.listener.Addr().String(),
		"AWS_LAMBDA_FUNCTION_NAME=" + o.Name,
		"AWS_LAMBDA_FUNCTION_VERSION=" + o.Version,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=" + strconv.Itoa(o.MemoryMB),
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/" + o.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME=" + time.Now().UTC().Format("2006/01/02/") + "[" + o.Version + "]" + randomHex(32),
		"AWS_REGION=" + o.Region,
		"AWS_DEFAULT_REGION=" + o.Region,
		"LAMBDA_TASK_ROOT=" + o.Dir,
		"LAMBDA_RUNTIME_DIR=/var/runtime",
		"_HANDLER=" + o.Handler,
		"TZ=:UTC",
		"LANG=en_US.UTF-8",
		"PATH=/usr/local/bin:/usr/bin:/bin:/opt/bin",
		"LD_LIBRARY_PATH=/lib64:/usr/lib64:" + o.Dir + ":" + o.Dir + "/lib:/opt/lib",
	}
	return append(env, o.Env...) // of equal keys exec keeps the last
}

// initFailure is the error of an init that the runtime did not survive or
// finish. What the runtime itself reported goes before kind and message.
func (e *environment) initFailure(kind, message string) *InitError {
	e.mu.Lock()
	reported := e.initErr
	e.mu.Unlock()
	err := &InitError{Bootstrap: e.options.Bootstrap, Type: kind, Message: message}
	if reported != nil {
		err.Type, err.Message, err.payload = reported.Type, reported.Message, reported.payload
	}
	if kind == errorExit {
		err.Status = e.cmd.ProcessState.String()
	}
	err.Output = e.output.String()
	err.duration = time.Since(e.started)
	return err
}

// invoke hands inv to the runtime and waits for its answer. served is false
// when the process was gone before it took the invocation.
func (e *environment) invoke(ctx context.Context, inv *invocation) (result Result, served bool, err error) {
	inv.deadline = time.Now().Add(e.options.Timeout)
	timer := time.NewTimer(e.options.Timeout)
	defer timer.Stop()
	select {
	case e.next <- inv:
	case <-e.exited:
		return e.failed(inv, errorExit, e.exitMessage()), false, nil
	case <-timer.C:
		return e.timedOut(inv), true, nil
	case <-ctx.Done():
		return Result{}, false, ctx.Err()
	}
	select {
	case a := <-inv.answer:
		return e.answered(inv, a), true, nil
	case <-e.exited:
		select {
		case a := <-inv.answer: // it answered with its last breath
			return e.answered(inv, a), true, nil
		default:
			return e.failed(inv, errorExit, e.exitMessage()), true, nil
		}
	case <-timer.C:
		return e.timedOut(inv), true, nil
	case <-ctx.Done():
		e.kill()
		<-e.exited
		return Result{}, true, ctx.Err()
	}
}

func (e *environment) timedOut(inv *invocation) Result {
	e.kill()
	<-e.exited
	return e.failed(inv, errorSandboxTimeout, fmt.Sprintf("Task timed out after %.2f seconds", e.options.Timeout.Seconds()))
}

func (e *environment) exitMessage() string {
	if e.cmd.ProcessState.Success() {
		return "Runtime exited without providing a reason"
	}
	return "Runtime exited with error: " + e.cmd.ProcessState.String()
}

// answered is the result of an invocation that the runtime answered.
func (e *environment) answered(inv *invocation, a answer) Result {
	r := Result{Payload: a.payload, Report: e.report(inv, a.at)}
	if a.errorType != "" {
		r.FunctionError, r.Report.Status, r.Report.ErrorType = Unhandled, "error", a.errorType
		r.Output = e.output.String()
	}
	return r
}

// failed is the result of an invocation that the process did not answer.
func (e *environment) failed(inv *invocation, kind, message string) Result {
	r := Result{
		FunctionError: Unhandled,
		Payload:       errorPayload(kind, "RequestId: "+inv.id+" Error: "+message),
		Report:        e.report(inv, time.Now()),
		Output:        e.output.String(),
	}
	r.Report.Status, r.Report.ErrorType = "error", kind
	if kind == errorSandboxTimeout {
		r.Report.Status = "timeout"
	}
	return r
}

// report measures from the hand-over of the event to the last byte of the
// answer, the span in which the function worked.
func (e *environment) report(inv *invocation, end time.Time) Report {
	r := Report{RequestID: inv.id, TraceID: inv.trace, MemoryMB: e.options.MemoryMB, MaxMemory: e.peakMemory()}
	e.mu.Lock()
	if e.current == inv {
		e.current = nil // never answered: the runtime is gone
	}
	if !inv.handed.IsZero() {
		r.Duration = end.Sub(inv.handed)
	}
	if !e.told {
		e.told = true
		r.Init = e.init
	}
	e.mu.Unlock()
	r.Billed = billed(r.Duration + r.Init)
	return r
}

func (e *environment) peakMemory() int64 { return e.memory.Peak(e.cmd.Process.Pid) }

// explainStart adds what to do about the usual reasons.
func explainStart(err error) error {
	switch {
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%w; make the file executable", err)
	case isExecFormat(err):
		return fmt.Errorf("%w; it is no executable of this machine's architecture", err)
	}
	return err
}
