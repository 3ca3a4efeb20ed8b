//go:build !purego

package kernel

func roofFMA(_ Set, a *roofArgs)  { roofFMANEON(a) }
func roofRead(_ Set, a *roofArgs) { roofReadNEON(a) }
func roofSums(Set) int            { return 24 * 4 }
