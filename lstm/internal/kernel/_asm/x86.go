package main

import (
	"fmt"
	"math"
)

// x86 writes AVX2 with FMA (8 lanes) or AVX-512 F, DQ and VL (16 lanes).
type x86 struct {
	*text
	name   string
	lanes  int
	masked bool // within gates: the last units of a row, under mask K1
	bytes  x86Bytes
}

// v returns the name of a vector register.
func (m *x86) v(i int) string {
	if m.lanes == 16 {
		return fmt.Sprintf("Z%d", i)
	}
	return fmt.Sprintf("Y%d", i)
}

// x86Constants writes the constants, each 8 times, as AVX2 reads them from
// memory.
func x86Constants(t *text) {
	t.line("")
	for i, c := range constants {
		for lane := range 8 {
			t.line("DATA constants<>+%d(SB)/4, $0x%08x // %s", 32*i+4*lane, math.Float32bits(c.value), c.name)
		}
	}
	t.line("GLOBL constants<>(SB), RODATA|NOPTR, $%d", 32*len(constants))
}

// product writes the product of rows with a panel of up to 4 vectors of 8
// columns, in tiles of up to maxRows rows.
//
//	DI args, R9 first row of a of the tile, BX lda, DX c, R10 rows left,
//	SI b, CX steps left, R8 R11 R12 R13 rows 0, 3, 6, 9 of a
func (m *x86) product(vectors, maxRows int) {
	m.tiles(fmt.Sprintf("product%s%d", m.name, vectors), "productArgs", maxRows, func(rows int) {
		m.tile(rows, vectors*8/m.lanes, vectors*32)
	})
}

// tiles writes a function that walks down the rows in tiles of up to maxRows,
// each number of rows with code of its own.
func (m *x86) tiles(name, args string, maxRows int, tile func(rows int)) {
	m.begin(name, args)
	m.op("MOVQ a+0(FP), DI")
	m.op("MOVQ %d(DI), DX", argC)
	m.op("MOVQ %d(DI), R9", argA)
	m.op("MOVQ %d(DI), BX", argLDA)
	m.op("MOVQ %d(DI), R10", argRows)
	m.line("next:")
	m.op("MOVQ R10, AX")
	m.op("CMPQ AX, $%d", maxRows)
	m.op("JLE pick")
	m.op("CMPQ AX, $%d", 2*maxRows)
	m.op("JGE full")
	m.op("INCQ AX") // two tiles of about the same height
	m.op("SHRQ $1, AX")
	m.op("JMP pick")
	m.line("full:")
	m.op("MOVQ $%d, AX", maxRows)
	m.line("pick:")
	m.op("SUBQ AX, R10")
	for rows := maxRows; rows > 0; rows-- {
		m.op("CMPQ AX, $%d", rows)
		m.op("JEQ rows%d", rows)
	}
	m.op("VZEROUPPER")
	m.op("RET")
	for rows := 1; rows <= maxRows; rows++ {
		tile(rows)
	}
}

// tileRows writes the pointers to the rows of a tile. It returns the operand
// for the element of each row, and the registers to move on.
func (m *x86) tileRows(rows int) (element func(row int) string, pointers []string) {
	group := []string{"R8", "R11", "R12", "R13"}
	m.op("MOVQ R9, R8")
	for g := 1; 3*g < rows; g++ {
		m.op("LEAQ (%s)(BX*2), %s", group[g-1], group[g])
		m.op("ADDQ BX, %s", group[g])
	}
	return func(row int) string {
		if row%3 == 0 {
			return "(" + group[row/3] + ")"
		}
		return fmt.Sprintf("(%s)(BX*%d)", group[row/3], row%3)
	}, group[:(rows+2)/3]
}

func (m *x86) tile(rows, vectors, panelRow int) {
	size := 4 * m.lanes
	m.line("rows%d:", rows)
	m.op("MOVQ %d(DI), SI", argB)
	m.op("MOVQ %d(DI), AX", argInit)
	m.op("MOVQ %d(DI), CX", argK)
	a, pointers := m.tileRows(rows)
	acc := func(row, v int) string { return m.v(row*vectors + v) }
	for v := range vectors {
		m.op("VMOVUPS %d(AX), %s", v*size, acc(0, v))
		for row := 1; row < rows; row++ {
			m.op("VMOVAPS %s, %s", acc(0, v), acc(row, v))
		}
	}
	registers := 16
	if m.lanes == 16 {
		registers = 32
	}
	free := rows * vectors // first register that is no sum
	m.line("loop%d:", rows)
	switch {
	case rows == 1:
		m.op("VBROADCASTSS %s, %s", a(0), m.v(free))
		for v := range vectors {
			m.op("VFMADD231PS %d(SI), %s, %s", v*size, m.v(free), acc(0, v))
		}
	case rows <= vectors:
		for row := range rows {
			m.op("VBROADCASTSS %s, %s", a(row), m.v(free+row))
		}
		spare := registers - free - rows
		for v := range vectors {
			b := m.v(free + rows + v%spare)
			m.op("VMOVUPS %d(SI), %s", v*size, b)
			for row := range rows {
				m.op("VFMADD231PS %s, %s, %s", b, m.v(free+row), acc(row, v))
			}
		}
	default:
		for v := range vectors {
			m.op("VMOVUPS %d(SI), %s", v*size, m.v(free+v))
		}
		spare := min(registers-free-vectors, 4)
		for row := range rows {
			x := m.v(free + vectors + row%spare)
			m.op("VBROADCASTSS %s, %s", a(row), x)
			for v := range vectors {
				m.op("VFMADD231PS %s, %s, %s", m.v(free+v), x, acc(row, v))
			}
		}
	}
	m.op("ADDQ $%d, SI", panelRow)
	for _, p := range pointers {
		m.op("ADDQ $4, %s", p)
	}
	m.op("DECQ CX")
	m.op("JNE loop%d", rows)
	for row := range rows {
		for v := range vectors {
			m.op("VMOVUPS %s, %d(DX)", acc(row, v), v*size)
		}
		m.op("ADDQ %d(DI), DX", argLDC)
		m.op("ADDQ BX, R9")
	}
	m.op("JMP next")
}

// row writes the product of one row with a matrix, up to maxPanels whole panels
// at a time, the last time with the narrower panel behind them: as many sums at
// once as hide the latency of the multiply-add, with every weight read once.
//
//	DI args, R8 a, CX steps left, SI R9 R10 R11 R12 R13 panels, BX the narrow
//	one, DX c; args.b, args.c and args.init move on
func (m *x86) row(maxPanels int) {
	m.rowForms("row"+m.name, "productArgs", maxPanels, m.rowForm)
}

// rowForms writes a function with code of its own for each number of panels and
// width of the narrow one.
func (m *x86) rowForms(name, args string, maxPanels int, form func(panels, tail int)) {
	m.begin(name, args)
	m.op("MOVQ a+0(FP), DI")
	m.line("next:")
	m.op("MOVQ %d(DI), AX", argPanels)
	m.op("CMPQ AX, $%d", maxPanels)
	m.op("JLE last")
	m.op("CMPQ AX, $%d", 2*maxPanels)
	m.op("JGE full")
	m.op("INCQ AX") // two times about as many
	m.op("SHRQ $1, AX")
	m.op("JMP some")
	m.line("full:")
	m.op("MOVQ $%d, AX", maxPanels)
	m.line("some:")
	m.op("SUBQ AX, %d(DI)", argPanels)
	m.op("SHLQ $2, AX")
	m.op("JMP pick")
	m.line("last:")
	m.op("SHLQ $2, AX")
	m.op("ADDQ %d(DI), AX", argTail)
	m.op("MOVQ $-1, %d(DI)", argPanels)
	m.line("pick:")
	m.op("MOVQ %d(DI), R8", argA)
	m.op("MOVQ %d(DI), CX", argK)
	m.op("MOVQ %d(DI), SI", argB)
	for form := 4*maxPanels + 3; form > 0; form-- {
		m.op("CMPQ AX, $%d", form)
		m.op("JEQ form%d", form)
	}
	m.line("done:")
	m.op("VZEROUPPER")
	m.op("RET")
	for i := 1; i < 4*maxPanels+4; i++ {
		form(i/4, i%4)
	}
}

// rowSum is a register of sums of a row.
type rowSum struct {
	reg, weights, out string
}

// rowSums writes the pointers to the panels. It returns the sums, which take
// the first registers, and the registers to move on.
func (m *x86) rowSums(panels, tail int) (sums []rowSum, walk []string) {
	size := 4 * m.lanes
	m.op("MOVQ CX, AX")
	m.op("SHLQ $7, AX") // bytes of a panel
	walk = []string{"SI", "R9", "R10", "R11", "R12", "R13"}[:panels]
	for p := 1; p < panels; p++ {
		m.op("LEAQ (%s)(AX*1), %s", walk[p-1], walk[p])
	}
	switch {
	case tail > 0 && panels > 0:
		m.op("LEAQ (%s)(AX*1), BX", walk[panels-1])
	case tail > 0:
		m.op("MOVQ SI, BX")
	}
	for p := range panels {
		for v := range 128 / size {
			sums = append(sums, rowSum{m.v(len(sums)), fmt.Sprintf("%d(%s)", v*size, walk[p]), fmt.Sprintf("%d(DX)", p*128+v*size)})
		}
	}
	for at := 0; at < 32*tail; {
		n, reg := 32, fmt.Sprintf("Y%d", len(sums))
		if m.lanes == 16 && at+64 <= 32*tail {
			n, reg = 64, m.v(len(sums))
		}
		sums = append(sums, rowSum{reg, fmt.Sprintf("%d(BX)", at), fmt.Sprintf("%d(DX)", panels*128+at)})
		at += n
	}
	return sums, walk
}

// rowStep writes the end of a step: the panels and the row move on.
func (m *x86) rowStep(walk []string, tail, form int) {
	for _, w := range walk {
		m.op("ADDQ $128, %s", w)
	}
	if tail > 0 {
		m.op("ADDQ $%d, BX", 32*tail)
	}
	m.op("ADDQ $4, R8")
	m.op("DECQ CX")
	m.op("JNE row%d", form)
}

func (m *x86) rowForm(panels, tail int) {
	form := 4*panels + tail
	m.line("form%d:", form)
	sums, walk := m.rowSums(panels, tail)
	m.op("MOVQ %d(DI), DX", argInit)
	for _, s := range sums {
		m.op("VMOVUPS %s, %s", s.out, s.reg)
	}
	m.op("MOVQ %d(DI), DX", argC)
	m.line("row%d:", form)
	x := len(sums)
	m.op("VBROADCASTSS (R8), %s", m.v(x))
	for _, s := range sums {
		m.op("VFMADD231PS %s, %c%d, %s", s.weights, s.reg[0], x, s.reg)
	}
	m.rowStep(walk, tail, form)
	for _, s := range sums {
		m.op("VMOVUPS %s, %s", s.reg, s.out)
	}
	m.rowEnd(walk, argC, argInit)
}

// rowEnd writes the end of a form: the arguments move on to the panels left.
func (m *x86) rowEnd(walk []string, columns ...int) {
	if panels := len(walk); panels > 0 {
		// The last panel's pointer has reached the panel behind it.
		m.op("MOVQ %s, %d(DI)", walk[panels-1], argB)
		for _, arg := range columns {
			m.op("ADDQ $%d, %d(DI)", 128*panels, arg)
		}
		m.op("CMPQ %d(DI), $0", argPanels)
		m.op("JGE next")
	}
	m.op("JMP done")
}

// The gates:
//
//	DI args, DX constants, R10 units*4, R11 units*12, CX units left,
//	R8 x, R9 s, R12 state, R13 h, SI tmp
//
// Registers 13 to 15 keep HI, LO and ONE.

func (m *x86) constant(name string) string {
	return fmt.Sprintf("%d(DX)", 32*constantIndex(name))
}

func (m *x86) keep(name string) int {
	for i, n := range kept {
		if n == name {
			return 13 + i
		}
	}
	panic("constant " + name + " is not in a register")
}

// three writes an instruction d = a op b.
func (m *x86) three(op string, d, a, b int) {
	m.op("%s %s, %s, %s", op, m.v(b), m.v(a), m.v(d))
}

// withConst writes an instruction whose last operand is a constant in memory.
func (m *x86) withConst(op string, name string, a, d int) {
	if m.lanes == 16 {
		op += ".BCST"
	}
	m.op("%s %s, %s, %s", op, m.constant(name), m.v(a), m.v(d))
}

func (m *x86) add(d, a, b int) { m.three("VADDPS", d, a, b) }
func (m *x86) sub(d, a, b int) { m.three("VSUBPS", d, a, b) }
func (m *x86) mul(d, a, b int) { m.three("VMULPS", d, a, b) }
func (m *x86) div(d, a, b int) { m.three("VDIVPS", d, a, b) }
func (m *x86) fma(d, a, b int) { m.three("VFMADD231PS", d, a, b) }

func (m *x86) mulConst(d int, name string)  { m.withConst("VMULPS", name, d, d) }
func (m *x86) horner(p, z int, name string) { m.withConst("VFMADD213PS", name, z, p) }

func (m *x86) setConst(d int, name string) {
	if m.lanes == 16 {
		m.op("VBROADCASTSS %s, %s", m.constant(name), m.v(d))
	} else {
		m.op("VMOVUPS %s, %s", m.constant(name), m.v(d))
	}
}

// Of two operands with a NaN, MIN and MAX return the second, in Intel's order.
func (m *x86) min(d, c int) { m.three("VMINPS", d, c, d) }
func (m *x86) max(d, c int) { m.three("VMAXPS", d, c, d) }

func (m *x86) mulConstSub(d int, name string, a int) { m.withConst("VFMSUB132PS", name, a, d) }

func (m *x86) clip(d, t int) {
	m.op("VXORPS X%d, X%d, X%d", t, t, t)
	m.max(d, t)
	m.min(d, m.keep("ONE"))
}

func (m *x86) takeSign(sign, d int) {
	m.withConst("VANDPS", "SIGN", d, sign)
	m.withConst("VORPS", "SIGN", d, d)
}

func (m *x86) giveSign(d, sign int) { m.three("VORPS", d, d, sign) }

func (m *x86) round(n, f, z int) {
	m.op("VCVTPS2DQ %s, %s", m.v(z), m.v(n))
	m.op("VCVTDQ2PS %s, %s", m.v(n), m.v(f))
}

func (m *x86) scale(z, p, n int) {
	m.op("VPSLLD $23, %s, %s", m.v(n), m.v(n))
	m.three("VPADDD", z, p, n)
}

func (m *x86) load(from string, d int) {
	if m.masked {
		m.op("VMOVUPS.Z %s, K1, %s", from, m.v(d))
	} else {
		m.op("VMOVUPS %s, %s", from, m.v(d))
	}
}

func (m *x86) store(d int, to string) {
	if m.masked {
		m.op("VMOVUPS %s, K1, %s", m.v(d), to)
	} else {
		m.op("VMOVUPS %s, %s", m.v(d), to)
	}
}

func gateAddress(base string, gate int) string {
	return base + []string{"", "(R10*1)", "(R10*2)", "(R11*1)"}[gate]
}

func (m *x86) loadX(d, gate int) { m.load(gateAddress("(R8)", gate), d) }
func (m *x86) loadS(d, gate int) { m.load(gateAddress("(R9)", gate), d) }

func (m *x86) addS(d, gate int) {
	if m.masked {
		m.op("VADDPS.Z %s, %s, K1, %s", gateAddress("(R9)", gate), m.v(d), m.v(d))
	} else {
		m.op("VADDPS %s, %s, %s", gateAddress("(R9)", gate), m.v(d), m.v(d))
	}
}

func (m *x86) loadState(d int)  { m.load("(R12)", d) }
func (m *x86) storeState(d int) { m.store(d, "(R12)") }
func (m *x86) loadH(d int)      { m.load("(R13)", d) }
func (m *x86) storeH(d int)     { m.store(d, "(R13)") }
func (m *x86) loadTmp(d int)    { m.load("(SI)", d) }
func (m *x86) storeTmp(d int)   { m.store(d, "(SI)") }

func (m *x86) gates(name string, xGates, _ int, passes ...func()) {
	m.begin(name+m.name, "gateArgs")
	m.op("MOVQ a+0(FP), DI")
	m.op("LEAQ constants<>(SB), DX")
	for _, name := range kept {
		m.setConst(m.keep(name), name)
	}
	m.op("MOVQ %d(DI), R10", argUnits)
	m.op("SHLQ $2, R10")
	m.op("LEAQ (R10)(R10*2), R11")
	m.op("MOVQ %d(DI), BX", argN)
	m.line("nextRow:")
	pointers := []struct {
		reg        string
		at, stride int
	}{{"R9", argS, argLDS}, {"R12", argState, argLDH}, {"R13", argH, argLDH}, {"SI", argTmp, argLDH}}
	for pass, body := range passes {
		m.op("MOVQ %d(DI), AX", argX)
		m.op("MOVQ (AX), R8")
		if pass == 0 { // AX walks through x of the row behind, to bring it near
			m.op("CMPQ BX, $1")
			m.op("JEQ ahead")
			m.op("MOVQ 8(AX), AX")
			m.line("ahead:")
		}
		for _, p := range pointers {
			m.op("MOVQ %d(DI), %s", p.at, p.reg)
		}
		m.op("MOVQ %d(DI), CX", argUnits)
		if m.lanes == 16 {
			m.op("SUBQ $16, CX")
			m.op("JLT tail%d", pass)
		}
		m.line("units%d:", pass)
		if pass == 0 {
			for at := 0; at < 4*m.lanes*xGates; at += 64 {
				m.op("PREFETCHT0 %d(AX)", at)
			}
			m.op("ADDQ $%d, AX", 4*m.lanes*xGates)
		}
		body()
		m.op("ADDQ $%d, R8", 4*m.lanes)
		for _, p := range pointers {
			m.op("ADDQ $%d, %s", 4*m.lanes, p.reg)
		}
		m.op("SUBQ $%d, CX", m.lanes)
		if m.lanes == 16 {
			m.op("JGE units%d", pass)
			m.line("tail%d:", pass)
			m.op("ADDQ $16, CX")
			m.op("JEQ end%d", pass)
			m.op("MOVL $1, AX")
			m.op("SHLL CX, AX")
			m.op("DECL AX")
			m.op("KMOVW AX, K1")
			m.masked = true
			body()
			m.masked = false
			m.line("end%d:", pass)
		} else {
			m.op("JGT units%d", pass)
		}
	}
	m.op("ADDQ $8, %d(DI)", argX)
	for _, p := range pointers {
		m.op("MOVQ %d(DI), AX", p.stride)
		m.op("ADDQ AX, %d(DI)", p.at)
	}
	m.op("DECQ BX")
	m.op("JNE nextRow")
	m.op("VZEROUPPER")
	m.op("RET")
}

// roofs writes what the products are measured against: multiply-adds that wait
// for nothing, and reading that computes nothing.
func (m *x86) roofs(sums int) {
	m.begin("roofFMA"+m.name, "roofArgs")
	m.op("MOVQ a+0(FP), DI")
	m.op("MOVQ %d(DI), CX", argBlocks)
	for i := range sums + 2 {
		if m.lanes == 16 {
			m.op("VPXORD %s, %s, %s", m.v(i), m.v(i), m.v(i))
		} else {
			m.op("VXORPS %s, %s, %s", m.v(i), m.v(i), m.v(i))
		}
	}
	m.line("loop:")
	for i := range sums {
		m.op("VFMADD231PS %s, %s, %s", m.v(sums), m.v(sums+1), m.v(i))
	}
	m.op("DECQ CX")
	m.op("JNE loop")
	m.op("VZEROUPPER")
	m.op("RET")

	m.begin("roofRead"+m.name, "roofArgs")
	m.op("MOVQ a+0(FP), DI")
	m.op("MOVQ %d(DI), SI", argData)
	m.op("MOVQ %d(DI), CX", argBlocks)
	m.line("loop:")
	for at := 0; at < roofBlock; at += 4 * m.lanes {
		m.op("VMOVUPS %d(SI), %s", at, m.v(at/(4*m.lanes)))
	}
	m.op("ADDQ $%d, SI", roofBlock)
	m.op("DECQ CX")
	m.op("JNE loop")
	m.op("VZEROUPPER")
	m.op("RET")
}

// prefetch writes what brings the rows that gates will read near.
func x86Prefetch(t *text) {
	t.begin("prefetch", "prefetchArgs")
	t.op("MOVQ a+0(FP), DI")
	t.op("MOVQ %d(DI), SI", argPointers)
	t.op("MOVQ %d(DI), BX", argPointerCount)
	t.line("next:")
	t.op("MOVQ (SI), AX")
	t.op("MOVQ %d(DI), CX", argBytes)
	t.line("line:")
	t.op("PREFETCHT0 (AX)")
	t.op("ADDQ $64, AX")
	t.op("SUBQ $64, CX")
	t.op("JGT line")
	t.op("ADDQ $8, SI")
	t.op("DECQ BX")
	t.op("JNE next")
	t.op("RET")
}
