package source

import (
	"context"
	"io"
)

// Interruptible returns a reader of r whose Read ends with ctx: who waits for a
// person to type, or for a pipe, can be stopped. Bytes that arrive after that
// are lost.
func Interruptible(ctx context.Context, r io.Reader) io.Reader {
	c := &interruptible{ctx: ctx, want: make(chan int), got: make(chan chunk)}
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

type interruptible struct {
	ctx  context.Context
	want chan int // sizes of reads; one is under way at most
	got  chan chunk
}

func (c *interruptible) Read(p []byte) (int, error) {
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
