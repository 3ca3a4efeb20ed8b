// Package awsfirehose puts records into an Amazon Data Firehose delivery
// stream, or into anything that speaks its protocol. Start with New. It stands
// apart from package deliver so that only programs that need the AWS SDK link
// it.
package awsfirehose

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"

	"coldstream/internal/deliver"
	"coldstream/internal/deliver/awstarget"
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
	if err := awstarget.CheckConfig(ctx, cfg); err != nil {
		return nil, err
	}
	return &Stream{Timeout: RequestTimeout, name: name, client: firehose.NewFromConfig(cfg, func(o *firehose.Options) {
		// Package deliver retries, with its own pace and account.
		o.Retryer = aws.NopRetryer{}
		o.HTTPClient = awstarget.Client(cfg)
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
		return nil, codes.Explain(s.name, err)
	}
	return awstarget.Refusals(s.name, len(records), len(out.RequestResponses), func(i int) (code, message *string) {
		return out.RequestResponses[i].ErrorCode, out.RequestResponses[i].ErrorMessage
	})
}

// What the service's error codes mean for the records of the request.
// https://docs.aws.amazon.com/firehose/latest/APIReference/CommonErrors.html
var codes = awstarget.Codes{
	// Nothing was accepted; a later attempt is likely to pass.
	SlowDown: map[string]bool{
		"ThrottlingException": true, "Throttling": true, "LimitExceededException": true,
		"ServiceUnavailable": true, "ServiceUnavailableException": true, "RequestExpired": true,
	},
	// Later attempts may pass; what became of this one is not known.
	Retryable: map[string]bool{"InternalFailure": true, "RequestTimeout": true, "RequestTimeoutException": true},
	// A record of the request is at fault.
	Poisoned: map[string]bool{"InvalidArgumentException": true, "ValidationException": true, "SerializationException": true},
}
