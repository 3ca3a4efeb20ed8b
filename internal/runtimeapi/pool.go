package runtimeapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Pool is several execution environments of one function, as concurrent
// invocations make Lambda start them.
type Pool struct {
	functions []*Function
	idle      chan *Function
}

// StartPool starts n environments at once and waits for all of them. When one
// does not start, none is left.
func StartPool(ctx context.Context, n int, o Options) (*Pool, error) {
	if n < 1 {
		return nil, fmt.Errorf("runtimeapi: a pool of %d environments; it takes one at least", n)
	}
	if o.Stderr != nil {
		o.Stderr = &lockedWriter{w: o.Stderr}
	}
	p := &Pool{functions: make([]*Function, n), idle: make(chan *Function, n)}
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { p.functions[i], errs[i] = Start(ctx, o) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			p.Close()
			return nil, err
		}
	}
	for _, f := range p.functions {
		p.idle <- f
	}
	return p, nil
}

// Len returns the number of environments: how many invocations run at a time.
func (p *Pool) Len() int { return len(p.functions) }

// Invoke is Function.Invoke on an environment that is free, waiting for one if
// need be.
func (p *Pool) Invoke(ctx context.Context, payload []byte) (Result, error) {
	select {
	case f := <-p.idle:
		defer func() { p.idle <- f }()
		return f.Invoke(ctx, payload)
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
}

// PeakMemory returns the largest resident set of any of the processes, bytes.
func (p *Pool) PeakMemory() int64 {
	var peak int64
	for _, f := range p.functions {
		peak = max(peak, f.PeakMemory())
	}
	return peak
}

// Close closes every environment.
func (p *Pool) Close() error {
	var errs []error
	for _, f := range p.functions {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// lockedWriter lets several functions share one log.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
