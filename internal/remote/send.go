package remote

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"coldstream/internal/jsonscan"
)

// fault is what no repetition mends. Its text holds nothing of an answer, which
// may repeat a post.
type fault struct {
	text  string
	final bool // other texts would fare no better
}

func (f *fault) Error() string { return f.text }

// errEnded says that the event's time was over while a request was under way.
var errEnded = errors.New("the endpoint did not answer")

// drainBytes is what is read of an answer that says no, so that its connection
// can be used again.
const drainBytes = 64 << 10

// post sends one request. An error that is no *fault may pass; wait is what the
// endpoint asks to wait for.
func (r *run) post(body []byte) (answer []byte, wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(r.ctx, r.e.attempt)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.e.url, bytes.NewReader(body))
	if err != nil {
		return nil, 0, &fault{text: "the endpoint's URL is no URL", final: true}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	// Scoring twice does no harm. The empty value is not sent, and lets net/http
	// repeat a request on a connection that was closed while it was idle.
	req.Header["Idempotency-Key"] = nil
	r.mu.Lock()
	r.answers.Requests++
	r.mu.Unlock()
	resp, err := r.e.client.Do(req)
	if err != nil {
		return nil, 0, r.explain(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		_, _ = io.CopyN(io.Discard, resp.Body, drainBytes) // the status says it
		return nil, retryAfter(resp.Header), refusal(resp.StatusCode, r.e.batch == 1)
	}
	answer, err = readAll(resp)
	if err != nil {
		return nil, 0, err
	}
	if d, ok := scoringTime(resp.Header); ok {
		r.mu.Lock()
		r.answers.Timed = true
		r.answers.Scoring += d
		r.mu.Unlock()
	}
	return answer, 0, nil
}

// appendRequest appends {"text":...} or {"texts":[...]}.
func appendRequest(dst []byte, texts []string, single bool) []byte {
	if single {
		return append(jsonscan.AppendQuoted(append(dst, `{"text":`...), texts[0]), '}')
	}
	dst = append(dst, `{"texts":[`...)
	for i, t := range texts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = jsonscan.AppendQuoted(dst, t)
	}
	return append(dst, `]}`...)
}

// readAll reads an answer of at most maxAnswerBytes.
func readAll(resp *http.Response) ([]byte, error) {
	tooLarge := &fault{text: fmt.Sprintf("an answer has more than %d bytes", maxAnswerBytes)}
	if resp.ContentLength > maxAnswerBytes {
		return nil, tooLarge
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(io.LimitReader(resp.Body, maxAnswerBytes+1)); err != nil {
		return nil, fmt.Errorf("the answer broke off: %w", err)
	}
	if b.Len() > maxAnswerBytes {
		return nil, tooLarge
	}
	return b.Bytes(), nil
}

// explain returns what kept a request from being answered, without its URL.
func (r *run) explain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		if r.ctx.Err() == nil {
			return fmt.Errorf("no answer within %v", r.e.attempt)
		}
		return errEnded
	}
	text := fmt.Errorf("the endpoint cannot be reached: %w", err)
	if errors.As(err, new(*tls.CertificateVerificationError)) {
		return &fault{text: text.Error(), final: true}
	}
	return text
}

// refusal is the error of an answer with a status other than 200. Those that
// may pass are no *fault.
func refusal(status int, single bool) error {
	text := fmt.Sprintf("the endpoint answered with status %d", status)
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return errors.New(text)
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone, http.StatusNotImplemented:
		return &fault{text: text, final: true}
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		if !single {
			text += `; if it knows {"text"} alone, set ` + BatchVariable + `=1`
		}
	}
	return &fault{text: text, final: status < http.StatusBadRequest}
}

// retryAfter reads the header of that name: seconds or a date; 0 if there is
// none.
func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if n, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(0, time.Until(t))
	}
	return 0
}

// maxTiming bounds a time that an endpoint claims, in milliseconds: a day.
const maxTiming = 86_400_000

// scoringTime reads "score;dur=MS" from the header Server-Timing.
func scoringTime(h http.Header) (time.Duration, bool) {
	for metric := range strings.SplitSeq(strings.Join(h.Values("Server-Timing"), ","), ",") {
		name, parameters, _ := strings.Cut(metric, ";")
		if strings.TrimSpace(name) != "score" {
			continue
		}
		for p := range strings.SplitSeq(parameters, ";") {
			key, value, _ := strings.Cut(p, "=")
			if strings.TrimSpace(key) != "dur" {
				continue
			}
			ms, err := strconv.ParseFloat(strings.Trim(strings.TrimSpace(value), `"`), 64)
			if err == nil && ms >= 0 && ms <= maxTiming {
				return time.Duration(ms * float64(time.Millisecond)), true
			}
		}
	}
	return 0, false
}
