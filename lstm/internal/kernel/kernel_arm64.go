//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

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

// dots returns the implementations of products of bytes that run here.
func dots() []Dot {
	if bestDot(NEON) == DotSDOT {
		return []Dot{DotSDOT, DotNEON}
	}
	return []Dot{DotNEON}
}

func bestDot(Set) Dot {
	if cpu.ARM64.HasASIMDDP {
		return DotSDOT
	}
	return DotNEON
}

func quantise(a *quantiseArgs) { quantiseNEON(a) }

func productInt8(d Dot, vectors int, a *int8Args) {
	if d == DotSDOT {
		switch vectors {
		case 1:
			productInt8SDOT1(a)
		case 2:
			productInt8SDOT2(a)
		case 3:
			productInt8SDOT3(a)
		default:
			productInt8SDOT4(a)
		}
		return
	}
	switch vectors {
	case 1:
		productInt8NEON1(a)
	case 2:
		productInt8NEON2(a)
	case 3:
		productInt8NEON3(a)
	default:
		productInt8NEON4(a)
	}
}

func rowInt8(d Dot, a *int8Args) {
	if d == DotSDOT {
		rowInt8SDOT(a)
	} else {
		rowInt8NEON(a)
	}
}
