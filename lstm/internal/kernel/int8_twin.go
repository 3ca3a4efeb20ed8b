package kernel

import "math"

func quantiseGo(dst []int8, src []float32) {
	for i, x := range src {
		z := x * most
		if !(z > -most) {
			z = -most
		}
		if z > most {
			z = most
		}
		dst[i] = int8(math.RoundToEven(float64(z)))
	}
}

func productInt8Go(c []float32, ldc int, a []int8, lda, rows int, b *Int8, start []float32) {
	width, k := Width(b.Cols), groups(b.Rows)
	for i := range rows {
		row := a[i*lda:][:group*k]
		for from := 0; from < width; from += panelWidth {
			w := min(panelWidth, width-from)
			var sums [panelWidth]int32
			panel := b.Data[group*k*from:][:group*k*w]
			for l := range k {
				a := row[group*l:][:group]
				a0, a1, a2, a3 := int32(a[0]), int32(a[1]), int32(a[2]), int32(a[3])
				line := panel[group*w*l:][:group*w]
				for j := range w {
					b := line[group*j:][:group]
					sums[j] += a0*int32(b[0]) + a1*int32(b[1]) + a2*int32(b[2]) + a3*int32(b[3])
				}
			}
			for j := range w {
				scaled := float32(sums[j]) * b.Factor[from+j]
				c[i*ldc+from+j] = float32(scaled) + start[from+j]
			}
		}
	}
}
