//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

func detected() []Set {
	var sets []Set
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		if cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL {
			sets = append(sets, AVX512)
		}
		sets = append(sets, AVX2)
	}
	return sets
}

// product multiplies args.rows rows with a panel of 1 to 4 vectors of 8
// columns. Narrow panels have no use for wider registers.
func product(s Set, vectors int, a *productArgs) {
	switch vectors {
	case 1:
		productAVX21(a)
	case 2:
		productAVX22(a)
	case 3:
		productAVX23(a)
	default:
		if s == AVX512 {
			productAVX5124(a)
		} else {
			productAVX24(a)
		}
	}
}

func productRow(s Set, a *productArgs) {
	if s == AVX512 {
		rowAVX512(a)
	} else {
		rowAVX2(a)
	}
}

func lstmGates(s Set, r Recurrent, a *gateArgs) {
	if s == AVX512 {
		switch r {
		case Sigmoid:
			lstmSigmoidAVX512(a)
		case HardKeras2:
			lstmHardKeras2AVX512(a)
		default:
			lstmHardKeras3AVX512(a)
		}
		return
	}
	switch r {
	case Sigmoid:
		lstmSigmoidAVX2(a)
	case HardKeras2:
		lstmHardKeras2AVX2(a)
	default:
		lstmHardKeras3AVX2(a)
	}
}

func gruAfterGates(s Set, r Recurrent, a *gateArgs) {
	if s == AVX512 {
		switch r {
		case Sigmoid:
			gruAfterSigmoidAVX512(a)
		case HardKeras2:
			gruAfterHardKeras2AVX512(a)
		default:
			gruAfterHardKeras3AVX512(a)
		}
		return
	}
	switch r {
	case Sigmoid:
		gruAfterSigmoidAVX2(a)
	case HardKeras2:
		gruAfterHardKeras2AVX2(a)
	default:
		gruAfterHardKeras3AVX2(a)
	}
}

func gruResetGates(s Set, r Recurrent, a *gateArgs) {
	if s == AVX512 {
		switch r {
		case Sigmoid:
			gruResetSigmoidAVX512(a)
		case HardKeras2:
			gruResetHardKeras2AVX512(a)
		default:
			gruResetHardKeras3AVX512(a)
		}
		return
	}
	switch r {
	case Sigmoid:
		gruResetSigmoidAVX2(a)
	case HardKeras2:
		gruResetHardKeras2AVX2(a)
	default:
		gruResetHardKeras3AVX2(a)
	}
}

func gruBeforeGates(s Set, a *gateArgs) {
	if s == AVX512 {
		gruBeforeAVX512(a)
	} else {
		gruBeforeAVX2(a)
	}
}
