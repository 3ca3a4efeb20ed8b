package pipeline

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"coldstream/internal/deliver"
	"coldstream/internal/deliver/awsfirehose"
	"coldstream/internal/firehose"
	"coldstream/internal/runtimeapi"
)

// Object names as a data lake wants them: one folder per hour, failures apart.
const (
	prefix      = "year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=!{timestamp:dd}/hour=!{timestamp:HH}/"
	errorPrefix = "processing-failed/!{firehose:error-output-type}/!{timestamp:yyyy}/!{timestamp:MM}/!{timestamp:dd}/"
)

// system is the running function, stream and endpoint.
type system struct {
	function *runtimeapi.Function
	stream   *firehose.Stream
	sink     *firehose.Directory
	server   *http.Server
	endpoint Endpoint
}

// start starts the function that is unpacked in folder, the stream and its
// endpoint.
func (r *run) start(ctx context.Context, folder string) (_ *system, err error) {
	s := new(system)
	defer func() {
		if err != nil {
			_ = s.close()
		}
	}()
	err = r.stage("starting the function", func() (string, error) {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		// After cancellation the function still scores what was accepted.
		var err error
		s.function, err = runtimeapi.Start(context.WithoutCancel(ctx), runtimeapi.Options{
			Bootstrap: filepath.Join(folder, "bootstrap"), Name: "coldstream", Region: Region,
		})
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("started the function (%.1f ms from exec to its first request)", float64(s.function.Init())/float64(time.Millisecond)), nil
	})
	if err != nil {
		return nil, err
	}
	if s.sink, err = firehose.OpenDirectory(r.Out); err != nil {
		return nil, err
	}
	s.stream, err = firehose.NewStream(firehose.Config{
		Name: StreamName, Region: Region, Sink: s.sink,
		// Smaller intervals than in the cloud: someone is waiting.
		Buffer: firehose.Buffer{Bytes: 5 << 20, Interval: 5 * time.Second},
		Prefix: prefix, ErrorPrefix: errorPrefix, FileExtension: ".jsonl",
		Transform: &firehose.Transform{
			Invoke: s.function.Invoke,
			Buffer: firehose.Buffer{Bytes: 1 << 20, Interval: time.Second},
		},
	})
	if err != nil {
		return nil, err
	}
	addr := r.Addr
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	s.server = &http.Server{Handler: firehose.NewServer(s.stream), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.server.Serve(l) }() // ends with close
	s.endpoint = Endpoint{URL: "http://" + l.Addr().String(), Region: Region, Stream: StreamName}
	return s, nil
}

// client returns the real AWS client, pointed at the endpoint. The keys are
// made up: the local stream does not check them.
func (s *system) client(ctx context.Context) (deliver.Putter, error) {
	return awsfirehose.New(ctx, aws.Config{
		Region:       s.endpoint.Region,
		BaseEndpoint: &s.endpoint.URL,
		Credentials:  credentials.NewStaticCredentialsProvider("local", "local", ""),
	}, s.endpoint.Stream)
}

// close stops what was started. The stream has been drained before.
func (s *system) close() error {
	var errs []error
	if s.server != nil {
		errs = append(errs, s.server.Close())
	}
	if s.function != nil {
		errs = append(errs, s.function.Close())
	}
	if s.sink != nil {
		errs = append(errs, s.sink.Close())
	}
	return errors.Join(errs...)
}
