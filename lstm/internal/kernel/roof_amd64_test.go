//go:build !purego

package kernel

// roofFMA runs a.n steps of independent multiply-adds on roofSums numbers.
func roofFMA(s Set, a *roofArgs) {
	if s == AVX512 {
		roofFMAAVX512(a)
	} else {
		roofFMAAVX2(a)
	}
}

// roofRead reads a.n blocks of 512 bytes.
func roofRead(s Set, a *roofArgs) {
	if s == AVX512 {
		roofReadAVX512(a)
	} else {
		roofReadAVX2(a)
	}
}

func roofSums(s Set) int {
	if s == AVX512 {
		return 24 * 16
	}
	return 12 * 8
}
