// Package awskinesis puts records into an Amazon Kinesis data stream, or into
// anything that speaks its protocol. Start with New. It stands apart from
// package deliver so that only programs that need the AWS SDK link it.
package awskinesis

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"coldstream/internal/deliver"
	"coldstream/internal/deliver/awstarget"
)

// Limits of one PutRecords request, partition keys included. The batches of
// package deliver stay below them.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
const (
	maxRecords      = 500
	maxRequestBytes = 5 << 20
	maxRecordBytes  = 1 << 20

	keyBytes = 16
)

// RequestTimeout is how long a Stream waits for an answer unless it is told
// otherwise: 5 MiB on a slow line take a few seconds, a connection that died
// without a word must not hold the run for ever.
const RequestTimeout = 60 * time.Second

// Stream is a deliver.Putter for one data stream.
type Stream struct {
	Timeout time.Duration // of a request; a later answer is none

	client *kinesis.Client
	name   string
	arn    bool // name is an ARN
}

var (
	namePattern = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,128}$`)
	arnPattern  = regexp.MustCompile(`^arn:aws[a-z-]*:kinesis:[a-z0-9-]+:[0-9]{12}:stream/[a-zA-Z0-9_.-]{1,128}$`)
)

// New returns a Stream called stream, by name or by ARN, reached as cfg says. A
// name that cannot be one, and missing region or credentials are errors here,
// before anything is sent.
func New(ctx context.Context, cfg aws.Config, stream string) (*Stream, error) {
	arn := arnPattern.MatchString(stream)
	if !arn && !namePattern.MatchString(stream) {
		return nil, fmt.Errorf("stream %.200q: want a name of 1 to 128 letters, digits, \"_\", \"-\", \".\", or an ARN like arn:aws:kinesis:REGION:ACCOUNT:stream/NAME", stream)
	}
	if err := awstarget.CheckConfig(ctx, cfg); err != nil {
		return nil, err
	}
	return &Stream{Timeout: RequestTimeout, name: stream, arn: arn, client: kinesis.NewFromConfig(cfg, func(o *kinesis.Options) {
		// Package deliver retries, with its own pace and account.
		o.Retryer = aws.NopRetryer{}
		o.HTTPClient = awstarget.Client(cfg)
	})}, nil
}

// Put sends one PutRecords request. The answer's refused records are returned;
// the SDK does not look at them. A request over the service's limits is not
// sent: it would be refused as a whole, and is poisoned at once.
func (s *Stream) Put(ctx context.Context, records []deliver.Record) ([]deliver.Refusal, error) {
	in := kinesis.PutRecordsInput{Records: make([]types.PutRecordsRequestEntry, len(records))}
	if in.StreamName = &s.name; s.arn {
		in.StreamName, in.StreamARN = nil, &s.name
	}
	size := 0
	for i, r := range records {
		in.Records[i] = types.PutRecordsRequestEntry{Data: r.Data, PartitionKey: partitionKey(r)}
		size += len(r.Data) + keyBytes
		if n := len(r.Data) + keyBytes; n > maxRecordBytes {
			return nil, deliver.Poisoned(fmt.Errorf("stream %s: record %d of the request has %d bytes, more than %d", s.name, i, n, maxRecordBytes))
		}
	}
	if len(records) > maxRecords || size > maxRequestBytes {
		return nil, deliver.Poisoned(fmt.Errorf("stream %s: request of %d records and %d bytes, more than %d and %d", s.name, len(records), size, maxRecords, maxRequestBytes))
	}
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	out, err := s.client.PutRecords(ctx, &in)
	if err != nil {
		return nil, codes.Explain(s.name, err)
	}
	return awstarget.Refusals(s.name, len(records), len(out.Records), func(i int) (code, message *string) {
		return out.Records[i].ErrorCode, out.Records[i].ErrorMessage
	})
}

// partitionKey spreads records over the shards by a hash of their ids, so that
// a post that is sent again goes to the shard where it went before. A record
// without an id goes by its data.
func partitionKey(r deliver.Record) *string {
	h := fnv.New64a()
	if r.ID != "" {
		_, _ = io.WriteString(h, r.ID) // a hash takes everything
	} else {
		_, _ = h.Write(r.Data)
	}
	return aws.String(fmt.Sprintf("%0*x", keyBytes, h.Sum64()))
}

// What the service's error codes mean for the records of the request.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html#API_PutRecords_Errors
// https://docs.aws.amazon.com/kinesis/latest/APIReference/CommonErrors.html
var codes = awstarget.Codes{
	// Nothing was accepted; a later attempt is likely to pass.
	SlowDown: map[string]bool{
		"ProvisionedThroughputExceededException": true, "LimitExceededException": true, "KMSThrottlingException": true,
		"ThrottlingException": true, "Throttling": true, "ServiceUnavailable": true, "RequestExpired": true,
	},
	// Later attempts may pass; what became of this one is not known.
	Retryable: map[string]bool{
		"InternalFailure": true, "InternalFailureException": true, "RequestTimeout": true, "RequestTimeoutException": true,
	},
	// A record of the request is at fault: the stream's name was checked.
	Poisoned: map[string]bool{"InvalidArgumentException": true, "ValidationException": true, "SerializationException": true},
}
