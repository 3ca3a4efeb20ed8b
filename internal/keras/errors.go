package keras

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// ErrFormat is wrapped by the errors about files that are not Keras models at
// all, or are damaged.
var ErrFormat = errors.New("not a usable Keras file")

// LayerError says which layer cannot be converted, and why. Its text reads
//
//	layer "lstm_2" (LSTM): stateful=true is not supported; save the model with stateful=False
type LayerError struct {
	Layer string // name, after those of the models around it: "encoder/lstm_2"
	Class string // Keras class
	Err   error  // option at fault and what to do
}

func (e *LayerError) Error() string {
	return fmt.Sprintf("layer %q (%s): %v", e.Layer, printable(e.Class), e.Err)
}

func (e *LayerError) Unwrap() error { return e.Err }

// fail makes an error about l. An error that already names a layer is kept.
func (l *layer) fail(format string, args ...any) error {
	return l.wrap(fmt.Errorf(format, args...))
}

func (l *layer) wrap(err error) error {
	var named *LayerError
	if err == nil || errors.As(err, &named) {
		return err
	}
	return &LayerError{Layer: l.path, Class: l.class, Err: err}
}

// formatError is a reason why a file is not usable at all.
type formatError struct{ reason string }

func (e *formatError) Error() string { return e.reason }
func (e *formatError) Unwrap() error { return ErrFormat }

func notUsable(format string, args ...any) error {
	return &formatError{fmt.Sprintf(format, args...)}
}

// printable returns a text of a file so that it fits into one line.
func printable(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}
