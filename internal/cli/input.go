package cli

import (
	"fmt"
	"io"
	"os"
)

// KeepInputs returns an error if out, a file to be written, is one of the files
// that the command reads: a slip on the command line must not cost a model.
func KeepInputs(out string, inputs ...string) error {
	target, err := os.Stat(out)
	if err != nil || !target.Mode().IsRegular() {
		return nil // there is nothing to lose
	}
	for _, in := range inputs {
		if info, err := os.Stat(in); err == nil && os.SameFile(target, info) {
			return fmt.Errorf("%s is also an input or another output of this command; name another file", out)
		}
	}
	return nil
}

// maxInput bounds the files that ReadFile reads. A tokenizer of a million words
// has some 40 MB.
const maxInput = 128 << 20

// ReadFile reads a file, or a pipe, that is small if it is what the user means.
func ReadFile(path string) ([]byte, error) { return readFile(path, maxInput) }

func readFile(path string, limit int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if len(b) > limit {
		return nil, fmt.Errorf("%s has more than %d bytes; is it the right file?", path, limit)
	}
	return b, nil
}
