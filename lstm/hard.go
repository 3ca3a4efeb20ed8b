package lstm

// Functions of straight pieces (and one parabola). NaN, which fails every
// comparison, stays NaN but where Keras makes 0 of it.

// limit returns x within [low, high].
func limit(x, low, high float32) float32 {
	if x < low {
		return low
	}
	if x > high {
		return high
	}
	return x
}

func relu6(x float32) float32    { return limit(x, 0, 6) }
func hardTanh(x float32) float32 { return limit(x, -1, 1) }

func leakyReLU(x float32) float32 {
	const slope = 0.2
	if x < 0 {
		return slope * x
	}
	return x
}

func hardSiLU(x float32) float32 {
	v := float64(x)
	return float32(v * min(max(v/6+0.5, 0), 1))
}

// shrink is the half width of what hardShrink and softShrink make 0.
const shrink = 0.5

func hardShrink(x float32) float32 {
	if x > shrink || x < -shrink {
		return x
	}
	return 0
}

func softShrink(x float32) float32 {
	switch {
	case x > shrink:
		return x - shrink
	case x < -shrink:
		return x + shrink
	}
	return 0
}

func sparsePlus(x float32) float32 {
	if x <= -1 {
		return 0
	}
	if x < 1 {
		v := float64(x) + 1
		return float32(float64(v*v) / 4)
	}
	return x
}

func sparseSigmoid(x float32) float32 { return clip01((float64(x) + 1) / 2) }
