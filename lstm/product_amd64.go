//go:build !noasm && !safe && !gccgo

package lstm

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// productBlock is product for at most productRows×productCols elements of C.
//
// It names gonum's implementation instead of going through blas32, so that a
// program that registers another BLAS does not change the engine's bits.
func productBlock(c []float32, ldc int, a []float32, lda int, b []float32, ldb int, m, n, k int) {
	gonum.Implementation{}.Sgemm(blas.NoTrans, blas.NoTrans, m, n, k, 1, a, lda, b, ldb, 1, c, ldc)
}
