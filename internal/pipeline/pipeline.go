// Package pipeline runs the whole system on one machine: posts go through the
// real AWS client into a local delivery stream, the packaged function scores
// them as a process of its own, and objects appear in a directory. Start with
// Run.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"coldstream/internal/bundle"
	"coldstream/internal/deliver"
	"coldstream/internal/firehose"
	"coldstream/internal/report"
	"coldstream/internal/source"
	"coldstream/weights"
)

// StreamName is the name of the local delivery stream.
const StreamName = "posts"

// Region is what the local delivery stream says it is in.
const Region = "us-east-1"

// drainTime bounds how long buffered records may take to reach the directory
// after the last one was sent: retries of a failing function are over by then.
const drainTime = 2 * time.Minute

// Options is what a run is made of. Model, Build and Out are required.
type Options struct {
	Model   *weights.File
	Build   bundle.Builder
	Runtime string // of the function: one of bundle.Runtimes
	Addr    string // of the endpoint; "" = a free port on 127.0.0.1

	Source  source.Source   // nil = only what others send
	Deliver deliver.Options // what to send, and DeadLetter and Progress, are the caller's

	Out  string    // directory for the objects; empty or not there yet
	Sent io.Writer // gets the ids of the accepted posts, one JSON object per line; nil = none

	// Serve, when set, is called once the endpoint is up and the source has been
	// sent; the run goes on until it returns.
	Serve func(ctx context.Context, e Endpoint) error

	Stage func(Stage) // called after each stage; nil = not
	// Working is called before each stage; nil = not.
	Working func(what string)
}

// Endpoint is where the local delivery stream listens.
type Endpoint struct {
	URL    string
	Region string
	Stream string
}

// Stage is one finished step.
type Stage struct {
	Name string // what was done, in the past tense
	Took time.Duration
}

// Summary is the account of a run. It is returned with an error too, as far as
// the run came.
type Summary struct {
	Deliver      deliver.Counts       // what the source gave
	Stream       firehose.Stats       // what the stream did
	Results      *report.Results      // what lies in the directory; nil = the run ended before that
	Verification *report.Verification // of the source's posts; nil = none were accepted
	Total        time.Duration
}

// Accounted reports whether every post and record is where it should be: sent
// or accounted for, scored once or stored as failed with its reason.
func (s *Summary) Accounted() error {
	switch {
	case !s.Deliver.Balanced():
		return fmt.Errorf("the producer's account does not balance: %v", s.Deliver)
	case s.Stream.Buffered() != 0:
		return fmt.Errorf("%d records are still in the stream", s.Stream.Buffered())
	case s.Stream.Dropped != 0:
		return fmt.Errorf("the function dropped %d records", s.Stream.Dropped)
	case s.Results == nil && s.Stream.Accepted == 0:
		return nil // nobody sent anything
	case s.Results == nil:
		return errors.New("the objects were not read")
	case s.Results.Bad > 0:
		return fmt.Errorf("%d lines of the objects cannot be read: %v", s.Results.Bad, s.Results.BadList[0])
	// A record may hold several posts, and comes back with as many answers.
	case int64(s.Results.Scored) < s.Stream.Delivered || int64(s.Results.Failed) != s.Stream.FailedDelivered:
		return fmt.Errorf("the stream delivered %d scored and %d failed records, the directory holds %d and %d",
			s.Stream.Delivered, s.Stream.FailedDelivered, s.Results.Scored, s.Results.Failed)
	}
	if v := s.Verification; v != nil && len(v.Missing)+len(v.Doubled) > 0 {
		return fmt.Errorf("%d posts are missing and %d are doubled", report.Total(v.Missing), report.Total(v.Doubled))
	}
	return nil
}

// Run runs the system. After cancellation it still delivers what the stream has
// accepted, and returns the summary with the context's error.
func Run(ctx context.Context, o Options) (_ *Summary, err error) {
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("the packaged function is a Linux program; it cannot run on %s", runtime.GOOS)
	}
	start := time.Now()
	made, err := prepareOut(o.Out)
	if err != nil {
		return nil, err
	}
	defer func() {
		if made && err != nil {
			removeEmpty(o.Out)
		}
	}()
	tmp, err := os.MkdirTemp("", "coldstream-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(tmp) }() // what is left is in the temporary folder
	r := &run{Options: o, tmp: tmp, sum: new(Summary)}
	err = r.all(ctx)
	r.sum.Total = time.Since(start)
	return r.sum, err
}

// prepareOut makes the directory, if need be; it has to be empty.
func prepareOut(dir string) (made bool, err error) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, os.MkdirAll(dir, 0o777)
	case err != nil:
		return false, err
	case len(entries) > 0:
		return false, fmt.Errorf("%s is not empty; it is to hold this run's objects and nothing else, so empty it or name another directory", dir)
	}
	return false, nil
}

// removeEmpty removes dir if nothing was delivered to it.
func removeEmpty(dir string) { _ = os.Remove(dir) }

// run is a run under way.
type run struct {
	Options
	tmp string
	sum *Summary
}

// all goes through the stages.
func (r *run) all(ctx context.Context) error {
	folder, err := r.unpackFunction(ctx)
	if err != nil {
		return err
	}
	s, err := r.start(ctx, folder)
	if err != nil {
		return err
	}
	sendErr := r.send(ctx, s)
	if sendErr == nil && r.Serve != nil {
		sendErr = r.Serve(ctx, s.endpoint)
	}
	err = errors.Join(sendErr, r.drain(s))
	r.sum.Stream = s.stream.Stats()
	err = errors.Join(err, s.close())
	if r.sum.Stream.Accepted == 0 {
		return err
	}
	return errors.Join(err, r.read())
}

// stage runs one step and reports its time.
func (r *run) stage(doing string, step func() (done string, err error)) error {
	if r.Working != nil {
		r.Working(doing)
	}
	start := time.Now()
	done, err := step()
	if err == nil && r.Stage != nil {
		r.Stage(Stage{done, time.Since(start)})
	}
	return err
}

// unpackFunction packages the function and unpacks it as Lambda would.
func (r *run) unpackFunction(ctx context.Context) (folder string, err error) {
	folder = filepath.Join(r.tmp, "function")
	err = r.stage("building and packaging the function", func() (string, error) {
		t := bundle.Target{Arch: runtime.GOARCH, Runtime: r.Runtime}
		var zip writer
		if err := bundle.Zip(ctx, &zip, t, r.Model, r.Build); err != nil {
			return "", err
		}
		if err := os.Mkdir(folder, 0o755); err != nil {
			return "", err
		}
		if err := bundle.Unzip(zip.b, folder); err != nil {
			return "", err
		}
		return fmt.Sprintf("packaged the function (%v, %s bytes)", t, report.Thousands(len(zip.b))), nil
	})
	return folder, err
}

// writer gathers what is written to it.
type writer struct{ b []byte }

func (w *writer) Write(p []byte) (int, error) {
	w.b = append(w.b, p...)
	return len(p), nil
}

// send moves the source's posts into the stream.
func (r *run) send(ctx context.Context, s *system) error {
	if r.Source == nil {
		return nil
	}
	return r.stage("sending", func() (string, error) {
		to, err := s.client(ctx)
		if err != nil {
			return "", err
		}
		// The list for the check at the end; the caller's own is a copy of it.
		ids := deliver.NewFile(filepath.Join(r.tmp, "sent.jsonl"))
		lists := []io.Writer{ids}
		if r.Sent != nil {
			lists = append(lists, r.Sent)
		}
		o := r.Deliver
		o.Accepted = deliver.ListIDs(lists...)
		// The stream is next door: when its buffers are full it needs
		// milliseconds, not seconds.
		o.MinDelay, o.MaxDelay, o.Linger = 10*time.Millisecond, 500*time.Millisecond, 100*time.Millisecond
		o.MaxRetryTime = drainTime
		r.sum.Deliver, err = deliver.Run(ctx, r.Source, to, o)
		if err = errors.Join(err, ids.Close()); err != nil {
			return "", fmt.Errorf("%w (%v)", err, r.sum.Deliver)
		}
		return fmt.Sprintf("sent %s in %s", report.Count(r.sum.Deliver.Delivered, "post"), report.Count(r.sum.Deliver.Requests, "request")), nil
	})
}

// drain delivers what is buffered, also after cancellation.
func (r *run) drain(s *system) error {
	return r.stage("scoring and delivering", func() (string, error) {
		ctx, cancel := context.WithTimeout(context.Background(), drainTime)
		defer cancel()
		if err := s.stream.Close(ctx); err != nil {
			return "", err
		}
		st := s.stream.Stats()
		return fmt.Sprintf("scored and delivered %s in %s, with %s of the function", report.Count(int(st.Delivered+st.FailedDelivered), "record"),
			report.Count(int(st.Objects+st.ErrorObjects), "object"), report.Count(int(st.Invocations), "call")), nil
	})
}

// read counts the objects and compares them with what was sent.
func (r *run) read() error {
	return r.stage("reading the objects", func() (string, error) {
		objects := os.DirFS(r.Out)
		sent, err := os.Open(filepath.Join(r.tmp, "sent.jsonl"))
		if errors.Is(err, fs.ErrNotExist) {
			r.sum.Results, err = report.Read(objects, nil)
			return "read the objects", err
		}
		if err != nil {
			return "", err
		}
		defer sent.Close()
		if r.sum.Verification, err = report.Verify(context.Background(), sent, objects); err != nil {
			return "", err
		}
		r.sum.Results = r.sum.Verification.Results
		return "read the objects and compared the ids", nil
	})
}
