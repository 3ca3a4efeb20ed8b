package lstm

import (
	"fmt"
	"math"
	"slices"
)

// The reference: every operation in float64, one row at a time, written from
// the definitions with plain loops. It shares no code with the engine.

// refValue is what a node computes for one row.
type refValue struct {
	shape []int
	ids   []int32
	mask  []bool
	x     []float64
}

// at returns step t of a [T][D] value.
func (v refValue) at(t int) []float64 {
	d := v.shape[1]
	return v.x[t*d : t*d+d]
}

// reference runs one row of a batch through a graph.
func reference(g Graph, params map[string]Tensor, in []Input, row, rows int) [][]float64 {
	// Between FoldSteps and UnfoldSteps a row has several values.
	values := map[string][]refValue{}
	for k, name := range g.Inputs {
		n := slices.IndexFunc(g.Nodes, func(n Node) bool { return n.Name == name })
		v := refValue{shape: in[k].Shape}
		if v.shape == nil {
			v.shape = g.Nodes[n].Shape
		}
		size := 1
		for _, d := range v.shape {
			size *= d
		}
		if in[k].IDs != nil {
			v.ids = in[k].IDs[row*size:][:size]
		} else {
			for _, x := range in[k].Values[row*size:][:size] {
				v.x = append(v.x, float64(x))
			}
		}
		values[name] = []refValue{v}
	}
	for _, n := range g.Nodes {
		if n.Op == OpInput {
			continue
		}
		var weights [][]float64
		for _, name := range n.Params {
			var w []float64
			t := params[name]
			for _, x := range t.Data {
				w = append(w, float64(x))
			}
			for i, q := range t.Int8 {
				at := i % t.Shape[1]
				if t.ScaleByRow {
					at = i / t.Shape[1]
				}
				w = append(w, float64(q)*float64(t.Scale[at]))
			}
			weights = append(weights, w)
		}
		dim := 0 // of an embedding
		if n.Op == OpEmbedding {
			dim = params[n.Params[0]].Shape[1]
		}
		// A state within ±1 is rounded to a multiple of 1/127 where it meets a
		// recurrent kernel of bytes.
		bytes := len(n.Params) > 1 && params[n.Params[1]].Int8 != nil &&
			n.Activation == "tanh" && slices.Contains([]Activation{"sigmoid", "hard_sigmoid_keras2", "hard_sigmoid_keras3"}, n.RecurrentActivation) && len(n.Inputs) == 1
		var shapes [][]int
		for _, name := range n.Params {
			shapes = append(shapes, params[name].Shape)
		}
		switch n.Op {
		case OpFoldSteps:
			for _, v := range values[n.Inputs[0]] {
				values[n.Name] = append(values[n.Name], v.steps()...)
			}
			continue
		case OpUnfoldSteps:
			from := values[n.Inputs[0]]
			steps := len(from) / len(values[n.Inputs[1]])
			for i := 0; i < len(from); i += steps {
				values[n.Name] = append(values[n.Name], joinSteps(from[i:i+steps]))
			}
			continue
		}
		for i := range values[n.Inputs[0]] {
			var args []refValue
			for _, name := range n.Inputs {
				args = append(args, values[name][i])
			}
			masks := map[string][]bool{}
			for _, name := range append([]string{n.Mask}, n.Masks...) {
				if name != "" {
					masks[name] = values[name][i].mask
				}
			}
			var v refValue
			if v, ok := refLayer(n, args[0], weights, shapes); ok {
				values[n.Name] = append(values[n.Name], v)
				continue
			}
			switch n.Op {
			case OpAttention:
				v = refAttention(n, args, masks, weights)
			case OpMultiHeadAttention:
				v = refMultiHead(n, args, masks, weights)
			default:
				v = refNode(n, args, masks[n.Mask], weights, dim, bytes)
			}
			values[n.Name] = append(values[n.Name], v)
		}
	}
	var out [][]float64
	for _, name := range g.Outputs {
		out = append(out, values[name][0].x)
	}
	return out
}

func refNode(n Node, args []refValue, mask []bool, w [][]float64, dim int, bytes bool) refValue {
	in := args[0]
	switch n.Op {
	case OpEmbedding:
		out := refValue{shape: append(slices.Clone(in.shape), dim)}
		for _, id := range in.ids {
			out.x = append(out.x, w[0][int(id)*dim:][:dim]...)
		}
		return out
	case OpMaskIDs:
		out := refValue{shape: in.shape}
		for _, id := range in.ids {
			out.mask = append(out.mask, id != 0)
		}
		return out
	case OpMaskSteps:
		out := refValue{shape: in.shape[:1]}
		for t := range in.shape[0] {
			out.mask = append(out.mask, slices.ContainsFunc(in.at(t), func(x float64) bool { return x != float64(n.MaskValue) }))
		}
		return out
	case OpMaskAnd, OpMaskOr:
		out := refValue{shape: in.shape, mask: slices.Clone(in.mask)}
		for _, a := range args[1:] {
			for i, real := range a.mask {
				if n.Op == OpMaskAnd {
					out.mask[i] = out.mask[i] && real
				} else {
					out.mask[i] = out.mask[i] || real
				}
			}
		}
		return out
	case OpMaskAny:
		out := refValue{shape: in.shape[:1]}
		for _, part := range in.steps() {
			out.mask = append(out.mask, slices.Contains(part.mask, true))
		}
		return out
	case OpApplyMask:
		out := refValue{shape: in.shape, x: slices.Clone(in.x)}
		for t, real := range mask {
			if !real {
				clear(out.at(t))
			}
		}
		return out
	case OpLSTM, OpGRU, OpSimpleRNN:
		return refRecurrent(n, in, args[1:], mask, w, bytes)
	case OpDense:
		d := in.shape[len(in.shape)-1]
		out := refValue{shape: append(slices.Clone(in.shape[:len(in.shape)-1]), n.Units)}
		for from := 0; from < len(in.x); from += d {
			y := make([]float64, n.Units)
			for j := range y {
				if len(w) > 1 {
					y[j] = w[1][j]
				}
				for k := range d {
					y[j] += in.x[from+k] * w[0][k*n.Units+j]
				}
			}
			out.x = append(out.x, refActivate(n.Activation, y)...)
		}
		return out
	case OpActivation:
		if n.Activation != Softmax && laneFunction(n.Activation) == nil {
			return refValue{shape: in.shape, x: refActivate(n.Activation, in.x)}
		}
		axis := n.Axis
		if axis < 0 {
			axis += len(in.shape)
		}
		out := refValue{shape: slices.Clone(in.shape), x: slices.Clone(in.x)}
		stride := 1
		for _, d := range in.shape[axis+1:] {
			stride *= d
		}
		size := in.shape[axis]
		kept := size
		if n.Activation == GLU {
			kept /= 2
			out.shape[axis], out.x = kept, out.x[:len(in.x)/2]
		}
		for i := range in.x {
			if i/stride%size != 0 {
				continue
			}
			var lane []float64
			for k := range size {
				lane = append(lane, in.x[i+k*stride])
			}
			for k, y := range refActivate(n.Activation, lane) {
				out.x[i/(size*stride)*(kept*stride)+i%(size*stride)+k*stride] = y
			}
		}
		return out
	case OpFlatten:
		return refValue{shape: []int{len(in.x)}, x: in.x}
	case OpGlobalMaxPool:
		out := refValue{shape: in.shape[1:], x: slices.Clone(in.at(0))}
		for t := range in.shape[0] {
			for j, x := range in.at(t) {
				out.x[j] = math.Max(out.x[j], x)
			}
		}
		return out
	case OpGlobalAveragePool:
		out := refValue{shape: in.shape[1:], x: make([]float64, in.shape[1])}
		count := 0.0
		for t := range in.shape[0] {
			if mask != nil && !mask[t] {
				continue
			}
			count++
			for j, x := range in.at(t) {
				out.x[j] += x
			}
		}
		for j := range out.x {
			out.x[j] /= count
		}
		return out
	case OpAdd, OpSubtract, OpMultiply, OpAverage, OpMaximum, OpMinimum:
		return refMerge(n.Op, args)
	case OpReverse:
		out := refValue{shape: in.shape}
		for t := in.shape[0] - 1; t >= 0; t-- {
			out.x = append(out.x, in.at(t)...)
		}
		return out
	case OpFillMasked, OpSelect:
		out := refValue{shape: in.shape, x: slices.Clone(in.x)}
		for t, real := range mask {
			if real {
				continue
			}
			for j := range out.at(t) {
				if n.Op == OpSelect {
					out.at(t)[j] = args[1].at(t)[j]
				} else {
					out.at(t)[j] = float64(n.MaskValue)
				}
			}
		}
		return out
	case OpDot:
		return refDot(args[0], args[1])
	case OpConcatenate:
		if len(in.shape) == 1 {
			out := refValue{}
			for _, a := range args {
				out.x = append(out.x, a.x...)
			}
			out.shape = []int{len(out.x)}
			return out
		}
		if n.Axis == 0 {
			out := refValue{shape: []int{0, in.shape[1]}}
			for _, a := range args {
				out.x = append(out.x, a.x...)
				out.shape[0] += a.shape[0]
			}
			return out
		}
		out := refValue{shape: []int{in.shape[0], 0}}
		for t := range in.shape[0] {
			for _, a := range args {
				out.x = append(out.x, a.at(t)...)
			}
		}
		out.shape[1] = len(out.x) / in.shape[0]
		return out
	}
	panic("reference: " + string(n.Op))
}

func refRecurrent(n Node, in refValue, initial []refValue, mask []bool, w [][]float64, bytes bool) refValue {
	u, T := n.Units, in.shape[0]
	gates := map[Op]int{OpLSTM: 4, OpGRU: 3, OpSimpleRNN: 1}[n.Op]
	// affine returns b + x·W for gate g of a kernel [len(x)][gates*u].
	affine := func(x, kernel, bias []float64, g int) []float64 {
		y := make([]float64, u)
		for j := range y {
			if bias != nil {
				y[j] = bias[g*u+j]
			}
			for k := range x {
				y[j] += x[k] * kernel[k*gates*u+g*u+j]
			}
		}
		return y
	}
	// state returns h as it meets the recurrent kernel.
	state := func(h []float64) []float64 {
		if !bytes {
			return h
		}
		y := slices.Clone(h)
		for i := range y {
			y[i] = math.RoundToEven(127*y[i]) / 127
		}
		return y
	}
	join := func(a, b []float64, f func(a, b float64) float64) []float64 {
		y := make([]float64, len(a))
		for i := range y {
			y[i] = f(a[i], b[i])
		}
		return y
	}
	sum := func(a, b float64) float64 { return a + b }
	times := func(a, b float64) float64 { return a * b }

	var bias, recurrentBias []float64
	if len(w) > 2 {
		bias = w[2][:gates*u]
		if n.Op == OpGRU && n.ResetAfter {
			recurrentBias = w[2][gates*u:]
		}
	}
	h, c := make([]float64, u), make([]float64, u)
	for i, to := range []*[]float64{&h, &c} {
		if i < len(initial) {
			*to = initial[i].x
		}
	}
	before := make([]float64, u) // the output before
	outputs := make([][]float64, T)
	var order []int
	for t := range T {
		order = append(order, t)
	}
	if n.GoBackwards {
		slices.Reverse(order)
	}
	for s, t := range order {
		if mask != nil && !mask[t] {
			if n.ZeroOutputForMask {
				before = make([]float64, u)
			}
			outputs[s] = before
			continue
		}
		x := in.at(t)
		r, a := n.RecurrentActivation, n.Activation
		gate := func(g int) []float64 {
			return join(affine(x, w[0], bias, g), affine(state(h), w[1], recurrentBias, g), sum)
		}
		if n.Op == OpSimpleRNN {
			h = refActivate(a, gate(0))
		} else if n.Op == OpLSTM {
			i, f := refActivate(r, gate(0)), refActivate(r, gate(1))
			g, o := refActivate(a, gate(2)), refActivate(r, gate(3))
			c = join(join(f, c, times), join(i, g, times), sum)
			h = join(o, refActivate(a, c), times)
		} else {
			z, r := refActivate(r, gate(0)), refActivate(r, gate(1))
			var g []float64
			if n.ResetAfter {
				g = join(affine(x, w[0], bias, 2), join(r, affine(state(h), w[1], recurrentBias, 2), times), sum)
			} else {
				g = join(affine(x, w[0], bias, 2), affine(state(join(r, h, times)), w[1], nil, 2), sum)
			}
			g = refActivate(a, g)
			next := make([]float64, u)
			for k := range next {
				next[k] = z[k]*h[k] + (1-z[k])*g[k]
			}
			h = next
		}
		outputs[s], before = h, h
	}
	switch {
	case n.State == HiddenState:
		return refValue{shape: []int{u}, x: h}
	case n.State == CellState:
		return refValue{shape: []int{u}, x: c}
	case !n.ReturnSequences:
		return refValue{shape: []int{u}, x: outputs[T-1]}
	}
	if n.GoBackwards && n.TimeOrder {
		slices.Reverse(outputs)
	}
	return refValue{shape: []int{T, u}, x: slices.Concat(outputs...)}
}

// refActivate returns the activation of each element of x, or their softmax.
func refActivate(f Activation, x []float64) []float64 {
	y := slices.Clone(x)
	if f == Softmax {
		top, sum := slices.Max(x), 0.0
		for i := range y {
			y[i] = math.Exp(y[i] - top)
			sum += y[i]
		}
		for i := range y {
			y[i] /= sum
		}
		return y
	}
	if laneFunction(f) != nil {
		return refLane(f, x)
	}
	for i := range y {
		y[i] = refFunction(f, y[i])
	}
	return y
}

func refFunction(f Activation, x float64) float64 {
	switch f {
	case Linear:
		return x
	case Sigmoid:
		return 1 / (1 + math.Exp(-x))
	case Tanh:
		return math.Tanh(x)
	case HardSigmoidKeras2:
		return min(max(0.2*x+0.5, 0), 1)
	case HardSigmoidKeras3:
		return min(max(x/6+0.5, 0), 1)
	case ReLU:
		return max(x, 0)
	case Softplus:
		return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x)))
	case Softsign:
		return x / (1 + math.Abs(x))
	case ELU:
		if x < 0 {
			return math.Expm1(x)
		}
		return x
	case SELU:
		if x < 0 {
			return 1.0507009873554805 * 1.6732632423543772 * math.Expm1(x)
		}
		return 1.0507009873554805 * x
	case Exponential:
		return math.Exp(x)
	}
	if y, ok := refCurve(f, x); ok {
		return y
	}
	panic(fmt.Sprintf("reference: activation %q", f))
}
