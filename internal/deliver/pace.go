package deliver

import "time"

// pace holds requests back after a target asked to slow down: the rate becomes
// half of what was accepted, comes back to that soon, and rises slowly beyond
// it, until the limit no longer matters (additive increase, multiplicative
// decrease).
type pace struct {
	rate float64   // posts per second; 0 = no limit
	took float64   // posts per second that were accepted before the rate was halved
	next time.Time // when the limit allows the next request

	rose   time.Time // when the rate was last changed
	slowed time.Time // when it was last halved

	from     time.Time // the span in which accepted was counted
	accepted int
	measured float64 // posts per second accepted in the span before
}

const (
	span     = time.Second // for measuring
	calm     = 5 * span    // between two halvings: a target that refuses some records at any rate must not bring it to nothing
	recovery = 2           // seconds from half of what was accepted back to it
	rise     = .15         // of that in a second beyond it
	leastPps = 10          // no rate below it
)

// allowed returns how long the next request has to wait.
func (p *pace) allowed(now time.Time) time.Duration {
	if p.rate == 0 {
		return 0
	}
	return p.next.Sub(now)
}

// sent takes note of a request with n posts.
func (p *pace) sent(now time.Time, n int) {
	if p.rate == 0 {
		return
	}
	if p.next.Before(now) {
		p.next = now
	}
	p.next = p.next.Add(time.Duration(float64(n) / p.rate * float64(time.Second)))
}

// accept takes note of n accepted posts.
func (p *pace) accept(now time.Time, n int) {
	if p.from.IsZero() {
		p.from = now
	}
	p.accepted += n
	if d := now.Sub(p.from); d >= span {
		p.measured = float64(p.accepted) / d.Seconds()
		p.from, p.accepted = now, 0
	}
	if p.rate == 0 {
		return
	}
	step := rise * p.took
	if p.rate < p.took {
		step = p.took / 2 / recovery
	}
	p.rate += step * now.Sub(p.rose).Seconds()
	p.rose = now
	// Far above what comes through the limit is none.
	if p.rate > 4*max(p.measured, leastPps) && now.Sub(p.slowed) > 2*calm {
		p.rate = 0
	}
}

// slow halves the rate, unless that was done a moment ago.
func (p *pace) slow(now time.Time) {
	if now.Sub(p.slowed) < calm {
		return
	}
	was := p.measured
	if d := now.Sub(p.from); was == 0 && p.accepted > 0 && d >= span/10 {
		was = float64(p.accepted) / d.Seconds()
	}
	if was == 0 {
		return // nothing is known of what the target takes; the back-off has to do
	}
	p.took = was
	p.rate = max(was/2, leastPps)
	p.slowed, p.rose = now, now
}
