package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"coldstream/internal/bundle"
	"coldstream/internal/deliver"
	"coldstream/internal/deliver/awsfirehose"
	"coldstream/internal/firehose"
	"coldstream/internal/source"
	"coldstream/weights/pretrained"
)

// options are those of a run over n sample posts.
func options(t *testing.T, n int) Options {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the function: not in -short mode")
	}
	if runtime.GOOS != "linux" {
		t.Skip("the packaged function is a Linux program")
	}
	m, err := pretrained.Default()
	if err != nil {
		t.Fatal(err)
	}
	src, err := source.NewSample(n, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return Options{Model: m, Build: bundle.FromSource("."), Runtime: "lean", Source: src, Out: filepath.Join(t.TempDir(), "objects")}
}

func TestEveryPostIsScoredOnce(t *testing.T) {
	o := options(t, 1234)
	var stages []string
	o.Stage = func(s Stage) { stages = append(stages, s.Name) }
	s, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Accounted(); err != nil {
		t.Error(err)
	}
	if s.Results.Scored != 1234 || s.Verification.Sent != 1234 || !s.Verification.OK() || s.Deliver.Requests < 3 {
		t.Errorf("got %+v, %+v", s.Deliver, s.Results)
	}
	if len(stages) != 5 || s.Total == 0 {
		t.Errorf("stages %q", stages)
	}
}

// TestUnscorableRecordIsStoredWithItsReason puts a record through the endpoint
// that is neither text nor a whole JSON object.
func TestUnscorableRecordIsStoredWithItsReason(t *testing.T) {
	o := options(t, 3)
	o.Serve = func(ctx context.Context, e Endpoint) error {
		to, err := awsfirehose.New(ctx, aws.Config{Region: e.Region, BaseEndpoint: &e.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}, e.Stream)
		if err != nil {
			return err
		}
		refusals, err := to.Put(ctx, []deliver.Record{{Data: []byte(`{"id":"torn","text":`)}})
		if len(refusals) > 0 {
			t.Errorf("refused: %v", refusals)
		}
		return err
	}
	s, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Accounted(); err != nil {
		t.Error(err)
	}
	if s.Stream.Accepted != 4 || s.Results.Scored != 3 || s.Results.Failed != 1 || len(s.Results.Failures) != 1 {
		t.Errorf("got %+v, %+v", s.Stream, s.Results)
	}
}

func TestUsedDirectoryIsRefused(t *testing.T) {
	o := options(t, 1)
	if err := os.Mkdir(o.Out, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(o.Out, "old"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("got %v", err)
	}
}

// TestFailureLeavesNoDirectory: a run that delivers nothing takes its directory
// with it.
func TestFailureLeavesNoDirectory(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx    context.Context
		change func(*Options)
	}{
		"build":     {t.Context(), func(o *Options) { o.Build = failing }},
		"cancelled": {cancelled, func(*Options) {}},
		"address":   {t.Context(), func(o *Options) { o.Addr = "256.0.0.1:0" }},
		"bootstrap": {t.Context(), func(o *Options) { o.Build = broken }},
	} {
		o := options(t, 1)
		c.change(&o)
		if _, err := Run(c.ctx, o); err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := os.Stat(o.Out); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the directory is there (%v)", name, err)
		}
	}
}

func failing(context.Context, bundle.Target) ([]byte, error) { return nil, errors.New("no compiler") }

func broken(context.Context, bundle.Target) ([]byte, error) {
	return []byte("#!/bin/sh\nexit 3\n"), nil
}

func TestAccountFindsWhatIsWrong(t *testing.T) {
	for name, s := range map[string]Summary{
		"not read":   {Stream: firehose.Stats{Accepted: 1, Delivered: 1}},
		"buffered":   {Stream: firehose.Stats{Accepted: 1}},
		"unbalanced": {Deliver: deliver.Counts{Received: 2, Delivered: 1}},
	} {
		if err := s.Accounted(); err == nil {
			t.Errorf("%s: no error for %s", name, fmt.Sprint(s.Deliver))
		}
	}
}
