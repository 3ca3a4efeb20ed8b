package lstm

import "math"

// Smooth functions in the manner of function.go, most of them x times a curve
// that rises from 0 to 1.

// vanishing bounds the arguments below which a curve that falls like e^x is
// beyond float32, and its product with x a zero.
const vanishing = -150

func silu(x float32) float32 {
	if x < vanishing {
		return x * 0 // as in Keras: -0, and NaN for -Inf
	}
	v := float64(x)
	return float32(v / (1 + exp(-v)))
}

// mish uses tanh(log(1 + e)) = (e² + 2e) / (e² + 2e + 2).
func mish(x float32) float32 {
	switch {
	case x < vanishing:
		return x * 0
	case x > -vanishing:
		return x
	}
	v := float64(x)
	e := exp(v)
	n := float64(e * (e + 2))
	return float32(float64(v*n) / (n + 2))
}

// gelu is x Φ(x) = x erfc(-x / √2) / 2.
func gelu(x float32) float32 {
	v := float64(x)
	z := float64(math.Abs(v) * (1 / math.Sqrt2))
	tail := erfc(z) / 2
	if v > 0 {
		tail = 1 - tail
	} else if x < vanishing {
		return x * 0
	}
	return float32(v * tail)
}

// erfc returns the complementary error function of z >= 0 with a relative
// error below 2e-9, of which exp has the largest part.
//
// erfc(z) = t p(2t - 1) e^-z² with t = 2/(2+z); p interpolates the smooth
// factor in the 16 Chebyshev nodes of [-1, 1] (relative error 2.4e-11).
func erfc(z float64) float64 {
	t := 2 / (2 + z)
	u := float64(2*t) - 1
	p := 0.0
	for i := len(erfcTerms) - 1; i >= 0; i-- {
		p = erfcTerms[i] + float64(u*p)
	}
	return float64(float64(t*p) * exp(-float64(z*z)))
}

var erfcTerms = [16]float64{
	0.5107913526170799, 0.3435803421995458, 0.13973604678593202, 0.018221116695281214,
	-0.010755342113518697, -0.0032396122891126555, 0.0015454033371611292, 0.00041880562229418874,
	-0.00033197319494717055, -1.7800707768326103e-05, 7.336797743245334e-05, -1.5783957587540398e-05,
	-1.2639723273602358e-05, 6.604374616938672e-06, 1.180200587855976e-06, -1.067831205913722e-06,
}

// tanhShrink is x - tanh(x), near 0 by its series: the difference would lose
// all digits there. The first term left out is 1e-8 of the sum at 1/4.
func tanhShrink(x float32) float32 {
	v := float64(x)
	if -0.25 < v && v < 0.25 {
		s := float64(v * v)
		p := 1382.0 / 155925
		p = -62.0/2835 + float64(s*p)
		p = 17.0/315 + float64(s*p)
		p = -2.0/15 + float64(s*p)
		p = 1.0/3 + float64(s*p)
		return float32(float64(s*v) * p)
	}
	e := exp(2 * v)
	return float32(v - (e-1)/(e+1))
}

// squarePlus is (x + r) / 2 with r = sqrt(x² + 4), below 0 written as
// 2 / (r - x), which does not cancel.
func squarePlus(x float32) float32 {
	v := float64(x)
	r := math.Sqrt(float64(v*v) + 4)
	if v < 0 {
		return float32(2 / (r - v))
	}
	return float32((v + r) / 2)
}

func logSigmoid(x float32) float32 { return -softplus(-x) }
