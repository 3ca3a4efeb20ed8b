package benchlocal

import (
	"os"
	"runtime"
	"strconv"
	"strings"
)

// machine describes this machine, with the keys of the Go benchmark format where
// it has one.
func machine() map[string]string {
	m := map[string]string{
		"goos": runtime.GOOS, "goarch": runtime.GOARCH, "pkg": "coldstream/bench", "go": runtime.Version(),
		"gomaxprocs": strconv.Itoa(runtime.GOMAXPROCS(0)), "cores": strconv.Itoa(runtime.NumCPU()),
	}
	for key, source := range map[string]struct{ path, field string }{
		"cpu":    {"/proc/cpuinfo", "model name"},
		"memory": {"/proc/meminfo", "MemTotal"},
	} {
		b, err := os.ReadFile(source.path)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == source.field {
				m[key] = strings.TrimSpace(value)
				break
			}
		}
	}
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m["kernel"] = strings.TrimSpace(string(b))
	}
	return m
}
