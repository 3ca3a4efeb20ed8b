package xapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"coldstream/internal/source"
)

const (
	// requestTimeout bounds a request other than a stream; the largest answer,
	// 100 long posts, has some MB.
	requestTimeout = 30 * time.Second
	// maxAnswer bounds an answer other than a stream. 100 posts of 25,000
	// characters, X's longest, are 10 MB without escapes.
	maxAnswer = 32 << 20
	// maxProblem bounds what is read of an answer that reports an error.
	maxProblem = 64 << 10
)

// client makes requests and counts what happens.
type client struct {
	source.Tally
	kind                string // "x-stream" or "x-search"
	http                *http.Client
	base, token, agent  string
	fieldsParam, fields string
	notify              func(source.Notice)
}

// tell reports a notice.
func (c *client) tell(kind, format string, args ...any) {
	if c.notify != nil {
		c.notify(source.Notice{Kind: kind, Text: c.clean(c.kind + ": " + fmt.Sprintf(format, args...))})
	}
}

// clean makes one line of bounded length of a text, part of which may come from
// the server, and takes the token out of it.
func (c *client) clean(text string) string {
	text = strings.ReplaceAll(text, c.token, "[token]")
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	const most = 600
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "..."
	}
	return text
}

// send makes a request. Any status but 2xx is a *statusError; other errors are
// of the network. The caller closes the answer's body.
func (c *client) send(ctx context.Context, method, path string, query url.Values, body any, header http.Header) (*http.Response, error) {
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(b)
	}
	op := method + " " + path
	address := c.base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, content)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", op, c.clean(err.Error()))
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("User-Agent", c.agent)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		// The address with all its parameters is of no use to the reader.
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return nil, &networkError{text: c.clean(op + ": " + err.Error()), err: err}
	}
	if res.StatusCode/100 == 2 {
		return res, nil
	}
	defer res.Body.Close()
	// A body that breaks off is as good as none: the status says the most.
	answer, _ := io.ReadAll(io.LimitReader(res.Body, maxProblem))
	return nil, c.newStatusError(op, res, answer)
}

// call makes a request and decodes the answer into out, nil = it is not needed.
func (c *client) call(ctx context.Context, method, path string, query url.Values, body, out any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	res, err := c.send(ctx, method, path, query, body, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return &networkError{text: c.clean(fmt.Sprintf("%s %s: the answer broke off: %v", method, path, err)), err: err}
	}
	if len(answer) > maxAnswer {
		return fmt.Errorf("%s %s: the answer has more than %d MiB; is this the X API?", method, path, maxAnswer>>20)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		// A proxy's page under a 200 goes away by itself.
		return &networkError{text: c.clean(fmt.Sprintf("%s %s: the answer is not JSON: %v", method, path, err)), err: err}
	}
	return nil
}

// networkError is a failure below HTTP, or an answer that broke off.
type networkError struct {
	text string
	err  error
}

func (e *networkError) Error() string { return e.text }

func (e *networkError) Unwrap() error { return e.err }

// problem is X's error object. Endpoints use different parts of it.
type problem struct {
	Title   string `json:"title"`
	Detail  string `json:"detail"`
	Type    string `json:"type"`
	Issue   string `json:"connection_issue"`
	Message string `json:"message"`
	Value   string `json:"value"` // the rule that was refused
	ID      string `json:"id"`    // of the rule that is there already
	Details []string
	Errors  []problem `json:"errors"`
}

// text returns the most telling part.
func (p *problem) text() string {
	for _, sub := range p.Errors {
		if t := sub.text(); t != "" {
			return t
		}
	}
	t := p.Detail
	if len(p.Details) > 0 {
		t = strings.Join(p.Details, "; ")
	}
	for _, other := range []string{p.Message, p.Title} {
		if t == "" {
			t = other
		}
	}
	if p.Value != "" {
		t = fmt.Sprintf("%s (%q)", t, p.Value)
	}
	return t
}

// statusError is an answer with another status than 2xx.
type statusError struct {
	text    string
	status  int
	problem problem
	reset   time.Duration // until the rate limit's window ends, 0 = not said
}

func (e *statusError) Error() string { return e.text }

// hints say what to do about a status that no repetition mends.
var hints = map[int]string{
	http.StatusBadRequest:      "correct the query or the parameters",
	http.StatusUnauthorized:    "the bearer token is wrong or was revoked; make a new one in the X developer console",
	http.StatusPaymentRequired: "the account has no credits left; buy some in the X developer console",
	http.StatusForbidden:       "the app has no access to this, or its spending limit is reached; see the X developer console",
	http.StatusNotFound:        "this address is not the X API, or the app has no such endpoint",
	http.StatusTooManyRequests: "the account's cap on posts is reached; raise it in the X developer console",
}

func (c *client) newStatusError(op string, res *http.Response, body []byte) *statusError {
	e := &statusError{status: res.StatusCode}
	// What is no JSON, such as a proxy's page, has nothing to say.
	if json.Unmarshal(body, &e.problem) != nil {
		e.problem = problem{}
	}
	if at, err := strconv.ParseInt(res.Header.Get("x-rate-limit-reset"), 10, 64); err == nil {
		// X's clock says when: ours may be off.
		e.reset = max(0, time.Unix(at, 0).Sub(serverTime(res)))
	}
	text := fmt.Sprintf("X answered %d to %s", e.status, op)
	if t := e.problem.text(); t != "" {
		text += ": " + strings.TrimRight(t, ". ")
	}
	if hint := hints[e.status]; hint != "" && e.family() == final {
		text += "; " + hint
	}
	e.text = c.clean(text)
	return e
}

// family says how the answer is met.
func (e *statusError) family() family {
	switch {
	case e.status == http.StatusTooManyRequests && e.problem.Issue == "TooManyConnections":
		return occupied
	case e.status == http.StatusTooManyRequests && e.capped():
		return final
	case e.status == http.StatusTooManyRequests:
		return rateLimited
	case e.status >= 500, e.status == http.StatusRequestTimeout, e.noRules():
		return overloaded
	}
	return final
}

// capped reports whether the account may read no further posts.
func (e *statusError) capped() bool {
	return strings.HasSuffix(e.problem.Type, "/usage-capped") || e.problem.Title == "UsageCapExceeded"
}

// noRules reports whether the filtered stream has no rules: somebody deleted
// them.
func (e *statusError) noRules() bool {
	return e.status == http.StatusConflict && e.problem.Issue == "RuleConfigurationIssue"
}

// serverTime is X's clock, to the second, or ours if the answer does not say.
func serverTime(res *http.Response) time.Time {
	if t, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		return t
	}
	return time.Now()
}

// try calls f until it succeeds, fails for good, or has failed for patience
// (0 = for ever), not counting the waits that a rate limit asks for.
func (c *client) try(ctx context.Context, what string, patience time.Duration, f func() error) error {
	var b backoff
	var trouble time.Duration
	for {
		start := time.Now()
		err := f()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		fam, asked := classify(err)
		if fam == final {
			return err
		}
		wait := b.next(fam, asked)
		if fam == rateLimited {
			c.Count("rate_limits")
			c.tell("rate_limit", "%s: %v; again in %v", what, err, wait.Round(time.Second))
		} else {
			if trouble += time.Since(start) + wait; patience > 0 && trouble > patience {
				return fmt.Errorf("%s: no answer for %v: %w", what, patience, err)
			}
			c.Count("retries")
			c.tell("retry", "%s: %v; again in %v", what, err, wait.Round(time.Millisecond))
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// classify returns the back-off family of an error and the wait that X asked
// for.
func classify(err error) (family, time.Duration) {
	var status *statusError
	var network *networkError
	switch {
	case errors.As(err, &status):
		return status.family(), status.reset
	case errors.As(err, &network):
		return unreachable, 0
	}
	return final, 0
}

// sleep waits, or returns why ctx ended.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
