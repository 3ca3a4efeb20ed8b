package benchaws

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// fake answers as the HTTP interfaces of Lambda, CloudWatch Logs and the tagging
// service do.
type fake struct {
	t  *testing.T
	mu sync.Mutex

	functions map[string]*fakeFunction
	tagged    []string // functions that GetResources lists, one on a page
	logs      []fakeEvent
	logsAfter int // requests of FilterLogEvents that do not see them yet
	query     func(text string) string
	polls     int // of GetQueryResults before a query has ended

	// fault, if it says an error code, is the answer to the nth call of an
	// operation.
	fault func(op string, n int) (status int, code, message string)
	calls map[string]int

	of      string // function of the request, for fault
	invoked int    // records of the event, for answer
}

// fakeFunction is a deployed function.
type fakeFunction struct {
	name, arch, pack, format string
	env                      map[string]string
	envError                 string
	memory, timeout          int
	tags                     map[string]string
	system                   string // level
	state                    string

	revision, pending int  // polls until the last update is in effect
	slow              int  // polls that updates take
	failUpdates       bool // the updates do not come into effect
	cold              bool
	colds, invokes    int
	streams           int                 // of its log: one for each environment
	proactive         func(cold int) bool // the platform started the environment ahead
	answer            func(n int, id string, cold bool) fakeAnswer
}

// fakeAnswer is what an invocation leads to.
type fakeAnswer struct {
	log, payload, functionError string
	logOnly                     string // in the log group, not in the tail
}

// fakeEvent is an event of a log, of one line.
type fakeEvent struct{ stream, message string }

// newFake starts a fake with functions, and a client of it that does not wait
// long for anything.
func newFake(t *testing.T, functions ...*fakeFunction) (*fake, *Client) {
	t.Helper()
	f := &fake{t: t, functions: map[string]*fakeFunction{}, calls: map[string]int{}}
	for _, fn := range functions {
		f.functions[fn.name] = fn
	}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return f, newTestClient(t, server.URL)
}

func newTestClient(t *testing.T, address string) *Client {
	t.Helper()
	c, err := New(t.Context(), aws.Config{
		Region: "us-east-1", BaseEndpoint: &address, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff, o.MaxAttempts = time.Millisecond, 4 })
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.pace = pace{poll: time.Microsecond, slowest: time.Millisecond, update: time.Minute, busy: time.Minute, logs: time.Minute, query: time.Minute}
	return c
}

// zip is a function that is a marked copy and answers well.
func zip(name string) *fakeFunction {
	return &fakeFunction{
		name: name, arch: "arm64", pack: "Zip", format: "Text", memory: 512, timeout: 60, state: "Active",
		env: map[string]string{"MODEL": "model.safetensors", "SECRET": "hunter2-hunter2"}, tags: map[string]string{TagCopy: "true"},
	}
}

const account = "arn:aws:lambda:us-east-1:123456789012:function:"

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	op, rest := r.Header.Get("X-Amz-Target"), ""
	if op == "" {
		op, rest = operation(r)
	} else {
		_, op, _ = strings.Cut(op, ".")
	}
	f.calls[op]++
	name, _ := url.PathUnescape(rest)
	name = strings.TrimPrefix(name, account)
	if i := strings.IndexByte(name, ':'); i >= 0 {
		name = name[:i]
	}
	f.of = name
	if f.fault != nil {
		if status, code, message := f.fault(op, f.calls[op]); code != "" {
			refuse(w, status, code, message)
			return
		}
	}
	if r.Header.Get("X-Amz-Target") != "" {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		f.service(w, op, body)
		return
	}
	fn := f.functions[name]
	if fn == nil {
		refuse(w, 404, "ResourceNotFoundException", "Function not found: "+account+name)
		return
	}
	switch op {
	case "GetFunctionConfiguration":
		fn.settle()
		reply(w, fn.configuration())
	case "GetFunction":
		fn.settle()
		reply(w, map[string]any{"Configuration": fn.configuration()})
	case "ListTags":
		reply(w, map[string]any{"Tags": fn.tags})
	case "UpdateFunctionConfiguration":
		f.update(w, fn, body)
	case "Invoke":
		f.invoke(w, fn, body)
	default:
		f.t.Errorf("unexpected request %s %s", r.Method, r.URL)
	}
}

// operation returns what a request to Lambda asks for, and of which function.
func operation(r *http.Request) (op, function string) {
	path := r.URL.EscapedPath()
	if rest, ok := strings.CutPrefix(path, "/2017-03-31/tags/"); ok {
		return "ListTags", rest
	}
	parts := strings.Split(strings.TrimPrefix(path, "/2015-03-31/functions/"), "/")
	switch {
	case len(parts) == 1:
		return "GetFunction", parts[0]
	case parts[1] == "configuration" && r.Method == "GET":
		return "GetFunctionConfiguration", parts[0]
	case parts[1] == "configuration":
		return "UpdateFunctionConfiguration", parts[0]
	}
	return "Invoke", parts[0]
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("X-Amzn-Errortype", code)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"__type": code, "Message": message, "message": message})
}

func reply(w http.ResponseWriter, v any) { json.NewEncoder(w).Encode(v) }

func (fn *fakeFunction) configuration() map[string]any {
	c := map[string]any{
		"FunctionName": fn.name, "FunctionArn": account + fn.name, "Architectures": []string{strings.ReplaceAll(fn.arch, "amd64", "x86_64")},
		"PackageType": fn.pack, "MemorySize": fn.memory, "Timeout": fn.timeout, "State": fn.state, "CodeSize": 0,
		"RevisionId": fmt.Sprint(fn.revision), "LastUpdateStatus": fn.status(), "LoggingConfig": map[string]string{"LogFormat": fn.format, "LogGroup": "/bench/" + fn.name},
	}
	if fn.system != "" {
		c["LoggingConfig"].(map[string]string)["SystemLogLevel"] = fn.system
	}
	if fn.pack == "Zip" {
		c["Runtime"], c["CodeSize"] = "provided.al2023", 4_600_000
	}
	if fn.env != nil {
		c["Environment"] = map[string]any{"Variables": fn.env}
	}
	if fn.envError != "" {
		c["Environment"] = map[string]any{"Error": map[string]string{"ErrorCode": fn.envError, "Message": "no"}}
	}
	if fn.failUpdates && fn.revision > 0 {
		c["LastUpdateStatusReasonCode"], c["LastUpdateStatusReason"] = "ImageDeleted", "gone"
	}
	return c
}

func (fn *fakeFunction) status() string {
	switch {
	case fn.pending > 0:
		return "InProgress"
	case fn.failUpdates && fn.revision > 0:
		return "Failed"
	}
	return "Successful"
}

// settle lets a look pass: updates come into effect after some of them.
func (fn *fakeFunction) settle() {
	if fn.pending > 0 {
		fn.pending--
	}
}

func (f *fake) update(w http.ResponseWriter, fn *fakeFunction, body []byte) {
	var in struct {
		RevisionID  string `json:"RevisionId"`
		MemorySize  *int
		Environment *struct{ Variables map[string]string }
		Timeout     *int
		Role        *string
	}
	if err := json.Unmarshal(body, &in); err != nil {
		f.t.Error(err)
	}
	switch {
	case fn.pending > 0:
		refuse(w, 409, "ResourceConflictException", "The operation cannot be performed at this time. An update is in progress.")
		return
	case in.RevisionID != fmt.Sprint(fn.revision):
		refuse(w, 412, "PreconditionFailedException", "The RevisionId provided does not match the latest RevisionId.")
		return
	case in.Timeout != nil || in.Role != nil || in.Environment == nil:
		f.t.Errorf("update of %s: %s", fn.name, body)
	}
	if in.MemorySize != nil {
		fn.memory = *in.MemorySize
	}
	fn.env = maps.Clone(in.Environment.Variables)
	if len(fn.env) == 0 {
		fn.env = nil // as Lambda shows it
	}
	fn.revision++
	fn.pending, fn.cold = fn.slow, true
	reply(w, fn.configuration())
}

func (f *fake) invoke(w http.ResponseWriter, fn *fakeFunction, body []byte) {
	fn.invokes++
	cold := fn.cold
	if cold {
		fn.colds++
		cold = fn.proactive == nil || !fn.proactive(fn.colds)
		fn.cold = false
	}
	id := fmt.Sprintf("00000000-0000-4000-8000-%012d", fn.invokes)
	if fn.answer == nil {
		fn.answer = func(n int, id string, cold bool) fakeAnswer { return fakeAnswer{log: textReport(n, id, cold)} }
	}
	f.invoked = bytes.Count(body, []byte("recordId"))
	a := fn.answer(fn.invokes, id, cold)
	if a.logOnly != "" {
		if cold {
			fn.streams++
		}
		for line := range strings.Lines(a.logOnly) {
			f.logs = append(f.logs, fakeEvent{fmt.Sprint(fn.name, fn.streams), line})
		}
	}
	if a.payload == "" {
		a.payload = scored(body)
	}
	w.Header().Set("X-Amzn-Requestid", id)
	if a.functionError != "" {
		w.Header().Set("X-Amz-Function-Error", a.functionError)
	}
	w.Header().Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString([]byte(a.log[max(0, len(a.log)-4096):])))
	io.WriteString(w, a.payload)
}

// scored answers a Firehose event.
func scored(event []byte) string {
	var in struct {
		Records []struct{ RecordID string }
	}
	if json.Unmarshal(event, &in) != nil {
		return `{}`
	}
	var parts []string
	for _, r := range in.Records {
		parts = append(parts, fmt.Sprintf(`{"recordId":%q,"result":"Ok","data":"e30="}`, r.RecordID))
	}
	return `{"records":[` + strings.Join(parts, ",") + `]}`
}

// textReport is the log of invocation n.
func textReport(n int, id string, cold bool) string {
	init := ""
	if cold {
		init = fmt.Sprintf("Init Duration: %d.25 ms\t", 40+n)
	}
	return fmt.Sprintf("START RequestId: %s Version: $LATEST\nEND RequestId: %s\nREPORT RequestId: %s\tDuration: %d.50 ms\tBilled Duration: %d ms\tMemory Size: 512 MB\tMax Memory Used: 23 MB\t%s\n", id, id, id, n, n+1, init)
}

// jsonReport is the same in JSON.
func jsonReport(n int, id string, cold bool) string {
	init := ""
	if cold {
		init = fmt.Sprintf(`,"initDurationMs":%d.25`, 40+n)
	}
	return fmt.Sprintf(`{"time":"2026-11-22T12:00:00.000Z","type":"platform.start","record":{"requestId":"%s","version":"$LATEST"}}
{"time":"2026-11-22T12:00:00.100Z","type":"platform.report","record":{"requestId":"%s","metrics":{"durationMs":%d.5,"billedDurationMs":%d,"memorySizeMB":512,"maxMemoryUsedMB":23%s},"status":"success"}}
`, id, id, n, n+1, init)
}

// service answers the services that are addressed by X-Amz-Target.
func (f *fake) service(w http.ResponseWriter, op string, body []byte) {
	var in struct {
		FilterPattern, QueryString, PaginationToken, NextToken string
		LogStreamNames                                         []string
	}
	if err := json.Unmarshal(body, &in); err != nil {
		f.t.Errorf("%s: %v", op, err)
	}
	switch op {
	case "GetResources":
		page := len(in.PaginationToken)
		out := map[string]any{"ResourceTagMappingList": []any{}, "PaginationToken": ""}
		if page < len(f.tagged) {
			fn := f.functions[f.tagged[page]]
			var tags []map[string]string
			for k, v := range fn.tags {
				tags = append(tags, map[string]string{"Key": k, "Value": v})
			}
			out["ResourceTagMappingList"] = []any{map[string]any{"ResourceARN": account + fn.name, "Tags": tags}}
			if page+1 < len(f.tagged) {
				out["PaginationToken"] = strings.Repeat("x", page+1)
			}
		}
		reply(w, out)
	case "FilterLogEvents":
		// Pages without events are usual, and events come late.
		if in.NextToken == "" {
			reply(w, map[string]any{"events": []any{}, "nextToken": "more"})
			return
		}
		events := []any{}
		for _, e := range f.logs {
			inStream := len(in.LogStreamNames) == 0 || slices.Contains(in.LogStreamNames, e.stream)
			if f.calls[op] > f.logsAfter && inStream && strings.Contains(e.message, strings.Trim(in.FilterPattern, `"`)) {
				events = append(events, map[string]any{"message": e.message, "logStreamName": e.stream})
			}
		}
		reply(w, map[string]any{"events": events})
	case "StartQuery":
		reply(w, map[string]string{"queryId": in.QueryString})
	case "GetQueryResults":
		var id struct{ QueryID string }
		json.Unmarshal(body, &id)
		if f.polls > 0 {
			f.polls--
			reply(w, map[string]any{"status": "Running", "results": []any{}})
			return
		}
		io.WriteString(w, f.query(id.QueryID))
	case "StopQuery":
		reply(w, map[string]bool{"success": true})
	default:
		f.t.Errorf("unexpected operation %s", op)
	}
}
