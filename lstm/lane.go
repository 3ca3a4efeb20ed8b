package lstm

import (
	"math"
	"slices"
)

// laneFunction returns the function of an activation that works on the elements
// along one axis, nil for all others, Softmax among them. It replaces the
// elements of x; sorted is as long and free to use.
func laneFunction(a Activation) func(x, sorted []float64) {
	switch a {
	case LogSoftmax:
		return logSoftmax
	case Sparsemax:
		return sparsemax
	case GLU:
		return glu
	}
	return nil
}

// logSoftmax sets x_i to x_i - max - log(sum_j exp(x_j - max)).
func logSoftmax(x, _ []float64) {
	top := x[0]
	for _, v := range x {
		if v > top || v != v {
			top = v // NaN once found stays: no comparison holds
		}
	}
	sum := 0.0
	for _, v := range x {
		sum += exp(v - top)
	}
	sum = logarithm(sum)
	for i, v := range x {
		x[i] = v - top - sum
	}
}

// logarithm returns log(v) for v >= 1, NaN for NaN.
func logarithm(v float64) float64 {
	m, e := math.Frexp(v) // v = m 2^e with m in [1/2, 1)
	return float64(float64(e-1)*math.Ln2) + log1p(2*m-1)
}

// sparsemax sets x_i to max(x_i - τ, 0). With z the elements in descending
// order, s_j = z_1 + ... + z_j, and k the number of j with z_j > (s_j - 1) / j,
//
//	τ = (s_1 + ... + s_k - 1) / k
//
// Keras computes it so. The function of that name (Martins
// and Astudillo 2016, "From Softmax to Sparsemax") has s_k for the sum of the
// s_j, and elements that add up to 1; for k = 1 both are the same. Which j count
// is decided with roundings to float32, as there: the result jumps with k.
func sparsemax(x, sorted []float64) {
	for _, v := range x {
		if v-v != 0 { // NaN or infinite
			for i := range x {
				x[i] = math.NaN()
			}
			return
		}
	}
	copy(sorted, x)
	slices.Sort(sorted)
	var s float32
	sum, k := 0.0, 0.0
	for j := range x {
		z := float32(sorted[len(x)-1-j])
		s += z
		if z-float32((s-1)/float32(j+1)) > 0 {
			sum += float64(s)
			k++
		}
	}
	tau := (sum - 1) / k
	for i, v := range x {
		x[i] = max(v-tau, 0)
	}
}

// glu multiplies the first half of x by the sigmoid of the second.
func glu(x, _ []float64) {
	a, b := x[:len(x)/2], x[len(x)/2:]
	for i := range a {
		a[i] /= 1 + exp(-b[i])
	}
}
