package kernel

import (
	"math"
	"unsafe"
)

// fma returns a*b + c, rounded once. The product of two float32 is exact in
// float64; the sum is rounded to odd there, which keeps what the last rounding
// needs (Boldo and Melquiond 2008, "Emulation of FMA and correctly rounded
// sums: proved algorithms using rounding to odd").
func fma(a, b, c float32) float32 {
	p, q := float64(a)*float64(b), float64(c)
	s := p + q
	if s-s != 0 { // NaN or infinite
		return float32(s)
	}
	t := s - p
	lost := (p - (s - t)) + (q - t)
	if lost != 0 {
		if bits := math.Float64bits(s); bits&1 == 0 {
			if (lost > 0) == (s > 0) {
				bits++
			} else {
				bits--
			}
			s = math.Float64frombits(bits)
		}
	}
	return float32(s)
}

func productGo(c []float32, ldc int, a []float32, lda, rows int, b *Matrix, start []float32) {
	width := Width(b.Cols)
	for i := range rows {
		for from := 0; from < width; from += panelWidth {
			w := min(panelWidth, width-from)
			for j := range w {
				sum := start[from+j]
				for l := range b.Rows {
					sum = fma(a[i*lda+l], b.Data[from*b.Rows+l*w+j], sum)
				}
				c[i*ldc+from+j] = sum
			}
		}
	}
}

// The functions below follow _asm/gates.go instruction by instruction. Go may
// fuse x*y + z; an explicit conversion of the product prevents it.

const (
	negLog2e = float32(-math.Log2E)
	twoLog2e = float32(2 * math.Log2E)
)

// exp2 returns 2^z, z clamped to ±40.
func exp2(z float32) float32 {
	if z > 40 {
		z = 40
	}
	if z < -40 {
		z = -40
	}
	if z != z {
		return z
	}
	n := float32(math.RoundToEven(float64(z)))
	return power(n, z-n)
}

// power returns 2^(n+r).
func power(n, r float32) float32 {
	p := float32(1.535336188319500e-4)
	for _, c := range [...]float32{1.339887440266574e-3, 9.618437357674640e-3, 5.550332471162809e-2, 2.402264791363012e-1, 6.931472028550421e-1, 1} {
		p = fma(p, r, c)
	}
	return math.Float32frombits(math.Float32bits(p) + uint32(int32(n))<<23)
}

// hard is the hard activation r.
func hard(r Recurrent, z float32) float32 {
	slope := float32(.2)
	if r == HardKeras3 {
		slope = 1. / 6
	}
	z = fma(z, slope, .5)
	if z < 0 {
		z = 0
	}
	if z > 1 {
		z = 1
	}
	return z
}

// tanhParts returns numerator and denominator of tanh(x).
func tanhParts(x float32) (n, d float32) {
	const sign = 1 << 31
	bits := math.Float32bits(x)
	e := math.Float32frombits(bits | sign)
	if e < -13.86 {
		e = -13.86
	}
	if e == e {
		n := float32(math.RoundToEven(float64(e * twoLog2e)))
		e = power(n, fma(e, twoLog2e, -n))
	}
	d = 1 + e
	n = d - 2*e
	return math.Float32frombits(math.Float32bits(n) | bits&sign), d
}

func tanh(z float32) float32 {
	n, d := tanhParts(z)
	return n / d
}

// units calls f for all units of all rows. x(gate) and s(gate) are the
// elements of the unit's gates, at is its place in State, H and Tmp.
func (r *Rows) units(f func(x, s func(gate int) float32, at int)) {
	ldh := Width(r.Units)
	for i, p := range r.X {
		for k := range r.Units {
			x := func(gate int) float32 {
				return *(*float32)(unsafe.Add(unsafe.Pointer(p), 4*(gate*r.Units+k)))
			}
			s := func(gate int) float32 { return r.S[i*r.LDS+gate*r.Units+k] }
			f(x, s, i*ldh+k)
		}
	}
}

func lstmGo(r Recurrent, rows *Rows) {
	rows.units(func(x, s func(int) float32, at int) {
		i, f, g, o := x(0)+s(0), x(1)+s(1), x(2)+s(2), x(3)+s(3)
		c := rows.State[at]
		if r != Sigmoid {
			i, f, o, g = hard(r, i), hard(r, f), hard(r, o), tanh(g)
			c = fma(f, c, i*g)
			rows.State[at] = c
			rows.H[at] = o * tanh(c)
			return
		}
		ei, ef, eo := exp2(i*negLog2e), exp2(f*negLog2e), exp2(o*negLog2e)
		n, d := tanhParts(g)
		a := (1 + ei) * d
		c = fma(a, c, n*(1+ef)) / float32((1+ef)*a)
		rows.State[at] = c
		n, d = tanhParts(c)
		rows.H[at] = n / float32((1+eo)*d)
	})
}

func gruAfterGo(r Recurrent, rows *Rows) {
	rows.units(func(x, s func(int) float32, at int) {
		z, reset, g, h := x(0)+s(0), x(1)+s(1), x(2), rows.H[at]
		if r != Sigmoid {
			z, reset = hard(r, z), hard(r, reset)
			g = tanh(fma(reset, s(2), g))
			rows.H[at] = fma(z, h, (1-z)*g)
			return
		}
		ez, er := exp2(z*negLog2e), exp2(reset*negLog2e)
		g += s(2) / (1 + er)
		n, d := tanhParts(g)
		rows.H[at] = fma(h, d, ez*n) / float32((1+ez)*d)
	})
}

func gruResetGo(r Recurrent, rows *Rows) {
	rows.units(func(x, s func(int) float32, at int) {
		z, reset, h := x(0)+s(0), x(1)+s(1), rows.H[at]
		if r != Sigmoid {
			rows.State[at], rows.Tmp[at] = hard(r, z), hard(r, reset)*h
			return
		}
		rows.State[at] = 1 / (1 + exp2(z*negLog2e))
		rows.Tmp[at] = h / (1 + exp2(reset*negLog2e))
	})
}

func gruBeforeGo(rows *Rows) {
	rows.units(func(x, s func(int) float32, at int) {
		z, h := rows.State[at], rows.H[at]
		g := tanh(x(2) + s(0))
		rows.H[at] = fma(z, h, (1-z)*g)
	})
}
