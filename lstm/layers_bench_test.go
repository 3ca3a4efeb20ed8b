package lstm

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkConv1D is a convolution of 64 filters over 3 steps of 128 features,
// with and without the copy that padding needs.
func BenchmarkConv1D(b *testing.B) {
	for _, padding := range []Padding{Valid, Same} {
		for _, groups := range []int{1, 4} {
			b.Run(fmt.Sprintf("padding=%s/groups=%d", cmp.Or(padding, "valid"), groups), func(b *testing.B) {
				n := &network{params: map[string]Tensor{}, rng: rand.New(rand.NewPCG(1, 1))}
				x := n.values(100, 128)
				n.Outputs = []string{n.add(Node{
					Op: OpConv1D, Inputs: []string{x}, Params: []string{n.weight(.1, 3*128/groups, 64), n.weight(.1, 64)},
					Units: 64, Activation: ReLU, Size: 3, Stride: 1, Dilation: 1, Padding: padding, Groups: groups,
				})}
				m := mustNew(b, n.Graph, n.params, Options{})
				in := n.batch(1)
				s, out := m.NewScratch(1), outputs(b, m, 1, in)
				b.ReportAllocs()
				for b.Loop() {
					if err := m.Predict(s, out, 1, in); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
