package benchaws

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// logReport is what Lambda says about one invocation in its log. Times are in the
// log's resolution, hundredths of a millisecond.
type logReport struct {
	requestID     string
	duration      time.Duration // of the handler
	billed        time.Duration
	init          time.Duration // 0 = the environment was there before
	restore       time.Duration // of a SnapStart snapshot, in place of init
	billedRestore time.Duration
	memory        int64 // configured, bytes
	maxMemory     int64 // bytes
	status        string
	errorType     string

	// An init that took longer than Lambda allows (10 s) is broken off and begun
	// again inside the invocation: its time stands in a line of its own, and
	// duration holds the second attempt.
	brokenInit time.Duration

	// From the function's own line; remote 0 = none.
	remote, score time.Duration
	requests      int // to the endpoint
}

// started reports whether the invocation started an environment.
func (r *logReport) started() bool { return r.init > 0 || r.restore > 0 || r.brokenInit > 0 }

// start is the time before the handler: init, or what stands for it.
func (r *logReport) start() time.Duration { return r.init + r.restore + r.brokenInit }

// failed reports whether Lambda itself calls the invocation failed.
func (r *logReport) failed() bool { return r.status != "" && r.status != "success" }

// parseLog returns the report about an invocation, nil if the log has none: the
// end of a log may hold those of others, and begin in the middle of a line. An
// empty id takes the last report there is.
func parseLog(log []byte, requestID string) *logReport {
	p := logParser{requestID: requestID}
	p.read(log)
	return p.found
}

// logParser looks for the report about an invocation in the log of one
// environment, part by part.
type logParser struct {
	requestID string
	seen      logReport // what came before the next report line
	found     *logReport
}

// read reads whole lines.
func (p *logParser) read(log []byte) {
	for line := range bytes.Lines(log) {
		line = bytes.TrimSpace(line)
		switch {
		case bytes.HasPrefix(line, []byte("REPORT RequestId: ")):
			p.seen.readText(string(line[len("REPORT "):]))
			p.reported(p.seen.requestID)
		case bytes.HasPrefix(line, []byte("INIT_REPORT ")):
			p.seen.readBrokenInit(string(line[len("INIT_REPORT "):]))
		case bytes.HasPrefix(line, []byte("{")):
			if id, ok := p.seen.readJSON(line); ok {
				p.reported(id)
			}
		}
	}
}

// reported ends an invocation.
func (p *logParser) reported(id string) {
	if id == p.requestID || p.requestID == "" {
		r := p.seen
		p.found = &r
	}
	p.seen = logReport{}
}

// fields returns the "Name: value" pairs of a line, which tabs separate.
func fields(line string) map[string]string {
	all := map[string]string{}
	for f := range strings.SplitSeq(line, "\t") {
		if name, value, ok := strings.Cut(strings.TrimSpace(f), ": "); ok {
			all[name] = strings.TrimSpace(value)
		}
	}
	return all
}

// readText reads a report in text format, behind its first word.
func (r *logReport) readText(line string) {
	f := fields(line)
	r.requestID = f["RequestId"]
	r.duration = duration(f["Duration"])
	r.billed = duration(f["Billed Duration"])
	r.init = duration(f["Init Duration"])
	r.restore = duration(f["Restore Duration"])
	r.billedRestore = duration(f["Billed Restore Duration"])
	r.memory = size(f["Memory Size"])
	r.maxMemory = size(f["Max Memory Used"])
	r.status = f["Status"]
	r.errorType = f["Error Type"]
}

func (r *logReport) readBrokenInit(line string) {
	if f := fields(line); f["Phase"] == "init" && f["Status"] == "timeout" {
		r.brokenInit = duration(f["Init Duration"])
	}
}

// logLine is what is of interest in a log's JSON line: of Lambda's own
// ("platform.report", "platform.initReport"), or of our function's.
type logLine struct {
	Type   string `json:"type"`
	Record struct {
		RequestID string `json:"requestId"`
		Phase     string `json:"phase"`
		Status    string `json:"status"`
		ErrorType string `json:"errorType"`
		Metrics   struct {
			Duration      float64 `json:"durationMs"`
			Billed        float64 `json:"billedDurationMs"`
			Init          float64 `json:"initDurationMs"`
			Restore       float64 `json:"restoreDurationMs"`
			BilledRestore float64 `json:"billedRestoreDurationMs"`
			Memory        float64 `json:"memorySizeMB"`
			MaxMemory     float64 `json:"maxMemoryUsedMB"`
		} `json:"metrics"`
	} `json:"record"`

	Endpoint      float64 `json:"endpoint_ms"`
	EndpointScore float64 `json:"endpoint_score_ms"`
	Requests      float64 `json:"endpoint_requests"`
}

// readJSON reads a line in JSON format; ok reports whether it was a report, of
// the invocation id.
func (r *logReport) readJSON(line []byte) (id string, ok bool) {
	var l logLine
	if json.Unmarshal(line, &l) != nil {
		return "", false
	}
	m := &l.Record.Metrics
	switch l.Type {
	case "platform.report":
		r.requestID = l.Record.RequestID
		r.duration, r.billed, r.init = milliseconds(m.Duration), milliseconds(m.Billed), milliseconds(m.Init)
		r.restore, r.billedRestore = milliseconds(m.Restore), milliseconds(m.BilledRestore)
		r.memory, r.maxMemory = mebibytes(m.Memory), mebibytes(m.MaxMemory)
		r.status, r.errorType = l.Record.Status, l.Record.ErrorType
		return r.requestID, true
	case "platform.initReport":
		if l.Record.Phase == "init" && l.Record.Status == "timeout" {
			r.brokenInit = milliseconds(m.Duration)
		}
	default:
		if l.Endpoint > 0 {
			r.remote, r.score = milliseconds(l.Endpoint), milliseconds(l.EndpointScore)
			r.requests = int(min(max(l.Requests, 0), math.MaxInt32))
		}
	}
	return "", false
}

// duration reads "12.34 ms"; what is no time is 0.
func duration(s string) time.Duration {
	number, unit, _ := strings.Cut(s, " ")
	x, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0
	}
	switch unit {
	case "ms":
		return milliseconds(x)
	case "s":
		return milliseconds(x * 1e3)
	}
	return 0
}

// milliseconds returns x ms; what no invocation can take is 0.
func milliseconds(x float64) time.Duration {
	if !(x >= 0 && x <= float64(maxDuration/time.Millisecond)) {
		return 0
	}
	return time.Duration(math.Round(x * float64(time.Millisecond)))
}

// size reads "128 MB", by which Lambda means mebibytes; what is no size is 0.
func size(s string) int64 {
	number, unit, _ := strings.Cut(s, " ")
	x, err := strconv.ParseFloat(number, 64)
	if err != nil || unit != "MB" {
		return 0
	}
	return mebibytes(x)
}

func mebibytes(x float64) int64 {
	if !(x >= 0 && x <= 1<<20) {
		return 0
	}
	return int64(math.Round(x * (1 << 20)))
}
