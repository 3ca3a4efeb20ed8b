package lstm

import (
	"fmt"

	"coldstream/internal/half"
)

var embeddingOperations = []operation{
	{
		op:        OpEmbedding,
		minInputs: 1, maxInputs: 1, in: kindIDs, minParams: 1, maxParams: 1,
		build: newEmbedding,
	},
}

// embedding replaces each id by its row of the table.
type embedding struct {
	table  []float32 // [vocab][dim]
	halves Halves    // the same as float16, in place of table
	vocab  int
	dim    int
}

func newEmbedding(s *spec) (layer, error) {
	t := s.params[0]
	if len(t.Shape) != 2 || t.Shape[0] < 1 || t.Shape[1] < 1 {
		return nil, fmt.Errorf("embeddings %q has shape %s, expected a vocabulary size and a dimension", s.Params[0], shapeString(t.Shape))
	}
	e := &embedding{halves: t.Half, vocab: t.Shape[0], dim: t.Shape[1]}
	if !t.Half.present() {
		e.table = t.floats()
	}
	return e, nil
}

func (l *embedding) shape(dst []int, in [][]int) ([]int, error) {
	return append(append(dst, in[0]...), l.dim), nil
}

func (l *embedding) bind() runner { return l }

// copyRow sets dst to the row of id.
func (l *embedding) copyRow(dst []float32, id int32) {
	at := int(id) * l.dim
	if l.table != nil {
		copy(dst[:l.dim], l.table[at:])
		return
	}
	for i := range dst[:l.dim] {
		dst[i] = half.From(l.halves.At(at + i))
	}
}

func (l *embedding) run(out *value, in []*value, _ *value) {
	dst := out.makeFloats()
	for i, id := range in[0].ids {
		l.copyRow(dst[i*l.dim:], id)
	}
	out.copyPadding(in[0])
}
