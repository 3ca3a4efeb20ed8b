package runtimeapi

import (
	"io"
	"strings"
	"sync"
)

// tailSize is how much of a log X-Amz-Log-Result carries.
const tailSize = 4 << 10

// tail passes output on and keeps its end.
type tail struct {
	to io.Writer // nil: keep only

	mu  sync.Mutex
	buf []byte // at most 2*tailSize
}

func newTail(to io.Writer) *tail { return &tail{to: to} }

// Write never fails: a function must not stall because its log cannot be
// written.
func (t *tail) Write(p []byte) (int, error) {
	if t.to != nil {
		t.to.Write(p)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p[max(0, len(p)-tailSize):]...)
	if len(t.buf) > tailSize {
		t.buf = t.buf[:copy(t.buf, t.buf[len(t.buf)-tailSize:])]
	}
	return len(p), nil
}

// String returns the last tailSize bytes, as valid UTF-8.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.ToValidUTF8(string(t.buf), "\uFFFD")
}

// lockedWriter lets several functions share one log.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
