//go:build unix

package runtimeapi

import (
	"errors"
	"os/exec"
	"syscall"
)

// ownGroup makes the process the leader of a group of its own, so that its
// children end with it and a Ctrl-C of the terminal does not reach it.
func ownGroup(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	endWithParent(cmd.SysProcAttr)
}

func killGroup(cmd *exec.Cmd) { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

func isBusy(err error) bool       { return errors.Is(err, syscall.ETXTBSY) }
func isExecFormat(err error) bool { return errors.Is(err, syscall.ENOEXEC) }
