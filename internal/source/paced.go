package source

import (
	"context"
	"errors"
	"math"
	"time"
)

const (
	// paceAhead is how early a record may come: a sleep for each record of a
	// fast replay would cost more than the record.
	paceAhead = time.Millisecond
	// paceBehind bounds what is caught up after a source was slow, so that no
	// burst follows a long silence.
	paceBehind = 100 * time.Millisecond
)

// Paced returns a Source that gives at most perSecond records of src per
// second, evenly. A delay of up to 100 ms is caught up, a longer one moves
// everything behind it. With a rate that is not above 0, or infinite, it is src
// itself.
func Paced(src Source, perSecond float64) Source {
	if !(perSecond > 0) || math.IsInf(perSecond, 1) {
		return src
	}
	return &paced{Source: src, rate: perSecond}
}

// paced wraps a source. Record number given, from 0, is due at start +
// given/rate: a product, not a sum of intervals, so that nothing adds up.
type paced struct {
	Source
	rate  float64
	start time.Time
	given int64
}

// Next waits until the next record is due, then returns it. It waits before it
// reads: a cancelled wait loses no post.
func (p *paced) Next(ctx context.Context) (Post, error) {
	if err := p.wait(ctx); err != nil {
		return Post{}, err
	}
	post, err := p.Source.Next(ctx)
	var bad *BadRecordError
	if err == nil || errors.As(err, &bad) {
		p.given++
	}
	return post, err
}

func (p *paced) wait(ctx context.Context) error {
	now := time.Now()
	if p.start.IsZero() {
		p.start = now
	}
	ahead := p.due().Sub(now)
	if ahead < -paceBehind {
		p.start, p.given = now.Add(-paceBehind), 0
	}
	if ahead < paceAhead {
		return ctx.Err()
	}
	timer := time.NewTimer(ahead)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// due is when the next record may come, in 146 years at the latest: a Duration
// holds no more than twice that.
func (p *paced) due() time.Time {
	const longest = float64(1 << 62)
	return p.start.Add(time.Duration(min(float64(p.given)/p.rate*float64(time.Second), longest)))
}

// Counters returns those of the source.
func (p *paced) Counters() map[string]int64 { return counters(p.Source) }

// counters returns a source's counters, nil if it has none.
func counters(s Source) map[string]int64 {
	if c, ok := s.(Counter); ok {
		return c.Counters()
	}
	return nil
}
