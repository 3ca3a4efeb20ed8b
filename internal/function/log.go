package function

import (
	"io"
	"strconv"
	"sync"
	"time"

	"coldstream/internal/jsonscan"
)

// line is what the log says about one event. It holds no texts.
type line struct {
	event        string            // kind of event; "" = unknown
	invocationID jsonscan.Value    // of a Firehose event or a task
	status       int               // of an HTTP answer, 0 for other events
	ok           int               // posts scored
	failed       [len(reasons)]int // posts, by reason
	in, out      int               // bytes
	took         time.Duration
	scoring      time.Duration // part of took in which posts were scored
	remote       *Answers      // where a Remote scored
	err          error         // the event as a whole was refused
	scorerErr    error         // the batch could not be scored at once
	taskErr      error         // the last task that failed
}

// count counts n posts.
func (l *line) count(why Reason, n int) {
	if why == "" {
		l.ok += n
		return
	}
	for i, r := range reasons {
		if r == why {
			l.failed[i] += n
		}
	}
}

// logger writes lines, one Write each. Its fields "timestamp", "level" and
// "message" are those by which Lambda filters logs in JSON format.
type logger struct {
	w   io.Writer // nil = no log
	mu  sync.Mutex
	buf []byte
}

// maxLoggedID bounds what a caller can put into the log through an id.
const maxLoggedID = 128

func (g *logger) write(l *line) {
	if g.w == nil {
		return
	}
	failed := 0
	for _, n := range l.failed {
		failed += n
	}
	level, message := "INFO", "event answered"
	switch {
	case l.err != nil && 400 <= l.status && l.status < 500:
		level, message = "WARN", "request refused"
	case l.err != nil:
		level, message = "ERROR", "event refused"
	case failed > 0 || l.scorerErr != nil || l.taskErr != nil:
		level = "WARN"
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	b := append(g.buf[:0], `{"timestamp":"`...)
	b = time.Now().UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	b = append(append(b, `","level":"`...), level...)
	b = append(append(b, `","message":"`...), message...)
	b = append(append(b, `","event":"`...), l.event...)
	b = append(b, '"')
	if l.invocationID.Kind == jsonscan.String && len(l.invocationID.Raw) <= maxLoggedID {
		b = append(append(b, `,"invocation_id":`...), l.invocationID.Raw...)
	}
	if l.status != 0 {
		b = appendCount(b, "status", l.status)
	}
	b = appendCount(b, "posts", l.ok+failed)
	b = appendCount(b, "ok", l.ok)
	b = appendCount(b, "failed", failed)
	if failed > 0 {
		b = append(b, `,"reasons":{`...)
		comma := false
		for i, n := range l.failed {
			if n == 0 {
				continue
			}
			if comma {
				b = append(b, ',')
			}
			comma = true
			b = append(append(append(b, '"'), reasons[i]...), `":`...)
			b = strconv.AppendInt(b, int64(n), 10)
		}
		b = append(b, '}')
	}
	b = appendCount(b, "bytes_in", l.in)
	b = appendCount(b, "bytes_out", l.out)
	b = appendMS(b, "ms", l.took)
	scorerErr := "model_error"
	if l.remote != nil {
		scorerErr = "endpoint_error"
		b = appendMS(b, "endpoint_ms", l.scoring)
		if l.remote.Timed {
			b = appendMS(b, "endpoint_score_ms", l.remote.Scoring)
		}
		b = appendCount(b, "endpoint_requests", l.remote.Requests)
	}
	for _, e := range [...]struct {
		name string
		err  error
	}{{"error", l.err}, {scorerErr, l.scorerErr}, {"task_error", l.taskErr}} {
		if e.err != nil {
			b = append(append(append(b, `,"`...), e.name...), `":`...)
			b = jsonscan.AppendQuoted(b, e.err.Error())
		}
	}
	b = append(b, "}\n"...)
	g.buf = b
	_, _ = g.w.Write(b) // there is nowhere left to report it
}

func appendCount(b []byte, name string, n int) []byte {
	b = append(append(append(b, `,"`...), name...), `":`...)
	return strconv.AppendInt(b, int64(n), 10)
}

// appendMS appends a time in milliseconds.
func appendMS(b []byte, name string, d time.Duration) []byte {
	b = append(append(append(b, `,"`...), name...), `":`...)
	return strconv.AppendFloat(b, float64(d.Microseconds())/1e3, 'f', 3, 64)
}
