package benchaws

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"coldstream/internal/measure"
)

const (
	// maxDuration is longer than any invocation: Lambda allows 15 minutes.
	maxDuration = time.Hour
	// grace is what an answer may take beyond the function's own limit: start,
	// init and the way back.
	grace = time.Minute
	// maxOutput bounds what is kept of a failed invocation's log, maxReason what
	// is said of its answer.
	maxOutput = 4096
	maxReason = 300
)

// passing are codes of answers that mean: not now, and nothing was run.
var passing = []string{
	"TooManyRequestsException", "ThrottlingException", "ResourceConflictException", "ResourceNotReadyException",
	"CodeArtifactUserPendingException", "EC2ThrottledException", "ENINotReadyException",
}

// failure is an invocation that came to no measurement.
type failure struct {
	reason  string
	output  string // the end of its log
	timeout bool   // the function's time was up
	cause   error  // nil if the function itself is the reason
}

func (f *failure) Error() string { return f.reason }
func (f *failure) Unwrap() error { return f.cause }

// invocation is what was measured.
type invocation struct {
	*logReport
	client time.Duration // wall time of the call
	serial bool          // the function sends one request after the other to its endpoint
}

// tailBytes is how much of a log's end Lambda returns.
const tailBytes = 4096

// cut reports whether the tail that rep was found in may lack lines about the
// invocation: that of an init that was broken off, if a start was forced, or
// that of a function with an endpoint. What others print is of no interest.
func (f *function) cut(tail []byte, rep *logReport, forced bool) bool {
	return len(tail) >= tailBytes && (forced && !rep.started() || !forced && f.Kind == "ec2" && rep.remote == 0)
}

// invoke hands an event of so many records to the function and reads what
// Lambda reports about it. All its errors are failures but the end of ctx.
// forced says that a new environment is expected.
func (c *Client) invoke(ctx context.Context, f *function, event []byte, records int, forced bool) (*invocation, error) {
	start := time.Now()
	out, client, err := c.call(ctx, f, event)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		err = c.explain("function "+f.Function, err)
		return nil, &failure{reason: f.redact(err.Error()), cause: err}
	}
	tail, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
	if err != nil {
		tail = nil // without it the log itself is asked
	}
	id, _ := middleware.GetRequestIDMetadata(out.ResultMetadata)
	rep := parseLog(tail, id)
	fail := func(reason string) error {
		return &failure{
			reason: f.redact(reason), output: f.redact(strings.ToValidUTF8(string(tail[max(0, len(tail)-maxOutput):]), "")),
			timeout: rep != nil && rep.status == "timeout" || strings.Contains(reason, "Task timed out"),
		}
	}
	if out.FunctionError != nil {
		return nil, fail(functionError(*out.FunctionError, out.Payload))
	}
	if rep == nil || f.cut(tail, rep, forced) {
		whole, err := c.fetch(ctx, f, id, start)
		switch {
		case err == nil:
			rep = whole
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case rep == nil:
			return nil, fail("no report in the end of the log; " + err.Error())
		case forced: // not known to be a start that took seconds, nor that it was none
			return nil, fail("the end of the log may lack the init; " + err.Error())
		}
	}
	if rep.failed() {
		return nil, fail(fmt.Sprintf("the invocation ended with status %s %s", rep.status, rep.errorType))
	}
	if rep.duration <= 0 || rep.billed <= 0 {
		return nil, fail("the report in the log has no readable times")
	}
	if err := checkAnswer(out.Payload, records, f.Kind); err != nil {
		return nil, fail(err.Error())
	}
	return &invocation{rep, client, f.serial}, nil
}

// call invokes the function, and again as long as it cannot be run at the
// moment. The time is that of the last try.
func (c *Client) call(ctx context.Context, f *function, event []byte) (*lambda.InvokeOutput, time.Duration, error) {
	in := &lambda.InvokeInput{FunctionName: &f.arn, LogType: types.LogTypeTail, Payload: event}
	if f.Qualifier != "" {
		in.Qualifier = &f.Qualifier
	}
	ctx, cancel := context.WithTimeout(ctx, f.timeout+grace+c.pace.busy)
	defer cancel()
	begin, wait := time.Now(), c.pace.poll
	for {
		start := time.Now()
		out, err := c.lambda.Invoke(ctx, in, func(o *lambda.Options) { o.Retryer = aws.NopRetryer{} })
		took := time.Since(start)
		if !slices.Contains(passing, code(err)) || time.Since(begin) > c.pace.busy {
			return out, took, err
		}
		if err := pause(ctx, rand.N(wait)+1); err != nil {
			return nil, 0, err
		}
		wait = min(2*wait, c.pace.slowest)
	}
}

// functionError describes an answer that is an error.
func functionError(kind string, payload []byte) string {
	var e struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}
	_ = json.Unmarshal(payload, &e) // what it says is told if it can be read
	text := kind
	for _, s := range []string{e.Type, e.Message} {
		if s != "" {
			text += ": " + s
		}
	}
	return strings.ToValidUTF8(strings.Join(strings.Fields(text[:min(len(text), maxReason)]), " "), "")
}

// checkAnswer makes sure that what was timed was the work: every record scored.
func checkAnswer(payload []byte, records int, kind string) error {
	if kind == "floor" { // a function without a model
		return nil
	}
	var answer struct {
		Records []struct {
			Result string `json:"result"`
		} `json:"records"`
	}
	if err := json.Unmarshal(payload, &answer); err != nil {
		return fmt.Errorf("the answer is not that of a Firehose transformation: %w", err)
	}
	ok := 0
	for _, r := range answer.Records {
		if r.Result == "Ok" {
			ok++
		}
	}
	if ok != records || len(answer.Records) != records {
		return fmt.Errorf("the answer has %d records, %d of them Ok, to an event with %d", len(answer.Records), ok, records)
	}
	return nil
}

// fetch reads the report about an invocation from the function's log group,
// where it turns up within seconds. The lines about an init and those of the
// function itself carry no request id, so the id gives the log stream alone.
func (c *Client) fetch(ctx context.Context, f *function, id string, start time.Time) (*logReport, error) {
	if id == "" {
		return nil, errors.New("there is no request id to look for")
	}
	what := "log group " + f.logGroup
	ctx, cancel := context.WithTimeout(ctx, c.pace.logs)
	defer cancel()
	in := &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &f.logGroup, StartTime: aws.Int64(start.Add(-grace).UnixMilli())} // clocks differ
	wait := c.pace.poll
	for {
		in.FilterPattern, in.LogStreamNames = aws.String(`"`+id+`"`), nil
		var stream *string
		err := c.events(ctx, in, func(e logtypes.FilteredLogEvent) bool {
			// Others may quote the id.
			if parseLog([]byte(aws.ToString(e.Message)), id) != nil {
				stream = e.LogStreamName
			}
			return stream != nil
		})
		if err == nil && stream != nil {
			in.FilterPattern, in.LogStreamNames = nil, []string{*stream}
			p := logParser{requestID: id}
			err = c.events(ctx, in, func(e logtypes.FilteredLogEvent) bool {
				p.read([]byte(aws.ToString(e.Message)))
				return p.found != nil
			})
			if p.found != nil {
				return p.found, nil
			}
		}
		if err != nil && ctx.Err() == nil {
			return nil, c.explain(what, err)
		}
		if pause(ctx, wait) != nil {
			return nil, fmt.Errorf("%s has no report after %v", what, c.pace.logs)
		}
		wait = min(2*wait, c.pace.slowest)
	}
}

// events hands over the events of a log until done says so. A log group that
// does not exist has none: the first invocation of a function makes it.
func (c *Client) events(ctx context.Context, in *cloudwatchlogs.FilterLogEventsInput, done func(logtypes.FilteredLogEvent) bool) error {
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(c.logs, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if code(err) == "ResourceNotFoundException" {
			return nil
		}
		if err != nil {
			return err
		}
		if slices.ContainsFunc(page.Events, done) {
			return nil
		}
	}
	return nil
}

// cold returns the figures of a first invocation.
func (i *invocation) cold() map[string]float64 {
	return map[string]float64{
		measure.Init: float64(i.start()), measure.Invoke: float64(i.duration), measure.First: float64(i.start() + i.duration),
		measure.Billed: float64(i.billed + i.billedRestore), measure.Client: float64(i.client), measure.Peak: float64(i.maxMemory),
	}
}

// warm returns the figures of a later invocation.
func (i *invocation) warm(records int) map[string]float64 {
	m := map[string]float64{
		measure.Time: float64(i.duration), measure.Billed: float64(i.billed), measure.Client: float64(i.client),
		measure.Peak: float64(i.maxMemory), measure.Rate: float64(records) / i.duration.Seconds(),
	}
	if i.remote > 0 {
		m[measure.Remote] = float64(i.remote)
	}
	if i.score > 0 {
		m[measure.Score] = float64(i.score)
	}
	// Of requests side by side the scoring adds up to more than was waited for it.
	if i.score > 0 && i.score <= i.remote && (i.serial || i.requests == 1) {
		m[measure.Net] = float64(i.remote - i.score)
	}
	return m
}
