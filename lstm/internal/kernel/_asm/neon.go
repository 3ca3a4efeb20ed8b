package main

import (
	"fmt"
	"math"
)

// neon writes arm64 with Advanced SIMD. Instructions that Go's assembler does
// not know are written as words; their layouts are in the Arm Architecture
// Reference Manual, C7.2.
type neon struct {
	*text
	bytes *neonBytes // the products are of bytes; nil = of float32
}

func neonConstants(t *text) {
	t.line("")
	for i, c := range constants {
		for lane := range 4 {
			t.line("DATA constants<>+%d(SB)/4, $0x%08x // %s", 16*i+4*lane, math.Float32bits(c.value), c.name)
		}
	}
	t.line("GLOBL constants<>(SB), RODATA|NOPTR, $%d", 16*len(constants))
}

// word writes the instruction op Vd.4S, Vn.4S, Vm.4S.
func (m *neon) word(code uint32, name string, d, n, v int) {
	m.op("WORD $0x%08x // %s V%d.S4, V%d.S4, V%d.S4", code|uint32(v)<<16|uint32(n)<<5|uint32(d), name, v, n, d)
}

func (m *neon) word2(code uint32, name string, d, n int) {
	m.op("WORD $0x%08x // %s V%d.S4, V%d.S4", code|uint32(n)<<5|uint32(d), name, n, d)
}

// fmlaLane writes Vd += Vn * Vm[lane].
func (m *neon) fmlaLane(d, n, v, lane int) {
	code := 0x4f801000 | uint32(lane&1)<<21 | uint32(v)<<16 | uint32(lane>>1)<<11 | uint32(n)<<5 | uint32(d)
	m.op("WORD $0x%08x // FMLA V%d.S[%d], V%d.S4, V%d.S4", code, v, lane, n, d)
}

// product: as of x86.
//
//	R0 args, R1 c, R2 ldc, R3 first row of a of the tile, R4 lda, R5 rows left,
//	R6 b, R7 steps left, R8... rows of a, R14 init, R15 rows of the tile
func (m *neon) product(vectors, maxRows int) {
	name, args := m.named("product")
	m.begin(fmt.Sprintf("%s%d", name, vectors), args)
	m.op("MOVD a+0(FP), R0")
	m.op("MOVD %d(R0), R1", argC)
	m.op("MOVD %d(R0), R2", argLDC)
	m.op("MOVD %d(R0), R3", argA)
	m.op("MOVD %d(R0), R4", argLDA)
	m.op("MOVD %d(R0), R5", argRows)
	m.line("next:")
	m.op("MOVD R5, R15")
	m.op("CMP $%d, R15", maxRows)
	m.op("BLE pick")
	m.op("CMP $%d, R15", 2*maxRows)
	m.op("BGE full")
	m.op("ADD $1, R15")
	m.op("LSR $1, R15")
	m.op("B pick")
	m.line("full:")
	m.op("MOVD $%d, R15", maxRows)
	m.line("pick:")
	m.op("SUB R15, R5")
	for rows := maxRows; rows > 0; rows-- {
		m.op("CMP $%d, R15", rows)
		m.op("BEQ rows%d", rows)
	}
	m.op("RET")
	for rows := 1; rows <= maxRows; rows++ {
		m.tile(rows, vectors)
	}
}

// named returns the name of a function and of its arguments.
func (m *neon) named(what string) (name, args string) {
	if m.bytes != nil {
		return what + "Int8" + m.bytes.name, "int8Args"
	}
	return what + "NEON", "productArgs"
}

// neonSum is a register of sums.
type neonSum struct {
	reg int
	out int // where it stands in a row of c, in bytes
}

// start writes the first values of sums. A register holds how many bytes in a
// row of c they stand behind their place.
func (m *neon) start(sums []neonSum, shift string) {
	if m.bytes != nil {
		m.clear(sums)
		return
	}
	m.shifted(argInit, "R14", shift)
	for _, s := range sums {
		m.op("FMOVQ %d(R14), F%d", s.out, s.reg)
	}
}

// shifted loads a pointer from the arguments and adds shift to it.
func (m *neon) shifted(arg int, to, shift string) {
	m.op("MOVD %d(R0), %s", arg, to)
	if shift != "" {
		m.op("ADD %s, %s", shift, to)
	}
}

// term writes sum += b * lane of x.
func (m *neon) term(sum, b, x, lane int) {
	if m.bytes != nil {
		m.bytes.term(m, sum, b, x, lane)
		return
	}
	m.fmlaLane(sum, b, x, lane)
}

func (m *neon) tile(rows, vectors int) {
	quads := 2 * vectors
	acc := func(row, q int) int { return row*quads + q }
	a := func(row int) int { return rows*quads + row }
	firstB := rows*quads + rows
	if m.bytes != nil && m.bytes.spread {
		firstB += rows
	}
	spare := min(m.free()-firstB, quads)
	m.line("rows%d:", rows)
	m.op("MOVD %d(R0), R6", argB)
	m.op("MOVD %d(R0), R7", argK)
	for row := range rows {
		m.op("MOVD R3, R%d", 8+row)
		m.op("ADD R4, R3")
	}
	sums := func(row int) (sums []neonSum) {
		for q := range quads {
			sums = append(sums, neonSum{acc(row, q), 16 * q})
		}
		return sums
	}
	m.start(sums(0), "")
	for q := range quads {
		for row := 1; row < rows; row++ {
			m.op("VORR V%d.B16, V%d.B16, V%d.B16", acc(0, q), acc(0, q), acc(row, q))
		}
	}
	step := func(lane, offset int) {
		m.spread(a(0), rows, lane)
		for q := range quads {
			b := firstB + q%spare
			m.op("FMOVQ %d(R6), F%d", offset+16*q, b)
			for row := range rows {
				m.term(acc(row, q), b, a(row), lane)
			}
		}
	}
	m.op("SUBS $4, R7")
	m.op("BLT rest%d", rows)
	m.line("loop%d:", rows)
	for row := range rows {
		m.op("FMOVQ.P 16(R%d), F%d", 8+row, a(row))
	}
	for lane := range 4 {
		step(lane, 16*quads*lane)
	}
	m.op("ADD $%d, R6", 64*quads)
	m.op("SUBS $4, R7")
	m.op("BGE loop%d", rows)
	m.line("rest%d:", rows)
	m.op("ADDS $4, R7")
	m.op("BEQ store%d", rows)
	m.line("one%d:", rows)
	for row := range rows {
		m.op("FMOVS.P 4(R%d), F%d", 8+row, a(row))
	}
	step(0, 0)
	m.op("ADD $%d, R6", 16*quads)
	m.op("SUBS $1, R7")
	m.op("BNE one%d", rows)
	m.line("store%d:", rows)
	for row := range rows {
		m.finish(sums(row), "")
		for _, s := range sums(row) {
			m.op("FMOVQ F%d, %d(R1)", s.reg, s.out)
		}
		m.op("ADD R2, R1")
	}
	m.op("B next")
}

// row: as of x86.
//
//	R0 args, R8 a, R7 steps left, R6 and R9 panels, R10 the narrow one, R1 c,
//	R2 panels left, R3 b, R11 the place in c and init in bytes
func (m *neon) row(maxPanels int) {
	m.begin(m.named("row"))
	m.op("MOVD a+0(FP), R0")
	m.op("MOVD %d(R0), R3", argB)
	m.op("MOVD %d(R0), R2", argPanels)
	m.op("MOVD %d(R0), R7", argK)
	m.op("MOVD $0, R11")
	m.op("LSL $7, R7, R4") // bytes of a panel
	m.line("next:")
	m.op("MOVD $%d, R5", 4*maxPanels)
	m.op("SUBS $%d, R2", maxPanels)
	m.op("BGT pick")
	m.op("ADD $%d, R2, R5", maxPanels)
	m.op("LSL $2, R5")
	m.op("MOVD %d(R0), R12", argTail)
	m.op("ADD R12, R5")
	m.op("MOVD $-1, R2")
	m.line("pick:")
	m.op("MOVD %d(R0), R8", argA)
	m.op("MOVD %d(R0), R7", argK)
	m.op("MOVD R3, R6")
	for form := 4*maxPanels + 3; form > 0; form-- {
		m.op("CMP $%d, R5", form)
		m.op("BEQ form%d", form)
	}
	m.line("done:")
	m.op("RET")
	for form := 1; form < 4*maxPanels+4; form++ {
		m.rowForm(form/4, form%4)
	}
}

func (m *neon) rowForm(panels, tail int) {
	form := 4*panels + tail
	m.line("form%d:", form)
	walk := []string{"R6", "R9"}[:panels]
	for p := 1; p < panels; p++ {
		m.op("ADD R4, %s, %s", walk[p-1], walk[p])
	}
	switch {
	case tail > 0 && panels > 0:
		m.op("ADD R4, %s, R10", walk[panels-1])
	case tail > 0:
		m.op("MOVD R6, R10")
	}
	var sums []neonSum
	for range 8*panels + 2*tail {
		sums = append(sums, neonSum{len(sums), 16 * len(sums)})
	}
	x, b := len(sums), len(sums)+1
	if m.bytes != nil && m.bytes.spread {
		b++
	}
	spare := m.free() - b
	m.start(sums, "R11")
	m.shifted(argC, "R1", "R11")
	step := func(lane int) {
		m.spread(x, 1, lane)
		for i, s := range sums {
			from, at := "R10", s.out-128*panels+lane*32*tail
			if p := s.out / 128; p < panels {
				from, at = walk[p], s.out%128+lane*128
			}
			m.op("FMOVQ %d(%s), F%d", at, from, b+i%spare)
			m.term(s.reg, b+i%spare, x, lane)
		}
	}
	advance := func(lanes int) {
		for _, w := range walk {
			m.op("ADD $%d, %s", 128*lanes, w)
		}
		if tail > 0 {
			m.op("ADD $%d, R10", 32*tail*lanes)
		}
	}
	m.op("SUBS $4, R7")
	m.op("BLT rest%d", form)
	m.line("loop%d:", form)
	m.op("FMOVQ.P 16(R8), F%d", x)
	for lane := range 4 {
		step(lane)
	}
	advance(4)
	m.op("SUBS $4, R7")
	m.op("BGE loop%d", form)
	m.line("rest%d:", form)
	m.op("ADDS $4, R7")
	m.op("BEQ store%d", form)
	m.line("one%d:", form)
	m.op("FMOVS.P 4(R8), F%d", x)
	step(0)
	advance(1)
	m.op("SUBS $1, R7")
	m.op("BNE one%d", form)
	m.line("store%d:", form)
	m.finish(sums, "R11")
	for _, s := range sums {
		m.op("FMOVQ F%d, %d(R1)", s.reg, s.out)
	}
	if panels > 0 {
		m.op("MOVD %s, R3", walk[panels-1]) // has reached the panel behind it
		m.op("ADD $%d, R11", 128*panels)
		m.op("TBZ $63, R2, next")
	}
	m.op("B done")
}

// The gates:
//
//	R0 args, R1 constants, R2 units*4, R3 units left, R4 rows left,
//	R8 to R11 x of the gates, R12 to R15 s of the gates,
//	R19 state, R20 h, R21 tmp
//
// Registers 13 to 15 keep HI, LO and ONE, 16 to 29 the other constants;
// 30 is overwritten.

func (m *neon) keep(name string) int {
	for i, n := range kept {
		if n == name {
			return 13 + i
		}
	}
	at := 16
	for _, c := range constants {
		switch c.name {
		case "HI", "LO", "ONE":
			continue
		case name:
			return at
		}
		at++
	}
	panic("no constant " + name)
}

func (m *neon) add(d, a, b int) { m.word(0x4e20d400, "FADD", d, a, b) }
func (m *neon) sub(d, a, b int) { m.word(0x4ea0d400, "FSUB", d, a, b) }
func (m *neon) mul(d, a, b int) { m.word(0x6e20dc00, "FMUL", d, a, b) }
func (m *neon) div(d, a, b int) { m.word(0x6e20fc00, "FDIV", d, a, b) }
func (m *neon) fma(d, a, b int) { m.word(0x4e20cc00, "FMLA", d, a, b) }

func (m *neon) move(d, a int) { m.op("VORR V%d.B16, V%d.B16, V%d.B16", a, a, d) }

func (m *neon) mulConst(d int, name string) { m.mul(d, d, m.keep(name)) }
func (m *neon) setConst(d int, name string) { m.move(d, m.keep(name)) }

func (m *neon) horner(p, z int, name string) {
	m.move(30, m.keep(name))
	m.fma(30, p, z)
	m.move(p, 30)
}

func (m *neon) min(d, c int) { m.word(0x4ea0f400, "FMIN", d, d, c) }
func (m *neon) max(d, c int) { m.word(0x4e20f400, "FMAX", d, d, c) }

func (m *neon) mulConstSub(d int, name string, a int) {
	m.word2(0x6ea0f800, "FNEG", 30, a)
	m.fma(30, d, m.keep(name))
	m.move(d, 30)
}

func (m *neon) clip(d, _ int) {
	m.max(d, m.keep("ZERO"))
	m.min(d, m.keep("ONE"))
}

func (m *neon) takeSign(sign, d int) {
	c := m.keep("SIGN")
	m.op("VAND V%d.B16, V%d.B16, V%d.B16", c, d, sign)
	m.op("VORR V%d.B16, V%d.B16, V%d.B16", c, d, d)
}

func (m *neon) giveSign(d, sign int) { m.op("VORR V%d.B16, V%d.B16, V%d.B16", sign, d, d) }

func (m *neon) round(n, f, z int) {
	m.word2(0x4e21a800, "FCVTNS", n, z)
	m.word2(0x4e21d800, "SCVTF", f, n)
}

func (m *neon) scale(z, p, n int) {
	m.word2(0x4f005400|(32+23)<<16, "SHL $23,", n, n)
	m.word(0x4ea08400, "ADD", z, p, n)
}

func (m *neon) loadX(d, gate int) { m.op("FMOVQ (R%d), F%d", 8+gate, d) }
func (m *neon) loadS(d, gate int) { m.op("FMOVQ (R%d), F%d", 12+gate, d) }

func (m *neon) addS(d, gate int) {
	m.loadS(30, gate)
	m.add(d, d, 30)
}

func (m *neon) loadState(d int)  { m.op("FMOVQ (R19), F%d", d) }
func (m *neon) storeState(d int) { m.op("FMOVQ F%d, (R19)", d) }
func (m *neon) loadH(d int)      { m.op("FMOVQ (R20), F%d", d) }
func (m *neon) storeH(d int)     { m.op("FMOVQ F%d, (R20)", d) }
func (m *neon) loadTmp(d int)    { m.op("FMOVQ (R21), F%d", d) }
func (m *neon) storeTmp(d int)   { m.op("FMOVQ F%d, (R21)", d) }

func (m *neon) gates(name string, xGates, sGates int, passes ...func()) {
	m.begin(name+"NEON", "gateArgs")
	m.op("MOVD a+0(FP), R0")
	m.op("MOVD $constants<>(SB), R1")
	for i, c := range constants {
		m.op("FMOVQ %d(R1), F%d", 16*i, m.keep(c.name))
	}
	m.op("MOVD %d(R0), R2", argUnits)
	m.op("LSL $2, R2")
	m.op("MOVD %d(R0), R4", argN)
	m.line("nextRow:")
	for pass, body := range passes {
		m.op("MOVD %d(R0), R5", argX)
		m.op("MOVD (R5), R8")
		if pass == 0 { // R5 walks through x of the row behind, to bring it near
			m.op("CMP $1, R4")
			m.op("BEQ ahead")
			m.op("MOVD 8(R5), R5")
			m.line("ahead:")
		}
		m.op("MOVD %d(R0), R12", argS)
		m.op("MOVD %d(R0), R19", argState)
		m.op("MOVD %d(R0), R20", argH)
		m.op("MOVD %d(R0), R21", argTmp)
		walk := []int{8, 12, 19, 20, 21}
		for g := 1; g < xGates; g++ {
			m.op("ADD R2, R%d, R%d", 7+g, 8+g)
			walk = append(walk, 8+g)
		}
		for g := 1; g < sGates; g++ {
			m.op("ADD R2, R%d, R%d", 11+g, 12+g)
			walk = append(walk, 12+g)
		}
		m.op("MOVD %d(R0), R3", argUnits)
		m.line("units%d:", pass)
		if pass == 0 {
			m.op("PRFM (R5), PLDL1KEEP")
			m.op("ADD $%d, R5", 16*xGates)
		}
		body()
		for _, r := range walk {
			m.op("ADD $16, R%d", r)
		}
		m.op("SUBS $4, R3")
		m.op("BGT units%d", pass)
	}
	m.op("MOVD %d(R0), R5", argX)
	m.op("ADD $8, R5")
	m.op("MOVD R5, %d(R0)", argX)
	for _, p := range []struct{ at, stride int }{{argS, argLDS}, {argState, argLDH}, {argH, argLDH}, {argTmp, argLDH}} {
		m.op("MOVD %d(R0), R5", p.at)
		m.op("MOVD %d(R0), R6", p.stride)
		m.op("ADD R6, R5")
		m.op("MOVD R5, %d(R0)", p.at)
	}
	m.op("SUBS $1, R4")
	m.op("BNE nextRow")
	m.op("RET")
}

// roofs: as of x86.
func (m *neon) roofs() {
	const sums = 24
	m.begin("roofFMANEON", "roofArgs")
	m.op("MOVD a+0(FP), R0")
	m.op("MOVD %d(R0), R1", argBlocks)
	for i := range sums + 2 {
		m.op("VEOR V%d.B16, V%d.B16, V%d.B16", i, i, i)
	}
	m.line("loop:")
	for i := range sums {
		m.fma(i, sums, sums+1)
	}
	m.op("SUBS $1, R1")
	m.op("BNE loop")
	m.op("RET")

	m.begin("roofReadNEON", "roofArgs")
	m.op("MOVD a+0(FP), R0")
	m.op("MOVD %d(R0), R1", argBlocks)
	m.op("MOVD %d(R0), R2", argData)
	m.line("loop:")
	for at := 0; at < roofBlock; at += 16 {
		m.op("FMOVQ %d(R2), F%d", at, at/16)
	}
	m.op("ADD $%d, R2", roofBlock)
	m.op("SUBS $1, R1")
	m.op("BNE loop")
	m.op("RET")
}

// neonPrefetch: as of x86.
func neonPrefetch(t *text) {
	t.begin("prefetch", "prefetchArgs")
	t.op("MOVD a+0(FP), R0")
	t.op("MOVD %d(R0), R1", argPointers)
	t.op("MOVD %d(R0), R2", argPointerCount)
	t.line("next:")
	t.op("MOVD.P 8(R1), R3")
	t.op("MOVD %d(R0), R4", argBytes)
	t.line("line:")
	t.op("PRFM (R3), PLDL1KEEP")
	t.op("ADD $64, R3")
	t.op("SUBS $64, R4")
	t.op("BGT line")
	t.op("SUBS $1, R2")
	t.op("BNE next")
	t.op("RET")
}
