// Package s3lite reads and writes objects of S3 with net/http alone, for the
// deployed function, which does without the AWS SDK.
//
// New makes a Client of Options, FromEnv reads them from a function's
// environment. Client.Open streams an object, Client.Create begins one that
// appears when it is complete. Requests are signed with Signature Version 4,
// bodies included, and repeated where that can help; an Error says whether a
// later attempt may succeed.
package s3lite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Options say as whom and where. Endpoint and SessionToken may be empty.
type Options struct {
	Region       string // of all buckets
	AccessKey    string
	SecretKey    string
	SessionToken string
	Endpoint     string // instead of AWS: http or https, buckets in the path
}

// FromEnv reads Options by means of getenv, which is os.Getenv for a function.
// The names are those of the AWS SDKs.
func FromEnv(getenv func(string) string) (Options, error) {
	o := Options{
		Region:       getenv("AWS_REGION"),
		AccessKey:    getenv("AWS_ACCESS_KEY_ID"),
		SecretKey:    getenv("AWS_SECRET_ACCESS_KEY"),
		SessionToken: getenv("AWS_SESSION_TOKEN"),
		Endpoint:     getenv("AWS_ENDPOINT_URL_S3"),
	}
	if o.Endpoint == "" {
		o.Endpoint = getenv("AWS_ENDPOINT_URL")
	}
	for _, v := range [...]struct{ name, value string }{
		{"AWS_REGION", o.Region}, {"AWS_ACCESS_KEY_ID", o.AccessKey}, {"AWS_SECRET_ACCESS_KEY", o.SecretKey},
	} {
		if v.value == "" {
			return Options{}, fmt.Errorf("s3lite: %s is not set; Lambda sets it", v.name)
		}
	}
	return o, nil
}

// Bounds of the work.
const (
	// attempts is how often a request is sent, as the AWS SDKs do.
	attempts = 3
	// firstWait is the longest wait before the second attempt; it doubles.
	firstWait = 200 * time.Millisecond
	// maxErrorBytes bounds what is read of an answer that is no object.
	maxErrorBytes = 64 << 10
	// headerTimeout bounds the wait for an answer to begin. Completing a large
	// upload may take S3 minutes.
	headerTimeout = 3 * time.Minute
)

// Client is safe for concurrent use.
type Client struct {
	o        Options
	endpoint *url.URL // nil = AWS
	http     *http.Client
	now      func() time.Time
}

// New returns a Client. The error says which option is at fault.
func New(o Options) (*Client, error) {
	if !isName(o.Region) || o.AccessKey == "" || o.SecretKey == "" {
		return nil, errors.New("s3lite: a region and credentials are needed")
	}
	c := &Client{o: o, now: time.Now}
	if o.Endpoint != "" {
		u, err := url.Parse(o.Endpoint)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" {
			return nil, fmt.Errorf("s3lite: endpoint %.80q is no address; want http(s)://HOST[:PORT]", o.Endpoint)
		}
		c.endpoint = u
	}
	t := &http.Transport{
		DisableCompression:    true, // an object's bytes are what was stored
		MaxIdleConnsPerHost:   4,
		IdleConnTimeout:       30 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: headerTimeout,
	}
	c.http = &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return c, nil
}

// request is one request about an object. Its body is sent again with every
// attempt.
type request struct {
	op, method  string // op is for errors: what was tried
	bucket, key string
	query       url.Values
	contentType string
	body        []byte
}

// do sends r until it succeeds, cannot succeed, or was tried often enough. The
// caller closes the answer's body.
func (c *Client) do(ctx context.Context, r *request) (*http.Response, error) {
	var last error
	for attempt := range attempts {
		if attempt > 0 {
			if err := sleep(ctx, rand.N(firstWait<<(attempt-1))); err != nil {
				return nil, fmt.Errorf("%w (%w)", err, last)
			}
		}
		res, err := c.once(ctx, r)
		if err == nil {
			return res, nil
		}
		var e *Error
		if last = err; ctx.Err() != nil || errors.As(err, &e) && !e.Temporary() {
			break
		}
	}
	return nil, last
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// once sends r. An answer that reports a fault is an *Error.
func (c *Client) once(ctx context.Context, r *request) (*http.Response, error) {
	u, err := c.address(r)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, r.method, u.String(), bytes.NewReader(r.body))
	if err != nil {
		return nil, &Error{Op: r.op, Bucket: r.bucket, Key: r.key, Err: err}
	}
	req.URL = u // as it was signed, escapes included
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	c.sign(req, r.body, c.now())
	res, err := c.http.Do(req)
	if err != nil {
		return nil, &Error{Op: r.op, Bucket: r.bucket, Key: r.key, Err: withoutURL(err), lost: true}
	}
	if res.StatusCode == http.StatusOK || res.StatusCode == http.StatusNoContent {
		return res, nil
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(res.Body, maxErrorBytes)) // the status says enough
	return nil, newError(r, res.StatusCode, text)
}

// withoutURL is err without the address that net/http puts in front: the Error
// names the object.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// address is where r goes: to the bucket's own host, or into the path where the
// endpoint is given or a dot in the name would break TLS.
func (c *Client) address(r *request) (*url.URL, error) {
	switch {
	case !isBucket(r.bucket):
		return nil, &Error{Op: r.op, Bucket: r.bucket, Key: r.key, Err: errors.New("this is no bucket's name")}
	case strings.HasSuffix(r.bucket, "--x-s3"):
		return nil, &Error{Op: r.op, Bucket: r.bucket, Key: r.key, Err: errors.New("directory buckets are not supported")}
	case r.key == "":
		return nil, &Error{Op: r.op, Bucket: r.bucket, Err: errors.New("the key is empty")}
	}
	u := &url.URL{Scheme: "https", Host: "s3." + c.o.Region + "." + domain(c.o.Region)}
	path := "/" + r.key
	switch {
	case c.endpoint != nil:
		u.Scheme, u.Host = c.endpoint.Scheme, c.endpoint.Host
		path = "/" + r.bucket + path
	case strings.Contains(r.bucket, "."):
		path = "/" + r.bucket + path
	default:
		u.Host = r.bucket + "." + u.Host
	}
	u.Path, u.RawPath = path, escape(path, true)
	u.RawQuery = canonicalQuery(r.query)
	return u, nil
}

func domain(region string) string {
	if strings.HasPrefix(region, "cn-") {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

// isName tells whether s may stand in a host's name.
func isName(s string) bool {
	for _, c := range []byte(s) {
		if ('a' > c || c > 'z') && ('0' > c || c > '9') && c != '-' {
			return false
		}
	}
	return s != ""
}

// isBucket tells whether s is a bucket's name: it becomes part of a host's.
func isBucket(s string) bool {
	return 3 <= len(s) && len(s) <= 63 && isName(strings.ReplaceAll(s, ".", "-")) && s[0] != '.' && s[0] != '-' && !strings.Contains(s, "..")
}
