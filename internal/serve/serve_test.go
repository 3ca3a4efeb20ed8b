package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"coldstream/internal/function"
	"coldstream/internal/jsonscan"
	"coldstream/internal/sentiment"
	"coldstream/weights/pretrained"
)

// fakeScorer labels by length, fails and panics on words, and waits while gate
// is set.
type fakeScorer struct {
	gate    chan struct{}
	entered chan struct{}
	mu      sync.Mutex
	sizes   []int // of the batches
}

func (f *fakeScorer) Name() string { return "fake" }

func (f *fakeScorer) Classify(dst []sentiment.Result, texts []string) ([]sentiment.Result, error) {
	f.mu.Lock()
	f.sizes = append(f.sizes, len(texts))
	f.mu.Unlock()
	if f.gate != nil {
		f.entered <- struct{}{}
		<-f.gate
	}
	for _, t := range texts {
		switch {
		case strings.Contains(t, "panic"):
			panic("scorer: broken for the test")
		case strings.Contains(t, "poison"):
			return dst, errors.New("refused for the test")
		}
		dst = append(dst, sentiment.Result{Label: len(t) % 3, Score: 0.5})
	}
	return dst, nil
}

func (f *fakeScorer) AppendFields(dst []byte, message string, r *sentiment.Result) []byte {
	dst = jsonscan.AppendQuoted(append(dst, `"message":`...), message)
	return fmt.Appendf(dst, `,"sentiment":"label%d","score":0.5`, r.Label)
}

func defaultModel(t *testing.T) *sentiment.Classifier {
	t.Helper()
	f, err := pretrained.Default()
	if err != nil {
		t.Fatal(err)
	}
	c, err := sentiment.New(f, 1)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// logs collects lines while the server writes them.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// running is a server on a loopback port.
type running struct {
	*Server
	url, addr string
	logs      *logs
	stop      context.CancelFunc
	ended     chan error
}

func start(t *testing.T, scorer function.Scorer, change func(*Options)) *running {
	t.Helper()
	r := &running{logs: &logs{}, ended: make(chan error, 1)}
	o := Defaults()
	o.Logs = r.logs
	if change != nil {
		change(&o)
	}
	var err error
	if r.Server, err = New(scorer, o); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.addr = l.Addr().String()
	r.url = "http://" + r.addr
	ctx, cancel := context.WithCancel(t.Context())
	r.stop = cancel
	go func() {
		r.ended <- r.Serve(ctx, l)
		close(r.ended)
	}()
	t.Cleanup(func() {
		cancel()
		<-r.ended
		http.DefaultClient.CloseIdleConnections()
	})
	return r
}

// do sends a request and returns the answer with its body read.
func do(t *testing.T, method, url, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

func TestAnswersHaveTheFunctionsBytes(t *testing.T) {
	c := defaultModel(t)
	s := start(t, c, nil)
	direct := function.NewHandler(c, nil)
	many := make([]string, 1000)
	for i := range many {
		many[i] = fmt.Sprintf("post %d: what a \"great\" evening \u2603", i)
	}
	batch, err := json.Marshal(map[string][]string{"texts": many})
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{`{"text":"what a wonderful day","id":7}`, `{"text":""}`, `{"texts":[]}`, string(batch)} {
		want, err := direct.Invoke(t.Context(), []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, got := do(t, "POST", s.url+"/predict", body)
		if resp.StatusCode != 200 || got != string(want) || resp.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%.40s: %d %v %.200s, want %.200s", body, resp.StatusCode, resp.Header, got, want)
		}
		var ms float64
		if _, err := fmt.Sscanf(resp.Header.Get("Server-Timing"), "score;dur=%f", &ms); (err == nil) == (body == `{"texts":[]}`) || ms < 0 {
			t.Errorf("%.40s: Server-Timing %q", body, resp.Header.Get("Server-Timing"))
		}
	}
	if resp, got := do(t, "GET", s.url, ""); resp.StatusCode != 200 || got != `{"status":"ok","model":"default"}` {
		t.Errorf("health: %d %s", resp.StatusCode, got)
	}
	if resp, got := do(t, "HEAD", s.url, ""); resp.StatusCode != 200 || got != "" || resp.ContentLength != 33 {
		t.Errorf("health, HEAD: %d %s %d", resp.StatusCode, got, resp.ContentLength)
	}
}

func TestWhatIsWrongIsAnswered(t *testing.T) {
	s := start(t, &fakeScorer{}, func(o *Options) { o.MaxBody = 1000 })
	for _, c := range []struct {
		method, path, body string
		headers            []string
		status             int
		allow, want        string
	}{
		{"POST", "/predict", `{"text":"a"`, nil, 400, "", "request is not a JSON object"},
		{"POST", "/predict", "{\"text\":\"\xff\"}", nil, 400, "", "request is not a JSON object: text that is not UTF-8"},
		{"POST", "/predict", `{"text":1}`, nil, 400, "", `"text" is a number, want a string`},
		{"POST", "/predict", `{"texts":["a",1]}`, nil, 400, "", `"texts" holds a number at index 1`},
		{"POST", "/predict", ``, nil, 400, "", "request has no body"},
		{"POST", "/predict", strings.Repeat("[", 999), nil, 400, "", "request is not a JSON object"},
		{"POST", "/other", `{"text":"a"}`, nil, 404, "", "nothing at this path"},
		{"GET", "/predict", ``, nil, 405, "POST", "method is not served here"},
		{"DELETE", "/", ``, nil, 405, "GET, HEAD, POST", "method is not served here"},
		{"OPTIONS", "/predict", ``, nil, 405, "POST", "method is not served here"},
		{"POST", "/predict", strings.Repeat(" ", 1001), nil, 413, "", "the body has more than 1000 bytes"},
		{"POST", "/predict", strings.Repeat(" ", 10_000_000), nil, 413, "", "the body has more than 1000 bytes"},
		{"POST", "/predict", "\x1f\x8b", []string{"Content-Encoding", "gzip"}, 415, "", "the body is compressed"},
		{"POST", "/predict", `{"text":"poison"}`, nil, 500, "", "text 0 could not be scored: refused for the test"},
		{"POST", "/predict", `{"text":"panic"}`, nil, 500, "", "internal error"},
	} {
		resp, body := do(t, c.method, s.url+c.path, c.body, c.headers...)
		var e struct{ Error string }
		if err := json.Unmarshal([]byte(body), &e); err != nil || resp.StatusCode != c.status || !strings.HasPrefix(e.Error, c.want) || resp.Header.Get("Allow") != c.allow || resp.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s %.20q: %d %v %s, want %d %s", c.method, c.path, c.body, resp.StatusCode, resp.Header, body, c.status, c.want)
		}
		if strings.Contains(body, "goroutine") || strings.Contains(body, ".go:") {
			t.Errorf("%s: the client sees %s", c.body, body)
		}
	}
	if resp, _ := do(t, "POST", s.url, `{"text":"fine"}`); resp.StatusCode != 200 {
		t.Errorf("after a panic: %d", resp.StatusCode)
	}
}

func TestTheLogHasOneLineForEachRequestAndNoTexts(t *testing.T) {
	s := start(t, &fakeScorer{}, nil)
	do(t, "POST", s.url+"/predict", `{"texts":["SECRET","b"]}`, "X-Request-Id", "order-1.2")
	do(t, "POST", s.url+"/predict?q=SECRET", `{"SECRET":"SECRET"}`, "X-Request-Id", "a \"SECRET\"")
	do(t, "GET", s.url+"/SECRET", "", "X-Request-Id", strings.Repeat("SECRET", 30))
	do(t, "POST", s.url+"/", `{"text":"panic SECRET"}`)
	s.stop()
	if err := <-s.ended; err != nil {
		t.Fatal(err)
	}
	if text := s.logs.String(); strings.Contains(text, "SECRET") {
		t.Errorf("the log holds a text: %s", text)
	}
	type line struct {
		Timestamp time.Time
		Level     string
		Message   string
		Event     string
		ID        string `json:"request_id"`
		Status    int
		Posts     int
		In        int `json:"bytes_in"`
		Out       int `json:"bytes_out"`
		MS        float64
		Queue     float64 `json:"queue_ms"`
		Score     float64 `json:"score_ms"`
		Error     string
		Stack     string
	}
	var lines []line
	for text := range strings.Lines(s.logs.String()) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil || l.Timestamp.IsZero() || l.Event != "http" || l.MS < l.Score || len(l.ID) < 9 {
			t.Errorf("%s: %v", text, err)
		}
		lines = append(lines, l)
	}
	if len(lines) != 4 {
		t.Fatalf("%d lines for 4 requests: %s", len(lines), s.logs.String())
	}
	if l := lines[0]; l.Level != "INFO" || l.ID != "order-1.2" || l.Status != 200 || l.Posts != 2 || l.In != 24 || l.Out == 0 || l.Error != "" {
		t.Errorf("%+v", l)
	}
	if l := lines[1]; l.Level != "WARN" || l.Status != 400 || !strings.Contains(l.Error, `neither "text" nor`) {
		t.Errorf("%+v", l)
	}
	if l := lines[3]; l.Level != "ERROR" || l.Status != 500 || l.Error != "panic: scorer: broken for the test" || !strings.Contains(l.Stack, "Classify") {
		t.Errorf("%+v", l)
	}
}

func TestTwentyClientsGetTheirOwnAnswers(t *testing.T) {
	model := defaultModel(t)
	s := start(t, model, nil)
	direct := function.NewHandler(model, nil)
	words := strings.Fields("what a great debate tonight so many bad jobs never love hate god")
	var clients sync.WaitGroup
	for c := range 20 {
		clients.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for i := range 10 {
				// Each third request is a batch that may be spread.
				body := fmt.Sprintf(`{"text":"%s %s"}`, words[c%len(words)], words[i])
				if i%3 == 2 {
					body = fmt.Sprintf(`{"texts":["%s %d"%s]}`, words[c%len(words)], c, strings.Repeat(`,"`+words[i]+`"`, 200))
				}
				want, err := direct.Invoke(t.Context(), []byte(body))
				if err != nil {
					t.Error(err)
					return
				}
				resp, err := client.Post(s.url+"/predict", "application/json", strings.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				got, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%.100s, %v, want %.100s", got, err, want)
				}
			}
		})
	}
	clients.Wait()
}

func TestALargeBatchIsSpreadOverIdleProcessors(t *testing.T) {
	f := &fakeScorer{}
	s := start(t, f, func(o *Options) { o.Concurrent = 4 })
	body := func(n int) string { return `{"texts":[` + strings.Repeat(`"a",`, n-1) + `"bb"]}` }
	for n, want := range map[int][]int{1: {1}, 127: {127}, 128: {64, 64}, 1000: {250, 250, 250, 250}} {
		f.sizes = nil
		_, got := do(t, "POST", s.url, body(n))
		slices.Sort(f.sizes)
		if !slices.Equal(f.sizes, want) || strings.Count(got, `"label1"`) != n-1 || !strings.HasSuffix(got, `"message":"bb","sentiment":"label2","score":0.5,"model":"fake"}]}`) {
			t.Errorf("%d texts: parts of %v, %.100s", n, f.sizes, got)
		}
	}
	// One of the parts fails, or panics: the request is answered, the slots come
	// back.
	for word, status := range map[string]int{"poison": 500, "panic": 500} {
		resp, got := do(t, "POST", s.url, strings.Replace(body(1000), `"bb"`, `"`+word+`"`, 1))
		if resp.StatusCode != status || strings.Contains(got, "goroutine") {
			t.Errorf("%s: %d %s", word, resp.StatusCode, got)
		}
	}
	if len(s.slots) != 0 || s.bodies.Load() != 0 || s.waiting.Load() != 0 {
		t.Errorf("%d slots, %d bytes, %d waiting are left", len(s.slots), s.bodies.Load(), s.waiting.Load())
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"bodies of 0 bytes":             func(o *Options) { o.MaxBody = 0 },
		"bodies of 6291557 bytes":       func(o *Options) { o.MaxBody = function.MaxAnswerBytes + 1 },
		"0 requests scored at the same": func(o *Options) { o.Concurrent = 0 },
		"the queue and the grace":       func(o *Options) { o.Queue = -1 },
		"serve: the queue and the":      func(o *Options) { o.Grace = -1 },
	} {
		o := Defaults()
		change(&o)
		if _, err := New(&fakeScorer{}, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}
