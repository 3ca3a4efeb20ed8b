// Command echo is a Lambda function on aws-lambda-go that does what its event
// asks for and otherwise returns it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Do    string `json:"do"`
	Bytes int    `json:"bytes"`
}

func main() {
	if message := os.Getenv("FAIL_INIT"); message != "" {
		fmt.Fprintln(os.Stderr, message)
		os.Exit(3)
	}
	lambda.Start(handle)
}

func handle(ctx context.Context, raw json.RawMessage) (any, error) {
	var e event
	json.Unmarshal(raw, &e)
	switch e.Do {
	case "error":
		return nil, errors.New("cannot do that")
	case "panic":
		panic("out of luck")
	case "crash":
		fmt.Fprintln(os.Stderr, "about to fall over")
		os.Exit(7)
	case "quit":
		os.Exit(0)
	case "sleep":
		time.Sleep(time.Hour)
	case "big":
		return strings.Repeat("x", e.Bytes-2), nil // and two quotes
	case "who":
		lc, _ := lambdacontext.FromContext(ctx)
		deadline, _ := ctx.Deadline()
		dir, _ := os.Getwd()
		return map[string]any{
			"request":  lc.AwsRequestID,
			"arn":      lc.InvokedFunctionArn,
			"trace":    ctx.Value("x-amzn-trace-id"),
			"deadline": deadline.UnixMilli(),
			"env":      os.Environ(),
			"dir":      dir,
			"pid":      os.Getpid(),
		}, nil
	}
	return raw, nil
}
