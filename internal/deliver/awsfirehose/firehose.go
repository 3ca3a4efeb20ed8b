// Package awsfirehose puts records into an Amazon Data Firehose delivery
// stream, or into anything that speaks its protocol. Start with New. It stands
// apart from package deliver so that only programs that need the AWS SDK link
// it.
package awsfirehose

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/smithy-go"

	"coldstream/internal/deliver"
)

// RequestTimeout is how long a Stream waits for an answer unless it is told
// otherwise: 4 MiB on a slow line take a few seconds, a connection that died
// without a word must not hold the run for ever.
const RequestTimeout = 60 * time.Second

// Stream is a deliver.Putter for one delivery stream.
type Stream struct {
	Timeout time.Duration // of a request; a later answer is none

	client *firehose.Client
	name   string
}

// New returns a Stream called name, reached as cfg says. Missing region or
// credentials are errors here, before anything is sent.
func New(ctx context.Context, cfg aws.Config, name string) (*Stream, error) {
	if cfg.Region == "" {
		return nil, errors.New("no AWS region; set AWS_REGION")
	}
	if cfg.Credentials == nil {
		return nil, errors.New("no AWS credentials; set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return nil, fmt.Errorf("no AWS credentials; set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: %w", err)
	}
	return &Stream{Timeout: RequestTimeout, name: name, client: firehose.NewFromConfig(cfg, func(o *firehose.Options) {
		// Package deliver retries, with its own pace and account.
		o.Retryer = aws.NopRetryer{}
	})}, nil
}

// Put sends one PutRecordBatch request. The answer's refused records are
// returned; the SDK does not look at them.
func (s *Stream) Put(ctx context.Context, records []deliver.Record) ([]deliver.Refusal, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	in := firehose.PutRecordBatchInput{DeliveryStreamName: &s.name, Records: make([]types.Record, len(records))}
	for i, r := range records {
		in.Records[i].Data = r.Data
	}
	out, err := s.client.PutRecordBatch(ctx, &in)
	if err != nil {
		return nil, s.explain(err)
	}
	// Answers stand in the order of the records; without one each, nothing is
	// known about any of them.
	if len(out.RequestResponses) != len(records) {
		return nil, fmt.Errorf("stream %s answered for %d of %d records", s.name, len(out.RequestResponses), len(records))
	}
	var refusals []deliver.Refusal
	for i, a := range out.RequestResponses {
		if a.ErrorCode != nil {
			refusals = append(refusals, deliver.Refusal{Index: i, Reason: *a.ErrorCode + ": " + aws.ToString(a.ErrorMessage)})
		}
	}
	return refusals, nil
}

// What the service's error codes mean for the records of the request.
// https://docs.aws.amazon.com/firehose/latest/APIReference/CommonErrors.html
var (
	// Nothing was accepted; a later attempt is likely to pass.
	slowDown = map[string]bool{
		"ThrottlingException": true, "Throttling": true, "LimitExceededException": true,
		"ServiceUnavailable": true, "ServiceUnavailableException": true, "RequestExpired": true,
	}
	// Later attempts may pass; what became of this one is not known.
	retryable = map[string]bool{"InternalFailure": true, "RequestTimeout": true, "RequestTimeoutException": true}
	// A record of the request is at fault.
	poisoned = map[string]bool{"InvalidArgumentException": true, "ValidationException": true, "SerializationException": true}
)

// explain shortens the SDK's error to what a reader needs, and marks what
// trying again cannot mend: the request was understood and refused.
func (s *Stream) explain(err error) error {
	var api smithy.APIError
	if !errors.As(err, &api) {
		var network *url.Error
		if errors.As(err, &network) {
			err = fmt.Errorf("%s: %w", network.URL, network.Err)
		}
		return fmt.Errorf("stream %s: %w", s.name, err)
	}
	short := fmt.Errorf("stream %s: %s: %s", s.name, api.ErrorCode(), api.ErrorMessage())
	code := 0
	var status interface{ HTTPStatusCode() int }
	if errors.As(err, &status) {
		code = status.HTTPStatusCode()
	}
	switch {
	case slowDown[api.ErrorCode()] || code == http.StatusTooManyRequests:
		return deliver.NotAccepted(short)
	case poisoned[api.ErrorCode()] || code == http.StatusRequestEntityTooLarge:
		return deliver.Poisoned(short)
	case code >= http.StatusBadRequest && code < http.StatusInternalServerError && !retryable[api.ErrorCode()]:
		return deliver.Permanent(short)
	}
	return short
}
