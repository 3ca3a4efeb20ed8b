//go:build !unix

package runtimeapi

func isBusy(error) bool       { return false }
func isExecFormat(error) bool { return false }
