package benchaws

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"coldstream/internal/cost"
	"coldstream/internal/measure"
)

// event is a Firehose event of so many records.
func event(records int) []byte {
	var parts []string
	for i := range records {
		parts = append(parts, fmt.Sprintf(`{"recordId":"%d","data":"eA=="}`, i))
	}
	return []byte(`{"records":[` + strings.Join(parts, ",") + `]}`)
}

// options are those of a small run over targets of their own names.
func options(names ...string) Options {
	o := Options{Rounds: 3, Warm: 2, Events: map[int][]byte{1: event(1), 5: event(5)}}
	for _, n := range names {
		o.Targets = append(o.Targets, Target{Name: n, Function: n})
	}
	return o
}

// unchanged fails the test unless the functions are as they were before do.
func unchanged(t *testing.T, f *fake, do func()) {
	t.Helper()
	type state struct {
		env    map[string]string
		memory int
	}
	before := map[string]state{}
	for n, fn := range f.functions {
		before[n] = state{maps.Clone(fn.env), fn.memory}
	}
	do()
	f.mu.Lock()
	defer f.mu.Unlock()
	for n, fn := range f.functions {
		if got := (state{fn.env, fn.memory}); !reflect.DeepEqual(got, before[n]) {
			t.Errorf("%s became %+v, was %+v", n, got, before[n])
		}
	}
}

func samples(r *Result, of, kind string) []measure.Sample {
	var all []measure.Sample
	for _, s := range r.Run.Samples {
		if s.Variant == of && s.Case == kind {
			all = append(all, s)
		}
	}
	return all
}

func TestColdAndWarmStartsAreMeasured(t *testing.T) {
	image := zip("published")
	image.pack, image.arch, image.format, image.slow = "Image", "amd64", "JSON", 3
	image.env = nil // none at all is to be restored too
	image.answer = func(n int, id string, cold bool) fakeAnswer { return fakeAnswer{log: jsonReport(n, id, cold)} }
	f, c := newFake(t, zip("zip"), image)
	o := options("zip", "published")
	o.Settle = 2
	var lines bytes.Buffer
	o.Out = &lines
	nonces := map[string]bool{}
	f.fault = func(op string, _ int) (int, string, string) {
		if v := f.functions["zip"].env[nonceName]; op == "Invoke" && v != "" {
			nonces[v] = true
		}
		return 0, "", ""
	}
	var r *Result
	unchanged(t, f, func() {
		var err error
		if r, err = c.Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	})
	if len(nonces) != 3 {
		t.Errorf("nonces %v", nonces)
	}
	for name, first := range map[string]int{"zip": 1, "published": 3} {
		cold, warm := samples(r, name, measure.Cold), samples(r, name, measure.Warm)
		if len(cold) != 3 || len(warm) != 12 {
			t.Fatalf("%s: %d cold, %d warm", name, len(cold), len(warm))
		}
		for i, s := range cold {
			n := float64(first + 5*i) // number of the invocation, of which the fake makes the times
			want := map[string]float64{
				measure.Init: (40 + n + .25) * 1e6, measure.Invoke: (n + .5) * 1e6, measure.First: (40 + 2*n + .75) * 1e6,
				measure.Billed: (n + 1) * 1e6, measure.Peak: 23 << 20, measure.Client: s.Values[measure.Client],
			}
			if !reflect.DeepEqual(s.Values, want) || s.Round != i+1 || s.Settings != nil || !(s.Values[measure.Client] > 0) {
				t.Errorf("%s: got %+v\nwant %v", name, s, want)
			}
		}
		s := warm[3] // the second of five records, invocation 4 after the cold one
		n := float64(first + 4)
		want := map[string]float64{
			measure.Time: (n + .5) * 1e6, measure.Billed: (n + 1) * 1e6, measure.Peak: 23 << 20,
			measure.Rate: 5 / ((n + .5) / 1e3), measure.Client: s.Values[measure.Client],
		}
		if !reflect.DeepEqual(s.Values, want) || s.Records != 5 {
			t.Errorf("%s: got %+v\nwant %v", name, s, want)
		}
	}
	if got := r.Discarded(); !reflect.DeepEqual(got, []Discard{{"published", reasonSettling, 2}}) {
		t.Errorf("left out: %v", got)
	}
	if v, z := r.Run.Variant("published"), r.Run.Variant("zip"); v.UploadBytes != 0 || v.UploadNote != "size of the image not known to Lambda" || z.UploadBytes != 4_600_000 || z.UploadNote != "" {
		t.Errorf("sizes %+v, %+v", v, z)
	}
	if v := r.Run.Variant("published"); v.Kind != "container" || v.Arch != "amd64" || v.Versions["package"] != "Image" || v.Versions["log format"] != "JSON" {
		t.Errorf("%+v", v)
	}
	if cfg := r.Run.Config; cfg["region"] != "us-east-1" || cfg["memory"] != "512 MB" || cfg["arch"] != "" || r.Run.Platform != measure.AWS {
		t.Errorf("config %v", cfg)
	}
	read, err := measure.Read(&lines, "lines")
	if err != nil || len(read.Samples) != 30 || !reflect.DeepEqual(read.Samples, r.Run.Samples) || len(read.Variants) != 2 {
		t.Errorf("the lines: %v, %+v", err, read)
	}
}

func TestSettlingStartsAreKeptOnDemand(t *testing.T) {
	image := zip("published")
	image.pack = "Image"
	_, c := newFake(t, image)
	o := options("published")
	o.Targets[0].UploadBytes = 2_900_000_000
	o.Settle, o.KeepSettling, o.Warm = 2, true, 0
	r, err := c.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"Cold/variant=published/settling=1", "Cold/variant=published/settling=2", "Cold/variant=published"}
	if got := r.Run.Names(); !reflect.DeepEqual(got, want) || len(r.Discarded()) != 0 {
		t.Errorf("got %v, %v", got, r.Discarded())
	}
	if v := r.Run.Variant("published"); v.UploadBytes != 2_900_000_000 || v.UploadNote != "" {
		t.Errorf("%+v", v)
	}
}

func TestStartsWithoutInitAreLeftOutAndCounted(t *testing.T) {
	fn := zip("zip")
	fn.proactive = func(cold int) bool { return cold%2 == 0 }
	fn.answer = func(n int, id string, cold bool) fakeAnswer {
		return fakeAnswer{log: textReport(n, id, cold || n == 3)} // and one new environment among the warm
	}
	_, c := newFake(t, fn)
	r, err := c.Run(t.Context(), options("zip"))
	if err != nil {
		t.Fatal(err)
	}
	if cold, warm := samples(r, "zip", measure.Cold), samples(r, "zip", measure.Warm); len(cold) != 2 || len(warm) != 11 {
		t.Errorf("%d cold, %d warm", len(cold), len(warm))
	}
	if got := r.Discarded(); !reflect.DeepEqual(got, []Discard{{"zip", reasonNotWarm, 1}, {"zip", reasonNotCold, 1}}) {
		t.Errorf("left out: %v", got)
	}
	if !strings.Contains(strings.Join(r.Run.Notes, "\n"), "zip: 1 left out: "+reasonNotCold) {
		t.Errorf("notes %q", r.Run.Notes)
	}
}

func TestInitThatWasBrokenOffCounts(t *testing.T) {
	fn := zip("published")
	fn.answer = func(n int, id string, cold bool) fakeAnswer {
		log := textReport(n, id, false)
		if cold {
			log = "INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout\n" + log
		}
		return fakeAnswer{log: log}
	}
	_, c := newFake(t, fn)
	o := options("published")
	o.Rounds, o.Warm = 1, 1
	r, err := c.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	s := r.Run.Samples[0]
	if s.Name() != "Cold/variant=published/init=twice" || s.Values[measure.Init] != 10e9 || s.Values[measure.First] != 10e9+1.5e6 {
		t.Errorf("%+v", s)
	}
	if s := r.Run.Samples[1]; s.Name() != "Warm/variant=published/records=1" {
		t.Errorf("%+v", s)
	}
}

func TestMemorySweepIsUndone(t *testing.T) {
	fn := zip("zip")
	seen := map[int]int{}
	fn.answer = func(n int, id string, cold bool) fakeAnswer {
		seen[fn.memory]++
		return fakeAnswer{log: textReport(n, id, cold)}
	}
	f, c := newFake(t, fn)
	o := options("zip")
	o.Memory, o.Warm = []int{1769, 128, 1769}, 1
	p, err := cost.ForRegion("us-east-1")
	if err != nil {
		t.Fatal(err)
	}
	o.Prices = &p
	var r *Result
	unchanged(t, f, func() {
		if r, err = c.Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	})
	if !reflect.DeepEqual(seen, map[int]int{128: 9, 1769: 9}) {
		t.Errorf("invocations by memory %v", seen)
	}
	for _, name := range []string{"Cold/variant=zip/memory=128", "Cold/variant=zip/memory=1769", "Warm/variant=zip/records=5/memory=1769"} {
		if n := len(r.Run.Values(name, measure.Billed)); n != 3 {
			t.Errorf("%s: %d samples in %v", name, n, r.Run.Names())
		}
	}
	for _, cost := range r.Costs() {
		name := fmt.Sprintf("Warm/variant=zip/records=%d/memory=%d", cost.Records, cost.MemoryMB)
		want := 0.0 // billed milliseconds by memory, and the request, for a million posts
		for _, b := range r.Run.Values(name, measure.Billed) {
			want += (b/1e9*float64(cost.MemoryMB)/1024*p.LambdaGBSecond["arm64"] + p.LambdaRequest) / 3 / float64(cost.Records) * 1e6
		}
		if diff := cost.PerMillion/want - 1; !(diff < 1e-9 && diff > -1e-9) {
			t.Errorf("%s: %v dollars, want %v", name, cost.PerMillion, want)
		}
	}
	if len(r.Costs()) != 4 {
		t.Errorf("costs %+v", r.Costs())
	}
}

// TestKilledRunIsCleanedUpAfter: what a run left behind that could not undo it.
func TestKilledRunIsCleanedUpAfter(t *testing.T) {
	fn := zip("zip")
	fn.memory, fn.env[nonceName] = 1769, "512-0badcafe"
	fn.answer = func(n int, id string, cold bool) fakeAnswer {
		if fn.memory != 512 {
			t.Errorf("measured with %d MB", fn.memory)
		}
		return fakeAnswer{log: textReport(n, id, cold)}
	}
	_, c := newFake(t, fn)
	if _, err := c.Run(t.Context(), options("zip")); err != nil {
		t.Fatal(err)
	}
	if _, left := fn.env[nonceName]; left || fn.memory != 512 {
		t.Errorf("left %v, %d MB", fn.env, fn.memory)
	}
}

// TestEndedRunIsUndone wherever it ends.
func TestEndedRunIsUndone(t *testing.T) {
	stop := errors.New("stop")
	for _, op := range []string{"UpdateFunctionConfiguration", "GetFunction", "GetFunctionConfiguration", "Invoke"} {
		for at := 3; at < 6; at++ {
			f, c := newFake(t, zip("a"), zip("b"))
			for _, fn := range f.functions {
				fn.slow = 2
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			f.fault = func(o string, n int) (int, string, string) {
				if o == op && n == at {
					cancel(stop)
				}
				return 0, "", ""
			}
			o := options("a", "b")
			o.Memory = []int{1024, 2048}
			unchanged(t, f, func() {
				r, err := c.Run(ctx, o)
				if !errors.Is(err, stop) {
					t.Errorf("%s %d: got %v", op, at, err)
				}
				if r == nil || !strings.Contains(strings.Join(r.Run.Notes, "\n"), "interrupted after ") {
					t.Errorf("%s %d: result %+v", op, at, r)
				}
			})
		}
	}
}

// TestChangeUnderWayIsWaitedFor: the run ends while an update is on its way, and
// the update takes effect later than anything else that the client asks.
func TestChangeUnderWayIsWaitedFor(t *testing.T) {
	f, c := newFake(t, zip("zip"))
	ctx, cancel := context.WithCancel(t.Context())
	f.fault = func(op string, n int) (int, string, string) {
		if op == "UpdateFunctionConfiguration" && n == 1 {
			cancel()
			asked := f.calls["GetFunctionConfiguration"]
			for range 50 {
				f.mu.Unlock()
				time.Sleep(time.Millisecond)
				f.mu.Lock()
				if f.calls["GetFunctionConfiguration"] > asked {
					t.Error("went on without the answer to an update")
					break
				}
			}
		}
		return 0, "", ""
	}
	unchanged(t, f, func() {
		if _, err := c.Run(ctx, options("zip")); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestTargetsTakeTurnsAtOnce(t *testing.T) {
	f, c := newFake(t, zip("a"), zip("b"), zip("c"), zip("d"))
	o := options("a", "b", "c", "d")
	o.Concurrency = 3
	done := 0
	o.Progress = func(_ string, d, total int) {
		f.mu.Lock()
		done = max(done, d)
		f.mu.Unlock()
		if total != 12 {
			t.Errorf("total %d", total)
		}
	}
	unchanged(t, f, func() {
		r, err := c.Run(t.Context(), o)
		if err != nil || len(r.Run.Samples) != 60 || done != 12 {
			t.Errorf("%v, %d of 60 samples, %d of 12 visits", err, len(r.Run.Samples), done)
		}
	})
}

func TestOptionsAreChecked(t *testing.T) {
	f, c := newFake(t)
	for want, change := range map[string]func(*Options){
		"no targets":             func(o *Options) { o.Targets = nil },
		"no events":              func(o *Options) { o.Events = nil },
		"0 rounds":               func(o *Options) { o.Rounds = 0 },
		"-1 warm":                func(o *Options) { o.Warm = -1 },
		"-1 settling":            func(o *Options) { o.Settle = -1 },
		"memory of 64 MB":        func(o *Options) { o.Memory = []int{512, 64} },
		"two targets are called": func(o *Options) { o.Targets = append(o.Targets, o.Targets[0]) },
		"an event of 7 records has 6291557 bytes, and Lambda takes 6291556": func(o *Options) { o.Events[7] = make([]byte, 6<<20+101) },
		"upload_bytes is -1":      func(o *Options) { o.Targets[0].UploadBytes = -1 },
		"changes the functions":   func(o *Options) { o.WarmOnly, o.Memory = true, []int{128} },
		"nothing to measure":      func(o *Options) { o.WarmOnly, o.Warm = true, 0 },
		`kind "x" is none of zip`: func(o *Options) { o.Targets[0].Kind = "x" },
		`target "a b": a name`:    func(o *Options) { o.Targets[0].Name = "a b" },
	} {
		o := options("zip")
		change(&o)
		if _, err := c.Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if len(f.calls) != 0 {
		t.Errorf("called %v", f.calls)
	}
}
