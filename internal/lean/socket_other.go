//go:build !linux

package lean

import (
	"io"
	"net"
)

// dial connects to address. Functions run on Linux; this is for trying one
// elsewhere.
func dial(address string) (io.ReadWriteCloser, error) { return net.Dial("tcp", address) }
