package backfill

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"coldstream/internal/function"
	"coldstream/internal/manifest"
	"coldstream/internal/mototest"
	"coldstream/internal/s3lite"
	"coldstream/internal/s3objects"
	"coldstream/internal/sentiment"
	"coldstream/weights/pretrained"
)

// TestFromManifestToResultsOnMoto: objects that the SDK stored, the manifest of
// the bucket, a task for each of its lines, and results that the SDK reads.
func TestFromManifestToResultsOnMoto(t *testing.T) {
	url := mototest.Start(t)
	sdk := s3.New(s3.Options{Region: "us-east-1", BaseEndpoint: &url, UsePathStyle: true, Credentials: credentials.NewStaticCredentialsProvider("a", "s", "")})
	for _, bucket := range []string{"source", "results"} {
		if _, err := sdk.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
			t.Fatal(err)
		}
	}
	for key, body := range map[string][]byte{"raw/a b+c\u00e9.gz": zipped(posts(0, 300)), "raw/100%25.jsonl": []byte(posts(300, 50)), "raw/folder/": nil, "other": []byte("x")} {
		if _, err := sdk.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("source"), Key: &key, Body: bytes.NewReader(body)}); err != nil {
			t.Fatal(err)
		}
	}
	var list strings.Builder
	objects := s3objects.New(sdk, s3objects.Place{Bucket: "source", Prefix: "raw/"}).List(t.Context())
	if _, err := manifest.Write(&list, "source", objects, manifest.Options{}, nil); err != nil {
		t.Fatal(err)
	}
	client, err := s3lite.New(s3lite.Options{Region: "us-east-1", AccessKey: "a", SecretKey: "s", Endpoint: url})
	if err != nil {
		t.Fatal(err)
	}
	f, err := pretrained.Default()
	if err != nil {
		t.Fatal(err)
	}
	model, err := sentiment.New(f, 1)
	if err != nil {
		t.Fatal(err)
	}
	h := function.NewHandler(model, nil)
	h.SetBackfill(New(client, to))
	var said []string
	for line := range strings.Lines(list.String()) {
		bucket, key, _ := strings.Cut(strings.TrimSpace(line), ",")
		r := run(t, h, bucket, key)
		said = append(said, r.ResultCode+" "+r.ResultString)
	}
	if got := strings.Join(said, "|"); got != "Succeeded 50 posts scored, 0 failed|Succeeded 300 posts scored, 0 failed" {
		t.Errorf("%s, manifest %s", got, list.String())
	}
	var keys []string
	page, err := sdk.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("results")})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range page.Contents {
		keys = append(keys, *o.Key)
	}
	if got := strings.Join(keys, "|"); got != "run-1/scored/source/raw/100%25.jsonl.jsonl.gz|run-1/scored/source/raw/a b+c\u00e9.gz.jsonl.gz" {
		t.Errorf("objects %s", got)
	}
	if r := run(t, h, "source", "raw/none"); r.ResultCode != "PermanentFailure" || !strings.Contains(r.ResultString, "NoSuchKey") {
		t.Errorf("%+v", r)
	}
	// An upload in parts, and one that is dropped.
	big := make([]byte, 17<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(big) // never fails
	for key, end := range map[string]func(*s3lite.Upload) error{"big": (*s3lite.Upload).Commit, "dropped": func(u *s3lite.Upload) error { u.Abort(); return nil }} {
		u := client.Create(t.Context(), "results", key, "")
		if _, err := u.Write(big); err != nil {
			t.Fatal(err)
		}
		if err := end(u); err != nil {
			t.Fatal(err)
		}
	}
	out, err := sdk.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("results"), Key: aws.String("big")})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	var got bytes.Buffer
	if _, err := got.ReadFrom(out.Body); err != nil || !bytes.Equal(got.Bytes(), big) {
		t.Errorf("%d bytes, %v", got.Len(), err)
	}
	if open, err := sdk.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: aws.String("results")}); err != nil || len(open.Uploads) != 0 {
		t.Errorf("uploads left: %v, %v", open, err)
	}
}
