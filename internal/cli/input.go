package cli

import (
	"context"
	"io"
)

// NewReader returns a reader of r whose Read ends with ctx: a program that
// waits for a person to type can be interrupted. Bytes that arrive after that
// are lost.
func NewReader(ctx context.Context, r io.Reader) io.Reader {
	c := &reader{ctx: ctx, want: make(chan int), got: make(chan chunk)}
	go func() {
		buf := make([]byte, 1<<16)
		for {
			var n int
			select {
			case n = <-c.want:
			case <-ctx.Done():
				return
			}
			n, err := r.Read(buf[:min(n, len(buf))])
			select {
			case c.got <- chunk{buf[:n], err}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return c
}

type chunk struct {
	data []byte
	err  error
}

type reader struct {
	ctx  context.Context
	want chan int // sizes of reads; one is under way at most
	got  chan chunk
}

func (c *reader) Read(p []byte) (int, error) {
	select {
	case c.want <- len(p):
	case <-c.ctx.Done():
		return 0, context.Cause(c.ctx)
	}
	select {
	case part := <-c.got:
		return copy(p, part.data), part.err
	case <-c.ctx.Done():
		return 0, context.Cause(c.ctx)
	}
}
