package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"coldstream/internal/runtimeapi"
	"coldstream/internal/s3lite/s3litetest"
)

// TestThePackagedFunctionScoresObjects runs the zip with the environment that
// Lambda gives it and a task in the form of the S3 User Guide.
func TestThePackagedFunctionScoresObjects(t *testing.T) {
	dir := unpacked(t, "aws")
	server := s3litetest.New(t)
	server.Put("posts", "2026/a b.gz", []byte("{\"id\":\"1\",\"text\":\"what a great evening, I love it\"}\n{\"id\":\"2\"}\n"))
	f, err := runtimeapi.Start(t.Context(), runtimeapi.Options{Bootstrap: filepath.Join(dir, "bootstrap"), Env: []string{
		"BACKFILL_TO=s3://results/run", "AWS_ENDPOINT_URL_S3=" + server.URL, "AWS_REGION=eu-central-1",
		"AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret", "AWS_SESSION_TOKEN=token",
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := invoke(t, f, `{"invocationSchemaVersion":"1.0","invocationId":"YXNk","job":{"id":"f3cc4f60-61f6-4a2b-8a21-d07600c373ce"},"tasks":[{"taskId":"dGFz","s3Key":"2026/a%20b.gz","s3VersionId":null,"s3BucketArn":"arn:aws:s3:::posts"}]}`)
	var answer struct {
		Results []struct{ TaskID, ResultCode, ResultString string }
	}
	if err := json.Unmarshal(r.Payload, &answer); err != nil || r.FunctionError != "" || len(answer.Results) != 1 {
		t.Fatalf("%s %s %v", r.Payload, r.FunctionError, err)
	}
	if got := answer.Results[0]; got.ResultCode != "Succeeded" || got.TaskID != "dGFz" || got.ResultString != "1 posts scored, 1 failed (no_text 1)" {
		t.Errorf("%+v", got)
	}
	packed, ok := server.Get("results", "run/scored/posts/2026/a b.gz.jsonl.gz")
	if !ok {
		t.Fatalf("objects %v", server.Keys())
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	line, err := io.ReadAll(z)
	if err != nil || !strings.HasPrefix(string(line), `{"message":"what a great evening, I love it","sentiment":"Positive"`) || !strings.HasSuffix(string(line), `"id":"1"}`+"\n") {
		t.Errorf("%s %v", line, err)
	}
}

func TestABackfillThatIsNotPossibleEndsInit(t *testing.T) {
	for kind, want := range map[string]string{"aws": "want s3://BUCKET/PREFIX", "lean": "package it with --runtime aws"} {
		dir := unpacked(t, kind)
		_, err := runtimeapi.Start(t.Context(), runtimeapi.Options{Bootstrap: filepath.Join(dir, "bootstrap"), Env: []string{"BACKFILL_TO=results/run"}})
		var failed *runtimeapi.InitError
		if !errors.As(err, &failed) || !strings.Contains(failed.Message, want) {
			t.Errorf("%s: error %v, want %s", kind, err, want)
		}
	}
}
