package lstm

import (
	"fmt"
	"math"
)

// Input is what one input of the graph gets for all rows of a batch: token ids
// where the graph looks them up in an embedding or makes a mask of them,
// values otherwise.
type Input struct {
	Shape  []int     // of one row, without the batch axis; nil = as in the graph, where no size is variable
	IDs    []int32   // [rows][Shape...]
	Values []float32 // [rows][Shape...]
}

// Predict runs the network on a batch of rows. in has one Input for each name
// of Graph.Inputs, out one slice for each of Graph.Outputs, of
// rows * (elements of the output's shape) numbers, which OutputShapes tells.
//
// A row's result has the same bits whatever else is in the batch, wherever the
// row stands in it, and however many goroutines work on it. Once s has seen a
// call of this size, Predict allocates nothing.
//
// It returns an error if the batch is empty, if a shape or a length is wrong
// or an id is outside the vocabulary; out is untouched then. It panics if s is
// of another Model or in use.
func (m *Model) Predict(s *Scratch, out [][]float32, rows int, in []Input) error {
	if s.model != m {
		panic("lstm: Predict: the Scratch belongs to another Model")
	}
	if !s.busy.CompareAndSwap(false, true) {
		panic("lstm: Predict: the Scratch is in use by another goroutine")
	}
	defer s.busy.Store(false)

	if err := s.check(out, rows, in); err != nil {
		return err
	}
	s.plan.make(&m.options, rows, in)
	s.in, s.out = in, out
	s.runTiles()
	s.plan.copyEqual(out, rows)
	s.in, s.out = nil, nil
	return nil
}

func (s *Scratch) runTiles() {
	rows := len(s.plan.order)
	s.tile = s.tileLimit
	if w := len(s.workers); w > 1 {
		// Two tiles or more for each, so that who is done early can help.
		s.tile = max(1, min(s.tile, (rows+2*w-1)/(2*w)))
	}
	s.next.Store(0)
	if rows <= teamRows && s.model.teams && s.team != nil {
		s.tile = rows
		s.team.assemble()
		s.workers[0].drain()
		s.team.dismiss()
		return
	}
	helpers := s.workers[1:min(len(s.workers), (rows+s.tile-1)/s.tile)]
	s.done.Add(len(helpers))
	for _, w := range helpers {
		go w.work()
	}
	s.workers[0].drain()
	s.done.Wait()
}

// check compares the arguments of Predict with the model.
func (s *Scratch) check(out [][]float32, rows int, in []Input) error {
	m := s.model
	if rows < 1 {
		return fmt.Errorf("lstm: batch of %d rows: at least one is needed", rows)
	}
	if rows > math.MaxInt32 {
		return fmt.Errorf("lstm: batch of %d rows: at most %d are possible", rows, math.MaxInt32)
	}
	if err := s.resolve(in); err != nil {
		return err
	}
	for k, i := range m.inputs {
		if err := s.checkInput(&m.nodes[i], &in[k], s.shapes[i], rows); err != nil {
			return err
		}
	}
	if len(out) != len(m.outputs) {
		return fmt.Errorf("lstm: %d slices for the outputs, the model has %d", len(out), len(m.outputs))
	}
	for k, i := range m.outputs {
		if n, _ := elements(s.shapes[i]); len(out[k]) != rows*n {
			return fmt.Errorf("lstm: output %q: a slice of %d numbers, expected %d for %d rows of shape %s",
				m.nodes[i].Name, len(out[k]), rows*n, rows, shapeString(s.shapes[i]))
		}
	}
	return nil
}

func (s *Scratch) checkInput(n *node, in *Input, shape []int, rows int) error {
	if (in.IDs == nil) == (in.Values == nil) {
		return fmt.Errorf("lstm: input %q: either ids or values must be given", n.Name)
	}
	if got := kindOf(in); got != n.kind {
		return fmt.Errorf("lstm: input %q takes %s, not %s", n.Name, n.kind, got)
	}
	size, _ := elements(shape)
	if got := len(in.IDs) + len(in.Values); got != rows*size {
		return fmt.Errorf("lstm: input %q has %d elements, expected %d for %d rows of shape %s",
			n.Name, got, rows*size, rows, shapeString(shape))
	}
	for i, id := range in.IDs {
		if id < 0 || int(id) >= n.vocab {
			if n.vocab == math.MaxInt32 {
				return fmt.Errorf("lstm: input %q: row %d, position %d: id %d is negative", n.Name, i/size, i%size, id)
			}
			return fmt.Errorf("lstm: input %q: row %d, position %d: id %d is outside the vocabulary of %d (ids 0 to %d)",
				n.Name, i/size, i%size, id, n.vocab, n.vocab-1)
		}
	}
	return nil
}

func kindOf(in *Input) kind {
	if in.IDs != nil {
		return kindIDs
	}
	return kindValues
}
