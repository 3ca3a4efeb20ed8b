package benchreport

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"coldstream/internal/cost"
	"coldstream/internal/measure"
)

// timed is a variant whose times are exact, in ms: a cold start with init and
// first invocation, and warm events of some sizes.
type timed struct {
	name, kind         string
	settings           map[string]string
	init, invoke       float64
	event, record      float64 // of the function itself
	wait, remote       float64 // for the endpoint, per event and per record
	records            []int
	coldPeak, warmPeak float64 // MB
	remoteKnown        bool
}

// add adds two rounds of it to a run.
func (v timed) add(r *measure.Run) {
	if r.Variant(v.name) == nil {
		r.Variants = append(r.Variants, measure.Variant{Name: v.name, Kind: v.kind, Arch: "arm64"})
	}
	for round := 1; round <= 2; round++ {
		r.Samples = append(r.Samples, measure.Sample{Variant: v.name, Case: measure.Cold, Round: round, Settings: v.settings, Values: map[string]float64{
			measure.Init: v.init * 1e6, measure.Invoke: v.invoke * 1e6, measure.First: (v.init + v.invoke) * 1e6, measure.Peak: v.coldPeak * 1e6}})
		for _, n := range v.records {
			remote := v.wait + float64(n)*v.remote
			values := map[string]float64{measure.Time: (v.event + float64(n)*v.record + remote) * 1e6, measure.Peak: v.warmPeak * 1e6}
			if v.remoteKnown {
				values[measure.Remote] = remote * 1e6
			}
			r.Samples = append(r.Samples, measure.Sample{Variant: v.name, Case: measure.Warm, Records: n, Round: round, Settings: v.settings, Values: values})
		}
	}
}

func fitsOf(t *testing.T, r *measure.Run) map[string]*served {
	t.Helper()
	d, err := index(Input{"x", r})
	if err != nil {
		t.Fatal(err)
	}
	all, left := d.serve()
	if len(left) > 0 {
		t.Fatalf("left out: %q", left)
	}
	byName := map[string]*served{}
	for i := range all {
		byName[all[i].option.Name] = &all[i]
	}
	return byName
}

// wantTimes compares with times in ms.
func wantTimes(t *testing.T, name string, got cost.Option, want map[string]float64) {
	t.Helper()
	for what, d := range map[string]time.Duration{"init": got.Init, "extra": got.FirstExtra, "event": got.PerEvent, "record": got.PerRecord,
		"own record": got.OwnPerRecord, "wait": got.EventWait, "first wait": got.FirstWait} {
		if ms := d.Seconds() * 1e3; math.Abs(ms-want[what]) > .001*want[what]+1e-4 {
			t.Errorf("%s: %s is %v ms, want %v", name, what, ms, want[what])
		}
	}
}

// TestWaitingIsNotScaled: of what a thin function took in a small size on AWS
// only its own part becomes less on a whole vCPU.
func TestWaitingIsNotScaled(t *testing.T) {
	run := &measure.Run{Platform: measure.AWS, Config: map[string]string{"memory": "256 MB"}}
	sizes := []int{1, 100, 1000}
	timed{name: "ec2", kind: "ec2", init: 130, invoke: 120, event: 8, record: .4, wait: 3, remote: 95, records: sizes, remoteKnown: true}.add(run)
	timed{name: "blind", kind: "ec2", init: 130, invoke: 120, event: 8, record: .4, wait: 3, remote: 95, records: sizes}.add(run)
	timed{name: "zip", kind: "zip", init: 50, invoke: 12, event: 8, record: .4, records: sizes}.add(run)
	served := fitsOf(t, run)
	share := 256. / 1769
	wantTimes(t, "ec2", served["ec2"].at(128), map[string]float64{"init": 130, "event": 8 * share, "own record": .4 * share, "wait": 3, "record": 95, "first wait": 120 - 106.4})
	wantTimes(t, "blind", served["blind"].at(128), map[string]float64{"init": 130, "wait": 11, "record": 95.4, "first wait": 120 - 106.4})
	wantTimes(t, "zip", served["zip"].at(128), map[string]float64{"init": 50, "extra": 3.6 * share, "event": 8 * share, "record": .4 * share})
	out := text(t, newReport(t, Options{Cost: oneCost(t)}, run), 400)
	if !strings.Contains(out, "How long it waits for its endpoint is not known, so nothing is scaled: blind.") {
		t.Errorf("the text does not say what is not known:\n%s", out)
	}
	// Locally too the function's own work is not the instance's.
	run.Platform = measure.Local
	wantTimes(t, "local", fitsOf(t, run)["ec2"].at(128), map[string]float64{"init": 130, "event": 8, "own record": .4, "wait": 3, "record": 95, "first wait": 120 - 106.4})
}

// TestTimesOfOneProcessor: a function has one vCPU at most that runs one thread.
func TestTimesOfOneProcessor(t *testing.T) {
	run := &measure.Run{Platform: measure.Local, Config: map[string]string{"cores": "4"}}
	one := map[string]string{"cpus": "1"}
	timed{name: "both", kind: "zip", init: 3, invoke: 3, event: 1, record: .05, records: []int{1, 500}}.add(run)
	timed{name: "both", kind: "zip", settings: one, init: 4, invoke: 3, event: 1, record: .2, records: []int{1, 500}}.add(run)
	timed{name: "usual", kind: "zip", init: 5, invoke: 3, event: 1, record: .05, records: []int{1, 500}}.add(run)
	timed{name: "usual", kind: "zip", settings: one, init: 6, invoke: 3, event: 1, record: .2, records: []int{1}}.add(run)
	served := fitsOf(t, run)
	wantTimes(t, "both", served["both"].at(512), map[string]float64{"init": 4, "extra": 1.8, "event": 1, "record": .2})
	wantTimes(t, "usual", served["usual"].at(512), map[string]float64{"init": 5, "extra": 1.95, "event": 1, "record": .05})
	out := text(t, newReport(t, Options{Cost: oneCost(t)}, run), 400)
	if !strings.Contains(out, "usual (on 4 processors)") || strings.Contains(out, "both (on ") {
		t.Errorf("the text does not mark what was measured on several:\n%s", out)
	}
}

// TestEachSizeHasItsTimes: of a sweep the model gets what was measured at each
// size, and at others what was measured nearest.
func TestEachSizeHasItsTimes(t *testing.T) {
	run := &measure.Run{Platform: measure.AWS}
	for mb, times := range map[int][2]float64{128: {60, 14}, 512: {50, 4}, 1769: {40, 1.2}} {
		timed{name: "zip", kind: "zip", settings: map[string]string{"memory": strconv.Itoa(mb)}, init: times[0], event: times[1], record: times[1] / 10, records: []int{1, 500}, warmPeak: 100}.add(run)
	}
	if got := megabytes("Inf"); got != 0 {
		t.Errorf("a size of %v MB", got)
	}
	s := fitsOf(t, run)["zip"]
	for mb, want := range map[int][2]float64{128: {60, 14. * 128 / 1769}, 200: {60, 14. * 128 / 1769}, 400: {50, 4. * 512 / 1769}, 512: {50, 4. * 512 / 1769}, 3000: {40, 1.2}} {
		wantTimes(t, strconv.Itoa(mb), s.at(mb), map[string]float64{"init": want[0], "event": want[1], "record": want[1] / 10})
	}
}

// TestMemoryOfLaterEvents: what needs most decides which sizes fit.
func TestMemoryOfLaterEvents(t *testing.T) {
	run := &measure.Run{Platform: measure.Local}
	timed{name: "zip", kind: "zip", init: 3, event: 1, record: .1, records: []int{1, 500}, coldPeak: 60, warmPeak: 200}.add(run)
	timed{name: "early", kind: "zip", init: 3, event: 1, record: .1, records: []int{1, 500}, coldPeak: 200, warmPeak: 60}.add(run)
	for name, s := range fitsOf(t, run) {
		if got := s.memories([]int{128, 256}); len(got) != 1 || got[0] != 256 {
			t.Errorf("%s fits into %v MB", name, got)
		}
	}
}

// TestTwoSizesSayNothingOfTheFit: a line goes through any two.
func TestTwoSizesSayNothingOfTheFit(t *testing.T) {
	run := &measure.Run{Platform: measure.Local}
	timed{name: "two", kind: "zip", init: 3, event: 1, record: .1, records: []int{1, 500}}.add(run)
	timed{name: "three", kind: "zip", init: 3, event: 1, record: .1, records: []int{1, 10, 500}}.add(run)
	served := fitsOf(t, run)
	if two, three := served["two"].fits[0].deviation, served["three"].fits[0].deviation; !math.IsNaN(two) || !(three < .001) {
		t.Errorf("the fits are off by %v and %v", two, three)
	}
}

// TestBrokenInitEndsAtItsLimit: the second init is in the first invocation
// already, and is not counted once more.
func TestBrokenInitEndsAtItsLimit(t *testing.T) {
	run := &measure.Run{Platform: measure.AWS, Config: map[string]string{"memory": "1769 MB"}}
	timed{name: "x", kind: "container", init: 10_400, invoke: 13_001, event: 1, record: 0, records: []int{1, 500}}.add(run)
	wantTimes(t, "x", fitsOf(t, run)["x"].at(1769), map[string]float64{"init": 10_000, "extra": 13_000, "event": 1})
}
