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
	b, err := mapped(path)
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	file, err := Parse(b)
	if err != nil {
		_ = syscall.Munmap(b) // nothing of it is in use
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return file, nil
}

// mapped returns the content of the file at path. It makes the system calls
// itself: os.Open would set up Go's poller, six more of them.
func mapped(path string) ([]byte, error) {
	fail := func(op string, err error) error { return &os.PathError{Op: op, Path: path, Err: err} }
	var fd int
	err := restart(func() (err error) {
		fd, err = syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, fail("open", err)
	}
	defer syscall.Close(fd)
	var st syscall.Stat_t
	if err := restart(func() error { return syscall.Fstat(fd, &st) }); err != nil {
		return nil, fail("stat", err)
	}
	if st.Mode&syscall.S_IFMT != syscall.S_IFREG || st.Size < 8 {
		return nil, fmt.Errorf("%s is not a model file: it is no regular file of 8 bytes or more", path)
	}
	b, err := syscall.Mmap(fd, 0, int(st.Size), syscall.PROT_READ, syscall.MAP_PRIVATE)
	if err != nil {
		return nil, fail("map", err)
	}
	return b, nil
}

// restart makes a system call again that a signal interrupted.
func restart(call func() error) error {
	for {
		if err := call(); err != syscall.EINTR {
			return err
		}
	}
}
