//go:build !purego

package kernel

import (
	"testing"

	"golang.org/x/sys/cpu"
)

func TestFeaturesAreThoseOfTheSystemsPackage(t *testing.T) {
	x := cpu.X86
	want := features{avx2: x.HasAVX2 && x.HasFMA}
	want.avx512 = want.avx2 && x.HasAVX512F && x.HasAVX512DQ && x.HasAVX512VL
	want.vnni = want.avx512 && x.HasAVX512VNNI
	if got := detect(); got != want {
		t.Errorf("detected %+v, golang.org/x/sys/cpu has %+v", got, want)
	}
}
