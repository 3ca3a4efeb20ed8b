package serve

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"coldstream/internal/function"
)

// FuzzBody wants, of whatever body: no panic, and the function's answer to it as
// an event, or an object with "error" where that is an error.
func FuzzBody(f *testing.F) {
	for _, body := range []string{`{"text":"a \u2603","id":{"a":[1]}}`, `{"texts":["a","","poison"]}`, `{"texts":[`, `[]`, ``, `{"text":"a"}{`, "{\"text\":\"\xff\"}", `{"text":"a","texts":[]}`} {
		f.Add([]byte(body))
	}
	s, err := New(&fakeScorer{}, Defaults())
	if err != nil {
		f.Fatal(err)
	}
	direct := function.NewHandler(&fakeScorer{}, nil)
	f.Fuzz(func(t *testing.T, body []byte) {
		if bytes.Contains(body, []byte("panic")) {
			return
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/predict", bytes.NewReader(body)))
		var answer struct{ Error *string }
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || (answer.Error == nil) != (w.Code == 200) {
			t.Fatalf("status %d, body %q, %v", w.Code, w.Body, err)
		}
		want, err := direct.Invoke(t.Context(), body)
		if w.Code == 200 && !bytes.Equal(w.Body.Bytes(), want) {
			t.Fatalf("answered %q, the function %q, %v", w.Body, want, err)
		}
		// A body may be an event of another kind, such as one with records.
		if w.Code != 200 && err == nil && !bytes.Contains(body, []byte(`"re`)) && !bytes.Contains(body, []byte(`"http`)) && !bytes.Contains(body, []byte(`\u`)) {
			t.Fatalf("refused with %d %q, the function answers %q", w.Code, w.Body, want)
		}
	})
}
