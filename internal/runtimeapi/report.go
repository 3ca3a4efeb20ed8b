package runtimeapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Unhandled is the FunctionError of every failure of a function on an OS-only
// runtime, as X-Amz-Function-Error gives it.
const Unhandled = "Unhandled"

// Result is the outcome of an invocation that reached the function.
type Result struct {
	// Payload is what the function answered; with FunctionError set, a JSON
	// object with errorType and errorMessage.
	Payload []byte
	// FunctionError is "" or Unhandled.
	FunctionError string
	// Output is the end of what the function printed, up to 4 KB; it is filled
	// in only with FunctionError.
	Output string
	Report Report
}

// Duration is the time from the hand-over of the event to the last byte of the
// answer.
func (r *Result) Duration() time.Duration { return r.Report.Duration }

// Err describes the function's error in one line, or is nil.
func (r *Result) Err() error {
	if r.FunctionError == "" {
		return nil
	}
	var detail struct {
		Message string `json:"errorMessage"`
	}
	json.Unmarshal(r.Payload, &detail) // a payload of another form has no message
	message := detail.Message
	if message == "" {
		message = "no message"
	}
	return fmt.Errorf("%s: %s%s", r.Report.ErrorType, oneLine(message), lastLines(r.Output))
}

// Report is what Lambda's REPORT line says of an invocation, measured here.
type Report struct {
	RequestID string
	TraceID   string        // value of the X-Ray trace header
	Duration  time.Duration // from the hand-over of the event to the end of the answer
	Billed    time.Duration // Duration and Init in whole milliseconds, rounded up
	Init      time.Duration // exec to first next; zero but in the first report of a process
	MemoryMB  int           // configured
	MaxMemory int64         // peak resident set of the process so far, bytes; 0 when unknown
	Status    string        // "", "error" or "timeout"
	ErrorType string        // with Status
}

// String formats r as Lambda's log does.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %d ms\tMemory Size: %d MB\tMax Memory Used: %d MB",
		r.RequestID, milliseconds(r.Duration), r.Billed.Milliseconds(), r.MemoryMB, (r.MaxMemory+1<<20-1)>>20)
	if r.Init > 0 {
		fmt.Fprintf(&b, "\tInit Duration: %.2f ms", milliseconds(r.Init))
	}
	if r.Status != "" {
		fmt.Fprintf(&b, "\tStatus: %s", r.Status)
	}
	if r.Status == "error" {
		fmt.Fprintf(&b, "\tError Type: %s", r.ErrorType)
	}
	return b.String()
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// billed rounds up to whole milliseconds.
func billed(d time.Duration) time.Duration {
	return (d + time.Millisecond - 1) / time.Millisecond * time.Millisecond
}

// InitError says why a bootstrap did not get as far as asking for an event.
type InitError struct {
	Bootstrap string // path
	Type      string // as the runtime reported it, or Runtime.ExitError, Sandbox.Timedout
	Message   string
	Status    string // how the process ended, "exit status 3" for instance; "" when it was killed
	Output    string // the end of what it printed, up to 4 KB

	payload  []byte // of the runtime's own report, or nil
	duration time.Duration
}

func (e *InitError) Error() string {
	s := "runtimeapi: init of " + e.Bootstrap + " failed: " + e.Type + ": " + oneLine(e.Message)
	if e.Status != "" {
		s += " (" + e.Status + ")"
	}
	return s + lastLines(e.Output)
}

// result is what an invocation sees of an init that failed inside it.
func (e *InitError) result(requestID string, o *Options) Result {
	r := Result{
		FunctionError: Unhandled,
		Payload:       e.payload,
		Output:        e.Output,
		Report: Report{RequestID: requestID, Init: e.duration, Billed: billed(e.duration),
			MemoryMB: o.MemoryMB, Status: "error", ErrorType: e.Type},
	}
	if r.Payload == nil {
		r.Payload = errorPayload(e.Type, "RequestId: "+requestID+" Error: "+e.Message)
	}
	return r
}

// errorPayload is the JSON form of an error everywhere in Lambda.
func errorPayload(kind, message string) []byte {
	b, err := json.Marshal(struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}{kind, message})
	if err != nil {
		panic("runtimeapi: two strings do not marshal: " + err.Error())
	}
	return b
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// lastLines quotes the last three lines of output that are not empty.
func lastLines(output string) string {
	var lines []string
	for line := range strings.Lines(output) {
		if line = oneLine(line); line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return ""
	}
	return "; it printed last: " + strings.Join(lines[max(0, len(lines)-3):], " / ")
}
