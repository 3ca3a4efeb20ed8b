package benchlocal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// dropCaches empties the page cache of the whole machine. It takes root.
func dropCaches() error {
	unix.Sync()
	if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("1\n"), 0); err != nil {
		return fmt.Errorf("the page cache cannot be dropped: %w; run as root", err)
	}
	return nil
}

// pin makes the calling goroutine, and what it starts, run on the last
// processor until the function that it returns is called.
func pin() (restore func(), err error) {
	runtime.LockOSThread()
	var before, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("read the processors of this process: %w", err)
	}
	for i := range 1024 {
		if before.IsSet(i) {
			one.Zero()
			one.Set(i)
		}
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("stay on one processor: %w", err)
	}
	return func() {
		if unix.SchedSetaffinity(0, &before) == nil {
			runtime.UnlockOSThread()
		} // else the thread ends with its goroutine
	}, nil
}

// quota is a control group whose processes share part of a processor.
type quota struct{ dir string }

// quotaPeriod is the span in which the part is counted: the kernel's default,
// and what Lambda was seen to use.
const quotaPeriod = 100 * time.Millisecond

// newQuota makes the group, of version 2 or 1, whichever this machine has. It
// usually takes root.
func newQuota(cpus float64) (*quota, error) {
	period := quotaPeriod.Microseconds()
	share := int64(cpus * float64(period))
	name := fmt.Sprintf("coldstream-bench-%d-%d", os.Getpid(), share)
	var errs []error
	for _, v := range []struct {
		root, controllers string
		files             [][2]string
	}{
		{"/sys/fs/cgroup", "cgroup.subtree_control", [][2]string{{"cpu.max", fmt.Sprintf("%d %d", share, period)}}},
		{"/sys/fs/cgroup/cpu", "", [][2]string{{"cpu.cfs_period_us", fmt.Sprint(period)}, {"cpu.cfs_quota_us", fmt.Sprint(share)}}},
	} {
		if _, err := os.Stat(filepath.Join(v.root, "cgroup.procs")); err != nil {
			continue
		}
		if v.controllers != "" {
			b, err := os.ReadFile(filepath.Join(v.root, v.controllers))
			if err != nil || !slices.Contains(strings.Fields(string(b)), "cpu") {
				errs = append(errs, fmt.Errorf("%s does not have cpu; echo +cpu into it", filepath.Join(v.root, v.controllers)))
				continue
			}
		}
		q := &quota{filepath.Join(v.root, name)}
		err := os.Mkdir(q.dir, 0o755)
		for _, f := range v.files {
			if err == nil {
				err = os.WriteFile(filepath.Join(q.dir, f[0]), []byte(f[1]), 0)
			}
		}
		if err == nil {
			return q, nil
		}
		if errors.Is(err, os.ErrPermission) {
			err = fmt.Errorf("%w; run as root", err)
		}
		errs = append(errs, err)
		_ = os.Remove(q.dir) // it may not be there
	}
	if len(errs) == 0 {
		errs = []error{errors.New("no cgroup file system with a cpu controller")}
	}
	return nil, fmt.Errorf("a processor quota cannot be set: %w", errors.Join(errs...))
}

// add moves a process, with all its threads, into the group.
func (q *quota) add(pid int) error {
	if err := os.WriteFile(filepath.Join(q.dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0); err != nil {
		return fmt.Errorf("put the function under its processor quota: %w", err)
	}
	return nil
}

// close removes the group. Its last process may take a moment to go.
func (q *quota) close() {
	for range 100 {
		if err := os.Remove(q.dir); err == nil || errors.Is(err, os.ErrNotExist) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
