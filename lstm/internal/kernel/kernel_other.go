//go:build purego || (!amd64 && !arm64)

package kernel

func detected() []Set { return nil }

const noAssembly = "kernel: there is no assembly for this processor"

func prefetch(*prefetchArgs)                  {}
func product(Set, int, *productArgs)          { panic(noAssembly) }
func productRow(Set, *productArgs)            { panic(noAssembly) }
func lstmGates(Set, Recurrent, *gateArgs)     { panic(noAssembly) }
func gruAfterGates(Set, Recurrent, *gateArgs) { panic(noAssembly) }
func gruResetGates(Set, Recurrent, *gateArgs) { panic(noAssembly) }
func gruBeforeGates(Set, *gateArgs)           { panic(noAssembly) }
func dots() []Dot                             { return nil }
func bestDot(Set) Dot                         { panic(noAssembly) }
func quantise(*quantiseArgs)                  { panic(noAssembly) }
func productInt8(Dot, int, *int8Args)         { panic(noAssembly) }
func rowInt8(Dot, *int8Args)                  { panic(noAssembly) }
