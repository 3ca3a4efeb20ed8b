package benchreport

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"testing"

	"coldstream/internal/measure"
)

// TestRestartedInitsAreColdStarts: the slowest starts stay among the others.
func TestRestartedInitsAreColdStarts(t *testing.T) {
	for name, memory := range map[string]string{"usual": "", "sweep": "512"} {
		run := &measure.Run{Platform: measure.AWS}
		for round := 1; round <= 20; round++ {
			s := measure.Sample{Variant: "published", Case: measure.Cold, Round: round, Settings: map[string]string{}, Values: map[string]float64{measure.First: 9e9, measure.Init: 8e9}}
			if memory != "" {
				s.Settings["memory"] = memory
			}
			if round%7 == 0 || round > 18 {
				s.Settings["init"] = "twice"
				s.Values = map[string]float64{measure.First: 25e9, measure.Init: 10e9}
			}
			run.Samples = append(run.Samples, s)
		}
		r := newReport(t, Options{}, run)
		d := r.runs[0]
		if len(d.groups) != 1 {
			t.Errorf("%s: %d groups: %+v", name, len(d.groups), d.groups)
		}
		if s := d.summary(d.cold(), "published", measure.First); s.N != 20 || s.P90 != 25e9 {
			t.Errorf("%s: %+v", name, s.Summary)
		}
		if out := text(t, r, 200); !strings.Contains(out, "published: 4 of 20 starts ran over Lambda's 10 s of init and began again") {
			t.Errorf("%s: they are not counted:\n%s", name, out)
		}
	}
}

// sweep is a run with memory sizes: those of b were measured once only.
func sweep() *measure.Run {
	run := &measure.Run{Platform: measure.AWS}
	for _, mb := range []int{1024, 128, 512, 2048} {
		for _, v := range []string{"a", "b"} {
			if v == "b" && mb != 512 && mb != 1024 {
				continue
			}
			settings := map[string]string{"memory": strconv.Itoa(mb)}
			run.Samples = append(run.Samples,
				measure.Sample{Variant: v, Case: measure.Cold, Round: 1, Settings: settings, Values: map[string]float64{measure.First: 5e6, measure.Init: 4e6, measure.Invoke: 1e6}},
				measure.Sample{Variant: v, Case: measure.Warm, Records: 1, Round: 1, Settings: settings, Values: map[string]float64{measure.Time: 1e6}},
				measure.Sample{Variant: v, Case: measure.Warm, Records: 500, Round: 1, Settings: settings, Values: map[string]float64{measure.Time: 9e6}})
		}
	}
	return run
}

func TestSweepOfMemorySizes(t *testing.T) {
	d := newReport(t, Options{}, sweep()).runs[0]
	var cold []string
	for _, g := range d.groups {
		if g.Case == measure.Cold {
			cold = append(cold, g.Settings)
		}
	}
	if got := strings.Join(cold, ", "); got != "memory=128, memory=512, memory=1024, memory=2048" {
		t.Errorf("sizes are sorted %s", got)
	}
	// 512 and 1024 MB have both variants; 1024 is the larger.
	if g := d.cold(); g.Settings != "memory=1024" {
		t.Errorf("cold starts: %+v", g)
	}
	if w := d.warm(); len(w) != 2 || w[0].Settings != "memory=1024" || w[1].Records != 500 {
		t.Errorf("warm events: %+v", w)
	}
	out := text(t, newReport(t, Options{}, sweep()), 200)
	if !strings.Contains(out, "cold: memory 1024 MB; warm: memory 1024 MB") || strings.Contains(out, "without the setting") || !strings.Contains(out, "by that with memory 1024 MB") {
		t.Errorf("the text does not name the size:\n%s", out)
	}
}

// TestIntervalsCountRounds: two processes with ten events each are two samples.
func TestIntervalsCountRounds(t *testing.T) {
	run := &measure.Run{Platform: measure.Local}
	for round := 1; round <= 8; round++ {
		for i := range 10 {
			run.Samples = append(run.Samples, measure.Sample{Variant: "zip", Case: measure.Warm, Records: 1, Round: round,
				Values: map[string]float64{measure.Time: float64(round)*1e6 + float64(i)}})
		}
	}
	d := newReport(t, Options{}, run).runs[0]
	s := d.summary(d.warm()[0], "zip", measure.Time)
	// The medians of eight rounds, 1 to 8 ms: their interval is some 2 to 7 ms. Of
	// 80 samples it would be half as wide.
	if s.N != 80 || len(s.rounds) != 8 || s.High-s.Low < 3.9e6 {
		t.Errorf("%d rounds, %v to %v", len(s.rounds), s.Low, s.High)
	}
	run.Samples = run.Samples[:50]
	d = newReport(t, Options{}, run).runs[0]
	if got := interval(d.summary(d.warm()[0], "zip", measure.Time), times); got != missing {
		t.Errorf("five rounds have the interval %s", got)
	}
}

// TestModelsAreNamed: nobody compares two models' times without seeing it.
func TestModelsAreNamed(t *testing.T) {
	r := newReport(t, Options{}, exampleRun(6, 1))
	var b bytes.Buffer
	if err := r.WriteHeadline(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| variant | model | ", "| zip | default | ", "| tract | origin | ", "| bare | - | "} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the headline has no %q:\n%s", want, b.String())
		}
	}
	d := r.runs[0]
	names := map[string]bool{}
	for _, s := range d.strips(d.cold(), measure.First) {
		names[s.name] = true
	}
	if !names["zip (default)"] || !names["tract (origin)"] || !names["bare"] {
		t.Errorf("rows of the chart: %v", names)
	}
	if got := d.named("zip", []string{"bare", "zip", "lean"}); got != "zip" {
		t.Errorf("among variants of one model it is called %s", got)
	}
}

// TestEndpointsOwnMemory: a thin function's memory is not what the variant needs.
func TestEndpointsOwnMemory(t *testing.T) {
	r := newReport(t, Options{}, exampleRun(6, 1))
	out := text(t, r, 300)
	for _, want := range []string{"endpoint memory", "561 MB", "Starts of the endpoint, init (from exec to the first healthy answer)"} {
		if !strings.Contains(out, want) {
			t.Errorf("the text has no %q", want)
		}
	}
	found := false
	for _, b := range r.runs[0].peaks() {
		found = found || b.name == "ec2: endpoint" && math.Abs(b.total()-561e6) < 1
	}
	if !found {
		t.Error("the chart of memory has no bar of the endpoint")
	}
}
