package cli

import "context"

// Abandonable returns what f returns or, as soon as ctx ends, its cause: a long
// computation that does not look at ctx is left to the end of the process. It
// must have no effects but its result.
func Abandonable[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		v, err := f()
		done <- outcome{v, err}
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}
