package runtimeapi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// apiPrefix is where the Runtime API lives.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
const apiPrefix = "/2018-06-01/runtime/"

// Header names as net/http canonicalises them, so that they can be used as map
// keys directly.
const (
	headerRequestID = "Lambda-Runtime-Aws-Request-Id"
	headerDeadline  = "Lambda-Runtime-Deadline-Ms"
	headerARN       = "Lambda-Runtime-Invoked-Function-Arn"
	headerTraceID   = "Lambda-Runtime-Trace-Id"
	headerErrorType = "Lambda-Runtime-Function-Error-Type"
	headerErrorBody = "Lambda-Runtime-Function-Error-Body"
)

// Error types that Lambda itself gives.
const (
	errorExit           = "Runtime.ExitError"
	errorSandboxTimeout = "Sandbox.Timedout"
	errorTooLarge       = "Function.ResponseSizeTooLarge"
	errorUnknown        = "Runtime.UnknownReason"
)

// drainLimit bounds what is read and thrown away of an oversized body, so that
// the client gets to read the refusal instead of a broken connection.
const drainLimit = 64 << 20

// initErrorGrace is how long a runtime that reported a failed init may take to
// print its last words and exit.
const initErrorGrace = 300 * time.Millisecond

// invocation is one event on its way through a runtime.
type invocation struct {
	id, trace string
	payload   []byte
	deadline  time.Time
	handed    time.Time // guarded by environment.mu
	answer    chan answer
}

func newInvocation(payload []byte) *invocation {
	return &invocation{id: randomUUID(), trace: newTraceID(), payload: payload, answer: make(chan answer, 1)}
}

// answer is what a runtime posted: a response, or an error when errorType is
// set.
type answer struct {
	payload   []byte
	errorType string
	at        time.Time // when its last byte had arrived
}

func (e *environment) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	path, ok := strings.CutPrefix(r.URL.Path, apiPrefix)
	if !ok {
		refuse(w, http.StatusNotFound, "NotFound", "no such resource: "+r.URL.Path)
		return
	}
	if path == "invocation/next" {
		if r.Method != http.MethodGet {
			refuse(w, http.StatusMethodNotAllowed, "MethodNotAllowed", "next is fetched with GET")
			return
		}
		e.serveNext(w, r, now)
		return
	}
	if r.Method != http.MethodPost {
		refuse(w, http.StatusMethodNotAllowed, "MethodNotAllowed", path+" takes POST")
		return
	}
	if path == "init/error" {
		e.serveInitError(w, r)
		return
	}
	path, ok = strings.CutPrefix(path, "invocation/")
	id, verb, found := strings.Cut(path, "/")
	if !ok || !found || (verb != "response" && verb != "error") {
		refuse(w, http.StatusNotFound, "NotFound", "no such resource: "+r.URL.Path)
		return
	}
	e.serveAnswer(w, r, id, verb == "error")
}

// serveNext blocks until there is an event for the runtime.
func (e *environment) serveNext(w http.ResponseWriter, r *http.Request, now time.Time) {
	e.mu.Lock()
	if e.current != nil {
		e.mu.Unlock()
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "the invocation in progress is not answered yet")
		return
	}
	select {
	case <-e.ready:
	default:
		e.init = now.Sub(e.started)
		close(e.ready)
	}
	e.mu.Unlock()

	var inv *invocation
	select {
	case inv = <-e.next:
	case <-r.Context().Done():
		return
	case <-e.exited:
		return
	}
	h := w.Header()
	h[headerRequestID] = []string{inv.id}
	h[headerDeadline] = []string{strconv.FormatInt(inv.deadline.UnixMilli(), 10)}
	h[headerARN] = []string{e.options.arn()}
	h[headerTraceID] = []string{inv.trace}
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(inv.payload))}
	e.mu.Lock()
	e.current = inv
	inv.handed = time.Now()
	e.mu.Unlock()
	w.Write(inv.payload) // a broken connection shows as an exit or a time-out
}

// serveAnswer takes the response, or the error, of the invocation in progress.
func (e *environment) serveAnswer(w http.ResponseWriter, r *http.Request, id string, isError bool) {
	e.mu.Lock()
	inv, hint := e.current, e.sizeHint
	e.mu.Unlock()
	if inv == nil || inv.id != id {
		io.CopyN(io.Discard, r.Body, drainLimit)
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "no invocation in progress has the request id "+id)
		return
	}
	body, fits, err := readBody(r, hint)
	at := time.Now()
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequest", "the body broke off")
		return
	}
	a := answer{payload: body, at: at}
	switch {
	case !fits:
		a.errorType = errorTooLarge
		a.payload = errorPayload(errorTooLarge, fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", MaxPayload))
	case isError:
		a.errorType, a.payload = reportedError(r.Header.Get(headerErrorType), body)
	case r.Trailer.Get(headerErrorType) != "":
		// The runtime found the error while it was sending the response.
		detail, _ := base64.StdEncoding.DecodeString(r.Trailer.Get(headerErrorBody))
		a.errorType, a.payload = reportedError(r.Trailer.Get(headerErrorType), detail)
	}

	e.mu.Lock()
	taken := e.current == inv
	if taken {
		e.current, e.sizeHint = nil, len(body)
	}
	e.mu.Unlock()
	if !taken {
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "the invocation "+id+" is answered already")
		return
	}
	inv.answer <- a
	if !fits {
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", MaxPayload))
		return
	}
	accept(w)
}

// serveInitError keeps what the runtime says of its failed init; the process
// ends by itself or by the init time-out.
func (e *environment) serveInitError(w http.ResponseWriter, r *http.Request) {
	body, _, err := readBody(r, 0)
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequest", "the body broke off")
		return
	}
	select {
	case <-e.ready:
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "init is over")
		return
	default:
	}
	kind, payload := reportedError(r.Header.Get(headerErrorType), body)
	var detail struct {
		Message string `json:"errorMessage"`
	}
	json.Unmarshal(payload, &detail) // reportedError made it JSON
	e.mu.Lock()
	e.initErr = &InitError{Type: kind, Message: detail.Message, payload: payload}
	e.mu.Unlock()
	accept(w)
	// Nothing more can come of this process. Most runtimes exit now by themselves.
	time.AfterFunc(initErrorGrace, e.kill)
}

// reportedError is the type and the payload of an error that a runtime
// reported with the given header and body.
func reportedError(header string, body []byte) (kind string, payload []byte) {
	var detail struct {
		Type string `json:"errorType"`
	}
	if json.Unmarshal(body, &detail) != nil {
		kind = orDefault(header, errorUnknown)
		return kind, errorPayload(kind, string(bytes.ToValidUTF8(body, []byte("\uFFFD"))))
	}
	return orDefault(detail.Type, orDefault(header, errorUnknown)), body
}

// readBody reads at most MaxPayload bytes; fits is false when there was more.
func readBody(r *http.Request, hint int) (body []byte, fits bool, err error) {
	if n := r.ContentLength; n >= 0 && n <= MaxPayload {
		body = make([]byte, n)
		_, err = io.ReadFull(r.Body, body)
		return body, true, err
	}
	if r.ContentLength < 0 {
		// One byte more than last time lets the buffer see the end of an answer
		// of the same size without growing.
		buf := bytes.NewBuffer(make([]byte, 0, hint+bytes.MinRead))
		if _, err = buf.ReadFrom(io.LimitReader(r.Body, MaxPayload+1)); err != nil {
			return nil, true, err
		}
		if buf.Len() <= MaxPayload {
			return buf.Bytes(), true, nil
		}
	}
	io.CopyN(io.Discard, r.Body, drainLimit)
	return nil, false, nil
}

func accept(w http.ResponseWriter) {
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	w.WriteHeader(http.StatusAccepted)
	io.WriteString(w, `{"status":"OK"}`+"\n")
}

func refuse(w http.ResponseWriter, status int, kind, message string) {
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	w.WriteHeader(status)
	w.Write(errorPayload(kind, message))
}
