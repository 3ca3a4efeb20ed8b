package lstm

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
)

func TestPredictDoesNotAllocate(t *testing.T) {
	for _, net := range []struct {
		name    string
		network *network
		steps   int
	}{
		{"one", stackedNetwork(200, 16, 20), 28}, {"stacked", stackedNetwork(200, 16, 20, 12), 28}, {"masked", maskedNetwork(200, 8, 9), 40},
		{"bytes", stackedNetwork(200, 16, 20, 12).quantise(t), 28},
	} {
		for _, rows := range []int{1, 50} {
			for _, threads := range []int{1, 2} {
				t.Run(fmt.Sprintf("net=%s/batch=%d/threads=%d", net.name, rows, threads), func(t *testing.T) {
					m := mustNew(t, net.network.Graph, net.network.params, Options{})
					s := m.NewScratch(threads)
					in := []Input{{Shape: []int{net.steps}, IDs: posts(rows, net.steps, net.network.vocab)}}
					out := outputs(t, m, rows, in)
					call := func() {
						if err := m.Predict(s, out, rows, in); err != nil {
							t.Fatal(err)
						}
					}
					// Which goroutine gets the longest rows is chance: let each have
					// the whole batch once.
					workers := s.workers
					for i := range workers {
						s.workers = workers[i : i+1]
						call()
					}
					s.workers = workers
					call()
					got := testing.AllocsPerRun(20, call)
					// The runtime may have to make a goroutine once in a while.
					if limit := float64(threads - 1); got > limit {
						t.Errorf("%v allocations per call, want at most %v", got, limit)
					}
				})
			}
		}
	}
}

// TestPredictDoesNotAllocateWhenLengthsChange: shapes are worked out anew in
// every call.
func TestPredictDoesNotAllocateWhenLengthsChange(t *testing.T) {
	n := newNetwork(50)
	seq := n.plainLSTM(n.embed(n.ids(-1), 8), 8, "", Node{Units: 9, ReturnSequences: true})
	h := n.plainLSTM(seq, 9, "", Node{Units: 7})
	n.Outputs = []string{n.dense(h, 7, 3, Softmax)}
	m := mustNew(t, n.Graph, n.params, Options{})
	s := m.NewScratch(1)
	ids := posts(4, 30, 50)
	out := [][]float32{make([]float32, 12)}
	in := []Input{{Shape: []int{30}}}
	call := func() {
		for steps := 30; steps > 0; steps-- {
			in[0].Shape[0], in[0].IDs = steps, ids[:4*steps]
			if err := m.Predict(s, out, 4, in); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := testing.AllocsPerRun(5, call); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

// TestGoroutinesShareAModel: each with a Scratch of its own, and threads
// below. The race detector looks on.
func TestGoroutinesShareAModel(t *testing.T) {
	n := randomNetwork(11)
	m := mustNew(t, n.Graph, n.params, Options{CacheBytes: 2000})
	const rows = 70
	in := n.batch(rows)
	want := predict(t, m, nil, rows, in)
	var wg sync.WaitGroup
	for g := range 4 {
		out := outputs(t, m, rows, in)
		wg.Go(func() {
			s := m.NewScratch(1 + g)
			for range 5 {
				for _, o := range out {
					clear(o)
				}
				if err := m.Predict(s, out, rows, in); err != nil {
					t.Error(err)
				}
				for k := range out {
					if !slices.Equal(out[k], want[k]) {
						t.Errorf("goroutine %d, output %d differs", g, k)
					}
				}
			}
		})
	}
	wg.Wait()
}

// countingCell counts the rows that go through a cell.
type countingCell struct {
	cell
	projected, multiplied, stepped int
}

func (c *countingCell) multiply(s, h []float32, n int, r *rows) {
	c.multiplied += n
	c.cell.multiply(s, h, n, r)
}

func (c *countingCell) project(z, x []float32, n int) {
	c.projected += n
	c.cell.project(z, x, n)
}

func (c *countingCell) step(r *rows) {
	c.stepped += len(r.X)
	c.cell.step(r)
}

// counted puts counters into the recurrent layers of a model.
func counted(m *Model) []*countingCell {
	var counters []*countingCell
	for i := range m.nodes {
		if l, ok := m.nodes[i].layer.(*recurrent); ok {
			c := &countingCell{cell: l.cell}
			l.cell = c
			counters = append(counters, c)
		}
	}
	return counters
}

// TestNoStepIsComputedInVain counts the steps of each recurrent layer.
func TestNoStepIsComputedInVain(t *testing.T) {
	const steps, vocab = 10, 8
	batch := []int32{
		0, 0, 0, 1, 2, 3, 4, 5, 6, 7, // 7 real steps, 3 in front
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // none
		0, 0, 0, 1, 2, 3, 4, 5, 6, 7, // again
		1, 1, 1, 1, 1, 1, 0, 0, 0, 0, // 6, 4 behind
		0, 2, 2, 0, 0, 3, 0, 0, 0, 0, // 3, the first 1 in front, the last 4 behind
	}
	rows := len(batch) / steps
	two := func(masked bool, set Node) (Graph, map[string]Tensor) {
		n := newNetwork(vocab)
		ids := n.ids(steps)
		mask := ""
		if masked {
			mask = n.add(Node{Op: OpMaskIDs, Inputs: []string{ids}})
		}
		first, second := set, set
		first.Units, first.ReturnSequences, second.Units = 5, true, 4
		seq := n.plainLSTM(n.embed(ids, 3), 3, mask, first)
		n.Outputs = []string{n.plainLSTM(seq, 5, mask, second)}
		return n.Graph, n.params
	}
	for _, c := range []struct {
		name    string
		masked  bool
		set     Node
		options Options
		stepped [2]int
		again   [2]int // in a second call
		tokens  [2]int // projections of the first layer, in both calls
		spared  [2]int // steps of a layer that need no product, in both calls
	}{
		// The first step of a row that has any needs no product. Unique rows: 7 + 0 + 10 + 9 steps after the padding in front, and 10
		// of the longest padding, once.
		{name: "padding in front", stepped: [2]int{36, 36}, again: [2]int{26, 26}, tokens: [2]int{8, 0}, spared: [2]int{3, 3}},
		// Backwards: 10 + 0 + 6 + 6 after the padding behind. The first layer
		// gives its steps in the order of processing, so that their padding is
		// in front, where a second layer that goes backwards begins at the end.
		{name: "padding behind", set: Node{GoBackwards: true, TimeOrder: true}, stepped: [2]int{32, 32}, again: [2]int{22, 22}, tokens: [2]int{8, 0}, spared: [2]int{3, 3}},
		{name: "masked", masked: true, stepped: [2]int{16, 16}, again: [2]int{16, 16}, tokens: [2]int{7, 0}, spared: [2]int{3, 3}},
		{name: "masked backwards", masked: true, set: Node{GoBackwards: true, TimeOrder: true}, stepped: [2]int{16, 16}, again: [2]int{16, 16}, tokens: [2]int{7, 0}, spared: [2]int{3, 3}},
		{name: "no pad skip", options: Options{NoPadSkip: true}, stepped: [2]int{40, 40}, again: [2]int{40, 40}, tokens: [2]int{8, 0}, spared: [2]int{4, 4}},
		{name: "no dedupe", options: Options{NoDedupe: true}, stepped: [2]int{43, 43}, again: [2]int{33, 33}, tokens: [2]int{8, 0}, spared: [2]int{4, 4}},
		{name: "no fold", options: Options{NoFold: true}, stepped: [2]int{36, 36}, again: [2]int{26, 26}, tokens: [2]int{36, 26}, spared: [2]int{3, 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, p := two(c.masked, c.set)
			m := mustNew(t, g, p, c.options)
			counters := counted(m)
			s := m.NewScratch(1)
			in := []Input{{Shape: []int{steps}, IDs: batch}}
			for call, want := range [][2]int{c.stepped, c.again} {
				predict(t, m, s, rows, in)
				if got := [2]int{counters[0].stepped, counters[1].stepped}; got != want {
					t.Errorf("call %d: the layers computed %v steps, want %v", call, got, want)
				}
				for i, k := range counters {
					if got, want := k.stepped-k.multiplied, c.spared[call]; got != want {
						t.Errorf("call %d: layer %d was spared %d products, want %d", call, i, got, want)
					}
				}
				if got, want := counters[0].projected, c.tokens[call]; got != want {
					t.Errorf("call %d: %d tokens were projected, want %d", call, got, want)
				}
				*counters[0], *counters[1] = countingCell{cell: counters[0].cell}, countingCell{cell: counters[1].cell}
			}
		})
	}
}

// TestCacheIsBounded: a small cache forgets tokens and loses nothing but time.
func TestCacheIsBounded(t *testing.T) {
	const steps, vocab = 6, 40
	n := newNetwork(vocab)
	n.Outputs = []string{n.plainLSTM(n.embed(n.ids(steps), 3), 3, "", Node{Units: 5})}
	m := mustNew(t, n.Graph, n.params, Options{CacheBytes: 10 * 4 * 24})
	s := m.NewScratch(1)
	in := []Input{{Shape: []int{steps}, IDs: posts(50, steps, vocab)}}
	got := predict(t, m, s, 50, in)
	r := s.workers[0].runners[m.run[len(m.run)-1]].(*recurrentRunner)
	if len(r.tags) != 10 || len(r.values) != 10*24 {
		t.Errorf("a cache of %d slots, %d numbers; want 10 and 240", len(r.tags), len(r.values))
	}
	requireSameBits(t, 0, "cache", got, predict(t, mustNew(t, n.Graph, n.params, Options{NoFold: true}), nil, 50, in))
}

// TestLongPadding has more padding than the kept states may take.
func TestLongPadding(t *testing.T) {
	n := newNetwork(5)
	const units = 16
	limit := (*padStates)(nil).limit(units, 4*units)
	steps := limit + 3
	n.Outputs = []string{n.plainLSTM(n.embed(n.ids(-1), 1), 1, "", Node{Units: units})}
	m := mustNew(t, n.Graph, n.params, Options{})
	ids := make([]int32, steps)
	ids[steps-1] = 1
	in := []Input{{Shape: []int{steps}, IDs: ids}}
	s := m.NewScratch(1)
	got := predict(t, m, s, 1, in)
	if kept := s.workers[0].runners[m.run[len(m.run)-1]].(*recurrentRunner).pads.steps; kept != limit {
		t.Errorf("%d states kept, want %d", kept, limit)
	}
	requireSameBits(t, 0, "pads", got, predict(t, mustNew(t, n.Graph, n.params, Options{NoPadSkip: true}), nil, 1, in))
}

// TestNaNStaysInItsRow: rows of a tile do not touch each other, and a NaN
// comes out where it goes in.
func TestNaNStaysInItsRow(t *testing.T) {
	n := newNetwork(0)
	x := n.values(4, 3)
	seq := n.plainLSTM(x, 3, "", Node{Units: 5, ReturnSequences: true})
	h := n.recurrent(seq, 5, "", Node{Op: OpGRU, Units: 4})
	n.Outputs = []string{n.dense(h, 4, 2, Softmax)}
	m := mustNew(t, n.Graph, n.params, Options{})
	const rows = 9
	in := []Input{{Shape: []int{4, 3}, Values: make([]float32, rows*12)}}
	for i := range in[0].Values {
		in[0].Values[i] = float32(n.rng.NormFloat64())
	}
	want := predict(t, m, nil, rows, in)[0]
	in[0].Values[4*12+5] = float32(math.NaN())
	got := predict(t, m, nil, rows, in)[0]
	for i := range got {
		if i/2 == 4 {
			if got[i] == got[i] {
				t.Errorf("row 4 is %v, want NaN", got[i])
			}
		} else if got[i] != want[i] {
			t.Errorf("row %d changed", i/2)
		}
	}
}
