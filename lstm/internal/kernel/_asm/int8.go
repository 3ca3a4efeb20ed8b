package main

import "fmt"

// x86Bytes are the instructions that multiply bytes. A step takes four bytes of
// a row and four rows of the matrix: as many bytes as a float32, so that the
// products walk as those of float32 do.
type x86Bytes interface {
	// prepare writes what stays in registers.
	prepare(m *x86)
	// start writes the first value of a sum, whose column stands at offset.
	start(m *x86, sum, offset string)
	// broadcast loads four bytes of a row. With them the registers from the
	// first on are taken.
	broadcast(m *x86, from string, first int)
	// add adds the product of the loaded bytes and those at weights to sum.
	add(m *x86, sum, weights string, first int)
	// finish turns a sum of integers into float32.
	finish(m *x86, sum string)
}

// of returns register i in the width of sum.
func of(sum string, i int) string { return fmt.Sprintf("%c%d", sum[0], i) }

// maddubs is AVX2: |a| times b with the sign of a, in pairs that fit into 16
// bits as no byte is -128, and the pairs times 1. Register 15 keeps the ones.
type maddubs struct{}

func (maddubs) prepare(m *x86) {
	m.op("VPCMPEQW Y15, Y15, Y15")
	m.op("VPABSW Y15, Y15")
}

func (maddubs) start(m *x86, sum, _ string) { m.op("VPXOR %s, %s, %s", sum, sum, sum) }

func (maddubs) broadcast(m *x86, from string, first int) {
	m.op("VPBROADCASTD %s, Y%d", from, first)
	m.op("VPABSB Y%d, Y%d", first, first+1)
}

func (maddubs) add(m *x86, sum, weights string, first int) {
	t := first + 2
	m.op("VMOVDQU %s, Y%d", weights, t)
	m.op("VPSIGNB Y%d, Y%d, Y%d", first, t, t)
	m.op("VPMADDUBSW Y%d, Y%d, Y%d", t, first+1, t)
	m.op("VPMADDWD Y15, Y%d, Y%d", t, t)
	m.op("VPADDD Y%d, %s, %s", t, sum, sum)
}

func (maddubs) finish(m *x86, sum string) { m.op("VCVTDQ2PS %s, %s", sum, sum) }

// vnni is AVX-512 VNNI, which takes a without sign: the rows hold a + 128, and
// the sums begin with -128 times those of the columns.
type vnni struct{}

func (vnni) prepare(*x86) {}

func (vnni) start(m *x86, sum, offset string) { m.op("VCVTPS2DQ %s, %s", offset, sum) }

func (vnni) broadcast(m *x86, from string, first int) {
	m.op("VPBROADCASTD %s, %s", from, m.v(first))
}

func (vnni) add(m *x86, sum, weights string, first int) {
	m.op("VPDPBUSD %s, %s, %s", weights, of(sum, first), sum)
}

func (vnni) finish(m *x86, sum string) { m.op("VCVTDQ2PS %s, %s", sum, sum) }

// int8Product writes the product of rows of bytes with a panel: as of product.
func (m *x86) int8Product(vectors, maxRows int) {
	m.tiles(fmt.Sprintf("productInt8%s%d", m.name, vectors), "int8Args", maxRows, func(rows int) {
		m.int8Tile(rows, vectors*8/m.lanes, vectors*32)
	})
}

func (m *x86) int8Tile(rows, vectors, panelRow int) {
	size := 4 * m.lanes
	m.line("rows%d:", rows)
	m.op("MOVQ %d(DI), SI", argB)
	m.op("MOVQ %d(DI), AX", argOffset)
	m.op("MOVQ %d(DI), CX", argK)
	a, pointers := m.tileRows(rows)
	sum := func(row, v int) string { return m.v(row*vectors + v) }
	free := rows * vectors // first register that is no sum
	m.bytes.prepare(m)
	for v := range vectors {
		m.bytes.start(m, sum(0, v), fmt.Sprintf("%d(AX)", v*size))
		for row := 1; row < rows; row++ {
			m.move(sum(0, v), sum(row, v))
		}
	}
	m.line("loop%d:", rows)
	if _, ok := m.bytes.(vnni); ok && rows > 1 {
		for v := range vectors {
			m.load8(fmt.Sprintf("%d(SI)", v*size), m.v(free+v))
		}
		for row := range rows {
			x := free + vectors + row%min(4, 32-free-vectors)
			m.bytes.broadcast(m, a(row), x)
			for v := range vectors {
				m.bytes.add(m, sum(row, v), m.v(free+v), x)
			}
		}
	} else {
		for row := range rows {
			m.bytes.broadcast(m, a(row), free)
			for v := range vectors {
				m.bytes.add(m, sum(row, v), fmt.Sprintf("%d(SI)", v*size), free)
			}
		}
	}
	m.op("ADDQ $%d, SI", panelRow)
	for _, p := range pointers {
		m.op("ADDQ $4, %s", p)
	}
	m.op("DECQ CX")
	m.op("JNE loop%d", rows)
	m.op("MOVQ %d(DI), AX", argFactor)
	m.op("MOVQ %d(DI), SI", argInit)
	for row := range rows {
		for v := range vectors {
			m.int8Result(sum(row, v), fmt.Sprintf("%d(AX)", v*size), fmt.Sprintf("%d(SI)", v*size), fmt.Sprintf("%d(DX)", v*size))
		}
		m.op("ADDQ %d(DI), DX", argLDC)
		m.op("ADDQ BX, R9")
	}
	m.op("JMP next")
}

// int8Result writes c = start + sum * factor, each rounded.
func (m *x86) int8Result(sum, factor, start, c string) {
	m.bytes.finish(m, sum)
	m.op("VMULPS %s, %s, %s", factor, sum, sum)
	m.op("VADDPS %s, %s, %s", start, sum, sum)
	m.op("VMOVUPS %s, %s", sum, c)
}

func (m *x86) move(from, to string) { m.op("VMOVAPS %s, %s", from, to) }

func (m *x86) load8(from, to string) { m.op("VMOVUPS %s, %s", from, to) }

// int8Row writes the product of one row of bytes: as of row.
func (m *x86) int8Row(maxPanels int) {
	m.rowForms("rowInt8"+m.name, "int8Args", maxPanels, m.int8RowForm)
}

func (m *x86) int8RowForm(panels, tail int) {
	form := 4*panels + tail
	m.line("form%d:", form)
	sums, walk := m.rowSums(panels, tail)
	m.bytes.prepare(m)
	m.op("MOVQ %d(DI), DX", argOffset)
	for _, s := range sums {
		m.bytes.start(m, s.reg, s.out)
	}
	m.line("row%d:", form)
	m.bytes.broadcast(m, "(R8)", len(sums))
	for _, s := range sums {
		m.bytes.add(m, s.reg, s.weights, len(sums))
	}
	m.rowStep(walk, tail, form)
	m.op("MOVQ %d(DI), AX", argFactor)
	m.op("MOVQ %d(DI), R8", argInit)
	m.op("MOVQ %d(DI), DX", argC)
	for _, s := range sums {
		at := s.out[:len(s.out)-len("(DX)")]
		m.int8Result(s.reg, at+"(AX)", at+"(R8)", s.out)
	}
	m.rowEnd(walk, argC, argInit, argFactor, argOffset)
}

// quantise writes the rounding of float32 to bytes, 8 at a time: a NaN becomes
// the least, as MAX returns its second operand, in Intel's order.
//
//	DI args, DX to, SI from, CX left; Y15 127, Y14 -127, X13 flip
func (m *x86) quantise() {
	m.begin("quantise"+m.name, "quantiseArgs")
	m.op("MOVQ a+0(FP), DI")
	m.op("MOVQ %d(DI), DX", argTo)
	m.op("MOVQ %d(DI), SI", argFrom)
	m.op("MOVQ %d(DI), CX", argCount)
	m.op("VBROADCASTSS %d(DI), Y15", argMost)
	m.op("VBROADCASTSS %d(DI), Y14", argLeast)
	m.op("VMOVQ %d(DI), X13", argFlip)
	m.line("loop:")
	m.op("VMULPS (SI), Y15, Y0")
	m.op("VMAXPS Y14, Y0, Y0")
	m.op("VMINPS Y15, Y0, Y0")
	m.op("VCVTPS2DQ Y0, Y0")
	m.op("VEXTRACTI128 $1, Y0, X1")
	m.op("VPACKSSDW X1, X0, X0")
	m.op("VPACKSSWB X0, X0, X0")
	m.op("VPXOR X13, X0, X0")
	m.op("VMOVQ X0, (DX)")
	m.op("ADDQ $32, SI")
	m.op("ADDQ $8, DX")
	m.op("SUBQ $8, CX")
	m.op("JNE loop")
	m.op("VZEROUPPER")
	m.op("RET")
}
