package lstm

import (
	"strings"
	"testing"

	"coldstream/internal/half"
)

// halved returns params as float16, and the same numbers as float32.
func halved(params map[string]Tensor) (halves, floats map[string]Tensor) {
	halves, floats = map[string]Tensor{}, map[string]Tensor{}
	for name, t := range params {
		h, f := Tensor{Shape: t.Shape, Half: Halves{High: []byte{}, Low: []byte{}}}, Tensor{Shape: t.Shape, Data: []float32{}}
		for _, x := range t.Data {
			h.Half.High, h.Half.Low = append(h.Half.High, byte(half.To(x)>>8)), append(h.Half.Low, byte(half.To(x)))
			f.Data = append(f.Data, half.From(half.To(x)))
		}
		halves[name], floats[name] = h, f
	}
	return halves, floats
}

func TestHalvesComputeAsTheirFloats(t *testing.T) {
	for seed := range uint64(networks(t) / 2) {
		n := randomNetwork(seed)
		halves, floats := halved(n.params)
		rows := 1 + n.rng.IntN(30)
		in := n.batch(rows)
		want := predict(t, mustNew(t, n.Graph, floats, Options{}), nil, rows, in)
		requireSameBits(t, seed, "halves", predict(t, mustNew(t, n.Graph, halves, Options{}), nil, rows, in), want)
		requireSameBits(t, seed, "without folding", predict(t, mustNew(t, n.Graph, halves, Options{NoFold: true}), nil, rows, in), want)
		requireSameBits(t, seed, "packed", predict(t, mustNew(t, n.Graph, Pack(n.Graph, halves), Options{}), nil, rows, in), want)
		a, err := Quantise(n.Graph, floats)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Quantise(n.Graph, halves)
		if err != nil {
			t.Fatal(err)
		}
		requireSameBits(t, seed, "bytes", predict(t, mustNew(t, n.Graph, b, Options{}), nil, rows, in), predict(t, mustNew(t, n.Graph, a, Options{}), nil, rows, in))
	}
}

func TestNewNamesTheFaultOfHalves(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*Tensor)
		want  string
	}{
		"few":      {func(x *Tensor) { x.Half.High, x.Half.Low = x.Half.High[1:], x.Half.Low[1:] }, `weight tensor "words/table" has shape`},
		"uneven":   {func(x *Tensor) { x.Half.Low = x.Half.Low[1:] }, `weight tensor "words/table" has shape`},
		"both":     {func(x *Tensor) { x.Data = make([]float32, x.Half.Len()) }, `weight tensor "words/table" has shape`},
		"bytes":    {func(x *Tensor) { x.Int8, x.Scale = make([]int8, x.Half.Len()), make([]float32, x.Shape[1]) }, `weight tensor "words/table" has shape`},
		"infinity": {func(x *Tensor) { x.Half.High[2], x.Half.Low[2] = 0x7c, 0 }, `node "words" (Embedding): weight tensor "words/table" has +Inf at element 2`},
		"NaN":      {func(x *Tensor) { x.Half.High[3] = 0xfe }, `has NaN at element 3`},
	} {
		t.Run(name, func(t *testing.T) {
			g, p := smallNetwork()
			params, _ := halved(p)
			x := params["words/table"]
			c.spoil(&x)
			params["words/table"] = x
			if _, err := New(g, params, Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
		})
	}
}
