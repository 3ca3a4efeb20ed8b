// Command barelean is the smallest function on internal/lean: it answers every
// event with a constant. Its start is the floor under the start of the real
// function on that runtime.
package main

import (
	"context"
	"fmt"
	"os"

	"coldstream/internal/lean"
)

type handler struct{}

func (handler) Invoke(context.Context, []byte) ([]byte, error) {
	return []byte(`{"statusCode":200}`), nil
}

func main() {
	err := lean.Run(context.Background(), os.Getenv("AWS_LAMBDA_RUNTIME_API"), handler{}, os.Stderr)
	fmt.Fprintln(os.Stderr, "barelean:", err)
	os.Exit(1)
}
