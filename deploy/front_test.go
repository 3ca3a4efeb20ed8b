package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A front stands between the callers and Moto. What Moto does not implement it
// refuses at once: Moto answers with status 500, which SDKs repeat for minutes.
// The one such call that stacks need, it answers itself.
type front struct {
	mu      sync.Mutex
	missing map[string]int  // calls that were refused
	deleted map[string]bool // ids of saved queries
}

// newFront returns a front of the Moto at address, and its own address.
func newFront(t *testing.T, address string) (*front, string) {
	t.Helper()
	to, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	f := &front{missing: make(map[string]int), deleted: make(map[string]bool)}
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(to) },
		ModifyResponse: f.refuse,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Amz-Target") == "AmazonAthena.DeleteNamedQuery" {
			f.deleteNamedQuery(w, r)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return f, server.URL
}

// deleteNamedQuery notes that a saved query was deleted; Moto keeps it.
func (f *front) deleteNamedQuery(w http.ResponseWriter, r *http.Request) {
	var in struct{ NamedQueryId string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.NamedQueryId == "" {
		http.Error(w, `{"__type":"InvalidRequestException","message":"no NamedQueryId"}`, http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	f.deleted[in.NamedQueryId] = true
	f.mu.Unlock()
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	fmt.Fprint(w, "{}")
}

// refuse makes an answer that SDKs do not repeat of one of Moto's 500s.
func (f *front) refuse(res *http.Response) error {
	if res.StatusCode != http.StatusInternalServerError && res.StatusCode != http.StatusNotImplemented {
		return nil
	}
	call := res.Request.Header.Get("X-Amz-Target")
	if call == "" {
		call = res.Request.Method + " " + res.Request.URL.Path
	}
	f.mu.Lock()
	f.missing[call]++
	f.mu.Unlock()
	if err := res.Body.Close(); err != nil {
		return err
	}
	body := fmt.Appendf(nil, `{"__type":"NotImplementedByMoto","message":"Moto fails at %s"}`, strings.ReplaceAll(call, `"`, "'"))
	res.StatusCode, res.Status = http.StatusBadRequest, ""
	res.Header = http.Header{"Content-Type": {"application/x-amz-json-1.1"}}
	res.ContentLength = int64(len(body))
	res.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// stubs are the services that Moto only keeps definitions of, and what the tests
// check instead.
var stubs = [][2]string{
	{"Firehose: buffers, calls, compresses and names nothing", "its description is read back and configures internal/firehose, which delivers posts into the created bucket"},
	{"Lambda: starts nothing, and its code cannot be downloaded", "the zip with the function's CodeSha256 is started with the function's environment by internal/runtimeapi"},
	{"S3: ignores conditions of bucket policies, so that denying plain HTTP denies every object", "the policy is read back; it is taken away while objects are written and read"},
	{"Athena: runs no SQL", "the saved queries are read back and run by DuckDB on the delivered objects, with the columns and partitions of the Glue table"},
	{"Athena: cannot delete a saved query", "that each was deleted is noted in front of Moto"},
	{"ECS: starts no task", "the task is read back; the command of its container is run as a process, with a folder as the spool"},
	{"ECR, EC2, load balancers: no images, no instances, no traffic", "definitions are read back, and no second plan has a change"},
	{"IAM: allows everything", "all statements of all roles are listed, and none may be wider than a list with reasons"},
	{"KMS: keys can be used by everybody", "which key encrypts what is read back"},
	{"CloudWatch, SNS, EventBridge Scheduler: nothing is sent or started", "what the stack defines is applied, planned again and destroyed"},
	{"Redshift Serverless: unknown", "it is planned, and its statements run in DuckDB"},
}

// report prints what Moto did not do, and what was checked in its place.
func (f *front) report(t *testing.T) {
	for _, s := range stubs {
		t.Logf("MOTO: %s. Checked instead: %s.", s[0], s[1])
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := make([]string, 0, len(f.missing))
	for call, n := range f.missing {
		calls = append(calls, fmt.Sprintf("%s (%d)", call, n))
	}
	slices.Sort(calls)
	t.Logf("MOTO: calls that it failed at: %v; saved queries deleted in front of it: %d", calls, len(f.deleted))
}
