// Command producer sends posts into a delivery stream, or as JSON lines to
// standard output or a file, and accounts for every one of them.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"coldstream/internal/cli"
	"coldstream/internal/deliver"
	"coldstream/internal/deliver/awsfirehose"
	"coldstream/internal/deliver/awskinesis"
	"coldstream/internal/report"
	"coldstream/internal/secret"
	"coldstream/internal/spool"
)

func main() { os.Exit(cli.Main(run)) }

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	return cli.Execute(ctx, newCommand(), args, stdin, stdout, stderr)
}

// inMemory is the --spool that is none.
const inMemory = "memory"

// maxInFlight bounds --in-flight: more requests at a time gain nothing, and are
// what arrives twice after a kill.
const maxInFlight = 4

// flags are the command's flags.
type flags struct {
	posts        cli.Posts
	to           string
	stream       string
	out          string
	sent         string
	summary      string
	config       string
	region       string // of the configuration
	spool        string
	spoolMax     int64
	whenFull     string
	inFlight     int
	aggregate    bool
	linger       time.Duration
	maxRetryTime time.Duration
	timeout      time.Duration
	watch        watch
}

func newCommand() *cobra.Command {
	var f flags
	cmd := &cobra.Command{
		Use:   "producer",
		Short: "Send posts into a delivery stream",
		Long: `Send posts from a source to a target, one JSON line with id and text each, and
account for every one. Records that the delivery stream refuses are sent again.
The command succeeds only if everything that was read was accepted.

With --spool DIR posts are on disk from the moment they are read until they are
accepted: started again with the same directory after an interruption, a crash or
a kill, the command goes on where it was, and the account spans all runs. Only
posts that were under way may arrive twice; they are counted. With --spool memory
(the default) the source waits while much is unsent, and what is unsent at the
end is lost with the process, unless the source can be read again.

Sources without an account: sample, file, stdin, v11-file (archived streams of
Twitter's API v1.1), jetstream (public posts of Bluesky, live). With one: x-stream
and x-search (X charges for each post: --max-posts or --max-cost is needed, and
the price is told first), mastodon.

AWS endpoints, region and credentials follow the SDK's own variables and files
(AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL_FIREHOSE, ...). Tokens are named by
reference, never given: --token env:NAME, file:PATH or an ARN.

--sent and --to file write whole lines for accepted posts only, and keep them if
the run ends early.`,
		Example: `  producer --source sample --to stdout
  producer --source jetstream --lang en --to firehose --stream posts --spool spool
  producer --source file --file posts.csv --text-column text --id-column id --to firehose --stream posts --sent sent.jsonl
  producer --source x-search --query "coffee lang:en -is:retweet" --count 100 --max-cost 1 --to firehose --stream posts
  tail -f posts.jsonl | producer --source stdin --to firehose --stream posts`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error { return produce(cmd, &f) },
	}
	f.posts.AddTo(cmd)
	fs := cmd.Flags()
	cli.Choice(cmd, &f.to, "to", "", "where posts go", "firehose", "kinesis", "stdout", "file")
	fs.StringVar(&f.stream, "stream", "", "`NAME` of the stream for --to firehose or kinesis")
	fs.StringVar(&f.out, "out", "", "`FILE` for --to file")
	fs.StringVar(&f.sent, "sent", "", "`FILE` for the ids of the accepted posts, for coldstream verify")
	fs.StringVar(&f.summary, "summary", "", "`FILE` for the account as one JSON object")
	fs.StringVar(&f.config, "config", "", "`FILE`: config.json of the first version of this system, for region and stream")
	fs.StringVar(&f.spool, "spool", "", "`DIR` that keeps posts until they are accepted, or \"memory\" (default memory; x-stream has none)")
	fs.Int64Var(&f.spoolMax, "spool-max", 1<<30, "most `BYTES` of the spool")
	cli.Choice(cmd, &f.whenFull, "when-full", "block", "what a full spool does with the next post: let the source wait, or write it to --dead-letter", "block", "dead-letter")
	fs.IntVar(&f.inFlight, "in-flight", 2, "`N` requests at a time, 1 to 4")
	fs.BoolVar(&f.aggregate, "aggregate", false, "put several posts into one record of up to 5 kB, the unit that Firehose charges by; the function splits them")
	fs.DurationVar(&f.linger, "linger", time.Second, "`TIME` that a batch which is not full waits for more; to stdout or a file it is 100ms by default")
	fs.DurationVar(&f.maxRetryTime, "max-retry-time", 5*time.Minute, "give up when nothing was accepted for this `TIME`; 0 is never, which is the default with a spool")
	fs.DurationVar(&f.timeout, "request-timeout", awsfirehose.RequestTimeout, "`TIME` to wait for the stream's answer, before records are sent again")
	f.watch.addTo(fs)
	cli.Required(cmd, "to")
	cli.AddCompletion(cmd)
	return cmd
}

// drain is how long posts are still sent after an interruption: Fargate kills a
// task 30 seconds after it was told to stop.
const drain = 20 * time.Second

// lineLinger is how long lines wait for more: a request costs nothing there, and
// somebody may be watching.
const lineLinger = 100 * time.Millisecond

// aggregateBytes is the step in which Firehose charges for a record.
const aggregateBytes = 5000

// check finds flags that do not go together.
func (f *flags) check() error {
	for _, c := range []struct {
		flag, value string
		targets     []string
	}{{"stream", f.stream, []string{"firehose", "kinesis"}}, {"out", f.out, []string{"file"}}} {
		belongs := f.to == c.targets[0] || f.to == c.targets[len(c.targets)-1]
		if c.value == "" && belongs {
			return cli.Usagef("--to %s needs --%s", f.to, c.flag)
		}
		if c.value != "" && !belongs {
			return cli.Usagef("--%s belongs to --to %s, not %s", c.flag, c.targets[0], f.to)
		}
	}
	switch {
	case f.inFlight < 1 || f.inFlight > maxInFlight:
		return cli.Usagef("--in-flight is %d, want 1 to %d", f.inFlight, maxInFlight)
	case f.spool == "" && f.posts.Source == "x-stream":
		return cli.Usagef("--source x-stream needs --spool: what X sent is not sent again; --spool memory risks it")
	case f.spoolMax < 1<<20:
		return cli.Usagef("--spool-max is %d bytes, want at least 1 MiB", f.spoolMax)
	case f.whenFull == "dead-letter" && f.posts.DeadLetter == "":
		return cli.Usagef("--when-full dead-letter needs --dead-letter")
	case f.watch.emf && f.to == "stdout":
		return cli.Usagef("--emf writes to standard output, where --to stdout has the posts")
	case f.aggregate && f.to != "firehose":
		return cli.Usagef("--aggregate belongs to --to firehose, not %s", f.to)
	}
	return nil
}

// produce runs the command.
func produce(cmd *cobra.Command, f *flags) (err error) {
	ctx := cmd.Context()
	if err := f.firstVersion(cmd); err != nil {
		return err
	}
	if err := f.posts.Resolve(cmd); err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	queue, err := f.queue()
	if err != nil {
		return err
	}
	cursor := ""
	files := cli.NewLines(f.posts.File)
	if queue != nil {
		defer func() { err = errors.Join(err, queue.Close()) }()
		if cursor, err = deliver.Cursor(queue, f.posts.Origin()); err != nil {
			return err
		}
		files.Continue = queue.State() != nil
	}
	src, err := f.posts.Open(ctx, cmd, cursor)
	if err != nil {
		return err
	}
	defer src.Close()
	defer func() { err = errors.Join(err, files.Close()) }()
	to, err := f.target(ctx, files, cmd.OutOrStdout())
	if err != nil {
		return err
	}
	if !cmd.Flags().Changed("linger") && (f.to == "stdout" || f.to == "file") {
		f.linger = lineLinger
	}
	if queue != nil && !cmd.Flags().Changed("max-retry-time") {
		f.maxRetryTime = 0 // the posts are safe
	}
	o, err := f.options(files, queue)
	if err != nil {
		return err
	}
	progress := cli.NewProgress(cmd.ErrOrStderr(), "sending", f.posts.Total())
	defer progress.Done()
	show, log := follow(progress), logOutages(cmd.ErrOrStderr())
	o.Progress = func(c deliver.Counts, e deliver.Event) { show(c, e); log(e, time.Now()) }
	d, err := deliver.New(src, to, o)
	if err != nil {
		return err
	}
	stop, err := f.watch.start(ctx, d, src, cmd.OutOrStdout())
	if err != nil {
		return err
	}
	start := time.Now()
	counts, err := d.Run(ctx)
	took := time.Since(start)
	err = errors.Join(err, stop(), files.Close())
	progress.Done()
	err = errors.Join(err, f.summarise(counts, took))
	if err != nil {
		return fmt.Errorf("%w (%v)", err, counts)
	}
	if counts.DeadLettered > 0 {
		return fmt.Errorf("%s could not be sent, see %s (%v)", report.Count(counts.DeadLettered, "post"), f.posts.DeadLetter, counts)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%v in %.1f s\n", counts, took.Seconds())
	return nil
}

// firstVersion takes what it can from the first version's configuration, and
// says what it left.
func (f *flags) firstVersion(cmd *cobra.Command) error {
	if f.config == "" {
		return nil
	}
	s, err := secret.FirstVersion(f.config)
	if err != nil {
		return err
	}
	if f.stream == "" && (f.to == "firehose" || f.to == "kinesis") {
		f.stream = s.Stream
	}
	f.region = s.Region
	w := cmd.ErrOrStderr()
	fmt.Fprintf(w, "producer: %s is the first version's configuration: secrets should not lie in it\n", f.config)
	if len(s.Ignored) > 0 {
		fmt.Fprintf(w, "producer: %s: not used: %s\n", f.config, strings.Join(s.Ignored, ", "))
	}
	f.posts.SetToken(s.BearerToken)
	return nil
}

// queue opens the spool, nil for memory.
func (f *flags) queue() (*spool.Spool, error) {
	if f.spool == "" || f.spool == inMemory {
		return nil, nil
	}
	return spool.Open(f.spool, spool.Options{MaxBytes: f.spoolMax})
}

// options are those of the delivery.
func (f *flags) options(files *cli.Lines, queue *spool.Spool) (deliver.Options, error) {
	o, err := f.posts.Deliver(files)
	if err != nil {
		return o, err
	}
	o.Origin = f.posts.Origin()
	o.WhenFull = f.whenFull == "dead-letter"
	o.Linger, o.MaxRetryTime = f.linger, f.maxRetryTime
	if f.to == "firehose" || f.to == "kinesis" {
		o.InFlight = f.inFlight // a file has one end
	}
	if f.aggregate {
		o.Aggregate = aggregateBytes
	}
	if queue != nil {
		o.Queue, o.Grace = queue, drain
	}
	if f.sent != "" {
		list, err := files.Open(f.sent)
		if err != nil {
			return o, err
		}
		o.Accepted = deliver.ListIDs(list)
	}
	return o, nil
}

// target opens what --to names.
func (f *flags) target(ctx context.Context, files *cli.Lines, stdout io.Writer) (deliver.Putter, error) {
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
	cfg, err := cli.LoadAWS(ctx)
	if err != nil {
		return nil, err
	}
	if cfg.Region == "" {
		cfg.Region = f.region
	}
	if f.to == "kinesis" {
		to, err := awskinesis.New(ctx, cfg, f.stream)
		if err != nil {
			return nil, err
		}
		to.Timeout = f.timeout
		return to, nil
	}
	to, err := awsfirehose.New(ctx, cfg, f.stream)
	if err != nil {
		return nil, err
	}
	to.Timeout = f.timeout
	return to, nil
}

// follow shows how the delivery goes: the rate over the last seconds, how far
// the newest post is behind, and what fails.
func follow(progress *cli.Progress) func(deliver.Counts, deliver.Event) {
	var rate float64
	since, sent := time.Now(), 0
	return func(c deliver.Counts, e deliver.Event) {
		now := time.Now()
		if d := now.Sub(since); d >= time.Second {
			rate = float64(c.Sent-sent) / d.Seconds()
			since, sent = now, c.Sent
		}
		text := "sending"
		if rate > 0 {
			text = fmt.Sprintf("sending %s/s", report.Thousands(int(rate)))
		}
		if lag, ok := c.Lag(now); ok && lag > 0 && lag < 24*time.Hour {
			text += fmt.Sprintf(", %.1f s behind", lag.Seconds())
		}
		if e.Err != nil {
			text += fmt.Sprintf("; %s; again in %v", cli.OneLine(e.Err), e.Wait.Round(time.Millisecond))
		}
		progress.Set(c.Delivered)
		progress.Describe(text)
	}
}

// How an outage is told where nobody watches a progress bar: not the short ones,
// and not every attempt.
const (
	outageAfter = 10 * time.Second
	outageEvery = time.Minute
)

// logOutages returns a function that writes a line about long outages, and their
// end, to w if that is no terminal.
func logOutages(w io.Writer) func(deliver.Event, time.Time) {
	if cli.IsTerminal(w) {
		return func(deliver.Event, time.Time) {}
	}
	var since, told time.Time // zero = no outage, nothing told
	return func(e deliver.Event, now time.Time) {
		switch {
		case e.Accepted > 0:
			if !told.IsZero() {
				fmt.Fprintf(w, "producer: records are accepted again after %v\n", now.Sub(since).Round(time.Second))
			}
			since, told = time.Time{}, time.Time{}
		case since.IsZero():
			since = now
		case now.Sub(since) >= outageAfter && now.Sub(told) >= outageEvery:
			told = now
			fmt.Fprintf(w, "producer: no record was accepted for %v: %s\n", now.Sub(since).Round(time.Second), cli.OneLine(e.Err))
		}
	}
}

// summarise writes the account as JSON.
func (f *flags) summarise(c deliver.Counts, took time.Duration) error {
	if f.summary == "" {
		return nil
	}
	b, err := json.Marshal(struct {
		deliver.Counts
		Seconds  float64 `json:"seconds"`
		Balanced bool    `json:"balanced"`
	}{c, took.Seconds(), c.Balanced()})
	if err != nil {
		return err
	}
	// The context may have ended: that is when the account is wanted most.
	return cli.WriteFile(context.Background(), f.summary, func(w io.Writer) error {
		_, err := w.Write(append(b, '\n'))
		return err
	})
}
