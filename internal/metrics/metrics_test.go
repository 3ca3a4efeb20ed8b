package metrics

import (
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// get asks h for a path.
func get(t *testing.T, h http.Handler, method, path string) (status int, contentType, body string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w.Code, w.Header().Get("Content-Type"), w.Body.String()
}

// parse reads the text form as a scraper does.
func parse(t *testing.T, text string) map[string]*dto.MetricFamily {
	t.Helper()
	p := expfmt.NewTextParser(model.LegacyValidation)
	families, err := p.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return families
}

func TestScrapersReadWhatIsCollected(t *testing.T) {
	collect := func() []Sample {
		return []Sample{
			{Name: "posts_total", Help: "Posts by what became of them.", Type: Counter, Labels: map[string]string{"state": "delivered"}, Value: 1_600_000},
			{Name: "posts_total", Help: "Posts by what became of them.", Type: Counter, Labels: map[string]string{"state": "filtered \"x\" \\ \n \u2603"}, Value: 3},
			{Name: "lag_seconds", Help: "Back\\slash and\nline end.", Type: Gauge, Value: -.25},
		}
	}
	status, contentType, body := get(t, Handler(collect), "GET", "/metrics")
	if status != 200 || !strings.HasPrefix(contentType, "text/plain; version=0.0.4") {
		t.Errorf("%d %s", status, contentType)
	}
	families := parse(t, body)
	posts, lag := families["posts_total"], families["lag_seconds"]
	if len(families) != 2 || posts.GetType() != dto.MetricType_COUNTER || lag.GetType() != dto.MetricType_GAUGE ||
		posts.GetHelp() != "Posts by what became of them." || lag.GetHelp() != "Back\\slash and\nline end." {
		t.Fatalf("got %v", families)
	}
	got := make(map[string]float64)
	for _, m := range posts.Metric {
		got[m.Label[0].GetName()+"="+m.Label[0].GetValue()] = m.GetCounter().GetValue()
	}
	if want := map[string]float64{"state=delivered": 1_600_000, "state=filtered \"x\" \\ \n \u2603": 3}; !maps.Equal(got, want) || lag.Metric[0].GetGauge().GetValue() != -.25 {
		t.Errorf("got %v, %v", got, lag)
	}
}

func TestContradictionsAreSaid(t *testing.T) {
	one := Sample{Name: "posts_total", Help: "Posts.", Type: Counter, Value: 1}
	with := func(change func(*Sample)) []Sample {
		other := one
		change(&other)
		return []Sample{one, other}
	}
	for want, samples := range map[string][]Sample{
		"was collected before with the same name and label values": {one, one},
		`has type "histogram", want counter or gauge`:              with(func(s *Sample) { s.Name, s.Type = "other_total", "histogram" }),
		"has help":            with(func(s *Sample) { s.Help, s.Labels = "Other.", map[string]string{"a": "b"} }),
		"should be a Counter": with(func(s *Sample) { s.Type, s.Labels = Gauge, map[string]string{"a": "b"} }),
		"is not a valid":      with(func(s *Sample) { s.Name = "" }),
	} {
		status, _, body := get(t, Handler(func() []Sample { return samples }), "GET", "/metrics")
		if status != 500 || !strings.Contains(body, want) {
			t.Errorf("%d %s, want %s", status, body, want)
		}
	}
}

func TestOtherRequests(t *testing.T) {
	h := Handler(func() []Sample { return nil })
	for _, c := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/metrics", 200, ""},
		{"GET", "/healthz", 200, "ok\n"},
		{"GET", "/", 404, "404 page not found\n"},
		{"POST", "/metrics", 405, "Method Not Allowed\n"},
	} {
		if status, _, body := get(t, h, c.method, c.path); status != c.status || body != c.body {
			t.Errorf("%s %s: %d %q", c.method, c.path, status, body)
		}
	}
}

func TestServeUntilTheContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	addr, wait, err := Serve(ctx, "127.0.0.1:0", func() []Sample {
		return []Sample{{Name: "up", Help: "Up.", Type: Gauge, Value: 1}}
	})
	if err != nil {
		t.Fatal(err)
	}
	var scrapes sync.WaitGroup
	for range 8 {
		scrapes.Go(func() {
			resp, err := http.Get("http://" + addr + "/metrics")
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			// More than a few at a time are told to come back.
			if err != nil || resp.StatusCode != 503 && !strings.Contains(string(body), "\nup 1\n") {
				t.Errorf("%d %s, %v", resp.StatusCode, body, err)
			}
		})
	}
	scrapes.Wait()
	if _, _, err := Serve(ctx, addr, nil); err == nil || !strings.HasPrefix(err.Error(), "metrics: listen tcp "+addr+":") || !strings.HasSuffix(err.Error(), "choose another address") {
		t.Errorf("a second server at one address: %v", err)
	}
	cancel()
	for range 2 {
		if err := wait(); err != nil {
			t.Errorf("ended with %v", err)
		}
	}
	if c, err := net.Dial("tcp", addr); err == nil {
		c.Close()
		t.Error("still listening")
	}
}
