package pickle

import (
	"errors"
	"fmt"
)

// The reasons a pickle is not read; test with errors.Is.
var (
	// ErrDamaged: the bytes are not a pickle, or it is cut short or inconsistent.
	ErrDamaged = errors.New("damaged pickle")
	// ErrRefused: the pickle holds something that is not part of a Keras
	// Tokenizer, such as the name of a function to call.
	ErrRefused = errors.New("refused pickle")
)

// failure is the package's only error type. The machine panics with one, and
// Tokenizer turns it into its error result.
type failure struct {
	reason string
	kind   error
}

func (e *failure) Error() string { return "pickle: " + e.reason }
func (e *failure) Unwrap() error { return e.kind }

func damaged(format string, args ...any) {
	panic(&failure{fmt.Sprintf(format, args...), ErrDamaged})
}

func refuse(format string, args ...any) {
	panic(&failure{fmt.Sprintf(format, args...), ErrRefused})
}

// catch makes a panicking failure the error result of the deferring function.
func catch(err *error) {
	switch r := recover().(type) {
	case nil:
	case *failure:
		*err = r
	default:
		panic(r)
	}
}
