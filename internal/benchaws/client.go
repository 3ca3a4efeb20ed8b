package benchaws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/smithy-go"
)

// A Client measures functions of one region.
type Client struct {
	lambda  *lambda.Client
	logs    *cloudwatchlogs.Client
	tagging *tagging.Client
	region  string
	pace    pace
}

// pace is how long is waited, for what.
type pace struct {
	poll    time.Duration // least time between two looks at a state
	slowest time.Duration // longest time between them
	update  time.Duration // for a function's update to be in effect
	busy    time.Duration // for a function that cannot be invoked or changed at the moment
	logs    time.Duration // for a report to turn up in the log
	query   time.Duration // for a Logs Insights query
}

// usualPace: an update takes a few seconds for a zip and up to some minutes for
// an image; reports reach the log within seconds, and queries end within 60
// minutes, most within seconds.
var usualPace = pace{
	poll: time.Second, slowest: 5 * time.Second, update: 10 * time.Minute,
	busy: 3 * time.Minute, logs: 30 * time.Second, query: 5 * time.Minute,
}

// maxAttempts is how often the SDK sends a request that is throttled or fails
// in a way that may pass.
const maxAttempts = 8

// New returns a Client for cfg's region. Missing region or credentials are
// errors here. Requests are repeated by the SDK's adaptive retryer unless cfg
// has one; invocations are never repeated by the SDK, since the second one would
// be measured as the first.
func New(ctx context.Context, cfg aws.Config) (*Client, error) {
	const set = "set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
	if cfg.Region == "" {
		return nil, errors.New("no AWS region; give --region or set AWS_REGION")
	}
	if cfg.Credentials == nil {
		return nil, errors.New("no AWS credentials; " + set)
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, fmt.Errorf("no AWS credentials; %s: %w", set, err)
	}
	if cfg.Retryer == nil {
		cfg.Retryer = func() aws.Retryer {
			return retry.NewAdaptiveMode(func(o *retry.AdaptiveModeOptions) {
				o.StandardOptions = append(o.StandardOptions, func(s *retry.StandardOptions) { s.MaxAttempts = maxAttempts })
			})
		}
	}
	return &Client{
		lambda: lambda.NewFromConfig(cfg), logs: cloudwatchlogs.NewFromConfig(cfg), tagging: tagging.NewFromConfig(cfg),
		region: cfg.Region, pace: usualPace,
	}, nil
}

// code returns the service's code of an error, "" if it is none of a service.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// Codes that stand for one cause each.
var (
	denied         = []string{"AccessDeniedException", "AccessDenied", "UnauthorizedOperation"}
	throttled      = []string{"TooManyRequestsException", "ThrottlingException", "Throttling", "LimitExceededException"}
	badCredentials = []string{"UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException", "ExpiredToken", "InvalidClientTokenId", "IncompleteSignature", "MissingAuthenticationToken", "MissingAuthenticationTokenException"}
)

// lasting reports whether err meets every further request about the function
// too; whether it meets those about other functions is not known.
func lasting(err error) bool {
	c := code(err)
	return slices.Contains(denied, c) || slices.Contains(badCredentials, c) || c == "ResourceNotFoundException"
}

// explain returns err as one line about what, without the SDK's detail. Errors
// that the service did not send keep their text, and all can be unwrapped.
func (c *Client) explain(what string, err error) error {
	if err == nil {
		return nil
	}
	text := ""
	var api smithy.APIError
	var network *url.Error
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		text = "no answer in time"
		if errors.Is(err, context.Canceled) {
			text = "broken off"
		}
	case !errors.As(err, &api):
		if errors.As(err, &network) {
			text = host(network.URL) + ": " + network.Err.Error()
			break
		}
		text = err.Error()
	case slices.Contains(denied, api.ErrorCode()):
		text = fmt.Sprintf("not permitted: allow %s (bench aws --policy prints all that is needed)", action(err))
	case slices.Contains(badCredentials, api.ErrorCode()):
		text = "AWS refuses the credentials (" + api.ErrorCode() + "); are they expired, or of another account?"
	case slices.Contains(throttled, api.ErrorCode()):
		text = "throttled, also when tried again; try later or ask for a higher quota: " + api.ErrorMessage()
	case api.ErrorCode() == "ResourceNotFoundException":
		text = "does not exist in " + c.region + ": " + api.ErrorMessage()
	default:
		text = api.ErrorCode() + ": " + withoutValues(api.ErrorMessage())
	}
	return &explained{what + ": " + text, err}
}

type explained struct {
	text string
	err  error
}

func (e *explained) Error() string { return e.text }
func (e *explained) Unwrap() error { return e.err }

// host leaves path and query of an address out.
func host(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Scheme + "://" + u.Host
	}
	return "the endpoint"
}

// withoutValues cuts a message off where it quotes a JSON object: Lambda
// answers an environment that is too large with all its variables.
func withoutValues(message string) string {
	if before, _, found := strings.Cut(message, "{"); found {
		return before + "..."
	}
	return message
}

// action is the IAM action that the failed call needs.
func action(err error) string {
	var op *smithy.OperationError
	if !errors.As(err, &op) {
		return "the action"
	}
	name := op.Operation()
	if name == "Invoke" {
		name = "InvokeFunction"
	}
	for _, s := range statements {
		for _, a := range s.actions {
			if strings.HasSuffix(a, ":"+name) {
				return a
			}
		}
	}
	return name
}

// statement is a part of the policy.
type statement struct {
	sid      string
	actions  []string
	resource string
	copies   bool // on functions that are marked as copies only
}

// statements are what the calls of this package need.
var statements = []statement{
	{"Read", []string{"lambda:GetFunction", "lambda:GetFunctionConfiguration", "lambda:ListTags"}, "arn:aws:lambda:*:*:function:*", false},
	{"Invoke", []string{"lambda:InvokeFunction"}, "arn:aws:lambda:*:*:function:*", false},
	{"ForceColdStarts", []string{"lambda:UpdateFunctionConfiguration"}, "arn:aws:lambda:*:*:function:*", true},
	{"ReadLogs", []string{"logs:FilterLogEvents", "logs:StartQuery"}, "arn:aws:logs:*:*:log-group:*", false},
	{"QueryAndFind", []string{"logs:GetQueryResults", "logs:StopQuery", "tag:GetResources"}, "*", false},
}

// Policy returns the IAM policy that a run needs, as JSON. Configurations may be
// changed on bench copies only.
func Policy() string {
	type entry struct {
		Sid       string
		Effect    string
		Action    []string
		Resource  string
		Condition map[string]map[string]string `json:",omitempty"`
	}
	policy := struct {
		Version   string
		Statement []entry
	}{Version: "2012-10-17"}
	for _, s := range statements {
		e := entry{Sid: s.sid, Effect: "Allow", Action: s.actions, Resource: s.resource}
		if s.copies {
			e.Condition = map[string]map[string]string{"StringEquals": {"aws:ResourceTag/" + TagCopy: "true"}}
		}
		policy.Statement = append(policy.Statement, e)
	}
	b, err := json.MarshalIndent(policy, "", "  ")
	if err != nil {
		panic("benchaws: the policy cannot be written as JSON: " + err.Error()) // of strings alone
	}
	return string(b)
}

// pause waits, or returns early with ctx's cause.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
