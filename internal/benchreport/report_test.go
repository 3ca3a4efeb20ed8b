package benchreport

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rivo/uniseg"

	"coldstream/internal/measure"
)

var update = flag.Bool("update", false, "rewrite testdata")

// golden compares got with a file in testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what comes out; remake it with go test ./internal/benchreport -update and look at the difference:\n%s", path, got)
	}
}

func newReport(t *testing.T, o Options, runs ...*measure.Run) *Report {
	t.Helper()
	var inputs []Input
	for i, r := range runs {
		inputs = append(inputs, Input{fmt.Sprintf("run%d.jsonl", i+1), r})
	}
	r, err := New(inputs, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func text(t *testing.T, r *Report, width int) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteText(&b, width); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func htmlOf(t *testing.T, r *Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTerminalTables(t *testing.T) {
	golden(t, "example.txt", []byte(text(t, newReport(t, Options{}, exampleRun(24, 1)), 100)))
}

func TestHeadline(t *testing.T) {
	var b bytes.Buffer
	if err := newReport(t, Options{}, exampleRun(24, 1)).WriteHeadline(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "headline.md", b.Bytes())
	rows := strings.Count(b.String(), "\n|")
	if rows-1 > maxHeadline {
		t.Errorf("%d rows", rows-1)
	}
}

func TestComparison(t *testing.T) {
	slower := exampleRun(24, 2)
	for i := range slower.Samples {
		if s := &slower.Samples[i]; s.Variant == "zip" && s.Case == measure.Cold {
			s.Values[measure.Init] *= 1.5
		}
	}
	aws := exampleRun(5, 3)
	aws.Platform = measure.AWS
	r := newReport(t, Options{}, exampleRun(24, 1), slower, aws)
	var b bytes.Buffer
	w := &textWriter{w: &b, width: 100}
	for _, c := range r.comparisons {
		w.heading("Comparison: " + c.Title)
		w.wrapped("", c.Note)
		for _, tb := range c.Tables {
			w.table(tb)
		}
	}
	golden(t, "comparison.txt", b.Bytes())
	if !strings.HasSuffix(text(t, r, 100), b.String()) {
		t.Error("the text does not end with the comparisons")
	}
	out := b.String()
	if !regexp.MustCompile(`zip: init +\S+ ms +\S+ ms +1\.\d+x +<0\.001 +24\+24`).MatchString(out) {
		t.Error("a slower init does not show")
	}
	if !regexp.MustCompile(`lean: init +\S+ ms +\S+ ms +~ `).MatchString(out) {
		t.Error("noise shows as a difference")
	}
	if !strings.Contains(out, "run1.jsonl and run3.jsonl\n=") || !strings.Contains(out, "not compared: one is of local, the other of aws") {
		t.Error("runs of two platforms are not said to be left alone")
	}
}

// TestTextFitsItsTerminal: no line is wider than the terminal where columns can
// be put below each other.
func TestTextFitsItsTerminal(t *testing.T) {
	r := newReport(t, Options{Cost: oneCost(t)}, exampleRun(24, 1), exampleRun(24, 2))
	for _, width := range []int{60, 80, 132} {
		for line := range strings.Lines(text(t, r, width)) {
			if w := uniseg.StringWidth(strings.TrimSuffix(line, "\n")); w > width {
				t.Errorf("width %d: a line of %d columns: %s", width, w, line)
			}
		}
	}
	first, _, _ := strings.Cut(text(t, r, 0), "\n")
	if first == "" {
		t.Error("nothing is written for a width of 0")
	}
}

func TestOddRuns(t *testing.T) {
	sample := func(c string, values map[string]float64) measure.Sample {
		return measure.Sample{Variant: "zip", Case: c, Records: 1, Values: values}
	}
	for name, samples := range map[string][]measure.Sample{
		"one sample":  {sample(measure.Cold, map[string]float64{measure.First: 5e6, measure.Init: 4e6, measure.Invoke: 1e6})},
		"zeros":       {sample(measure.Cold, map[string]float64{measure.First: 0, measure.Init: 0, measure.Invoke: 0, measure.Peak: 0}), sample(measure.Warm, map[string]float64{measure.Time: 0})},
		"huge":        {sample(measure.Cold, map[string]float64{measure.First: math.MaxFloat64, measure.Init: 1e300, measure.Invoke: 1e308, measure.Peak: 1e308}), sample(measure.Warm, map[string]float64{measure.Time: 1e300})},
		"tiny":        {sample(measure.Cold, map[string]float64{measure.First: 5e-324, measure.Init: 5e-324, measure.Invoke: 5e-324})},
		"far apart":   {sample(measure.Cold, map[string]float64{measure.First: 5e-300}), sample(measure.Cold, map[string]float64{measure.First: 1e300})},
		"warm only":   {sample(measure.Warm, map[string]float64{measure.Time: 1e6})},
		"server only": {sample(measure.Server, map[string]float64{measure.First: 1e9})},
		"all settings": {{Variant: "zip", Case: measure.Cold, Settings: map[string]string{"memory": "512"}, Values: map[string]float64{measure.First: 5e6}},
			{Variant: "zip", Case: measure.Cold, Settings: map[string]string{"memory": "1769"}, Values: map[string]float64{measure.First: 4e6}}},
		"no records": {{Variant: "zip", Case: measure.Warm, Values: map[string]float64{measure.Time: 1e6}}},
	} {
		t.Run(name, func(t *testing.T) {
			run := &measure.Run{Platform: measure.AWS, Samples: samples}
			r := newReport(t, Options{Cost: exampleCost(t)}, run, run)
			out := text(t, r, 80)
			if strings.Contains(out, "NaN") || strings.Contains(out, "Inf") {
				t.Errorf("the text has NaN or Inf:\n%s", out)
			}
			wellFormed(t, htmlOf(t, r))
			if err := r.WriteHeadline(io.Discard); err != nil {
				t.Error(err)
			}
			if err := r.WritePNG(io.Discard); (err != nil) != (name == "server only") {
				t.Error(err)
			}
		})
	}
}

func TestRunsWithoutFigures(t *testing.T) {
	for want, run := range map[string]*measure.Run{
		"nothing was measured in x: it has no samples":                              {},
		"nothing was measured in x: zip was skipped: no Go":                         {Variants: []measure.Variant{{Name: "zip", Skipped: "no Go"}}},
		"nothing was measured in x: all of its samples failed, the first, of zip, ": {Samples: []measure.Sample{{Variant: "zip", Case: "cold", Error: "boom\nbang"}}},
		"x has no figure that a report shows: its units are B/op, furlongs; expected some of first-ns/op": {
			Samples: []measure.Sample{{Variant: "zip", Case: "cold", Values: map[string]float64{"furlongs": 1, "B/op": 2}}}},
	} {
		_, err := New([]Input{{"x", run}}, Options{})
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	_, err := New([]Input{{"x", exampleRun(2, 1)}}, Options{Baseline: "zap"})
	if want := `baseline "zap" was not measured; there are bare, bare-lean, ec2, lean`; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := New(nil, Options{}); err == nil {
		t.Error("no runs are no error")
	}
}

func TestBaselines(t *testing.T) {
	with := exampleRun(3, 1)
	without := exampleRun(3, 1)
	for i := range without.Samples {
		if s := &without.Samples[i]; s.Variant == "bare" || s.Variant == "bare-lean" {
			s.Values = nil
		}
	}
	for _, c := range []struct {
		run        *measure.Run
		flag, want string
	}{{with, "", "bare"}, {with, "published", "published"}, {without, "", "lean"}} {
		if got := newReport(t, Options{Baseline: c.flag}, c.run).runs[0].baseline; got != c.want {
			t.Errorf("baseline %q: got %q, want %q", c.flag, got, c.want)
		}
	}
}

func TestHumanUnits(t *testing.T) {
	for _, c := range []struct {
		x    float64
		in   []scale
		want string
	}{
		{0, times, "0 ns"}, {1, times, "1.00 ns"}, {999.6, times, "1.00 µs"}, {480e3, times, "480 µs"}, {3.4049e6, times, "3.40 ms"},
		{999_499_000, times, "999 ms"}, {999_999_999, times, "1.00 s"}, {46.769e9, times, "46.8 s"}, {383e9, times, "383 s"}, {1e13, times, "10,000 s"},
		{9e18, times, "9e+09 s"}, {650e3, sizes, "650 kB"}, {4.83e6, sizes, "4.83 MB"}, {1.283e9, sizes, "1.28 GB"},
		{math.NaN(), times, "-"}, {math.Inf(1), times, "-"}, {math.MaxFloat64, plain, "1.8e+308"}, {0.5, plain, "0.5"},
	} {
		if got := human(c.x, c.in); got != c.want {
			t.Errorf("%v: got %q, want %q", c.x, got, c.want)
		}
	}
	for _, c := range []struct {
		low, high float64
		want      string
	}{{3.21e6, 3.6e6, "3.21 to 3.60 ms"}, {970e3, 1.02e6, "970 µs to 1.02 ms"}} {
		if got := interval(summary{measure.Summary{N: 12, Low: c.low, High: c.high}, make([]float64, 6)}, times); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
