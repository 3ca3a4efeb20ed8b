package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// int8s returns n bytes from -127 to 127, the ends more often than others.
func int8s(rng *rand.Rand, n int) []int8 {
	s := make([]int8, n)
	for i := range s {
		switch rng.IntN(6) {
		case 0:
			s[i] = 127
		case 1:
			s[i] = -127
		default:
			s[i] = int8(rng.IntN(255) - 127)
		}
	}
	return s
}

// assemblyDots returns the implementations to compare with Go.
func assemblyDots(t *testing.T) []Dot {
	all := dots()
	if len(all) == 0 {
		t.Skip("no assembly for this processor or build")
	}
	return all
}

// form returns rows of bytes in the form that d takes.
func (d Dot) form(rows []int8) []int8 {
	out := append([]int8(nil), rows...)
	for i := range out {
		if d == DotVNNI {
			out[i] ^= -128
		}
	}
	return out
}

// TestPackInt8 compares a product with the definition.
func TestPackInt8(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 11))
	for range 200 {
		rows, k, cols := 1+rng.IntN(4), 1+rng.IntN(40), 1+rng.IntN(100)
		stride := cols + rng.IntN(4)
		src, scale, start := int8s(rng, k*stride), floats(rng, cols), floats(rng, Width(cols))
		m := PackInt8(src, scale, k, cols, stride)
		lda := (k+3)/4*4 + rng.IntN(3)
		a, c := int8s(rng, rows*lda), make([]float32, rows*Width(cols))
		DotGo.Product(c, Width(cols), a, lda, rows, &m, start)
		for i := range rows {
			for j := range cols {
				sum := 0
				for l := range k {
					sum += int(a[i*lda+l]) * int(src[l*stride+j])
				}
				factor := scale[j] / 127
				want := float32(float32(sum)*factor) + start[j]
				if got := c[i*Width(cols)+j]; got != want {
					t.Fatalf("%d rows, %d×%d: row %d, column %d is %v, want %v", rows, k, cols, i, j, got, want)
				}
			}
		}
		if len(m.Data) != Int8Len(k, cols) || len(m.Factor) != Width(cols) || len(m.Offset) != Width(cols) {
			t.Fatalf("%d×%d: %d bytes, %d factors, %d offsets", k, cols, len(m.Data), len(m.Factor), len(m.Offset))
		}
	}
}

// TestProductInt8 compares every implementation with Go, over all shapes of
// tiles and tails, with any bytes in the padding of A and guards behind C.
func TestProductInt8(t *testing.T) {
	for _, dot := range assemblyDots(t) {
		t.Run(dot.String(), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(12, 12))
			shape := func(rows, cols, k int) {
				t.Helper()
				lda, ldc := (k+3)/4*4+rng.IntN(3), Width(cols)+rng.IntN(10)
				b := PackInt8(int8s(rng, k*cols), floats(rng, cols), k, cols, cols)
				a := int8s(rng, (rows-1)*lda+(k+3)/4*4)
				if rng.IntN(4) == 0 { // as large as sums can be
					for i := range a {
						a[i] = 127
					}
					for i := range b.Data {
						b.Data[i] = int8(127 * (1 - 2*rng.IntN(2)*rng.IntN(2)))
					}
					b.clearPadding()
					copy(b.Offset, b.Offsets())
				}
				start := floats(rng, Width(cols))
				n := (rows-1)*ldc + Width(cols)
				want, got := make([]float32, n+40), make([]float32, n+40)
				for i := range want {
					want[i], got[i] = 7, 7
				}
				DotGo.Product(want[:n], ldc, a, lda, rows, &b, start)
				dot.Product(got[:n], ldc, dot.form(a), lda, rows, &b, start)
				for i := range want {
					if !same(got[i], want[i]) {
						t.Fatalf("%d rows, %d columns, k = %d: element %d (row %d, column %d) is %v, want %v",
							rows, cols, k, i, i/ldc, i%ldc, got[i], want[i])
					}
				}
			}
			for rows := 1; rows <= 26; rows++ {
				for _, cols := range []int{1, 8, 9, 17, 25, 32, 33, 41, 49, 57, 64, 70} {
					shape(rows, cols, 1+rng.IntN(40))
				}
			}
			for panels := range 14 {
				for tail := range 4 {
					shape(1, max(1, 32*panels+8*tail), 1+rng.IntN(40))
				}
			}
			for range 50 {
				shape(1+rng.IntN(40), 1+rng.IntN(300), 1+rng.IntN(300))
			}
			shape(3, 9, MaxInt8Rows)
		})
	}
}

func TestInt8Valid(t *testing.T) {
	m := PackInt8([]int8{1, 2, 3, 4, 5, 6}, []float32{1, 1}, 3, 2, 2)
	if !m.Valid() {
		t.Error("what was packed is not valid")
	}
	for _, spoil := range []func(*Int8){
		func(m *Int8) { m.Data[3] = 1 },   // row 3 of 3
		func(m *Int8) { m.Data[8] = 1 },   // column 2 of 2
		func(m *Int8) { m.Data[0] = 2 },   // no longer the sum
		func(m *Int8) { m.Offset[1] = 0 }, // likewise
	} {
		m := PackInt8([]int8{1, 2, 3, 4, 5, 6}, []float32{1, 1}, 3, 2, 2)
		spoil(&m)
		if m.Valid() {
			t.Errorf("%+v is valid", m)
		}
	}
}

// clearPadding makes the padding 0 again.
func (m *Int8) clearPadding() {
	data := make([]int8, len(m.Data))
	m.each(func(packed, _, _ int) { data[packed] = m.Data[packed] })
	copy(m.Data, data)
}

func TestQuantise(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, c := range []struct {
		x    float32
		want int8
	}{
		{0, 0}, {float32(math.Copysign(0, -1)), 0}, {1, 127}, {-1, -127}, {1.5, 127}, {-inf, -127}, {inf, 127}, {float32(math.NaN()), -127},
		{1. / 127, 1}, {-1. / 254, 0}, {.5, 64}, {-.5, -64}, {3. / 254, 2}, {math.SmallestNonzeroFloat32, 0}, {math.MaxFloat32, 127},
	} {
		dst := make([]int8, 8)
		DotGo.Quantise(dst, []float32{c.x, 0, 0, 0, 0, 0, 0, 0})
		if dst[0] != c.want {
			t.Errorf("%v becomes %d, want %d", c.x, dst[0], c.want)
		}
	}
	all := assemblyDots(t)
	if slices.Contains(all, DotAVX2) && !slices.Contains(all, DotVNNI) {
		all = append(all, DotVNNI) // whose rounding needs AVX2 alone
	}
	for _, dot := range all {
		t.Run(dot.String(), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(13, 13))
			for n := 8; n <= 4096; n += 8 {
				src := floats(rng, n)
				for i := range src {
					switch rng.IntN(4) {
					case 0:
						src[i] = math.Float32frombits(rng.Uint32()) // NaN and infinities among them
					case 1:
						src[i] = (float32(rng.IntN(300)) - 150 + .5) / 127 // ties
					}
				}
				want, got := make([]int8, n+9), make([]int8, n+9)
				DotGo.Quantise(want[:n], src)
				dot.Quantise(got[:n], src)
				for i, w := range dot.form(want[:n]) {
					if got[i] != w {
						t.Fatalf("%d numbers: %v becomes %d, want %d", n, src[i], got[i], w)
					}
				}
				for _, guard := range got[n:] {
					if guard != 0 {
						t.Fatalf("%d numbers: written behind the end", n)
					}
				}
			}
		})
	}
}

func BenchmarkProductInt8(b *testing.B) {
	rng := rand.New(rand.NewPCG(14, 14))
	for _, dot := range dots() {
		for _, shape := range [][2]int{{196, 784}, {48, 192}} {
			k, cols := shape[0], shape[1]
			m := PackInt8(int8s(rng, k*cols), floats(rng, cols), k, cols, cols)
			for _, rows := range []int{1, 2, 3, 4, 6, 12, 24, 32, 48} {
				b.Run(fmt.Sprintf("set=%s/k=%d/cols=%d/rows=%d", dot, k, cols, rows), func(b *testing.B) {
					lda := Width(k)
					h, a, c := floats(rng, rows*lda), make([]int8, rows*lda), make([]float32, rows*Width(cols))
					start := make([]float32, Width(cols))
					b.ReportAllocs()
					for b.Loop() {
						dot.Quantise(a, h)
						dot.Product(c, Width(cols), a, lda, rows, &m, start)
					}
					b.ReportMetric(2*float64(k*cols*rows)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GOP/s")
				})
			}
		}
	}
}
