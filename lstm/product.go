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

// productGo is productBlock in plain Go. It takes four terms at a time, which
// reads and writes C a quarter as often, and adds them one by one all the same.
func productGo(c []float32, ldc int, a []float32, lda int, b []float32, ldb int, m, n, k int) {
	for i := range m {
		ci, ai := c[i*ldc:][:n], a[i*lda:][:k]
		l := 0
		for ; l+4 <= k; l += 4 {
			v0, v1, v2, v3 := ai[l], ai[l+1], ai[l+2], ai[l+3]
			if v0 == 0 || v1 == 0 || v2 == 0 || v3 == 0 {
				for d := range 4 {
					addScaled(ci, ai[l+d], b[(l+d)*ldb:])
				}
				continue
			}
			b0, b1 := b[l*ldb:][:len(ci)], b[(l+1)*ldb:][:len(ci)]
			b2, b3 := b[(l+2)*ldb:][:len(ci)], b[(l+3)*ldb:][:len(ci)]
			for j, sum := range ci {
				sum += float32(v0 * b0[j])
				sum += float32(v1 * b1[j])
				sum += float32(v2 * b2[j])
				sum += float32(v3 * b3[j])
				ci[j] = sum
			}
		}
		for ; l < k; l++ {
			addScaled(ci, ai[l], b[l*ldb:])
		}
	}
}

// addScaled adds v b to c, nothing if v is 0.
func addScaled(c []float32, v float32, b []float32) {
	if v == 0 {
		return
	}
	b = b[:len(c)]
	for j := range c {
		c[j] += float32(v * b[j])
	}
}
