package benchaws

import (
	"math"
	"strings"
	"testing"

	"coldstream/internal/cost"
	"coldstream/internal/measure"
)

// TestTableShowsCostsAndWhatWasLeftOut.
func TestTableShowsCostsAndWhatWasLeftOut(t *testing.T) {
	r := &Result{
		Run: &measure.Run{
			Config:   map[string]string{"region": "us-east-1"},
			Variants: []measure.Variant{{Name: "zip", Arch: "arm64"}, {Name: "thin", Kind: "ec2", Arch: "amd64"}, {Name: "odd", Arch: "riscv"}},
		},
		discarded: map[[2]string]int{{"zip", reasonNotCold}: 1200}, memory: map[string]int{"zip": 1024, "thin": 2048, "odd": 128},
		prices: &cost.Prices{Region: "us-east-1", Date: "2026-11-22", Source: "as known: check\x1b", LambdaGBSecond: map[string]float64{"arm64": 1e-5, "amd64": 2e-5}, LambdaRequest: 1e-6},
	}
	for _, v := range []string{"zip", "thin", "odd"} {
		r.Run.Samples = append(r.Run.Samples, measure.Sample{Variant: v, Case: measure.Warm, Records: 500, Values: map[string]float64{measure.Time: 1.5e6, measure.Billed: 2e6, measure.Remote: 1e6}})
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
		"\nthin/records=500 1 1.00 - -\n",
		"list prices of us-east-1 (2026-11-22; as known: check\uFFFD)\nmemory posts per event dollars for a million posts\nzip 1024 MB 500 0.00204\nthin (without the endpoint) 2048 MB 500 0.00216",
		"zip: " + reasonNotCold + " 1,200",
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
