package lstm

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// largeNetwork has a recurrent matrix for which a team pays.
func largeNetwork(seed uint64, set Node) *network {
	n := newNetwork(50)
	n.rng = rand.New(rand.NewPCG(seed, 3))
	const dim = 6
	seq := n.embed(n.ids(9), dim)
	gates := map[Op]int{OpLSTM: 4, OpGRU: 3}[set.Op]
	set.Inputs, set.Activation, set.RecurrentActivation = []string{seq}, Tanh, Sigmoid
	set.Params = []string{n.weight(.3, dim, gates*set.Units), n.weight(.08, set.Units, gates*set.Units)}
	n.Outputs = []string{n.dense(n.add(set), set.Units, 3, Softmax)}
	return n
}

// TestTeamsKeepBits: products split among goroutines give the same, for few
// rows that share them and for many that do not.
func TestTeamsKeepBits(t *testing.T) {
	for seed, set := range []Node{{Op: OpLSTM, Units: 185}, {Op: OpLSTM, Units: 196}, {Op: OpGRU, Units: 270}, {Op: OpGRU, Units: 211, ResetAfter: true}} {
		n := largeNetwork(uint64(seed), set)
		m := mustNew(t, n.Graph, n.params, Options{})
		if want := Kernels()[0] != "gonum"; m.teams != want {
			t.Fatalf("%s of %d units: teams = %t, want %t", set.Op, set.Units, m.teams, want)
		}
		for _, rows := range []int{1, 2, 3, 4, 20} {
			in := []Input{{Shape: []int{9}, IDs: posts(rows, 9, n.vocab)}}
			want := predict(t, m, nil, rows, in)
			for _, threads := range []int{2, 3, 7, 64} {
				t.Run(fmt.Sprintf("op=%s/units=%d/rows=%d/threads=%d", set.Op, set.Units, rows, threads), func(t *testing.T) {
					s := m.NewScratch(threads)
					for range 3 {
						requireSameBits(t, uint64(seed), "team", predict(t, m, s, rows, in), want)
					}
				})
			}
		}
	}
}
