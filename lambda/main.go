// Command lambda is the deployed function: it answers Firehose transformation
// events, HTTP requests and direct invocations with the model that lies beside
// it, or with the endpoint that ENDPOINT_URL names. With BACKFILL_TO it also
// scores whole objects for S3 Batch Operations. `coldstream package` builds it
// and makes the zip.
//
// With the build tag lambda.norpc it runs on aws-lambda-go; without it on this
// project's own client of the Runtime API, which starts sooner and knows no
// endpoint and no objects.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"coldstream/internal/function"
)

func main() {
	if err := run(context.Background(), os.Getenv("AWS_LAMBDA_RUNTIME_API"), os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "lambda:", err)
		os.Exit(1)
	}
}

// run serves invocations from the Runtime API at address. It returns only with
// an error.
func run(ctx context.Context, address string, logs io.Writer) error {
	if address == "" {
		return errors.New("AWS_LAMBDA_RUNTIME_API is not set: this program runs on AWS Lambda; to try it on this machine, run coldstream pipeline")
	}
	return serve(ctx, address, func() (*function.Handler, error) {
		h, err := handler(logs)
		if err == nil && os.Getenv(backfillVariable) != "" {
			err = setBackfill(h)
		}
		return h, err
	}, logs)
}

// endpointVariable, if it is set, has posts scored by an endpoint.
const endpointVariable = "ENDPOINT_URL"

// backfillVariable, if it is set, has tasks of S3 Batch Operations answered.
const backfillVariable = "BACKFILL_TO"

// handler returns the handler with the model beside the program, or with the
// endpoint that the environment names.
func handler(logs io.Writer) (*function.Handler, error) {
	if os.Getenv(endpointVariable) != "" {
		return remoteHandler(logs)
	}
	dir, err := folder()
	if err != nil {
		return nil, err
	}
	model, err := function.Load(dir, runtime.GOMAXPROCS(0))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w; a zip without a model needs %s", err, endpointVariable)
	}
	if err != nil {
		return nil, err
	}
	return function.NewHandler(model, logs), nil
}

// folder returns where the program and its model lie. Lambda says so; elsewhere
// the system is asked.
func folder() (string, error) {
	if dir := os.Getenv("LAMBDA_TASK_ROOT"); dir != "" {
		return dir, nil
	}
	program, err := os.Executable()
	return filepath.Dir(program), err
}
