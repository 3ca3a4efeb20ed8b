package firehose

import "context"

// Sink stores objects. Put returns nil only when the whole object is stored
// for good; the stream repeats it, under the same key, until it does. Put is
// called by several goroutines at a time and must not change or keep body.
type Sink interface {
	Put(ctx context.Context, key string, body []byte) error
}
