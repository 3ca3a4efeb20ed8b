// Command raw is a runtime that breaks the rules of the Runtime API in the way
// its event names. Statuses of the answers it gets are printed, one a line.
package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
)

var base = "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/"

func main() {
	switch os.Getenv("INIT") {
	case "hang":
		time.Sleep(time.Hour)
	case "error":
		fmt.Println("loading went wrong")
		post("init/error", `{"errorType":"Model.Missing","errorMessage":"no model beside the binary"}`)
		os.Exit(1)
	case "error-and-hang":
		post("init/error", "not json")
		time.Sleep(time.Hour)
	case "early-response":
		post("invocation/none/response", "{}")
	}
	for {
		response, err := http.Get(base + "invocation/next")
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		id := response.Header.Get("Lambda-Runtime-Aws-Request-Id")
		answer(id, string(body))
	}
}

func answer(id, do string) {
	switch do {
	case "wrong-id":
		post("invocation/0000/response", "stray")
		post("invocation/"+id+"/response", "right")
	case "double":
		post("invocation/"+id+"/response", "first")
		post("invocation/"+id+"/response", "second")
	case "next-unanswered":
		status(http.Get(base + "invocation/next"))
		post("invocation/"+id+"/response", "right")
	case "unknown-paths":
		status(http.Get("http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/elsewhere"))
		post("invocation/"+id+"/opinion", "{}")
		post("invocation/next", "{}")
		post("invocation/"+id+"/response", "right")
	case "huge-chunked":
		// Without a length known in advance the size shows only at the end.
		status(http.Post(base+"invocation/"+id+"/response", "application/json",
			io.LimitReader(zeros{}, 6<<20+101)))
	case "huge-length":
		post("invocation/"+id+"/response", strings.Repeat("x", 6<<20+101))
	case "cut":
		// The length promised is never reached.
		request, _ := http.NewRequest(http.MethodPost, base+"invocation/"+id+"/response", &cut{})
		request.ContentLength = 100
		http.DefaultClient.Do(request)
		post("invocation/"+id+"/response", "whole")
	case "error-not-json":
		post("invocation/"+id+"/error", "plain words\xff")
	case "response-and-exit":
		post("invocation/"+id+"/response", "last words")
		os.Exit(0)
	case "exit":
		os.Exit(1)
	case "child":
		child := exec.Command("sleep", "3600")
		child.Start()
		post("invocation/"+id+"/response", fmt.Sprint(child.Process.Pid))
	case "trailer":
		request, _ := http.NewRequest(http.MethodPost, base+"invocation/"+id+"/response", io.MultiReader(strings.NewReader("half")))
		request.Trailer = http.Header{"Lambda-Runtime-Function-Error-Type": {"Stream.Broken"}}
		status(http.DefaultClient.Do(request))
	default:
		post("invocation/"+id+"/response", do)
	}
}

func post(path, body string) {
	status(http.Post(base+path, "application/json", bytes.NewReader([]byte(body))))
}

func status(response *http.Response, err error) {
	if err != nil {
		fmt.Println(err)
		return
	}
	body, _ := io.ReadAll(response.Body)
	response.Body.Close()
	fmt.Println(response.StatusCode, strings.TrimSpace(string(body)))
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

type cut struct{ n int }

func (c *cut) Read(p []byte) (int, error) {
	if c.n++; c.n > 1 {
		return 0, io.ErrUnexpectedEOF
	}
	return copy(p, "ten bytes."), nil
}
