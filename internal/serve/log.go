package serve

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"math"
	"time"
)

// newLogger returns a logger whose lines have the names and the times of the
// function's.
func newLogger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		switch {
		case len(groups) > 0:
		case a.Key == slog.TimeKey:
			return slog.String("timestamp", a.Value.Time().UTC().Format("2006-01-02T15:04:05.000Z"))
		case a.Key == slog.MessageKey:
			a.Key = "message"
		}
		return a
	}}))
}

// log writes the line of one request. Neither path nor headers are in it, which
// hold whatever a client likes.
func (s *Server) log(r *record) {
	a := &r.response
	level, message := slog.LevelInfo, "request answered"
	switch {
	case a.Status >= 500 && a.Status != 503:
		level, message = slog.LevelError, "request failed"
	case a.Status >= 400:
		level, message = slog.LevelWarn, "request refused"
	}
	attrs := []slog.Attr{
		slog.String("event", "http"),
		slog.String("request_id", r.id),
		slog.Int("status", a.Status),
		slog.Int("posts", a.Posts),
		slog.Int("bytes_in", r.in),
		slog.Int("bytes_out", len(a.Body)),
		slog.Float64("ms", rounded(time.Since(r.started))),
		slog.Float64("queue_ms", rounded(r.queued)),
		slog.Float64("score_ms", rounded(a.Scoring)),
	}
	if a.Err != nil {
		attrs = append(attrs, slog.String("error", a.Err.Error()))
	}
	if len(r.stack) > 0 {
		attrs = append(attrs, slog.String("stack", string(r.stack)))
	}
	s.logs.LogAttrs(context.Background(), level, message, attrs...)
}

// rounded is d in milliseconds, to the microsecond.
func rounded(d time.Duration) float64 { return math.Round(milliseconds(d)*1e3) / 1e3 }

// errorLog takes the lines of net/http, about connections that came to nothing.
type errorLog struct{ *slog.Logger }

func (l errorLog) Write(b []byte) (int, error) {
	l.Warn(string(bytes.TrimSpace(b)), slog.String("event", "connection"))
	return len(b), nil
}
