package remote

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// asked is one request as an endpoint got it.
type asked struct {
	texts  []string
	single bool
	conn   string // address of the client's end
	path   string
}

// server is an endpoint for tests that keeps what it was asked.
type server struct {
	*httptest.Server
	mu    sync.Mutex
	asked []asked
}

// serve starts an endpoint whose requests answer answers, after they were read.
func serve(t *testing.T, answer func(w http.ResponseWriter, n int, a asked)) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveAt(t, l, answer)
}

func serveAt(t *testing.T, l net.Listener, answer func(w http.ResponseWriter, n int, a asked)) *server {
	s := &server{Server: httptest.NewUnstartedServer(nil)}
	_ = s.Listener.Close() // another one takes its place
	s.Listener, s.Config.ErrorLog = l, log.New(io.Discard, "", 0)
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Text  *string  `json:"text"`
			Texts []string `json:"texts"`
		}
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client has gone
		}
		if err := json.Unmarshal(raw, &body); err != nil || r.Method != "POST" || r.Header.Get("Content-Type") != "application/json" || r.Header["Idempotency-Key"] != nil {
			t.Errorf("request %s %v %s: %v", r.Method, r.Header, raw, err)
		}
		a := asked{texts: body.Texts, conn: r.RemoteAddr, path: r.URL.RequestURI()}
		if body.Text != nil {
			a.texts, a.single = []string{*body.Text}, true
		}
		s.mu.Lock()
		n := len(s.asked)
		s.asked = append(s.asked, a)
		s.mu.Unlock()
		answer(w, n, a)
	})
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func (s *server) requests() []asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

// object answers for one text; its label shows which.
func object(text string) string {
	label, _ := json.Marshal("label of " + text)
	return fmt.Sprintf(`{"message":"m","sentiment":%s,"score":0.5,"probabilities":{"a":0.5,"b":null},"model":"remote"}`, label)
}

// wanted is what Score is to have for a text that object answered for.
func wanted(text string) string {
	label, _ := json.Marshal("label of " + text)
	return fmt.Sprintf(`"sentiment":%s,"score":0.5,"probabilities":{"a":0.5,"b":null},"model":"remote"`, label)
}

// well answers every text.
func well(w http.ResponseWriter, a asked) {
	w.Header().Add("Server-Timing", "cache, db;dur=5")
	w.Header().Add("Server-Timing", `total;dur=9.5, score;desc="model";dur=2.5`)
	if a.single {
		fmt.Fprint(w, object(a.texts[0]))
		return
	}
	objects := make([]string, len(a.texts))
	for i, t := range a.texts {
		objects[i] = object(t)
	}
	fmt.Fprintf(w, `{"results":[%s]}`, strings.Join(objects, ","))
}

// endpoint returns an Endpoint in a hurry: its waits are short.
func endpoint(t *testing.T, o Options) *Endpoint {
	t.Helper()
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	e.minDelay, e.maxDelay = time.Millisecond, 4*time.Millisecond
	t.Cleanup(e.transport.CloseIdleConnections)
	return e
}

// check scores texts and compares the answers; those of texts in lost are to be
// missing. It returns the error's text.
func check(t *testing.T, e *Endpoint, texts []string, lost func(string) bool) string {
	t.Helper()
	return checkWithin(t.Context(), t, e, texts, lost)
}

func checkWithin(ctx context.Context, t *testing.T, e *Endpoint, texts []string, lost func(string) bool) string {
	t.Helper()
	a, err := e.Score(ctx, texts)
	if len(a.Fields) != len(texts) {
		t.Fatalf("%d answers for %d texts: %v", len(a.Fields), len(texts), err)
	}
	missing := 0
	for i, text := range texts {
		want := wanted(text)
		if lost != nil && lost(text) {
			want = ""
			missing++
		}
		if got := string(a.Fields[i]); got != want {
			t.Errorf("text %d %.40q: %s, want %s (%v)", i, text, got, want, err)
		}
	}
	if missing == 0 {
		return fmt.Sprint(err)
	}
	if err == nil {
		t.Errorf("%d texts are not scored without an error", missing)
		return ""
	}
	return err.Error()
}

func numbered(n int) []string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprintf("post %d \"\u2603\" \u2028 \x01", i)
	}
	return texts
}

func TestTextsGoOutInBatchesOverOneConnection(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ int, a asked) { well(w, a) })
	e := endpoint(t, Options{URL: s.URL, Batch: 10})
	texts := numbered(25)
	a, err := e.Score(t.Context(), texts)
	if err != nil || a.Requests != 3 || !a.Timed || a.Scoring != 7500*time.Microsecond {
		t.Errorf("%d requests, timed %v %v, %v", a.Requests, a.Timed, a.Scoring, err)
	}
	check(t, e, texts, nil)
	var all []string
	for _, r := range s.requests() {
		if r.single || len(r.texts) > 10 || r.conn != s.requests()[0].conn || r.path != "/predict" {
			t.Errorf("request %+v", r)
		}
		all = append(all, r.texts...)
	}
	if !slices.Equal(all, append(slices.Clone(texts), texts...)) {
		t.Errorf("asked for %q", all)
	}
	if a, err := e.Score(t.Context(), nil); err != nil || len(a.Fields) != 0 || a.Requests != 0 {
		t.Errorf("no texts: %+v, %v", a, err)
	}
}

func TestABatchIsBoundedInBytes(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ int, a asked) { well(w, a) })
	long := strings.Repeat("a", batchBytes/2)
	check(t, endpoint(t, Options{URL: s.URL}), []string{long, long, "one more", strings.Repeat("b", 2*batchBytes), "last"}, nil)
	var sizes []int
	for _, r := range s.requests() {
		sizes = append(sizes, len(r.texts))
	}
	if !slices.Equal(sizes, []int{2, 1, 1, 1}) {
		t.Errorf("batches of %v", sizes)
	}
}

// TestAnEndpointThatKnowsTheSingleFormAlone is the published server: one text,
// and three members of the answer.
func TestAnEndpointThatKnowsTheSingleFormAlone(t *testing.T) {
	var busy, most int
	var mu sync.Mutex
	s := serve(t, func(w http.ResponseWriter, _ int, a asked) {
		if !a.single {
			w.WriteHeader(http.StatusUnprocessableEntity)
			fmt.Fprint(w, `{"detail":[{"type":"missing","loc":["body","text"],"input":{"texts":["SECRET"]}}]}`)
			return
		}
		mu.Lock()
		busy++
		most = max(most, busy)
		mu.Unlock()
		time.Sleep(time.Millisecond)
		mu.Lock()
		busy--
		mu.Unlock()
		message, _ := json.Marshal(a.texts[0])
		fmt.Fprintf(w, `{"message": %s, "sentiment": "Positive", "score": 0.8731234073638916}`, message)
	})
	texts := numbered(40)
	for _, concurrency := range []int{1, 3} {
		most = 0
		a, err := endpoint(t, Options{URL: s.URL, Batch: 1, Concurrency: concurrency}).Score(t.Context(), texts)
		if err != nil || a.Requests != 40 || a.Timed {
			t.Errorf("%d requests, timed %v, %v", a.Requests, a.Timed, err)
		}
		for i, f := range a.Fields {
			if string(f) != `"sentiment":"Positive","score":0.8731234073638916` {
				t.Errorf("text %d: %s", i, f)
			}
		}
		if most > concurrency {
			t.Errorf("%d requests at the same time, want %d", most, concurrency)
		}
	}
	conns := map[string]bool{}
	for _, r := range s.requests() {
		conns[r.conn] = true
	}
	if len(conns) > 1+3 {
		t.Errorf("%d connections", len(conns))
	}
	// Without ENDPOINT_BATCH=1 the log says what to do, and nothing of the text.
	_, err := endpoint(t, Options{URL: s.URL}).Score(t.Context(), texts)
	if err == nil || !strings.Contains(err.Error(), "ENDPOINT_BATCH=1") || !strings.Contains(err.Error(), "status 422") || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("error %v", err)
	}
	// 40 texts are refused together, and then in ever smaller parts.
	if n := len(s.requests()) - 80; n != maxRefusals {
		t.Errorf("%d requests to an endpoint that refuses all, want %d", n, maxRefusals)
	}
}

func TestHTTPS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		well(w, asked{texts: []string{"a", "b"}})
	}))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	e := endpoint(t, Options{URL: s.URL})
	e.transport.TLSClientConfig = s.Client().Transport.(*http.Transport).TLSClientConfig
	check(t, e, []string{"a", "b"}, nil)
	// A certificate that nobody vouches for is no endpoint.
	if got := check(t, endpoint(t, Options{URL: s.URL}), []string{"a"}, everything); !strings.Contains(got, "certificate") {
		t.Errorf("error %s", got)
	}
}

func TestTheEnvironmentIsChecked(t *testing.T) {
	env := func(pairs ...string) func(string) string {
		return func(name string) string {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == name {
					return pairs[i+1]
				}
			}
			return ""
		}
	}
	o, err := FromEnv(env(URLVariable, "https://host/v1/score?x=1", BatchVariable, "7", ConcurrencyVariable, "2"))
	if err != nil || o != (Options{URL: "https://host/v1/score?x=1", Batch: 7, Concurrency: 2}) {
		t.Errorf("%+v, %v", o, err)
	}
	for want, pairs := range map[string][]string{
		"remote: ENDPOINT_URL: want a URL like":                                     {URLVariable, "localhost:8000"},
		"remote: ENDPOINT_URL: want a URL like http://10":                           {URLVariable, "http://user:SECRET@/x"},
		"remote: ENDPOINT_URL: want a URL like http://":                             {URLVariable, "http://user:SECRET@host:port/"},
		"remote: ENDPOINT_URL: want a URL":                                          {URLVariable, "ftp://host/"},
		"remote: ENDPOINT_URL: want":                                                {},
		`remote: ENDPOINT_BATCH is "0", want a number from 1 to 10000`:              {URLVariable, "http://host", BatchVariable, "0"},
		`remote: ENDPOINT_BATCH is "10001", want`:                                   {URLVariable, "http://host", BatchVariable, "10001"},
		`remote: ENDPOINT_BATCH is "1e2", want`:                                     {URLVariable, "http://host", BatchVariable, "1e2"},
		`remote: ENDPOINT_CONCURRENCY is "65", want a number from 1 to 64`:          {URLVariable, "http://host", ConcurrencyVariable, "65"},
		`remote: ENDPOINT_CONCURRENCY is "many of them, so many that the lo", want`: {URLVariable, "http://host", ConcurrencyVariable, "many of them, so many that the log would be full"},
	} {
		_, err := FromEnv(env(pairs...))
		if err == nil || strings.Contains(err.Error(), "SECRET") || !strings.HasPrefix(err.Error(), strings.TrimSuffix(want, `", want`)) {
			t.Errorf("%q: error %v, want %s", pairs, err, want)
		}
	}
	for url, want := range map[string]string{"http://host": "http://host/predict", "http://host:8/?a=b#c": "http://host:8/predict?a=b", "https://h/p/": "https://h/p/"} {
		if e, err := New(Options{URL: url}); err != nil || e.url != want {
			t.Errorf("%s: %+v, %v, want %s", url, e, err, want)
		}
	}
	for _, o := range []Options{{URL: "host"}, {URL: "http://host", Batch: -1}, {URL: "http://host", Concurrency: MaxConcurrency + 1}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}
