// Package half converts between float32 and float16, IEEE 754's binary16.
package half

import "math"

// Max is the largest float16.
const Max = 65504

// To returns the float16 nearest to x, the even one in a tie: an infinity
// from 65520 on.
func To(x float32) uint16 {
	b := math.Float32bits(x)
	sign := uint16(b >> 16 & 0x8000)
	b &= 0x7fffffff
	switch {
	case b > 0x7f800000: // NaN, of which the upper bits stay
		return sign | 0x7c00 | max(uint16(b>>13&0x3ff), 1)
	case b >= 0x47800000: // from 2^16 on
		return sign | 0x7c00
	case b >= 0x38800000: // from 2^-14 on: a carry out of the fraction raises the exponent, as it should
		b += 0xfff + b>>13&1
		return sign | uint16((b-0x38000000)>>13)
	}
	// A multiple of 2^-24; 1024 of them are the smallest number of the case above.
	return sign | uint16(math.RoundToEven(float64(math.Float32frombits(b))*(1<<24)))
}

// From returns the float16 h, exactly.
func From(h uint16) float32 {
	sign, exponent, fraction := uint32(h&0x8000)<<16, uint32(h>>10&0x1f), uint32(h&0x3ff)
	switch exponent {
	case 0:
		x := float32(fraction) / (1 << 24)
		return math.Float32frombits(sign | math.Float32bits(x))
	case 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
}

// Finite reports whether h is neither an infinity nor NaN.
func Finite(h uint16) bool { return h&0x7c00 != 0x7c00 }
