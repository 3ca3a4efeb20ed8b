//go:build lambda.norpc

package main

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"coldstream/internal/backfill"
	"coldstream/internal/function"
	"coldstream/internal/lean"
	"coldstream/internal/remote"
	"coldstream/internal/s3lite"
)

// serve runs on aws-lambda-go, which reads the address from the environment and
// ends the process itself. It hands the payload's bytes to the handler as they
// are. Without the tag the package would link net/rpc and with it text/template.
func serve(ctx context.Context, address string, init func() (*function.Handler, error), _ io.Writer) error {
	h, err := init()
	if err != nil {
		return lean.FailInit(address, err)
	}
	lambda.StartWithOptions(h, lambda.WithContext(ctx))
	return errors.New("aws-lambda-go has stopped serving")
}

// remoteHandler returns the handler with the endpoint that the environment
// names. aws-lambda-go has linked net/http anyway.
func remoteHandler(logs io.Writer) (*function.Handler, error) {
	o, err := remote.FromEnv(os.Getenv)
	if err != nil {
		return nil, err
	}
	e, err := remote.New(o)
	if err != nil {
		return nil, err
	}
	return function.NewRemoteHandler(e, logs), nil
}

// setBackfill has h score the objects of S3 Batch Operations tasks. Results go
// where the environment says.
func setBackfill(h *function.Handler) error {
	to, err := backfill.FromEnv(os.Getenv)
	if err != nil {
		return err
	}
	o, err := s3lite.FromEnv(os.Getenv)
	if err != nil {
		return err
	}
	client, err := s3lite.New(o)
	if err != nil {
		return err
	}
	h.SetBackfill(backfill.New(client, to))
	return nil
}
