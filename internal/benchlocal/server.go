package benchlocal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"coldstream/internal/child"
)

// portMark stands for the port in an Endpoint's command.
const portMark = "{port}"

// server is the process of an Endpoint.
type server struct {
	url    string
	up     time.Duration // from exec to the first answer with status 200
	cmd    *exec.Cmd
	output *child.Tail
	memory child.Memory
	exited chan struct{}

	group  sync.Mutex // guards reaped: no signal goes to a group that may be another's
	reaped bool
}

// startServer starts an endpoint on a free port and waits until it is up.
func startServer(ctx context.Context, e *Endpoint, limit time.Duration) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &server{url: "http://127.0.0.1:" + port, output: child.NewTail(nil), exited: make(chan struct{})}
	args := slices.Clone(e.Command[1:])
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], portMark, port)
	}
	s.cmd = exec.Command(e.Command[0], args...)
	s.cmd.Dir = e.Dir
	s.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8"}, e.Env...)
	if e.PortEnv != "" {
		s.cmd.Env = append(s.cmd.Env, e.PortEnv+"="+port)
	}
	s.cmd.Stdout, s.cmd.Stderr = s.output, s.output
	child.OwnGroup(s.cmd)
	s.cmd.WaitDelay = time.Second
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the endpoint: %w", err)
	}
	go func() {
		_ = s.cmd.Wait() // what it printed says why it ended
		s.group.Lock()
		child.KillGroup(s.cmd) // its children
		s.reaped = true
		s.group.Unlock()
		close(s.exited)
	}()
	if err := s.await(ctx, limit); err != nil {
		s.close()
		return nil, &failure{err, s.output.String()}
	}
	s.up = time.Since(began)
	return s, nil
}

// await polls the endpoint's health until it is well.
func (s *server) await(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the endpoint was not up within %v", limit))
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/", nil)
		if err != nil {
			return err
		}
		if res, err := client.Do(req); err == nil {
			_, err = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
			_ = res.Body.Close()
			if err == nil && res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-s.exited:
			return errors.New("the endpoint ended before it was up")
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// peak returns the largest resident set so far in bytes, 0 where /proc does not
// tell.
func (s *server) peak() int64 { return s.memory.Peak(s.cmd.Process.Pid) }

// close ends the server with its children and waits for its end.
func (s *server) close() {
	s.group.Lock()
	if !s.reaped {
		child.KillGroup(s.cmd)
	}
	s.group.Unlock()
	<-s.exited
	s.memory.Close()
}

// endGrace is how long an end may take to show: a connection breaks before the
// process has gone.
const endGrace = 500 * time.Millisecond

// ended says that the server is gone, with what it printed, or returns nil.
func (s *server) ended() error {
	select {
	case <-s.exited:
		return &failure{errors.New("the endpoint has ended"), s.output.String()}
	case <-time.After(endGrace):
		return nil
	}
}

// freePort returns a port that nobody listened on a moment ago.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}
