package lstm

import (
	"math"
	"slices"
)

// refLayer is refNode for the operations without recurrence that came later.
// shapes are those of the weights.
func refLayer(n Node, in refValue, w [][]float64, shapes [][]int) (refValue, bool) {
	switch n.Op {
	case OpReLU, OpELU:
		return refEach(in, func(i int, x float64) float64 {
			switch {
			case n.Op == OpELU && x < 0:
				return float64(n.Alpha) * math.Expm1(x)
			case n.Op == OpELU:
				return x
			case x <= float64(n.Threshold):
				return float64(n.Alpha) * (x - float64(n.Threshold))
			case n.MaxValue > 0:
				return min(x, float64(n.MaxValue))
			}
			return x
		}), true
	case OpPReLU:
		return refEach(in, func(i int, x float64) float64 {
			at := refIndex(i, in.shape)
			for k, d := range shapes[0] {
				at[k] %= d // 0 where alpha has one element
			}
			return max(x, 0) + w[0][refOffset(at, shapes[0])]*min(x, 0)
		}), true
	case OpReshape:
		out := refValue{shape: slices.Clone(n.Shape), x: in.x}
		known := 1
		for _, d := range out.shape {
			if d > 0 {
				known *= d
			}
		}
		for i, d := range out.shape {
			if d < 0 {
				out.shape[i] = len(in.x) / known
			}
		}
		return out, true
	case OpPermute:
		out := refValue{x: make([]float64, len(in.x))}
		for _, a := range n.Axes {
			out.shape = append(out.shape, in.shape[a])
		}
		for i := range out.x {
			to := refIndex(i, out.shape)
			from := make([]int, len(to))
			for k, a := range n.Axes {
				from[a] = to[k]
			}
			out.x[i] = in.x[refOffset(from, in.shape)]
		}
		return out, true
	case OpRepeat:
		out := refValue{shape: []int{in.shape[0] * n.Size, in.shape[1]}}
		for t := range in.shape[0] {
			for range n.Size {
				out.x = append(out.x, in.at(t)...)
			}
		}
		return out, true
	case OpPad:
		out := refValue{shape: []int{n.Before + in.shape[0] + n.After, in.shape[1]}}
		out.x = slices.Concat(make([]float64, n.Before*in.shape[1]), in.x, make([]float64, n.After*in.shape[1]))
		return out, true
	case OpCrop:
		d := in.shape[1]
		return refValue{shape: []int{in.shape[0] - n.Before - n.After, d}, x: in.x[n.Before*d : len(in.x)-n.After*d]}, true
	case OpConv1D, OpDepthwiseConv1D, OpMaxPool, OpAveragePool:
		return refWindows(n, in, w, shapes), true
	case OpBatchNorm, OpLayerNorm, OpGroupNorm, OpVarianceNorm, OpRMSNorm, OpUnitNorm:
		return refNorm(n, in, w), true
	}
	return refValue{}, false
}

func refEach(in refValue, f func(i int, x float64) float64) refValue {
	out := refValue{shape: in.shape}
	for i, x := range in.x {
		out.x = append(out.x, f(i, x))
	}
	return out
}

// refIndex returns the indices of the i-th element of a shape, refOffset its
// number.
func refIndex(i int, shape []int) []int {
	at := make([]int, len(shape))
	for k := len(shape) - 1; k >= 0; k-- {
		at[k] = i % shape[k]
		i /= shape[k]
	}
	return at
}

func refOffset(at, shape []int) int {
	i := 0
	for k, d := range shape {
		i = i*d + at[k]
	}
	return i
}

func refWindows(n Node, in refValue, w [][]float64, shapes [][]int) refValue {
	T, D := in.shape[0], in.shape[1]
	dilation := max(n.Dilation, 1)
	reach := (n.Size-1)*dilation + 1
	var count, before int
	switch n.Padding {
	case Valid:
		for count*n.Stride+reach <= T {
			count++
		}
	case Same:
		count = int(math.Ceil(float64(T) / float64(n.Stride)))
		if all := (count-1)*n.Stride + reach - T; all > 0 {
			before = all / 2
		}
	case Causal:
		count, before = int(math.Ceil(float64(T)/float64(n.Stride))), reach-1
	}
	out := refValue{shape: []int{count, D}}
	for i := range count {
		var window [][]float64 // nil = outside
		for k := range n.Size {
			if t := i*n.Stride + k*dilation - before; t >= 0 && t < T {
				window = append(window, in.at(t))
			} else {
				window = append(window, nil)
			}
		}
		var y []float64
		switch n.Op {
		case OpConv1D:
			groups := max(n.Groups, 1)
			dim, units := D/groups, n.Units/groups
			y = make([]float64, n.Units)
			for j := range y {
				for k, x := range window {
					for d := range dim {
						if x != nil {
							y[j] += x[j/units*dim+d] * w[0][(k*dim+d)*n.Units+j]
						}
					}
				}
			}
		case OpDepthwiseConv1D:
			y = make([]float64, shapes[0][1])
			for j := range y {
				for k, x := range window {
					if x != nil {
						y[j] += x[j/(len(y)/D)] * w[0][k*len(y)+j]
					}
				}
			}
		default:
			y = make([]float64, D)
			for d := range y {
				top, sum, real := math.Inf(-1), 0.0, 0.0
				for _, x := range window {
					if x != nil {
						top, sum, real = math.Max(top, x[d]), sum+x[d], real+1
					}
				}
				if y[d] = top; n.Op == OpAveragePool {
					y[d] = sum / real
				}
			}
		}
		if len(w) > 1 {
			for j := range y {
				y[j] += w[1][j]
			}
		}
		out.x = append(out.x, refActivate(n.Activation, y)...)
		out.shape[1] = len(y)
	}
	return out
}

func refNorm(n Node, in refValue, w [][]float64) refValue {
	eps := float64(n.Epsilon)
	axis := n.Axis
	if axis < 0 {
		axis += len(in.shape)
	}
	axes := n.Axes
	if n.Op == OpBatchNorm || n.Op == OpGroupNorm {
		axes = []int{axis}
	}
	return refEach(in, func(i int, x float64) float64 {
		at := refIndex(i, in.shape)
		// The elements measured together with this one.
		var set []float64
		for j, v := range in.x {
			other := refIndex(j, in.shape)
			same := true
			for k := range at {
				switch {
				case n.Op == OpGroupNorm:
					size := in.shape[axis] / n.Groups
					same = same && (k != axis || at[k]/size == other[k]/size)
				case !slices.Contains(axes, k):
					same = same && at[k] == other[k]
				}
			}
			if same {
				set = append(set, v)
			}
		}
		place := 0
		for _, a := range axes {
			place = place*in.shape[a] + at[a]
		}
		mean, square := 0.0, 0.0
		for _, v := range set {
			mean += v / float64(len(set))
			square += v * v
		}
		variance := 0.0
		for _, v := range set {
			variance += (v - mean) * (v - mean) / float64(len(set))
		}
		gamma, beta := 1.0, 0.0
		rest := w
		if n.Scale {
			gamma, rest = rest[0][place], rest[1:]
		}
		if n.Center {
			beta, rest = rest[0][place], rest[1:]
		}
		switch n.Op {
		case OpBatchNorm:
			return gamma*(x-rest[0][place])/math.Sqrt(rest[1][place]+eps) + beta
		case OpVarianceNorm:
			return gamma * x / math.Sqrt(variance+eps)
		case OpRMSNorm:
			return gamma * x / math.Sqrt(square/float64(len(set))+eps)
		case OpUnitNorm:
			return x / math.Max(math.Sqrt(square), eps)
		}
		return gamma*(x-mean)/math.Sqrt(variance+eps) + beta
	})
}

// refLane returns the activations that laneFunction has.
func refLane(f Activation, x []float64) []float64 {
	y := make([]float64, len(x))
	switch f {
	case LogSoftmax:
		for i, p := range refActivate(Softmax, x) {
			y[i] = math.Log(p)
		}
	case GLU:
		y = y[:len(x)/2]
		for i := range y {
			y[i] = x[i] / (1 + math.Exp(-x[len(y)+i]))
		}
	case Sparsemax:
		z := slices.Clone(x)
		slices.Sort(z)
		slices.Reverse(z)
		s, sums, k := 0.0, 0.0, 0.0
		for j, v := range z {
			s += v
			if v > (s-1)/float64(j+1) {
				sums, k = sums+s, k+1
			}
		}
		for i, v := range x {
			y[i] = math.Max(v-(sums-1)/k, 0)
		}
	}
	return y
}

// refCurve returns the functions that were added to refFunction's.
func refCurve(f Activation, x float64) (float64, bool) {
	logistic := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	clip := func(x, low, high float64) float64 { return math.Min(math.Max(x, low), high) }
	switch f {
	case ReLU6:
		return clip(x, 0, 6), true
	case LeakyReLU:
		if x < 0 {
			return 0.2 * x, true
		}
		return x, true
	case SiLU:
		return x * logistic(x), true
	case HardSiLU:
		return x * clip(x/6+0.5, 0, 1), true
	case GELU:
		return x * math.Erfc(-x/math.Sqrt2) / 2, true
	case Mish:
		return x * math.Tanh(math.Max(x, 0)+math.Log1p(math.Exp(-math.Abs(x)))), true
	case HardTanh:
		return clip(x, -1, 1), true
	case HardShrink:
		if math.Abs(x) > .5 {
			return x, true
		}
		return 0, true
	case SoftShrink:
		if math.IsNaN(x) {
			return 0, true
		}
		return math.Copysign(math.Max(math.Abs(x)-.5, 0), x), true
	case TanhShrink:
		return x - math.Tanh(x), true
	case SquarePlus:
		return (x + math.Hypot(x, 2)) / 2, true
	case SparsePlus:
		switch {
		case x <= -1:
			return 0, true
		case x < 1:
			return (x + 1) * (x + 1) / 4, true
		}
		return x, true
	case SparseSigmoid:
		return clip((x+1)/2, 0, 1), true
	case LogSigmoid:
		return -(math.Max(-x, 0) + math.Log1p(math.Exp(-math.Abs(x)))), true
	}
	return 0, false
}
