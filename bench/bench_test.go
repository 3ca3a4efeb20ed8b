package main

import (
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"coldstream/internal/benchlocal"
	"coldstream/internal/measure"
	"coldstream/internal/runtimeapi"
)

// zips builds the functions that run on this machine without Python, a server or
// a file beside the source, as bench local does.
func zips(tb testing.TB) ([]*benchlocal.Target, map[string]*benchlocal.Reference) {
	tb.Helper()
	if runtime.GOOS != "linux" {
		tb.Skip("the function's program runs on Linux only")
	}
	b := &benchlocal.Builder{Root: "..", Dir: tb.TempDir()}
	refs, err := b.References()
	if err != nil {
		tb.Fatal(err)
	}
	var targets []*benchlocal.Target
	for _, name := range []string{"bare", "bare-lean", "zip", "lean", "zip-origin", "lean-origin"} {
		t, err := b.Build(tb.Context(), name, refs)
		if err != nil {
			tb.Fatal(err)
		}
		targets = append(targets, t)
	}
	return targets, refs
}

// invoke hands an event over and fails if there is no good answer to it.
func invoke(tb testing.TB, f *runtimeapi.Function, t *benchlocal.Target, e benchlocal.Event) runtimeapi.Result {
	tb.Helper()
	r, err := f.Invoke(tb.Context(), e.Payload)
	if err == nil {
		err = r.Err()
	}
	if err == nil && t.Reference != nil {
		err = t.Reference.Check(e, r.Payload)
	}
	if err != nil {
		tb.Fatalf("%s: %v", t.Name, err)
	}
	return r
}

func start(tb testing.TB, t *benchlocal.Target) *runtimeapi.Function {
	tb.Helper()
	f, err := runtimeapi.Start(tb.Context(), runtimeapi.Options{Bootstrap: t.Bootstrap})
	if err != nil {
		tb.Fatalf("%s: %v", t.Name, err)
	}
	return f
}

// BenchmarkCold measures starts with a warm page cache, on this machine: these
// are no figures of AWS. Each round starts every variant once, in random order,
// so that what else the machine does hits all alike; the figures are medians.
//
//	go test -run '^$' -bench Cold -benchtime 40x ./bench
func BenchmarkCold(b *testing.B) {
	targets, _ := zips(b)
	one := benchlocal.NewEvent(1)
	rounds := make([]map[string][]float64, len(targets)) // by unit
	told := make([]int, len(targets))                    // rounds that have been reported: -count repeats benchmarks
	visit := func(i int, record bool) {
		t := targets[i]
		f := start(b, t)
		defer f.Close()
		mapped := residentModel(b, f.PID(), filepath.Dir(t.Bootstrap))
		r := invoke(b, f, t, one)
		if !record {
			return
		}
		for unit, x := range map[string]float64{
			measure.Init: float64(f.Init()), measure.First: float64(f.Init() + r.Duration()), measure.Invoke: float64(r.Duration()),
			measure.Peak: float64(f.PeakMemory()), measure.ModelInit: float64(mapped),
			measure.ModelFirst: float64(residentModel(b, f.PID(), filepath.Dir(t.Bootstrap))),
		} {
			rounds[i][unit] = append(rounds[i][unit], x)
		}
	}
	for i := range targets {
		rounds[i] = map[string][]float64{}
		visit(i, false) // fills the page cache
	}
	for i, t := range targets {
		b.Run("variant="+t.Name, func(b *testing.B) {
			from, to := told[i], told[i]
			for b.Loop() {
				if to++; to <= len(rounds[i][measure.Init]) {
					continue // measured together with an earlier variant
				}
				for _, k := range rand.Perm(len(targets)) {
					visit(k, true)
				}
			}
			told[i] = to
			median := func(i int, unit string) float64 { return measure.Summarize(rounds[i][unit][from:to]).P50 }
			b.ReportMetric(0, "ns/op") // of all variants together
			for unit := range rounds[i] {
				b.ReportMetric(median(i, unit), unit)
			}
			b.ReportMetric(median(i, measure.Init)/median(0, measure.Init), "init/"+targets[0].Name)
		})
	}
}

// BenchmarkWarm measures later events, handed over through the Runtime API: one
// post, a batch, and a full buffer.
func BenchmarkWarm(b *testing.B) {
	targets, _ := zips(b)
	for _, t := range targets {
		if t.Kind == "floor" {
			continue
		}
		b.Run("variant="+t.Name, func(b *testing.B) {
			f := start(b, t)
			defer f.Close()
			for _, e := range []benchlocal.Event{benchlocal.NewEvent(1), benchlocal.NewEvent(500), benchlocal.FullBuffer()} {
				n := len(e.Texts)
				b.Run("records="+strconv.Itoa(n), func(b *testing.B) {
					invoke(b, f, t, e)
					pid, took := f.PID(), time.Duration(0)
					for b.Loop() {
						r, err := f.Invoke(b.Context(), e.Payload)
						if err == nil {
							err = r.Err()
						}
						if err != nil || f.PID() != pid {
							b.Fatalf("%v; process %d, then %d", err, pid, f.PID())
						}
						took += r.Duration()
					}
					// as bench local counts, without this side of the Runtime API
					b.ReportMetric(float64(took)/float64(b.N), measure.Time)
					b.ReportMetric(float64(n)*float64(b.N)/took.Seconds(), measure.Rate)
				})
			}
		})
	}
}

// residentModel returns how many bytes of the files in a folder, the program
// apart, a process has in memory.
func residentModel(tb testing.TB, pid int, dir string) float64 {
	tb.Helper()
	smaps := readFile(tb, filepath.Join("/proc", strconv.Itoa(pid), "smaps"))
	total, ours := int64(0), false
	for line := range strings.Lines(smaps) {
		f := strings.Fields(line)
		switch {
		case len(f) > 0 && !strings.HasSuffix(f[0], ":"):
			ours = strings.Contains(line, dir+"/") && !strings.Contains(line, dir+"/bootstrap")
		case ours && len(f) > 1 && f[0] == "Rss:":
			kb, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				tb.Fatal(err)
			}
			total += kb << 10
		}
	}
	return float64(total)
}

// TestZipsAnswerRightly: what the benchmarks measure are right answers, and the
// zips hold to their sizes.
func TestZipsAnswerRightly(t *testing.T) {
	targets, _ := zips(t)
	for _, x := range targets {
		f := start(t, x)
		for _, e := range []benchlocal.Event{benchlocal.NewEvent(1), benchlocal.NewEvent(500)} {
			invoke(t, f, x, e)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if x.UploadBytes <= 0 || x.DiskBytes <= x.UploadBytes {
			t.Errorf("%s: %d bytes uploaded, %d on disk", x.Name, x.UploadBytes, x.DiskBytes)
		}
	}
	if !slices.ContainsFunc(targets, func(x *benchlocal.Target) bool { return x.Reference != nil }) {
		t.Error("no target scores anything")
	}
}
