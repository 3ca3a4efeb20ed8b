package benchaws

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"coldstream/internal/measure"
)

// nonceName is the environment variable whose change makes Lambda start new
// environments. Its value is the memory size that the function had, so that a
// run that was killed can be cleaned up after by the next one, and a nonce.
const nonceName = "COLDSTREAM_BENCH_NONCE"

// concurrencyName is the variable by which a function sends several requests to
// its endpoint at once (internal/remote, which would link the engine).
const concurrencyName = "ENDPOINT_CONCURRENCY"

// function is a target and what is known of it during a run.
type function struct {
	Target
	arn       string // without qualifier
	logGroup  string
	logFormat string
	runtime   string
	image     bool
	codeSize  int64
	timeout   time.Duration
	memory    int32 // MB, before the run

	values  []string       // of its environment: never to be shown
	serial  bool           // sends one request after the other to its endpoint
	touched bool           // its configuration may differ from what it was
	gone    bool           // it cannot be measured any more
	failed  map[string]int // by benchmark, in a row; giveUp = left out
}

// describe looks a target up. With cold, its configuration is to be changed.
func (c *Client) describe(ctx context.Context, t Target, cold, force bool) (*function, error) {
	what := "target " + t.Name + ": function " + t.Function
	in := &lambda.GetFunctionConfigurationInput{FunctionName: &t.Function}
	if t.Qualifier != "" {
		in.Qualifier = &t.Qualifier
	}
	got, err := c.lambda.GetFunctionConfiguration(ctx, in)
	if err != nil {
		return nil, c.explain(what, err)
	}
	f := &function{
		Target: t, arn: aws.ToString(got.FunctionArn), runtime: string(got.Runtime), image: got.PackageType == types.PackageTypeImage,
		codeSize: got.CodeSize, timeout: time.Duration(aws.ToInt32(got.Timeout)) * time.Second, memory: aws.ToInt32(got.MemorySize),
		logGroup: "/aws/lambda/" + aws.ToString(got.FunctionName), logFormat: "Text", failed: map[string]int{},
	}
	unqualified := Target{Name: t.Name}
	if err := unqualified.setFunction(f.arn); err != nil {
		return nil, err
	}
	f.arn = unqualified.Function
	arch := "amd64" // of functions that name none
	if len(got.Architectures) > 0 {
		arch = goArch(string(got.Architectures[0]))
	}
	if t.Arch != "" && t.Arch != arch {
		return nil, fmt.Errorf("%s is %s, not %s", what, arch, t.Arch)
	}
	f.Arch = arch
	if f.Kind == "" {
		f.Kind = "zip"
		if f.image {
			f.Kind = "container"
		}
	}
	if l := got.LoggingConfig; l != nil {
		if l.LogFormat != "" {
			f.logFormat = string(l.LogFormat)
		}
		if g := aws.ToString(l.LogGroup); g != "" {
			f.logGroup = g
		}
		if l.LogFormat == types.LogFormatJson && l.SystemLogLevel == types.SystemLogLevelWarn {
			return nil, fmt.Errorf("%s logs from system level WARN on, which leaves its reports out: set SystemLogLevel to INFO", what)
		}
	}
	if got.State == types.StateFailed {
		return nil, fmt.Errorf("%s is in state Failed: %s", what, aws.ToString(got.StateReason))
	}
	if got.Environment != nil {
		f.remember(got.Environment.Variables)
		f.serial = got.Environment.Error == nil && slices.Contains([]string{"", "1"}, got.Environment.Variables[concurrencyName])
	}
	if !cold {
		return f, nil
	}
	if t.Qualifier != "" && t.Qualifier != "$LATEST" {
		return nil, fmt.Errorf("%s:%s is a version or an alias, where cold starts cannot be forced: name the function alone, or measure with --warm-only", what, t.Qualifier)
	}
	if err := readable(got.Environment); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	if memory, ok := staleMemory(got.Environment); ok {
		f.memory, f.touched = memory, true
	}
	if t.Copy || force {
		return f, nil
	}
	tags, err := c.lambda.ListTags(ctx, &lambda.ListTagsInput{Resource: &f.arn})
	if err != nil {
		return nil, c.explain(what, err)
	}
	if tags.Tags[TagCopy] != "true" {
		return nil, fmt.Errorf("%s is not marked as a bench copy, so its configuration must not be changed: tag a copy %s=true, or measure with --warm-only", what, TagCopy)
	}
	return f, nil
}

// remember keeps the values of an environment to leave them out of messages.
func (f *function) remember(environment map[string]string) {
	for _, v := range environment {
		if len(v) >= 4 && !slices.Contains(f.values, v) { // shorter ones are words and numbers of any text
			f.values = append(f.values, v)
		}
	}
	slices.SortFunc(f.values, func(a, b string) int { return len(b) - len(a) })
}

// redact leaves the values of the environment out of a text.
func (f *function) redact(text string) string {
	for _, v := range f.values {
		text = strings.ReplaceAll(text, v, "***")
	}
	return text
}

// readable reports why an environment cannot be read and written back as it is.
func readable(e *types.EnvironmentResponse) error {
	if e != nil && e.Error != nil {
		return fmt.Errorf("its environment cannot be read, so it cannot be written back: %s; allow kms:Decrypt on its key", aws.ToString(e.Error.ErrorCode))
	}
	return nil
}

// staleMemory returns the memory size that a function had before a run that was
// killed.
func staleMemory(e *types.EnvironmentResponse) (int32, bool) {
	if e == nil {
		return 0, false
	}
	memory, _, _ := strings.Cut(e.Variables[nonceName], "-")
	n, err := strconv.ParseInt(memory, 10, 32)
	return int32(n), err == nil && n >= minMemory && n <= maxMemory
}

// Memory sizes of functions, MB.
const (
	minMemory = 128
	maxMemory = 10240
)

// attempts bounds how often a change is tried that others make impossible by
// changes of their own.
const attempts = 10

// updateTimeout bounds one request for a change, with its repetitions by the
// SDK.
const updateTimeout = time.Minute

// overtaken are codes of answers to a change that came behind another one.
var overtaken = []string{"PreconditionFailedException", "ResourceConflictException"}

// forceCold makes the next invocation start a new environment, of that much
// memory; 0 is the function's own.
func (c *Client) forceCold(ctx context.Context, f *function, memory int32) error {
	return c.change(ctx, f, fmt.Sprintf("%d-%08x", f.memory, rand.Uint32()), cmp.Or(memory, f.memory))
}

// restore takes the nonce away again and sets the memory as it was.
func (c *Client) restore(ctx context.Context, f *function) error {
	if !f.touched {
		return nil
	}
	err := c.change(ctx, f, "", f.memory)
	if code(err) == "ResourceNotFoundException" {
		err = nil // deleted meanwhile, and nothing is left behind
	}
	if err != nil {
		return fmt.Errorf("%w; left behind: its environment variable %s, and perhaps not its %d MB of memory", err, nonceName, f.memory)
	}
	f.touched = false
	return nil
}

// change sets the nonce, or takes it away if it is "", and waits until that is
// in effect. All else of the environment is written back as it was read; a
// change in between is noticed by the revision.
func (c *Client) change(ctx context.Context, f *function, nonce string, memory int32) error {
	what := "target " + f.Name + ": function " + f.Function
	for attempt := 1; ; attempt++ {
		got, err := c.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &f.arn})
		if err != nil {
			return c.explain(what, err)
		}
		if err := readable(got.Environment); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		environment := map[string]string{}
		if got.Environment != nil {
			maps.Copy(environment, got.Environment.Variables)
		}
		f.remember(environment)
		_, stale := environment[nonceName]
		if nonce == "" && !stale && aws.ToInt32(got.MemorySize) == memory {
			return nil
		}
		if delete(environment, nonceName); nonce != "" {
			environment[nonceName] = nonce
		}
		in := &lambda.UpdateFunctionConfigurationInput{
			FunctionName: &f.arn, RevisionId: got.RevisionId, MemorySize: &memory, Environment: &types.Environment{Variables: environment},
		}
		f.touched = true // also if the answer gets lost
		err = c.update(ctx, in)
		if err == nil {
			return c.updated(ctx, f, what)
		}
		if !slices.Contains(overtaken, code(err)) || attempt == attempts {
			return c.explainChange(f, what, err)
		}
		// Someone else's change is in the way: let it come into effect.
		if err := pause(ctx, c.pace.poll); err != nil {
			return err
		}
		if err := c.updated(ctx, f, what); err != nil {
			return err
		}
	}
}

// update changes a configuration. It does not end with ctx: a change that
// arrives after it was undone would stay.
func (c *Client) update(ctx context.Context, in *lambda.UpdateFunctionConfigurationInput) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), updateTimeout)
	defer cancel()
	_, err := c.lambda.UpdateFunctionConfiguration(ctx, in)
	return err
}

// explainChange is explain without the values of the function's environment,
// which the service quotes in some of its messages.
func (c *Client) explainChange(f *function, what string, err error) error {
	err = c.explain(what, err)
	return &explained{f.redact(err.Error()), errors.Unwrap(err)}
}

// updated waits until the function's last update is in effect.
func (c *Client) updated(ctx context.Context, f *function, what string) error {
	_, err := lambda.NewFunctionUpdatedV2Waiter(c.lambda, func(o *lambda.FunctionUpdatedV2WaiterOptions) {
		o.MinDelay, o.MaxDelay = c.pace.poll, c.pace.slowest
	}).WaitForOutput(ctx, &lambda.GetFunctionInput{FunctionName: &f.arn}, c.pace.update)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if code(err) != "" {
		return c.explain(what, err)
	}
	// The waiter tells a failed update from a slow one only by its words.
	got, e := c.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &f.arn})
	if e == nil && got.LastUpdateStatus == types.LastUpdateStatusFailed {
		return fmt.Errorf("%s: update failed: %s: %s", what, got.LastUpdateStatusReasonCode, f.redact(aws.ToString(got.LastUpdateStatusReason)))
	}
	return fmt.Errorf("%s: update not in effect after %v: %w", what, c.pace.update, err)
}

// variant is what the results say of the function.
func (f *function) variant() measure.Variant {
	v := measure.Variant{
		Name: f.Name, Kind: f.Kind, Arch: f.Arch, UploadBytes: cmp.Or(f.UploadBytes, f.codeSize),
		Versions: map[string]string{"memory": fmt.Sprintf("%d MB", f.memory), "package": "Zip", "log format": f.logFormat},
	}
	if f.runtime != "" {
		v.Versions["runtime"] = f.runtime
	}
	if f.image {
		v.Versions["package"] = "Image"
		if v.UploadBytes == 0 {
			v.UploadNote = "size of the image not known to Lambda"
		}
	}
	return v
}
