package benchaws

import (
	"math"
	"strings"
	"testing"

	"coldstream/internal/cost"
	"coldstream/internal/measure"
)

// TestTableShowsBothColdFigures, and percentiles only as far as they go.
func TestTableShowsBothColdFigures(t *testing.T) {
	r := &Result{
		Run: &measure.Run{
			Config:   map[string]string{"region": "us-east-1"},
			Variants: []measure.Variant{{Name: "zip", Arch: "arm64"}, {Name: "thin", Kind: "ec2", Arch: "amd64"}, {Name: "odd", Arch: "riscv"}},
		},
		discarded: map[[2]string]int{{"zip", reasonNotCold}: 1200}, memory: map[string]int{"zip": 1024, "thin": 2048, "odd": 128},
		prices: &cost.Prices{Region: "us-east-1", Date: "2026-11-22", LambdaGBSecond: map[string]float64{"arm64": 1e-5, "amd64": 2e-5}, LambdaRequest: 1e-6},
	}
	for i := range 100 {
		x := float64(i)
		r.Run.Samples = append(r.Run.Samples, measure.Sample{Variant: "zip", Case: measure.Cold, Values: map[string]float64{
			measure.Init: (40 + x/100) * 1e6, measure.Invoke: 2e6, measure.First: (42 + x/100) * 1e6, measure.Billed: 43e6, measure.Peak: 23 << 20,
		}})
	}
	for _, v := range []string{"zip", "thin", "odd"} {
		r.Run.Samples = append(r.Run.Samples, measure.Sample{Variant: v, Case: measure.Warm, Records: 500, Values: map[string]float64{measure.Time: 1.5e6, measure.Billed: 2e6, measure.Remote: 1e6}})
	}
	for range 2 {
		r.Run.Samples = append(r.Run.Samples, measure.Sample{Variant: "thin", Case: measure.Cold, Error: "bad\x1b[2J"})
	}
	var b strings.Builder
	if err := r.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(b.String()) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	text := strings.Join(got, "\n")
	for _, want := range []string{
		"AWS, us-east-1: cold starts, ms\nfigure n p50 95 % interval p90 p99\nzip Init Duration 100 40.5 40.4 to 40.6 40.9 41.0\nfirst Duration 100 2.00 2.00 to 2.00 2.00 2.00\nInit + Duration 100 42.5 42.4 to 42.6 42.9 43.0\nbilled 100 43.0",
		"\nthin/records=500 Duration 1 1.50 1.50 to 1.50 1.50 -\nin it: endpoint 1 1.00",
		"list prices of us-east-1 (2026-11-22)\nmemory posts per event dollars for a million posts\nzip 1024 MB 500 0.00204\nthin (without the endpoint) 2048 MB 500 0.00216",
		"zip: " + reasonNotCold + " 1,200",
		"Cold/variant=thin: bad\uFFFD[2J 2",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if strings.Contains(text, "NaN") || len(r.Costs()) != 2 {
		t.Errorf("costs %+v in\n%s", r.Costs(), b.String())
	}
	for _, c := range r.Costs() {
		if math.IsNaN(c.PerMillion) {
			t.Errorf("%+v", c)
		}
	}
}
