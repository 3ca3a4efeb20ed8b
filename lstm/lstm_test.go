package lstm

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func networks(t *testing.T) int {
	if testing.Short() {
		return 60
	}
	return 400
}

// eachKernel runs a test with each implementation that this processor has. The
// one in plain Go is slow: it gets fewer networks.
func eachKernel(t *testing.T, f func(t *testing.T, kernels string, networks uint64)) {
	for _, name := range Kernels() {
		n := networks(t)
		if name == "go" {
			n /= 10
		}
		t.Run("kernels="+name, func(t *testing.T) { f(t, name, uint64(n)) })
	}
}

// TestAgreesWithReference compares random networks with the float64 reference.
func TestAgreesWithReference(t *testing.T) { eachKernel(t, testAgreesWithReference) }

func testAgreesWithReference(t *testing.T, kernels string, networks uint64) {
	worst := 0.0
	for seed := range networks {
		n := randomNetwork(seed)
		m := mustNew(t, n.Graph, n.params, Options{Kernels: kernels})
		rows := 1 + n.rng.IntN(12)
		in := n.batch(rows)
		out := predict(t, m, nil, rows, in)
		for row := range rows {
			for k, want := range reference(n.Graph, n.params, in, row, rows) {
				got := rowOf(out[k], row, rows)
				if len(got) != len(want) {
					t.Fatalf("seed %d, output %d: %d numbers, want %d", seed, k, len(got), len(want))
				}
				for i := range want {
					diff := math.Abs(float64(got[i]) - want[i])
					if !(diff <= 1e-6) {
						t.Fatalf("seed %d, row %d, output %d, element %d: got %v, want %v", seed, row, k, i, got[i], want[i])
					}
					worst = max(worst, diff)
				}
			}
		}
	}
	t.Logf("largest difference %.2g", worst)
}

// TestHardNetworks has what makes errors grow: strong recurrence, with states
// that saturate or swing, and a sharp head behind it.
func TestHardNetworks(t *testing.T) { eachKernel(t, testHardNetworks) }

func testHardNetworks(t *testing.T, kernels string, _ uint64) {
	for seed := range uint64(6) {
		n := newNetwork(30)
		n.rng = rand.New(rand.NewPCG(seed, 9))
		const dim, units, steps, rows = 8, 24, 28, 12
		seq := n.embed(n.ids(steps), dim)
		op := []Op{OpLSTM, OpGRU}[seed%2]
		gates := map[Op]int{OpLSTM: 4, OpGRU: 3}[op]
		recurrent := Node{
			Op: op, Inputs: []string{seq}, Units: units, Activation: Tanh, RecurrentActivation: Sigmoid,
			// The recurrent kernel's spectral radius is about 1.5.
			Params: []string{n.weight(.4, dim, gates*units), n.weight(1.5/math.Sqrt(units), units, gates*units), n.weight(.5, gates*units)},
		}
		h := n.add(recurrent)
		head := n.add(Node{Op: OpDense, Inputs: []string{h}, Units: 3, Activation: Softmax, Params: []string{n.weight(3, units, 3)}})
		n.Outputs = []string{head}
		in := []Input{{Shape: []int{steps}, IDs: posts(rows, steps, 30)}}
		m := mustNew(t, n.Graph, n.params, Options{Kernels: kernels})
		out := predict(t, m, nil, rows, in)[0]
		worst := 0.0
		for row := range rows {
			for i, want := range reference(n.Graph, n.params, in, row, rows)[0] {
				worst = max(worst, math.Abs(float64(out[row*3+i])-want))
			}
		}
		t.Logf("seed %d, %s: largest difference %.2g", seed, op, worst)
		if !(worst <= 1e-6) {
			t.Errorf("seed %d, %s: difference %.2g, want at most 1e-6", seed, op, worst)
		}
	}
}

// TestShortcutsKeepBits compares random networks and batches with all
// shortcuts off, each one on, and all on; with one row at a time, with any
// number of threads, and with working memory that other batches have used.
func TestShortcutsKeepBits(t *testing.T) { eachKernel(t, testShortcutsKeepBits) }

func testShortcutsKeepBits(t *testing.T, kernels string, networks uint64) {
	off := Options{NoFold: true, NoPadSkip: true, NoDedupe: true, NoSort: true}
	variants := map[string]Options{
		"fold":       {NoPadSkip: true, NoDedupe: true, NoSort: true},
		"pads":       {NoFold: true, NoDedupe: true, NoSort: true},
		"dedupe":     {NoFold: true, NoPadSkip: true, NoSort: true},
		"sort":       {NoFold: true, NoPadSkip: true, NoDedupe: true},
		"all":        {},
		"tiny cache": {CacheBytes: 700},
		"no cache":   {CacheBytes: 1},
	}
	for seed := range networks / 2 {
		n := randomNetwork(seed)
		if seed%3 == 2 {
			n.quantise(t)
		}
		off.Kernels = kernels
		plain := mustNew(t, n.Graph, n.params, off)
		var batches [][]Input
		var sizes []int
		var want [][][]float32
		for range 3 {
			rows := 1 + n.rng.IntN(90)
			in := n.batch(rows)
			batches, sizes = append(batches, in), append(sizes, rows)
			want = append(want, predict(t, plain, nil, rows, in))
		}
		for name, o := range variants {
			o.Kernels = kernels
			m := mustNew(t, n.Graph, n.params, o)
			for _, threads := range []int{1, 3} {
				s := m.NewScratch(threads)
				for b, in := range batches {
					requireSameBits(t, seed, name, predict(t, m, s, sizes[b], in), want[b])
				}
			}
		}
		m := mustNew(t, n.Graph, n.params, Options{Kernels: kernels})
		s := m.NewScratch(1)
		for row := range sizes[0] {
			one := slices.Clone(batches[0])
			for i := range one {
				one[i].IDs, one[i].Values = nil, nil
				if n.kinds[i] == kindIDs {
					one[i].IDs = rowOf(batches[0][i].IDs, row, sizes[0])
				} else {
					one[i].Values = rowOf(batches[0][i].Values, row, sizes[0])
				}
			}
			var part [][]float32
			for _, o := range want[0] {
				part = append(part, rowOf(o, row, sizes[0]))
			}
			requireSameBits(t, seed, "one row", predict(t, m, s, 1, one), part)
		}
	}
}

// TestKernelsKeepBits compares the implementations with each other, on weights
// packed beforehand and by New. gonum rounds otherwise and stands aside, but
// takes packed weights too.
func TestKernelsKeepBits(t *testing.T) {
	for seed := range uint64(networks(t) / 2) {
		n := randomNetwork(seed)
		rows := 1 + n.rng.IntN(30)
		in := n.batch(rows)
		if seed%3 == 2 {
			n.quantise(t)
		}
		packed := Pack(n.Graph, n.params)
		gonum := predict(t, mustNew(t, n.Graph, n.params, Options{Kernels: "gonum"}), nil, rows, in)
		want := predict(t, mustNew(t, n.Graph, n.params, Options{Kernels: "go"}), nil, rows, in)
		for _, name := range Kernels() {
			o := Options{Kernels: name}
			if name == "gonum" {
				requireSameBits(t, seed, "gonum, packed", predict(t, mustNew(t, n.Graph, packed, o), nil, rows, in), gonum)
				continue
			}
			requireSameBits(t, seed, name, predict(t, mustNew(t, n.Graph, n.params, o), nil, rows, in), want)
			requireSameBits(t, seed, name+", packed", predict(t, mustNew(t, n.Graph, packed, o), nil, rows, in), want)
		}
	}
}

// TestBitsAreTheSameOnEveryProcessor compares a checksum of the outputs of
// random networks with the one found on amd64.
func TestBitsAreTheSameOnEveryProcessor(t *testing.T) {
	for kernels, want := range map[string]uint64{"gonum": 0x7bebdff36cf19cd5, "go": 0xeb8c081a5277828b} {
		sum := fnv.New64a()
		for seed := range uint64(40) {
			n := randomNetwork(seed)
			m := mustNew(t, n.Graph, n.params, Options{Kernels: kernels})
			const rows = 5
			for _, out := range predict(t, m, nil, rows, n.batch(rows)) {
				if err := binary.Write(sum, binary.LittleEndian, out); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got := sum.Sum64(); got != want {
			t.Errorf("%s: checksum %#x, want %#x", kernels, got, want)
		}
	}
}

func requireSameBits(t *testing.T, seed uint64, what string, got, want [][]float32) {
	t.Helper()
	for k := range want {
		for i := range want[k] {
			if math.Float32bits(got[k][i]) != math.Float32bits(want[k][i]) {
				t.Fatalf("seed %d, %s, output %d, element %d: got %v, want %v", seed, what, k, i, got[k][i], want[k][i])
			}
		}
	}
}
