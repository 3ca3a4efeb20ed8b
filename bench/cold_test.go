package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"coldstream/internal/bundle"
	"coldstream/internal/runtimeapi"
	"coldstream/internal/runtimeapi/bootstraptest"
	"coldstream/weights/pretrained"
)

func TestMain(m *testing.M) { bootstraptest.Main(m) }

// variant is a function whose start is measured. Its folder is what would be
// uploaded, unpacked.
type variant struct {
	name      string
	bootstrap string
	rounds    []round
}

// round is one start of a variant: from exec.
type round struct {
	init, first time.Duration // to the first next; to the first answer
	invoke      time.Duration // the first invocation alone
	peak        int64         // resident bytes after it
	// Resident bytes of the mapped model, at the end of init and after the first
	// answer: what of it was touched, in pages.
	mapped, used int64
}

// event is the first event that a variant gets: one post.
const event = `{"text":"The debate is on tonight at nine, see you there"}`

// start runs v once and measures it.
func (v *variant) start(b testing.TB) {
	b.Helper()
	f, err := runtimeapi.Start(b.Context(), runtimeapi.Options{Bootstrap: v.bootstrap})
	if err != nil {
		b.Fatalf("%s: %v", v.name, err)
	}
	defer f.Close()
	mapped := residentModel(b, filepath.Dir(v.bootstrap))
	r, err := f.Invoke(b.Context(), []byte(event))
	if err == nil {
		err = r.Err()
	}
	if err != nil {
		b.Fatalf("%s: %v", v.name, err)
	}
	v.rounds = append(v.rounds, round{f.Init(), f.Init() + r.Duration(), r.Duration(), f.PeakMemory(), mapped, residentModel(b, filepath.Dir(v.bootstrap))})
}

// residentModel returns how many bytes of the files in a folder, the program
// apart, the process that has mapped them has in memory; 0 if there is none.
func residentModel(b testing.TB, dir string) int64 {
	b.Helper()
	maps, err := filepath.Glob("/proc/[0-9]*/smaps")
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range maps {
		smaps, err := os.ReadFile(name)
		if err != nil || !bytes.Contains(smaps, []byte(dir+"/bootstrap")) {
			continue // not ours, or gone
		}
		total, ours := int64(0), false
		for line := range strings.Lines(string(smaps)) {
			f := strings.Fields(line)
			switch {
			case len(f) > 0 && !strings.HasSuffix(f[0], ":"):
				ours = strings.Contains(line, dir+"/") && !strings.Contains(line, dir+"/bootstrap")
			case ours && len(f) > 1 && f[0] == "Rss:":
				kb, err := strconv.ParseInt(f[1], 10, 64)
				if err != nil {
					b.Fatal(err)
				}
				total += kb << 10
			}
		}
		return total
	}
	return 0
}

// variants builds the functions that run on this machine: as shipped (zip), on
// the lean runtime, and an empty one on aws-lambda-go.
func variants(b testing.TB) []*variant {
	b.Helper()
	if runtime.GOOS != "linux" {
		b.Skip("the function's program runs on Linux only")
	}
	model, err := pretrained.Default()
	if err != nil {
		b.Fatal(err)
	}
	vs := []*variant{{name: "bare", bootstrap: bootstraptest.Build(b, filepath.Join("variants", "zip", "bare"))}}
	for name, kind := range map[string]string{"zip": "aws", "lean": "lean"} {
		var z bytes.Buffer
		if err := bundle.Zip(b.Context(), &z, bundle.Target{Arch: runtime.GOARCH, Runtime: kind}, model, bundle.FromSource(".")); err != nil {
			b.Fatal(err)
		}
		dir := b.TempDir()
		if err := bundle.Unzip(z.Bytes(), dir); err != nil {
			b.Fatal(err)
		}
		vs = append(vs, &variant{name: name, bootstrap: filepath.Join(dir, "bootstrap")})
	}
	slices.SortFunc(vs, func(a, b *variant) int { return slices.Index(order, a.name) - slices.Index(order, b.name) })
	return vs
}

// order is the order in which variants are reported; the others are compared
// with the first.
var order = []string{"bare", "zip", "lean"}

// BenchmarkCold measures starts with a warm page cache, on this machine: these
// are no figures of AWS. Each round starts every variant once, in random order,
// so that what else the machine does hits all alike; the figures are medians.
//
//	go test -run '^$' -bench Cold -benchtime 40x ./bench
func BenchmarkCold(b *testing.B) {
	vs := variants(b)
	for _, v := range vs { // fill the page cache
		v.start(b)
		v.rounds = nil
	}
	for _, v := range vs {
		b.Run("variant="+v.name, func(b *testing.B) {
			n := 0
			for b.Loop() {
				if n++; n <= len(v.rounds) {
					continue // measured together with an earlier variant
				}
				for _, i := range rand.Perm(len(vs)) {
					vs[i].start(b)
				}
			}
			init := v.median(func(r round) float64 { return float64(r.init) })
			b.ReportMetric(0, "ns/op") // of all variants together
			b.ReportMetric(init, "init-ns/op")
			b.ReportMetric(v.median(func(r round) float64 { return float64(r.first) }), "first-ns/op")
			b.ReportMetric(v.median(func(r round) float64 { return float64(r.invoke) }), "invoke-ns/op")
			b.ReportMetric(v.median(func(r round) float64 { return float64(r.peak) }), "peak-B")
			b.ReportMetric(v.median(func(r round) float64 { return float64(r.mapped) }), "model-init-B")
			b.ReportMetric(v.median(func(r round) float64 { return float64(r.used) }), "model-first-B")
			b.ReportMetric(init/vs[0].median(func(r round) float64 { return float64(r.init) }), "init/"+vs[0].name)
		})
	}
}

// median returns the median of a figure over v's rounds.
func (v *variant) median(figure func(round) float64) float64 {
	var xs []float64
	for _, r := range v.rounds {
		xs = append(xs, figure(r))
	}
	slices.Sort(xs)
	if n := len(xs); n%2 == 0 {
		return (xs[n/2-1] + xs[n/2]) / 2
	}
	return xs[len(xs)/2]
}

func TestEveryVariantStartsAndAnswers(t *testing.T) {
	for _, v := range variants(t) {
		v.start(t)
		if r := v.rounds[0]; r.init <= 0 || r.first <= r.init {
			t.Errorf("%s: %+v", v.name, r)
		}
		if st, err := os.Stat(v.bootstrap); err != nil || st.Size() == 0 {
			t.Errorf("%s: %v", v.name, err)
		}
	}
}
