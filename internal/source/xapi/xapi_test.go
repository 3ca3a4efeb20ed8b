package xapi

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"coldstream/internal/source/xapi/xapitest"
)

// TestOverSockets: the package's own HTTP client and a real server.
func TestOverSockets(t *testing.T) {
	x := xapitest.New(token)
	server := httptest.NewServer(x)
	defer server.Close()
	x.Fail(xapitest.StreamPath, xapitest.Fault{Do: xapitest.Split}, xapitest.Fault{Do: xapitest.End, After: 1})
	o := Options{BaseURL: server.URL, Token: token, Queries: []string{"cat"}, MaxPosts: 100}
	s, err := OpenStream(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, text := range []string{"a cat", "one more cat"} {
		for x.Open() == 0 {
			time.Sleep(time.Millisecond)
		}
		ids = append(ids, x.Publish(xapitest.Post{Text: text}))
		if p, err := s.Next(t.Context()); err != nil || p.ID != ids[len(ids)-1] || p.Text != text {
			t.Errorf("got %+v, %v", p, err)
		}
		for x.Open() > 0 && len(ids) == 1 {
			time.Sleep(time.Millisecond)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if s, err = OpenSearch(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if p, err := s.Next(t.Context()); err != nil || p.ID != ids[1] {
		t.Errorf("got %+v, %v", p, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	good := Options{Token: token, MaxPosts: 100, Queries: []string{"cat"}}
	for want, change := range map[string]func(*Options){
		"no http address":               func(o *Options) { o.BaseURL = "https://" + token + "@api.x.com" },
		"no bearer token":               func(o *Options) { o.Token = "" },
		"a character that no token has": func(o *Options) { o.Token = token + "\n" },
		"no limit on posts":             func(o *Options) { o.MaxPosts = 0 },
		"count is -1":                   func(o *Options) { o.Count = -1 },
		"an empty query":                func(o *Options) { o.Queries = []string{" "} },
		"unknown parameter":             func(o *Options) { o.FieldsParam = "fields" },
		"the cursor is broken":          func(o *Options) { o.Cursor = "5" },
		"the cursor belongs to":         func(o *Options) { o.Cursor = `{"k":"file"}` },
		"queries, want exactly one":     func(o *Options) { o.Queries = []string{"a", "b"} },
		"one request reads up to 10":    func(o *Options) { o.MaxPosts = 9 },
	} {
		o := good
		change(&o)
		_, err := OpenSearch(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), token) {
			t.Errorf("search: got %v, want %q", err, want)
		}
		if strings.Contains(want, "exactly one") || strings.Contains(want, "one request") {
			continue
		}
		if _, err = OpenStream(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), token) {
			t.Errorf("stream: got %v, want %q", err, want)
		}
	}
}
