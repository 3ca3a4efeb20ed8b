package measure

import (
	"bytes"
	"math"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"
)

func sampleRun() *Run {
	r := &Run{
		Platform: Local, Date: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), Command: "bench local --rounds 2",
		Config:   map[string]string{"goos": "linux", "gomaxprocs": "2", "cpu": "a  b"},
		Variants: []Variant{{Name: "zip", UploadBytes: 5}, {Name: "bare", Skipped: "no Go"}},
	}
	for i, x := range []float64{1.5e6, 2e6, 9e18} {
		r.Samples = append(r.Samples,
			Sample{Variant: "zip", Case: Cold, Round: i + 1, Values: map[string]float64{Init: x, First: x + .25, Peak: 1 << 40}},
			Sample{Variant: "zip", Case: Warm, Records: 500, Round: i + 1, Values: map[string]float64{Time: x}},
			Sample{Variant: "zip", Case: Cold, Settings: map[string]string{"cache": "dropped", "cpu": "0.29"}, Values: map[string]float64{Init: 7}},
		)
	}
	r.Samples = append(r.Samples, Sample{Variant: "bare", Case: Cold, Error: "exit status 1", Output: "boom\n"})
	return r
}

func TestLinesRoundTrip(t *testing.T) {
	want := sampleRun()
	var b bytes.Buffer
	if err := Write(&b, want); err != nil {
		t.Fatal(err)
	}
	got, err := Read(&b, "x.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// TestGoFormatKeepsFigures: what benchstat reads has every figure to the last
// digit.
func TestGoFormatKeepsFigures(t *testing.T) {
	want := sampleRun()
	var b bytes.Buffer
	if err := WriteGo(&b, want); err != nil {
		t.Fatal(err)
	}
	got, err := Read(bytes.NewReader(b.Bytes()), "x.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got.Config["gomaxprocs"] != "2" || got.Config["cpu"] != "a b" || got.Platform != Local {
		t.Errorf("config %v, platform %q", got.Config, got.Platform)
	}
	for _, name := range want.Names() {
		for _, unit := range []string{Init, First, Peak, Time} {
			if g, w := got.Values(name, unit), want.Values(name, unit); !reflect.DeepEqual(g, w) {
				t.Errorf("%s %s: got %v, want %v", name, unit, g, w)
			}
		}
	}
}

func TestBenchstatReadsTheFormat(t *testing.T) {
	if testing.Short() {
		t.Skip("builds benchstat: not in -short mode")
	}
	var b bytes.Buffer
	r := sampleRun()
	for i := range r.Samples {
		if r.Samples[i].Variant == "zip" && i%2 == 0 {
			r.Samples[i].Variant = "lean"
		}
	}
	if err := WriteGo(&b, r); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "run", "golang.org/x/perf/cmd/benchstat", "-col", "/variant", "-")
	cmd.Stdin = &b
	out, err := cmd.CombinedOutput()
	if err != nil && (strings.Contains(string(out), "dial tcp") || strings.Contains(string(out), "no required module provides")) {
		t.Skipf("benchstat cannot be built here: %s", out)
	}
	if err != nil || !strings.Contains(string(out), "init-sec/op") || !strings.Contains(string(out), "lean") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestReadRefuses(t *testing.T) {
	head := `{"run":{"platform":"local"}}` + "\n"
	for text, want := range map[string]string{
		"":                               "x is empty",
		" \n\n":                          "x is empty",
		"hello":                          "holds no benchmark of a variant",
		"BenchmarkOther-2 1 5 ns/op":     "holds no benchmark of a variant",
		`{"sample":{}}`:                  "line 1: not the first line",
		head + head:                      "line 2: a second run",
		head + "{}":                      "line 2: neither",
		head + `{"sample":{"case":"x"}}`: "line 2: a sample without",
		head + `{"sample":{"variant":"z","case":"x","values":{"ns/op":-1}}}`: "ns/op is -1",
		head + "{\n" + head:                    "line 2: unexpected end",
		head + strings.Repeat("x", maxLine):    "line 2: ",
		"BenchmarkCold/variant=zip 1 -4 ns/op": "ns/op is -4",
	} {
		_, err := Read(strings.NewReader(text), "x")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: got %v, expected an error with %q", text, err, want)
		}
	}
}

// TestCutFileKeepsWhatIsWhole: a writer that was killed leaves half a line.
func TestCutFileKeepsWhatIsWhole(t *testing.T) {
	var b bytes.Buffer
	want := sampleRun()
	if err := Write(&b, want); err != nil {
		t.Fatal(err)
	}
	r, err := Read(bytes.NewReader(b.Bytes()[:b.Len()-9]), "x")
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Samples) != len(want.Samples)-1 || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "cut off") {
		t.Errorf("%d samples, notes %q", len(r.Samples), r.Notes)
	}
}

// TestVariantsWithNumbers: the number of processors is not taken from a name.
func TestVariantsWithNumbers(t *testing.T) {
	r := &Run{Platform: AWS, Samples: []Sample{{Variant: "zip-512", Case: Cold, Values: map[string]float64{Init: 1}}, {Variant: "zip-1769", Case: Cold, Values: map[string]float64{Init: 2}}}}
	var b bytes.Buffer
	if err := WriteGo(&b, r); err != nil {
		t.Fatal(err)
	}
	got, err := Read(&b, "x")
	if err != nil || len(got.Samples) != 2 || got.Samples[0].Variant != "zip-512" || got.Samples[1].Variant != "zip-1769" || len(got.Config) > 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestByRound: many alike events of a round count as one.
func TestByRound(t *testing.T) {
	r := &Run{}
	for round := 1; round <= 3; round++ {
		for i := range 5 {
			r.Samples = append(r.Samples, Sample{Variant: "v", Case: Warm, Records: 1, Round: round, Values: map[string]float64{Time: float64(100*round + i)}})
		}
		r.Samples = append(r.Samples, Sample{Variant: "v", Case: Cold, Round: round, Values: map[string]float64{Init: 7}})
	}
	const name = "Warm/variant=v/records=1"
	if got := r.ByRound(name, Time); !reflect.DeepEqual(got, []float64{102, 202, 302}) {
		t.Errorf("got %v", got)
	}
	s := SummarizeRounds(r.Values(name, Time), r.ByRound(name, Time))
	if s.N != 15 || s.P50 != 202 || s.Low != 102 || s.High != 302 {
		t.Errorf("%+v", s)
	}
	for i := range r.Samples {
		r.Samples[i].Round = 0 // of a run without rounds
	}
	if got := r.ByRound(name, Time); len(got) != 15 {
		t.Errorf("%d rounds", len(got))
	}
}

func TestSummarizeManyEnds(t *testing.T) {
	xs := make([]float64, 100_000)
	for i := range xs {
		xs[i] = float64(i)
	}
	if s := Summarize(xs); !(s.Low < s.P50 && s.P50 < s.High) {
		t.Errorf("%+v", s)
	}
}

func FuzzRead(f *testing.F) {
	var a, b bytes.Buffer
	Write(&a, sampleRun())
	WriteGo(&b, sampleRun())
	f.Add(a.Bytes())
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Read(bytes.NewReader(text), "x")
		if err != nil {
			return
		}
		for _, name := range r.Names() {
			Summarize(r.Values(name, Time))
		}
		if err := WriteGo(&bytes.Buffer{}, r); err != nil {
			t.Error(err)
		}
	})
}

func TestSummarize(t *testing.T) {
	s := Summarize([]float64{5, 1, 4, 2, 3})
	if s.N != 5 || s.Min != 1 || s.P50 != 3 || math.Abs(s.P90-4.6) > 1e-12 || !math.IsNaN(s.P99) {
		t.Errorf("%+v", s)
	}
	if s.Low < 1 || s.Low > 3 || s.High < 3 || s.High > 5 || s.Low == s.High {
		t.Errorf("interval %v to %v", s.Low, s.High)
	}
	var xs []float64
	for i := range 200 {
		xs = append(xs, float64(i))
	}
	s = Summarize(xs)
	if math.Abs(s.P99-197.01) > 1e-9 || s.Low > 99.5 || s.High < 99.5 || s.High-s.Low > 50 {
		t.Errorf("%+v", s)
	}
	if s = Summarize(nil); s.N != 0 || !math.IsNaN(s.P50) {
		t.Errorf("of nothing: %+v", s)
	}
}

func TestCompare(t *testing.T) {
	var a, b []float64
	for i := range 20 {
		a = append(a, 100+float64(i))
		b = append(b, 200+float64(i))
	}
	if d := Compare(a, b); !d.Significant() || math.Abs(d.Ratio-209.5/109.5) > 1e-9 {
		t.Errorf("%+v", d)
	}
	if d := Compare(a, a); d.Significant() || d.Ratio != 1 {
		t.Errorf("%+v", d)
	}
	if d := Compare(a[:1], b[:1]); d.Significant() {
		t.Errorf("one sample each: %+v", d)
	}
}
