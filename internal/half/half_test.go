package half

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestHalvesReadBackExactly goes through all of them.
func TestHalvesReadBackExactly(t *testing.T) {
	for i := range 1 << 16 {
		h := uint16(i)
		x := From(h)
		if got := To(x); got != h {
			t.Fatalf("%#04x is %v and is written %#04x", h, x, got)
		}
		exponent, fraction := int(h>>10&0x1f), float64(h&0x3ff)
		want := math.Ldexp(1024+fraction, exponent-25)
		switch {
		case exponent == 0:
			want = math.Ldexp(fraction, -24)
		case exponent == 0x1f && fraction == 0:
			want = math.Inf(1)
		case exponent == 0x1f:
			if x == x {
				t.Fatalf("%#04x is %v, want NaN", h, x)
			}
			continue
		}
		if h&0x8000 != 0 {
			want = -want
		}
		if float64(x) != want || math.Signbit(float64(x)) != (h&0x8000 != 0) {
			t.Fatalf("%#04x is %v, want %v", h, x, want)
		}
	}
}

// TestHalvesAreTheNearest compares with the two neighbours.
func TestHalvesAreTheNearest(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for trial := range 2000000 {
		x := math.Float32frombits(rng.Uint32() & 0x7fffffff)
		if trial%2 == 0 {
			h := uint16(rng.IntN(0x7bff))
			x = (From(h) + From(h+1)) / 2 // a tie
		}
		if !(x < 65520) {
			if h := To(x); x == x && h != 0x7c00 {
				t.Fatalf("%v becomes %#04x", x, h)
			}
			continue
		}
		h := To(x)
		off := func(h uint16) float64 {
			if h >= 0x7c00 {
				return math.Inf(1)
			}
			return math.Abs(float64(From(h)) - float64(x))
		}
		if off(h) > off(h+1) || h > 0 && off(h) > off(h-1) {
			t.Fatalf("%v becomes %v, which is not the nearest", x, From(h))
		}
		if h&1 == 1 && (off(h) == off(h+1) || off(h) == off(h-1)) {
			t.Fatalf("%v becomes %v, which is the odd one in a tie", x, From(h))
		}
		if To(-x) != h|0x8000 {
			t.Fatalf("%v: not symmetric", x)
		}
	}
}
