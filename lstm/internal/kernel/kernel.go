// Package kernel is the arithmetic of the engine on vectors: products with
// packed matrices and the gates of recurrent cells, as a [Set] of functions
// for each kind of processor. All sets give the same bits.
//
// Every multiply-add is rounded once, and each sum runs in the order of its
// index from the value it starts with, so that an element's bits depend on its
// own row and column alone. The assembly is written by the program in _asm.
package kernel

//go:generate go run -C _asm . -out ..

import (
	"fmt"
	"unsafe"
)

// Set is an implementation of the functions of this package.
type Set uint8

const (
	None   Set = iota // no set: the caller has to do without
	Go                // plain Go, the twin of the others: slow, as it rounds multiply-adds by hand
	AVX2              // amd64 with AVX2 and FMA
	AVX512            // amd64 with AVX-512 F, DQ and VL
	NEON              // arm64
)

var names = [...]string{None: "none", Go: "go", AVX2: "avx2", AVX512: "avx512", NEON: "neon"}

func (s Set) String() string { return names[s] }

// Sets returns the sets that run here, the fastest first. Go is always among
// them, and the last.
func Sets() []Set { return append(detected(), Go) }

// Best returns the fastest set in assembly, None if there is none.
func Best() Set {
	if s := detected(); len(s) > 0 {
		return s[0]
	}
	return None
}

const (
	lane       = 8  // columns of the narrowest panel, and what widths are rounded up to
	panelWidth = 32 // columns of a panel
)

// Width returns the number of columns, or units, that n take with padding.
func Width(n int) int { return (n + lane - 1) / lane * lane }

// Matrix is a [Rows][Cols] matrix in panels of 32 columns: each panel holds
// its columns of row 0, then those of row 1, and so on. The last panel has 8,
// 16, 24 or 32 columns, those beyond Cols being 0.
type Matrix struct {
	Rows, Cols int
	Data       []float32 // len = Rows * Width(Cols)
}

// Pack returns the packed form of src, a [rows][cols] matrix with rows stride
// apart.
func Pack(src []float32, rows, cols, stride int) Matrix {
	m := Matrix{rows, cols, make([]float32, rows*Width(cols))}
	m.each(func(packed, row, col int) { m.Data[packed] = src[row*stride+col] })
	return m
}

// Unpack writes the matrix to dst, rows stride apart.
func (m *Matrix) Unpack(dst []float32, stride int) {
	m.each(func(packed, row, col int) { dst[row*stride+col] = m.Data[packed] })
}

// From returns the first column of a part of the matrix, whole panels, of as
// many parts of about the same width.
func (m *Matrix) From(part, parts int) int {
	panels := (m.Cols + panelWidth - 1) / panelWidth
	return min(panels*part/parts*panelWidth, m.Cols)
}

// Part returns a part of the matrix; it may have no columns.
func (m *Matrix) Part(part, parts int) Matrix {
	from, to := m.From(part, parts), m.From(part+1, parts)
	return Matrix{m.Rows, to - from, m.Data[from*m.Rows : from*m.Rows+Width(to-from)*m.Rows]}
}

// each calls f for every element with its index in Data.
func (m *Matrix) each(f func(packed, row, col int)) {
	for from := 0; from < m.Cols; from += panelWidth {
		width := min(panelWidth, Width(m.Cols-from))
		for row := range m.Rows {
			for col := from; col < min(from+width, m.Cols); col++ {
				f(from*m.Rows+row*width+col-from, row, col)
			}
		}
	}
}

// productArgs are the arguments of the products in assembly, which know the
// offsets of the fields.
type productArgs struct {
	c    unsafe.Pointer
	ldc  uintptr // bytes between rows
	a    unsafe.Pointer
	lda  uintptr // bytes between rows
	b    unsafe.Pointer
	init unsafe.Pointer
	k    uintptr
	rows uintptr // of product; of row: whole panels
	tail uintptr // of row: vectors of the last, narrower panel
}

// Product sets C to start + A·B:
//
//	c[i][j] = start[j] + a[i][0] b[0][j] + a[i][1] b[1][j] + ...
//
// A is [rows][b.Rows] with rows lda apart, which overlap where lda is less than
// b.Rows, as the windows of a convolution do; C is [rows][b.Cols] with rows ldc
// apart; start has b.Cols elements. C and start have Width(b.Cols) elements in
// each row, those behind b.Cols are padding: read without effect, written
// without meaning. Product panics if a slice is too short.
func (s Set) Product(c []float32, ldc int, a []float32, lda, rows int, b *Matrix, start []float32) {
	width := Width(b.Cols)
	if rows < 1 || b.Rows < 1 || b.Cols < 1 {
		panic(fmt.Sprintf("kernel: product of %d rows with a matrix of %d×%d", rows, b.Rows, b.Cols))
	}
	if ldc < width && rows > 1 || lda < 1 && rows > 1 ||
		len(c) < (rows-1)*ldc+width || len(a) < (rows-1)*lda+b.Rows || len(start) < width || len(b.Data) < b.Rows*width {
		panic("kernel: product: a slice is too short")
	}
	if s == Go {
		productGo(c, ldc, a, lda, rows, b, start)
		return
	}
	args := productArgs{
		ldc: uintptr(4 * ldc), a: unsafe.Pointer(&a[0]), lda: uintptr(4 * lda), k: uintptr(b.Rows), rows: uintptr(rows),
	}
	if rows == 1 {
		args.rows, args.tail = uintptr(width/panelWidth), uintptr(width%panelWidth/lane)
		args.c, args.b, args.init = unsafe.Pointer(&c[0]), unsafe.Pointer(&b.Data[0]), unsafe.Pointer(&start[0])
		productRow(s, &args)
		return
	}
	for col := 0; col < width; col += panelWidth {
		args.c, args.b, args.init = unsafe.Pointer(&c[col]), unsafe.Pointer(&b.Data[col*b.Rows]), unsafe.Pointer(&start[col])
		product(s, min(panelWidth, width-col)/lane, &args)
	}
}

// prefetchArgs are the arguments of prefetch.
type prefetchArgs struct {
	rows  unsafe.Pointer // to a pointer for each row
	n     uintptr        // at least 1
	bytes uintptr        // of a row, at least 1
}

// Prefetch says that the given number of elements of each row will be read
// soon. It has no effect but on time.
func (s Set) Prefetch(rows []*float32, elements int) {
	if s > Go && len(rows) > 0 && elements > 0 {
		prefetch(&prefetchArgs{unsafe.Pointer(&rows[0]), uintptr(len(rows)), uintptr(4 * elements)})
	}
}

// roofArgs are the arguments of what the benchmarks compare with.
type roofArgs struct {
	data unsafe.Pointer
	n    uintptr
}

// gateArgs are the arguments of the gates in assembly, which know the offsets
// of the fields and move x, s, state, h and tmp on.
type gateArgs struct {
	x     unsafe.Pointer // to a pointer for each row
	s     unsafe.Pointer
	lds   uintptr // bytes between rows
	state unsafe.Pointer
	h     unsafe.Pointer
	ldh   uintptr // bytes between rows of state, h and tmp
	units uintptr
	n     uintptr // rows
	tmp   unsafe.Pointer
}

// Recurrent is the activation of gates other than the candidate's.
type Recurrent uint8

const (
	Sigmoid    Recurrent = iota // 1 / (1 + e^-x)
	HardKeras2                  // min(max(x/5 + 1/2, 0), 1)
	HardKeras3                  // min(max(x/6 + 1/2, 0), 1)
)

// Rows are the rows that gates work on: n rows of Units units.
type Rows struct {
	Units int
	X     []*float32 // [n]: first of the input projections of a row, gates*Units numbers and padding
	S     []float32  // [n][LDS]: the recurrent products
	LDS   int        // 0 = all rows have the same
	State []float32  // [n][Width(Units)]
	H     []float32  // [n][Width(Units)]
	Tmp   []float32  // [n][Width(Units)]: working memory
}

// GateWidth returns the number of elements that a row of X or S with the given
// number of gates must have, padding included.
func GateWidth(gates, units int) int { return max((gates-1)*units+Width(units), Width(gates*units)) }

// XRow returns the first gates of a row of X.
func (r *Rows) XRow(row, gates int) []float32 { return unsafe.Slice(r.X[row], gates*r.Units) }

// SRow returns the first gates of a row of S.
func (r *Rows) SRow(row, gates int) []float32 { return r.S[row*r.LDS:][:gates*r.Units] }

func (r *Rows) args(gates int) gateArgs {
	n, ldh := len(r.X), Width(r.Units)
	if n < 1 || r.Units < 1 {
		panic("kernel: gates: no rows")
	}
	last := (n - 1) * ldh
	if len(r.S) < (n-1)*r.LDS+GateWidth(gates, r.Units) || len(r.State) < last+ldh || len(r.H) < last+ldh || len(r.Tmp) < last+ldh {
		panic("kernel: gates: a slice is too short")
	}
	return gateArgs{
		x: unsafe.Pointer(&r.X[0]), s: unsafe.Pointer(&r.S[0]), lds: uintptr(4 * r.LDS),
		state: unsafe.Pointer(&r.State[0]), h: unsafe.Pointer(&r.H[0]), ldh: uintptr(4 * ldh),
		units: uintptr(r.Units), n: uintptr(n), tmp: unsafe.Pointer(&r.Tmp[0]),
	}
}

// LSTM moves n cells on by a step. With the gates i f g o in the columns of X
// and S, z = x + s, and State = c:
//
//	c = r(z_f) c + r(z_i) tanh(z_g)
//	h = r(z_o) tanh(c)
func (s Set) LSTM(r Recurrent, rows *Rows) {
	args := rows.args(4)
	if s == Go {
		lstmGo(r, rows)
		return
	}
	lstmGates(s, r, &args)
}

// GRUAfter moves n cells on by a step, their reset gate working after the
// product. With the gates z r g in the columns of X and S:
//
//	z = r(x_z + s_z),  r = r(x_r + s_r),  g = tanh(x_g + r s_g)
//	h = z h + (1 - z) g
//
// State is working memory.
func (s Set) GRUAfter(r Recurrent, rows *Rows) {
	args := rows.args(3)
	if s == Go {
		gruAfterGo(r, rows)
		return
	}
	gruAfterGates(s, r, &args)
}

// GRUReset is the first half of a step with the reset gate before the product.
// With the gates z r in the columns of X and S it sets State = z and Tmp = r h.
func (s Set) GRUReset(r Recurrent, rows *Rows) {
	args := rows.args(2)
	if s == Go {
		gruResetGo(r, rows)
		return
	}
	gruResetGates(s, r, &args)
}

// GRUBefore is the second half. With the gates z r g in the columns of X, S
// the product of Tmp, and State = z:
//
//	h = z h + (1 - z) tanh(x_g + s)
func (s Set) GRUBefore(rows *Rows) {
	args := rows.args(1)
	if s == Go {
		gruBeforeGo(rows)
		return
	}
	gruBeforeGates(s, &args)
}
