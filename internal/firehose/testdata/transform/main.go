// Command transform is a Firehose transformation that treats each record as the
// first word of its text says and scores nothing.
package main

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"
)

type record struct {
	RecordID string         `json:"recordId"`
	Result   string         `json:"result,omitempty"`
	Data     *string        `json:"data,omitempty"`
	Metadata map[string]any `json:"metadata,omitempty"`
}

type batch struct {
	Records []record `json:"records"`
}

func main() { lambda.Start(handle) }

func handle(_ context.Context, in batch) (batch, error) {
	var out batch
	for _, r := range in.Records {
		text, err := base64.StdEncoding.DecodeString(*r.Data)
		if err != nil {
			return batch{}, err
		}
		word, _, _ := strings.Cut(string(text), " ")
		data := base64.StdEncoding.EncodeToString([]byte("<" + string(text) + ">\n"))
		answer := record{RecordID: r.RecordID, Result: "Ok", Data: &data, Metadata: map[string]any{"partitionKeys": map[string]string{"label": word}}}
		switch word {
		case "drop":
			answer.Result, answer.Data = "Dropped", nil
		case "fail":
			answer.Result, answer.Data = "ProcessingFailed", nil
		case "missing":
			continue
		case "double":
			out.Records = append(out.Records, answer)
		case "stranger":
			answer.RecordID += "0"
		case "nodata":
			answer.Data = nil
		case "notbase64":
			*answer.Data = "%%%"
		case "noresult":
			answer.Result = ""
		case "nokey":
			answer.Metadata = nil
		case "evilkey":
			answer.Metadata = map[string]any{"partitionKeys": map[string]string{"label": "../../etc"}}
		case "error":
			return batch{}, errors.New("asked to fail")
		case "crash":
			os.Exit(9)
		}
		out.Records = append(out.Records, answer)
	}
	return out, nil
}
