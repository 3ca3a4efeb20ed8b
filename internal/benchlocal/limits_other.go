//go:build !linux

package benchlocal

import "errors"

var errLinux = errors.New("only Linux can do this")

type quota struct{}

func dropCaches() error                { return errLinux }
func pin() (func(), error)             { return nil, errLinux }
func newQuota(float64) (*quota, error) { return nil, errLinux }
func (*quota) add(int) error           { return errLinux }
func (*quota) close()                  {}
