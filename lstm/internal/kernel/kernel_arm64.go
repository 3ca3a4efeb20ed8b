//go:build !purego

package kernel

func detected() []Set { return []Set{NEON} } // part of every arm64 processor

func product(_ Set, vectors int, a *productArgs) {
	switch vectors {
	case 1:
		productNEON1(a)
	case 2:
		productNEON2(a)
	case 3:
		productNEON3(a)
	default:
		productNEON4(a)
	}
}

func productRow(_ Set, a *productArgs) { rowNEON(a) }

func lstmGates(_ Set, r Recurrent, a *gateArgs) {
	switch r {
	case Sigmoid:
		lstmSigmoidNEON(a)
	case HardKeras2:
		lstmHardKeras2NEON(a)
	default:
		lstmHardKeras3NEON(a)
	}
}

func gruAfterGates(_ Set, r Recurrent, a *gateArgs) {
	switch r {
	case Sigmoid:
		gruAfterSigmoidNEON(a)
	case HardKeras2:
		gruAfterHardKeras2NEON(a)
	default:
		gruAfterHardKeras3NEON(a)
	}
}

func gruResetGates(_ Set, r Recurrent, a *gateArgs) {
	switch r {
	case Sigmoid:
		gruResetSigmoidNEON(a)
	case HardKeras2:
		gruResetHardKeras2NEON(a)
	default:
		gruResetHardKeras3NEON(a)
	}
}

func gruBeforeGates(_ Set, a *gateArgs) { gruBeforeNEON(a) }
