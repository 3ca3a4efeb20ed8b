package lstm

import (
	"fmt"
	"slices"

	"coldstream/lstm/internal/kernel"
)

// matrix is a weight matrix, in the form that the model's kernels take: packed
// in panels, or as it is for gonum.
type matrix struct {
	set    kernel.Set // None = gonum
	packed kernel.Matrix
	plain  []float32 // [rows][stride]
	rows   int
	cols   int
	stride int

	// A recurrent kernel of bytes, in place of packed and plain.
	bytes *kernel.Int8
	dot   kernel.Dot
}

// width is the number of elements of a row of a product, the padding that
// kernels may write included.
func (m *matrix) width() int { return kernel.Width(m.cols) }

// product sets C to start + A·M, where A is [n][rows] with rows lda apart, C is
// [n][width] with rows ldc apart, and start is [width]:
//
//	c[i][j] = start[j] + a[i][0] m[0][j] + a[i][1] m[1][j] + ...
//
// The terms are added in this order, so that an element's bits depend on its
// own row of A alone. Padding of C is not defined afterwards. t may help.
func (m *matrix) product(c []float32, ldc int, a []float32, lda, n int, start []float32, t *team) {
	if t.worthwhile(m, n) {
		t.product(m, c, ldc, a, lda, n, start)
		return
	}
	if m.set != kernel.None {
		m.set.Product(c, ldc, a, lda, n, &m.packed, start)
		return
	}
	for i := range n {
		copy(c[i*ldc:][:m.cols], start)
	}
	product(c, ldc, a, lda, m.plain, m.stride, n, m.cols, m.rows)
}

// matrix returns the i-th weight tensor, a [rows][cols] matrix of one or more
// parts of columns side by side. The tensor holds it either as it is or packed
// by Pack.
func (s *spec) matrix(i int, what string, rows int, cols ...int) ([]matrix, error) {
	t, total, width := s.params[i], 0, 0
	for _, n := range cols {
		total += n
		width += kernel.Width(n)
	}
	packed := slices.Equal(t.Shape, []int{1, rows, width}) && t.Int8 == nil
	if !packed && !slices.Equal(t.Shape, []int{rows, total}) {
		return nil, fmt.Errorf("%s %q has shape %s, expected %s", what, s.Params[i], shapeString(t.Shape), shapeString([]int{rows, total}))
	}
	data := t.floats()
	parts := make([]matrix, len(cols))
	for k, from := 0, 0; k < len(cols); k++ {
		m := matrix{set: s.set, rows: rows, cols: cols[k], stride: total}
		switch {
		case !packed && s.set == kernel.None:
			m.plain = data[from:]
			from += cols[k]
		case !packed:
			m.packed = kernel.Pack(data[from:], rows, cols[k], total)
			from += cols[k]
		default:
			n := rows * kernel.Width(cols[k])
			m.packed = kernel.Matrix{Rows: rows, Cols: cols[k], Data: data[from:][:n]}
			from += n
			if s.set == kernel.None {
				m.stride = m.cols
				m.plain = make([]float32, rows*m.cols)
				m.packed.Unpack(m.plain, m.cols)
			}
		}
		parts[k] = m
	}
	return parts, nil
}

// padded returns a copy of v with zeros up to n elements. -0 becomes 0: a sum
// that begins with it has the same bits whether terms of 0 follow or not.
func padded(v []float32, n int) []float32 {
	p := make([]float32, n)
	for i, x := range v {
		p[i] = x + 0
	}
	return p
}

// Pack returns params with the weight matrices in the form that the kernels of
// all processors use in place, for a Model that is to start without touching
// its weights. New takes either form; with both a Model gives the same bits.
// Matrices that stand in both forms in a graph stay as they are. Of bytes, those
// that are multiplied in integers are packed as bytes, others become float32.
func Pack(g Graph, params map[string]Tensor) map[string]Tensor {
	uses := tensorUses(g)
	out := make(map[string]Tensor, len(params))
	for name, t := range params {
		out[name] = t
		u := uses[name]
		if u == nil || u.mixed || len(t.Shape) != 2 || t.check() != nil {
			continue // New says what is wrong with it
		}
		if t.Int8 != nil && !u.integers || t.Half.present() && u.parts != nil {
			t = Tensor{Shape: t.Shape, Data: t.floats()}
			out[name] = t
		}
		if u.parts == nil {
			continue
		}
		rows, total, width := t.Shape[0], 0, 0
		for _, n := range u.parts {
			total += n
			width += kernel.Width(n)
		}
		if total != t.Shape[1] {
			continue
		}
		if t.Int8 != nil {
			if !t.ScaleByRow {
				out[name] = packInt8(t, u.parts)
			}
			continue
		}
		packed := Tensor{Shape: []int{1, rows, width}}
		for k, from := 0, 0; k < len(u.parts); k++ {
			packed.Data = append(packed.Data, kernel.Pack(t.Data[from:], rows, u.parts[k], total).Data...)
			from += u.parts[k]
		}
		out[name] = packed
	}
	return out
}

// packedParts returns the widths of the matrices that the k-th weight tensor of
// a node is made of, nil if it is none to multiply with.
func packedParts(n *Node, k int) []int {
	switch {
	case k > 1 || n.Units < 1 || k > 0 && (n.Op == OpDense || n.Op == OpConv1D):
		return nil
	case n.Op == OpDense, n.Op == OpSimpleRNN, n.Op == OpConv1D && n.Groups <= 1:
		return []int{n.Units}
	case n.Op == OpLSTM:
		return []int{4 * n.Units}
	case n.Op == OpGRU && k == 1 && !n.ResetAfter:
		return []int{2 * n.Units, n.Units}
	case n.Op == OpGRU:
		return []int{3 * n.Units}
	}
	return nil
}
