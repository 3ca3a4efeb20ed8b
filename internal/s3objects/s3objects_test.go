package s3objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestPlaces(t *testing.T) {
	for text, want := range map[string]Place{
		"s3://posts":            {"posts", ""},
		"s3://posts/":           {"posts", ""},
		"s3://posts/a/b":        {"posts", "a/b"},
		"s3://posts//a":         {"posts", "/a"},
		"s3://my.posts-1/ü %2B": {"my.posts-1", "ü %2B"},
	} {
		if got, err := ParsePlace(text); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"s3://", "s3:///a", "s3:/posts/a", "s3:posts", "S3://posts/a", "posts/a", "", "s3://Posts/", "s3://po", "s3://-posts/",
		"s3://posts./", "s3://po..sts", "s3://user@posts/", "s3://posts?x", "s3://" + strings.Repeat("p", 64), "s3://posts/" + strings.Repeat("k", 1025), "s3://po\nsts/"} {
		if got, err := ParsePlace(text); err == nil || strings.Contains(err.Error(), "\n") || got != (Place{}) {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
	}
	for text, want := range map[string]bool{"s3://posts": true, "S3:x": true, "s3:": true, "s3": false, "./s3:x": false, "": false} {
		if IsPlace(text) != want {
			t.Errorf("IsPlace(%q) is %v", text, !want)
		}
	}
	for key, want := range map[string]bool{"p/.a": true, "p/x/.b/c": true, "p/a": false, "p/../a": false, "p/./a": false, "p/...": true, "p//a": false} {
		if (Place{"posts", "p/"}).Hidden(key) != want {
			t.Errorf("Hidden(%q) is %v", key, !want)
		}
	}
	if (Place{"posts", ".p/a"}).Hidden(".p/a") {
		t.Error("what is hidden by the prefix alone was asked for")
	}
}

// contents reads all objects.
func contents(ctx context.Context, r *Reader) (keys, texts []string, err error) {
	for o, err := range r.Objects(ctx, nil) {
		if err != nil {
			return keys, texts, err
		}
		text, err := io.ReadAll(o.Body)
		if err != nil {
			return keys, texts, err
		}
		keys, texts = append(keys, o.Key), append(texts, string(text))
	}
	return keys, texts, nil
}

// noise is content that does not repeat itself.
func noise(seed uint64, n int) string {
	b := make([]byte, n)
	for i, r := 0, rand.New(rand.NewPCG(seed, 1)); i < n; i++ {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

func TestObjectsComeInOrderWhole(t *testing.T) {
	f := &fake{objects: map[string]string{"other": "x"}, page: 100}
	for i := range 330 {
		f.objects[fmt.Sprintf("p/%d", i)] = noise(uint64(i), i)
	}
	for i, n := range []int{partBytes - 1, partBytes, partBytes + 1, 3*partBytes + 5} {
		f.objects[fmt.Sprintf("p/1%d-large", i)] = noise(uint64(i), n)
	}
	r := f.reader(t, "p/")
	keys, texts, err := contents(t.Context(), r)
	if err != nil || len(keys) != 334 || !slices.IsSorted(keys) || f.lists != 4 {
		t.Fatalf("%d objects in %d pages, sorted %v: %v", len(keys), f.lists, slices.IsSorted(keys), err)
	}
	for i, key := range keys {
		if texts[i] != f.objects[key] {
			t.Errorf("%s has %d bytes that are not its %d", key, len(texts[i]), len(f.objects[key]))
		}
	}
	if !slices.Contains(f.ranges, "bytes=4194304-8388607") || slices.Contains(f.gets, "p/0") {
		t.Errorf("large objects are not read in parts, or empty ones are read: %q", f.ranges)
	}
}

// TestObjectsAreFetchedTogether: the first answers come only when as many
// requests as the window has are there, and there are never more.
func TestObjectsAreFetchedTogether(t *testing.T) {
	f := &fake{objects: map[string]string{}}
	for i := range 3 * window {
		f.objects[fmt.Sprintf("%03d", i)] = "x"
	}
	var under, most atomic.Int32
	full := make(chan struct{})
	f.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Has("list-type") {
			return false
		}
		n := under.Add(1)
		defer under.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if n == window {
			close(full)
		}
		select {
		case <-full:
		case <-r.Context().Done():
		}
		return false
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	keys, _, err := contents(ctx, f.reader(t, ""))
	if err != nil || len(keys) != 3*window || most.Load() != window {
		t.Errorf("%d objects, at most %d at once: %v", len(keys), most.Load(), err)
	}
}

// TestWhatIsNotReadIsBounded: of objects that nobody reads no more than the
// window is fetched ahead, and what is left out is not fetched at all.
func TestWhatIsNotReadIsBounded(t *testing.T) {
	f := &fake{objects: map[string]string{"b": "wanted"}}
	f.objects["a"] = noise(1, 5*partBytes)
	for i := range 2 * window {
		f.objects[fmt.Sprintf("c%03d", i)] = "x"
	}
	r := f.reader(t, "")
	n := 0
	for o, err := range r.Objects(t.Context(), func(i Info) bool { return i.Key != "c000" }) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; o.Key == "b" {
			if text, err := io.ReadAll(o.Body); err != nil || string(text) != "wanted" {
				t.Errorf("behind an object that was not read: %q, %v", text, err)
			}
			break
		}
	}
	if n != 2 || len(f.gets) > 6+window || slices.Contains(f.gets, "c000") {
		t.Errorf("%d objects seen, %d requests", n, len(f.gets))
	}
}

func TestOddKeys(t *testing.T) {
	f := &fake{objects: map[string]string{}, page: 3}
	for _, key := range []string{"/lead", "//", "a//b", "../up", "a/../b", "a/./b", "..", ".", "sp ace+plus", "ünï/日本", "%41", "a?b=c&d#e", "<&>\"'", "tab\tnl\nbell\a", "back\\slash", "end/", "\U0001F600", "~*()!'"} {
		f.objects[key] = "content of " + key
	}
	keys, texts, err := contents(t.Context(), f.reader(t, ""))
	if err != nil || len(keys) != len(f.objects) {
		t.Fatalf("%q: %v", keys, err)
	}
	for i, key := range keys {
		if texts[i] != "content of "+key {
			t.Errorf("%q has %q", key, texts[i])
		}
	}
}

// TestBrokenAnswersAreRepeated: the content of an object breaks off, or is not
// what its checksum says.
func TestBrokenAnswersAreRepeated(t *testing.T) {
	for name, fault := range map[string]func(http.ResponseWriter){
		"breaks off": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, "the beginning")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		},
		"wrong bytes": func(w http.ResponseWriter) {
			w.Header().Set("X-Amz-Checksum-Crc32", checksum("others"))
			io.WriteString(w, strings.Repeat("y", 1000))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{objects: map[string]string{"a": strings.Repeat("x", 1000)}}
			var faults atomic.Int32
			var tries atomic.Int32
			f.fault = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Query().Has("list-type") || faults.Add(-1) < 0 {
					return false
				}
				tries.Add(1)
				fault(w)
				return true
			}
			r := f.reader(t, "")
			faults.Store(attempts - 1)
			if _, texts, err := contents(t.Context(), r); err != nil || len(texts) != 1 || texts[0] != f.objects["a"] {
				t.Errorf("got %d objects, %v", len(texts), err)
			}
			faults.Store(1000)
			tries.Store(0)
			if _, _, err := contents(t.Context(), r); err == nil || !strings.HasPrefix(err.Error(), "read s3://posts/a: ") || tries.Load() != attempts {
				t.Errorf("after %d attempts: %v", tries.Load(), err)
			}
		})
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	for _, c := range []struct {
		get          bool // else the listing fails
		status       int
		code, region string
		want         string
	}{
		{false, 404, "NoSuchBucket", "", "list s3://posts/p: there is no bucket posts"},
		{false, 403, "AccessDenied", "", "list s3://posts/p: access denied; the credentials need s3:ListBucket"},
		{false, 301, "PermanentRedirect", "us-west-2", "list s3://posts/p: bucket posts is in region us-west-2; set AWS_REGION=us-west-2"},
		{false, 301, "", "", "bucket posts is in another region; set AWS_REGION to its own"},
		{false, 400, "AuthorizationHeaderMalformed", "us-west-2", "set AWS_REGION=us-west-2"},
		{false, 403, "InvalidAccessKeyId", "", "the AWS credentials are not accepted; renew them"},
		{false, 403, "SignatureDoesNotMatch", "", "the AWS credentials are not accepted"},
		{false, 400, "ExpiredToken", "", "the AWS credentials are not accepted; renew them"},
		{false, 503, "SlowDown", "", "list s3://posts/p: SlowDown: about SlowDown"},
		{false, 200, "", "", "list s3://posts/p: the answer is no listing of a bucket"},
		{true, 404, "NoSuchKey", "", "read s3://posts/p: the object was changed or deleted after it was listed; run the command again"},
		{true, 412, "PreconditionFailed", "", "read s3://posts/p: the object was changed"},
		{true, 412, "", "", "read s3://posts/p: the object was changed"},
		{true, 403, "AccessDenied", "", "read s3://posts/p: access denied; the credentials need"},
		{true, 403, "InvalidObjectState", "", "read s3://posts/p: the object is archived; restore it first"},
		{true, 500, "InternalError", "", "read s3://posts/p: InternalError"},
		{true, 200, "", "", "read s3://posts/p: the service answers with 9 bytes, expected 7"},
	} {
		f := &fake{objects: map[string]string{"p": "content"}}
		f.fault = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Query().Has("list-type") == c.get {
				return false
			}
			if c.region != "" {
				w.Header().Set("X-Amz-Bucket-Region", c.region)
			}
			switch {
			case c.code != "":
				refuse(w, c.status, c.code)
			case c.status == 200:
				io.WriteString(w, "no answer")
			default:
				w.WriteHeader(c.status)
			}
			return true
		}
		_, _, err := contents(t.Context(), f.reader(t, "p"))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "operation error") {
			t.Errorf("status %d %s: %v, want %q", c.status, c.code, err, c.want)
		}
	}
}

func TestNoServiceIsNamed(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	_, _, err := contents(t.Context(), New(NewClient(config(server.URL)), Place{"posts", ""}))
	if err == nil || !strings.HasPrefix(err.Error(), "list s3://posts/: "+host+" cannot be reached: ") {
		t.Errorf("got %v", err)
	}
	_, _, err = contents(t.Context(), New(NewClient(config("http://nowhere.invalid")), Place{"posts", ""}))
	if err == nil || !strings.Contains(err.Error(), "list s3://posts/: the address nowhere.invalid is not known") {
		t.Errorf("got %v", err)
	}
}

// TestServiceThatHangs: an attempt is given up after a time without a byte.
func TestServiceThatHangs(t *testing.T) {
	for _, hangs := range []string{"listing", "object", "content"} {
		f := &fake{objects: map[string]string{"a": "content"}}
		f.fault = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Query().Has("list-type") != (hangs == "listing") {
				return false
			}
			if hangs == "content" {
				w.Header().Set("Content-Length", "7")
				io.WriteString(w, "con")
				w.(http.Flusher).Flush()
			}
			<-r.Context().Done()
			return true
		}
		r := f.reader(t, "")
		r.stall = 50 * time.Millisecond
		if hangs != "listing" {
			r.stall = 300 * time.Millisecond // a listing has to pass
		}
		if _, _, err := contents(t.Context(), r); !errors.Is(err, errStalled) {
			t.Errorf("%s: got %v", hangs, err)
		}
	}
}

// TestTheContextEndsAll: in the listing, in a request, and between objects.
func TestTheContextEndsAll(t *testing.T) {
	cause := errors.New("Ctrl-C")
	for _, when := range []string{"list-type", "x-id"} {
		f := &fake{objects: map[string]string{"a": "content", "b": noise(1, 3*partBytes)}}
		ctx, cancel := context.WithCancelCause(t.Context())
		f.fault = func(w http.ResponseWriter, r *http.Request) bool {
			if !r.URL.Query().Has(when) {
				return false
			}
			cancel(cause)
			<-r.Context().Done()
			return true
		}
		if _, _, err := contents(ctx, f.reader(t, "")); !errors.Is(err, cause) {
			t.Errorf("%s: got %v", when, err)
		}
	}
}

func TestListingsThatLie(t *testing.T) {
	for listing, want := range map[string]string{
		`<IsTruncated>true</IsTruncated>`:                                                 "the listing does not go on after 0 objects",
		`<IsTruncated>true</IsTruncated><NextContinuationToken>n</NextContinuationToken>`: "the listing does not go on after 0 objects",
		`<Contents><Key>%zz</Key><Size>1</Size></Contents>`:                               `key "%zz"`,
		`<Contents><Key></Key><Size>1</Size></Contents>`:                                  `an object with key ""`,
		`<Contents><Key>a</Key><Size>-1</Size></Contents>`:                                "and -1 bytes",
		`<Contents><Key>a</Key><Size>4611686018427387904</Size></Contents>`:               "the service answers with 7 bytes, expected 4194304",
	} {
		f := &fake{objects: map[string]string{"a": "content"}}
		f.fault = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Query().Has("list-type") {
				fmt.Fprintf(w, `<?xml version="1.0"?><ListBucketResult><Name>posts</Name><EncodingType>url</EncodingType>%s</ListBucketResult>`, listing)
				return true
			}
			io.WriteString(w, "content")
			return true
		}
		if _, _, err := contents(t.Context(), f.reader(t, "")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", listing, err)
		}
	}
}
