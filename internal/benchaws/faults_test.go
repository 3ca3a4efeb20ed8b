package benchaws

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"coldstream/internal/measure"
)

// TestNothingIsChangedWithoutTheMark: neither by a refused run nor by a warm one.
func TestNothingIsChangedWithoutTheMark(t *testing.T) {
	plain, copied := zip("plain"), zip("copied")
	plain.tags = map[string]string{TagCopy: "false"}
	f, c := newFake(t, plain, copied)
	o := options("copied", "plain")
	unchanged(t, f, func() {
		_, err := c.Run(t.Context(), o)
		want := "target plain: function plain is not marked as a bench copy, so its configuration must not be changed: tag a copy coldstream:bench-copy=true, or measure with --warm-only"
		if err == nil || err.Error() != want {
			t.Errorf("got %v", err)
		}
		if f.calls["Invoke"] != 0 {
			t.Error("a function was invoked before all were looked at")
		}
		o.WarmOnly = true
		r, err := c.Run(t.Context(), o)
		if err != nil || len(samples(r, "plain", measure.Warm)) != 12 || len(samples(r, "plain", measure.Cold)) != 0 {
			t.Errorf("%v, %+v", err, r)
		}
	})
	if n := f.calls["UpdateFunctionConfiguration"]; n != 0 {
		t.Errorf("%d updates", n)
	}
	o.WarmOnly, o.ForceCopies = false, true
	unchanged(t, f, func() {
		if r, err := c.Run(t.Context(), o); err != nil || len(samples(r, "plain", measure.Cold)) != 3 {
			t.Errorf("forced: %v", err)
		}
	})
	o.ForceCopies, o.Targets[1].Copy = false, true
	unchanged(t, f, func() {
		if r, err := c.Run(t.Context(), o); err != nil || len(samples(r, "plain", measure.Cold)) != 3 {
			t.Errorf("declared: %v", err)
		}
	})
}

// TestUnfitFunctionsAreRefused in one line, before anything is changed.
func TestUnfitFunctionsAreRefused(t *testing.T) {
	for want, c := range map[string]struct {
		function func(*fakeFunction)
		options  func(*Options)
	}{
		"its environment cannot be read, so it cannot be written back: AccessDeniedException; allow kms:Decrypt": {function: func(fn *fakeFunction) { fn.envError = "AccessDeniedException" }},
		"set SystemLogLevel to INFO":                     {function: func(fn *fakeFunction) { fn.format, fn.system = "JSON", "WARN" }},
		"is in state Failed":                             {function: func(fn *fakeFunction) { fn.state = "Failed" }},
		"function zip is arm64, not amd64":               {options: func(o *Options) { o.Targets[0].Arch = "amd64" }},
		"function zip:live is a version or an alias":     {options: func(o *Options) { o.Targets[0].Qualifier = "live" }},
		"function gone: does not exist in us-east-1":     {options: func(o *Options) { o.Targets[0].Function = "gone" }},
		"targets zip and again are the same function":    {options: func(o *Options) { o.Targets = append(o.Targets, Target{Name: "again", Function: account + "zip"}) }},
		"nothing is measured of a function that is gone": {},
	} {
		fn := zip("zip")
		if c.function != nil {
			c.function(fn)
		}
		f, client := newFake(t, fn)
		o := options("zip")
		if c.options != nil {
			c.options(&o)
		}
		if c.function == nil && c.options == nil {
			delete(f.functions, "zip")
			want = "function zip: does not exist"
		}
		unchanged(t, f, func() {
			_, err := client.Run(t.Context(), o)
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want %q", err, want)
			}
		})
		if n := f.calls["UpdateFunctionConfiguration"] + f.calls["Invoke"]; n != 0 {
			t.Errorf("%s: %d updates and invocations", want, n)
		}
	}
}

// TestFailedInvocationsAreRecorded with the end of their log, without what the
// environment holds, and the target left out after three.
func TestFailedInvocationsAreRecorded(t *testing.T) {
	bad := zip("bad")
	bad.answer = func(n int, id string, cold bool) fakeAnswer {
		return fakeAnswer{
			log:     "the key is hunter2-hunter2\n" + strings.TrimSuffix(textReport(n, id, cold), "\n") + "Status: error\tError Type: Runtime.ExitError\n",
			payload: `{"errorType":"Runtime.ExitError","errorMessage":"hunter2-hunter2\n exit status 1"}`, functionError: "Unhandled",
		}
	}
	f, c := newFake(t, bad, zip("good"))
	o := options("bad", "good")
	o.Rounds = 6
	unchanged(t, f, func() {
		r, err := c.Run(t.Context(), o)
		if err != nil || len(samples(r, "good", measure.Cold)) != 6 {
			t.Fatalf("%v", err)
		}
		failed := r.Run.Failures()
		if len(failed) != 3 || failed[0].Error != "Unhandled: Runtime.ExitError: *** exit status 1" || !strings.HasPrefix(failed[0].Output, "the key is ***\nSTART") {
			t.Errorf("%+v", failed)
		}
		if !strings.Contains(strings.Join(r.Run.Notes, "\n"), "bad failed 3 times in a row and was left out") {
			t.Errorf("notes %q", r.Run.Notes)
		}
	})
}

func TestFailuresOfEveryKind(t *testing.T) {
	for want, answer := range map[string]func(n int, id string, cold bool) fakeAnswer{
		"the answer has 1 records, 0 of them Ok, to an event with 1": func(n int, id string, cold bool) fakeAnswer {
			return fakeAnswer{log: textReport(n, id, cold), payload: `{"records":[{"recordId":"0","result":"ProcessingFailed"}]}`}
		},
		"the answer is not that of a Firehose transformation": func(n int, id string, cold bool) fakeAnswer {
			return fakeAnswer{log: textReport(n, id, cold), payload: `"hello"`}
		},
		"the invocation ended with status error Runtime.OutOfMemory": func(n int, id string, cold bool) fakeAnswer {
			return fakeAnswer{log: strings.TrimSuffix(textReport(n, id, cold), "\n") + "Status: error\tError Type: Runtime.OutOfMemory\n"}
		},
		"the report in the log has no readable times": func(n int, id string, cold bool) fakeAnswer {
			return fakeAnswer{log: "REPORT RequestId: " + id + "\tDuration: soon\n"}
		},
		"no report in the end of the log; log group /bench/zip has no report after": func(n int, id string, cold bool) fakeAnswer { return fakeAnswer{log: "no report"} },
	} {
		fn := zip("zip")
		fn.answer = answer
		f, c := newFake(t, fn)
		c.pace.logs = 20 * time.Millisecond
		o := options("zip")
		o.Rounds = 1
		unchanged(t, f, func() {
			r, err := c.Run(t.Context(), o)
			if err != nil || len(r.Run.Samples) != 1 || !strings.Contains(r.Run.Samples[0].Error, want) {
				t.Errorf("want %q, got %v, %+v", want, err, r.Run.Samples)
			}
		})
	}
}

// TestPassingRefusalsAreWaitedFor: throttling, functions that are busy, updates
// of others.
func TestPassingRefusalsAreWaitedFor(t *testing.T) {
	fn := zip("zip")
	fn.slow = 5
	f, c := newFake(t, fn)
	f.fault = func(op string, n int) (int, string, string) {
		switch {
		case n%2 == 1 && op == "Invoke":
			return 429, "TooManyRequestsException", "Rate Exceeded."
		case n%3 == 1 && op == "Invoke":
			return 409, "ResourceConflictException", "The function is currently in the following state: Pending"
		case n%3 == 1 && op == "UpdateFunctionConfiguration":
			return 412, "PreconditionFailedException", "revision"
		case n%3 == 2 && op == "UpdateFunctionConfiguration":
			return 409, "ResourceConflictException", "An update is in progress"
		case n%2 == 1 && op != "Invoke":
			return 429, "ThrottlingException", "Rate exceeded"
		}
		return 0, "", ""
	}
	unchanged(t, f, func() {
		r, err := c.Run(t.Context(), options("zip"))
		if err != nil || len(r.Run.Samples) != 15 || len(r.Run.Failures()) != 0 {
			t.Errorf("%v, %+v", err, r)
		}
	})
	if fn.invokes != 15 {
		t.Errorf("%d invocations were run", fn.invokes)
	}
}

// TestInvocationsAreNotRepeated when it is not known whether they were run: the
// second one would be measured as the first.
func TestInvocationsAreNotRepeated(t *testing.T) {
	f, c := newFake(t, zip("zip"))
	f.fault = func(op string, n int) (int, string, string) {
		if op == "Invoke" && n == 1 {
			return 500, "ServiceException", "try again"
		}
		return 0, "", ""
	}
	o := options("zip")
	o.Rounds = 1
	r, err := c.Run(t.Context(), o)
	if err != nil || f.calls["Invoke"] != 1 || len(r.Run.Samples) != 1 || r.Run.Samples[0].Error != "function zip: ServiceException: try again" {
		t.Errorf("%v, %d invocations, %+v", err, f.calls["Invoke"], r.Run.Samples)
	}
}

// TestLastingRefusals end the run where they concern everything, with one line.
func TestLastingRefusals(t *testing.T) {
	for _, c := range []struct{ op, code, want string }{
		{"GetFunctionConfiguration", "AccessDeniedException", "target zip: function zip: not permitted: allow lambda:GetFunctionConfiguration (bench aws --policy prints all that is needed)"},
		{"UpdateFunctionConfiguration", "AccessDeniedException", "target zip: function zip: not permitted: allow lambda:UpdateFunctionConfiguration (bench aws"},
		{"GetFunction", "AccessDeniedException", "target zip: function zip: not permitted: allow lambda:GetFunction (bench aws"},
		{"Invoke", "AccessDeniedException", "function zip: not permitted: allow lambda:InvokeFunction (bench aws"},
		{"ListTags", "AccessDeniedException", "target zip: function zip: not permitted: allow lambda:ListTags (bench aws"},
		{"GetFunctionConfiguration", "UnrecognizedClientException", "AWS refuses the credentials (UnrecognizedClientException)"},
		{"GetFunctionConfiguration", "TooManyRequestsException", "throttled, also when tried again"},
	} {
		f, client := newFake(t, zip("zip"))
		left := 2 // more is permitted again, as that the run can be undone
		f.fault = func(op string, n int) (int, string, string) {
			if op == c.op && (left > 0 || c.code == "TooManyRequestsException") {
				left--
				return 403, c.code, "User: arn:aws:iam::123456789012:user/x is not authorized"
			}
			return 0, "", ""
		}
		_, err := client.Run(t.Context(), options("zip"))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "123456789012") && c.code != "TooManyRequestsException" {
			t.Errorf("%s: got %v, want %q", c.op, err, c.want)
		}
	}
}

// TestUpdateThatFails is a failure of the target, and what it leaves is said.
func TestUpdateThatFails(t *testing.T) {
	fn := zip("zip")
	fn.failUpdates = true
	_, c := newFake(t, fn)
	r, err := c.Run(t.Context(), options("zip"))
	if err == nil || !strings.Contains(err.Error(), "left behind: its environment variable "+nonceName) {
		t.Errorf("got %v", err)
	}
	if failed := r.Run.Failures(); len(failed) != 3 || failed[0].Error != "target zip: function zip: update failed: ImageDeleted: gone" {
		t.Errorf("%+v", failed)
	}
}

// TestOvertakenForEver gives up.
func TestOvertakenForEver(t *testing.T) {
	f, c := newFake(t, zip("zip"))
	f.fault = func(op string, _ int) (int, string, string) {
		if op == "UpdateFunctionConfiguration" {
			return 412, "PreconditionFailedException", "revision"
		}
		return 0, "", ""
	}
	o := options("zip")
	o.Rounds = 1
	r, err := c.Run(t.Context(), o)
	if err != nil || len(r.Run.Failures()) != 1 || f.calls["UpdateFunctionConfiguration"] != attempts {
		t.Errorf("%v, %d updates, %+v", err, f.calls["UpdateFunctionConfiguration"], r.Run.Failures())
	}
}

// TestEnvironmentIsNotSaid by messages of the service that quote it.
func TestEnvironmentIsNotSaid(t *testing.T) {
	f, c := newFake(t, zip("zip"))
	for _, message := range []string{
		`Lambda was unable to configure your environment variables because they exceeded the 4KB limit. String measured: {"SECRET":"hunter2-hunter2"}`,
		"value hunter2-hunter2 failed to satisfy constraint",
	} {
		f.calls = map[string]int{}
		f.fault = func(op string, n int) (int, string, string) {
			if op == "UpdateFunctionConfiguration" && n == 1 {
				return 400, "InvalidParameterValueException", message
			}
			return 0, "", ""
		}
		o := options("zip")
		o.Rounds = 1
		r, err := c.Run(t.Context(), o)
		if text := fmt.Sprintf("%v %+v", err, r.Run); len(r.Run.Failures()) != 1 || strings.Contains(text, "hunter2") {
			t.Errorf("said: %s", text)
		}
	}
}

func TestClientErrors(t *testing.T) {
	keys := credentials.NewStaticCredentialsProvider("a", "b", "")
	if _, err := New(t.Context(), aws.Config{Credentials: keys}); err == nil || !strings.Contains(err.Error(), "AWS_REGION") {
		t.Errorf("got %v", err)
	}
	none := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, errors.New("nothing found") })
	if _, err := New(t.Context(), aws.Config{Region: "us-east-1", Credentials: none}); err == nil || !strings.HasPrefix(err.Error(), "no AWS credentials; set AWS_PROFILE") {
		t.Errorf("got %v", err)
	}
	c := newTestClient(t, "http://127.0.0.1:1")
	_, err := c.Run(t.Context(), options("zip"))
	if err == nil || err.Error() != "target zip: function zip: http://127.0.0.1:1: dial tcp 127.0.0.1:1: connect: connection refused" {
		t.Errorf("got %v", err)
	}
}

// failingWriter is a full disk after some writes.
type failingWriter int

func (w *failingWriter) Write(b []byte) (int, error) {
	if *w--; *w < 0 {
		return 0, errors.New("disk full")
	}
	return len(b), nil
}

func TestFullDiskEndsTheRun(t *testing.T) {
	f, c := newFake(t, zip("zip"))
	o := options("zip")
	w := failingWriter(6)
	o.Out = &w
	unchanged(t, f, func() {
		if r, err := c.Run(t.Context(), o); err == nil || err.Error() != "disk full" || len(r.Run.Samples) != 5 {
			t.Errorf("got %v", err)
		}
	})
}
