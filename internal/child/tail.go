package child

import (
	"io"
	"strings"
	"sync"
)

// tailSize is how much of a log X-Amz-Log-Result carries.
const tailSize = 4 << 10

// A Tail passes output on and keeps its end. It is safe for concurrent use.
type Tail struct {
	to io.Writer // nil: keep only

	mu  sync.Mutex
	buf []byte // at most 2*tailSize
}

// NewTail returns a Tail that passes everything on to the given writer; nil keeps
// only the end.
func NewTail(to io.Writer) *Tail { return &Tail{to: to} }

// Write never fails: a function must not stall because its log cannot be
// written.
func (t *Tail) Write(p []byte) (int, error) {
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
func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.ToValidUTF8(string(t.buf), "\uFFFD")
}
