package main

import "math"

// The constants of the gates, each a float32.
var constants = []struct {
	name  string
	value float32
}{
	{"NL", -math.Log2E},
	{"TWOL", 2 * math.Log2E},
	{"TANHLO", -13.86}, // 2^-40
	{"SIGN", float32(math.Copysign(0, -1))},
	// Exponents beyond ±40 change no result by 1e-12, and products of three
	// powers stay far within float32.
	{"HI", 40},
	{"LO", -40},
	// 2^r = 1 + C1 r + ... + C6 r^6 on [-1/2, 1/2] with a relative error below
	// 1e-8, without rounding: the polynomial of exp2f in Moshier's Cephes.
	{"C6", 1.535336188319500e-4},
	{"C5", 1.339887440266574e-3},
	{"C4", 9.618437357674640e-3},
	{"C3", 5.550332471162809e-2},
	{"C2", 2.402264791363012e-1},
	{"C1", 6.931472028550421e-1},
	{"ONE", 1},
	{"HALF", .5},
	{"FIFTH", .2},
	{"SIXTH", 1. / 6},
	{"ZERO", 0},
}

func constantIndex(name string) int {
	for i, c := range constants {
		if c.name == name {
			return i
		}
	}
	panic("no constant " + name)
}

// kept are the constants that stay in registers 13 to 15.
var kept = []string{"HI", "LO", "ONE"}

// A machine has vector registers, numbered, and writes instructions on them.
// Registers 0 to 12 are free for values; HI, LO and ONE are kept in registers
// throughout.
type machine interface {
	add(d, a, b int)
	sub(d, a, b int)
	mul(d, a, b int)
	div(d, a, b int)
	fma(d, a, b int)                       // d += a*b, rounded once
	mulConst(d int, name string)           // d *= constant
	mulConstSub(d int, name string, a int) // d = d*constant - a, rounded once
	setConst(d int, name string)           // d = constant
	horner(p, z int, name string)          // p = p*z + constant, rounded once
	min(d, c int)                          // d = min(d, c), NaN in d stays
	max(d, c int)                          // d = max(d, c), NaN in d stays
	clip(d, t int)                         // d = min(max(d, 0), 1), NaN stays; t is overwritten
	takeSign(sign, d int)                  // sign = the sign of d; d = -|d|
	giveSign(d, sign int)                  // d = -d if sign is negative, for d >= 0
	round(n, f, z int)                     // n = the integer nearest to z, even in a tie; f = n as float
	scale(z, p, n int)                     // z = p * 2^n
	keep(name string) int                  // register of HI, LO or ONE
	loadX(d, gate int)                     // d = x of a gate
	loadS(d, gate int)                     // d = s of a gate
	addS(d, gate int)                      // d += s of a gate
	loadState(d int)                       // d = c or z
	storeState(d int)
	loadH(d int)
	storeH(d int)
	loadTmp(d int)
	storeTmp(d int)
	// gates writes a function that runs each of the passes for all units of a
	// row, row by row. Its x and s have that many gates one behind the other.
	gates(name string, xGates, sGates int, passes ...func())
}

// exp2 replaces z by 2^z, each clamped to ±40. n and p are overwritten.
//
// The last zs, as many as tanhs, are -|x| as takeSign leaves it and are
// replaced by 2^(-2|x| log2 e). Their error counts for more: the fraction of the
// exponent is taken from the exact product.
func exp2(m machine, zs []int, tanhs int, ns, ps []int) {
	sigmoids := len(zs) - tanhs
	for _, z := range zs[:sigmoids] {
		m.min(z, m.keep("HI"))
	}
	for i, z := range zs {
		if i < sigmoids {
			m.max(z, m.keep("LO"))
		} else {
			m.setConst(ps[i], "TANHLO")
			m.max(z, ps[i])
		}
	}
	for i, z := range zs {
		if i < sigmoids {
			m.round(ns[i], ps[i], z)
			m.sub(z, z, ps[i])
		} else {
			m.setConst(ps[i], "TWOL")
			m.mul(ps[i], ps[i], z)
			m.round(ns[i], ps[i], ps[i])
			m.mulConstSub(z, "TWOL", ps[i])
		}
	}
	for i := range zs {
		m.setConst(ps[i], "C6")
	}
	for _, c := range []string{"C5", "C4", "C3", "C2", "C1", "ONE"} {
		for i, z := range zs {
			m.horner(ps[i], z, c)
		}
	}
	for i, z := range zs {
		m.scale(z, ps[i], ns[i])
	}
}

// tanhParts replaces e = 2^(-2|x| log2 e) by the numerator of tanh x =
// ±(1-e)/(1+e) and sets the denominator.
// The numerator is (1+e) - 2e, so that the rounding of 1+e is in both and all
// but cancels; 2e is exact.
func tanhParts(m machine, e, sign, denominator int) {
	m.add(denominator, m.keep("ONE"), e)
	m.add(e, e, e)
	m.sub(e, denominator, e)
	m.giveSign(e, sign)
}

// A gate activation: sigmoid as 1/(1+e), or a hard one.
type recurrentActivation struct {
	name  string
	slope string // of a hard one, "" = sigmoid
}

var recurrentActivations = []recurrentActivation{{"Sigmoid", ""}, {"HardKeras2", "FIFTH"}, {"HardKeras3", "SIXTH"}}

// hard replaces z by min(max(slope*z + 1/2, 0), 1); t and 12 are overwritten.
func (r recurrentActivation) hard(m machine, t int, zs ...int) {
	m.setConst(t, r.slope)
	for _, z := range zs {
		m.horner(z, t, "HALF")
		m.clip(z, 12)
	}
}

// allGates writes all gates. Those with two activations one behind the other
// make two passes: each has a chain of dependent instructions half as long, so
// that a processor that looks a few hundred instructions ahead finds twice as
// many to run at the same time.
func allGates(m machine) {
	for _, r := range recurrentActivations {
		m.gates("lstm"+r.name, 4, 4, func() { lstmState(m, r) }, func() { lstmOutput(m, r) })
		m.gates("gruAfter"+r.name, 3, 3, func() { gruAfter(m, r) }, func() { gruOutput(m, r) })
		m.gates("gruReset"+r.name, 2, 2, func() { gruReset(m, r) })
	}
	m.gates("gruBefore", 3, 1, func() { gruBefore(m) })
}

// lstmState: with E = 2^(-z log2 e) for i, f and o, and Ng/Dg = tanh(z) for g
//
//	c = c/(1+Ef) + Ng/(Dg (1+Ei))
//
// on a common denominator, so that there is one division instead of three. It
// leaves 1+Eo, of hard gates o, in tmp.
func lstmState(m machine, r recurrentActivation) {
	const i, f, g, o = 0, 1, 2, 3
	one := m.keep("ONE")
	for z := range 4 {
		m.loadX(z, z)
	}
	for z := range 4 {
		m.addS(z, z)
	}
	if r.slope != "" {
		r.hard(m, 4, i, f, o)
		m.storeTmp(o)
		tanh(m, g)
		m.mul(i, i, g)
		m.loadState(4)
		m.fma(i, f, 4) // c = i g + f c
		m.storeState(i)
		return
	}
	m.mulConst(i, "NL")
	m.mulConst(f, "NL")
	m.mulConst(o, "NL")
	m.takeSign(12, g)
	exp2(m, []int{i, f, o, g}, 1, []int{4, 5, 6, 7}, []int{8, 9, 10, 11})
	m.add(i, one, i)
	m.add(f, one, f)
	m.add(o, one, o)
	m.storeTmp(o)
	tanhParts(m, g, 12, 4)
	m.mul(i, i, 4) // (1+Ei) Dg
	m.mul(g, g, f) // Ng (1+Ef)
	m.mul(f, f, i)
	m.loadState(5)
	m.fma(g, i, 5)
	m.div(g, g, f)
	m.storeState(g)
}

// lstmOutput: h = Nc/(Dc (1+Eo)) with Nc/Dc = tanh(c), or h = o Nc/Dc.
func lstmOutput(m machine, r recurrentActivation) {
	const g, o = 0, 1
	m.loadState(g)
	m.loadTmp(o)
	if r.slope != "" {
		tanh(m, g)
		m.mul(o, o, g)
		m.storeH(o)
		return
	}
	m.takeSign(6, g)
	exp2(m, []int{g}, 1, []int{4}, []int{5})
	tanhParts(m, g, 6, 4)
	m.mul(o, o, 4)
	m.div(g, g, o)
	m.storeH(g)
}

// gruAfter, a GRU whose reset gate works after the product:
//
//	g = tanh(x_g + r s_g),  h = z h + (1-z) g
//
// with z = 1/(1+Ez), r = 1/(1+Er). It leaves the argument of tanh in the state
// and Ez, of hard gates z, in tmp.
func gruAfter(m machine, r recurrentActivation) {
	const z, reset, g = 0, 1, 2
	one := m.keep("ONE")
	m.loadX(z, 0)
	m.loadX(reset, 1)
	m.addS(z, 0)
	m.addS(reset, 1)
	m.loadS(3, 2)
	m.loadX(g, 2)
	if r.slope != "" {
		r.hard(m, 4, z, reset)
		m.fma(g, reset, 3)
		m.storeTmp(z)
		m.storeState(g)
		return
	}
	m.mulConst(z, "NL")
	m.mulConst(reset, "NL")
	exp2(m, []int{z, reset}, 0, []int{4, 5}, []int{8, 9})
	m.storeTmp(z)
	m.add(reset, one, reset)
	m.div(3, 3, reset)
	m.add(g, g, 3)
	m.storeState(g)
}

// gruOutput, with Ng/Dg = tanh of the state: h = (h Dg + Ez Ng) / ((1+Ez) Dg).
func gruOutput(m machine, r recurrentActivation) {
	const z, g = 0, 2
	m.loadState(g)
	m.loadTmp(z)
	if r.slope != "" {
		tanh(m, g)
		blend(m, z, g)
		return
	}
	m.takeSign(6, g)
	exp2(m, []int{g}, 1, []int{4}, []int{5})
	tanhParts(m, g, 6, 4)
	m.mul(g, z, g) // Ez Ng
	m.add(z, m.keep("ONE"), z)
	m.loadH(5)
	m.fma(g, 5, 4)
	m.mul(z, z, 4)
	m.div(z, g, z)
	m.storeH(z)
}

// gruReset, the first half of a GRU whose reset gate works before the product:
// keeps z and returns r h.
func gruReset(m machine, r recurrentActivation) {
	const z, reset = 0, 1
	one := m.keep("ONE")
	m.loadX(z, 0)
	m.loadX(reset, 1)
	m.addS(z, 0)
	m.addS(reset, 1)
	m.loadH(2)
	if r.slope != "" {
		r.hard(m, 4, z, reset)
		m.mul(2, reset, 2)
	} else {
		m.mulConst(z, "NL")
		m.mulConst(reset, "NL")
		exp2(m, []int{z, reset}, 0, []int{4, 5}, []int{8, 9})
		m.add(z, one, z)
		m.add(reset, one, reset)
		m.div(z, one, z)
		m.div(2, 2, reset)
	}
	m.storeState(z)
	m.storeTmp(2)
}

// gruBefore, the second half: g = tanh(x_g + s), h = z h + (1-z) g.
func gruBefore(m machine) {
	m.loadX(2, 2)
	m.addS(2, 0)
	tanh(m, 2)
	m.loadState(0)
	blend(m, 0, 2)
}

// tanh replaces z by its hyperbolic tangent; 4 to 6 are overwritten.
func tanh(m machine, z int) {
	m.takeSign(6, z)
	exp2(m, []int{z}, 1, []int{4}, []int{5})
	tanhParts(m, z, 6, 4)
	m.div(z, z, 4)
}

// blend stores h = z h + (1-z) g; 4 and 5 are overwritten.
func blend(m machine, z, g int) {
	m.sub(4, m.keep("ONE"), z)
	m.mul(4, 4, g)
	m.loadH(5)
	m.fma(4, z, 5)
	m.storeH(4)
}
