//go:build !lambda.norpc

package main

import (
	"context"
	"errors"
	"io"

	"coldstream/internal/function"
	"coldstream/internal/lean"
)

// serve runs on internal/lean, with the handler that init returns.
func serve(ctx context.Context, address string, init func() (*function.Handler, error), logs io.Writer) error {
	return lean.Start(ctx, address, func() (lean.Handler, error) { return init() }, logs)
}

// remoteHandler refuses: this build has no HTTP client.
func remoteHandler(io.Writer) (*function.Handler, error) {
	return nil, errors.New(endpointVariable + " is set, but this function is built for the lean runtime, which has no HTTP client; package it with --runtime aws")
}

// setBackfill refuses for the same reason.
func setBackfill(*function.Handler) error {
	return errors.New(backfillVariable + " is set, but this function is built for the lean runtime, which has no HTTP client; package it with --runtime aws")
}
