package cost

import (
	"math"
	"testing"
	"time"
)

// TestSteadyCallsAreWarm: environments that calls come back to in time are
// started once.
func TestSteadyCallsAreWarm(t *testing.T) {
	for _, c := range []struct {
		gap, idle, lifetime float64
		colds               int // of 1000 calls that take 1 s
	}{
		{60, 600, 1e9, 1},
		{600.5, 600, 1e9, 1},    // idle for 599.5 s
		{601.5, 600, 1e9, 1000}, // idle for 600.5 s
		{60, 600, 6000, 10},
		{.5, 600, 1e9, 3}, // every half second, a second each; freed just after the next came
	} {
		p := &pool{idleLifetime: c.idle, lifetime: c.lifetime}
		colds := 0
		for i := range 1000 {
			at := float64(i) * c.gap
			e, cold := p.take(at)
			if cold {
				colds++
			}
			p.release(e, at+1.0001)
		}
		if colds != c.colds {
			t.Errorf("every %v s, idle at most %v s: %d colds, expected %d", c.gap, c.idle, colds, c.colds)
		}
	}
}

// TestRareCallsAreCold: calls of single buffers are an exponential time and the
// interval apart, so that exp(-rate*(idle-interval+service)) are cold.
func TestRareCallsAreCold(t *testing.T) {
	for _, rate := range []float64{1e-5, 1. / 3600, 1. / 600, 1. / 120} {
		l := Load{PostsPerSecond: rate, Lifetime: 7 * 24 * time.Hour}
		o := zipOption()
		o.PerEvent, o.MemoryMB = 20*time.Second, 1769
		e := model(t, l, o)
		want := math.Exp(-rate * (600 - 60 + 20))
		if !(math.Abs(e.ColdShare-want) <= .01) {
			t.Errorf("%v posts/s: %v cold, expected %v", rate, e.ColdShare, want)
		}
	}
}

// TestEnvironmentsGrowOld: at a steady load each lives for its lifetime, and
// begins with a cold call.
func TestEnvironmentsGrowOld(t *testing.T) {
	e := model(t, Load{PostsPerSecond: 1}, zipOption())
	if want := 1 / (7200 * e.CallsPerSecond); !near(e.ColdShare, want, .02) {
		t.Errorf("%v cold, expected %v", e.ColdShare, want)
	}
}

// TestEnvironmentsAtWork: of Poisson calls that take the same time the number at
// work has a Poisson distribution (M/D/infinity).
func TestEnvironmentsAtWork(t *testing.T) {
	const rate, service, n = 4.0, 1.5, 200000
	rng := generator()
	p := &pool{idleLifetime: 600, lifetime: 1e9}
	sum, squares, none, at := 0.0, 0.0, 0.0, 0.0
	for range n {
		at += rng.ExpFloat64() / rate
		e, _ := p.take(at)
		others := float64(p.working - 1)
		p.release(e, at+service)
		sum += others
		squares += others * others
		if others == 0 {
			none++
		}
	}
	mean := sum / n
	if variance := squares/n - mean*mean; !near(mean, rate*service, .02) || !near(variance, rate*service, .03) {
		t.Errorf("mean %v, variance %v, expected %v", mean, variance, rate*service)
	}
	if got, want := none/n, math.Exp(-rate*service); !near(got, want, .15) {
		t.Errorf("none at work: %v, expected %v", got, want)
	}
	o := zipOption()
	o.MemoryMB, o.PerEvent, o.PerRecord = 1769, 1500*ms, 0
	e := model(t, Load{PostsPerSecond: rate, PostBytes: maxRecord}, o)
	if !near(e.Concurrency, rate*service, .001) || e.Environments < 14 || e.Environments > 25 {
		t.Errorf("concurrency %v, at most %v", e.Concurrency, e.Environments)
	}
}

func TestEndpointShares(t *testing.T) {
	took := map[string]float64{}
	note := func(name string) func(float64) { return func(x float64) { took[name] = x } }
	one := &endpoint{servers: 1}
	one.add(0, 10, note("long"))
	one.add(4, 2, note("short")) // half speed for both until 8
	one.run(math.Inf(1))
	one.add(100, 3, note("alone"))
	one.run(102)
	if _, done := took["alone"]; done {
		t.Error("done before its time")
	}
	one.run(103)
	two := &endpoint{servers: 2}
	two.add(0, 10, note("first"))
	two.add(0, 5, note("second"))
	two.run(math.Inf(1))
	for name, want := range map[string]float64{"long": 12, "short": 4, "alone": 3, "first": 10, "second": 5} {
		if got := took[name]; !near(got, want, 1e-12) {
			t.Errorf("%s took %v, expected %v", name, got, want)
		}
	}
}

// TestEndpointQueue: with Poisson arrivals a shared worker takes work/(1-load)
// in the mean, however the work is distributed (M/G/1, processor sharing).
func TestEndpointQueue(t *testing.T) {
	for name, spread := range map[string]float64{"equal": 0, "mixed": 2} {
		t.Run(name, func(t *testing.T) {
			rng := generator()
			const load, n = .7, 400000
			e := &endpoint{servers: 1}
			at, sum := 0.0, 0.0
			for range n {
				at += rng.ExpFloat64() * 2 / load
				e.add(at, 2+spread*(float64(rng.IntN(2))-.5), func(took float64) { sum += took })
			}
			e.run(math.Inf(1))
			if got, want := sum/n, 2/(1-load); !near(got, want, .03) {
				t.Errorf("mean %v, expected %v", got, want)
			}
		})
	}
}
