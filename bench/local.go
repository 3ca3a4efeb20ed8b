package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"coldstream/internal/benchlocal"
	"coldstream/internal/benchreport"
	"coldstream/internal/cli"
	"coldstream/internal/measure"
	"coldstream/internal/runtimeapi"
)

// localFlags are the flags of bench local.
type localFlags struct {
	quick                                      bool
	only                                       []string
	output, goFormat                           string
	rounds, slow, dropped, quotaRounds, oneCPU int
	quota                                      float64
	warm, batch, large                         int
	buffer                                     bool
	budget, longest, initLimit, limit          time.Duration
}

func newLocal() *cobra.Command {
	var f localFlags
	cmd := &cobra.Command{
		Use:   "local",
		Short: "Measure on this machine, with the real programs",
		Long: `Build what would be uploaded, unpack it, and start every program again and
again behind a local Runtime API: cold starts with the first post, then single
posts, a batch, and a full 1 MB buffer of a delivery stream. All answers are
compared with the model's. Variants take turns in random order, so that whatever
else the machine does hits all alike. These are figures of processes on this
machine, never AWS cold starts.

Variants: ` + strings.Join(benchlocal.Zips, ", ") + `, built here, and
` + strings.Join(benchlocal.Rivals, ", ") + `, made ready by bench/variants/setup.sh
(Python with TensorFlow, some GB; Rust). What is not ready is listed as skipped.

With --dropped rounds are measured with an empty page cache too, with
--quota-rounds under a quota of processor time from the first event on, as a
function of 512 MB has; both take root and are left out without it.`,
		Example: `  bench local --quick
  bench local --only bare,zip,lean --rounds 100
  bench local --rounds 40 -o out/bench/full.jsonl --go out/bench/full.txt`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	fs := cmd.Flags()
	fs.BoolVar(&f.quick, "quick", false, "a few rounds, no slow events: under three minutes")
	fs.StringSliceVar(&f.only, "only", nil, "measure these `VARIANTS` alone")
	fs.StringVarP(&f.output, "output", "o", filepath.Join("out", "bench", "local.jsonl"), "`FILE` for the results, JSON lines")
	fs.StringVar(&f.goFormat, "go", "", "`FILE` for the results in the Go benchmark format too")
	fs.IntVar(&f.rounds, "rounds", 40, "cold starts of each variant")
	fs.IntVar(&f.slow, "slow-rounds", 6, "cold starts of variants that take more than a second")
	fs.IntVar(&f.dropped, "dropped", 0, "cold starts with an empty page cache")
	fs.IntVar(&f.quotaRounds, "quota-rounds", 0, "cold starts under the quota")
	fs.Float64Var(&f.quota, "quota", 0.29, "processors under the quota; a function of 512 MB has 0.29")
	fs.IntVar(&f.oneCPU, "one-cpu", 0, "cold starts on one processor")
	fs.IntVar(&f.warm, "warm", 20, "single posts after each cold start")
	fs.IntVar(&f.batch, "batch", 500, "posts of a batch; 0 = no batches")
	fs.BoolVar(&f.buffer, "buffer", true, "measure a full buffer")
	fs.IntVar(&f.large, "large", 12, "batches, and buffers, of each variant")
	fs.DurationVar(&f.budget, "budget", time.Minute, "time for these, after the first")
	fs.DurationVar(&f.longest, "longest", 15*time.Minute, "leave out events that would take longer")
	fs.DurationVar(&f.initLimit, "init-timeout", time.Minute, "end a start that takes longer (Lambda: 10 s)")
	fs.DurationVar(&f.limit, "timeout", 15*time.Minute, "end an event that takes longer")
	cli.Complete(cmd, "only", append(slices.Clone(benchlocal.Zips), benchlocal.Rivals...)...)
	return cmd
}

// maxBatch is more posts than an event can have.
const maxBatch = 100_000

// quickly lowers what the user has not set.
func (f *localFlags) quickly(changed func(string) bool) {
	set := func(name string, apply func()) {
		if !changed(name) {
			apply()
		}
	}
	set("rounds", func() { f.rounds = 10 })
	set("slow-rounds", func() { f.slow = 2 })
	set("large", func() { f.large = 3 })
	set("budget", func() { f.budget = 2 * time.Second })
	set("longest", func() { f.longest = 5 * time.Second })
	set("init-timeout", func() { f.initLimit = 20 * time.Second })
	set("timeout", func() { f.limit = 20 * time.Second })
}

func (f *localFlags) check() error {
	for _, n := range []struct {
		name      string
		got, want int
	}{{"rounds", f.rounds, 0}, {"slow-rounds", f.slow, 1}, {"dropped", f.dropped, 0}, {"quota-rounds", f.quotaRounds, 0}, {"one-cpu", f.oneCPU, 0}, {"warm", f.warm, 0}, {"batch", f.batch, 0}, {"large", f.large, 1}} {
		if n.got < n.want {
			return cli.Usagef("--%s is %d, want at least %d", n.name, n.got, n.want)
		}
	}
	if !(f.quota >= 0.01 && f.quota <= 1024) {
		return cli.Usagef("--quota is %v, want processors, such as 0.29", f.quota)
	}
	if f.initLimit <= 0 || f.limit <= 0 || f.budget < 0 || f.longest <= 0 {
		return cli.Usagef("time limits must be more than 0")
	}
	if f.goFormat != "" && filepath.Clean(f.goFormat) == filepath.Clean(f.output) {
		return cli.Usagef("-o and --go both name %s", f.output)
	}
	if e := benchlocal.NewEvent(min(f.batch, maxBatch)); f.batch > maxBatch || len(e.Payload) > runtimeapi.MaxPayload {
		return cli.Usagef("--batch is %d; an event of more than %d bytes is not passed on", f.batch, runtimeapi.MaxPayload)
	}
	known := append(slices.Clone(benchlocal.Zips), benchlocal.Rivals...)
	for _, name := range f.only {
		if !slices.Contains(known, name) {
			return cli.Usagef("--only names %q; the variants are %s", name, strings.Join(known, ", "))
		}
	}
	if f.rounds+f.dropped+f.quotaRounds+f.oneCPU == 0 {
		return cli.Usagef("nothing to measure: --rounds is 0")
	}
	return nil
}

func (f *localFlags) run(cmd *cobra.Command) (err error) {
	if f.quick {
		f.quickly(cmd.Flags().Changed)
	}
	if err := f.check(); err != nil {
		return err
	}
	ctx := cmd.Context()
	root, err := sourceRoot()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "coldstream-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	progress := cli.NewProgress(cmd.ErrOrStderr(), "building", 0)
	defer progress.Done()
	b := &benchlocal.Builder{Root: root, Dir: dir}
	targets, skipped, err := f.targets(ctx, b, progress)
	if err != nil {
		return err
	}
	progress.Done()

	o := benchlocal.Options{
		Targets: targets, Skipped: skipped,
		Conditions: []benchlocal.Condition{
			{Rounds: f.rounds},
			{Rounds: f.dropped, DropCaches: true, ColdOnly: true},
			{Rounds: f.quotaRounds, Quota: f.quota},
			{Rounds: f.oneCPU, OneCPU: true},
		},
		SlowRounds: f.slow, Warm: f.warm, Batch: f.batch, Buffer: f.buffer, Large: f.large, Budget: f.budget, Longest: f.longest,
		InitTimeout: f.initLimit, Timeout: f.limit, Command: f.command(cmd),
	}
	lines, err := f.begin(&o)
	if err != nil {
		return err
	}
	progress = cli.NewProgress(cmd.ErrOrStderr(), "measuring", f.rounds+f.dropped+f.quotaRounds+f.oneCPU)
	defer progress.Done()
	o.Progress = func(what string, done, _ int) {
		progress.Describe(what)
		progress.Set(done)
	}
	started := time.Now()
	result, err := benchlocal.Run(ctx, o)
	progress.Done()
	err = errors.Join(err, lines())
	if result == nil {
		return err
	}
	// What was measured before Ctrl-C is worth keeping.
	write := context.WithoutCancel(ctx)
	return errors.Join(f.write(write, result), show(cmd.OutOrStdout(), result, f.output, time.Since(started)), err)
}

// begin opens the file of the results, so that a run is not for nothing, and
// makes the run write its samples there: a run that is killed leaves what it has.
// The function that it returns ends this; write then makes the file anew, with
// the notes.
func (f *localFlags) begin(o *benchlocal.Options) (end func() error, err error) {
	for _, path := range []string{f.output, f.goFormat} {
		if path != "" {
			if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
				return nil, err
			}
		}
	}
	file, err := os.Create(f.output)
	if err != nil {
		return nil, err
	}
	described := benchlocal.Describe(*o)
	w, err := measure.NewWriter(file, described)
	for i := 0; i < len(described.Variants) && err == nil; i++ {
		err = w.Variant(described.Variants[i])
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	var failed error
	o.Record = func(s measure.Sample) {
		if failed == nil {
			failed = w.Sample(s)
		}
	}
	return func() error { return errors.Join(failed, file.Close()) }, nil
}

// targets makes the variants that were asked for, and lists the others.
func (f *localFlags) targets(ctx context.Context, b *benchlocal.Builder, progress *cli.Progress) ([]*benchlocal.Target, []measure.Variant, error) {
	wanted := func(name string) bool { return len(f.only) == 0 || slices.Contains(f.only, name) }
	refs, err := b.References()
	if err != nil {
		return nil, nil, err
	}
	var targets []*benchlocal.Target
	var skipped []measure.Variant
	for _, name := range benchlocal.Zips {
		if !wanted(name) {
			continue
		}
		if runtime.GOOS != "linux" {
			skipped = append(skipped, measure.Variant{Name: name, Skipped: "the function's program runs on Linux only"})
			continue
		}
		progress.Describe("building " + name)
		t, err := b.Build(ctx, name, refs)
		if err != nil {
			return nil, nil, err
		}
		targets = append(targets, t)
	}
	rivals := slices.DeleteFunc(slices.Clone(benchlocal.Rivals), func(name string) bool { return !wanted(name) })
	staged, missing := benchlocal.Staged(filepath.Join(b.Root, "out", "bench", "variants"), rivals, refs)
	return append(targets, staged...), append(skipped, missing...), nil
}

// command is what repeats the run: the flags that were given, but for the names
// of files.
func (f *localFlags) command(cmd *cobra.Command) string {
	var b bytes.Buffer
	b.WriteString("go run ./bench local")
	for _, name := range []string{"quick", "only", "rounds", "slow-rounds", "dropped", "quota-rounds", "quota", "one-cpu", "warm", "batch", "buffer", "large", "budget", "longest", "init-timeout", "timeout"} {
		if flag := cmd.Flags().Lookup(name); flag.Changed {
			fmt.Fprintf(&b, " --%s=%s", name, strings.Trim(flag.Value.String(), "[]"))
		}
	}
	return b.String()
}

// write writes the results.
func (f *localFlags) write(ctx context.Context, r *measure.Run) error {
	for _, file := range []struct {
		path  string
		write func(io.Writer, *measure.Run) error
	}{{f.output, measure.Write}, {f.goFormat, measure.WriteGo}} {
		if file.path == "" {
			continue
		}
		if err := cli.WriteFile(ctx, file.path, func(w io.Writer) error { return file.write(w, r) }); err != nil {
			return err
		}
	}
	return nil
}

// show prints the tables and where the results are. A run in which a variant
// failed, or nothing was measured, has no success to report.
func show(w io.Writer, r *measure.Run, path string, took time.Duration) error {
	report, err := benchreport.New([]benchreport.Input{{Name: path, Run: r}}, benchreport.Options{})
	if err != nil {
		return err
	}
	if err := report.WriteText(w, cli.Width(w)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "\n%s: the results of %v; bench report %s --html report.html draws them\n", path, took.Round(time.Second), path); err != nil {
		return err
	}
	var failed []string
	for _, s := range r.Failures() {
		if !slices.Contains(failed, s.Variant) {
			failed = append(failed, s.Variant)
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("%s failed; see above", strings.Join(failed, ", "))
	}
	return nil
}

// sourceRoot returns the clone of this project that the functions are built
// from: the one that this program was built from or, where that is gone, the
// working directory.
func sourceRoot() (string, error) {
	_, file, _, _ := runtime.Caller(0)
	root := filepath.Dir(filepath.Dir(file))
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil && filepath.IsAbs(root) {
		return root, nil
	}
	root, err := os.Getwd()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(root, "bench", "variants")); err != nil {
		return "", errors.New("the functions are built from source: run bench in a clone of coldstream")
	}
	return root, nil
}
