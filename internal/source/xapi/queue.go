package xapi

import (
	"context"
	"sync/atomic"

	"coldstream/internal/source"
)

// queueLength and queueBytes bound what was read and not yet handed out: some
// seconds at X's 250 posts per second. The last post may go beyond the bytes.
const (
	queueLength = 1000
	queueBytes  = 8 << 20
)

// item is a post, a bad record or, with neither, a step of the cursor alone.
type item struct {
	post  source.Post
	err   error         // *source.BadRecordError
	apply func(*cursor) // moves the cursor behind the item
	size  int           // bytes
}

// queue passes items from the goroutines that read to Next. It loses none: who
// pops empties it until it is closed.
type queue struct {
	items chan item
	bytes atomic.Int64
	room  chan struct{} // something was popped
}

func newQueue() *queue {
	return &queue{items: make(chan item, queueLength), room: make(chan struct{}, 1)}
}

// push waits for room.
func (q *queue) push(it item) {
	for q.bytes.Load() > queueBytes {
		<-q.room
	}
	q.bytes.Add(int64(it.size))
	q.items <- it
}

// pop returns the next item, or false when the queue is empty and closed. When
// ctx ends it calls stop, after which the queue is closed soon.
func (q *queue) pop(ctx context.Context, stop func()) (item, bool) {
	var it item
	var ok bool
	select {
	case it, ok = <-q.items:
	case <-ctx.Done():
		stop()
		it, ok = <-q.items
	}
	q.bytes.Add(-int64(it.size))
	select {
	case q.room <- struct{}{}:
	default:
	}
	return it, ok
}

// close ends the queue; nothing may be pushed any more.
func (q *queue) close() { close(q.items) }

// drain drops what comes until the queue is closed.
func (q *queue) drain() {
	for ok := true; ok; {
		_, ok = q.pop(context.Background(), nil)
	}
}
