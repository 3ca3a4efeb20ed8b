package firehose

import "time"

// Quota bounds what a stream takes per second; what is beyond is answered with
// ServiceUnavailableException, as the service throttles. Zero means unlimited.
type Quota struct {
	Requests, Records, Bytes float64
}

// quotaState is a token bucket of one second for each bound.
type quotaState struct {
	requests, records, bytes bucket
}

type bucket struct {
	tokens float64
	last   time.Time
}

// refill brings the bucket up to now; a rate of 0 never runs dry.
func (b *bucket) refill(rate float64, now time.Time) {
	if b.last.IsZero() {
		b.tokens = rate
	} else {
		b.tokens = min(rate, b.tokens+rate*now.Sub(b.last).Seconds())
	}
	b.last = now
}

func (q *quotaState) request(limit Quota, now time.Time) bool {
	return take(&q.requests, limit.Requests, 1, now)
}

func (q *quotaState) record(limit Quota, size int, now time.Time) bool {
	// The bytes are taken even when the records are spent: refusals are rare
	// and the next second starts afresh.
	return take(&q.bytes, limit.Bytes, float64(size), now) && take(&q.records, limit.Records, 1, now)
}

// take lets a single piece larger than the whole bucket through when the bucket
// is full: otherwise it could never pass.
func take(b *bucket, rate, n float64, now time.Time) bool {
	if rate == 0 {
		return true
	}
	b.refill(rate, now)
	if b.tokens < min(n, rate) {
		return false
	}
	b.tokens -= n
	return true
}
