// Package lean is a minimal client of the Lambda Runtime API: HTTP/1.1 written
// by hand over one socket, so that a function starts without net/http and most
// of what that links.
//
// Start and Run serve invocations with a Handler; FailInit reports that the
// function could not start. What the platform and a caller see (error payloads, deadline,
// trace id, the exit after a panic) is as with aws-lambda-go. One invocation is
// served at a time.
package lean

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

// Handler answers invocations. The payload is valid until Invoke returns; the
// answer must stay valid until the next call.
type Handler interface {
	Invoke(ctx context.Context, payload []byte) ([]byte, error)
}

// A Warmer is a Handler whose first answer takes longer than the later ones,
// because memory is touched for the first time. Warm does what can be done
// without an event. Run calls it once, while the answer to its first request is
// on its way and it would wait; an event that is there already waits for it.
type Warmer interface {
	Handler
	Warm()
}

// Paths of the Runtime API, version 2018-06-01.
const (
	nextPath      = "/2018-06-01/runtime/invocation/next"
	initErrorPath = "/2018-06-01/runtime/init/error"
	invocation    = "/2018-06-01/runtime/invocation/"
)

// TraceVariable is the environment variable in which tracing libraries look for
// the trace id of the invocation.
const TraceVariable = "_X_AMZN_TRACE_ID"

// Run serves invocations from the Runtime API at address (the value of
// AWS_LAMBDA_RUNTIME_API) until the API fails or the handler panics; the
// process should then exit. Errors of the handler are reported and written to
// logs, one line each. Run sets TraceVariable before each call of the handler.
func Run(ctx context.Context, address string, h Handler, logs io.Writer) error {
	return Start(ctx, address, func() (Handler, error) { return h, nil }, logs)
}

// Start is Run with the handler that init returns. It connects before it calls
// init, so that the API prepares for the first request in the mean time. An
// error of init is reported as FailInit does.
func Start(ctx context.Context, address string, init func() (Handler, error), logs io.Writer) error {
	c := client{address: address}
	defer c.close()
	// If this fails, the first request tries again and says what is wrong. The
	// connection waits like one that has been used, and may be closed like one.
	connected := make(chan bool)
	go func() { connected <- c.connect() == nil }()
	h, err := init()
	c.used = <-connected
	if err != nil {
		return c.failInit(err)
	}
	if w, ok := h.(Warmer); ok {
		c.waiting = func() {
			defer func() { _ = recover() }() // an event that panics too will say so
			w.Warm()
		}
	}
	for {
		r, err := c.do("GET", nextPath, "", nil)
		if err != nil {
			return fmt.Errorf("lean: next invocation: %w", err)
		}
		if r.status != 200 {
			return fmt.Errorf("lean: next invocation: status %d", r.status)
		}
		if r.requestID == "" {
			return fmt.Errorf("lean: next invocation: no request id")
		}
		if err := c.serve(ctx, h, &r, logs); err != nil {
			return fmt.Errorf("lean: invocation %s: %w", r.requestID, err)
		}
	}
}

// serve answers one invocation. An error means that the process should exit.
func (c *client) serve(ctx context.Context, h Handler, r *response, logs io.Writer) error {
	ms, err := strconv.ParseInt(r.deadline, 10, 64)
	if err != nil {
		return c.fail(r, failureOf(fmt.Errorf("deadline %q is no number", r.deadline)), logs)
	}
	deadline := &deadline{Context: ctx, at: time.UnixMilli(ms)}
	defer deadline.end()
	if err := os.Setenv(TraceVariable, r.traceID); err != nil {
		return c.fail(r, failureOf(fmt.Errorf("trace id: %w", err)), logs)
	}
	answer, failed := call(deadline, h, r.body)
	if failed == nil {
		return c.post(invocation+r.requestID+"/response", "Content-Type: application/octet-stream\r\n", answer)
	}
	if err := c.fail(r, failed, logs); err != nil {
		return err
	}
	if failed.panicked {
		return fmt.Errorf("the handler panicked: %s", failed.message)
	}
	return nil
}

// call is h.Invoke with a panic turned into a failure.
func call(ctx context.Context, h Handler, payload []byte) (answer []byte, failed *failure) {
	defer func() {
		if v := recover(); v != nil {
			failed = failureOfPanic(v)
		}
	}()
	answer, err := h.Invoke(ctx, payload)
	if err != nil {
		return nil, failureOf(err)
	}
	return answer, nil
}

// fail reports the invocation's failure.
func (c *client) fail(r *response, f *failure, logs io.Writer) error {
	payload := f.appendPayload(nil)
	_, _ = logs.Write(append(payload, '\n')) // there is nowhere left to report it
	headers := "Content-Type: application/json\r\n"
	if cause := f.appendXRay(nil); len(cause) < maxCause {
		headers += "Lambda-Runtime-Function-Xray-Error-Cause: " + string(cause) + "\r\n"
	}
	return c.post(invocation+r.requestID+"/error", headers, payload)
}

// FailInit reports to the Runtime API at address that the function could not
// start because of err. It returns err, with what went wrong with the report.
// The process should exit with a status other than 0 afterwards.
func FailInit(address string, err error) error {
	c := client{address: address}
	defer c.close()
	return c.failInit(err)
}

func (c *client) failInit(err error) error {
	headers := "Content-Type: application/json\r\nLambda-Runtime-Function-Error-Type: Runtime.InitError\r\n"
	if e := c.post(initErrorPath, headers, failureOf(err).appendPayload(nil)); e != nil {
		return fmt.Errorf("%w (and Lambda could not be told: lean: init error: %v)", err, e)
	}
	return err
}
