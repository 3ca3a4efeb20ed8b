//go:build !purego && (amd64 || arm64)

package kernel

import (
	"fmt"
	"testing"
	"unsafe"
)

// BenchmarkRoof measures what the processor can do at most: multiply-adds that
// wait for nothing (two operations each), and reading of as many bytes as the
// caches of a core and the recurrent matrix of 196 LSTM units have.
func BenchmarkRoof(b *testing.B) {
	data := make([]float32, 4<<20)
	for _, set := range detected() {
		b.Run(fmt.Sprintf("set=%s/kind=fma", set), func(b *testing.B) {
			const n = 10000
			args := roofArgs{n: n}
			for b.Loop() {
				roofFMA(set, &args)
			}
			b.ReportMetric(2*float64(n*roofSums(set))*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
		for _, bytes := range []int{24 << 10, 256 << 10, 4 * 196 * 784, 4 << 20} {
			b.Run(fmt.Sprintf("set=%s/kind=read/bytes=%d", set, bytes), func(b *testing.B) {
				args := roofArgs{data: unsafe.Pointer(&data[0]), n: uintptr(bytes / 512)}
				for b.Loop() {
					roofRead(set, &args)
				}
				b.ReportMetric(float64(bytes/512*512)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GB/s")
			})
		}
	}
}
