package benchlocal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"coldstream/internal/measure"
	"coldstream/internal/runtimeapi/bootstraptest"
	"coldstream/internal/sentiment"
	"coldstream/weights/pretrained"
)

func TestMain(m *testing.M) { bootstraptest.Main(m) }

func reference(t *testing.T) *Reference {
	t.Helper()
	f, err := pretrained.Default()
	if err != nil {
		t.Fatal(err)
	}
	c, err := sentiment.New(f, 1)
	if err != nil {
		t.Fatal(err)
	}
	return NewReference(c)
}

// faulty returns a target that goes wrong in the given way; "" goes well.
func faulty(t *testing.T, mode string) *Target {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the lean runtime runs on Linux only")
	}
	name := mode
	if name == "" {
		name = "well"
	}
	return &Target{
		Variant:   measure.Variant{Name: name},
		Bootstrap: bootstraptest.Build(t, filepath.Join("testdata", "faulty")), Env: []string{"MODE=" + mode, "MARK=" + mark(t)},
	}
}

// mark is what the processes of a test have in their environment.
func mark(t *testing.T) string { return fmt.Sprintf("%s-%d", t.Name(), os.Getpid()) }

func options(targets ...*Target) Options {
	return Options{
		Targets: targets, Conditions: []Condition{{Rounds: 4}}, SlowRounds: 2, Warm: 3, Batch: 20, Large: 3,
		Budget: time.Second, Longest: time.Minute, InitTimeout: time.Minute, Timeout: time.Minute, Command: "test",
	}
}

// noneLeft fails the test if a process stays that has text in its environment or
// its arguments. Killed ones take a moment to go.
func noneLeft(t *testing.T, text string) {
	t.Helper()
	left := ""
	for range 100 {
		if left = found(t, text); left == "" {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("left: %s", left)
}

func found(t *testing.T, text string) string {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		if d == fmt.Sprintf("/proc/%d", os.Getpid()) {
			continue
		}
		for _, name := range []string{"cmdline", "environ"} {
			if b, err := os.ReadFile(filepath.Join(d, name)); err == nil && strings.Contains(string(b), text) {
				return fmt.Sprintf("%s: %q", d, b)
			}
		}
	}
	return ""
}

// TestFaultsDoNotSpoilOthers: whatever a variant does, it is recorded as failed
// with what it printed, and the one beside it has all its figures.
func TestFaultsDoNotSpoilOthers(t *testing.T) {
	for mode, want := range map[string]struct{ text, output string }{
		"crash":   {"exit status 1", "no such module: tensorflow"},
		"hang":    {"no request for an event within 1s", "loading"},
		"late":    {"timed out after 1.00 seconds", "still thinking"},
		"garbage": {"not JSON", "I am broken"},
		"error":   {"no model today", ""},
		"exit":    {"exit status 137", "out of memory"},
		"few":     {"0 records answered, expected 1", ""},
		"quits":   {"untime exited", ""},
	} {
		t.Run(mode, func(t *testing.T) {
			bad := faulty(t, mode)
			if mode == "few" || mode == "garbage" {
				bad.Reference = reference(t)
			}
			o := options(bad, faulty(t, ""))
			switch mode {
			case "hang":
				o.InitTimeout = time.Second
			case "late":
				o.Timeout = time.Second
			case "quits":
				o.Warm = 1000
			}
			r, err := Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			failures := r.Failures()
			if len(failures) != giveUp {
				t.Fatalf("%d failures: %+v", len(failures), failures)
			}
			if f := failures[0]; f.Variant != mode || !strings.Contains(f.Error, want.text) || !strings.Contains(f.Output, want.output) {
				t.Errorf("got %+v, expected %q and output %q", f, want.text, want.output)
			}
			if !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.HasPrefix(n, mode+" failed") }) {
				t.Errorf("notes %q", r.Notes)
			}
			for name, n := range map[string]int{"Cold/variant=well": 4, "Warm/variant=well/records=1": 4 * o.Warm, "Warm/variant=well/records=20": 3} {
				unit := measure.Time
				if strings.HasPrefix(name, "Cold") {
					unit = measure.First
				}
				if got := r.Values(name, unit); len(got) != n {
					t.Errorf("%s has %d figures, expected %d", name, len(got), n)
				}
			}
			noneLeft(t, mark(t))
		})
	}
}

// TestFailedBatchCostsNoStarts: a size that fails is left out, the starts go on.
func TestFailedBatchCostsNoStarts(t *testing.T) {
	var recorded []measure.Sample
	o := options(faulty(t, "batch"))
	o.Record = func(s measure.Sample) { recorded = append(recorded, s) }
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	f := r.Failures()
	if len(f) != 1 || f[0].Records != 20 || f[0].Case != measure.Warm || !strings.Contains(f[0].Error, "exit status 3") || f[0].Output != "too many\n" {
		t.Errorf("failures %+v", f)
	}
	if got := r.Values("Cold/variant=batch", measure.First); len(got) != 4 {
		t.Errorf("%d starts", len(got))
	}
	if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "20 records failed") {
		t.Errorf("notes %q", r.Notes)
	}
	if len(recorded) != len(r.Samples) {
		t.Errorf("%d samples recorded of %d", len(recorded), len(r.Samples))
	}
}

// TestColdFigures: the parts fit together.
func TestColdFigures(t *testing.T) {
	r, err := Run(t.Context(), options(faulty(t, "")))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Samples {
		if s.Case != measure.Cold {
			continue
		}
		v := s.Values
		if !(v[measure.Init] > 0 && v[measure.Invoke] > 0 && v[measure.First] == v[measure.Init]+v[measure.Invoke] && v[measure.Peak] > 1<<20) {
			t.Errorf("%+v", s)
		}
	}
	if len(r.Notes) > 0 || r.Config["goos"] != "linux" || r.Config["cpu"] == "" {
		t.Errorf("notes %q, config %v", r.Notes, r.Config)
	}
}

// TestInterruptedRunKeepsItsFigures ends a run in the middle.
func TestInterruptedRunKeepsItsFigures(t *testing.T) {
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	o := options(faulty(t, "late"), faulty(t, ""))
	o.Timeout = time.Hour
	o.Conditions[0].Rounds = 1000
	go func() {
		time.Sleep(500 * time.Millisecond)
		cancel(stop)
	}()
	r, err := Run(ctx, o)
	if err != stop || r == nil {
		t.Fatalf("got %v, %v", r, err)
	}
	if len(r.Notes) != 1 || !strings.HasPrefix(r.Notes[0], "interrupted after ") || len(r.Failures()) > 0 {
		t.Errorf("notes %q, failures %+v", r.Notes, r.Failures())
	}
	noneLeft(t, mark(t))
}

func TestEndpoints(t *testing.T) {
	program := bootstraptest.Build(t, filepath.Join("testdata", "server"))
	endpoint := func(mode string) *Endpoint {
		return &Endpoint{Command: []string{program}, Env: []string{"MODE=" + mode, "MARK=" + mark(t)}, URLEnv: "URL", PortEnv: "PORT"}
	}
	good, crash, hang := faulty(t, ""), faulty(t, ""), faulty(t, "")
	crash.Name, hang.Name = "crash", "hang"
	good.Endpoint, crash.Endpoint, hang.Endpoint = endpoint("child"), endpoint("crash"), endpoint("hang")
	o := options(good, crash, hang)
	o.InitTimeout = 2 * time.Second
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, unit := range []string{measure.Init, measure.Peak} {
		if got := r.Values("Server/variant=well", unit); len(got) != 1 || !(got[0] > 0) {
			t.Errorf("endpoint's %s: %v", unit, got)
		}
	}
	if got := r.Values("Cold/variant=well", measure.First); len(got) != 4 {
		t.Errorf("%d starts", len(got))
	}
	texts := map[string]string{"crash": "ended before it was up", "hang": "not up within 2s"}
	for _, f := range r.Failures() {
		if want := texts[f.Variant]; want == "" || !strings.Contains(f.Error, want) {
			t.Errorf("%+v", f)
		}
		if f.Variant == "crash" && !strings.Contains(f.Output, "address in use") {
			t.Errorf("output %q", f.Output)
		}
	}
	if n := len(r.Failures()); n != 2*giveUp {
		t.Errorf("%d failures", n)
	}
	noneLeft(t, mark(t))
}

// TestEndpointThatEnds: the failure says so, and the next visit has a new one.
func TestEndpointThatEnds(t *testing.T) {
	program := bootstraptest.Build(t, filepath.Join("testdata", "server"))
	x := faulty(t, "calls")
	x.Endpoint = &Endpoint{Command: []string{program}, Env: []string{"MODE=ends", "MARK=" + mark(t)}, URLEnv: "URL", PortEnv: "PORT"}
	r, err := Run(t.Context(), options(x))
	if err != nil {
		t.Fatal(err)
	}
	f := r.Failures()
	if len(f) != giveUp || !strings.Contains(f[0].Error, "the endpoint has ended") {
		t.Errorf("%+v", f)
	}
	noneLeft(t, mark(t))
}

// TestConditions that need root are noted where it is missing.
func TestConditions(t *testing.T) {
	o := options(faulty(t, ""))
	o.Conditions = []Condition{{Rounds: 1}, {Rounds: 2, Quota: .5}, {Rounds: 1, Quota: .25}, {Rounds: 2, OneCPU: true, ColdOnly: true}, {Rounds: 0, DropCaches: true}}
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	quota := len(r.Values("Cold/variant=well/cpu=0.5", measure.First))
	if noted := len(r.Notes) == 2 && strings.Contains(r.Notes[0], "cpu=0.5"); !(quota == 2 && len(r.Notes) == 0 || quota == 0 && noted) {
		t.Errorf("%d starts under a quota, notes %q", quota, r.Notes)
	}
	if got := r.Values("Cold/variant=well/cpus=1", measure.First); len(got) != 2 {
		t.Errorf("%d starts on one processor", len(got))
	}
	for _, pattern := range []string{"/sys/fs/cgroup/coldstream-bench-%d-*", "/sys/fs/cgroup/*/coldstream-bench-%d-*"} {
		if left, err := filepath.Glob(fmt.Sprintf(pattern, os.Getpid())); err != nil || len(left) > 0 {
			t.Errorf("groups left: %q, %v", left, err)
		}
	}
}

// TestNothingPermitted: the error says why.
func TestNothingPermitted(t *testing.T) {
	o := options(faulty(t, ""))
	o.Conditions = []Condition{{Rounds: 1, Quota: 1e9}}
	if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "no figures with cpu=1000000000") {
		t.Errorf("got %v", err)
	}
}

// TestThreadsGoWithProcessors: what a function is told of its memory lets it
// count the processors that it has.
func TestThreadsGoWithProcessors(t *testing.T) {
	for _, c := range []struct {
		c    Condition
		want float64
	}{{Condition{}, float64(runtime.NumCPU())}, {Condition{OneCPU: true}, 1}, {Condition{Quota: .29}, .29}} {
		if got := c.c.processors(); got != c.want {
			t.Errorf("%v: %v processors, want %v", c.c, got, c.want)
		}
	}
}

func TestTakesPart(t *testing.T) {
	for _, c := range [][3]int{{40, 6, 6}, {10, 2, 2}, {3, 6, 3}, {7, 7, 7}, {5, 1, 1}} {
		n := 0
		for round := 1; round <= c[0]; round++ {
			if takesPart(round, c[0], c[1]) {
				n++
			}
		}
		if n != c[2] {
			t.Errorf("%d of %d rounds for %d slow ones", n, c[0], c[1])
		}
	}
}

func TestEvents(t *testing.T) {
	seen := map[string]bool{}
	full := FullBuffer()
	for _, e := range []Event{NewEvent(500), full} {
		var got struct {
			Records []struct {
				RecordID string `json:"recordId"`
				Data     []byte `json:"data"`
			} `json:"records"`
		}
		if err := json.Unmarshal(e.Payload, &got); err != nil || len(got.Records) != len(e.Texts) {
			t.Fatalf("%d records, %v", len(got.Records), err)
		}
		clear(seen)
		size := 0
		for i, r := range got.Records {
			var p struct{ ID, Text string }
			if err := json.Unmarshal(r.Data, &p); err != nil || p.Text != e.Texts[i] || len(r.RecordID) != 56 || seen[p.ID] || seen[p.Text] {
				t.Fatalf("record %d: %s, %v", i, r.Data, err)
			}
			seen[p.ID], seen[p.Text] = true, true
			size += len(r.Data)
		}
		if len(e.Texts) != 500 && (size > BufferBytes || size < BufferBytes-1000) {
			t.Errorf("a full buffer has %d bytes", size)
		}
	}
	if n := len(full.Texts); n < 3000 || n > 5000 {
		t.Errorf("a full buffer has %d posts", n)
	}
	t.Logf("%d posts in a full buffer, %d bytes of event", len(full.Texts), len(full.Payload))
}

func TestReferenceRefuses(t *testing.T) {
	ref := reference(t)
	e := NewEvent(2)
	want, err := ref.results(e)
	if err != nil {
		t.Fatal(err)
	}
	record := func(i int, id, label string, score float64) string {
		data, _ := json.Marshal(map[string]any{"message": e.Texts[i], "sentiment": label, "score": score})
		b, _ := json.Marshal(map[string]any{"recordId": id, "result": "Ok", "data": data})
		return string(b)
	}
	label := func(i int) string { return ref.classifier.Labels()[want[i].Label] }
	id := func(i int) string { return fmt.Sprintf("%056d", i+1) }
	right := record(0, id(0), label(0), float64(want[0].Score))
	good := record(1, id(1), label(1), float64(want[1].Score)+9e-6)
	for answer, text := range map[string]string{
		right + "," + good:  "",
		right:               "1 records answered, expected 2",
		right + "," + right: "record 1: id",
		right + "," + record(1, id(1), label(1), float64(want[1].Score)+2e-5): "record 1: ",
		right + "," + record(1, id(1), "Happy", float64(want[1].Score)):       "record 1: Happy",
		right + `,{"recordId":"` + id(1) + `","result":"ProcessingFailed"}`:   `result "ProcessingFailed"`,
		right + `,{"recordId":"` + id(1) + `","result":"Ok","data":"e30="}`:   "record 1: no message, label and score",
		right + "," + strings.Replace(good, "eyJ", "eyI", 1):                  "record 1: ",
		right + "," + record(0, id(1), label(1), float64(want[1].Score)):      "record 1: message",
		right + `,{"recordId":"` + id(1) + `","result":"Ok","data":"!"}`:      "record 1: illegal base64",
	} {
		err := ref.Check(e, []byte(`{"records":[`+answer+`]}`))
		if (err == nil) != (text == "") || err != nil && !strings.Contains(err.Error(), text) {
			t.Errorf("%s: got %v, expected %q", answer, err, text)
		}
	}
}

func TestStagedSaysWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	refs := map[string]*Reference{"origin": reference(t)}
	targets, missing := Staged(dir, Rivals, refs)
	if len(targets) > 0 || len(missing) != len(Rivals) || !strings.Contains(missing[0].Skipped, "bench/variants/setup.sh tract") {
		t.Fatalf("%v, %+v", targets, missing)
	}
	write := func(text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(dir, "tuned"), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "tuned", "variant.json"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for text, want := range map[string]string{
		`{`:                "unexpected end",
		`{"name":"tuned"}`: "not complete",
		`{"name":"tuned","command":["/gone"],"model":"origin"}`: "is gone",
		`{"name":"tuned","command":["/bin/sh"],"model":"x"}`:    "which this benchmark has no answers of",
	} {
		write(text)
		targets, skipped := Staged(dir, []string{"tuned"}, refs)
		if len(targets) > 0 || len(skipped) != 1 || !strings.Contains(skipped[0].Skipped, want) || !strings.Contains(skipped[0].Skipped, "setup.sh tuned") {
			t.Errorf("%s: got %+v, expected %q", text, skipped, want)
		}
	}
	write(`{"name":"tuned","command":["/bin/sh","-c"],"model":"origin","upload_bytes":5}`)
	if targets, missing = Staged(dir, Rivals, refs); len(targets) != 1 || len(missing) != len(Rivals)-1 || targets[0].UploadBytes != 5 || targets[0].Args[0] != "-c" {
		t.Errorf("%+v, %+v", targets, missing)
	}
}
