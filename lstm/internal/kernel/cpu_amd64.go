//go:build !purego

package kernel

import "sync"

// cpuid runs the instruction of that name.
//
//go:noescape
func cpuid(leaf, subleaf uint32) (ebx, ecx, edx, eax uint32)

// xgetbv returns the lower half of XCR0: which registers the operating system
// saves.
//
//go:noescape
func xgetbv() (xcr0 uint32)

// features are what the processor and the operating system have for the
// kernels. golang.org/x/sys/cpu knows all that there is, at the start of every
// program: a virtual machine traps each CPUID, and a function's start would pay
// for a dozen instead of two.
type features struct {
	avx2, avx512, vnni bool
}

var (
	detectOnce sync.Once
	found      features
)

func detect() features {
	detectOnce.Do(func() {
		const (
			fma, osxsave, avx = 1 << 12, 1 << 27, 1 << 28 // leaf 1, ECX
			avx2              = 1 << 5                    // leaf 7, EBX
			avx512            = 1<<16 | 1<<17 | 1<<31     // leaf 7, EBX: F, DQ, VL
			vnni              = 1 << 11                   // leaf 7, ECX
			ymm               = 1<<1 | 1<<2               // XCR0: XMM and YMM registers
			zmm               = ymm | 1<<5 | 1<<6 | 1<<7  // XCR0: masks, and both parts of ZMM too
		)
		has := func(register uint32, bits uint32) bool { return register&bits == bits }
		_, first, _, _ := cpuid(1, 0)
		if !has(first, fma|osxsave|avx) {
			return
		}
		saved := xgetbv()
		// Leaf 7 is there: what saves its registers with XSAVE has leaf 13.
		seven, more, _, _ := cpuid(7, 0)
		found.avx2 = has(seven, avx2) && has(saved, ymm)
		found.avx512 = found.avx2 && has(seven, avx512) && has(saved, zmm)
		found.vnni = found.avx512 && has(more, vnni)
	})
	return found
}
