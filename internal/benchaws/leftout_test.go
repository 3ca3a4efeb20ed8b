package benchaws

import (
	"slices"
	"strings"
	"testing"

	"coldstream/internal/measure"
)

// TestTimeoutsAreNotRepeated: a batch that takes the function's whole time once
// would take it every time.
func TestTimeoutsAreNotRepeated(t *testing.T) {
	fn := zip("slow")
	batches := 0
	f, c := newFake(t, fn)
	fn.answer = func(n int, id string, cold bool) fakeAnswer {
		if n%4 == 0 { // after a cold start and two single records
			batches++
			return fakeAnswer{
				log:     strings.TrimSuffix(textReport(n, id, cold), "\n") + "Status: timeout\n",
				payload: `{"errorMessage":"2026-11-22T12:00:00.000Z Task timed out after 60.00 seconds"}`, functionError: "Unhandled",
			}
		}
		return fakeAnswer{log: textReport(n, id, cold)}
	}
	o := options("slow")
	o.Rounds = 1
	r, err := c.Run(t.Context(), o)
	if err != nil || batches != 1 || len(samples(r, "slow", measure.Warm)) != 3 {
		t.Errorf("%v, %d batches, %+v", err, batches, r.Run.Samples)
	}
	if !strings.Contains(strings.Join(r.Run.Notes, "\n"), "slow: an event of 5 records timed out and was not tried again") || f.calls["Invoke"] != 4 {
		t.Errorf("notes %q, %d invocations", r.Run.Notes, f.calls["Invoke"])
	}
}

// failing answers an invocation as a function that ran out of memory.
func failing(n int, id string, cold bool) fakeAnswer {
	return fakeAnswer{log: textReport(n, id, cold), payload: `{"errorType":"Runtime.OutOfMemory"}`, functionError: "Unhandled"}
}

// TestFailingSizeIsLeftOut alone: cold starts and other sizes go on.
func TestFailingSizeIsLeftOut(t *testing.T) {
	fn := zip("published")
	var f *fake
	fives := 0
	fn.answer = func(n int, id string, cold bool) fakeAnswer {
		if f.invoked == 5 {
			fives++
			return failing(n, id, cold)
		}
		return fakeAnswer{log: textReport(n, id, cold)}
	}
	f, c := newFake(t, fn)
	o := options("published")
	o.Rounds, o.Warm = 4, 5
	r, err := c.Run(t.Context(), o)
	if err != nil || len(samples(r, "published", measure.Cold)) != 4 || len(r.Run.Values("Warm/variant=published/records=1", measure.Time)) != 20 {
		t.Errorf("%v, %+v", err, r.Run.Samples)
	}
	if notes := strings.Join(r.Run.Notes, "\n"); fives != giveUp || len(r.Run.Failures()) != giveUp || !strings.Contains(notes, "Warm/variant=published/records=5 failed 3 times in a row and was left out") {
		t.Errorf("%d tries, notes %q", fives, notes)
	}
}

// TestFailuresCountInARow, of each benchmark for itself.
func TestFailuresCountInARow(t *testing.T) {
	fn := zip("zip")
	fn.answer = func(n int, id string, cold bool) fakeAnswer {
		if !cold && n%3 != 0 {
			return failing(n, id, cold)
		}
		return fakeAnswer{log: textReport(n, id, cold)}
	}
	_, c := newFake(t, fn)
	o := options("zip")
	o.Rounds, o.Warm = 1, 9
	r, err := c.Run(t.Context(), o)
	if err != nil || len(samples(r, "zip", measure.Warm)) != 18 || len(r.Run.Failures()) != 12 {
		t.Errorf("%v, %d failures of %d", err, len(r.Run.Failures()), len(r.Run.Samples))
	}
}

// TestMemoryThatIsTooSmallIsLeftOut alone.
func TestMemoryThatIsTooSmallIsLeftOut(t *testing.T) {
	fn := zip("zip")
	fn.answer = func(n int, id string, cold bool) fakeAnswer {
		if fn.memory < 1024 {
			return failing(n, id, cold)
		}
		return fakeAnswer{log: textReport(n, id, cold)}
	}
	f, c := newFake(t, fn)
	o := options("zip")
	o.Rounds, o.Memory = 5, []int{128, 256, 512, 1024}
	unchanged(t, f, func() {
		r, err := c.Run(t.Context(), o)
		if err != nil || len(r.Run.Failures()) != 9 || len(r.Run.Values("Cold/variant=zip/memory=1024", measure.First)) != 5 {
			t.Errorf("%v, %d failures, %v", err, len(r.Run.Failures()), r.Run.Notes)
		}
	})
}

// TestOneFunctionsRefusalIsItsOwn: a copy that is declared but not tagged, whose
// update the policy denies, and one that is deleted in the middle of the run.
func TestOneFunctionsRefusalIsItsOwn(t *testing.T) {
	for name, c := range map[string]struct {
		fault func(f *fake, op string, n int) (int, string, string)
		cold  int // starts of the function before it is left out
		want  string
	}{
		"denied": {func(f *fake, op string, _ int) (int, string, string) {
			if op == "UpdateFunctionConfiguration" && f.of == "a" {
				return 403, "AccessDeniedException", "User: arn:aws:iam::123456789012:user/x is not authorized"
			}
			return 0, "", ""
		}, 0, "a was left out: target a: function a: not permitted: allow lambda:UpdateFunctionConfiguration"},
		"deleted": {func(f *fake, op string, n int) (int, string, string) {
			if f.functions["a"] != nil && f.functions["a"].invokes == 3 {
				delete(f.functions, "a")
			}
			return 0, "", ""
		}, 1, "a was left out: function a: does not exist in us-east-1"},
	} {
		f, client := newFake(t, zip("a"), zip("b"))
		f.fault = func(op string, n int) (int, string, string) { return c.fault(f, op, n) }
		o := options("a", "b")
		o.Targets[0].Copy = true
		r, err := client.Run(t.Context(), o)
		if err != nil || len(samples(r, "b", measure.Cold)) != 3 || len(samples(r, "b", measure.Warm)) != 12 {
			t.Errorf("%s: %v, %+v", name, err, r)
			continue
		}
		cold := slices.DeleteFunc(samples(r, "a", measure.Cold), func(s measure.Sample) bool { return s.Error != "" })
		if notes := strings.Join(r.Run.Notes, "\n"); len(cold) != c.cold || len(r.Run.Failures()) != 1 || !strings.Contains(notes, c.want) {
			t.Errorf("%s: %d starts, %d failures, notes %q", name, len(cold), len(r.Run.Failures()), notes)
		}
	}
}

// TestRefusedCredentialsEndTheRun for all.
func TestRefusedCredentialsEndTheRun(t *testing.T) {
	f, c := newFake(t, zip("a"), zip("b"))
	f.fault = func(op string, n int) (int, string, string) {
		if op == "Invoke" && n >= 4 {
			return 403, "ExpiredTokenException", "The security token included in the request is expired"
		}
		return 0, "", ""
	}
	unchanged(t, f, func() {
		r, err := c.Run(t.Context(), options("a", "b"))
		if err == nil || !strings.Contains(err.Error(), "AWS refuses the credentials (ExpiredTokenException)") || f.calls["Invoke"] != 4 {
			t.Errorf("%v after %d invocations", err, f.calls["Invoke"])
		}
		if len(r.Run.Samples) != 4 {
			t.Errorf("%+v", r.Run.Samples)
		}
	})
}
