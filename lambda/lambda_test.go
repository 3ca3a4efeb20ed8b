package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"coldstream/internal/bundle"
	"coldstream/internal/function"
	"coldstream/internal/runtimeapi"
	"coldstream/weights/pretrained"
)

// unpacked makes the zip for this machine and unpacks it, as Lambda would.
func unpacked(t *testing.T, kind string) (dir string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the function's program runs on Linux only")
	}
	model, err := pretrained.Default()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := bundle.Zip(t.Context(), &b, bundle.Target{Arch: runtime.GOARCH, Runtime: kind}, model, bundle.FromSource(".")); err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	if err := bundle.Unzip(b.Bytes(), dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// each runs test with the packaged function on both runtimes.
func each(t *testing.T, test func(t *testing.T, dir string)) {
	for _, kind := range bundle.Runtimes {
		t.Run("runtime="+kind, func(t *testing.T) { test(t, unpacked(t, kind)) })
	}
}

// start runs the function in dir.
func start(t *testing.T, dir string) (*runtimeapi.Function, error) {
	t.Helper()
	f, err := runtimeapi.Start(t.Context(), runtimeapi.Options{Bootstrap: filepath.Join(dir, "bootstrap")})
	if err == nil {
		t.Cleanup(func() {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return f, err
}

func invoke(t *testing.T, f *runtimeapi.Function, event string) runtimeapi.Result {
	t.Helper()
	r, err := f.Invoke(t.Context(), []byte(event))
	if err != nil {
		t.Fatalf("%.80s: %v", event, err)
	}
	return r
}

func TestThePackagedFunctionAnswers(t *testing.T) {
	each(t, func(t *testing.T, dir string) {
		f, err := start(t, dir)
		if err != nil {
			t.Fatal(err)
		}
		// Direct, and what the other forms must agree with.
		r := invoke(t, f, `{"text":"what a great evening, I love it"}`)
		var one struct {
			Message, Sentiment, Model string
			Probabilities             map[string]float64
		}
		if err := json.Unmarshal(r.Payload, &one); err != nil || r.FunctionError != "" {
			t.Fatalf("direct: %s %s %v", r.Payload, r.FunctionError, err)
		}
		if one.Sentiment != "Positive" || one.Message != "what a great evening, I love it" || len(one.Probabilities) != 3 || one.Model == "" {
			t.Errorf("direct: %s", r.Payload)
		}
		// A function URL.
		h := invoke(t, f, `{"version":"2.0","rawPath":"/predict","requestContext":{"http":{"method":"POST","path":"/predict"}},"body":"{\"text\":\"what a great evening, I love it\"}"}`)
		var answer struct {
			StatusCode int
			Body       string
		}
		if err := json.Unmarshal(h.Payload, &answer); err != nil || answer.StatusCode != 200 || answer.Body != string(r.Payload) {
			t.Errorf("http: %s, want the body %s (%v)", h.Payload, r.Payload, err)
		}
		// A large Firehose event, twice, with a bad record in it.
		var event strings.Builder
		event.WriteString(`{"records":[{"recordId":"bad","data":"!"}`)
		for i := range 2000 {
			fmt.Fprintf(&event, `,{"recordId":"%d","data":"%s"}`, i, base64.StdEncoding.EncodeToString([]byte("what a great evening, I love it\n")))
		}
		event.WriteString(`]}`)
		for range 2 {
			r = invoke(t, f, event.String())
			if want := strings.Count(string(r.Payload), `"result":"Ok"`); want != 2000 || !strings.HasPrefix(string(r.Payload), `{"records":[{"recordId":"bad","result":"ProcessingFailed","reason":"not_base64"}`) {
				t.Errorf("firehose: %d of 2000 records, answer %.200s", want, r.Payload)
			}
		}
		// An event that is none is an error of that invocation alone.
		r = invoke(t, f, `{"Records":[]}`)
		if e := r.Err(); e == nil || !strings.Contains(e.Error(), "event is not known") {
			t.Errorf("unknown event: %s %v", r.Payload, e)
		}
		if r = invoke(t, f, `{"text":"again"}`); r.FunctionError != "" {
			t.Errorf("after an error: %s", r.Payload)
		}
	})
}

func TestWithoutAGoodModelInitFailsInOneLine(t *testing.T) {
	each(t, func(t *testing.T, dir string) {
		path := filepath.Join(dir, function.ModelFile)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for name, damage := range map[string]func() error{
			"missing":   func() error { return os.Remove(path) },
			"empty":     func() error { return os.WriteFile(path, nil, 0o644) },
			"truncated": func() error { return os.WriteFile(path, whole[:len(whole)-1000], 0o644) },
			"other":     func() error { return os.WriteFile(path, bytes.Repeat([]byte("no model "), 1000), 0o644) },
		} {
			if err := damage(); err != nil {
				t.Fatal(err)
			}
			_, err := start(t, dir)
			var failed *runtimeapi.InitError
			if !errors.As(err, &failed) {
				t.Fatalf("%s: error %v", name, err)
			}
			if failed.Status != "exit status 1" || !strings.Contains(failed.Message, function.ModelFile) || strings.Contains(failed.Message, "\n") {
				t.Errorf("%s: %+v", name, failed)
			}
			if lines := strings.Count(failed.Output, "\n"); lines != 1 || !strings.Contains(failed.Output, failed.Message) {
				t.Errorf("%s: printed %q", name, failed.Output)
			}
		}
	})
}

func TestOutsideLambdaTheErrorSaysSo(t *testing.T) {
	err := run(t.Context(), "", nil)
	if err == nil || !strings.Contains(err.Error(), "coldstream pipeline") {
		t.Errorf("error %v", err)
	}
}
