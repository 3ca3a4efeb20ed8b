package firehose

// Stats counts a stream's records and objects since it was made. At every
// moment Accepted = Delivered + FailedDelivered + Dropped + Buffered().
type Stats struct {
	Accepted      int64 // records answered with an id
	AcceptedBytes int64
	Refused       int64 // records answered with an error by the stream itself: quota, full buffers, closed

	Transformed int64 // records that the function answered with Ok
	Dropped     int64 // ... with Dropped
	Failed      int64 // ... with ProcessingFailed, wrongly or not at all

	Delivered       int64 // records in objects at the sink
	FailedDelivered int64 // records in error objects at the sink
	Objects         int64
	ErrorObjects    int64
	Bytes           int64 // of objects and error objects as stored, after compression

	Invocations      int64 // of the function, retries included
	InvocationErrors int64
	SinkErrors       int64  // failed attempts to store an object; each was tried again
	LastError        string // the latest of either
}

// Buffered is the number of records accepted and not yet at the sink or dropped.
func (s Stats) Buffered() int64 {
	return s.Accepted - s.Delivered - s.FailedDelivered - s.Dropped
}

// Stats returns a consistent snapshot.
func (s *Stream) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}
