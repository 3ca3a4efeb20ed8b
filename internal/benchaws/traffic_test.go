package benchaws

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

var window = [2]time.Time{time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)}

const (
	textRow = `{"status":"Complete","results":[[{"field":"n","value":"12345"},{"field":"colds","value":"12"},{"field":"init50","value":"43.21"},{"field":"init90","value":"44.5"},{"field":"init99","value":"61"},{"field":"p99","value":"70.5"},{"field":"billed","value":"250000"},{"field":"@ptr","value":"CmEKJgoi"}]]}`
	jsonRow = `{"status":"Complete","results":[[{"field":"n","value":"3"},{"field":"colds","value":"0"},{"field":"init50","value":""},{"field":"p99","value":"2"},{"field":"billed","value":"6"}]]}`
	noRow   = `{"status":"Complete","results":[]}`
)

// by answers the queries for the two formats.
func by(text, js string) func(string) string {
	return func(query string) string {
		if strings.Contains(query, `@type = "REPORT"`) {
			return text
		}
		return js
	}
}

func TestTrafficInBothFormats(t *testing.T) {
	f, c := newFake(t)
	f.query, f.polls = by(textRow, jsonRow), 3
	got, err := c.Traffic(t.Context(), "/aws/lambda/f", window[0], window[1])
	ms := time.Millisecond
	want := []Traffic{
		{"/aws/lambda/f", "Text", window[0], window[1], 12345, 12, 43210 * time.Microsecond, 44500 * time.Microsecond, 61 * ms, 70500 * time.Microsecond, 250 * time.Second},
		{"/aws/lambda/f", "JSON", window[0], window[1], 3, 0, 0, 0, 0, 2 * ms, 6 * ms},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v", got, err)
	}
	if s := got[0].String(); s != "log group /aws/lambda/f from 2026-11-22T00:00:00Z to 2026-11-22T06:00:00Z: 12,345 invocations, 12 of them cold, init + duration p99 70.5 ms, billed 250 s, init p50 43.2, p90 44.5, p99 61.0 ms" {
		t.Error(s)
	}
	var b strings.Builder
	if err := WriteTraffic(&b, got); err != nil {
		t.Fatal(err)
	}
	table := strings.Join([]string{
		"log group      format  invocations  cold  init p50      p90      p99  init+duration p99   billed",
		"/aws/lambda/f    Text       12,345    12   43.2 ms  44.5 ms  61.0 ms            70.5 ms    250 s",
		"/aws/lambda/f    JSON            3     0         -        -        -            2.00 ms  0.006 s",
		"",
	}, "\n")
	if b.String() != table {
		t.Errorf("got\n%s", b.String())
	}
}

func TestTrafficErrors(t *testing.T) {
	for want, answer := range map[string]string{
		"has no report of an invocation from 2026-11-22T00:00:00Z to 2026-11-22T06:00:00Z": noRow,
		"the query ended with status Failed":                                               `{"status":"Failed"}`,
		`colds is "many", not a number`:                                                    `{"status":"Complete","results":[[{"field":"n","value":"1"},{"field":"colds","value":"many"}]]}`,
		`n is "-1", not a number`:                                                          `{"status":"Complete","results":[[{"field":"n","value":"-1"}]]}`,
		`p99 is "NaN", not a number`:                                                       `{"status":"Complete","results":[[{"field":"p99","value":"NaN"}]]}`,
	} {
		f, c := newFake(t)
		f.query = by(answer, noRow)
		if _, err := c.Traffic(t.Context(), "/g", window[0], window[1]); err == nil || !strings.Contains(err.Error(), "log group /g") || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	f, c := newFake(t)
	if _, err := c.Traffic(t.Context(), "/g", window[1], window[0]); err == nil || err.Error() != "the time window is empty" {
		t.Errorf("got %v", err)
	}
	f.fault = func(op string, _ int) (int, string, string) {
		return 400, "ResourceNotFoundException", "Log group '/g' does not exist."
	}
	if _, err := c.Traffic(t.Context(), "/g", window[0], window[1]); err == nil || !strings.HasPrefix(err.Error(), "log group /g: does not exist in us-east-1") {
		t.Errorf("got %v", err)
	}
}

// TestQueriesAreStopped when nobody waits for them any more.
func TestQueriesAreStopped(t *testing.T) {
	f, c := newFake(t)
	f.query, f.polls = by(textRow, noRow), 1<<30
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	f.fault = func(op string, n int) (int, string, string) {
		if op == "GetQueryResults" && n == 3 {
			cancel(stop)
		}
		return 0, "", ""
	}
	stopped := func() int {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.calls["StopQuery"]
	}
	_, err := c.Traffic(ctx, "/g", window[0], window[1])
	if !errors.Is(err, stop) || stopped() != 1 {
		t.Errorf("got %v, %d stopped", err, stopped())
	}
	f.mu.Lock() // the request that was broken off may still be answered
	f.fault = nil
	f.mu.Unlock()
	c.pace.query = 20 * time.Millisecond
	_, err = c.Traffic(t.Context(), "/g", window[0], window[1])
	if err == nil || !strings.Contains(err.Error(), "has not ended after 20ms") || stopped() != 2 {
		t.Errorf("got %v, %d stopped", err, stopped())
	}
}
