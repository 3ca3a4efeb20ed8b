//go:build unix

package child

import (
	"os/exec"
	"syscall"
)

// OwnGroup makes the process that cmd will start the leader of a group of its
// own, so that its children end with it and a Ctrl-C of the terminal does not
// reach it. On Linux it ends with this process too, even when that is killed.
func OwnGroup(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	endWithParent(cmd.SysProcAttr)
}

// KillGroup ends the process with its children; it may be gone already. Of one
// that has been waited for, the number may be another's.
func KillGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
