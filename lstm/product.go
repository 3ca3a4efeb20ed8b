package lstm

// product adds A·B to C, where A is m×k with rows lda apart, B is k×n with
// rows ldb apart and C is m×n with rows ldc apart:
//
//	c[i][j] += a[i][0] b[0][j] + a[i][1] b[1][j] + ...
//
// The terms are added one after the other in the order of k, each product and
// each sum rounded to float32, and terms with a[i][l] = 0 are left out. An
// element's bits therefore depend on its own row of A alone, never on m or on
// the place of the row in the batch.
func product(c []float32, ldc int, a []float32, lda int, b []float32, ldb int, m, n, k int) {
	for j := 0; j < n; j += productCols {
		cols := min(productCols, n-j)
		for i := 0; i < m; i += productRows {
			rows := min(productRows, m-i)
			productBlock(c[i*ldc+j:], ldc, a[i*lda:], lda, b[j:], ldb, rows, cols, k)
		}
	}
}

// One block stays below the size from which gonum would start goroutines for
// it (four blocks of 64×64), which costs allocations and helps nobody: the
// batch is what is spread over processors.
const (
	productRows = 64
	productCols = 192
)

// productGo is productBlock in plain Go.
func productGo(c []float32, ldc int, a []float32, lda int, b []float32, ldb int, m, n, k int) {
	for i := range m {
		ci := c[i*ldc:][:n]
		for l, v := range a[i*lda:][:k] {
			if v == 0 {
				continue
			}
			bl := b[l*ldb:][:len(ci)]
			for j := range ci {
				ci[j] += float32(v * bl[j])
			}
		}
	}
}
