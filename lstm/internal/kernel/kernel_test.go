package kernel

import (
	"flag"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

var long = flag.Bool("long", false, "test the activations on every float32, which takes an hour")

// assembly returns the sets to compare with Go.
func assembly(t *testing.T) []Set {
	sets := detected()
	if len(sets) == 0 {
		t.Skip("no assembly for this processor or build")
	}
	return sets
}

// floats returns n random numbers.
func floats(rng *rand.Rand, n int) []float32 {
	s := make([]float32, n)
	for i := range s {
		s[i] = float32(rng.NormFloat64())
	}
	return s
}

// poisoned returns n times NaN, which shows in a result that depends on one.
func poisoned(n int) []float32 {
	s := make([]float32, n)
	for i := range s {
		s[i] = float32(math.NaN())
	}
	return s
}

// same reports whether a and b have the same bits, or are both NaN.
func same(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b }

func TestFMAIsRoundedOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	random := func() float32 { // any finite number, with few bits in one case of three, so that ties are among them
		for {
			bits := rng.Uint32()
			switch rng.IntN(3) {
			case 0:
				bits &= 0xfff00000
			case 1:
				bits = bits&0x807fffff | uint32(120+rng.IntN(16))<<23
			}
			if x := math.Float32frombits(bits); x-x == 0 {
				return x
			}
		}
	}
	for range 300000 {
		a, b, c := random(), random(), random()
		if rng.IntN(4) == 0 {
			c = -float32(float64(a) * float64(b)) // cancels
			if c-c != 0 {
				continue
			}
		}
		exact := new(big.Float).SetPrec(600).SetFloat64(float64(a))
		exact.Mul(exact, new(big.Float).SetFloat64(float64(b)))
		exact.Add(exact, new(big.Float).SetFloat64(float64(c)))
		want, _ := exact.Float32()
		got := fma(a, b, c)
		if got != want {
			t.Fatalf("fma(%x, %x, %x) = %x, want %x", a, b, c, got, want)
		}
	}
	if inf := float32(math.Inf(1)); fma(inf, 1, 2) != inf || fma(1, 1, -inf) != -inf || fma(inf, 0, 1) == fma(inf, 0, 1) {
		t.Error("fma of infinities")
	}
}

func TestPack(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for range 100 {
		rows, cols := 1+rng.IntN(9), 1+rng.IntN(100)
		stride := cols + rng.IntN(4)
		src := floats(rng, rows*stride)
		m := Pack(src, rows, cols, stride)
		back := poisoned(rows * stride)
		m.Unpack(back, stride)
		for i := range rows {
			for j := range cols {
				if src[i*stride+j] != back[i*stride+j] {
					t.Fatalf("%d×%d: element %d,%d changed", rows, cols, i, j)
				}
			}
		}
		if len(m.Data) != rows*Width(cols) {
			t.Fatalf("%d×%d: %d numbers", rows, cols, len(m.Data))
		}
	}
}

// TestProduct compares every set with Go, over all shapes of tiles and tails,
// with NaN in all padding of A and guards behind C.
func TestProduct(t *testing.T) {
	for _, set := range assembly(t) {
		t.Run(set.String(), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(3, 3))
			shape := func(rows, cols, k int) {
				t.Helper()
				lda, ldc := k+rng.IntN(3), Width(cols)+rng.IntN(10)
				b := Pack(floats(rng, k*cols), k, cols, cols)
				a := poisoned((rows-1)*lda + k)
				for i := range rows {
					copy(a[i*lda:], floats(rng, k))
				}
				start := floats(rng, Width(cols))
				if rng.IntN(20) == 0 {
					special := []float32{float32(math.NaN()), float32(math.Inf(1)), -float32(math.Inf(1)), 0, -float32(math.Copysign(0, -1)), 1e-44, 3e38}
					a[rng.IntN(k)] = special[rng.IntN(len(special))]
				}
				n := (rows-1)*ldc + Width(cols)
				want, got := make([]float32, n+40), make([]float32, n+40)
				for i := range want {
					want[i], got[i] = 7, 7
				}
				Go.Product(want[:n], ldc, a, lda, rows, &b, start)
				set.Product(got[:n], ldc, a, lda, rows, &b, start)
				for i := range want {
					if !same(got[i], want[i]) {
						t.Fatalf("%d rows, %d columns, k = %d: element %d (row %d, column %d) is %v, want %v",
							rows, cols, k, i, i/ldc, i%ldc, got[i], want[i])
					}
				}
			}
			for rows := 1; rows <= 26; rows++ {
				for _, cols := range []int{1, 8, 9, 17, 25, 32, 33, 41, 49, 57, 64, 70} {
					shape(rows, cols, 1+rng.IntN(11))
				}
			}
			for panels := range 14 {
				for tail := range 4 {
					shape(1, max(1, 32*panels+8*tail), 1+rng.IntN(11))
				}
			}
			for range 50 {
				shape(1+rng.IntN(40), 1+rng.IntN(300), 1+rng.IntN(70))
			}
		})
	}
}

// gateCase runs one function of a set on rows of random numbers.
type gateCase struct {
	name   string
	gates  int // of x
	sGates int
	run    func(Set, Recurrent, *Rows)
	sets   string // the slices of Rows that have a meaning after it
}

var gateCases = []gateCase{
	{"LSTM", 4, 4, Set.LSTM, "state h"},
	{"GRUAfter", 3, 3, Set.GRUAfter, "h"},
	{"GRUReset", 2, 2, Set.GRUReset, "state h tmp"},
	{"GRUBefore", 3, 1, func(s Set, _ Recurrent, r *Rows) { s.GRUBefore(r) }, "h"},
}

func newRows(rng *rand.Rand, c gateCase, n, units, lds int, scale float32) *Rows {
	r := &Rows{Units: units, LDS: lds}
	for range n {
		x := floats(rng, GateWidth(c.gates, units))
		for i := range x {
			x[i] *= scale
		}
		r.X = append(r.X, &x[0])
	}
	r.S = floats(rng, (n-1)*lds+GateWidth(c.sGates, units))
	r.State, r.H, r.Tmp = floats(rng, n*Width(units)), floats(rng, n*Width(units)), floats(rng, n*Width(units))
	return r
}

func (r *Rows) clone() *Rows {
	c := *r
	c.State, c.H, c.Tmp = append([]float32(nil), r.State...), append([]float32(nil), r.H...), append([]float32(nil), r.Tmp...)
	return &c
}

func TestGates(t *testing.T) {
	for _, set := range assembly(t) {
		for _, c := range gateCases {
			t.Run(fmt.Sprintf("%s/%s", set, c.name), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(4, 4))
				for trial := range 600 {
					n, units := 1+rng.IntN(5), 1+rng.IntN(70)
					lds := GateWidth(c.sGates, units) + rng.IntN(5)
					if rng.IntN(4) == 0 {
						lds = 0
					}
					want := newRows(rng, c, n, units, lds, []float32{1, 10, 60, 1e-4, 1e30}[trial%5])
					if trial%7 == 0 {
						special := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.Copysign(0, -1)), math.SmallestNonzeroFloat32}
						want.S[rng.IntN(len(want.S))] = special[rng.IntN(len(special))]
						want.H[rng.IntN(len(want.H))] = special[rng.IntN(len(special))]
					}
					got := want.clone()
					r := Recurrent(rng.IntN(3))
					c.run(Go, r, want)
					c.run(set, r, got)
					for i := range n {
						for k := range units {
							at := i*Width(units) + k
							for _, v := range []struct {
								name      string
								got, want []float32
							}{{"state", got.State, want.State}, {"h", got.H, want.H}, {"tmp", got.Tmp, want.Tmp}} {
								if strings.Contains(c.sets, v.name) && !same(v.got[at], v.want[at]) {
									t.Fatalf("recurrent activation %d, %d rows of %d units: %s of row %d, unit %d is %v, want %v",
										r, n, units, v.name, i, k, v.got[at], v.want[at])
								}
							}
						}
					}
				}
			})
		}
	}
}

// TestActivations reads each activation out of the gates, by opening and
// shutting the others, and compares it with math.
func TestActivations(t *testing.T) {
	const most = 1e-7
	big := float32(1000)
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	hard := func(slope float64) func(float64) float64 {
		return func(x float64) float64 { return math.Min(math.Max(slope*x+.5, 0), 1) }
	}
	lstm := func(set Set, r Recurrent, i, f, g, o, c func(float32) float32) func(x, y []float32) {
		const units = 4096
		rows := &Rows{Units: units, S: make([]float32, GateWidth(4, units)), State: make([]float32, units), H: make([]float32, units), Tmp: make([]float32, units)}
		x4 := make([]float32, GateWidth(4, units))
		rows.X = []*float32{&x4[0]}
		return func(x, y []float32) {
			for k, v := range x {
				x4[k], x4[units+k], x4[2*units+k], x4[3*units+k], rows.State[k] = i(v), f(v), g(v), o(v), c(v)
			}
			set.LSTM(r, rows)
			copy(y, rows.State)
			if c(1) == 100 {
				copy(y, rows.H)
			}
		}
	}
	is := func(v float32) func(float32) float32 { return func(float32) float32 { return v } }
	itself := func(v float32) float32 { return v }
	type reading struct {
		name string
		run  func(x, y []float32)
		want func(float64) float64
	}
	for _, set := range append(detected(), Go) {
		readings := []reading{
			{"tanh of g", lstm(set, Sigmoid, is(big), is(-big), itself, is(0), is(0)), math.Tanh},
			{"tanh of g, hard", lstm(set, HardKeras2, is(big), is(-big), itself, is(0), is(0)), math.Tanh},
		}
		for r, want := range map[Recurrent]func(float64) float64{Sigmoid: sigmoid, HardKeras2: hard(.2), HardKeras3: hard(1. / 6)} {
			readings = append(readings,
				reading{fmt.Sprintf("i, recurrent activation %d", r), lstm(set, r, itself, is(-big), is(big), is(0), is(0)), want},
				reading{fmt.Sprintf("f, recurrent activation %d", r), lstm(set, r, is(-big), itself, is(0), is(0), is(1)), want},
				reading{fmt.Sprintf("o, recurrent activation %d", r), lstm(set, r, is(0), is(big), is(0), itself, is(100)), want},
			)
		}
		for _, reading := range readings {
			t.Run(fmt.Sprintf("%s/%s", set, reading.name), func(t *testing.T) {
				step := uint64(9973)
				if *long {
					step = 1
				}
				if set == Go {
					step = 1000003
				}
				x, y := make([]float32, 4096), make([]float32, 4096)
				worst, at := 0.0, float32(0)
				for bits := uint64(0); bits < 1<<32; {
					for k := range x {
						x[k] = math.Float32frombits(uint32(bits))
						bits = min(bits+step, 1<<32)
					}
					reading.run(x, y)
					for k, v := range x {
						if v != v {
							if y[k] == y[k] {
								t.Fatalf("of %v: %v, want NaN", v, y[k])
							}
							continue
						}
						if diff := math.Abs(float64(y[k]) - reading.want(float64(v))); !(diff <= worst) {
							worst, at = diff, v
						}
					}
				}
				t.Logf("largest error %.3g, at %v", worst, at)
				if !(worst <= most) {
					t.Errorf("error %g at %v, want at most %g", worst, at, most)
				}
			})
		}
	}
}

func BenchmarkProduct(b *testing.B) {
	rng := rand.New(rand.NewPCG(5, 5))
	for _, set := range detected() {
		for _, shape := range [][2]int{{196, 784}, {48, 192}} {
			k, cols := shape[0], shape[1]
			m := Pack(floats(rng, k*cols), k, cols, cols)
			for _, rows := range []int{1, 2, 3, 4, 6, 12, 24, 32, 48} {
				b.Run(fmt.Sprintf("set=%s/k=%d/cols=%d/rows=%d", set, k, cols, rows), func(b *testing.B) {
					a, c := floats(rng, rows*k), make([]float32, rows*Width(cols))
					start := make([]float32, Width(cols))
					b.ReportAllocs()
					for b.Loop() {
						set.Product(c, Width(cols), a, k, rows, &m, start)
					}
					b.ReportMetric(2*float64(k*cols*rows)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
				})
			}
		}
	}
}

func BenchmarkGates(b *testing.B) {
	rng := rand.New(rand.NewPCG(6, 6))
	for _, set := range detected() {
		for _, c := range gateCases {
			const n, units = 24, 196
			rows := newRows(rng, c, n, units, GateWidth(c.sGates, units), 1)
			b.Run(fmt.Sprintf("set=%s/gates=%s", set, c.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					c.run(set, Sigmoid, rows)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
			})
		}
	}
}
