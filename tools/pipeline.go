package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"coldstream/internal/bundle"
	"coldstream/internal/cli"
	"coldstream/internal/deliver"
	"coldstream/internal/pipeline"
	"coldstream/internal/report"
)

func newPipeline() *cobra.Command {
	var model, addr, sent string
	var serve bool
	var posts cli.Posts
	var o pipeline.Options
	cmd := &cobra.Command{
		Use:   "pipeline",
		Short: "Run the whole system on this machine, without an account",
		Long: `Run the whole system on this machine: posts go through the AWS client into a
local delivery stream, the packaged function scores them as a process of its own,
and objects appear in a directory. No account is needed; nothing leaves the
machine.

--out holds the delivered objects and nothing else, so it has to be empty or not
there yet; without it a new temporary directory is used. --serve keeps the local
Firehose endpoint up until Ctrl-C, so that any AWS client can put records into
the stream; it sends no posts of its own unless --source or --file is given.`,
		Example: `  coldstream pipeline
  coldstream pipeline --source file --file posts.csv --text-column text --id-column id --out objects
  coldstream pipeline --serve --out objects`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			ctx, w := cmd.Context(), cmd.OutOrStdout()
			if o.Model, err = loadModel(model); err != nil {
				return err
			}
			o.Build, o.Addr = fromSource(), addr
			sends := !serve || cmd.Flags().Changed("source") || posts.File != ""
			if sends {
				if err := posts.Resolve(cmd); err != nil {
					return err
				}
				src, err := posts.Open(ctx, cmd, "")
				if err != nil {
					return err
				}
				defer src.Close()
				o.Source = src
			}
			if o.Out == "" {
				o.Out = filepath.Join(os.TempDir(), "coldstream-objects-"+time.Now().Format("20060102-150405.000"))
			}
			for _, path := range []string{sent, posts.DeadLetter} {
				if path != "" && isInside(o.Out, path) {
					return fmt.Errorf("%s is inside %s, which is to hold the objects and nothing else", path, o.Out)
				}
			}
			files := cli.NewLines(model, posts.File)
			defer func() { err = errors.Join(err, files.Close()) }()
			if o.Deliver, err = posts.Deliver(files); err != nil {
				return err
			}
			if sent != "" {
				if o.Sent, err = files.Open(sent); err != nil {
					return err
				}
			}
			if serve {
				o.Serve = func(ctx context.Context, e pipeline.Endpoint) error { return serveUntilInterrupted(ctx, w, e) }
			}
			return runPipeline(ctx, w, cmd.ErrOrStderr(), o, posts.Total())
		},
	}
	modelFlag(cmd, &model)
	posts.AddTo(cmd)
	fs := cmd.Flags()
	fs.StringVar(&o.Out, "out", "", "`DIR` for the delivered objects, empty or not there yet (default: a new temporary one)")
	fs.StringVar(&sent, "sent", "", "`FILE` for the ids of the accepted posts, for coldstream verify")
	cli.Choice(cmd, &o.Runtime, "runtime", "aws", "Runtime API client of the function", bundle.Runtimes...)
	fs.BoolVar(&serve, "serve", false, "keep the endpoint up until Ctrl-C")
	fs.StringVar(&addr, "addr", "127.0.0.1:0", "`ADDRESS` of the endpoint; port 0 is any free one")
	return cmd
}

// isInside reports whether path lies in the folder dir.
func isInside(dir, path string) bool {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return false
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return false
	}
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// runPipeline runs it and prints the stages as they end, then the results.
func runPipeline(ctx context.Context, w, stderr io.Writer, o pipeline.Options, total int) error {
	progress := new(cli.Progress)
	defer func() { progress.Done() }()
	o.Working = func(what string) {
		progress.Done()
		n := 0
		if what == "sending" {
			n = total
		}
		progress = cli.NewProgress(stderr, what, n)
	}
	o.Deliver.Progress = func(c deliver.Counts, e deliver.Event) {
		progress.Set(c.Delivered)
		if e.Err != nil {
			progress.Describe("sending; " + cli.OneLine(e.Err))
		}
	}
	o.Stage = func(s pipeline.Stage) {
		progress.Done()
		fmt.Fprintf(w, "%8s  %s\n", seconds(s.Took), s.Name)
	}
	s, err := pipeline.Run(ctx, o)
	progress.Done()
	if err != nil {
		if s != nil && s.Stream.Objects+s.Stream.ErrorObjects > 0 {
			err = fmt.Errorf("%w; %s delivered to %s", err, report.Count(int(s.Stream.Delivered+s.Stream.FailedDelivered), "record"), o.Out)
		}
		return err
	}
	if err := writeSummary(w, s, o.Out); err != nil {
		return err
	}
	return s.Accounted()
}

// seconds writes a duration as a person reads it.
func seconds(d time.Duration) string { return fmt.Sprintf("%.3f s", d.Seconds()) }

// writeSummary prints the results, the account and where the objects are.
func writeSummary(w io.Writer, s *pipeline.Summary, out string) error {
	_, err := fmt.Fprintf(w, "%8s  in all\n\n", seconds(s.Total))
	if s.Results == nil {
		_, e := fmt.Fprintln(w, "no records were delivered")
		return errors.Join(err, e)
	}
	err = errors.Join(err, writeResults(w, s.Results))
	if s.Deliver.Received > 0 {
		_, e := fmt.Fprintf(w, "\nposts:    %v\n", s.Deliver)
		err = errors.Join(err, e)
	} else {
		_, e := fmt.Fprintln(w)
		err = errors.Join(err, e)
	}
	_, e := fmt.Fprintf(w, "records:  %d accepted = %d scored + %d failed\n", s.Stream.Accepted, s.Stream.Delivered, s.Stream.FailedDelivered)
	err = errors.Join(err, e)
	if v := s.Verification; v != nil {
		_, e := fmt.Fprintf(w, "ids:      %s, %s\n", amount(report.Total(v.Missing), "lost"), amount(report.Total(v.Doubled), "doubled"))
		err = errors.Join(err, e)
	}
	_, e = fmt.Fprintf(w, "objects:  %s in %s (%s bytes)\n", report.Count(s.Results.Objects, "object"), out, report.Thousands(int(s.Results.Bytes)))
	return errors.Join(err, e)
}

// serveUntilInterrupted says how to reach the endpoint and waits.
func serveUntilInterrupted(ctx context.Context, w io.Writer, e pipeline.Endpoint) error {
	_, err := fmt.Fprintf(w, `
The delivery stream %q takes records at %s until Ctrl-C. For AWS clients:

export AWS_ENDPOINT_URL_FIREHOSE=%s AWS_REGION=%s AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local

`, e.Stream, e.URL, e.URL, e.Region)
	if err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
