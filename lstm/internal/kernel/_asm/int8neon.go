package main

// neonBytes are the instructions that multiply bytes: four of a row with four
// rows of four columns.
type neonBytes struct {
	name string
	// term writes sum += b * lane of x. It may overwrite b and the registers
	// from free on.
	term func(m *neon, sum, b, x, lane int)
	// spread: term takes x with the lane in all places, from the register that
	// is behind registers further on.
	spread bool
	behind int
}

// free is the first register that terms overwrite.
func (m *neon) free() int {
	if m.bytes != nil && m.bytes.spread {
		return 30
	}
	return 32
}

// clear sets sums to 0.
func (m *neon) clear(sums []neonSum) {
	for _, s := range sums {
		m.op("VEOR V%d.B16, V%d.B16, V%d.B16", s.reg, s.reg, s.reg)
	}
}

// spread writes a lane of the n registers from x on to the n behind them, where
// terms want it.
func (m *neon) spread(x, n, lane int) {
	if m.bytes == nil || !m.bytes.spread {
		return
	}
	for i := range n {
		m.op("VDUP V%d.S[%d], V%d.S4", x+i, lane, x+n+i)
	}
	m.bytes.behind = n
}

// sdotLane is FEAT_DotProd: SDOT by element.
func (m *neon) sdotLane(sum, b, x, lane int) {
	code := 0x4f80e000 | uint32(lane&1)<<21 | uint32(x)<<16 | uint32(lane>>1)<<11 | uint32(b)<<5 | uint32(sum)
	m.op("WORD $0x%08x // SDOT V%d.B4[%d], V%d.B16, V%d.S4", code, x, lane, b, sum)
}

// smull multiplies to 16 bits, which hold the sums of pairs as no byte is -128,
// and adds the pairs of pairs to the sums.
func (m *neon) smull(sum, b, x, _ int) {
	three := func(code uint32, name string, d, n, v int) {
		m.op("WORD $0x%08x // %s V%d, V%d, V%d", code|uint32(v)<<16|uint32(n)<<5|uint32(d), name, v, n, d)
	}
	x += m.bytes.behind
	three(0x0e20c000, "SMULL", 30, b, x)
	three(0x4e20c000, "SMULL2", 31, b, x)
	three(0x4e60bc00, "ADDP .8H", 30, 30, 31)
	m.op("WORD $0x%08x // SADALP V30.H8, V%d.S4", 0x4e606800|uint32(30)<<5|uint32(sum), sum)
}

// finish turns sums of integers into results: c = start + sum * factor, each
// rounded. Registers 30 and 31 are overwritten.
func (m *neon) finish(sums []neonSum, shift string) {
	if m.bytes == nil {
		return
	}
	m.shifted(argFactor, "R7", shift)
	m.shifted(argInit, "R14", shift)
	for _, s := range sums {
		m.word2(0x4e21d800, "SCVTF", s.reg, s.reg)
		m.op("FMOVQ %d(R7), F30", s.out)
		m.op("FMOVQ %d(R14), F31", s.out)
		m.mul(s.reg, s.reg, 30)
		m.add(s.reg, s.reg, 31)
	}
}

// quantise: as of x86. FMAXNM returns the number of a number and a NaN.
//
//	R0 args, R1 to, R2 from, R3 left; V30 127, V31 -127
func (m *neon) quantise() {
	m.begin("quantiseNEON", "quantiseArgs")
	m.op("MOVD a+0(FP), R0")
	m.op("MOVD %d(R0), R1", argTo)
	m.op("MOVD %d(R0), R2", argFrom)
	m.op("MOVD %d(R0), R3", argCount)
	m.op("FMOVS %d(R0), F30", argMost)
	m.op("FMOVS %d(R0), F31", argLeast)
	m.op("VDUP V30.S[0], V30.S4")
	m.op("VDUP V31.S[0], V31.S4")
	m.line("loop:")
	for i := range 2 {
		m.op("FMOVQ.P 16(R2), F%d", i)
		m.mul(i, i, 30)
		m.word(0x4e20c400, "FMAXNM", i, i, 31)
		m.word(0x4ea0c400, "FMINNM", i, i, 30)
		m.word2(0x4e21a800, "FCVTNS", i, i)
	}
	m.op("WORD $0x%08x // XTN V0.S4, V2.H4", 0x0e612800|uint32(0)<<5|2)
	m.op("WORD $0x%08x // XTN2 V1.S4, V2.H8", 0x4e612800|uint32(1)<<5|2)
	m.op("WORD $0x%08x // XTN V2.H8, V2.B8", 0x0e212800|uint32(2)<<5|2)
	m.op("FMOVD.P F2, 8(R1)")
	m.op("SUBS $8, R3")
	m.op("BNE loop")
	m.op("RET")
}
