package weights

import (
	"fmt"
	"os"
	"syscall"
)

// Open maps the unpacked model file at path and parses it. Tensors of the
// returned File are views into the mapping, which is private, read-only and
// stays for the life of the process: pages are read when they are first used.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	if !st.Mode().IsRegular() || st.Size() < 8 {
		return nil, fmt.Errorf("weights: %s is not a model file (%s, %d bytes)", path, st.Mode().Type(), st.Size())
	}
	b, err := syscall.Mmap(int(f.Fd()), 0, int(st.Size()), syscall.PROT_READ, syscall.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("weights: map %s: %w", path, err)
	}
	file, err := Parse(b)
	if err != nil {
		_ = syscall.Munmap(b) // nothing of it is in use
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return file, nil
}
