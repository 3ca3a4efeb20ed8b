//go:build !unix

package child

import "os/exec"

// OwnGroup does nothing: there are no process groups here.
func OwnGroup(*exec.Cmd) {}

// KillGroup ends the process itself, which is all that can be ended.
func KillGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
