package benchreport

import (
	"math"
	"strings"
	"testing"
	"time"

	"coldstream/internal/cost"
	"coldstream/internal/measure"
)

// exampleCost asks for few estimates, which are quick to compute.
func exampleCost(t *testing.T) *Cost {
	t.Helper()
	p, err := cost.ForRegion("us-east-1")
	if err != nil {
		t.Fatal(err)
	}
	return &Cost{Prices: p, PostsPerSecond: []float64{1, 100}, MemoryMB: []int{256, 1024}, Instance: "t3.medium", Instances: 1, Workers: 1, VolumeGB: 8,
		Load: cost.Load{Burst: 1, PostBytes: 300, BufferBytes: 1 << 20, BufferInterval: time.Minute, Shards: 1, IdleLifetime: 10 * time.Minute, Lifetime: 2 * time.Hour}}
}

// oneCost asks for still fewer, where the figures do not matter.
func oneCost(t *testing.T) *Cost {
	c := exampleCost(t)
	c.MemoryMB, c.PostsPerSecond = []int{1024}, []float64{1, 10}
	return c
}

func TestFit(t *testing.T) {
	for _, c := range []struct {
		n, t []float64
		a, b float64
	}{
		{[]float64{1, 500, 4000}, []float64{3, 1001, 8001}, 1, 2},
		{[]float64{1, 500}, []float64{57, 46769}, 0, 60.05}, // a line through both would cost less than nothing per event
		{[]float64{1, 500}, []float64{10, 5}, 6.0, 0},       // and this one per record
	} {
		a, b := fitLine(c.n, c.t)
		if math.Abs(a-c.a) > .01*(1+c.a) || math.Abs(b-c.b) > .3*c.b+1e-9 || a < 0 || b < 0 {
			t.Errorf("%v %v: got %v, %v", c.n, c.t, a, b)
		}
	}
}

func TestCostOfTheExample(t *testing.T) {
	in := exampleCost(t)
	r := newReport(t, Options{Cost: in}, exampleRun(24, 1))
	c := r.cost
	names := map[string]bool{}
	for _, e := range c.all {
		if e.err != nil {
			t.Errorf("%s: %v", e.name(), e.err)
		}
		names[e.name()] = true
		if e.option.Name == "published" && e.option.MemoryMB < 512 {
			t.Errorf("published is estimated in %d MB, which it does not fit into", e.option.MemoryMB)
		}
	}
	for _, want := range []string{"zip arm64", "zip amd64", "lean arm64", "published amd64", "ec2 amd64", "serve amd64"} {
		if !names[want] {
			t.Errorf("no estimate of %s", want)
		}
	}
	if names["bare arm64"] || names["published arm64"] {
		t.Errorf("estimates of what cannot be deployed: %v", names)
	}
	for _, s := range c.served {
		if s.option.Name != "zip" {
			continue
		}
		if got := s.at(256).PerRecord; got < 80*time.Microsecond || got > 120*time.Microsecond {
			t.Errorf("zip: %v per record, made with 100 µs", got)
		}
		if o := s.at(256); o.Init < 2*time.Millisecond || o.FirstExtra <= 0 || o.FirstExtra > 3*time.Millisecond {
			t.Errorf("zip: %+v", o)
		}
	}
	out := text(t, r, 100)
	for _, want := range []string{"Extrapolation: ", "arm64 is taken to need the same time", "us-east-1", "100 posts/s", "$ arm64", "AWS does not publish them"} {
		if !strings.Contains(out, want) {
			t.Errorf("the text has no %q", want)
		}
	}
	for _, rate := range in.PostsPerSecond {
		for _, b := range c.best(rate) {
			for _, e := range c.all {
				if e.rate == rate && e.option.Name == b.option.Name && e.keepsUp() && (!b.keepsUp() || e.DollarsPerMonth < b.DollarsPerMonth) {
					t.Errorf("%s at %v posts/s: %d MB is chosen, %d MB is better", b.name(), rate, b.option.MemoryMB, e.option.MemoryMB)
				}
			}
		}
	}
}

func TestCostLeavesOutWhatItCannotKnow(t *testing.T) {
	run := exampleRun(3, 1)
	for i := range run.Variants {
		switch run.Variants[i].Name {
		case "zip":
			run.Variants[i].Kind = ""
		case "lean":
			run.Variants[i].Kind = "boat"
		}
	}
	for i := range run.Samples {
		switch s := &run.Samples[i]; {
		case s.Variant == "tract" && s.Records > 1, s.Variant == "serve" && s.Case == measure.Cold:
			s.Values = nil
		}
	}
	in := exampleCost(t)
	in.MemoryMB = []int{256}
	out := text(t, newReport(t, Options{Cost: in}, run), 500)
	for _, want := range []string{"zip (its kind is not known)", "lean (of kind boat)", "tract (warm events of one size only)", "serve (no cold starts)", "published (needs 526 MB", "every memory size asked for"} {
		if !strings.Contains(out, want) {
			t.Errorf("the text has no %q:\n%s", want, out)
		}
	}
}

func TestCostRefusesTooMuch(t *testing.T) {
	in := exampleCost(t)
	in.MemoryMB = nil
	for mb := 128; mb < 2048; mb++ {
		in.MemoryMB = append(in.MemoryMB, mb)
	}
	_, err := New([]Input{{"x", exampleRun(3, 1)}}, Options{Cost: in})
	if err == nil || !strings.Contains(err.Error(), "name fewer rates or memory sizes") {
		t.Errorf("got %v", err)
	}
	in = exampleCost(t)
	in.PostsPerSecond = []float64{math.NaN()}
	if _, err := New([]Input{{"x", exampleRun(3, 1)}}, Options{Cost: in}); err == nil || !strings.HasPrefix(err.Error(), "cost of ") {
		t.Errorf("got %v", err)
	}
}

// TestOneRateHasBars: with one rate there is no curve to draw.
func TestOneRateHasBars(t *testing.T) {
	in := oneCost(t)
	in.PostsPerSecond = []float64{10, 10}
	r := newReport(t, Options{Cost: in}, exampleRun(3, 1))
	sets := r.cost.charts(r.fonts)
	if len(sets) != 2 || sets[0].Wide.title != "Dollars a month at 10 posts/s" || strings.Contains(sets[0].Caption, "Both axes") {
		t.Fatalf("%d charts: %+v", len(sets), sets)
	}
	words := map[string]bool{}
	for _, s := range sets[0].Wide.shapes {
		words[s.text] = true
	}
	if !words["zip (default)"] || !words["published (origin)"] {
		t.Errorf("options in the chart: %v", words)
	}
	wellFormed(t, htmlOf(t, r))
}

// TestCPUShare: times that AWS measured in a small function are scaled to a
// whole vCPU, local ones are not.
func TestCPUShare(t *testing.T) {
	run := exampleRun(2, 1)
	run.Platform, run.Config["memory"] = measure.AWS, "512"
	d, err := index(Input{"x", run})
	if err != nil {
		t.Fatal(err)
	}
	for settings, want := range map[string]float64{"": 512. / 1769, "memory=3000": 1, "cache=x memory=128": 128. / 1769} {
		if got := d.cpuShare(measure.Variant{}, group{Settings: settings}); got != want {
			t.Errorf("%q: got %v, want %v", settings, got, want)
		}
	}
	if got := d.cpuShare(measure.Variant{Versions: map[string]string{"memory": "256 MB"}}, group{}); got != 256./1769 {
		t.Errorf("of the variant's own memory: got %v", got)
	}
	run.Platform = measure.Local
	if got := d.cpuShare(measure.Variant{}, group{}); got != 1 {
		t.Errorf("local: got %v", got)
	}
}
