//go:build unix

package runtimeapi

import (
	"errors"
	"syscall"
)

func isBusy(err error) bool       { return errors.Is(err, syscall.ETXTBSY) }
func isExecFormat(err error) bool { return errors.Is(err, syscall.ENOEXEC) }
