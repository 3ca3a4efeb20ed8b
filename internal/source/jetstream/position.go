package jetstream

import (
	"slices"
	"time"
)

const (
	// rewind is how far before its position a connection begins: other hosts see
	// an event some seconds earlier or later. It costs about 500 posts that come
	// again.
	rewind = 10 * time.Second
	// windowLen is how many events in a row may be out of order.
	windowLen = 32
)

// position tells up to which time all events have come.
//
// Times are not monotone: neighbours are swapped, and live events can come
// before the last ones of a replay. The position is therefore not the latest
// time but the smallest among the last windowLen, and moves forward only. One
// event with a wrong time, even a far one, does not move it.
type position struct {
	mark   int64 // 0 = the window has never been full
	times  [windowLen]int64
	n      int   // events seen
	opened int64 // when the first connection from now on was begun, by our clock
}

// add takes in the time of an event.
func (p *position) add(t int64) {
	p.times[p.n%windowLen] = t
	if p.n++; p.n >= windowLen {
		p.mark = max(p.mark, slices.Min(p.times[:]))
	}
}

// at returns the position, 0 if nothing is known.
func (p *position) at() int64 {
	switch {
	case p.mark != 0:
		return p.mark
	case p.n > 0:
		return slices.Min(p.times[:p.n])
	}
	return p.opened
}

// ask returns the cursor for a connection that goes on here, 0 for none.
func (p *position) ask() int64 {
	if at := p.at() - rewind.Microseconds(); at >= minTime {
		return at
	}
	return 0
}

// search looks for a host that still has the events from the position on: each
// is asked once, then the best again.
type search struct {
	tries int   // hosts that were asked; 0 = no search is under way
	best  int   // the host whose history begins first
	first int64 // where that is
}

// found takes in that a host's history begins too late, at first. It reports
// whether that has to do, because no other host has more.
func (s *search) found(host, hosts int, first int64) bool {
	if s.tries == 0 || first < s.first {
		s.best, s.first = host, first
	}
	s.tries++
	return s.tries > hosts || s.tries == hosts && s.best == host
}

// failed takes in that a host could not be asked.
func (s *search) failed() {
	if s.tries > 0 {
		s.tries++
	}
}

// next returns which host comes after the given one.
func (s *search) next(host, hosts int) int {
	if s.tries == hosts {
		return s.best
	}
	return (host + 1) % hosts
}
