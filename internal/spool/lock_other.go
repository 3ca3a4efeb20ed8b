//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package spool

import (
	"errors"
	"io"
)

// Lock fails: two processes in one spool would destroy it.
func (osFS) Lock(string) (io.Closer, error) {
	return nil, errors.New("this system has no flock: keep the posts in memory instead")
}
