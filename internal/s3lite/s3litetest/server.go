// Package s3litetest is an S3 endpoint in memory, for tests: objects are read,
// stored, and uploaded in parts, with buckets in the path. New starts one.
package s3litetest

import (
	"crypto/md5"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"coldstream/internal/s3lite"
)

// Server is the endpoint. Its methods may be called while it serves.
type Server struct {
	URL string

	mu      sync.Mutex
	objects map[string][]byte         // by "bucket/key"
	uploads map[string]map[int][]byte // parts by upload id
	names   []string                  // of the methods and paths asked for
	fault   func(*http.Request) (status int, code string)
}

// New starts a server that ends with the test.
func New(t testing.TB) *Server {
	s := &Server{objects: map[string][]byte{}, uploads: map[string]map[int][]byte{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// Options lead a client to the server.
func (s *Server) Options() s3lite.Options {
	return s3lite.Options{Region: "eu-central-1", AccessKey: "AKIDEXAMPLE", SecretKey: "secret", SessionToken: "token", Endpoint: s.URL}
}

// Client returns a client of the server.
func (s *Server) Client(t testing.TB) *s3lite.Client {
	t.Helper()
	c, err := s3lite.New(s.Options())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Put stores an object.
func (s *Server) Put(bucket, key string, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[bucket+"/"+key] = body
}

// Get returns an object.
func (s *Server) Get(bucket, key string) (body []byte, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, ok = s.objects[bucket+"/"+key]
	return body, ok
}

// Keys lists all objects as "bucket/key", sorted.
func (s *Server) Keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []string
	for k := range s.objects {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Open is how many uploads are neither completed nor aborted.
func (s *Server) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.uploads)
}

// Requests lists what was asked for, as "METHOD path?query".
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.names)
}

// Fail has each request asked for its fault first; status 0 is none, and a
// status below 100 closes the connection.
func (s *Server) Fail(fault func(*http.Request) (status int, code string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		refuse(w, http.StatusBadRequest, "IncompleteBody")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names = append(s.names, r.Method+" "+r.URL.RequestURI())
	if s.fault != nil {
		if status, code := s.fault(r); status >= 100 {
			refuse(w, status, code)
			return
		} else if status > 0 {
			panic(http.ErrAbortHandler)
		}
	}
	if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/") || r.Header.Get("X-Amz-Security-Token") != "token" {
		refuse(w, http.StatusForbidden, "AccessDenied")
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	q := r.URL.Query()
	parts := s.uploads[q.Get("uploadId")]
	if q.Has("uploadId") && parts == nil {
		refuse(w, http.StatusNotFound, "NoSuchUpload")
		return
	}
	switch {
	case r.Method == http.MethodGet:
		object, ok := s.objects[name]
		if !ok {
			refuse(w, http.StatusNotFound, "NoSuchKey")
			return
		}
		w.Write(object)
	case r.Method == http.MethodPost && q.Has("uploads"):
		id := fmt.Sprintf("upload-%d", len(s.names))
		s.uploads[id] = map[int][]byte{}
		fmt.Fprintf(w, "<InitiateMultipartUploadResult><UploadId>%s</UploadId></InitiateMultipartUploadResult>", id)
	case r.Method == http.MethodPost:
		s.complete(w, name, q.Get("uploadId"), body)
	case r.Method == http.MethodDelete:
		delete(s.uploads, q.Get("uploadId"))
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPut && parts != nil:
		n, _ := strconv.Atoi(q.Get("partNumber"))
		parts[n] = body
		w.Header().Set("ETag", tag(body))
	case r.Method == http.MethodPut:
		s.objects[name] = body
		w.Header().Set("ETag", tag(body))
	default:
		refuse(w, http.StatusMethodNotAllowed, "MethodNotAllowed")
	}
}

// complete puts the parts together as S3 does: all but the last have 5 MiB.
func (s *Server) complete(w http.ResponseWriter, name, id string, body []byte) {
	var list struct {
		Part []struct {
			PartNumber int
			ETag       string
		}
	}
	if err := xml.Unmarshal(body, &list); err != nil {
		refuse(w, http.StatusBadRequest, "MalformedXML")
		return
	}
	var whole []byte
	for i, p := range list.Part {
		part, ok := s.uploads[id][p.PartNumber]
		if !ok || p.PartNumber != i+1 || p.ETag != tag(part) || i < len(list.Part)-1 && len(part) < 5<<20 {
			refuse(w, http.StatusBadRequest, "InvalidPart")
			return
		}
		whole = append(whole, part...)
	}
	delete(s.uploads, id)
	s.objects[name] = whole
	fmt.Fprint(w, "<CompleteMultipartUploadResult><Location>x</Location></CompleteMultipartUploadResult>")
}

func tag(b []byte) string { return fmt.Sprintf(`"%x"`, md5.Sum(b)) }

func refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, "<?xml version=\"1.0\"?>\n<Error><Code>%s</Code><Message>made for\nthe &quot;test&quot;</Message></Error>", code)
}
