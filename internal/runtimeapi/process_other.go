//go:build !unix

package runtimeapi

import "os/exec"

// Without process groups the process itself is all that can be ended.

func ownGroup(*exec.Cmd)      {}
func killGroup(cmd *exec.Cmd) { cmd.Process.Kill() }
func isBusy(error) bool       { return false }
func isExecFormat(error) bool { return false }
