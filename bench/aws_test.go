package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"coldstream/internal/cli"
	"coldstream/internal/measure"
)

// fakeLambda is a function behind Lambda's HTTP interface.
type fakeLambda struct {
	mu       sync.Mutex
	env      map[string]string
	copied   bool
	cold     bool
	updates  int
	invoked  func(n int) // is told of every invocation
	invokes  int
	failFrom int // number of the first invocation that fails; 0 = none
}

func (f *fakeLambda) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	configuration := map[string]any{
		"FunctionName": "sentiment-bench", "FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:sentiment-bench", "Architectures": []string{"arm64"},
		"PackageType": "Zip", "Runtime": "provided.al2023", "MemorySize": 512, "Timeout": 60, "State": "Active", "LastUpdateStatus": "Successful",
		"RevisionId": "1", "Environment": map[string]any{"Variables": f.env},
	}
	switch path := r.URL.Path; {
	case strings.HasPrefix(path, "/2017-03-31/tags/"):
		json.NewEncoder(w).Encode(map[string]any{"Tags": map[string]string{"coldstream:bench-copy": fmt.Sprint(f.copied)}})
	case strings.HasSuffix(path, "/invocations"):
		f.invoke(w, body)
	case strings.HasSuffix(path, "/configuration") && r.Method == "PUT":
		var in struct {
			Environment struct{ Variables map[string]string }
		}
		json.Unmarshal(body, &in)
		f.env, f.cold = in.Environment.Variables, true
		f.updates++
		json.NewEncoder(w).Encode(configuration)
	case strings.HasSuffix(path, "/configuration"):
		json.NewEncoder(w).Encode(configuration)
	default:
		json.NewEncoder(w).Encode(map[string]any{"Configuration": configuration})
	}
}

func (f *fakeLambda) invoke(w http.ResponseWriter, body []byte) {
	f.invokes++
	if f.invoked != nil {
		f.invoked(f.invokes)
	}
	var in struct{ Records []struct{ RecordID string } }
	json.Unmarshal(body, &in)
	log := fmt.Sprintf("REPORT RequestId: r%d\tDuration: %d.00 ms\tBilled Duration: 50 ms\tMemory Size: 512 MB\tMax Memory Used: 20 MB\t", f.invokes, len(in.Records))
	if f.cold {
		log += "Init Duration: 45.50 ms\t"
	}
	f.cold = false
	w.Header().Set("X-Amzn-Requestid", fmt.Sprintf("r%d", f.invokes))
	w.Header().Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString([]byte(log)))
	if f.failFrom > 0 && f.invokes >= f.failFrom {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		io.WriteString(w, `{"errorMessage":"out of order"}`)
		return
	}
	io.WriteString(w, `{"records":[`+strings.TrimSuffix(strings.Repeat(`{"result":"Ok"},`, len(in.Records)), ",")+`]}`)
}

// serveLambda starts f and makes the SDK use it.
func serveLambda(t *testing.T, f *fakeLambda) {
	t.Helper()
	f.env = map[string]string{"SECRET": "hunter2-hunter2"}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_LAMBDA": server.URL, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true", "AWS_PROFILE": "",
	} {
		t.Setenv(name, value)
	}
}

func TestAWS(t *testing.T) {
	f := &fakeLambda{}
	serveLambda(t, f)
	dir := t.TempDir()
	targets, lines, text := filepath.Join(dir, "t.json"), filepath.Join(dir, "new", "r.jsonl"), filepath.Join(dir, "r.txt")
	if err := os.WriteFile(targets, []byte(`{"bench_targets":{"value":{"zip":{"function_name":"sentiment-bench","arch":"arm64","copy":true}}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	env := maps.Clone(f.env)
	out, err := bench(t.Context(), "aws", "--terraform", targets, "--rounds", "2", "--warm", "3", "--batch", "7", "-o", lines, "--go", text)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(f.env, env) || f.updates != 3 {
		t.Errorf("environment %v after %d updates", f.env, f.updates)
	}
	for _, want := range []string{"Init Duration", "Cold starts, first answer", "45.5 ms", "46.5 ms", "dollars for a million posts", "2026-11-22; public AWS price pages as known to the authors", lines} {
		if !strings.Contains(out, want) {
			t.Errorf("the output has no %q:\n%s", want, out)
		}
	}
	for _, path := range []string{lines, text} {
		if b := readFile(t, path); strings.Contains(b, "hunter2") || strings.Contains(b, dir) {
			t.Errorf("%s says too much:\n%s", path, b)
		}
		r := readRun(t, path)
		for name, n := range map[string]int{"Cold/variant=zip": 2, "Warm/variant=zip/records=1": 6, "Warm/variant=zip/records=7": 6} {
			if got := len(r.Values(name, measure.Billed)); got != n {
				t.Errorf("%s: %s has %d figures, expected %d", path, name, got, n)
			}
		}
		if len(r.Names()) != 4 {
			t.Errorf("%s: %q", path, r.Names())
		}
	}
	r := readRun(t, lines)
	if r.Platform != measure.AWS || !strings.Contains(strings.Join(r.Notes, "\n"), "client times") || r.Command != "go run ./bench aws --rounds=2 --warm=3 --batch=7" {
		t.Errorf("%+v", r)
	}
	if x := r.Values("Cold/variant=zip", measure.First); len(x) != 2 || x[0] != 46.5e6 {
		t.Errorf("init and first duration together: %v", x)
	}
}

func TestAWSRefuses(t *testing.T) {
	f := &fakeLambda{}
	serveLambda(t, f)
	dir := t.TempDir()
	empty, old := filepath.Join(dir, "empty.json"), filepath.Join(dir, "old.jsonl")
	far := filepath.Join(dir, "far.json")
	for path, text := range map[string]string{empty: "{}", old: "old results", far: northPrices} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for args, want := range map[string]string{
		"aws":                                                 "nothing to measure: name functions with --terraform, --tagged or --target (see bench aws --help)",
		"aws --target f":                                      `target "f" is not of the form NAME=FUNCTION (see bench aws --help)`,
		"aws --target zip=f --since 0s":                       "--since is 0s, want more than 0",
		"aws --log-group g --until soon":                      `--until is "soon", want a time such as`,
		"aws --terraform " + empty:                            empty + ": holds no target",
		"aws --terraform " + old:                              old + ": not a JSON object",
		"aws --terraform " + dir + "/none":                    "no such file",
		"aws --target zip=f --rounds 0":                       "0 rounds: want 1 to",
		"aws --target zip=f --memory 64":                      "memory of 64 MB",
		"aws --target zip=f --profile nobody":                 "nobody",
		"aws --target zip=f":                                  "target zip: function f is not marked as a bench copy",
		"aws --target zip=f --go " + old:                      old + " is also an input or another output",
		"aws --target zip=f --memory 128,many":                "invalid argument",
		"aws --target zip=f --batch -1":                       "--batch is -1, want 0 to 100000",
		"aws --target zip=f --batch 2000000000":               "--batch is 2000000000, want 0 to 100000",
		"aws --target zip=f --batch 30000":                    "an event of 30000 records has ",
		"aws --target zip=f --prices " + empty:                empty + ": prices",
		"aws --target zip=f --prices " + far:                  far + " has the prices of eu-north-1, and the functions are in us-east-1",
		"aws --target zip=f --go " + far + " --prices " + far: far + " is also an input or another output",
	} {
		out, err := bench(t.Context(), append(strings.Fields(args), "-o", old)...)
		if err == nil || !strings.HasPrefix(err.Error(), "bench aws: ") || !strings.Contains(err.Error(), want) || out != "" {
			t.Errorf("%s: got %v and %q, want %q", args, err, out, want)
		}
		if got := readFile(t, old); got != "old results" {
			t.Fatalf("%s: the old results became %q", args, got)
		}
	}
	if f.updates+f.invokes > 0 {
		t.Errorf("%d updates, %d invocations", f.updates, f.invokes)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	if _, err := bench(t.Context(), "aws", "--target", "zip=f", "-o", old); err == nil || !strings.HasPrefix(err.Error(), "bench aws: no AWS credentials; set AWS_PROFILE or") {
		t.Errorf("got %v", err)
	}
}

// northPrices are made up.
const northPrices = `{"region":"eu-north-1","date":"2026-11-01","source":"our contract","lambda_gb_second":{"arm64":1},"lambda_request":0,
	"logs_gb":0,"firehose_gb":0,"s3_put_request":0,"ecr_gb_month":0,"ebs_gb_month":0,"alb_hour":0,"lcu_hour":0}`

// TestAWSPrices: a region without built-in prices has a note in place of costs,
// and costs by a table of the user's own.
func TestAWSPrices(t *testing.T) {
	serveLambda(t, &fakeLambda{copied: true})
	dir := t.TempDir()
	lines, table := filepath.Join(dir, "r.jsonl"), filepath.Join(dir, "prices.json")
	if err := os.WriteFile(table, []byte(northPrices), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"aws", "--target", "zip=sentiment-bench", "--region", "eu-north-1", "--rounds", "1", "--batch", "0", "--buffer=false", "-o", lines}
	out, err := bench(t.Context(), args...)
	if err != nil || strings.Contains(out, "dollars") {
		t.Errorf("%v: %s", err, out)
	}
	if notes := strings.Join(readRun(t, lines).Notes, "\n"); !strings.Contains(notes, `no costs: no built-in prices of region "eu-north-1"`) || !strings.Contains(notes, "give a table of your own, with --prices") {
		t.Errorf("notes %q", notes)
	}
	out, err = bench(t.Context(), append(args, "--prices", table)...)
	// 50 ms of 0.5 GB at a dollar each.
	if err != nil || !strings.Contains(out, "eu-north-1 (2026-11-01; our contract)") || !strings.Contains(out, "25000.00000") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestAWSShowsWhyNothingWasMeasured and no empty report.
func TestAWSShowsWhyNothingWasMeasured(t *testing.T) {
	f := &fakeLambda{copied: true}
	serveLambda(t, f)
	ctx, cancel := context.WithCancelCause(t.Context())
	f.invoked = func(int) { cancel(cli.ErrInterrupted) }
	out, err := bench(ctx, "aws", "--target", "zip=sentiment-bench", "-o", filepath.Join(t.TempDir(), "r.jsonl"))
	if err == nil || cli.OneLine(err) != "bench aws: "+cli.ErrInterrupted.Error() || out != "" {
		t.Errorf("%v: %s", err, out)
	}
}

func TestAWSPolicy(t *testing.T) {
	out, err := bench(t.Context(), "aws", "--policy")
	if err != nil || !json.Valid([]byte(out)) || !strings.Contains(out, `"lambda:UpdateFunctionConfiguration"`) {
		t.Errorf("%v: %s", err, out)
	}
}

// TestAWSKeepsWhatCtrlCLeft: results and the functions' configuration.
func TestAWSKeepsWhatCtrlCLeft(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	f := &fakeLambda{copied: true, invoked: func(n int) {
		if n == 3 {
			cancel(cli.ErrInterrupted)
		}
	}}
	serveLambda(t, f)
	lines := filepath.Join(t.TempDir(), "r.jsonl")
	out, err := bench(ctx, "aws", "--target", "zip=sentiment-bench", "--buffer=false", "-o", lines)
	if !errors.Is(err, cli.ErrInterrupted) || !strings.Contains(out, "Init Duration") || !strings.Contains(out, "interrupted after 0 of 20 visits") {
		t.Errorf("%v: %s", err, out)
	}
	if len(f.env) != 1 {
		t.Errorf("environment %v", f.env)
	}
	if r := readRun(t, lines); len(r.Samples) != 2 || !strings.Contains(strings.Join(r.Notes, "\n"), "interrupted after 0 of 20 visits") {
		t.Errorf("%+v", r)
	}
}

func TestAWSFailsWithTheFunction(t *testing.T) {
	f := &fakeLambda{copied: true, failFrom: 2}
	serveLambda(t, f)
	lines := filepath.Join(t.TempDir(), "r.jsonl")
	out, err := bench(t.Context(), "aws", "--target", "zip=sentiment-bench", "--rounds", "1", "-o", lines)
	if err == nil || err.Error() != "bench aws: zip failed; see above" || !strings.Contains(out, "Unhandled: out of order") {
		t.Errorf("%v: %s", err, out)
	}
}
