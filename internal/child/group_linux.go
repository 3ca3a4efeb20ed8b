package child

import "syscall"

// endWithParent ends the process with this one, even when this one is killed.
// The kernel means the thread that started it; Go ends no threads but those that
// a goroutine takes with it (runtime.LockOSThread).
func endWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }
