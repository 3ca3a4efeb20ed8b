package cost

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"sort"

	"gonum.org/v1/gonum/stat/distuv"
)

// peakShare is the share of the time at the peak rate, less where the peaks
// alone would exceed the mean. An assumption.
const peakShare = 0.1

// profile is the rate of posts over time: pieces of constant rate, repeated for
// ever. Mass is the integral of the rate: the posts expected from time 0.
type profile struct {
	end, mass []float64 // [pieces], at the end of each, in s and posts
	rate      []float64 // [pieces], in posts/s; the first is not 0
}

// newProfile returns cycles of a peak and the time between two peaks. Both last
// exponentially distributed times, taken at evenly spaced quantiles in random
// order, so that a period has the mean rate exactly.
func newProfile(l Load, cycles int, rng *rand.Rand) *profile {
	p := &profile{}
	if l.Burst == 1 {
		p.add(1, l.PostsPerSecond)
		return p
	}
	share, low := burstShape(l)
	peaks, lows := exponentials(cycles, rng), exponentials(cycles, rng)
	for i := range cycles {
		p.add(peaks[i]*l.BurstLength.Seconds(), l.Burst*l.PostsPerSecond)
		p.add(lows[i]*l.BurstLength.Seconds()*(1-share)/share, low)
	}
	return p
}

// burstShape returns the share of the time at the peak and the rate of the rest:
// share*Burst*PostsPerSecond + (1-share)*low = PostsPerSecond.
func burstShape(l Load) (share, low float64) {
	share = min(peakShare, 1/l.Burst)
	return share, max(0, l.PostsPerSecond*(1-share*l.Burst)/(1-share))
}

// exponentials returns n times with a mean of exactly 1.
func exponentials(n int, rng *rand.Rand) []float64 {
	x := make([]float64, n)
	sum := 0.0
	for i := range x {
		x[i] = -math.Log((float64(i) + .5) / float64(n))
		sum += x[i]
	}
	for i := range x {
		x[i] *= float64(n) / sum
	}
	rng.Shuffle(n, func(i, j int) { x[i], x[j] = x[j], x[i] })
	return x
}

func (p *profile) add(duration, rate float64) {
	end, mass := 0.0, 0.0
	if n := len(p.end); n > 0 {
		end, mass = p.end[n-1], p.mass[n-1]
	}
	p.end = append(p.end, end+duration)
	p.mass = append(p.mass, mass+rate*duration)
	p.rate = append(p.rate, rate)
}

func (p *profile) period() float64 { return p.end[len(p.end)-1] }

// at returns the mass at the time t, which may be negative.
func (p *profile) at(t float64) float64 {
	cycles := math.Floor(t / p.period())
	i, into := locate(p.end, t-cycles*p.period())
	start := 0.0
	if i > 0 {
		start = p.mass[i-1]
	}
	return cycles*p.mass[len(p.mass)-1] + start + into*p.rate[i]
}

// when is the inverse of at.
func (p *profile) when(mass float64) float64 {
	cycles := math.Floor(mass / p.mass[len(p.mass)-1])
	i, into := locate(p.mass, mass-cycles*p.mass[len(p.mass)-1])
	start := 0.0
	if i > 0 {
		start = p.end[i-1]
	}
	if p.rate[i] > 0 { // else only rounding led here
		start += into / p.rate[i]
	}
	return cycles*p.period() + start
}

// locate returns the piece that x is in and how far.
func locate(ends []float64, x float64) (piece int, into float64) {
	i := min(sort.SearchFloat64s(ends, x), len(ends)-1)
	if i == 0 {
		return 0, x
	}
	return i, x - ends[i-1]
}

// call is a buffer that Firehose hands to the function.
type call struct {
	at      float64 // s
	records int
}

// buffers turns posts into calls. Posts arrive as a Poisson process with the
// profile's rate and go to one of the shards at random. A shard's buffer opens
// with its first post and is handed over when it is full or its interval is
// over, whichever comes first.
type buffers struct {
	*profile
	full     int     // posts that fill a buffer
	interval float64 // s
	shards   float64
	rng      *rand.Rand
	next     queue[call] // of each shard, by time
}

// newBuffers begins at the time start, with each shard at another phase.
func newBuffers(l Load, p *profile, start float64, rng *rand.Rand) *buffers {
	b := &buffers{profile: p, full: l.full(), interval: l.BufferInterval.Seconds(), shards: float64(l.Shards), rng: rng}
	for range l.Shards {
		c := b.after(p.at(start - rng.Float64()*b.interval))
		b.next = append(b.next, timed[call]{c.at, c})
	}
	heap.Init(&b.next)
	return b
}

// call returns the next call.
func (b *buffers) call() call {
	c := b.next[0].what
	following := b.after(b.at(c.at))
	b.next[0] = timed[call]{following.at, following}
	heap.Fix(&b.next, 0)
	return c
}

// after returns the call for the first buffer that a shard opens after the given
// mass. It does not draw the posts one by one: of the K posts that would come
// within the interval the one that fills the buffer is at a beta-distributed
// place.
func (b *buffers) after(mass float64) call {
	opened := mass + b.shards*b.rng.ExpFloat64()
	t := b.when(opened)
	if b.full == 1 {
		return call{t, 1}
	}
	end := t + b.interval
	mean := (b.at(end) - opened) / b.shards
	k := 0.0
	if mean > 0 {
		k = distuv.Poisson{Lambda: mean, Src: b.rng}.Rand()
	}
	rest := float64(b.full - 1)
	if k < rest {
		return call{end, 1 + int(k)}
	}
	place := distuv.Beta{Alpha: rest, Beta: k - rest + 1, Src: b.rng}.Rand()
	return call{b.when(opened + b.shards*mean*place), b.full}
}

// A timed value is for a queue, which gives the earliest first.
type timed[T any] struct {
	at   float64
	what T
}

type queue[T any] []timed[T]

func (q queue[T]) Len() int           { return len(q) }
func (q queue[T]) Less(i, j int) bool { return q[i].at < q[j].at }
func (q queue[T]) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue[T]) Push(x any)        { *q = append(*q, x.(timed[T])) }
func (q *queue[T]) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// due says whether the earliest value is due at the time t.
func (q queue[T]) due(t float64) bool { return len(q) > 0 && q[0].at <= t }
