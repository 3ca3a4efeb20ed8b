package cli

import (
	"errors"
	"io"

	"coldstream/internal/deliver"
)

// Lines are the files that a command fills line by line while it works. They
// are opened before the work begins: what could not be listed is not sent.
type Lines struct {
	Continue bool // lines are added to what is there: the run goes on where another ended

	used  []string // names of the inputs and of the files
	files []io.Closer
}

// NewLines returns Lines without files, none of which may be one of the inputs.
func NewLines(inputs ...string) *Lines { return &Lines{used: inputs} }

// Open adds the file at path.
func (l *Lines) Open(path string) (*deliver.File, error) {
	f := deliver.NewFile(path)
	if l.Continue {
		f = deliver.ContinueFile(path)
	}
	if err := f.Open(); err != nil {
		return nil, err
	}
	l.files = append(l.files, f)
	if err := KeepInputs(path, l.used...); err != nil {
		return nil, err
	}
	l.used = append(l.used, path)
	return f, nil
}

// Close closes the files; those that got no line are as they were before.
func (l *Lines) Close() error {
	var errs []error
	for _, f := range l.files {
		errs = append(errs, f.Close())
	}
	l.files = nil
	return errors.Join(errs...)
}
