package lean

import (
	"fmt"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"coldstream/internal/jsonscan"
)

// failure is a failed invocation as Lambda and X-Ray are told of it.
type failure struct {
	message  string
	kind     string // Go type of the error
	stack    []frame
	panicked bool // the process should exit
}

// frame is one call on the stack, innermost first.
type frame struct {
	path, label string
	line        int
}

// Bounds: frames reported of a panic, and bytes of the X-Ray cause, above which
// it is left out.
const (
	maxFrames = 32
	maxCause  = 1 << 20
)

func failureOf(err error) *failure {
	return &failure{message: err.Error(), kind: typeName(err)}
}

// failureOfPanic must be called by the deferred function that recovered v.
func failureOfPanic(v any) *failure {
	f := &failure{message: fmt.Sprint(v), kind: typeName(v), panicked: true}
	var pcs [maxFrames]uintptr
	const skip = 3 // runtime.Callers, failureOfPanic and the deferred function
	frames := runtime.CallersFrames(pcs[:runtime.Callers(skip, pcs[:])])
	for {
		fr, more := frames.Next()
		if fr.Function != "" {
			f.stack = append(f.stack, frameOf(fr))
		}
		if !more {
			return f
		}
	}
}

func typeName(v any) string {
	t := reflect.TypeOf(v)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Name()
}

// frameOf names a frame by its path below the source root and by its function
// without the package.
func frameOf(fr runtime.Frame) frame {
	// The file lies in the directory of its import path, which the function's
	// name begins with: keep as many elements as that has, and the file.
	path := fr.File
	i := len(path)
	for range strings.Count(fr.Function, "/") + 2 {
		if i = strings.LastIndexByte(path[:i], '/'); i < 0 {
			break
		}
	}
	label := fr.Function[strings.LastIndexByte(fr.Function, '/')+1:]
	label = label[strings.IndexByte(label, '.')+1:]
	return frame{path: path[i+1:], label: label, line: fr.Line}
}

// appendPayload appends the body that reports the failure.
func (f *failure) appendPayload(dst []byte) []byte {
	dst = jsonscan.AppendQuoted(append(dst, `{"errorMessage":`...), f.message)
	dst = jsonscan.AppendQuoted(append(dst, `,"errorType":`...), f.kind)
	if len(f.stack) > 0 {
		dst = f.appendStack(append(dst, `,"stackTrace":`...))
	}
	return append(dst, '}')
}

// appendXRay appends the failure as X-Ray's cause document.
func (f *failure) appendXRay(dst []byte) []byte {
	dir, _ := os.Getwd() // for information only
	dst = jsonscan.AppendQuoted(append(dst, `{"working_directory":`...), dir)
	dst = jsonscan.AppendQuoted(append(dst, `,"exceptions":[{"type":`...), f.kind)
	dst = jsonscan.AppendQuoted(append(dst, `,"message":`...), f.message)
	dst = f.appendStack(append(dst, `,"stack":`...))
	dst = append(dst, `}],"paths":[`...)
	var seen []string
	for _, fr := range f.stack {
		if slices.Contains(seen, fr.path) {
			continue
		}
		if len(seen) > 0 {
			dst = append(dst, ',')
		}
		seen = append(seen, fr.path)
		dst = jsonscan.AppendQuoted(dst, fr.path)
	}
	return append(dst, `]}`...)
}

func (f *failure) appendStack(dst []byte) []byte {
	dst = append(dst, '[')
	for i, fr := range f.stack {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = jsonscan.AppendQuoted(append(dst, `{"path":`...), fr.path)
		dst = strconv.AppendInt(append(dst, `,"line":`...), int64(fr.line), 10)
		dst = jsonscan.AppendQuoted(append(dst, `,"label":`...), fr.label)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}
