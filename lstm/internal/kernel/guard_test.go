//go:build linux

package kernel

import (
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"unsafe"
)

// fenced returns n numbers that end (or, with front, begin) at a page that may
// not be touched: a function that reads or writes one too many ends the test
// program.
func fenced(t *testing.T, n int, front bool) []float32 {
	t.Helper()
	page := os.Getpagesize()
	size := (4*n + page - 1) / page * page
	mem, err := syscall.Mmap(-1, 0, size+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Skip("no memory with guard pages:", err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(mem) })
	for _, guard := range [][]byte{mem[:page], mem[page+size:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			t.Skip("no memory with guard pages:", err)
		}
	}
	at := page
	if !front {
		at += size - 4*n
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(&mem[at])), n)
}

// fence returns a copy of v in fenced memory.
func fence(t *testing.T, v []float32, front bool) []float32 {
	f := fenced(t, len(v), front)
	copy(f, v)
	return f
}

// TestNothingBeyondTheSlicesIsTouched runs everything on slices of the smallest
// allowed length with guard pages on either side.
func TestNothingBeyondTheSlicesIsTouched(t *testing.T) {
	for _, set := range Sets() {
		for _, front := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/front=%t", set, front), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(8, 8))
				for _, cols := range []int{1, 7, 8, 9, 16, 23, 31, 32, 33, 64, 71, 100} {
					for _, rows := range []int{1, 2, 3, 4, 5, 6, 7, 13} {
						k := 1 + rng.IntN(9)
						b := Pack(floats(rng, k*cols), k, cols, cols)
						b.Data = fence(t, b.Data, front)
						a := fence(t, floats(rng, rows*k), front)
						c := fenced(t, rows*Width(cols), front)
						start := fence(t, floats(rng, Width(cols)), front)
						set.Product(c, Width(cols), a, k, rows, &b, start)

						// Rows that overlap end at the fence too.
						lda := (k + 1) / 2
						a = fence(t, floats(rng, (rows-1)*lda+k), front)
						set.Product(c, Width(cols), a, lda, rows, &b, start)
					}
				}
				for _, gates := range gateCases {
					for _, units := range []int{1, 3, 8, 9, 15, 16, 17, 31, 33} {
						for r := Sigmoid; r <= HardKeras3; r++ {
							rows := newRows(rng, gates, 3, units, GateWidth(gates.sGates, units), 1)
							for i := range rows.X {
								rows.X[i] = &fence(t, unsafe.Slice(rows.X[i], GateWidth(gates.gates, units)), front)[0]
							}
							for _, v := range []*[]float32{&rows.S, &rows.State, &rows.H, &rows.Tmp} {
								*v = fence(t, *v, front)
							}
							gates.run(set, r, rows)
						}
					}
				}
			})
		}
	}
}

// TestShortSlicesPanic: what would be read or written beyond a slice is found
// before.
func TestShortSlicesPanic(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	panics := func(name string, f func()) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Errorf("%s: no panic", name)
			}
		}()
		f()
	}
	for _, set := range Sets() {
		m := Pack(floats(rng, 5*9), 5, 9, 9)
		short := m
		short.Data = m.Data[:len(m.Data)-1]
		v := func(n int) []float32 { return make([]float32, n) }
		panics("c", func() { set.Product(v(31), 16, v(10), 5, 2, &m, v(16)) })
		panics("a", func() { set.Product(v(32), 16, v(9), 5, 2, &m, v(16)) })
		panics("start", func() { set.Product(v(32), 16, v(10), 5, 2, &m, v(15)) })
		panics("matrix", func() { set.Product(v(32), 16, v(10), 5, 2, &short, v(16)) })
		panics("distance of rows of c", func() { set.Product(v(32), 9, v(10), 5, 2, &m, v(16)) })
		panics("no distance of rows of a", func() { set.Product(v(32), 16, v(10), 0, 2, &m, v(16)) })
		panics("negative distance of rows of a", func() { set.Product(v(32), 16, v(10), -1, 2, &m, v(16)) })
		panics("no rows", func() { set.Product(v(32), 16, v(10), 5, 0, &m, v(16)) })
		for _, c := range gateCases {
			for _, field := range []func(*Rows) *[]float32{
				func(r *Rows) *[]float32 { return &r.S }, func(r *Rows) *[]float32 { return &r.State },
				func(r *Rows) *[]float32 { return &r.H }, func(r *Rows) *[]float32 { return &r.Tmp },
			} {
				rows := newRows(rng, c, 2, 9, GateWidth(c.sGates, 9), 1)
				f := field(rows)
				*f = (*f)[:len(*f)-1]
				panics(c.name, func() { c.run(set, Sigmoid, rows) })
			}
		}
	}
}

// fenceInt8 is fence for a multiple of 4 bytes.
func fenceInt8(t *testing.T, v []int8, front bool) []int8 {
	words := fenced(t, len(v)/4, front)
	f := unsafe.Slice((*int8)(unsafe.Pointer(&words[0])), len(v))
	copy(f, v)
	return f
}

// TestNothingBeyondBytesIsTouched: likewise for products of bytes.
func TestNothingBeyondBytesIsTouched(t *testing.T) {
	for _, dot := range append(dots(), DotGo) {
		for _, front := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/front=%t", dot, front), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(10, 10))
				for _, cols := range []int{1, 8, 9, 23, 31, 32, 33, 64, 71, 100, 200} {
					for _, rows := range []int{1, 2, 3, 4, 5, 6, 7, 13} {
						k := 1 + rng.IntN(19)
						lda := (k + 3) / 4 * 4
						b := PackInt8(int8s(rng, k*cols), floats(rng, cols), k, cols, cols)
						b.Data = fenceInt8(t, b.Data, front)
						b.Factor, b.Offset = fence(t, b.Factor, front), fence(t, b.Offset, front)
						a := fenceInt8(t, int8s(rng, rows*lda), front)
						dot.Product(fenced(t, rows*Width(cols), front), Width(cols), a, lda, rows, &b, fence(t, floats(rng, Width(cols)), front))
					}
				}
				for n := 8; n < 100; n += 8 {
					dot.Quantise(fenceInt8(t, make([]int8, n), front), fence(t, floats(rng, n), front))
				}
			})
		}
	}
}

func TestShortSlicesOfBytesPanic(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	panics := func(name string, f func()) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Errorf("%s: no panic", name)
			}
		}()
		f()
	}
	for _, dot := range append(dots(), DotGo) {
		m := PackInt8(int8s(rng, 5*9), floats(rng, 9), 5, 9, 9)
		data, factor, offset := m, m, m
		data.Data, factor.Factor, offset.Offset = m.Data[1:], m.Factor[1:], m.Offset[1:]
		v := func(n int) []float32 { return make([]float32, n) }
		a := make([]int8, 16)
		dot.Product(v(32), 16, a, 8, 2, &m, v(16))
		panics("c", func() { dot.Product(v(31), 16, a, 8, 2, &m, v(16)) })
		panics("a", func() { dot.Product(v(32), 16, a[1:], 8, 2, &m, v(16)) })
		panics("start", func() { dot.Product(v(32), 16, a, 8, 2, &m, v(15)) })
		for name, short := range map[string]*Int8{"data": &data, "factor": &factor, "offset": &offset} {
			panics(name, func() { dot.Product(v(32), 16, a, 8, 2, short, v(16)) })
		}
		panics("distance of rows of a", func() { dot.Product(v(32), 16, a, 5, 2, &m, v(16)) })
		panics("no rows", func() { dot.Product(v(32), 16, a, 8, 0, &m, v(16)) })
		panics("quantise", func() { dot.Quantise(a[:8], v(16)) })
		panics("quantise, no multiple of 8", func() { dot.Quantise(a[:7], v(7)) })
	}
}
