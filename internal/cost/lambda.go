package cost

import (
	"container/heap"
	"math/rand/v2"
)

// environment is a started function.
type environment struct {
	born, freed float64 // s
}

// pool is the environments of a function. A call gets the one that was used
// last, so that those beyond the need grow old (assumed: AWS does not say).
type pool struct {
	idleLifetime, lifetime float64 // s

	idle    []environment // in the order they were freed
	busy    queue[environment]
	working int // environments that were taken and are not free yet
	rng     *rand.Rand
}

// take returns an environment for a call at the time t, and whether it had to be
// started. Those begun before time 0 get a random age: a function that has run
// for long has environments of all ages.
func (p *pool) take(t float64) (e environment, cold bool) {
	p.free(t)
	p.working++
	for len(p.idle) > 0 {
		e := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if t-e.freed > p.idleLifetime {
			p.idle = p.idle[:0] // the others are idle for longer
			break
		}
		if t-e.born <= p.lifetime {
			return e, false
		}
	}
	e = environment{born: t}
	if t < 0 {
		e.born -= p.rng.Float64() * p.lifetime
	}
	return e, true
}

// release makes the environment free at the time t.
func (p *pool) release(e environment, t float64) {
	e.freed = t
	heap.Push(&p.busy, timed[environment]{t, e})
}

func (p *pool) free(t float64) {
	for p.busy.due(t) {
		p.working--
		p.idle = append(p.idle, heap.Pop(&p.busy).(timed[environment]).what)
	}
}

// endpoint is instances that work off posts. Calls share them evenly: with n
// calls each gets min(1, servers/n) of a worker, as each waits for one post at a
// time. clock is the work that a call has got which was there from the start.
type endpoint struct {
	servers    float64
	now, clock float64
	jobs       queue[job] // by the clock at which they are done
}

// job is a call's posts, or rather what is to be done once they are scored.
type job struct {
	since float64
	done  func(took float64)
}

// add gives the endpoint work, in s of one worker, at the time t.
func (e *endpoint) add(t, work float64, done func(took float64)) {
	e.run(t)
	e.now = t
	heap.Push(&e.jobs, timed[job]{e.clock + work, job{t, done}})
}

// run works until the time t, or until nothing is left.
func (e *endpoint) run(t float64) {
	for len(e.jobs) > 0 {
		speed := min(1, e.servers/float64(len(e.jobs)))
		end := e.now + (e.jobs[0].at-e.clock)/speed
		if end > t {
			e.clock += (t - e.now) * speed
			e.now = t
			return
		}
		e.now, e.clock = end, e.jobs[0].at
		j := heap.Pop(&e.jobs).(timed[job]).what
		j.done(e.now - j.since)
	}
	e.clock = 0 // nobody is there to remember it: keeps its digits
}
