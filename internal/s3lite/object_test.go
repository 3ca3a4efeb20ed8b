package s3lite_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"coldstream/internal/s3lite"
	"coldstream/internal/s3lite/s3litetest"
)

// noise is n bytes that look like none other's.
func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(b) // never fails
	return b
}

func TestObjectsComeBackWhateverTheirSize(t *testing.T) {
	server := s3litetest.New(t)
	c := server.Client(t)
	for _, size := range []int{0, 1, 8<<20 - 1, 8 << 20, 8<<20 + 1, 16 << 20, 20 << 20} {
		want := noise(size)
		u := c.Create(t.Context(), "posts", "a b/+\u00e9", "text/plain")
		for rest := want; len(rest) > 0; {
			n := min(len(rest), 1_000_003)
			if _, err := u.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := u.Commit(); err != nil {
			t.Fatal(err)
		}
		r, err := c.Open(t.Context(), "posts", "a b/+\u00e9", "")
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: got %d, %v", size, len(got), err)
		}
		r.Close()
		if n := server.Open(); n != 0 {
			t.Errorf("%d bytes: %d uploads left", size, n)
		}
	}
}

func TestNothingIsSeenOfAnAbortedUpload(t *testing.T) {
	server := s3litetest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	u := server.Client(t).Create(ctx, "posts", "k", "")
	if _, err := u.Write(noise(9 << 20)); err != nil {
		t.Fatal(err)
	}
	if server.Open() != 1 {
		t.Fatal("no upload was begun")
	}
	cancel() // what has to be dropped is dropped nevertheless
	u.Abort()
	if server.Open() != 0 || len(server.Keys()) != 0 {
		t.Errorf("%d uploads and objects %v are left", server.Open(), server.Keys())
	}
	if _, err := u.Write([]byte("x")); err == nil {
		t.Error("wrote after the end")
	}
	if err := u.Commit(); err == nil {
		t.Error("committed after the end")
	}
}

func TestBusyAnswersAreTriedAgain(t *testing.T) {
	for _, tt := range []struct {
		status    int
		code      string
		requests  int
		temporary bool
	}{
		{503, "SlowDown", 3, true},
		{500, "InternalError", 3, true},
		{400, "ExpiredToken", 3, true},
		{1, "", 3, true}, // the connection closes
		{403, "AccessDenied", 1, false},
		{404, "NoSuchKey", 1, false},
		{301, "PermanentRedirect", 1, false},
	} {
		server := s3litetest.New(t)
		server.Fail(func(*http.Request) (int, string) { return tt.status, tt.code })
		_, err := server.Client(t).Open(t.Context(), "posts", "k", "v")
		var e *s3lite.Error
		if !errors.As(err, &e) || e.Temporary() != tt.temporary || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "s3://posts/k") || !strings.Contains(err.Error(), tt.code) {
			t.Errorf("%d %s: error %v", tt.status, tt.code, err)
		}
		if n := len(server.Requests()); tt.status >= 100 && n != tt.requests {
			t.Errorf("%d %s: %d requests", tt.status, tt.code, n)
		}
		// It passes.
		server.Put("posts", "k", []byte("x"))
		left := 2
		server.Fail(func(*http.Request) (int, string) {
			if left--; left >= 0 {
				return tt.status, tt.code
			}
			return 0, ""
		})
		_, err = server.Client(t).Open(t.Context(), "posts", "k", "")
		if (err == nil) != tt.temporary {
			t.Errorf("%d %s, twice: error %v", tt.status, tt.code, err)
		}
	}
}

func TestAnUploadThatCannotBeCompletedLeavesNothing(t *testing.T) {
	server := s3litetest.New(t)
	// The error comes with status 200, as S3 may do it.
	server.Fail(func(r *http.Request) (int, string) {
		if r.Method == http.MethodPost && r.URL.Query().Has("uploadId") {
			return 200, "InternalError"
		}
		return 0, ""
	})
	u := server.Client(t).Create(t.Context(), "posts", "k", "")
	if _, err := u.Write(noise(9 << 20)); err != nil {
		t.Fatal(err)
	}
	err := u.Commit()
	var e *s3lite.Error
	if !errors.As(err, &e) || !e.Temporary() || e.Code != "InternalError" {
		t.Errorf("error %v", err)
	}
	if server.Open() != 0 || len(server.Keys()) != 0 {
		t.Errorf("%d uploads and objects %v are left", server.Open(), server.Keys())
	}
}

func TestAnObjectThatEndsEarlyIsATemporaryError(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("half")) // the client sees what is missing
	}))
	defer server.Close()
	c, err := s3lite.New(s3lite.Options{Region: "r", AccessKey: "a", SecretKey: "s", Endpoint: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Open(t.Context(), "posts", "k", "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	_, err = io.ReadAll(r)
	var e *s3lite.Error
	if !errors.As(err, &e) || !e.Temporary() {
		t.Errorf("error %v", err)
	}
}
