// Package s3sink delivers a stream's objects to a bucket: New makes a
// firehose.Sink from a client of the AWS SDK. It is a package of its own so that
// streams into folders do not link the SDK.
package s3sink

import (
	"bytes"
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Client is the one operation of *s3.Client that a sink needs.
type Client interface {
	PutObject(ctx context.Context, in *s3.PutObjectInput, options ...func(*s3.Options)) (*s3.PutObjectOutput, error)
}

// Sink stores objects in one bucket. S3 makes an object visible only when it is
// whole.
type Sink struct {
	client Client
	bucket string
}

// New makes a sink. Endpoint, region, credentials and path style are the
// client's; for anything but AWS the client usually needs UsePathStyle.
func New(client Client, bucket string) *Sink {
	if client == nil || bucket == "" {
		panic("s3sink: a client and a bucket are needed")
	}
	return &Sink{client: client, bucket: bucket}
}

// Put stores body under key. Errors are returned after the client's own
// retries.
func (s *Sink) Put(ctx context.Context, key string, body []byte) error {
	_, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket:      aws.String(s.bucket),
		Key:         aws.String(key),
		Body:        bytes.NewReader(body),
		ContentType: aws.String("application/octet-stream"), // as the service sets it
	})
	if err != nil {
		return fmt.Errorf("s3sink: store s3://%s/%s: %w", s.bucket, key, err)
	}
	return nil
}
