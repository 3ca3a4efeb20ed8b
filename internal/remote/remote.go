// Package remote scores posts at an endpoint: `coldstream serve`, or any server
// that answers {"text"} with {"sentiment","score"}.
//
// FromEnv reads the Options from the environment of a function, New makes an
// Endpoint of them, and Endpoint.Score is what function.NewRemoteHandler wants.
// Texts go out in batches over connections that are kept. What fails for a
// while is tried again until soon before the deadline; a batch that is refused
// is halved until the posts that are at fault stand alone.
package remote

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Variables of a function's environment.
const (
	URLVariable         = "ENDPOINT_URL"
	BatchVariable       = "ENDPOINT_BATCH"
	ConcurrencyVariable = "ENDPOINT_CONCURRENCY"
)

// Bounds and defaults of Options.
const (
	// DefaultBatch is what the engine takes in one call.
	DefaultBatch = 512
	MaxBatch     = 10_000
	// MaxConcurrency bounds what one of many functions asks of one endpoint.
	MaxConcurrency = 64

	// batchBytes bounds the texts of one request; a longer text goes alone. JSON
	// makes up to six bytes of one, so that a request stays below the 6 MB that
	// coldstream serve reads, and an answer that repeats its texts below
	// maxAnswerBytes.
	batchBytes     = 512 << 10
	maxAnswerBytes = 8 << 20
)

// Options say where and how posts are scored. Only URL is required.
type Options struct {
	URL         string // http or https; without a path, /predict is meant
	Batch       int    // texts in one request; 1 asks with {"text"} instead of {"texts"}; default DefaultBatch
	Concurrency int    // requests at the same time for one event; default 1
}

// FromEnv reads Options by means of getenv, which is os.Getenv for a function.
// The error names the variable at fault.
func FromEnv(getenv func(string) string) (Options, error) {
	o := Options{URL: getenv(URLVariable)}
	if _, err := o.target(); err != nil {
		return Options{}, fmt.Errorf("remote: %s: %w", URLVariable, err)
	}
	for _, v := range [...]struct {
		name string
		dst  *int
		most int
	}{{BatchVariable, &o.Batch, MaxBatch}, {ConcurrencyVariable, &o.Concurrency, MaxConcurrency}} {
		text := getenv(v.name)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > v.most {
			return Options{}, fmt.Errorf("remote: %s is %.40q, want a number from 1 to %d", v.name, text, v.most)
		}
		*v.dst = n
	}
	return o, nil
}

// target is the URL that is asked. Its errors do not repeat the URL, which may
// hold a password.
func (o *Options) target() (*url.URL, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, errors.New("want a URL like http://10.0.0.7:8000/predict")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/predict"
	}
	u.Fragment = ""
	return u, nil
}

// Endpoint scores texts. It is safe for concurrent use.
type Endpoint struct {
	url         string
	batch       int
	concurrency int
	client      *http.Client
	transport   *http.Transport

	// Times, changed by tests only.
	minDelay, maxDelay time.Duration // bounds of the wait before a request is sent again
	attempt            time.Duration // that one request may take
	margin             time.Duration // kept back from the deadline, to write the answer
	patience           time.Duration // of an event without a deadline
}

// New returns an Endpoint. It does not connect.
func New(o Options) (*Endpoint, error) {
	u, err := o.target()
	if err != nil {
		return nil, fmt.Errorf("remote: %w", err)
	}
	o.Batch, o.Concurrency = cmp.Or(o.Batch, DefaultBatch), cmp.Or(o.Concurrency, 1)
	if o.Batch < 1 || o.Batch > MaxBatch || o.Concurrency < 1 || o.Concurrency > MaxConcurrency {
		return nil, fmt.Errorf("remote: batches of %d with %d requests at a time, want 1 to %d and 1 to %d", o.Batch, o.Concurrency, MaxBatch, MaxConcurrency)
	}
	t := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
		TLSHandshakeTimeout:    3 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxConnsPerHost:        o.Concurrency,
		MaxIdleConnsPerHost:    o.Concurrency,
		IdleConnTimeout:        50 * time.Second, // load balancers of AWS close after 60 s
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true, // answers are small, and a bound on bytes is one on memory
	}
	return &Endpoint{
		url: u.String(), batch: o.Batch, concurrency: o.Concurrency, transport: t,
		client: &http.Client{
			Transport: t,
			// Another address than the one that was set is never sent a text.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		minDelay: 50 * time.Millisecond, maxDelay: 2 * time.Second,
		attempt: 15 * time.Second, margin: 500 * time.Millisecond, patience: time.Minute,
	}, nil
}
