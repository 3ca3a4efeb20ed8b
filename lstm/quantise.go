package lstm

import (
	"fmt"
	"math"
	"slices"

	"coldstream/internal/half"
	"coldstream/lstm/internal/kernel"
)

// maxByte is the largest element of Tensor.Int8; the least is its negative, so
// that products of two have room for their sign and pairs of them fit into 16
// bits.
const maxByte = 127

// maxScale bounds Tensor.Scale: the largest float32 that 127 times is finite.
const maxScale = 0x1.020406p121

// Quantise returns params with the weight matrices as bytes: those of
// Embeddings with a scale for each row, the kernels of LSTM, GRU, SimpleRNN and
// Dense nodes with one for each column. A channel's scale is its largest magnitude divided
// by 127, and an element is rounded to the nearest multiple of it, an even one
// in a tie. Biases stay as they are, and so does a matrix that nodes use in both
// ways.
//
// A Model of them computes with the float32 that Int8 and Scale stand for,
// except that a recurrent layer whose outputs lie within ±1 (tanh, with a
// sigmoid or hard sigmoid as recurrent activation) rounds its state h to bytes
// as well, 127 h, and multiplies it by the recurrent kernel in integers.
func Quantise(g Graph, params map[string]Tensor) (map[string]Tensor, error) {
	uses := tensorUses(g)
	out := make(map[string]Tensor, len(params))
	for name, t := range params {
		out[name] = t
		u := uses[name]
		if u == nil || u.mixed || !u.matrix || len(t.Shape) != 2 || t.Int8 != nil {
			continue
		}
		rows, cols := t.Shape[0], t.Shape[1]
		if rows < 1 || cols < 1 || t.Size() != rows*cols {
			continue // New says what is wrong with it
		}
		t = Tensor{Shape: t.Shape, Data: t.floats()}
		if at := notFinite(t.Data); at >= 0 {
			return nil, fmt.Errorf("lstm: node %q (%s): weight tensor %q has %v at element %d", u.node.Name, u.node.Op, name, t.Data[at], at)
		}
		out[name] = quantised(t, u.node.Op == OpEmbedding)
	}
	return out, nil
}

// quantised returns the matrix t as bytes.
func quantised(t Tensor, byRow bool) Tensor {
	cols := t.Shape[1]
	q := Tensor{Shape: slices.Clone(t.Shape), Int8: make([]int8, len(t.Data)), ScaleByRow: byRow}
	q.Scale = make([]float32, q.channels())
	for i, x := range t.Data {
		s := &q.Scale[q.channel(i, cols)]
		*s = max(*s, float32(math.Abs(float64(x))))
	}
	for i, s := range q.Scale {
		q.Scale[i] = min(s/maxByte, maxScale)
	}
	for i, x := range t.Data {
		if s := q.Scale[q.channel(i, cols)]; s > 0 {
			v := math.RoundToEven(float64(x) / float64(s))
			q.Int8[i] = int8(min(max(v, -maxByte), maxByte))
		}
	}
	return q
}

// channels returns how many scales a matrix of bytes has.
func (t *Tensor) channels() int {
	if t.ScaleByRow {
		return t.Shape[0]
	}
	return t.Shape[1]
}

// channel returns which scale is that of element i.
func (t *Tensor) channel(i, cols int) int {
	if t.ScaleByRow {
		return i / cols
	}
	return i % cols
}

// floats returns the elements as float32: Data, or what Half is, or
// Int8 * Scale.
func (t *Tensor) floats() []float32 {
	switch {
	case t.Half.present():
		data := make([]float32, t.Half.Len())
		for i := range data {
			data[i] = half.From(t.Half.At(i))
		}
		return data
	case t.Int8 == nil:
		return t.Data
	}
	data, cols := make([]float32, len(t.Int8)), t.Shape[1]
	for i, q := range t.Int8 {
		data[i] = float32(q) * t.Scale[t.channel(i, cols)]
	}
	return data
}

// check compares the slices with the shape.
func (t *Tensor) check() error {
	size, err := elements(t.Shape)
	if err != nil {
		return err
	}
	if t.Int8 == nil {
		if size != t.Size() || !positive(t.Shape) || t.Scale != nil || t.Half.present() && t.Data != nil {
			return fmt.Errorf("has shape %s and %d numbers", shapeString(t.Shape), t.Size())
		}
		return nil
	}
	scales := -1
	switch {
	case !positive(t.Shape):
	case len(t.Shape) == 2:
		scales = t.channels()
	case t.packedInt8() && !t.ScaleByRow:
		scales = 2 * t.Shape[2]
	}
	if size != len(t.Int8) || t.Data != nil || t.Half.present() || len(t.Scale) != scales {
		return fmt.Errorf("has shape %s, %d bytes and %d scales", shapeString(t.Shape), len(t.Int8), len(t.Scale))
	}
	return nil
}

// packedInt8 reports whether bytes are in the form of Pack.
func (t *Tensor) packedInt8() bool { return t.Int8 != nil && len(t.Shape) == 3 && t.Shape[0] == 1 }

// checkNumbers finds what no weight may be.
func (t *Tensor) checkNumbers() error {
	if at := notFinite(t.Data); at >= 0 {
		return fmt.Errorf("has %v at element %d: the weights of a trained model are finite numbers", t.Data[at], at)
	}
	for at := range t.Half.High {
		if h := t.Half.At(at); !half.Finite(h) {
			return fmt.Errorf("has %v at element %d: the weights of a trained model are finite numbers", half.From(h), at)
		}
	}
	if at := slices.Index(t.Int8, -maxByte-1); at >= 0 {
		return fmt.Errorf("has -128 at element %d: bytes are from -127 to 127", at)
	}
	scales := t.Scale
	if t.packedInt8() {
		scales = scales[:t.Shape[2]]
	}
	for i, s := range scales {
		if !(s >= 0 && s <= maxScale) {
			return fmt.Errorf("has the scale %v of channel %d: scales are from 0 to %v", s, i, float32(maxScale))
		}
	}
	return nil
}

// integers reports whether a node multiplies its state by bytes in integers:
// the state must lie within ±1.
func (n *Node) integers() bool {
	bounded := n.RecurrentActivation == Sigmoid || n.RecurrentActivation == HardSigmoidKeras2 || n.RecurrentActivation == HardSigmoidKeras3
	return (n.Op == OpLSTM || n.Op == OpGRU) && len(n.Inputs) == 1 && n.Activation == Tanh && bounded && n.Units <= kernel.MaxInt8Rows
}

// stateMatrix is matrix for the recurrent kernel, which multiplies states.
func (s *spec) stateMatrix(i int, what string, rows int, cols ...int) ([]matrix, error) {
	t := &s.params[i]
	if t.Int8 == nil || !s.integers() {
		return s.matrix(i, what, rows, cols...)
	}
	total, width, size := 0, 0, 0
	for _, n := range cols {
		total += n
		width += kernel.Width(n)
		size += kernel.Int8Len(rows, n)
	}
	packed := slices.Equal(t.Shape, []int{1, size / width, width})
	if !packed && (!slices.Equal(t.Shape, []int{rows, total}) || t.ScaleByRow) {
		return nil, fmt.Errorf("%s %q has shape %s with %d scales, expected %s with one for each column",
			what, s.Params[i], shapeString(t.Shape), len(t.Scale), shapeString([]int{rows, total}))
	}
	parts := make([]matrix, len(cols))
	for k, col, at, bytes := 0, 0, 0, 0; k < len(cols); k++ {
		n, w := cols[k], kernel.Width(cols[k])
		m := kernel.Int8{Rows: rows, Cols: n}
		if packed {
			m.Data = t.Int8[bytes:][:kernel.Int8Len(rows, n)]
			m.Factor, m.Offset = t.Scale[at:][:w], t.Scale[width+at:][:w]
			if !s.opts.TrustParams && !m.Valid() {
				return nil, fmt.Errorf("%s %q is not packed as it should be", what, s.Params[i])
			}
		} else {
			m = kernel.PackInt8(t.Int8[col:], t.Scale[col:], rows, n, total)
		}
		col, at, bytes = col+n, at+w, bytes+kernel.Int8Len(rows, n)
		parts[k] = matrix{set: s.set, rows: rows, cols: n, bytes: &m, dot: s.set.Dot()}
	}
	return parts, nil
}

// productOfStates is product for the states h, [n][kernel.Width(rows)], which a
// matrix of bytes rounds. The team and the working memory are those of r.
func (m *matrix) productOfStates(c []float32, ldc int, h []float32, n int, start []float32, r *rows) {
	width := kernel.Width(m.rows)
	if m.bytes == nil {
		m.product(c, ldc, h, width, n, start, r.team)
		return
	}
	r.bytes = grow(r.bytes, n*width)
	m.dot.Quantise(r.bytes, h[:n*width])
	m.dot.Product(c, ldc, r.bytes, width, n, m.bytes, start)
}

// packInt8 packs the parts of columns of a recurrent kernel of bytes.
func packInt8(t Tensor, cols []int) Tensor {
	rows, total := t.Shape[0], t.Shape[1]
	packed := Tensor{}
	var offsets []float32
	for k, from := 0, 0; k < len(cols); k++ {
		m := kernel.PackInt8(t.Int8[from:], t.Scale[from:], rows, cols[k], total)
		packed.Int8 = append(packed.Int8, m.Data...)
		packed.Scale = append(packed.Scale, m.Factor...)
		offsets = append(offsets, m.Offset...)
		from += cols[k]
	}
	packed.Shape = []int{1, len(packed.Int8) / len(offsets), len(offsets)}
	packed.Scale = append(packed.Scale, offsets...)
	return packed
}

// tensorUse is what the nodes of a graph do with a tensor.
type tensorUse struct {
	node     *Node // the first
	parts    []int // the widths of the matrices it is made of, nil if it is none to multiply with
	matrix   bool  // an embedding, or a matrix to multiply with
	integers bool  // with states
	mixed    bool  // nodes differ in it
}

func tensorUses(g Graph) map[string]*tensorUse {
	uses := map[string]*tensorUse{}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		for k, name := range n.Params {
			use := tensorUse{node: n, parts: packedParts(n, k)}
			use.matrix = use.parts != nil || n.Op == OpEmbedding
			use.integers = k == 1 && n.integers()
			u, ok := uses[name]
			if !ok {
				uses[name] = &use
			} else if !slices.Equal(u.parts, use.parts) || u.integers != use.integers || (u.node.Op == OpEmbedding) != (n.Op == OpEmbedding) {
				u.mixed = true
			}
		}
	}
	return uses
}
