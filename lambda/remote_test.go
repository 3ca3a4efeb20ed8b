package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"coldstream/internal/bundle"
	"coldstream/internal/function"
	"coldstream/internal/runtimeapi"
	"coldstream/internal/sentiment"
	server "coldstream/internal/serve"
	"coldstream/weights/pretrained"
)

// thin makes the zip without a model and unpacks it.
func thin(t *testing.T) (dir string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the function's program runs on Linux only")
	}
	var b bytes.Buffer
	if err := bundle.Thin(t.Context(), &b, bundle.Target{Arch: runtime.GOARCH, Runtime: "aws"}, bundle.FromSource(".")); err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	if err := bundle.Unzip(b.Bytes(), dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// endpoint serves the default model as coldstream serve does.
func endpoint(t *testing.T) (handler http.Handler, local *function.Handler) {
	t.Helper()
	f, err := pretrained.Default()
	if err != nil {
		t.Fatal(err)
	}
	c, err := sentiment.New(f, 1)
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(c, server.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	return s, function.NewHandler(c, nil)
}

// startThin starts the function in dir with further variables in its
// environment; what it logs goes to logs.
func startThin(t *testing.T, dir string, logs io.Writer, timeout time.Duration, env ...string) (*runtimeapi.Function, error) {
	t.Helper()
	f, err := runtimeapi.Start(t.Context(), runtimeapi.Options{Bootstrap: filepath.Join(dir, "bootstrap"), Env: env, Stderr: logs, Timeout: timeout})
	if err == nil {
		t.Cleanup(func() {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return f, err
}

// firehoseEvent holds n posts and one record that is none.
func firehoseEvent(n int) string {
	var event strings.Builder
	event.WriteString(`{"invocationId":"i","records":[{"recordId":"bad","data":"!"}`)
	for i := range n {
		post := fmt.Sprintf(`{"id":%d,"text":"post %d: what a \"great\" evening \u2603\u2028"}`, i, i)
		fmt.Fprintf(&event, `,{"recordId":"%d","data":"%s"}`, i, base64.StdEncoding.EncodeToString([]byte(post)))
	}
	event.WriteString(`]}`)
	return event.String()
}

func TestTheThinFunction(t *testing.T) {
	dir := thin(t)
	handler, local := endpoint(t)
	events := []string{
		`{"text":"what a wonderful day","id":7}`,
		`{"texts":["what a wonderful day","so late again",""]}`,
		`{"version":"2.0","rawPath":"/predict","requestContext":{"http":{"method":"POST","path":"/predict"}},"body":"{\"text\":\"what a day\"}"}`,
		firehoseEvent(3),
		firehoseEvent(2000),
	}

	sameBytes := func(t *testing.T, f *runtimeapi.Function) {
		t.Helper()
		for _, event := range events {
			want, err := local.Invoke(t.Context(), []byte(event))
			if err != nil {
				t.Fatal(err)
			}
			if r := invoke(t, f, event); !bytes.Equal(r.Payload, want) || r.FunctionError != "" {
				t.Errorf("%.60s: %.300s, want %.300s", event, r.Payload, want)
			}
		}
	}

	t.Run("answers with the bytes of the whole one", func(t *testing.T) {
		s := httptest.NewServer(handler)
		defer s.Close()
		var logs bytes.Buffer
		f, err := startThin(t, dir, &logs, 0, "ENDPOINT_URL="+s.URL)
		if err != nil {
			t.Fatal(err)
		}
		sameBytes(t, f)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		last := logs.String()
		last = last[strings.LastIndexByte(strings.TrimSuffix(last, "\n"), '\n')+1:]
		var line struct {
			OK       int     `json:"ok"`
			Failed   int     `json:"failed"`
			MS       float64 `json:"ms"`
			Waited   float64 `json:"endpoint_ms"`
			Scoring  float64 `json:"endpoint_score_ms"`
			Requests int     `json:"endpoint_requests"`
		}
		if err := json.Unmarshal([]byte(last), &line); err != nil || line.OK != 2000 || line.Failed != 1 || line.Requests != 4 || !(0 < line.Scoring && line.Scoring < line.Waited && line.Waited <= line.MS) {
			t.Errorf("log line %s: %v", last, err)
		}
		t.Log(strings.TrimSpace(last))
	})

	t.Run("over https", func(t *testing.T) {
		s := httptest.NewTLSServer(handler)
		defer s.Close()
		roots := filepath.Join(t.TempDir(), "roots.pem")
		if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := startThin(t, dir, nil, 0, "ENDPOINT_URL="+s.URL+"/predict", "SSL_CERT_FILE="+roots, "ENDPOINT_BATCH=300", "ENDPOINT_CONCURRENCY=3")
		if err != nil {
			t.Fatal(err)
		}
		sameBytes(t, f)
	})

	t.Run("with the published form", func(t *testing.T) {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var body struct{ Text *string }
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Text == nil {
				w.WriteHeader(http.StatusUnprocessableEntity)
				return
			}
			if *body.Text == "poison" {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			message, _ := json.Marshal(body.Text)
			fmt.Fprintf(w, `{"message":%s,"sentiment":"Positive","score":0.75}`, message)
		}))
		defer s.Close()
		f, err := startThin(t, dir, nil, 0, "ENDPOINT_URL="+s.URL, "ENDPOINT_BATCH=1", "ENDPOINT_CONCURRENCY=2")
		if err != nil {
			t.Fatal(err)
		}
		r := invoke(t, f, `{"records":[{"recordId":"a","data":"YQ=="},{"recordId":"p","data":"cG9pc29u"},{"recordId":"b","data":"Yg=="}]}`)
		line := func(text string) string {
			return base64.StdEncoding.EncodeToString([]byte(`{"message":"` + text + `","sentiment":"Positive","score":0.75}` + "\n"))
		}
		want := `{"records":[{"recordId":"a","result":"Ok","data":"` + line("a") + `"},{"recordId":"p","result":"ProcessingFailed","reason":"not_scored"},{"recordId":"b","result":"Ok","data":"` + line("b") + `"}]}`
		if string(r.Payload) != want {
			t.Errorf("%s, want %s", r.Payload, want)
		}
	})

	t.Run("answers in time without its endpoint", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := l.Addr().String()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		var logs bytes.Buffer
		f, err := startThin(t, dir, &logs, 4*time.Second, "ENDPOINT_URL=http://"+address)
		if err != nil {
			t.Fatal(err) // an endpoint that is down is no reason not to start
		}
		r := invoke(t, f, firehoseEvent(2))
		const failed = `"result":"ProcessingFailed","reason":"not_scored"}`
		if want := `{"records":[{"recordId":"bad","result":"ProcessingFailed","reason":"not_base64"},{"recordId":"0",` + failed + `,{"recordId":"1",` + failed + `]}`; string(r.Payload) != want {
			t.Errorf("%s, want %s", r.Payload, want)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(logs.String(), `"endpoint_error":"no answer in time, after `) || !strings.Contains(logs.String(), "connection refused") {
			t.Errorf("log %s", logs.String())
		}
	})
}

func TestAWrongEnvironmentFailsInitInOneLine(t *testing.T) {
	dirs := map[string]string{"thin": thin(t), "lean": unpacked(t, "lean")}
	for _, c := range []struct {
		kind string
		env  []string
		want string
	}{
		{"thin", nil, "a zip without a model needs ENDPOINT_URL"},
		{"thin", []string{"ENDPOINT_URL="}, "a zip without a model needs ENDPOINT_URL"},
		{"thin", []string{"ENDPOINT_URL=10.0.0.7:8000"}, "remote: ENDPOINT_URL: want a URL"},
		{"thin", []string{"ENDPOINT_URL=http://h", "ENDPOINT_BATCH=none"}, `remote: ENDPOINT_BATCH is "none", want a number from 1 to 10000`},
		{"thin", []string{"ENDPOINT_URL=http://h", "ENDPOINT_CONCURRENCY=0"}, `remote: ENDPOINT_CONCURRENCY is "0", want`},
		{"lean", []string{"ENDPOINT_URL=http://h"}, "package it with --runtime aws"},
	} {
		_, err := startThin(t, dirs[c.kind], nil, 0, c.env...)
		var failed *runtimeapi.InitError
		if !errors.As(err, &failed) {
			t.Errorf("%s %q: error %v", c.kind, c.env, err)
			continue
		}
		if failed.Status != "exit status 1" || !strings.Contains(failed.Message, c.want) || strings.Contains(failed.Message, "\n") || strings.Count(failed.Output, "\n") != 1 {
			t.Errorf("%s %q: %+v", c.kind, c.env, failed)
		}
	}
	// With its model the lean function needs no variable.
	if _, err := startThin(t, dirs["lean"], nil, 0, "ENDPOINT_BATCH=none"); err != nil {
		t.Error(err)
	}
}
