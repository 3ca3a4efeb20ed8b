package cost

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Model estimates what the option does and costs under the load. It simulates
// some 100,000 calls with a fixed seed: the same arguments always give the same
// estimate. The error names what is out of its range, or says that the load is
// more than the simulation can follow.
func Model(l Load, o Option, p Prices) (Estimate, error) {
	if err := p.check(); err != nil {
		return Estimate{}, err
	}
	l, err := l.withDefaults()
	if err != nil {
		return Estimate{}, err
	}
	o, err = o.withDefaults(p)
	if err != nil {
		return Estimate{}, err
	}
	w, err := l.window()
	if err != nil {
		return Estimate{}, err
	}
	s := simulate(l, o, w)
	est := Estimate{
		RecordsPerCall: s.records / s.calls,
		Environments:   float64(s.most),
		ColdShare:      s.colds / s.calls,
		Late:           s.late / s.calls,
		P50:            s.quantile(.5),
		P99:            s.quantile(.99),
	}
	// The posts per second are given: those of the simulation are by chance.
	est.CallsPerSecond = l.PostsPerSecond / est.RecordsPerCall
	est.Concurrency = est.CallsPerSecond * s.busy / s.calls
	if o.Kind == EC2 {
		est.Utilisation = l.utilisation(o)
	}
	est.Parts = bill(l, o, p, est, s)
	for _, part := range est.Parts {
		est.DollarsPerMonth += part.Dollars
	}
	est.Warnings = warnings(l, o, p, est, s, w)
	return est, nil
}

// utilisation is the posts that come in by those that the instances can do.
func (l Load) utilisation(o Option) float64 {
	return l.PostsPerSecond * o.PerRecord.Seconds() / float64(o.Instances*o.Workers)
}

// maxCalls is about the number of calls that are simulated: a hundredth of them
// is enough for a P99, and they take some tenths of a second.
const maxCalls = 100_000

// window is the simulated time: warmUp before time 0, which is not counted, and
// seconds from then on, which hold whole periods of the profile.
type window struct {
	warmUp, seconds float64
	cycles          int     // of bursts in a period of the profile
	bursts          float64 // in seconds
}

func (l Load) window() (window, error) {
	share, low := burstShape(l)
	calls := share*l.callRate(l.Burst*l.PostsPerSecond) + (1-share)*l.callRate(low)
	if l.BurstLength < l.BufferInterval { // a buffer sees something in between
		calls = max(calls, l.callRate(l.PostsPerSecond))
	}
	// By then environments come and go as they always will.
	w := window{warmUp: max(l.IdleLifetime.Seconds()+l.BufferInterval.Seconds()+firehoseWait, maxCalls/10/calls)}
	if most := maxCalls / 2 / w.warmUp; calls > most {
		return w, fmt.Errorf("load: %s calls per second are more than the model follows (%s): take larger buffers or a part of the stream", num(calls), num(most))
	}
	w.seconds = maxCalls/calls - w.warmUp
	if l.Burst == 1 {
		return w, nil
	}
	cycle := l.BurstLength.Seconds() / share
	w.bursts = math.Floor(w.seconds / cycle)
	if w.bursts < 1 {
		return w, fmt.Errorf("load: bursts of %v at %s calls per second are longer than the model can follow: take shorter ones", l.BurstLength, num(calls))
	}
	w.cycles = int(min(64, w.bursts))
	w.bursts = math.Floor(w.bursts/float64(w.cycles)) * float64(w.cycles)
	w.seconds = w.bursts * cycle
	return w, nil
}

// callRate is about the calls per second at a steady rate of posts: a buffer
// waits for its first post and then for the interval or the posts that fill it.
func (l Load) callRate(posts float64) float64 {
	if posts == 0 {
		return 0
	}
	gap := float64(l.Shards) / posts
	return float64(l.Shards) / (gap + min(l.BufferInterval.Seconds(), gap*float64(l.full()-1)))
}

// simulation is what was counted; times are in seconds.
type simulation struct {
	service
	calls, records, colds, late float64
	attempts                    float64 // calls and their retries
	initMS, handlerMS           float64 // billed
	busy                        float64 // of environments
	most                        int     // environments at work at once
	waits                       []float64
	longest                     call // with the longest wait
	longestWait                 float64
}

// service is an option's times in seconds with its share of a vCPU.
type service struct {
	init, extra   float64 // of a cold environment; extra is part of the first invocation
	event, record float64 // in the function; waiting that is not for a record is in event
	remote        float64 // a record at the endpoint
	saturated     bool    // the endpoint never catches up
}

func newService(l Load, o Option) service {
	share := min(1, float64(o.MemoryMB)/fullCPU)
	s := service{
		init: o.Init.Seconds(), extra: o.FirstExtra.Seconds() / share,
		event: o.PerEvent.Seconds() / share, record: o.PerRecord.Seconds() / share,
	}
	if s.init > initLimit {
		s.extra += s.init / share
		s.init = initLimit
	}
	if o.Kind == EC2 {
		s.event += o.EventWait.Seconds()
		s.extra += o.FirstWait.Seconds()
		s.record, s.remote = o.OwnPerRecord.Seconds()/share, o.PerRecord.Seconds()
		s.saturated = l.utilisation(o) >= 1
	}
	return s
}

func simulate(l Load, o Option, w window) *simulation {
	rng := rand.New(rand.NewPCG(1, 2))
	calls := newBuffers(l, newProfile(l, w.cycles, rng), -w.warmUp, rng)
	envs := &pool{idleLifetime: l.IdleLifetime.Seconds(), lifetime: l.Lifetime.Seconds(), rng: rng}
	remote := &endpoint{servers: float64(o.Instances * o.Workers)}
	s := &simulation{service: newService(l, o)}

	// The second condition holds if the call rate was underestimated.
	for c := calls.call(); c.at < w.seconds && s.calls < 2*maxCalls; c = calls.call() {
		remote.run(c.at)
		e, cold := envs.take(c.at)
		if c.at >= 0 {
			s.most = max(s.most, envs.working)
		}
		handler := s.event + float64(c.records)*s.record
		switch {
		case s.saturated:
			s.answered(envs, e, c, cold, math.Inf(1))
		case s.remote > 0:
			remote.add(c.at, float64(c.records)*s.remote, func(took float64) {
				s.answered(envs, e, c, cold, handler+took)
			})
		default:
			s.answered(envs, e, c, cold, handler)
		}
	}
	remote.run(math.Inf(1))
	slices.Sort(s.waits)
	return s
}

// answered counts a call whose warm invocation takes handler and frees its
// environment. Whatever takes longer than Firehose waits is cut off there, by a
// function's timeout of the same length, and tried again: in vain if a warm
// environment is too slow as well.
func (s *simulation) answered(envs *pool, e environment, c call, cold bool, handler float64) {
	first, init := handler, 0.0
	if cold {
		first, init = handler+s.extra, s.init
	}
	wait := init + first
	handlerMS := billedMS(min(first, firehoseWait))
	initMS := billedMS(init+min(first, firehoseWait)) - handlerMS
	busy := init + min(first, firehoseWait)
	attempts := 1.0
	if wait > firehoseWait {
		again := 1.0
		if handler > firehoseWait {
			again = retries
		}
		attempts += again
		handlerMS += again * billedMS(min(handler, firehoseWait))
		busy += again * min(handler, firehoseWait)
	}
	envs.release(e, c.at+busy)
	if c.at < 0 {
		return
	}
	s.calls++
	s.records += float64(c.records)
	s.attempts += attempts
	s.initMS += initMS
	s.handlerMS += handlerMS
	s.busy += busy
	if cold {
		s.colds++
	}
	if wait > firehoseWait {
		s.late++
	}
	if s.saturated {
		wait = firehoseWait
	}
	s.waits = append(s.waits, wait)
	if wait > s.longestWait {
		s.longest, s.longestWait = c, wait
	}
}

// quantile returns the wait that the share q of the calls does not exceed.
func (s *simulation) quantile(q float64) time.Duration {
	i := int(math.Ceil(q*float64(len(s.waits)))) - 1
	return duration(s.waits[max(i, 0)])
}

// duration rounds to microseconds, and to the longest Duration there is.
func duration(seconds float64) time.Duration {
	return time.Duration(min(math.Round(seconds*1e6)*1e3, 1<<63-1024))
}
