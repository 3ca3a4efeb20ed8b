package s3lite

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// TestSignaturesAreTheSDKs compares each signature with that of the AWS SDK.
func TestSignaturesAreTheSDKs(t *testing.T) {
	now := time.Date(2026, 11, 22, 23, 59, 59, 0, time.FixedZone("", 7200))
	for _, token := range []string{"", "a/session+token=="} {
		o := Options{Region: "eu-central-1", AccessKey: "AKIDEXAMPLE", SecretKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", SessionToken: token}
		for _, endpoint := range []string{"", "http://127.0.0.1:5000"} {
			o.Endpoint = endpoint
			c, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range []request{
				{method: "GET", bucket: "posts", key: "2026/11/22/a b+c=d&e%f\u00e9'()*!~.gz"},
				{method: "GET", bucket: "posts", key: "a//b/../c/./", query: url.Values{"versionId": {"x y/+="}}},
				{method: "PUT", bucket: "with.dot", key: "k", contentType: "application/gzip", body: []byte("body")},
				{method: "POST", bucket: "posts", key: "k", query: url.Values{"uploads": {""}}, contentType: "text/plain"},
				{method: "PUT", bucket: "posts", key: "k", query: url.Values{"uploadId": {"a.b_c~d-e/f"}, "partNumber": {"10"}}, body: bytes.Repeat([]byte("x"), 1000)},
			} {
				u, err := c.address(&r)
				if err != nil {
					t.Fatal(err)
				}
				make := func() *http.Request {
					req, err := http.NewRequest(r.method, u.String(), bytes.NewReader(r.body))
					if err != nil {
						t.Fatal(err)
					}
					req.URL = u
					if r.contentType != "" {
						req.Header.Set("Content-Type", r.contentType)
					}
					return req
				}
				mine, theirs := make(), make()
				c.sign(mine, r.body, now)
				theirs.ContentLength = 0 // the SDK would sign it too
				theirs.Header.Set("X-Amz-Content-Sha256", hexHash(r.body))
				signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
				err = signer.SignHTTP(t.Context(), aws.Credentials{AccessKeyID: o.AccessKey, SecretAccessKey: o.SecretKey, SessionToken: token},
					theirs, hexHash(r.body), "s3", o.Region, now)
				if err != nil {
					t.Fatal(err)
				}
				if got, want := mine.Header.Get("Authorization"), theirs.Header.Get("Authorization"); got != want {
					t.Errorf("%s %s:\n%s\n%s", r.method, u, got, want)
				}
				if got, want := mine.URL.RequestURI(), theirs.URL.RequestURI(); got != want && r.query == nil {
					t.Errorf("sent %s, want %s", got, want)
				}
			}
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, tt := range []struct{ region, endpoint, bucket, key, want string }{
		{"eu-central-1", "", "posts", "a/b c", "https://posts.s3.eu-central-1.amazonaws.com/a/b%20c"},
		{"eu-central-1", "", "my.posts", "a", "https://s3.eu-central-1.amazonaws.com/my.posts/a"},
		{"cn-north-1", "", "posts", "+", "https://posts.s3.cn-north-1.amazonaws.com.cn/%2B"},
		{"eu-central-1", "http://localhost:5000/", "posts", "a", "http://localhost:5000/posts/a"},
		{"eu-central-1", "", "posts/..", "a", "no bucket's name"},
		{"eu-central-1", "", "host.example#", "a", "no bucket's name"},
		{"eu-central-1", "", "Posts", "a", "no bucket's name"},
		{"eu-central-1", "", "posts--use1-az4--x-s3", "a", "directory buckets are not supported"},
		{"eu-central-1", "", "posts", "", "the key is empty"},
	} {
		c, err := New(Options{Region: tt.region, AccessKey: "a", SecretKey: "s", Endpoint: tt.endpoint})
		if err != nil {
			t.Fatal(err)
		}
		u, err := c.address(&request{bucket: tt.bucket, key: tt.key})
		if err != nil {
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%+v: %v", tt, err)
			}
			continue
		}
		if u.String() != tt.want {
			t.Errorf("%+v: %s", tt, u)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for want, o := range map[string]Options{
		"a region and credentials are needed": {Region: "x/y", AccessKey: "a", SecretKey: "s"},
		`endpoint "localhost:1" is no`:        {Region: "r", AccessKey: "a", SecretKey: "s", Endpoint: "localhost:1"},
		`endpoint "http://h/path" is no`:      {Region: "r", AccessKey: "a", SecretKey: "s", Endpoint: "http://h/path"},
	} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want %s", o, err, want)
		}
	}
	env := map[string]string{"AWS_REGION": "r", "AWS_ACCESS_KEY_ID": "a", "AWS_ENDPOINT_URL": "http://h"}
	if _, err := FromEnv(func(n string) string { return env[n] }); err == nil || !strings.Contains(err.Error(), "AWS_SECRET_ACCESS_KEY is not set") {
		t.Errorf("error %v", err)
	}
	env["AWS_SECRET_ACCESS_KEY"] = "s"
	if o, err := FromEnv(func(n string) string { return env[n] }); err != nil || o.Endpoint != "http://h" || o.SecretKey != "s" {
		t.Errorf("%+v %v", o, err)
	}
}
