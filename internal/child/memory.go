package child

import (
	"bytes"
	"fmt"
	"os"
	"sync"
)

// Memory reads the peak resident set of a process. It keeps the status
// file open: reading it again costs one system call. (The rusage of an ended
// process is no substitute: before exec it counts the memory of this process.)
type Memory struct {
	mu     sync.Mutex
	file   *os.File
	closed bool
	last   int64 // bytes
	buf    [4096]byte
}

// Peak returns bytes, as last seen when the process is gone, or 0 where /proc
// does not tell.
func (m *Memory) Peak(pid int) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return m.last
	}
	if m.file == nil {
		f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return 0
		}
		m.file = f
	}
	n, _ := m.file.ReadAt(m.buf[:], 0) // io.EOF comes with what was read
	m.last = max(m.last, parseVmHWM(m.buf[:n]))
	return m.last
}

// Close lets go of the file; Peak goes on returning what it saw last.
func (m *Memory) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	if m.file != nil {
		m.file.Close()
		m.file = nil
	}
}

// parseVmHWM finds the line "VmHWM: <n> kB" of a /proc status file.
func parseVmHWM(status []byte) int64 {
	_, line, found := bytes.Cut(status, []byte("\nVmHWM:"))
	if !found {
		return 0
	}
	var kb int64
	for _, c := range line {
		switch {
		case c >= '0' && c <= '9':
			kb = kb*10 + int64(c-'0')
		case c != ' ' && c != '\t':
			return kb << 10
		}
	}
	return 0
}
