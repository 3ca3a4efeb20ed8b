package benchreport

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"coldstream/internal/measure"
)

// The example run is made up: its figures have the size of real ones and a
// made-up spread, so that the reports in this folder look like real ones. It is
// no result of anything.

// exampleVariant is a variant with its medians in milliseconds and MB.
type exampleVariant struct {
	name, title, kind, model string
	init, invoke             float64
	perEvent, perRecord      float64
	peak, upload, disk       float64
	spread                   float64
	versions                 map[string]string
}

var exampleVariants = []exampleVariant{
	{"bare", "aws-lambda-go, no model", "floor", "", 2.5, .42, .2, .004, 6.4, 2.6, 6.3, .18, nil},
	{"bare-lean", "own runtime, no model", "floor", "", 1.6, .25, .1, .004, 2.9, .9, 2.1, .2, nil},
	{"zip", "as shipped", "zip", "default", 2.8, 1.7, .25, .1, 8.7, 4.8, 11.2, .15, nil},
	{"lean", "as shipped, lean runtime", "zip", "default", 2.15, 1.2, .2, .1, 5.1, 3.1, 6.9, .17, nil},
	{"zip-origin", "as shipped, model origin", "zip", "origin", 2.9, 2.1, .3, .12, 9.3, 5.9, 13.1, .16, nil},
	{"serve", "thin Go function, coldstream serve", "ec2", "origin", 3.1, 2.9, 1.1, .13, 9.8, 2.9, 7.4, .2, nil},
	{"onnxruntime", "Python, onnxruntime", "zip", "origin", 148, 1.6, .36, .36, 60, 40.9, 118, .12, map[string]string{"python": "3.11.7", "onnxruntime": "1.31.1"}},
	{"tract", "Rust, tract", "zip", "origin", 18.3, 1.4, .3, .64, 21, 9.5, 24, .12, map[string]string{"tract-onnx": "0.23"}},
	{"tuned", "Python container, TensorFlow, one tf.function", "container", "origin", 3020, 8.2, 2.9, .31, 488, 1283, 2900, .07, map[string]string{"python": "3.11.7", "tensorflow": "2.15.1"}},
	{"published", "Python container, TensorFlow, one predict per record", "container", "origin", 3842, 362, .4, 93.5, 522, 1283, 2900, .08, map[string]string{"python": "3.11.7", "tensorflow": "2.15.1", "pandas": "2.1.4"}},
	{"ec2", "thin Python function, FastAPI server", "ec2", "origin", 132, 72, 1.2, 96.7, 30, .65, 1.9, .1, map[string]string{"python": "3.11.7", "fastapi": "0.121.0"}},
}

// exampleRun returns a made-up run with n cold starts of each variant.
func exampleRun(n int, seed uint64) *measure.Run {
	rng := rand.New(rand.NewPCG(seed, 7))
	r := &measure.Run{
		Platform: measure.Local, Date: time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC), Command: "made up by the tests of internal/benchreport: no measurement",
		Config: map[string]string{"goos": "linux", "goarch": "amd64", "cpu": "Example CPU", "cores": "2", "gomaxprocs": "2", "kernel": "6.1"},
		Notes:  []string{"example: these figures were made up, nothing was measured"},
	}
	// Right-skewed, as times are: exp(spread * |normal|) with a long tail now and then.
	noisy := func(ms, spread float64) float64 {
		x := ms * math.Exp(spread*rng.NormFloat64())
		if rng.IntN(20) == 0 {
			x *= 1.3 + .5*rng.Float64()
		}
		return math.Round(x * 1e6)
	}
	for _, v := range exampleVariants {
		r.Variants = append(r.Variants, measure.Variant{Name: v.name, Title: v.title, Kind: v.kind, Model: v.model, Arch: "amd64",
			UploadBytes: int64(v.upload * 1e6), DiskBytes: int64(v.disk * 1e6), Versions: v.versions})
	}
	r.Variants = append(r.Variants, measure.Variant{Name: "node", Title: "Node, onnxruntime", Kind: "zip", Skipped: "not set up; bench/variants/setup.sh node makes it"})
	for round := 1; round <= n; round++ {
		for _, v := range exampleVariants {
			cold := func(slower float64, settings map[string]string) {
				init, invoke := noisy(v.init*slower, v.spread), noisy(v.invoke*slower, 1.5*v.spread)
				r.Samples = append(r.Samples, measure.Sample{Variant: v.name, Case: measure.Cold, Round: round, Settings: settings, Values: map[string]float64{
					measure.Init: init, measure.Invoke: invoke, measure.First: init + invoke, measure.Peak: math.Round(v.peak * 1e6 * (1 + .01*rng.Float64()))}})
			}
			cold(1, nil)
			if round <= (n+3)/4 {
				cold(2.6, map[string]string{"cache": "dropped"})
				cold(3.1, map[string]string{"cpu": "0.29"})
			}
			for _, records := range []int{1, 500, 4039} {
				if v.perRecord > 90 && records > 1 && round > 3 {
					continue // too slow to repeat
				}
				t := noisy(v.perEvent+float64(records)*v.perRecord, v.spread/2)
				values := map[string]float64{measure.Time: t, measure.Rate: math.Round(float64(records) / t * 1e9)}
				if v.kind == "ec2" {
					values[measure.Remote] = math.Round(.9 * t)
					values[measure.Score] = math.Round(.8 * t)
				}
				r.Samples = append(r.Samples, measure.Sample{Variant: v.name, Case: measure.Warm, Records: records, Round: round, Values: values})
			}
		}
	}
	for _, e := range []struct {
		name     string
		init, mb float64
	}{{"serve", 9.5, 18.2}, {"ec2", 3350, 561}} {
		r.Samples = append(r.Samples, measure.Sample{Variant: e.name, Case: measure.Server, Values: map[string]float64{measure.Init: e.init * 1e6, measure.Peak: e.mb * 1e6}})
	}
	for range 2 {
		r.Samples = append(r.Samples, measure.Sample{Variant: "tuned", Case: measure.Cold, Settings: map[string]string{"memory": "256"},
			Error: "the program ended before it asked for an event: signal: killed", Output: "2026-11-22 tensorflow: initializing\nKilled\n"})
	}
	return r
}

// TestExampleFileIsTheExampleRun keeps testdata/example.jsonl equal to what
// makes it.
func TestExampleFileIsTheExampleRun(t *testing.T) {
	var b bytes.Buffer
	if err := measure.Write(&b, exampleRun(24, 1)); err != nil {
		t.Fatal(err)
	}
	golden(t, "example.jsonl", b.Bytes())
}
