package benchaws

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

const anID = "6f127cd2-0f2c-4a5e-8a0b-2d9b2c5c1a11"

func TestReportsInEveryForm(t *testing.T) {
	text := "REPORT RequestId: " + anID + "\tDuration: 12.34 ms\tBilled Duration: 63 ms\tMemory Size: 512 MB\tMax Memory Used: 36 MB\t"
	js := `{"time":"2026-11-22T12:00:00.000Z","type":"platform.report","record":{"requestId":"` + anID + `","metrics":{"durationMs":12.34,"billedDurationMs":63,"memorySizeMB":512,"maxMemoryUsedMB":36%s},"status":"%s"%s}}`
	base := logReport{requestID: anID, duration: 12340 * time.Microsecond, billed: 63 * time.Millisecond, memory: 512 << 20, maxMemory: 36 << 20}
	with := func(change func(*logReport)) logReport { r := base; change(&r); return r }
	other := strings.ReplaceAll(text, anID, "11111111-0f2c-4a5e-8a0b-2d9b2c5c1a11")
	for name, c := range map[string]struct {
		log  string
		want logReport
	}{
		"warm":              {text, base},
		"cold":              {text + "Init Duration: 50.12 ms\t\n", with(func(r *logReport) { r.init = 50120 * time.Microsecond })},
		"X-Ray":             {text + "Init Duration: 50.12 ms\t\nXRAY TraceId: 1-5e34a614-10bdxmplf1fb44f07bc535a1\tSegmentId: 07f5xmpl2d1f6f85\tSampled: true\n", with(func(r *logReport) { r.init = 50120 * time.Microsecond })},
		"X-Ray on the line": {text + "XRAY TraceId: 1-5e34a614-10bd\tSampled: true", base},
		"timeout":           {text + "Status: timeout\n", with(func(r *logReport) { r.status = "timeout" })},
		"error": {text + "Init Duration: 2.50 s\tStatus: error\tError Type: Runtime.ExitError\n", with(func(r *logReport) {
			r.init, r.status, r.errorType = 2500*time.Millisecond, "error", "Runtime.ExitError"
		})},
		"SnapStart": {text + "Restore Duration: 274.81 ms\tBilled Restore Duration: 86 ms\t", with(func(r *logReport) {
			r.restore, r.billedRestore = 274810*time.Microsecond, 86*time.Millisecond
		})},
		"init in vain": {"INIT_START Runtime Version: python:3.11.v1\nINIT_REPORT Init Duration: 9999.79 ms\tPhase: init\tStatus: timeout\nSTART RequestId: " + anID + " Version: $LATEST\nINIT_REPORT Init Duration: 12000.00 ms\tPhase: invoke\tStatus: timeout\n" + text, with(func(r *logReport) {
			r.brokenInit = 9999790 * time.Microsecond
		})},
		"of others too": {other + "Init Duration: 9 ms\n" + text + "\n" + other, base},
		"behind a cut":  {"on: 1.00 ms\tBilled Duration: 7 ms\nxx\n" + text, base},
		"windows lines": {text + "\r\n", base},
		"JSON":          {fmt.Sprintf(js, `,"initDurationMs":50.12`, "success", ""), with(func(r *logReport) { r.init, r.status = 50120*time.Microsecond, "success" })},
		"JSON, error":   {fmt.Sprintf(js, "", "error", `,"errorType":"Runtime.ExitError"`), with(func(r *logReport) { r.status, r.errorType = "error", "Runtime.ExitError" })},
		"JSON, SnapStart": {fmt.Sprintf(js, `,"restoreDurationMs":274.81,"billedRestoreDurationMs":86`, "success", ""), with(func(r *logReport) {
			r.restore, r.billedRestore, r.status = 274810*time.Microsecond, 86*time.Millisecond, "success"
		})},
		"JSON, init in vain": {`{"type":"platform.initReport","record":{"initializationType":"on-demand","phase":"init","status":"timeout","metrics":{"durationMs":10000}}}` + "\n" + fmt.Sprintf(js, "", "success", ""), with(func(r *logReport) {
			r.brokenInit, r.status = 10*time.Second, "success"
		})},
		"JSON behind a cut": {`"durationMs":1.5}}}` + "\n" + fmt.Sprintf(js, "", "timeout", ""), with(func(r *logReport) { r.status = "timeout" })},
		"endpoint": {`{"timestamp":"t","event":"firehose","endpoint_ms":7.5,"endpoint_score_ms":0.25}` + "\n" + other + "\n" + `{"timestamp":"t","level":"INFO","endpoint_ms":8.5,"endpoint_score_ms":1.25}` + "\n" + text, with(func(r *logReport) {
			r.remote, r.score = 8500*time.Microsecond, 1250*time.Microsecond
		})},
	} {
		got := parseLog([]byte(c.log), anID)
		if got == nil || *got != c.want {
			t.Errorf("%s: got %+v\nwant %+v", name, got, c.want)
		}
	}
	for name, log := range map[string]string{
		"nothing": "", "another's": other, "a text that mentions it": "I saw a REPORT RequestId: " + anID, "cut JSON": `{"type":"platform.report","record":{"requestId":"` + anID,
	} {
		if got := parseLog([]byte(log), anID); got != nil {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	if got := parseLog([]byte(text+"\n"+other), ""); got == nil || got.requestID == anID {
		t.Errorf("without an id: got %+v", got)
	}
}

func TestWrongFiguresAreNone(t *testing.T) {
	for _, s := range []string{"", "x", "1", "1 h", "-1 ms", "NaN ms", "Inf ms", "1e300 ms", "ms"} {
		if d := duration(s); d != 0 {
			t.Errorf("%q: %v", s, d)
		}
	}
	for _, s := range []string{"", "12", "12 GB", "-1 MB", "NaN MB", "1e9 MB"} {
		if n := size(s); n != 0 {
			t.Errorf("%q: %d", s, n)
		}
	}
	if d := milliseconds(math.Inf(1)); d != 0 {
		t.Error(d)
	}
}

func FuzzParseLog(f *testing.F) {
	f.Add([]byte(textReport(5, anID, true)), anID)
	f.Add([]byte(jsonReport(5, anID, true)), anID)
	f.Add([]byte("INIT_REPORT Init Duration: 9999.79 ms\tPhase: init\tStatus: timeout\n"+textReport(5, anID, false)), "")
	f.Add([]byte(`{"endpoint_ms":1e308,"endpoint_score_ms":-1}`+"\n"+textReport(5, anID, false)), anID)
	f.Fuzz(func(t *testing.T, log []byte, id string) {
		r := parseLog(log, id)
		if r == nil {
			return
		}
		if id != "" && r.requestID != id {
			t.Errorf("report of %q for %q", r.requestID, id)
		}
		for _, d := range []time.Duration{r.duration, r.billed, r.init, r.restore, r.billedRestore, r.brokenInit, r.remote, r.score} {
			if d < 0 || d > maxDuration {
				t.Errorf("%v in %+v", d, r)
			}
		}
		if r.memory < 0 || r.maxMemory < 0 || r.memory > 1<<40 || r.maxMemory > 1<<40 {
			t.Errorf("memory in %+v", r)
		}
	})
}
