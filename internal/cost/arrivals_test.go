package cost

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat/distuv"
)

func generator() *rand.Rand { return rand.New(rand.NewPCG(3, 4)) }

// TestBuffersByPosts compares with the number of posts that a buffer has in
// theory, of which the first is there: min(full, 1+Poisson(rate*interval)).
func TestBuffersByPosts(t *testing.T) {
	for _, c := range []struct {
		rate   float64
		shards int
	}{{.001, 1}, {.5, 1}, {7, 2}, {50, 1}, {58, 1}, {60, 1}, {120, 2}, {1000, 1}} {
		t.Run(fmt.Sprintf("rate=%v/shards=%d", c.rate, c.shards), func(t *testing.T) {
			l, err := Load{PostsPerSecond: c.rate, Shards: c.shards}.withDefaults()
			if err != nil {
				t.Fatal(err)
			}
			rng := generator()
			b := newBuffers(l, newProfile(l, 0, rng), 0, rng)
			const n = 20000
			records, begin, end := 0.0, 0.0, math.Inf(-1)
			for i := range n + 1000 {
				c := b.call()
				if c.at < end {
					t.Fatalf("call at %v after %v", c.at, end)
				}
				end = c.at
				if i < 1000 {
					begin = end
					continue
				}
				records += float64(c.records)
			}
			more := distuv.Poisson{Lambda: c.rate / float64(c.shards) * 60}
			want, left := 0.0, 1.0
			for k := range l.full() - 1 {
				p := more.Prob(float64(k))
				want += p * float64(k+1)
				left -= p
			}
			want += left * float64(l.full())
			if got := records / n; !near(got, want, .01) {
				t.Errorf("%v records per call, expected %v", got, want)
			}
			if got := records / (end - begin); !near(got, c.rate, .01) {
				t.Errorf("%v posts/s, expected %v", got, c.rate)
			}
			if got := n / (end - begin); !near(got, l.callRate(c.rate), .02) {
				t.Errorf("%v calls/s, callRate %v", got, l.callRate(c.rate))
			}
		})
	}
}

func TestProfile(t *testing.T) {
	for _, burst := range []float64{1, 1.5, 10, 30, 1000} {
		l, err := Load{PostsPerSecond: 3, Burst: burst}.withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		for _, cycles := range []int{1, 64} {
			p := newProfile(l, cycles, generator())
			if got := p.at(p.period()*5) / (5 * p.period()); !near(got, 3, 1e-9) {
				t.Errorf("burst %v: mean rate %v, expected 3", burst, got)
			}
			if p.rate[0] != 3*burst {
				t.Errorf("burst %v: peak rate %v", burst, p.rate[0])
			}
			rng := generator()
			for range 10000 {
				mass := (rng.Float64() - .3) * 1e6
				if got := p.at(p.when(mass)); !(math.Abs(got-mass) <= 1e-9*max(math.Abs(mass), p.mass[len(p.mass)-1])) {
					t.Fatalf("burst %v: mass %v comes back as %v", burst, mass, got)
				}
			}
			for _, mass := range []float64{0, p.mass[len(p.mass)-1], 2 * p.mass[0], 1e6 * p.mass[len(p.mass)-1]} {
				if got := p.when(mass); math.IsNaN(got) || math.IsInf(got, 0) {
					t.Errorf("burst %v: mass %v at %v", burst, mass, got)
				}
			}
		}
	}
}

func TestFull(t *testing.T) {
	for _, c := range []struct {
		bytes, buffer, want int
	}{
		{247, 1 << 20, 4245},
		{maxRecord, 1 << 20, 1},
		{maxRecord, 1 << 20 / 5, 1},              // a post that is larger than the buffer is a call of its own
		{1, 3 << 20, (maxPayload - 1<<10) / 139}, // the event is full first
		{300, 3 << 20, 10485},                    // 3 MB, 5.6 MB as an event
	} {
		l := Load{PostBytes: c.bytes, BufferBytes: c.buffer}
		if got := l.full(); got != c.want {
			t.Errorf("posts of %d bytes, buffer of %d: %d, expected %d", c.bytes, c.buffer, got, c.want)
		}
	}
	if got := 1 << 20 / 247 * (Load{PostBytes: 247}).eventBytes(); !near(float64(got), 1.89e6*1.048576, .01) {
		t.Errorf("1 MB of posts makes an event of %d bytes", got)
	}
}

// TestWorkIsBounded: whatever the load, not more calls than twice the aim.
func TestWorkIsBounded(t *testing.T) {
	for _, l := range []Load{
		{PostsPerSecond: 1e-6, Burst: 1000, BurstLength: time.Second, BufferInterval: 15 * time.Minute},
		{PostsPerSecond: 60, Burst: 1000, BurstLength: time.Second, Shards: 1000, BufferInterval: time.Minute},
		{PostsPerSecond: 50, PostBytes: maxRecord, Burst: 9},
		{PostsPerSecond: 1e5, Burst: 50, BurstLength: time.Second, PostBytes: 50, BufferInterval: 2 * time.Second},
	} {
		l, err := l.withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		w, err := l.window()
		if err != nil {
			t.Fatalf("%+v: %v", l, err)
		}
		s := simulate(l, zipOption(), w)
		if s.calls > 2*maxCalls || s.calls < 1000 {
			t.Errorf("%+v: %v calls", l, s.calls)
		}
	}
}
