// Command faulty is a function that goes wrong in the way that MODE names.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"

	"coldstream/internal/lean"
)

type handler struct{ mode string }

func (h handler) Invoke(_ context.Context, payload []byte) ([]byte, error) {
	var e struct {
		Records []map[string]any `json:"records"`
	}
	if err := json.Unmarshal(payload, &e); err != nil {
		return nil, err
	}
	switch h.mode {
	case "late":
		fmt.Fprintln(os.Stderr, "still thinking")
		time.Sleep(time.Hour)
	case "quits": // when it has answered
		fmt.Fprintln(os.Stderr, "good night")
		time.AfterFunc(2*time.Millisecond, func() { os.Exit(0) })
	case "calls":
		if _, err := http.Get(os.Getenv("URL") + "/predict"); err != nil {
			return nil, err
		}
	case "garbage":
		fmt.Fprintln(os.Stderr, "I am broken")
		return []byte("<html>"), nil
	case "error":
		return nil, fmt.Errorf("no model today")
	case "exit":
		fmt.Fprintln(os.Stderr, "out of memory")
		os.Exit(137)
	case "few":
		return []byte(`{"records":[]}`), nil
	case "batch":
		if len(e.Records) > 1 {
			fmt.Fprintln(os.Stderr, "too many")
			os.Exit(3)
		}
	}
	for _, r := range e.Records {
		r["result"] = "Ok"
	}
	return json.Marshal(e) // the posts themselves, without a label
}

func main() {
	mode := os.Getenv("MODE")
	switch mode {
	case "crash":
		fmt.Fprintln(os.Stderr, "no such module: tensorflow")
		os.Exit(1)
	case "hang":
		fmt.Fprintln(os.Stderr, "loading")
		time.Sleep(time.Hour)
	}
	fmt.Fprintln(os.Stderr, lean.Run(context.Background(), os.Getenv("AWS_LAMBDA_RUNTIME_API"), handler{mode}, os.Stderr))
}
