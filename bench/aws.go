package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
	"github.com/spf13/cobra"

	"coldstream/internal/benchaws"
	"coldstream/internal/benchlocal"
	"coldstream/internal/cli"
	"coldstream/internal/cost"
	"coldstream/internal/measure"
)

// awsFlags are the flags of bench aws.
type awsFlags struct {
	terraform                                string
	tagged                                   bool
	targets, logGroups                       []string
	output, goFormat                         string
	profile, region                          string
	rounds, warm, batch, settle, concurrency int
	memory                                   []int
	buffer                                   bool
	warmOnly, forceCopies, keepSettling      bool
	since                                    time.Duration
	until                                    string
	prices                                   string
	policy                                   bool
}

func newAWS() *cobra.Command {
	var f awsFlags
	cmd := &cobra.Command{
		Use:   "aws",
		Short: "Measure deployed functions, by what Lambda reports",
		Long: `Force cold starts of deployed functions and measure them and warm invocations by
the reports in their logs: Init Duration, Duration, both together, what is billed,
and the memory. Functions take turns in random order. What fails again and again
is left out: cold starts of a target, or events of one size.

A cold start is forced by a change of the function's environment: the variable
COLDSTREAM_BENCH_NONCE is set, and taken away again when the run ends, also by
Ctrl-C or an error. That is done to functions only that are marked as copies for
this purpose: by the tag ` + benchaws.TagCopy + `=true, or "copy": true in the file
of targets. Everything else of their configuration stays as it is.

Targets come from the output bench_targets of Terraform, from the tag
` + benchaws.TagBench + `=NAME, or from --target. With --log-group a log is asked about
the invocations that a delivery stream made.

AWS endpoints, region and credentials follow the SDK's own variables and files.
Run it inside the region if the client's times matter.`,
		Example: `  terraform -chdir=deploy output -json > outputs.json
  bench aws --terraform outputs.json --rounds 100
  bench aws --target zip=sentiment-bench --memory 128,512,1769
  bench aws --log-group /aws/lambda/sentiment --since 6h
  bench aws --policy`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	fs := cmd.Flags()
	fs.StringVar(&f.terraform, "terraform", "", "`FILE` of targets: terraform output -json, or a JSON object of targets by name")
	fs.BoolVar(&f.tagged, "tagged", false, "measure the functions that have the tag "+benchaws.TagBench)
	fs.StringArrayVar(&f.targets, "target", nil, "measure `NAME=FUNCTION[:ALIAS]`; can be repeated")
	fs.StringVarP(&f.output, "output", "o", filepath.Join("out", "bench", "aws.jsonl"), "`FILE` for the results, JSON lines, written while they come in")
	fs.StringVar(&f.goFormat, "go", "", "`FILE` for the results in the Go benchmark format too")
	fs.StringVar(&f.profile, "profile", "", "`NAME` of the AWS profile")
	fs.StringVar(&f.region, "region", "", "AWS `REGION`")
	fs.IntVar(&f.rounds, "rounds", 20, "cold starts of each function, with each memory size")
	fs.IntVar(&f.warm, "warm", 5, "warm invocations with each event, after each cold start")
	fs.IntVar(&f.batch, "batch", 500, "posts of a batch; 0 = no batches")
	fs.BoolVar(&f.buffer, "buffer", true, "measure a full buffer of a delivery stream")
	fs.IntSliceVar(&f.memory, "memory", nil, "measure with these memory sizes, `MB`, and set the functions' own back")
	fs.IntVar(&f.settle, "settle", 3, "cold starts of container images that are left out at first: they fill caches")
	fs.BoolVar(&f.keepSettling, "keep-settling", false, "record these, with the setting settling=N")
	fs.BoolVar(&f.warmOnly, "warm-only", false, "change nothing, measure warm invocations alone")
	fs.BoolVar(&f.forceCopies, "force-copies", false, "take all targets for copies whose configuration may be changed")
	fs.IntVar(&f.concurrency, "concurrency", 1, "functions measured at once")
	fs.StringArrayVar(&f.logGroups, "log-group", nil, "read what Lambda reported into the log group `NAME`; can be repeated")
	fs.DurationVar(&f.since, "since", 24*time.Hour, "how far --log-group looks back")
	fs.StringVar(&f.until, "until", "", "`TIME` at which --log-group stops, such as 2026-11-22T12:00:00Z; default now")
	fs.StringVar(&f.prices, "prices", "", "`FILE` with the region's prices, JSON, in place of the built-in ones")
	fs.BoolVar(&f.policy, "policy", false, "print the IAM policy that is needed, and end")
	return cmd
}

func (f *awsFlags) run(cmd *cobra.Command) error {
	if f.policy {
		_, err := fmt.Fprintln(cmd.OutOrStdout(), benchaws.Policy())
		return err
	}
	measures := f.terraform != "" || f.tagged || len(f.targets) > 0
	if !measures && len(f.logGroups) == 0 {
		return cli.Usagef("nothing to measure: name functions with --terraform, --tagged or --target")
	}
	if f.batch < 0 || f.batch > maxBatch {
		return cli.Usagef("--batch is %d, want 0 to %d posts: more do not fit into Lambda's 6 MB", f.batch, maxBatch)
	}
	until, err := f.end()
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	cfg, err := f.config(ctx)
	if err != nil {
		return err
	}
	client, err := benchaws.New(ctx, cfg)
	if err != nil {
		return err
	}
	var traffic []benchaws.Traffic
	for _, group := range f.logGroups {
		t, err := client.Traffic(ctx, group, until.Add(-f.since), until)
		if err != nil {
			return err
		}
		traffic = append(traffic, t...)
	}
	if len(traffic) > 0 {
		if err := benchaws.WriteTraffic(cmd.OutOrStdout(), traffic); err != nil || !measures {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout())
	}
	targets, err := f.allTargets(ctx, client)
	if err != nil {
		return err
	}
	return f.measure(cmd, client, cfg.Region, targets, traffic)
}

// end is the end of the time window.
func (f *awsFlags) end() (time.Time, error) {
	if f.since <= 0 {
		return time.Time{}, cli.Usagef("--since is %v, want more than 0", f.since)
	}
	if f.until == "" {
		return time.Now(), nil
	}
	t, err := time.Parse(time.RFC3339, f.until)
	if err != nil {
		return time.Time{}, cli.Usagef("--until is %q, want a time such as 2026-11-22T12:00:00Z", f.until)
	}
	return t, nil
}

// config loads the SDK's configuration. Its own log lines would stand beside the
// one that says what failed.
func (f *awsFlags) config(ctx context.Context) (aws.Config, error) {
	options := []func(*config.LoadOptions) error{config.WithLogger(logging.Nop{})}
	if f.profile != "" {
		options = append(options, config.WithSharedConfigProfile(f.profile))
	}
	if f.region != "" {
		options = append(options, config.WithRegion(f.region))
	}
	return config.LoadDefaultConfig(ctx, options...)
}

// allTargets returns the targets of all flags.
func (f *awsFlags) allTargets(ctx context.Context, client *benchaws.Client) ([]benchaws.Target, error) {
	var all []benchaws.Target
	if f.terraform != "" {
		b, err := cli.ReadFile(f.terraform)
		if err != nil {
			return nil, err
		}
		if all, err = benchaws.ReadTargets(b); err != nil {
			return nil, fmt.Errorf("%s: %w", f.terraform, err)
		}
	}
	if f.tagged {
		found, err := client.Find(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	for _, s := range f.targets {
		t, err := benchaws.ParseTarget(s)
		if err != nil {
			return nil, cli.Usagef("%w", err)
		}
		all = append(all, t)
	}
	return all, nil
}

// measure measures the targets and writes and shows the results, also those of a
// run that ends early.
func (f *awsFlags) measure(cmd *cobra.Command, client *benchaws.Client, region string, targets []benchaws.Target, traffic []benchaws.Traffic) (err error) {
	if err := cli.KeepInputs(f.goFormat, f.terraform, f.prices); err != nil {
		return err
	}
	prices, unpriced := f.priceTable(region)
	if unpriced != nil && f.prices != "" {
		return unpriced
	}
	for _, path := range []string{f.output, f.goFormat} {
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
	}
	files := cli.NewLines(f.terraform, f.prices, f.goFormat)
	defer func() { err = errors.Join(err, files.Close()) }()
	out, err := files.Open(f.output)
	if err != nil {
		return err
	}
	o := benchaws.Options{
		Targets: targets, Events: f.events(), Rounds: f.rounds, Warm: f.warm, WarmOnly: f.warmOnly, ForceCopies: f.forceCopies,
		Memory: f.memory, Settle: f.settle, KeepSettling: f.keepSettling, Concurrency: f.concurrency, Command: f.command(cmd), Out: out,
	}
	if unpriced == nil {
		o.Prices = &prices
	}
	progress := cli.NewProgress(cmd.ErrOrStderr(), "measuring", f.rounds*len(targets))
	defer progress.Done()
	o.Progress = func(what string, done, _ int) {
		progress.Describe(what)
		progress.Set(done)
	}
	started := time.Now()
	result, err := client.Run(cmd.Context(), o)
	progress.Done()
	if result == nil {
		return err
	}
	if unpriced != nil {
		result.Run.Notes = append(result.Run.Notes, "no costs: "+unpriced.Error()+", with --prices")
	}
	for _, t := range traffic {
		result.Run.Notes = append(result.Run.Notes, t.String())
	}
	err = errors.Join(err, files.Close())
	// What was measured before Ctrl-C is worth keeping, with what is known now of
	// the run as a whole.
	return errors.Join(f.write(context.WithoutCancel(cmd.Context()), result.Run), f.show(cmd.OutOrStdout(), result, time.Since(started), err), err)
}

// priceTable returns the prices of the file that the user names, else those that
// are built in for the region.
func (f *awsFlags) priceTable(region string) (cost.Prices, error) {
	if f.prices == "" {
		return cost.ForRegion(region)
	}
	b, err := cli.ReadFile(f.prices)
	if err != nil {
		return cost.Prices{}, err
	}
	p, err := cost.Read(bytes.NewReader(b))
	if err != nil {
		return cost.Prices{}, fmt.Errorf("%s: %w", f.prices, err)
	}
	if p.Region != region {
		return cost.Prices{}, fmt.Errorf("%s has the prices of %s, and the functions are in %s", f.prices, p.Region, region)
	}
	return p, nil
}

// events are the events that functions are invoked with, by records.
func (f *awsFlags) events() map[int][]byte {
	all := map[int][]byte{1: benchlocal.NewEvent(1).Payload}
	if f.batch > 0 {
		all[f.batch] = benchlocal.NewEvent(f.batch).Payload
	}
	if f.buffer {
		e := benchlocal.FullBuffer()
		all[len(e.Texts)] = e.Payload
	}
	return all
}

// command is what repeats the run: the flags that were given, but for the names
// of files and accounts.
func (f *awsFlags) command(cmd *cobra.Command) string {
	var b strings.Builder
	b.WriteString("go run ./bench aws")
	for _, name := range []string{"tagged", "rounds", "warm", "batch", "buffer", "memory", "settle", "keep-settling", "warm-only", "force-copies", "concurrency"} {
		if flag := cmd.Flags().Lookup(name); flag.Changed {
			fmt.Fprintf(&b, " --%s=%s", name, strings.Trim(flag.Value.String(), "[]"))
		}
	}
	return b.String()
}

// write writes the results once more as a whole, and in the Go format. What is
// no file has had its lines.
func (f *awsFlags) write(ctx context.Context, r *measure.Run) error {
	if info, err := os.Stat(f.output); err == nil && info.Mode().IsRegular() {
		if err := cli.WriteFile(ctx, f.output, func(w io.Writer) error { return measure.Write(w, r) }); err != nil {
			return err
		}
	}
	if f.goFormat == "" {
		return nil
	}
	return cli.WriteFile(ctx, f.goFormat, func(w io.Writer) error { return measure.WriteGo(w, r) })
}

// show prints the report and what goes with it. Of a run that ended before
// anything was measured there is nothing to show but why.
func (f *awsFlags) show(w io.Writer, result *benchaws.Result, took time.Duration, ended error) error {
	measured := slices.ContainsFunc(result.Run.Samples, func(s measure.Sample) bool { return s.Error == "" })
	if ended != nil && !measured {
		return nil
	}
	return errors.Join(show(w, result.Run, f.output, took), result.WriteTable(w))
}
