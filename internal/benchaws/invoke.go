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
}

// invoke hands an event of so many records to the function and reads what
// Lambda reports about it. All its errors are failures but the end of ctx.
func (c *Client) invoke(ctx context.Context, f *function, event []byte, records int) (*invocation, error) {
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
	if rep == nil {
		if rep, err = c.fetch(ctx, f, id, start); err != nil {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			return nil, fail(err.Error())
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
	return &invocation{rep, client}, nil
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
// where it turns up within seconds.
func (c *Client) fetch(ctx context.Context, f *function, id string, start time.Time) (*logReport, error) {
	if id == "" {
		return nil, errors.New("no report in the end of the log, and no request id to look for")
	}
	what := "no report in the end of the log; log group " + f.logGroup
	ctx, cancel := context.WithTimeout(ctx, c.pace.logs)
	defer cancel()
	wait := c.pace.poll
	for {
		pages := cloudwatchlogs.NewFilterLogEventsPaginator(c.logs, &cloudwatchlogs.FilterLogEventsInput{
			LogGroupName: &f.logGroup, FilterPattern: aws.String(`"` + id + `"`),
			StartTime: aws.Int64(start.Add(-grace).UnixMilli()), // clocks differ
		})
		var log []byte
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil && (ctx.Err() != nil || code(err) == "ResourceNotFoundException") {
				break // the first invocation of a function makes its log group
			}
			if err != nil {
				return nil, c.explain(what, err)
			}
			for _, e := range page.Events {
				log = append(append(log, strings.TrimRight(aws.ToString(e.Message), "\n")...), '\n')
			}
			if r := parseLog(log, id); r != nil {
				return r, nil
			}
		}
		if pause(ctx, wait) != nil {
			return nil, fmt.Errorf("%s has none either after %v", what, c.pace.logs)
		}
		wait = min(2*wait, c.pace.slowest)
	}
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
	return m
}
