package lean

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// socket is a blocking TCP socket. Package net would add its resolver and
// poller to the binary and to the start; the Runtime API needs neither: it is
// an address, and the function has nothing to do while it waits.
type socket int

// dial connects to address, an IPv4 address and a port.
func dial(address string) (io.ReadWriteCloser, error) {
	to, ok := parseAddress(strings.Replace(address, "localhost:", "127.0.0.1:", 1))
	if !ok {
		return nil, fmt.Errorf("address %q is not an IPv4 address and a port", address)
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	err = connect(fd, to)
	if err == nil {
		// A request goes out in one or two writes; none of them should wait
		// for more.
		err = os.NewSyscallError("setsockopt", syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1))
	}
	if err != nil {
		_ = syscall.Close(fd) // the first error counts
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	return socket(fd), nil
}

// parseAddress reads "127.0.0.1:9001". Package net/netip would do it too, and
// start a goroutine for its table of zones.
func parseAddress(s string) (*syscall.SockaddrInet4, bool) {
	var to syscall.SockaddrInet4
	for i := range to.Addr {
		part, rest, ok := strings.Cut(s, ".:"[i/3:i/3+1])
		n, err := strconv.ParseUint(part, 10, 8)
		if !ok || err != nil || strconv.Itoa(int(n)) != part {
			return nil, false
		}
		to.Addr[i], s = byte(n), rest
	}
	port, err := strconv.ParseUint(s, 10, 16)
	to.Port = int(port)
	return &to, err == nil
}

// connect waits for a connection that a signal has interrupted by asking again.
func connect(fd int, to *syscall.SockaddrInet4) error {
	for {
		err := syscall.Connect(fd, to)
		switch err {
		case nil, syscall.EISCONN:
			return nil
		case syscall.EINTR:
		default:
			return os.NewSyscallError("connect", err)
		}
	}
}

func (s socket) Read(p []byte) (int, error) {
	for {
		n, err := syscall.Read(int(s), p)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0 && len(p) > 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

func (s socket) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		n, err := syscall.Write(int(s), p[done:])
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return done, os.NewSyscallError("write", err)
		}
		done += n
	}
	return done, nil
}

func (s socket) Close() error { return os.NewSyscallError("close", syscall.Close(int(s))) }
