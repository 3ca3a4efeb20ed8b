//go:build !purego

package kernel

func detected() []Set {
	switch has := detect(); {
	case has.avx512:
		return []Set{AVX512, AVX2}
	case has.avx2:
		return []Set{AVX2}
	}
	return nil
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

// dots returns the implementations of products of bytes that run here.
func dots() []Dot {
	var all []Dot
	for _, s := range detected() {
		if d := bestDot(s); len(all) == 0 || all[len(all)-1] != d {
			all = append(all, d)
		}
	}
	return all
}

func bestDot(s Set) Dot {
	if s == AVX512 && detect().vnni {
		return DotVNNI
	}
	return DotAVX2
}

func quantise(a *quantiseArgs) { quantiseAVX2(a) }

func productInt8(d Dot, vectors int, a *int8Args) {
	if d == DotVNNI {
		switch vectors {
		case 1:
			productInt8VNNI1(a)
		case 2:
			productInt8VNNI2(a)
		case 3:
			productInt8VNNI3(a)
		default:
			productInt8VNNI4(a)
		}
		return
	}
	switch vectors {
	case 1:
		productInt8AVX21(a)
	case 2:
		productInt8AVX22(a)
	case 3:
		productInt8AVX23(a)
	default:
		productInt8AVX24(a)
	}
}

func rowInt8(d Dot, a *int8Args) {
	if d == DotVNNI {
		rowInt8VNNI(a)
	} else {
		rowInt8AVX2(a)
	}
}
