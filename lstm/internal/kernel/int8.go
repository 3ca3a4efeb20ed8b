package kernel

import (
	"fmt"
	"unsafe"
)

// Dot is an implementation of products of bytes. All give the same bits.
type Dot uint8

const (
	DotGo   Dot = iota // plain Go
	DotAVX2            // VPMADDUBSW
	DotVNNI            // AVX-512 VNNI: VPDPBUSD
	DotNEON            // SMULL
	DotSDOT            // arm64 with FEAT_DotProd: SDOT
)

func (d Dot) String() string {
	return [...]string{DotGo: "go", DotAVX2: "avx2", DotVNNI: "vnni", DotNEON: "neon", DotSDOT: "sdot"}[d]
}

// Dot returns the fastest implementation that works on no wider registers than
// the set.
func (s Set) Dot() Dot {
	if s == None || s == Go {
		return DotGo
	}
	return bestDot(s)
}

const (
	group = 4 // rows of an Int8 whose bytes of a column stand together

	// MaxInt8Rows bounds the rows of an Int8: its sums are int32, and its
	// offsets, multiples of 128 below 2^31, float32.
	MaxInt8Rows = 1 << 16
)

// groups returns how many groups n rows make.
func groups(n int) int { return (n + group - 1) / group }

// Int8 is a [Rows][Cols] matrix of bytes from -127 to 127, each column with a
// factor. It has panels of columns as a [Matrix] has, with 4 rows in the place
// of one: each panel holds rows 0 to 3 of its first column, rows 0 to 3 of its
// second one, ..., and then rows 4 to 7 in the same way. Rows beyond Rows and
// columns beyond Cols are 0.
type Int8 struct {
	Rows, Cols int
	Data       []int8    // len = Int8Len(Rows, Cols)
	Factor     []float32 // [Width(Cols)]
	Offset     []float32 // [Width(Cols)]: -128 times the sum of the column
}

// Int8Len returns the number of bytes that a matrix takes with padding.
func Int8Len(rows, cols int) int { return group * groups(rows) * Width(cols) }

// PackInt8 returns the packed form of src, a [rows][cols] matrix with rows
// stride apart whose values are src * scale of the column, for products with
// rows that [Dot.Quantise] gives: they stand for a 127th of theirs.
func PackInt8(src []int8, scale []float32, rows, cols, stride int) Int8 {
	m := Int8{rows, cols, make([]int8, Int8Len(rows, cols)), make([]float32, Width(cols)), make([]float32, Width(cols))}
	m.each(func(packed, row, col int) { m.Data[packed] = src[row*stride+col] })
	for col, s := range scale[:cols] {
		m.Factor[col] = s / most
	}
	copy(m.Offset, m.Offsets())
	return m
}

// Offsets returns what Offset must be.
func (m *Int8) Offsets() []float32 {
	sums := make([]int32, Width(m.Cols))
	m.each(func(packed, _, col int) { sums[col] += int32(m.Data[packed]) })
	offsets := make([]float32, len(sums))
	for i, s := range sums {
		offsets[i] = float32(-128 * s)
	}
	return offsets
}

// Valid reports whether padding is 0 and Offset what it must be. Slices must be
// as long as documented.
func (m *Int8) Valid() bool {
	data, offsets := make([]int8, len(m.Data)), m.Offsets()
	m.each(func(packed, _, _ int) { data[packed] = m.Data[packed] })
	for i, x := range data {
		if x != m.Data[i] {
			return false
		}
	}
	for i, x := range offsets {
		if x != m.Offset[i] {
			return false
		}
	}
	return true
}

// each calls f for every element with its index in Data.
func (m *Int8) each(f func(packed, row, col int)) {
	k := groups(m.Rows)
	for from := 0; from < m.Cols; from += panelWidth {
		width := min(panelWidth, Width(m.Cols-from))
		for row := range m.Rows {
			for col := from; col < min(from+width, m.Cols); col++ {
				f(group*(from*k+row/group*width+col-from)+row%group, row, col)
			}
		}
	}
}

// most is the largest byte, what 1 becomes.
const most = 127

// quantiseArgs are the arguments of quantise in assembly, which knows the
// offsets of the fields.
type quantiseArgs struct {
	to, from    unsafe.Pointer
	n           uintptr // a multiple of 8
	flip        uint64
	most, least float32
}

// Quantise sets dst to the integers nearest to 127 src, even ones in a tie,
// none beyond ±127; NaN gives -127. dst is in the form that Product of the same
// implementation takes. The slices are equally long, a multiple of 8.
func (d Dot) Quantise(dst []int8, src []float32) {
	if len(dst) != len(src) || len(src)%lane != 0 {
		panic(fmt.Sprintf("kernel: quantise of %d numbers to %d", len(src), len(dst)))
	}
	if len(src) == 0 {
		return
	}
	if d == DotGo {
		quantiseGo(dst, src)
		return
	}
	args := quantiseArgs{to: unsafe.Pointer(&dst[0]), from: unsafe.Pointer(&src[0]), n: uintptr(len(src)), most: most, least: -most}
	if d == DotVNNI {
		args.flip = 0x8080808080808080
	}
	quantise(&args)
}

// int8Args are the arguments of the products of bytes in assembly, which know
// the offsets of the fields.
type int8Args struct {
	productArgs // k = groups
	factor      unsafe.Pointer
	offset      unsafe.Pointer
}

// Product sets C to start + factor (A·B), with the sum in integers, the product
// with factor rounded and the sum with start rounded:
//
//	c[i][j] = start[j] + factor[j] (a[i][0] b[0][j] + a[i][1] b[1][j] + ...)
//
// A is of Quantise, [rows][b.Rows] with rows lda apart, and padding up to a
// multiple of 4 that is read without effect; all else is as of [Set.Product].
func (d Dot) Product(c []float32, ldc int, a []int8, lda, rows int, b *Int8, start []float32) {
	width, k := Width(b.Cols), groups(b.Rows)
	if rows < 1 || b.Rows < 1 || b.Cols < 1 || b.Rows > MaxInt8Rows {
		panic(fmt.Sprintf("kernel: product of %d rows of bytes with a matrix of %d×%d", rows, b.Rows, b.Cols))
	}
	if ldc < width && rows > 1 || lda < group*k && rows > 1 ||
		len(c) < (rows-1)*ldc+width || len(a) < (rows-1)*lda+group*k || len(start) < width ||
		len(b.Data) < Int8Len(b.Rows, b.Cols) || len(b.Factor) < width || len(b.Offset) < width {
		panic("kernel: product of bytes: a slice is too short")
	}
	if d == DotGo {
		productInt8Go(c, ldc, a, lda, rows, b, start)
		return
	}
	var args int8Args
	args.ldc, args.a, args.lda, args.k, args.rows = uintptr(4*ldc), unsafe.Pointer(&a[0]), uintptr(lda), uintptr(k), uintptr(rows)
	at := func(col int) {
		args.c, args.init = unsafe.Pointer(&c[col]), unsafe.Pointer(&start[col])
		args.b = unsafe.Pointer(&b.Data[group*k*col])
		args.factor, args.offset = unsafe.Pointer(&b.Factor[col]), unsafe.Pointer(&b.Offset[col])
	}
	if rows == 1 {
		args.rows, args.tail = uintptr(width/panelWidth), uintptr(width%panelWidth/lane)
		at(0)
		rowInt8(d, &args)
		return
	}
	for col := 0; col < width; col += panelWidth {
		at(col)
		productInt8(d, min(panelWidth, width-col)/lane, &args)
	}
}
