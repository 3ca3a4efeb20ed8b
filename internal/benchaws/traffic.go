package benchaws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"coldstream/internal/report"
)

// Traffic is what a log says about the invocations in a time window: of those
// that a delivery stream makes there is no other account.
type Traffic struct {
	LogGroup   string
	Format     string // of the log: Text or JSON
	Start, End time.Time

	Invocations, Colds        int
	InitP50, InitP90, InitP99 time.Duration // of the cold ones
	P99                       time.Duration // of init and duration together, over all
	Billed                    time.Duration // sum
}

// queries ask for the same figures in both formats of the log: in text Logs
// Insights finds the fields by itself, in JSON they are members of the line.
var queries = []struct{ format, text string }{
	{"Text", `filter @type = "REPORT"
| stats count(*) as n, count(@initDuration) as colds,
  pct(@initDuration, 50) as init50, pct(@initDuration, 90) as init90, pct(@initDuration, 99) as init99,
  pct(coalesce(@initDuration, 0) + @duration, 99) as p99, sum(@billedDuration) as billed`},
	{"JSON", `filter type = "platform.report"
| stats count(*) as n, count(record.metrics.initDurationMs) as colds,
  pct(record.metrics.initDurationMs, 50) as init50, pct(record.metrics.initDurationMs, 90) as init90, pct(record.metrics.initDurationMs, 99) as init99,
  pct(coalesce(record.metrics.initDurationMs, 0) + record.metrics.durationMs, 99) as p99, sum(record.metrics.billedDurationMs) as billed`},
}

// stopTimeout bounds what Ctrl-C waits for.
const stopTimeout = 5 * time.Second

// Traffic asks Logs Insights about a log group, one entry for each log format
// that was found.
func (c *Client) Traffic(ctx context.Context, logGroup string, start, end time.Time) ([]Traffic, error) {
	if !start.Before(end) {
		return nil, errors.New("the time window is empty")
	}
	var all []Traffic
	for _, q := range queries {
		row, err := c.query(ctx, logGroup, q.text, start, end)
		if err != nil {
			return nil, err
		}
		t := Traffic{LogGroup: logGroup, Format: q.format, Start: start, End: end}
		for name, value := range row {
			if value == "" {
				continue // a percentile of nothing
			}
			x, err := strconv.ParseFloat(value, 64)
			if err != nil || !(x >= 0 && x < 1<<53) {
				return nil, fmt.Errorf("log group %s: %s is %q, not a number", logGroup, name, value)
			}
			ms := time.Duration(min(x, float64(1<<62)/1e6) * 1e6)
			switch name {
			case "n":
				t.Invocations = int(x)
			case "colds":
				t.Colds = int(x)
			case "init50":
				t.InitP50 = ms
			case "init90":
				t.InitP90 = ms
			case "init99":
				t.InitP99 = ms
			case "p99":
				t.P99 = ms
			case "billed":
				t.Billed = ms
			}
		}
		if t.Invocations > 0 {
			all = append(all, t)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("log group %s has no report of an invocation from %s to %s", logGroup, start.UTC().Format(time.RFC3339), end.UTC().Format(time.RFC3339))
	}
	return all, nil
}

// query runs a query and returns its one row, nil if it has none.
func (c *Client) query(ctx context.Context, logGroup, text string, start, end time.Time) (map[string]string, error) {
	what := "log group " + logGroup
	begun, err := c.logs.StartQuery(ctx, &cloudwatchlogs.StartQueryInput{
		LogGroupName: &logGroup, QueryString: &text, StartTime: aws.Int64(start.Unix()), EndTime: aws.Int64(end.Unix()),
	})
	if err != nil {
		return nil, c.explainQuery(ctx, what, err)
	}
	row, done, err := c.await(ctx, what, begun.QueryId)
	if !done {
		// A query that nobody waits for still counts against the quota.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		_, _ = c.logs.StopQuery(ctx, &cloudwatchlogs.StopQueryInput{QueryId: begun.QueryId}) // it ends by itself too
	}
	return row, err
}

// await polls a query; done reports whether it has ended.
func (c *Client) await(ctx context.Context, what string, id *string) (row map[string]string, done bool, err error) {
	wait, begin := c.pace.poll, time.Now()
	for time.Since(begin) < c.pace.query {
		got, err := c.logs.GetQueryResults(ctx, &cloudwatchlogs.GetQueryResultsInput{QueryId: id})
		if err != nil {
			return nil, false, c.explainQuery(ctx, what, err)
		}
		switch got.Status {
		case types.QueryStatusComplete:
			if len(got.Results) == 0 {
				return nil, true, nil
			}
			row = map[string]string{}
			for _, f := range got.Results[0] {
				if name := aws.ToString(f.Field); name != "@ptr" {
					row[name] = aws.ToString(f.Value)
				}
			}
			return row, true, nil
		case types.QueryStatusScheduled, types.QueryStatusRunning, types.QueryStatusUnknown, "":
		default:
			return nil, true, fmt.Errorf("%s: the query ended with status %s", what, got.Status)
		}
		if err := pause(ctx, wait); err != nil {
			return nil, false, err
		}
		wait = min(2*wait, c.pace.slowest)
	}
	return nil, false, fmt.Errorf("%s: the query has not ended after %v; ask for a shorter time", what, c.pace.query)
}

func (c *Client) explainQuery(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return c.explain(what, err)
}

// String is t on one line.
func (t Traffic) String() string {
	s := fmt.Sprintf("log group %s from %s to %s: %s, %d of them cold, init + duration p99 %s ms, billed %s s", t.LogGroup,
		t.Start.UTC().Format(time.RFC3339), t.End.UTC().Format(time.RFC3339), report.Count(t.Invocations, "invocation"), t.Colds,
		digits(float64(t.P99)/ms), digits(t.Billed.Seconds()))
	if t.Colds > 0 {
		s += fmt.Sprintf(", init p50 %s, p90 %s, p99 %s ms", digits(float64(t.InitP50)/ms), digits(float64(t.InitP90)/ms), digits(float64(t.InitP99)/ms))
	}
	return s
}

// WriteTraffic writes what logs say as a table.
func WriteTraffic(w io.Writer, all []Traffic) error {
	rows := [][]string{{"log group", "format", "invocations", "cold", "init p50", "p90", "p99", "init+duration p99", "billed"}}
	for _, t := range all {
		p := func(d time.Duration) string {
			if t.Colds == 0 {
				return "-"
			}
			return digits(float64(d)/ms) + " ms"
		}
		rows = append(rows, []string{
			report.Printable(t.LogGroup), t.Format, report.Thousands(t.Invocations), report.Thousands(t.Colds), p(t.InitP50), p(t.InitP90), p(t.InitP99),
			digits(float64(t.P99)/ms) + " ms", digits(t.Billed.Seconds()) + " s",
		})
	}
	return report.WriteColumns(w, rows)
}
