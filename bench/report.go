package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"coldstream/internal/benchreport"
	"coldstream/internal/cli"
	"coldstream/internal/cost"
	"coldstream/internal/measure"
)

// reportFlags are the flags of bench report.
type reportFlags struct {
	html, png        string
	headline, noCost bool
	baseline         string
	region, prices   string
	cost             benchreport.Cost
}

// usualRegion is priced where the results name no region.
const usualRegion = "us-east-1"

func newReport() *cobra.Command {
	var f reportFlags
	cmd := &cobra.Command{
		Use:   "report RESULTS [OTHERS...]",
		Short: "Show results as tables, charts and costs, and compare them",
		Long: `Print what bench local, bench aws or go test -bench wrote (JSON lines or the Go
benchmark format): medians with their 95 % confidence intervals, percentiles,
sizes, and what the stream would cost with the measured times. --html writes all
of it with charts as one file that loads nothing, --png the main chart.

Of several results each is shown and compared with the first one of its platform:
ratios of medians, ~ where chance may be the cause (Mann-Whitney U-test over the
medians of rounds, since events of one process are alike).

The cost model takes the run on AWS if there is one, else the first. The times
come from the results, those on one processor if there are any; the stream and the
prices from the flags; --no-cost leaves it out.`,
		Example: `  bench report out/bench/local.jsonl
  bench report out/bench/local.jsonl --html report.html --png report.png --posts-per-second 5,50 --burst 4
  bench report before.jsonl after.jsonl --no-cost
  bench report bench/results/local.jsonl --headline`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.Usagef("RESULTS is missing")
			}
			return nil
		},
		ValidArgsFunction: cobra.FixedCompletions([]cobra.Completion{"jsonl", "txt"}, cobra.ShellCompDirectiveFilterFileExt),
		RunE:              func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	fs := cmd.Flags()
	fs.StringVar(&f.html, "html", "", "`FILE` for the report as one HTML page")
	fs.StringVar(&f.png, "png", "", "`FILE` for the main chart as a picture")
	fs.BoolVar(&f.headline, "headline", false, "print the README's table in Markdown instead")
	fs.StringVar(&f.baseline, "baseline", "", "`VARIANT` to compare first answers with (default bare, else the fastest)")
	fs.BoolVar(&f.noCost, "no-cost", false, "leave the cost model out")
	fs.StringVar(&f.region, "region", "", "AWS `REGION` whose prices are taken (default that of the results, else "+usualRegion+")")
	fs.StringVar(&f.prices, "prices", "", "`FILE` with prices of your own instead, JSON")
	c, l := &f.cost, &f.cost.Load
	fs.Float64SliceVar(&c.PostsPerSecond, "posts-per-second", []float64{1, 10, 100, 1000}, "mean `RATES` of the stream")
	fs.Float64Var(&l.Burst, "burst", 1, "peak rate by mean rate; 1 is steady")
	fs.DurationVar(&l.BurstLength, "burst-length", time.Minute, "mean time that a peak lasts")
	fs.IntVar(&l.PostBytes, "post-bytes", 300, "mean size of a post as it is sent")
	fs.IntVar(&l.BufferBytes, "buffer-bytes", 1<<20, "Firehose's buffer for the function")
	fs.DurationVar(&l.BufferInterval, "buffer-interval", time.Minute, "time after which Firehose empties it")
	fs.IntVar(&l.Shards, "shards", 1, "buffers that Firehose fills at the same time")
	fs.DurationVar(&l.IdleLifetime, "idle-lifetime", 10*time.Minute, "how long Lambda keeps an idle environment; AWS does not publish it")
	fs.DurationVar(&l.Lifetime, "lifetime", 2*time.Hour, "how long Lambda keeps any environment; AWS does not publish it")
	fs.IntSliceVar(&c.MemoryMB, "memory", []int{128, 256, 512, 1024, 1769}, "memory `SIZES` of the function in MB")
	fs.StringVar(&c.Instance, "instance", "t3.medium", "instance `TYPE` of the ec2 variants")
	fs.IntVar(&c.Instances, "instances", 1, "how many of them")
	fs.IntVar(&c.Workers, "workers", 1, "posts that an instance predicts at the same time")
	fs.BoolVar(&c.LoadBalancer, "load-balancer", false, "a load balancer before a single instance too")
	fs.Float64Var(&c.VolumeGB, "volume", 8, "size of an instance's volume in GB")
	return cmd
}

// check looks at what the model would otherwise refuse variant by variant.
func (f *reportFlags) check(inputs []string) error {
	if f.html != "" && f.html == f.png {
		return cli.Usagef("--html and --png name the same file")
	}
	if f.prices != "" && f.region != "" {
		return cli.Usagef("--prices and --region exclude each other: a file of prices names its region")
	}
	if len(f.cost.PostsPerSecond) == 0 || len(f.cost.MemoryMB) == 0 {
		return cli.Usagef("--posts-per-second and --memory need a value at least; --no-cost leaves the costs out")
	}
	for _, x := range f.cost.PostsPerSecond {
		if !(x > 0) {
			return cli.Usagef("--posts-per-second has %v, want rates above 0", x)
		}
	}
	for _, mb := range f.cost.MemoryMB {
		if mb < 128 || mb > 10240 {
			return cli.Usagef("--memory has %d, want 128 to 10240 MB", mb)
		}
	}
	for _, out := range []string{f.html, f.png} {
		if err := cli.KeepInputs(out, append(inputs, f.prices)...); err != nil {
			return err
		}
	}
	return nil
}

func (f *reportFlags) run(cmd *cobra.Command, args []string) error {
	if err := f.check(args); err != nil {
		return err
	}
	ctx, stdout := cmd.Context(), cmd.OutOrStdout()
	var inputs []benchreport.Input
	for _, path := range args {
		r, err := readResults(path)
		if err != nil {
			return err
		}
		inputs = append(inputs, benchreport.Input{Name: path, Run: r})
	}
	o := benchreport.Options{Baseline: f.baseline}
	if !f.noCost && (!f.headline || f.html != "") {
		var err error
		if f.cost.Prices, err = f.priceTable(inputs); err != nil {
			return err
		}
		o.Cost = &f.cost
	}
	progress := cli.NewProgress(cmd.ErrOrStderr(), "estimating", 0)
	defer progress.Done()
	report, err := cli.Abandonable(ctx, func() (*benchreport.Report, error) { return benchreport.New(inputs, o) })
	progress.Done()
	if err != nil {
		return err
	}
	if err := f.files(ctx, report); err != nil {
		return err
	}
	if f.headline {
		return report.WriteHeadline(stdout)
	}
	return report.WriteText(stdout, cli.Width(stdout))
}

// files writes the page and the picture.
func (f *reportFlags) files(ctx context.Context, report *benchreport.Report) error {
	for _, out := range []struct {
		path  string
		write func(io.Writer) error
	}{{f.html, report.WriteHTML}, {f.png, report.WritePNG}} {
		if out.path == "" {
			continue
		}
		if err := cli.WriteFile(ctx, out.path, out.write); err != nil {
			return err
		}
	}
	return nil
}

// readResults reads a run.
func readResults(path string) (*measure.Run, error) {
	b, err := cli.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return measure.Read(bytes.NewReader(b), path)
}

// priceTable returns the prices that the flags or the results name.
func (f *reportFlags) priceTable(inputs []benchreport.Input) (cost.Prices, error) {
	if f.prices != "" {
		file, err := os.Open(f.prices)
		if err != nil {
			return cost.Prices{}, err
		}
		defer file.Close()
		p, err := cost.Read(file)
		if err != nil {
			return cost.Prices{}, fmt.Errorf("%s: %w", f.prices, err)
		}
		return p, nil
	}
	if f.region != "" {
		return cost.ForRegion(f.region)
	}
	for _, in := range inputs {
		region := in.Run.Config["region"]
		if in.Run.Platform != measure.AWS || region == "" {
			continue
		}
		if p, err := cost.ForRegion(region); err == nil {
			return p, nil
		}
		f.cost.PricesNote = fmt.Sprintf("The prices are those of %s: none are built in for %s, where it was measured; --prices takes your own.", usualRegion, region)
	}
	return cost.ForRegion(usualRegion)
}
