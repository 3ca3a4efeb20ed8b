package lstm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestProductIsOneSum compares product with the definition: one sum per
// element, in the order of k, each product rounded. It surrounds C with guard
// values.
func TestProductIsOneSum(t *testing.T) {
	implementations := map[string]func(c []float32, ldc int, a []float32, lda int, b []float32, ldb int, m, n, k int){
		"product": product, "productGo": productGo, "productBlock": productBlock,
	}
	rng := rand.New(rand.NewPCG(7, 7))
	for name, multiply := range implementations {
		t.Run(name, func(t *testing.T) {
			for range 300 {
				m, n, k := 1+rng.IntN(9), 1+rng.IntN(70), 1+rng.IntN(40)
				if name == "product" && rng.IntN(4) == 0 {
					m, n, k = 1+rng.IntN(130), 1+rng.IntN(400), 1+rng.IntN(80)
				}
				lda, ldb, ldc := k+rng.IntN(3), n+rng.IntN(3), n+rng.IntN(3)
				a, b := randomFloats(rng, m*lda), randomFloats(rng, k*ldb)
				c := randomFloats(rng, m*ldc)
				want := append([]float32(nil), c...)
				for i := range m {
					for j := range n {
						for l := range k {
							if v := a[i*lda+l]; v != 0 {
								want[i*ldc+j] += float32(v * b[l*ldb+j])
							}
						}
					}
				}
				multiply(c, ldc, a, lda, b, ldb, m, n, k)
				for i := range want {
					if math.Float32bits(c[i]) != math.Float32bits(want[i]) {
						t.Fatalf("m=%d n=%d k=%d: element %d is %v, want %v", m, n, k, i, c[i], want[i])
					}
				}
			}
		})
	}
}

// TestProductDoesNotAllocate: gonum would, had it started goroutines.
func TestProductDoesNotAllocate(t *testing.T) {
	for _, rows := range []int{1, 32, 200} {
		t.Run(fmt.Sprintf("rows=%d", rows), func(t *testing.T) {
			const n, k = 784, 20
			a, b, c := make([]float32, rows*k), make([]float32, n*k), make([]float32, rows*n)
			if got := testing.AllocsPerRun(20, func() { product(c, n, a, k, b, n, rows, n, k) }); got != 0 {
				t.Errorf("%v allocations", got)
			}
		})
	}
}

// randomFloats returns n numbers with some zeros of either sign among them.
func randomFloats(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		switch rng.IntN(8) {
		case 0:
		case 1:
			x[i] = float32(math.Copysign(0, -1))
		default:
			x[i] = float32(rng.NormFloat64())
		}
	}
	return x
}
