//go:build !amd64 || noasm || safe || gccgo

package lstm

// productBlock is product for at most productRows×productCols elements of C.
//
// gonum has assembly for amd64 alone. Its plain Go would be fused into
// multiply-add instructions on arm64 and elsewhere and give other bits than on
// amd64; productGo gives the same.
func productBlock(c []float32, ldc int, a []float32, lda int, b []float32, ldb int, m, n, k int) {
	productGo(c, ldc, a, lda, b, ldb, m, n, k)
}
