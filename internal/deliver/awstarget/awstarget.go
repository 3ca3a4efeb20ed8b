// Package awstarget is what the AWS targets of package deliver have in common:
// credentials that are there before anything is sent, a client that does not
// lose answers, refused records, and what a service's error says about the
// records of a request. Start with CheckConfig, Client, Refusals and
// Codes.Explain.
package awstarget

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"coldstream/internal/deliver"
)

// CheckConfig demands a region and credentials.
func CheckConfig(ctx context.Context, cfg aws.Config) error {
	const missing = "no AWS credentials; set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
	if cfg.Region == "" {
		return errors.New("no AWS region; set AWS_REGION")
	}
	if cfg.Credentials == nil {
		return errors.New(missing)
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return fmt.Errorf(missing+": %w", err)
	}
	return nil
}

// Client returns the HTTP client of cfg, the SDK's own if it has none, in a form
// that does not lose answers.
//
// The SDK closes a request's body as soon as the answer begins. net/http may not
// have looked for the body's end yet, and does so by WriteTo, which the SDK's
// closed body answers with io.EOF as an error; net/http then drops the
// connection with the rest of the answer on it. The records have been accepted,
// the caller sees "use of closed network connection", and sends them again.
// Seen with smithy-go 1.28.8 for 38 of 9,000 connections on a busy machine. A body
// without WriteTo is read, and a closed one then says io.EOF as readers do.
func Client(cfg aws.Config) aws.HTTPClient {
	if cfg.HTTPClient == nil {
		return client{awshttp.NewBuildableClient()}
	}
	return client{cfg.HTTPClient}
}

type client struct{ aws.HTTPClient }

func (c client) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return c.HTTPClient.Do(r)
}

// Refusals returns the refused ones of the records that were sent to the stream
// of that name. answer returns the code, nil for an accepted record, and the
// message of the i-th of the answers, which stand in the order of the records.
func Refusals(stream string, records, answers int, answer func(i int) (code, message *string)) ([]deliver.Refusal, error) {
	// Without an answer for each, nothing is known about any of them.
	if answers != records {
		return nil, fmt.Errorf("stream %s answered for %d of %d records", stream, answers, records)
	}
	var refusals []deliver.Refusal
	for i := range answers {
		if code, message := answer(i); code != nil {
			refusals = append(refusals, deliver.Refusal{Index: i, Reason: *code + ": " + aws.ToString(message)})
		}
	}
	return refusals, nil
}

// Codes says what a service's error codes mean for the records of the request.
// What is in none of them and has a status from 400 to 499 is permanent.
type Codes struct {
	SlowDown  map[string]bool // nothing was accepted; a later attempt is likely to pass
	Retryable map[string]bool // later attempts may pass; what became of this one is not known
	Poisoned  map[string]bool // a record of the request is at fault
}

// Explain shortens the SDK's error about the stream of that name to what a
// reader needs, and marks it by what it means.
func (c *Codes) Explain(stream string, err error) error {
	var api smithy.APIError
	if !errors.As(err, &api) {
		var network *url.Error
		if errors.As(err, &network) {
			err = fmt.Errorf("%s: %w", network.URL, network.Err)
		}
		return fmt.Errorf("stream %s: %w", stream, err)
	}
	short := fmt.Errorf("stream %s: %s: %s", stream, api.ErrorCode(), api.ErrorMessage())
	status := 0
	var response interface{ HTTPStatusCode() int }
	if errors.As(err, &response) {
		status = response.HTTPStatusCode()
	}
	switch {
	case c.SlowDown[api.ErrorCode()] || status == http.StatusTooManyRequests:
		return deliver.NotAccepted(short)
	case c.Poisoned[api.ErrorCode()] || status == http.StatusRequestEntityTooLarge:
		return deliver.Poisoned(short)
	case status >= http.StatusBadRequest && status < http.StatusInternalServerError && !c.Retryable[api.ErrorCode()]:
		return deliver.Permanent(short)
	}
	return short
}
