package benchaws

import (
	"strings"
	"testing"
	"time"

	"coldstream/internal/measure"
	"coldstream/internal/remote"
)

// TestReportsAreLookedUpInTheLog where the tail holds none.
func TestReportsAreLookedUpInTheLog(t *testing.T) {
	fn := zip("zip")
	fn.answer = func(n int, id string, cold bool) fakeAnswer {
		return fakeAnswer{log: textReport(n, "another", true) + strings.Repeat("noise ", 1000), logOnly: textReport(n, id, cold)}
	}
	f, c := newFake(t, fn)
	f.logsAfter = 4
	f.fault = func(op string, n int) (int, string, string) {
		if op == "FilterLogEvents" && n < 3 {
			return 400, "ResourceNotFoundException", "The specified log group does not exist."
		}
		return 0, "", ""
	}
	r, err := c.Run(t.Context(), options("zip"))
	if err != nil || len(samples(r, "zip", measure.Cold)) != 3 || len(samples(r, "zip", measure.Warm)) != 12 || len(r.Run.Failures()) != 0 {
		t.Errorf("%v, %+v", err, r.Run.Failures())
	}
	f.fault = func(op string, _ int) (int, string, string) {
		if op == "FilterLogEvents" {
			return 400, "AccessDeniedException", "User: arn:aws:iam::123456789012:user/x is not authorized"
		}
		return 0, "", ""
	}
	r, err = c.Run(t.Context(), options("zip"))
	want := "no report in the end of the log; log group /bench/zip: not permitted: allow logs:FilterLogEvents (bench aws --policy prints all that is needed)"
	if err != nil || len(r.Run.Failures()) != 3 || r.Run.Failures()[0].Error != want {
		t.Errorf("%v, %+v", err, r.Run.Failures())
	}
}

// TestLinesWithoutAnIDAreLookedUp: those about an init that was broken off, and
// the function's own. Neither a tail of others nor a full one of its own has
// them.
func TestLinesWithoutAnIDAreLookedUp(t *testing.T) {
	noise := strings.Repeat("loading a layer\n", 400)
	for name, tail := range map[string]func(report string) string{
		"of others": func(string) string { return textReport(1, "another", true) + noise },
		"full":      func(report string) string { return noise + report },
	} {
		fn := zip("thin")
		fn.answer = func(n int, id string, cold bool) fakeAnswer {
			before := `{"message":"event answered","endpoint_ms":1.500,"endpoint_score_ms":0.250,"endpoint_requests":1}` + "\n"
			if cold {
				before = "INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout\n"
			}
			report := textReport(n, id, false)
			return fakeAnswer{log: tail(report), logOnly: before + noise + report}
		}
		f, c := newFake(t, fn, zip("other"))
		f.logs = append(f.logs, fakeEvent{"quoting", "who has seen 00000000-0000-4000-8000-000000000001?"})
		f.logsAfter = 4
		o := options("thin")
		o.Targets[0].Kind = "ec2"
		r, err := c.Run(t.Context(), o)
		if err != nil || len(r.Run.Failures()) != 0 || len(r.Discarded()) != 0 {
			t.Errorf("%s: %v, %+v, left out %v", name, err, r.Run.Failures(), r.Discarded())
			continue
		}
		cold, warm := samples(r, "thin", measure.Cold), samples(r, "thin", measure.Warm)
		if len(cold) != 3 || len(warm) != 12 {
			t.Errorf("%s: %d cold, %d warm", name, len(cold), len(warm))
		}
		for i, s := range cold {
			if s.Settings["init"] != "twice" || s.Values[measure.Init] != 10e9 || s.Values[measure.Invoke] != (float64(1+5*i)+.5)*1e6 {
				t.Errorf("%s: %+v", name, s)
			}
		}
		for i, s := range warm {
			if s.Values[measure.Remote] != 1.5e6 || s.Values[measure.Time] != (float64(2+i+i/4)+.5)*1e6 {
				t.Errorf("%s: %+v", name, s)
			}
		}
	}
}

// TestFullTailWithoutLog: a start that may have been one of the slowest is not
// counted as none.
func TestFullTailWithoutLog(t *testing.T) {
	fn := zip("zip")
	fn.answer = func(n int, id string, _ bool) fakeAnswer {
		return fakeAnswer{log: strings.Repeat("noise\n", 1000) + textReport(n, id, false)}
	}
	f, c := newFake(t, fn)
	c.pace.logs = 20 * time.Millisecond
	o := options("zip")
	o.Rounds = 1
	r, err := c.Run(t.Context(), o)
	want := "the end of the log may lack the init; log group /bench/zip has no report after 20ms"
	if err != nil || len(r.Discarded()) != 0 || len(r.Run.Failures()) != 1 || r.Run.Failures()[0].Error != want {
		t.Errorf("%v, %+v, left out %v", err, r.Run.Failures(), r.Discarded())
	}
	// A warm one of such a function needs no look: there is nothing to be missed.
	f.calls = map[string]int{}
	o.WarmOnly = true
	r, err = c.Run(t.Context(), o)
	if err != nil || len(samples(r, "zip", measure.Warm)) != 4 || f.calls["FilterLogEvents"] != 0 {
		t.Errorf("%v, %+v, %d looks", err, r.Run.Samples, f.calls["FilterLogEvents"])
	}
}

// TestWaitingIsSplit into scoring and network, where the times of the requests
// add up to what was waited.
func TestWaitingIsSplit(t *testing.T) {
	const net = 1.25e6
	for name, c := range map[string]struct {
		concurrency, line string
		net               float64 // 0 = not known
	}{
		"one request":           {"4", `"endpoint_ms":1.500,"endpoint_score_ms":0.250,"endpoint_requests":1`, net},
		"one after the other":   {"1", `"endpoint_ms":1.500,"endpoint_score_ms":0.250,"endpoint_requests":3`, net},
		"the usual":             {"", `"endpoint_ms":1.500,"endpoint_score_ms":0.250,"endpoint_requests":3`, net},
		"side by side":          {"4", `"endpoint_ms":1.500,"endpoint_score_ms":0.250,"endpoint_requests":3`, 0},
		"more than was waited":  {"", `"endpoint_ms":1.500,"endpoint_score_ms":1.750,"endpoint_requests":1`, 0},
		"scoring was not timed": {"", `"endpoint_ms":1.500,"endpoint_requests":1`, 0},
	} {
		fn := zip("thin")
		if c.concurrency != "" {
			fn.env[remote.ConcurrencyVariable] = c.concurrency
		}
		fn.answer = func(n int, id string, cold bool) fakeAnswer {
			return fakeAnswer{log: `{"level":"INFO","message":"event answered",` + c.line + "}\n" + textReport(n, id, cold)}
		}
		_, client := newFake(t, fn)
		o := options("thin")
		o.Targets[0].Kind = "ec2"
		r, err := client.Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range samples(r, "thin", measure.Warm) {
			if got, known := s.Values[measure.Net]; got != c.net || known != (c.net > 0) || s.Values[measure.Remote] != 1.5e6 {
				t.Errorf("%s: %+v", name, s)
			}
		}
		if name != "one request" {
			continue
		}
		var b strings.Builder
		if err := r.WriteTable(&b); err != nil {
			t.Fatal(err)
		}
		if text := strings.Join(strings.Fields(b.String()), " "); !strings.Contains(text, "waiting, ms scoring, ms network, ms thin/records=1 6 1.50 0.250 1.25 thin/records=5 6 1.50 0.250 1.25") {
			t.Errorf("got %s", b.String())
		}
	}
	if concurrencyName != remote.ConcurrencyVariable {
		t.Errorf("the variable is %s", remote.ConcurrencyVariable)
	}
}
