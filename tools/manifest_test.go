package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestManifestListsABucket runs the command against an endpoint that answers
// ListObjectsV2 in two pages.
func TestManifestListsABucket(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if r.URL.Path != "/posts" || q.Get("list-type") != "2" || q.Get("prefix") != "raw/" || q.Get("encoding-type") != "url" {
			http.Error(w, r.URL.String(), http.StatusBadRequest)
			return
		}
		object := `<Contents><Key>raw/%s</Key><LastModified>2026-11-%sT00:00:00.000Z</LastModified><Size>%d</Size></Contents>`
		head := `<?xml version="1.0"?><ListBucketResult><Name>posts</Name><EncodingType>url</EncodingType>`
		if q.Get("continuation-token") == "" {
			fmt.Fprintf(w, head+`<IsTruncated>true</IsTruncated><NextContinuationToken>n</NextContinuationToken>`+object+`</ListBucketResult>`, "a+b%2B.gz", "01", 1000)
			return
		}
		fmt.Fprintf(w, head+`<IsTruncated>false</IsTruncated>`+object+object+`</ListBucketResult>`, "old.gz", "02", 10, "new.txt", "20", 10)
	}))
	defer server.Close()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_S3": server.URL, "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s", "AWS_CONFIG_FILE": "none", "AWS_PROFILE": "",
	} {
		t.Setenv(name, value)
	}
	file := filepath.Join(t.TempDir(), "m.csv")
	manifest := func(args ...string) (string, error) {
		var out strings.Builder
		err := run(t.Context(), append([]string{"manifest", "s3://posts/raw/", "-o", file}, args...), nil, &out, io.Discard)
		return out.String(), err
	}
	out, err := manifest("--suffix", ".gz")
	if want := file + ": 2 objects, 1,010 bytes; 1 left out\n"; err != nil || out != want {
		t.Fatalf("%q, %v, want %q", out, err, want)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "posts,raw/a%20b%2B.gz\nposts,raw/old.gz\n" {
		t.Errorf("%q, %v", b, err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := manifest("--suffix", ".gz", "--since", "2026-11-20"); err == nil || !strings.Contains(err.Error(), "holds 3 objects, of which 0 empty and 3 left out by --suffix and --since") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("a file is left: %v", err)
	}
}
