package s3objects

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// changed is when the fake's objects were changed.
var changed = time.Date(2026, 11, 20, 12, 30, 15, 0, time.UTC)

// fake is a service with one bucket, posts, that lists and gives objects.
type fake struct {
	mu      sync.Mutex
	objects map[string]string
	page    int                                               // keys in a page of the listing
	fault   func(w http.ResponseWriter, r *http.Request) bool // true = it has answered
	lists   int
	gets    []string // keys, as they were asked for
	ranges  []string
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.fault != nil && f.fault(w, r) {
		return
	}
	f.mu.Lock()
	key, object := strings.CutPrefix(r.URL.Path, "/posts/")
	if !object || key == "" {
		defer f.mu.Unlock()
		f.lists++
		f.list(w, r.URL.Query())
		return
	}
	f.gets, f.ranges = append(f.gets, key), append(f.ranges, r.Header.Get("Range"))
	content, ok := f.objects[key]
	f.mu.Unlock()
	switch {
	case !ok:
		refuse(w, http.StatusNotFound, "NoSuchKey")
	case r.Header.Get("If-Match") != etag(content):
		refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
	default:
		if r.Header.Get("Range") == "" {
			w.Header().Set("X-Amz-Checksum-Crc32", checksum(content))
		}
		w.Header().Set("ETag", etag(content))
		http.ServeContent(w, r, "", changed, strings.NewReader(content))
	}
}

func (f *fake) list(w http.ResponseWriter, q url.Values) {
	after, _ := url.QueryUnescape(q.Get("continuation-token"))
	var keys []string
	for key := range f.objects {
		if strings.HasPrefix(key, q.Get("prefix")) && key > after {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	more := ""
	if len(keys) > f.page {
		keys = keys[:f.page]
		more = "<IsTruncated>true</IsTruncated><NextContinuationToken>" + url.QueryEscape(keys[f.page-1]) + "</NextContinuationToken>"
	}
	fmt.Fprint(w, `<?xml version="1.0"?><ListBucketResult><Name>posts</Name><EncodingType>url</EncodingType>`+more)
	for _, key := range keys {
		fmt.Fprintf(w, "<Contents><Key>%s</Key><LastModified>%s</LastModified><ETag>%s</ETag><Size>%d</Size></Contents>",
			url.QueryEscape(key), changed.Format(time.RFC3339), etag(f.objects[key]), len(f.objects[key]))
	}
	fmt.Fprint(w, "</ListBucketResult>")
}

func etag(content string) string { return fmt.Sprintf(`"%x"`, md5.Sum([]byte(content))) }

func checksum(content string) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(content))))
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>about %s</Message></Error>", code, code)
}

// reader starts the fake and reads s3://posts/PREFIX from it.
func (f *fake) reader(t *testing.T, prefix string) *Reader {
	t.Helper()
	if f.page == 0 {
		f.page = 1000
	}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return New(NewClient(config(server.URL)), Place{"posts", prefix})
}

// config has a client that repeats without waiting.
func config(endpoint string) aws.Config {
	return aws.Config{
		Region: "eu-central-1", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported, // as a loaded configuration has it
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
			})
		},
	}
}
