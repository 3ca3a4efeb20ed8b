package lstm

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// The networks of the benchmarks, with random weights.

// stackedNetwork is an embedding, one LSTM behind the other, 3 classes; 28
// steps, padded in front.
func stackedNetwork(vocab, dim int, units ...int) *network {
	n := newNetwork(vocab)
	seq := n.embed(n.ids(28), dim)
	for i, u := range units {
		seq = n.plainLSTM(seq, dim, "", Node{Units: u, ReturnSequences: i < len(units)-1})
		dim = u
	}
	n.Outputs = []string{n.dense(seq, dim, 3, Softmax)}
	return n
}

// maskedNetwork is an embedding, a masked bidirectional LSTM, the largest
// values over the steps, 3 classes; 40 steps.
func maskedNetwork(vocab, dim, units int) *network {
	n := newNetwork(vocab)
	ids := n.ids(40)
	mask := n.add(Node{Op: OpMaskIDs, Inputs: []string{ids}})
	seq := n.embed(ids, dim)
	ahead := Node{Units: units, ReturnSequences: true, ZeroOutputForMask: true}
	back := ahead
	back.GoBackwards, back.TimeOrder = true, true
	a, b := n.plainLSTM(seq, dim, mask, ahead), n.plainLSTM(seq, dim, mask, back)
	seq = n.add(Node{Op: OpConcatenate, Axis: -1, Inputs: []string{a, b}})
	top := n.add(Node{Op: OpGlobalMaxPool, Inputs: []string{seq}})
	n.Outputs = []string{n.dense(top, 2*units, 3, Softmax)}
	return n
}

// bidirectionalNetwork is an embedding, a masked bidirectional LSTM, 3 classes;
// 36 steps: the default model.
func bidirectionalNetwork(vocab, dim, units int) *network {
	n := newNetwork(vocab)
	ids := n.ids(36)
	mask := n.add(Node{Op: OpMaskIDs, Inputs: []string{ids}})
	seq := n.embed(ids, dim)
	a := n.plainLSTM(seq, dim, mask, Node{Units: units})
	b := n.plainLSTM(seq, dim, mask, Node{Units: units, GoBackwards: true})
	both := n.add(Node{Op: OpConcatenate, Axis: -1, Inputs: []string{a, b}})
	n.Outputs = []string{n.dense(both, 2*units, 3, Softmax)}
	return n
}

func newNetwork(vocab int) *network {
	return &network{params: map[string]Tensor{}, vocab: vocab, rng: rand.New(rand.NewPCG(1, 2))}
}

func (n *network) plainLSTM(in string, dim int, mask string, set Node) string {
	set.Op, set.Inputs, set.Mask = OpLSTM, []string{in}, mask
	set.Activation, set.RecurrentActivation = Tanh, Sigmoid
	set.Params = []string{n.weight(.05, dim, 4*set.Units), n.weight(.05, set.Units, 4*set.Units), n.weight(.05, 4*set.Units)}
	return n.add(set)
}

// posts makes rows of ids as long as posts are (14.3 words on average for 28
// steps), padded in front. Words are as unequally frequent as in texts (Zipf).
func posts(rows, steps, vocab int) []int32 {
	rng := rand.New(rand.NewPCG(3, 4))
	words := rand.NewZipf(rng, 1.05, 4, uint64(vocab-2))
	ids := make([]int32, rows*steps)
	for row := range rows {
		length := min(max(1, int(float64(steps)/28*(14.3+rng.NormFloat64()*5.5)+.5)), steps)
		for t := steps - length; t < steps; t++ {
			ids[row*steps+t] = int32(words.Uint64()) + 1
		}
	}
	return ids
}

func BenchmarkPredict(b *testing.B) {
	nets := []struct {
		name    string
		network *network
		steps   int
	}{
		{"reference", stackedNetwork(2000, 128, 196), 28}, // the usual measure
		{"origin", stackedNetwork(2000, 128, 196, 128), 28},
		{"default", bidirectionalNetwork(9000, 48, 48), 36},
		{"pooled", maskedNetwork(9000, 48, 48), 40},
	}
	for _, net := range nets {
		bytes := *net.network
		bytes.quantise(b)
		for _, rows := range []int{1, 32, 500} {
			m := mustNew(b, bytes.Graph, bytes.params, Options{NoDedupe: true})
			b.Run(fmt.Sprintf("net=%s/dtype=int8/batch=%d/threads=1/padskip=true", net.name, rows), func(b *testing.B) {
				benchmarkPredict(b, m, rows, 1, net.steps, net.network.vocab)
			})
		}
		for _, skip := range []bool{true, false} {
			m := mustNew(b, net.network.Graph, net.network.params, Options{NoPadSkip: !skip, NoDedupe: true})
			for _, rows := range []int{1, 32, 500} {
				for _, threads := range []int{1, 2} {
					if !skip && threads > 1 {
						continue
					}
					b.Run(fmt.Sprintf("net=%s/batch=%d/threads=%d/padskip=%t", net.name, rows, threads, skip), func(b *testing.B) {
						benchmarkPredict(b, m, rows, threads, net.steps, net.network.vocab)
					})
				}
			}
		}
	}
}

// BenchmarkGrowth shows how the time grows with the units, the steps and the
// rows of a batch.
func BenchmarkGrowth(b *testing.B) {
	run := func(units, steps, rows, threads int) {
		b.Run(fmt.Sprintf("units=%d/steps=%d/batch=%d/threads=%d", units, steps, rows, threads), func(b *testing.B) {
			n := newNetwork(2000)
			h := n.plainLSTM(n.embed(n.ids(steps), 64), 64, "", Node{Units: units})
			n.Outputs = []string{n.dense(h, units, 3, Softmax)}
			m := mustNew(b, n.Graph, n.params, Options{NoDedupe: true})
			benchmarkPredict(b, m, rows, threads, steps, n.vocab)
		})
	}
	for _, units := range []int{16, 32, 64, 128, 256, 512, 1024} {
		for _, rows := range []int{1, 32} {
			for _, threads := range []int{1, 2} {
				run(units, 28, rows, threads)
			}
		}
	}
	for _, steps := range []int{8, 32, 128, 512} {
		run(128, steps, 1, 1)
		run(128, steps, 32, 1)
	}
	for rows := 1; rows <= 4096; rows *= 4 {
		run(128, 28, rows, 1)
	}
}

// benchmarkPredict goes through 500 posts, or as many as a batch has, in
// batches, over and over.
func benchmarkPredict(b *testing.B, m *Model, rows, threads, steps, vocab int) {
	total := max(500, rows)
	ids := posts(total, steps, vocab)
	s := m.NewScratch(threads)
	out := [][]float32{make([]float32, rows*3)}
	in := []Input{{Shape: []int{steps}}}
	at := 0
	call := func() {
		if at+rows > total {
			at = 0
		}
		in[0].IDs = ids[at*steps : (at+rows)*steps]
		at += rows
		if err := m.Predict(s, out, rows, in); err != nil {
			b.Fatal(err)
		}
	}
	for range total / rows {
		call()
	}
	b.ReportAllocs()
	for b.Loop() {
		call()
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(rows), "us/row")
}

func BenchmarkActivation(b *testing.B) {
	x := make([]float32, 1024)
	y := make([]float32, len(x))
	rng := rand.New(rand.NewPCG(5, 6))
	for i := range x {
		x[i] = float32(rng.NormFloat64() * 2)
	}
	for _, f := range []Activation{Sigmoid, Tanh, HardSigmoidKeras2, HardSigmoidKeras3, Softplus, ELU} {
		b.Run("function="+string(f), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				copy(y, x)
				f.apply(y)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(x)), "ns/element")
		})
	}
}

func BenchmarkProduct(b *testing.B) {
	const n, k = 784, 196
	w := make([]float32, n*k)
	for i := range w {
		w[i] = float32(i%17) - 8
	}
	for _, implementation := range []struct {
		name     string
		multiply func(c []float32, ldc int, a []float32, lda int, b []float32, ldb int, m, n, k int)
	}{{"product", product}, {"go", productGo}} {
		for _, rows := range []int{1, 6, 32} {
			x, y := make([]float32, rows*k), make([]float32, rows*n)
			for i := range x {
				x[i] = 1 + float32(i%5)
			}
			b.Run(fmt.Sprintf("implementation=%s/rows=%d", implementation.name, rows), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					implementation.multiply(y, n, x, k, w, n, rows, n, k)
				}
				b.ReportMetric(2*float64(rows*n*k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}
