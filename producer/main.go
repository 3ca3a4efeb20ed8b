// Command producer sends posts into a delivery stream, or as JSON lines to
// standard output or a file, and accounts for every one of them.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
	"github.com/spf13/cobra"

	"coldstream/internal/cli"
	"coldstream/internal/deliver"
	"coldstream/internal/deliver/awsfirehose"
	"coldstream/internal/report"
)

func main() { os.Exit(cli.Main(run)) }

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	return cli.Execute(ctx, newCommand(), args, stdin, stdout, stderr)
}

// flags are the command's flags.
type flags struct {
	posts        cli.Posts
	to           string
	stream       string
	out          string
	sent         string
	maxRetryTime time.Duration
}

func newCommand() *cobra.Command {
	var f flags
	cmd := &cobra.Command{
		Use:   "producer",
		Short: "Send posts into a delivery stream",
		Long: `Send posts from a source to a target, one JSON line with id and text each, and
account for every one. Records that the delivery stream refuses are sent again.
The command succeeds only if everything that was read was accepted.

AWS endpoints, region and credentials follow the SDK's own variables and files
(AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL_FIREHOSE, ...).

--sent and --to file write whole lines for accepted posts only, and keep them if
the run ends early.`,
		Example: `  producer --source sample --to stdout
  producer --source file --file posts.csv --text-column text --id-column id --to firehose --stream posts --sent sent.jsonl
  tail -f posts.jsonl | producer --source stdin --to firehose --stream posts`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error { return produce(cmd, &f) },
	}
	f.posts.AddTo(cmd, "sample", "sample", "file", "stdin")
	fs := cmd.Flags()
	cli.Choice(cmd, &f.to, "to", "", "where posts go", "firehose", "stdout", "file")
	fs.StringVar(&f.stream, "stream", "", "`NAME` of the delivery stream for --to firehose")
	fs.StringVar(&f.out, "out", "", "`FILE` for --to file")
	fs.StringVar(&f.sent, "sent", "", "`FILE` for the ids of the accepted posts, for coldstream verify")
	fs.DurationVar(&f.maxRetryTime, "max-retry-time", 5*time.Minute, "give up when nothing was accepted for this `TIME`; 0 is never")
	cli.Required(cmd, "to")
	cli.AddCompletion(cmd)
	return cmd
}

// produce runs the command.
func produce(cmd *cobra.Command, f *flags) (err error) {
	ctx := cmd.Context()
	src, err := f.posts.Open(ctx, cmd)
	if err != nil {
		return err
	}
	defer src.Close()
	files := cli.NewLines(f.posts.File)
	defer func() { err = errors.Join(err, files.Close()) }()
	to, err := f.target(ctx, files, cmd.OutOrStdout())
	if err != nil {
		return err
	}
	o, err := f.posts.Deliver(files)
	if err != nil {
		return err
	}
	o.MaxRetryTime = f.maxRetryTime
	if f.sent != "" {
		list, err := files.Open(f.sent)
		if err != nil {
			return err
		}
		o.Accepted = deliver.ListIDs(list)
	}
	progress := cli.NewProgress(cmd.ErrOrStderr(), "sending", f.posts.Total())
	defer progress.Done()
	o.Progress = func(c deliver.Counts, e deliver.Event) {
		progress.Set(c.Delivered)
		switch {
		case e.Err != nil:
			progress.Describe(fmt.Sprintf("sending; %s; again in %v", cli.OneLine(e.Err), e.Wait.Round(time.Millisecond)))
		case e.Accepted > 0:
			progress.Describe("sending")
		}
	}
	start := time.Now()
	counts, err := deliver.Run(ctx, src, to, o)
	err = errors.Join(err, files.Close())
	progress.Done()
	if err != nil {
		return fmt.Errorf("%w (%v)", err, counts)
	}
	if counts.DeadLettered > 0 {
		return fmt.Errorf("%s could not be sent, see %s (%v)", report.Count(counts.DeadLettered, "post"), f.posts.DeadLetter, counts)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%v in %.1f s\n", counts, time.Since(start).Seconds())
	return nil
}

// target opens what --to names.
func (f *flags) target(ctx context.Context, files *cli.Lines, stdout io.Writer) (deliver.Putter, error) {
	for _, c := range []struct{ flag, value, target string }{{"stream", f.stream, "firehose"}, {"out", f.out, "file"}} {
		if c.value == "" && f.to == c.target {
			return nil, cli.Usagef("--to %s needs --%s", c.target, c.flag)
		}
		if c.value != "" && f.to != c.target {
			return nil, cli.Usagef("--%s belongs to --to %s, not %s", c.flag, c.target, f.to)
		}
	}
	switch f.to {
	case "stdout":
		return deliver.NewWriter(stdout), nil
	case "file":
		file, err := files.Open(f.out)
		if err != nil {
			return nil, err
		}
		return deliver.NewWriter(file), nil
	}
	// The SDK's own log lines would stand beside the one that says what failed.
	cfg, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}))
	if err != nil {
		return nil, err
	}
	return awsfirehose.New(ctx, cfg, f.stream)
}
