package lstm

import "math"

// The functions below take and return float32 and compute in float64. Every
// product that a sum follows is rounded on its own through an explicit
// conversion, so that no compiler fuses the two and every processor gives the
// same bits.

const (
	log2e = 1 / math.Ln2

	// roundShift added to a float64 of magnitude below 2^51 leaves its nearest
	// integer in the low bits of the sum.
	roundShift = 3 << 51

	// exp2Limit bounds the exponents of exp: 2^±200 is beyond every float32,
	// and far within float64.
	exp2Limit = 200

	// tiny bounds the arguments for which tanh(x) is x: there x³/3, the next
	// term, is below 1e-12.
	tiny = 1.0 / 8192
)

// exp returns e^x with a relative error below 2e-10, NaN for NaN; above 2^200
// and below 2^-200 it returns those bounds.
//
// e^x = 2^k 2^r with k the integer nearest to x log2(e) and r in [-1/2, 1/2];
// 2^r = 1 + r q(r), where q interpolates (2^r - 1)/r in the 7 Chebyshev nodes
// of that interval (relative error 1.1e-10, and exactly 1 at r = 0).
func exp(x float64) float64 {
	const (
		q0 = 0.6931471805599453
		q1 = 0.24022650922288757
		q2 = 0.055504108839096185
		q3 = 0.009618056678524637
		q4 = 0.001333350238616277
		q5 = 0.0001546144469856913
		q6 = 1.5297323760701075e-05
	)
	t := float64(x * log2e)
	if t > exp2Limit {
		t = exp2Limit
	} else if t < -exp2Limit {
		t = -exp2Limit
	}
	k := t + roundShift
	r := t - (k - roundShift)
	// Two short chains in r² are faster than one long one.
	r2 := float64(r * r)
	odd := q1 + float64(r2*(q3+float64(r2*q5)))
	even := q0 + float64(r2*(q2+float64(r2*(q4+float64(r2*q6)))))
	q := even + float64(r*odd)
	p := 1 + float64(r*q)
	return float64(p * math.Float64frombits((math.Float64bits(k)+1023)<<52))
}

// sigmoid returns 1 / (1 + e^-x).
func sigmoid(x float32) float32 {
	return float32(1 / (1 + exp(-float64(x))))
}

// tanh returns the hyperbolic tangent of x.
func tanh(x float32) float32 {
	if -tiny < x && x < tiny {
		return x
	}
	e := exp(2 * float64(x))
	return float32((e - 1) / (e + 1))
}

// expm1 returns e^x - 1 for x <= 0.
func expm1(x float64) float64 {
	if x > -tiny { // the difference would lose what distinguishes e^x from 1
		return x + float64(float64(x*x)/2)
	}
	return exp(x) - 1
}

// log1p returns log(1 + u) for u in [0, 1], as 2 artanh(u / (2+u)): with
// s <= 1/3 the first term left out of the series is below 1e-12.
func log1p(u float64) float64 {
	s := u / (2 + u)
	s2 := float64(s * s)
	sum := 0.0
	for n := 21; n >= 1; n -= 2 {
		sum = 1/float64(n) + float64(s2*sum)
	}
	return float64(2 * float64(s*sum))
}

func softplus(x float32) float32 {
	v := float64(x)
	return float32(math.Max(v, 0) + log1p(exp(-math.Abs(v))))
}

func clip01(v float64) float32 {
	if v < 0 {
		return 0
	}
	if v > 1 {
		return 1
	}
	return float32(v) // NaN stays NaN
}

func hardSigmoidKeras2(x float32) float32 { return clip01(float64(0.2*float64(x)) + 0.5) }
func hardSigmoidKeras3(x float32) float32 { return clip01(float64(x)/6 + 0.5) }

func relu(x float32) float32 {
	if x < 0 {
		return 0
	}
	return x // NaN stays NaN
}

func softsign(x float32) float32 {
	v := float64(x)
	return float32(v / (1 + math.Abs(v)))
}

func elu(x float32) float32 {
	if x < 0 {
		return float32(expm1(float64(x)))
	}
	return x
}

// Constants of SELU: Klambauer et al. 2017, "Self-Normalizing Neural
// Networks", as Keras has them.
const (
	seluAlpha = 1.6732632423543772848170429916717
	seluScale = 1.0507009873554804934193349852946
)

func selu(x float32) float32 {
	if x < 0 {
		return float32(float64(seluScale * seluAlpha * expm1(float64(x))))
	}
	return float32(float64(seluScale * float64(x)))
}

func exponential(x float32) float32 { return float32(exp(float64(x))) }

// apply replaces every element of x by f of it. The frequent functions have
// loops of their own, which the compiler inlines them into.
func (f Activation) apply(x []float32) {
	switch f {
	case Linear:
	case Sigmoid:
		for i, v := range x {
			x[i] = sigmoid(v)
		}
	case Tanh:
		for i, v := range x {
			x[i] = tanh(v)
		}
	case HardSigmoidKeras2:
		for i, v := range x {
			x[i] = hardSigmoidKeras2(v)
		}
	case HardSigmoidKeras3:
		for i, v := range x {
			x[i] = hardSigmoidKeras3(v)
		}
	case ReLU:
		for i, v := range x {
			x[i] = relu(v)
		}
	default:
		g := elementFunction(f)
		if g == nil {
			panic("lstm: activation " + string(f) + " has no elementwise form")
		}
		for i, v := range x {
			x[i] = g(v)
		}
	}
}

// elementFunction returns the function of an activation that needs no other
// element, nil for all others: Softmax and those that laneFunction has.
func elementFunction(a Activation) func(float32) float32 {
	switch a {
	case Linear:
		return func(x float32) float32 { return x }
	case Sigmoid:
		return sigmoid
	case Tanh:
		return tanh
	case HardSigmoidKeras2:
		return hardSigmoidKeras2
	case HardSigmoidKeras3:
		return hardSigmoidKeras3
	case ReLU:
		return relu
	case Softplus:
		return softplus
	case Softsign:
		return softsign
	case ELU:
		return elu
	case SELU:
		return selu
	case Exponential:
		return exponential
	case ReLU6:
		return relu6
	case LeakyReLU:
		return leakyReLU
	case SiLU:
		return silu
	case HardSiLU:
		return hardSiLU
	case GELU:
		return gelu
	case Mish:
		return mish
	case HardTanh:
		return hardTanh
	case HardShrink:
		return hardShrink
	case SoftShrink:
		return softShrink
	case TanhShrink:
		return tanhShrink
	case SquarePlus:
		return squarePlus
	case SparsePlus:
		return sparsePlus
	case SparseSigmoid:
		return sparseSigmoid
	case LogSigmoid:
		return logSigmoid
	}
	return nil
}

// softmax replaces the n elements x[0], x[stride], ... by
// exp(x_i - max) / sum_j exp(x_j - max).
func softmax(x []float32, n, stride int) {
	top := x[0]
	for i := range n {
		if v := x[i*stride]; v > top || v != v {
			top = v // NaN once found stays: no comparison holds
		}
	}
	sum := 0.0
	for i := range n {
		e := float32(exp(float64(x[i*stride] - top)))
		x[i*stride] = e
		sum += float64(e)
	}
	for i := range n {
		x[i*stride] = float32(float64(x[i*stride]) / sum)
	}
}
