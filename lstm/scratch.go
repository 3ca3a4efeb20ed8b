package lstm

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Scratch is the working memory of one goroutine that calls Model.Predict. It
// grows to what the largest call needs and is reused. Only one call may use a
// Scratch at a time.
type Scratch struct {
	model   *Model
	busy    atomic.Bool
	workers []*worker
	plan    batchPlan
	team    *team // nil = one thread

	shapes      [][]int // per node, of the call before until resolve
	resolved    bool    // shapes holds for the inputs in it
	tileLimit   int     // rows of a tile at these shapes
	foldRows    []int   // per node: rows for each row of the batch
	inferBuffer [][]int

	// The call at work.
	in   []Input
	out  [][]float32
	tile int
	next atomic.Int64 // tile to take next
	done sync.WaitGroup
}

// NewScratch returns working memory with which Predict spreads a batch over
// up to the given number of goroutines. It panics if threads is below 1.
func (m *Model) NewScratch(threads int) *Scratch {
	if threads < 1 {
		panic("lstm: NewScratch: threads must be at least 1")
	}
	s := &Scratch{model: m, shapes: make([][]int, len(m.nodes)), foldRows: make([]int, len(m.nodes))}
	s.team = newTeam(threads - 1)
	for range threads {
		s.workers = append(s.workers, newWorker(s))
	}
	return s
}

// maxTile is the largest number of rows that go through the network together:
// enough for the weights to be read seldom, few enough for what a layer passes
// on to stay in the cache.
const maxTile = 32

// tileFloats bounds the elements that one value of a tile may have, as long as
// that leaves more than one row.
const tileFloats = 1 << 20

// resolve makes s.shapes hold for in.
func (s *Scratch) resolve(in []Input) error {
	m := s.model
	if len(in) != len(m.inputs) {
		return m.inputCountError(len(in))
	}
	for k, i := range m.inputs {
		shape := in[k].Shape
		if s.resolved && shape != nil && slices.Equal(shape, s.shapes[i]) ||
			s.resolved && shape == nil && positive(m.nodes[i].shape) {
			continue
		}
		s.resolved = false
		if err := m.setInput(s.shapes, i, shape); err != nil {
			return err
		}
	}
	if s.resolved {
		return nil
	}
	var err error
	if s.inferBuffer, err = m.infer(s.shapes, s.inferBuffer); err != nil {
		return err
	}
	if err = m.foldRows(s.foldRows, s.shapes); err != nil {
		return err
	}
	s.resolved = true
	largest := 1
	for i := range m.nodes {
		if m.nodes[i].live {
			n, _ := elements(s.shapes[i])
			largest = max(largest, n*s.foldRows[i])
		}
	}
	s.tileLimit = max(1, min(maxTile, tileFloats/largest))
	return nil
}

// worker is what one goroutine needs to run tiles.
type worker struct {
	scratch *Scratch
	values  []value // per node
	runners []runner
	args    [][]*value
	masks   []*value
	work    func() // drain, as a goroutine
}

func newWorker(s *Scratch) *worker {
	m := s.model
	w := &worker{
		scratch: s,
		values:  make([]value, len(m.nodes)),
		runners: make([]runner, len(m.nodes)),
		args:    make([][]*value, len(m.nodes)),
		masks:   make([]*value, len(m.nodes)),
	}
	for _, i := range m.run {
		n := &m.nodes[i]
		w.runners[i] = n.layer.bind()
		if r, ok := w.runners[i].(*recurrentRunner); ok {
			r.work.team = s.team
		}
		for _, k := range n.args {
			w.args[i] = append(w.args[i], &w.values[k])
		}
		if n.mask >= 0 {
			w.masks[i] = &w.values[n.mask]
		}
		if len(n.masks) > 0 {
			masks := make([]*value, len(n.masks))
			for k, at := range n.masks {
				if at >= 0 {
					masks[k] = &w.values[at]
				}
			}
			w.runners[i].(maskedRunner).setMasks(masks)
		}
	}
	w.work = func() {
		defer s.done.Done()
		w.drain()
	}
	return w
}

// drain runs tiles until none is left.
func (w *worker) drain() {
	s := w.scratch
	rows := s.plan.order
	for {
		from := int(s.next.Add(1)-1) * s.tile
		if from >= len(rows) {
			return
		}
		w.run(rows[from:min(from+s.tile, len(rows))])
	}
}

// run computes the given rows of the batch.
func (w *worker) run(rows []int32) {
	s, m := w.scratch, w.scratch.model
	for k, i := range m.inputs {
		if m.nodes[i].live {
			v := w.prepare(i, len(rows))
			w.gather(v, &s.in[k], rows)
		}
	}
	for _, i := range m.run {
		v := w.prepare(i, len(rows))
		w.runners[i].run(v, w.args[i], w.masks[i])
	}
	for k, i := range m.outputs {
		v := &w.values[i]
		for r, row := range rows {
			copy(s.out[k][int(row)*v.size:][:v.size], v.f[r*v.size:])
		}
	}
}

func (w *worker) prepare(i, rows int) *value {
	v := &w.values[i]
	v.shape = w.scratch.shapes[i]
	v.size, _ = elements(v.shape)
	v.rows = rows * w.scratch.foldRows[i]
	v.lead, v.trail = nil, nil
	return v
}

// gather copies rows of an input into v.
func (w *worker) gather(v *value, in *Input, rows []int32) {
	if in.IDs == nil {
		dst := v.makeFloats()
		for r, row := range rows {
			copy(dst[r*v.size:][:v.size], in.Values[int(row)*v.size:])
		}
		return
	}
	dst := v.makeIDs()
	for r, row := range rows {
		copy(dst[r*v.size:][:v.size], in.IDs[int(row)*v.size:])
	}
	v.padded = !w.scratch.model.options.NoPadSkip
	if v.padded && len(v.shape) == 1 {
		v.findPadding()
	}
}
