package lstm

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"
	"testing"
)

// quantise makes bytes of the network's weight matrices.
func (n *network) quantise(t testing.TB) *network {
	t.Helper()
	params, err := Quantise(n.Graph, n.params)
	if err != nil {
		t.Fatal(err)
	}
	n.params = params
	return n
}

// TestQuantiseRounds: an element is off by half a step of its channel at most,
// the largest of a channel is ±127, biases stay.
func TestQuantiseRounds(t *testing.T) {
	for seed := range uint64(50) {
		n := randomNetwork(seed)
		before := n.params
		n.quantise(t)
		for _, node := range n.Nodes {
			for k, name := range node.Params {
				was, is := before[name], n.params[name]
				matrix := (k == 0 || k == 1 && node.Op != OpDense) && node.Op != OpAttention && node.Op != OpMultiHeadAttention
				if matrix != (is.Int8 != nil) || !matrix && &was.Data[0] != &is.Data[0] {
					t.Fatalf("seed %d: parameter %d of %s: matrix %t, bytes %t", seed, k, node.Op, matrix, is.Int8 != nil)
				}
				if !matrix {
					continue
				}
				if is.ScaleByRow != (node.Op == OpEmbedding) || is.Size() != was.Size() {
					t.Fatalf("seed %d: %s: scales by row %t, %d elements", seed, node.Op, is.ScaleByRow, is.Size())
				}
				largest := make([]int, is.channels())
				for i, x := range is.floats() {
					c := is.channel(i, is.Shape[1])
					if diff := math.Abs(float64(x) - float64(was.Data[i])); !(diff <= .5001*float64(is.Scale[c])) {
						t.Fatalf("seed %d: %v became %v with scale %v", seed, was.Data[i], x, is.Scale[c])
					}
					largest[c] = max(largest[c], int(is.Int8[i]), -int(is.Int8[i]))
				}
				if slices.Min(largest) != 127 || slices.Max(largest) != 127 {
					t.Fatalf("seed %d: largest bytes %v", seed, largest)
				}
			}
		}
	}
}

// TestQuantiseExtremes: channels of zeros, of the smallest and of the largest
// numbers.
func TestQuantiseExtremes(t *testing.T) {
	data := []float32{0, math.SmallestNonzeroFloat32, 1e-43, math.MaxFloat32, 1, float32(math.Copysign(0, -1)), 0, -1e-43, -math.MaxFloat32, -.004}
	q := quantised(Tensor{Shape: []int{2, 5}, Data: data}, false)
	if err := q.check(); err != nil {
		t.Error(err)
	}
	if err := q.checkNumbers(); err != nil {
		t.Error(err)
	}
	for i, x := range q.floats() {
		if x-x != 0 {
			t.Errorf("%v became %v", data[i], x)
		}
	}
	if want := []int8{0, 0, 71, 127, 127, 0, 0, -71, -127, -1}; !slices.Equal(q.Int8[3:5], want[3:5]) || !slices.Equal(q.Int8[8:], want[8:]) || q.Int8[0] != 0 {
		t.Errorf("bytes %v", q.Int8)
	}
	n := newNetwork(3)
	n.Outputs = []string{n.dense(n.embed(n.ids(1), 2), 2, 1, Linear)}
	n.params["w0"].Data[1] = float32(math.NaN())
	if _, err := Quantise(n.Graph, n.params); err == nil || !strings.Contains(err.Error(), `"w0" has NaN at element 1`) {
		t.Errorf("NaN: %v", err)
	}
}

// TestBytesAgreeWithReference compares networks of bytes with the float64
// reference, which rounds states too. Where the two round a state to different
// sides the outputs may differ by what a step of it weighs: that is rare.
func TestBytesAgreeWithReference(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernels string, networks uint64) {
		all, off := 0, 0
		for seed := range networks {
			n := randomNetwork(seed).quantise(t)
			m := mustNew(t, n.Graph, n.params, Options{Kernels: kernels})
			rows := 1 + n.rng.IntN(12)
			in := n.batch(rows)
			out := predict(t, m, nil, rows, in)
			for row := range rows {
				worst := 0.0
				for k, want := range reference(n.Graph, n.params, in, row, rows) {
					for i, got := range rowOf(out[k], row, rows) {
						if diff := math.Abs(float64(got) - want[i]); !(diff <= worst) {
							worst = diff
						}
					}
				}
				all++
				if !(worst <= 1e-6) {
					off++
				}
				if !(worst <= .02) {
					t.Fatalf("seed %d, row %d: difference %v", seed, row, worst)
				}
			}
		}
		t.Logf("%d of %d rows differ by more than 1e-6", off, all)
		if off > all/50 {
			t.Errorf("%d of %d rows differ by more than 1e-6", off, all)
		}
	})
}

// TestBytesAreTheSameOnEveryProcessor: as TestBitsAreTheSameOnEveryProcessor.
func TestBytesAreTheSameOnEveryProcessor(t *testing.T) {
	for kernels, want := range map[string]uint64{"gonum": 0x52a0c475d2bf915c, "go": 0xc8c0a28dcf975493} {
		sum := fnv.New64a()
		for seed := range uint64(40) {
			n := randomNetwork(seed).quantise(t)
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

// TestPackedBytesAreUsedInPlace: of a packed network New reads no weight of the
// recurrent kernels, and makes no copy.
func TestPackedBytesAreUsedInPlace(t *testing.T) {
	n := stackedNetwork(50, 8, 33, 20).quantise(t)
	packed := Pack(n.Graph, n.params)
	bytes := 0
	for name, x := range packed {
		if x.Int8 == nil {
			continue
		}
		bytes++
		if !x.packedInt8() || x.Shape[1]%4 != 0 || n.params[name].Shape[0] > x.Shape[1] {
			t.Errorf("%q has shape %v", name, x.Shape)
		}
		for i := range x.Int8 {
			x.Int8[i] = -128 // nobody looks
		}
	}
	if bytes != 2 {
		t.Errorf("%d matrices of bytes, want 2", bytes)
	}
	m := mustNew(t, n.Graph, packed, Options{TrustParams: true})
	for i := range m.nodes {
		if l, ok := m.nodes[i].layer.(*recurrent); ok {
			name := m.nodes[i].Params[1]
			if c := l.cell.(*lstmCell); &c.recurrent.bytes.Data[0] != &packed[name].Int8[0] {
				t.Errorf("%q is not used in place", name)
			}
		}
	}
	if _, err := New(n.Graph, packed, Options{}); err == nil || !strings.Contains(err.Error(), "packed") {
		t.Errorf("spoilt packing: %v", err)
	}
}

func TestNewNamesTheFaultOfBytes(t *testing.T) {
	for name, c := range map[string]struct {
		tensor string
		spoil  func(*Tensor)
		want   string
	}{
		"bytes without scales": {"lstm/kernel", func(x *Tensor) { x.Scale = nil }, `weight tensor "lstm/kernel" has shape [3 16], 48 bytes and 0 scales`},
		"few bytes":            {"lstm/kernel", func(x *Tensor) { x.Int8 = x.Int8[:47] }, `has shape [3 16], 47 bytes and 16 scales`},
		"both":                 {"lstm/kernel", func(x *Tensor) { x.Data = make([]float32, 48) }, `has shape [3 16], 48 bytes`},
		"scales of floats":     {"lstm/bias", func(x *Tensor) { x.Scale = []float32{1} }, `weight tensor "lstm/bias" has shape`},
		"three axes":           {"lstm/recurrent", func(x *Tensor) { x.Shape = []int{2, 2, 16} }, `has shape [2 2 16], 64 bytes and 16 scales`},
		"packed, few scales":   {"lstm/recurrent", func(x *Tensor) { x.Shape = []int{1, 4, 16} }, `has shape [1 4 16], 64 bytes and 16 scales`},
		"negative scale":       {"words/table", func(x *Tensor) { x.Scale[2] = -1 }, `node "words" (Embedding): weight tensor "words/table" has the scale -1 of channel 2`},
		"NaN scale":            {"lstm/recurrent", func(x *Tensor) { x.Scale[15] = float32(math.NaN()) }, `has the scale NaN of channel 15`},
		"huge scale":           {"lstm/recurrent", func(x *Tensor) { x.Scale[15] = 3e38 }, `has the scale 3e+38 of channel 15`},
		"-128":                 {"lstm/recurrent", func(x *Tensor) { x.Int8[3] = -128 }, `has -128 at element 3`},
		"scales by row":        {"lstm/recurrent", func(x *Tensor) { x.Scale, x.ScaleByRow = x.Scale[:4], true }, `recurrent kernel "lstm/recurrent" has shape [4 16] with 4 scales`},
		"bias": {"lstm/bias", func(x *Tensor) {
			*x = Tensor{Shape: []int{16, 1}, Int8: make([]int8, 16), Scale: []float32{1}}
		}, `bias "lstm/bias" has shape [16 1]`},
	} {
		t.Run(name, func(t *testing.T) {
			g, p := smallNetwork()
			params, err := Quantise(g, p)
			if err != nil {
				t.Fatal(err)
			}
			x := params[c.tensor]
			c.spoil(&x)
			params[c.tensor] = x
			if _, err := New(g, params, Options{}); err == nil || !strings.HasPrefix(err.Error(), "lstm: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
		})
	}
}

// TestUnboundedStatesStayFloat: a layer whose state may leave ±1 multiplies it
// in float32.
func TestUnboundedStatesStayFloat(t *testing.T) {
	for _, c := range []struct {
		op            Op
		a, r          Activation
		wantsIntegers bool
	}{
		{OpLSTM, Tanh, Sigmoid, true}, {OpLSTM, Tanh, HardSigmoidKeras2, true}, {OpGRU, Tanh, HardSigmoidKeras3, true},
		{OpLSTM, ReLU, Sigmoid, false}, {OpLSTM, Tanh, Tanh, false}, {OpGRU, Softsign, Sigmoid, false}, {OpGRU, Tanh, Linear, false},
	} {
		n := newNetwork(9)
		gates := map[Op]int{OpLSTM: 4, OpGRU: 3}[c.op]
		h := n.add(Node{Op: c.op, Inputs: []string{n.embed(n.ids(3), 2)}, Units: 5, Activation: c.a, RecurrentActivation: c.r,
			Params: []string{n.weight(1, 2, gates*5), n.weight(1, 5, gates*5)}})
		n.Outputs = []string{h}
		n.quantise(t)
		packed := Pack(n.Graph, n.params)
		if got := packed["w2"].Int8 != nil; got != c.wantsIntegers {
			t.Errorf("%s, %s and %s: integers %t", c.op, c.a, c.r, got)
		}
		in := []Input{{Shape: []int{3}, IDs: []int32{1, 2, 3}}}
		requireSameBits(t, 0, fmt.Sprint(c), predict(t, mustNew(t, n.Graph, packed, Options{}), nil, 1, in), predict(t, mustNew(t, n.Graph, n.params, Options{}), nil, 1, in))
	}
}
