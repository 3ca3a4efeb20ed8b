//go:build !lambda.norpc

package main

import (
	"context"
	"io"

	"coldstream/internal/function"
	"coldstream/internal/lean"
)

// serve runs on internal/lean.
func serve(ctx context.Context, address string, h *function.Handler, logs io.Writer) error {
	return lean.Run(ctx, address, h, logs)
}
