// Package runtimeapi runs a packaged Lambda function on this machine: it speaks
// the Runtime API on a loopback port and starts the function's bootstrap as a
// process of its own, with the environment, limits, time-outs and error reports
// that Lambda gives it. [Start] runs one execution environment,
// [Function.Invoke] sends it an event; [StartPool] runs several side by side.
// It does not unpack zips, throttle CPU or memory, or imitate networking and
// roles; figures measured through it are figures of this machine.
package runtimeapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// MaxPayload is the largest request and the largest response of a synchronous
// invocation, in bytes: 6 MB as Lambda enforces it (6 MiB and 100 bytes).
const MaxPayload = 6<<20 + 100

// Defaults of Options. Lambda fixes the first; the others are this package's.
const (
	defaultInitTimeout = 10 * time.Second
	defaultTimeout     = time.Minute
	defaultMemoryMB    = 512
)

var (
	// ErrTooLarge says that a request exceeds MaxPayload. The function did not
	// see it.
	ErrTooLarge = errors.New("request is larger than an invocation may carry")
	// ErrClosed says that the function was closed, or that the context given to
	// Start ended.
	ErrClosed = errors.New("function is closed")
)

// Options configure a function as its Lambda configuration would. Only
// Bootstrap is required.
type Options struct {
	Bootstrap string   // path of the executable
	Args      []string // arguments for it; Lambda gives none, other runtimes' entry points need some
	Dir       string   // the function's folder, its working directory and LAMBDA_TASK_ROOT; default: the folder of Bootstrap

	Name     string // default "function"
	Version  string // default "$LATEST"
	Handler  string // default "bootstrap"
	Region   string // default "us-east-1"
	MemoryMB int    // what the function is told it has; default 512, not enforced

	// Env holds further KEY=VALUE pairs; they win over the ones Lambda sets.
	// Nothing of this process's own environment reaches the function otherwise.
	Env []string

	Timeout     time.Duration // of one invocation; default one minute
	InitTimeout time.Duration // from exec to the first next; default 10 s

	// Stderr receives what the function prints, standard output and standard
	// error alike, as a log group would. nil keeps the last lines only, for
	// error reports. Writes come from one goroutine at a time.
	Stderr io.Writer

	// Prepare, when set, is called with the command before every start of the
	// process; it may set fields of SysProcAttr, a cgroup for instance.
	Prepare func(*exec.Cmd)
}

func (o Options) withDefaults() (Options, error) {
	if o.Bootstrap == "" {
		return o, errors.New("runtimeapi: no bootstrap given")
	}
	path, err := filepath.Abs(o.Bootstrap)
	if err != nil {
		return o, fmt.Errorf("runtimeapi: %w", err)
	}
	o.Bootstrap = path
	if o.Dir == "" {
		o.Dir = filepath.Dir(path)
	} else if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return o, fmt.Errorf("runtimeapi: %w", err)
	}
	o.Name = orDefault(o.Name, "function")
	o.Version = orDefault(o.Version, "$LATEST")
	o.Handler = orDefault(o.Handler, "bootstrap")
	o.Region = orDefault(o.Region, "us-east-1")
	o.MemoryMB = orDefault(o.MemoryMB, defaultMemoryMB)
	o.Timeout = orDefault(o.Timeout, defaultTimeout)
	o.InitTimeout = orDefault(o.InitTimeout, defaultInitTimeout)
	if o.MemoryMB < 0 || o.Timeout < 0 || o.InitTimeout < 0 {
		return o, errors.New("runtimeapi: memory and time-outs must not be negative")
	}
	return o, nil
}

func orDefault[T comparable](v, d T) T {
	var zero T
	if v == zero {
		return d
	}
	return v
}

// arn is the name under which the function is told it was invoked.
func (o *Options) arn() string {
	return "arn:aws:lambda:" + o.Region + ":000000000000:function:" + o.Name
}

// A Function is one execution environment: a process that serves one
// invocation at a time and is started again, at the next invocation, after it
// crashed or was killed. Its methods are safe for concurrent use.
type Function struct {
	options Options
	ctx     context.Context
	cancel  context.CancelFunc
	turn    chan struct{} // holds one token while an invocation runs

	mu  sync.Mutex
	env *environment // the latest; nil only while Start runs
}

// Start starts the bootstrap and waits until it asks for its first event. When
// ctx ends, then or later, the process is killed with its children. A bootstrap
// that exits, reports an error or stays silent beyond InitTimeout makes an
// *InitError.
func Start(ctx context.Context, o Options) (*Function, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	f := &Function{options: o, turn: make(chan struct{}, 1)}
	f.ctx, f.cancel = context.WithCancel(ctx)
	if f.env, err = startEnvironment(f.ctx, f.ctx, &f.options); err != nil {
		f.cancel()
		return nil, err
	}
	return f, nil
}

// Init returns the time from exec to the first next of the latest process.
func (f *Function) Init() time.Duration { return f.latest().init }

// PeakMemory returns the largest resident set of the latest process so far, in
// bytes, or 0 where the system does not tell.
func (f *Function) PeakMemory() int64 { return f.latest().peakMemory() }

// PID returns the process id of the latest process, for callers that profile it.
func (f *Function) PID() int { return f.latest().cmd.Process.Pid }

// Output returns the end of what the latest process printed, up to 4 KB.
func (f *Function) Output() string { return f.latest().output.String() }

func (f *Function) latest() *environment {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.env
}

// Close kills the process with its children and waits for its end. An
// invocation in progress returns ErrClosed. Closing twice is allowed.
func (f *Function) Close() error {
	f.cancel()
	<-f.latest().exited
	return nil
}

// Invoke sends payload to the function and waits for its answer, for other
// invocations of the same Function too. What the function itself does wrong
// (an error it reports, a crash, a time-out, an answer beyond MaxPayload) is
// not an error of Invoke but a Result with FunctionError set. Errors are
// ErrTooLarge, ErrClosed, the context's error, and a bootstrap that can no
// longer be started. When ctx ends in mid-invocation the process is killed.
func (f *Function) Invoke(ctx context.Context, payload []byte) (Result, error) {
	if len(payload) > MaxPayload {
		return Result{}, fmt.Errorf("runtimeapi: %w: %d bytes, at most %d", ErrTooLarge, len(payload), MaxPayload)
	}
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-ctx.Done():
		return Result{}, ctx.Err()
	case <-f.ctx.Done():
		return Result{}, closedError()
	}

	inv := newInvocation(payload)
	env := f.latest()
	for restarted := false; ; restarted = true {
		result, served, err := env.invoke(ctx, inv)
		if f.ctx.Err() != nil {
			return Result{}, closedError()
		}
		if served || err != nil || restarted {
			return result, err
		}
		// The process was gone before it took the event: that is the crash of an
		// earlier invocation, not of this one.
		env, err = startEnvironment(ctx, f.ctx, &f.options)
		if initErr := (*InitError)(nil); errors.As(err, &initErr) {
			return initErr.result(inv.id, &f.options), nil
		}
		if err != nil {
			return Result{}, err
		}
		f.mu.Lock()
		f.env = env
		f.mu.Unlock()
	}
}

func closedError() error { return fmt.Errorf("runtimeapi: %w", ErrClosed) }
