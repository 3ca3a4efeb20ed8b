package s3objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Bounds of the work: parts that are fetched ahead, of one object or of many,
// hold window*partBytes in memory, 64 MiB.
const (
	window    = 16
	partBytes = 4 << 20
	// attempts is how often a part is asked for when its content breaks off; the
	// client itself repeats what fails before any content came.
	attempts = 3
)

// Object is an object with its content.
type Object struct {
	Info
	Body io.Reader // until the next object; an error of it ends the sequence
}

// Objects gives the objects that want wants, nil being all, in the order of
// List, while those that follow are fetched. Content is that of the listing: an
// object that is changed meanwhile is an error. An error ends the sequence. want
// is called from another goroutine, in order.
func (r *Reader) Objects(ctx context.Context, want func(Info) bool) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		inner, cancel := context.WithCancel(ctx)
		f := &fetcher{r: r, ctx: inner, parts: make(chan *part, window), slots: make(chan struct{}, window)}
		defer f.running.Wait()
		defer cancel()
		f.running.Go(func() { f.ask(want) })
		for p := range f.parts {
			if p.broken != nil {
				yield(Object{}, p.broken)
				return
			}
			b := &body{f: f, part: p}
			if !yield(Object{p.info, b}, nil) {
				return
			}
			if b.failed != nil {
				yield(Object{}, b.failed)
				return
			}
			b.skip()
		}
		if ctx.Err() != nil {
			yield(Object{}, context.Cause(ctx))
		}
	}
}

// fetcher fetches parts ahead of who reads them.
type fetcher struct {
	r       *Reader
	ctx     context.Context
	parts   chan *part    // in order; never full, as each has a slot
	slots   chan struct{} // taken by a part until its data is dropped
	buffers sync.Pool     // of *[partBytes]byte, of parts that were dropped
	running sync.WaitGroup
}

// part is a piece of an object, or the error that ends the listing.
type part struct {
	info   Info
	offset int64
	last   bool
	broken error         // of the listing: this is no part
	done   chan struct{} // closed when data or failed is there
	data   []byte
	failed error
}

// ask lists the objects and begins to fetch their parts.
func (f *fetcher) ask(want func(Info) bool) {
	defer close(f.parts)
	for info, err := range f.r.List(f.ctx) {
		if err != nil {
			f.begin(&part{broken: err})
			return
		}
		if want != nil && !want(info) {
			continue
		}
		for offset := int64(0); offset == 0 || offset < info.Size; offset += partBytes {
			p := &part{info: info, offset: offset, last: info.Size-offset <= partBytes, done: make(chan struct{})}
			if !f.begin(p) {
				return
			}
			f.running.Go(func() {
				defer close(p.done)
				p.data, p.failed = f.r.fetch(f.ctx, &p.info, p.offset, f.buffer(min(info.Size-p.offset, partBytes)))
			})
		}
	}
}

// buffer returns n bytes, whole parts again from one that was dropped.
func (f *fetcher) buffer(n int64) []byte {
	if n < partBytes {
		return make([]byte, n)
	}
	if b, ok := f.buffers.Get().(*[partBytes]byte); ok {
		return b[:]
	}
	return make([]byte, n)
}

// begin puts p in the queue as soon as it has a slot, and returns false if the
// context ends before.
func (f *fetcher) begin(p *part) bool {
	select {
	case f.slots <- struct{}{}:
		f.parts <- p
		return true
	case <-f.ctx.Done():
		return false
	}
}

// body is the content of an object, part by part.
type body struct {
	f      *fetcher
	part   *part  // nil behind the last one
	data   []byte // of part, not read yet
	ready  bool   // data is that of part
	failed error
}

func (b *body) Read(p []byte) (int, error) {
	for len(p) > 0 && len(b.data) == 0 {
		if b.failed != nil {
			return 0, b.failed
		}
		if b.part == nil {
			return 0, io.EOF
		}
		if b.ready {
			b.next()
			continue
		}
		<-b.part.done
		b.data, b.failed, b.ready = b.part.data, b.part.failed, true
	}
	n := copy(p, b.data)
	b.data = b.data[n:]
	return n, nil
}

// next drops the part's data and goes to the one behind it.
func (b *body) next() {
	<-b.part.done
	if len(b.part.data) == partBytes {
		b.f.buffers.Put((*[partBytes]byte)(b.part.data))
	}
	last := b.part.last
	b.part, b.data, b.ready = nil, nil, false
	<-b.f.slots
	if last {
		return
	}
	p, ok := <-b.f.parts
	if !ok { // only the context's end cuts an object
		b.failed = context.Cause(b.f.ctx)
		return
	}
	b.part = p
}

// skip passes over what was not read.
func (b *body) skip() {
	for b.part != nil {
		b.next()
	}
}

// fetch fills data with the part of the object that begins at offset, and returns
// it.
func (r *Reader) fetch(ctx context.Context, info *Info, offset int64, data []byte) ([]byte, error) {
	if info.Size == 0 {
		return nil, nil
	}
	in := &s3.GetObjectInput{Bucket: &r.place.Bucket, Key: &info.Key}
	if info.ETag != "" {
		in.IfMatch = &info.ETag
	}
	if int64(len(data)) < info.Size { // a whole object is checked by the client against its checksum
		bytes := fmt.Sprintf("bytes=%d-%d", offset, offset+int64(len(data))-1)
		in.Range = &bytes
	}
	var err error
	for range attempts {
		var broken bool
		if broken, err = r.attempt(ctx, in, data); err == nil {
			return data, nil
		}
		if !broken || ctx.Err() != nil {
			break
		}
	}
	return nil, r.explain(ctx, "read "+quoted("s3://"+r.place.Bucket+"/"+info.Key), err)
}

// attempt fills data with the answer to in, and reports whether it broke off,
// so that a further attempt makes sense.
func (r *Reader) attempt(ctx context.Context, in *s3.GetObjectInput, data []byte) (broken bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(r.stall, func() { cancel(errStalled) })
	defer watch.Stop()
	defer func() {
		if err != nil && context.Cause(ctx) == errStalled {
			broken, err = true, fmt.Errorf("%w for %v", errStalled, r.stall)
		}
	}()
	out, err := r.client.GetObject(ctx, in)
	if err != nil {
		return false, err
	}
	defer out.Body.Close()
	if n := out.ContentLength; n != nil && *n != int64(len(data)) {
		return false, fmt.Errorf("the service answers with %d bytes, expected %d", *n, len(data))
	}
	for n := 0; ; {
		// The byte behind the end makes the client compare the checksum.
		var end [1]byte
		rest := data[n:]
		if len(rest) == 0 {
			rest = end[:]
		}
		m, err := out.Body.Read(rest)
		watch.Reset(r.stall)
		if n += m; n > len(data) {
			return false, fmt.Errorf("the service answers with more than %d bytes", len(data))
		}
		switch {
		case err == nil:
		case !errors.Is(err, io.EOF):
			return true, err
		case n < len(data):
			return true, fmt.Errorf("the answer ends after %d of %d bytes", n, len(data))
		default:
			return false, nil
		}
	}
}
