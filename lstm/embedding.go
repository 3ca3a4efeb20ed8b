package lstm

import "fmt"

var embeddingOperations = []operation{
	{
		op:        OpEmbedding,
		minInputs: 1, maxInputs: 1, in: kindIDs, minParams: 1, maxParams: 1,
		build: newEmbedding,
	},
}

// embedding replaces each id by its row of the table.
type embedding struct {
	table []float32 // [vocab][dim]
	vocab int
	dim   int
}

func newEmbedding(s *spec) (layer, error) {
	t := s.params[0]
	if len(t.Shape) != 2 || t.Shape[0] < 1 || t.Shape[1] < 1 {
		return nil, fmt.Errorf("embeddings %q has shape %s, expected a vocabulary size and a dimension", s.Params[0], shapeString(t.Shape))
	}
	return &embedding{table: t.floats(), vocab: t.Shape[0], dim: t.Shape[1]}, nil
}

func (l *embedding) shape(dst []int, in [][]int) ([]int, error) {
	return append(append(dst, in[0]...), l.dim), nil
}

func (l *embedding) bind() runner { return l }

func (l *embedding) row(id int32) []float32 {
	return l.table[int(id)*l.dim:][:l.dim]
}

func (l *embedding) run(out *value, in []*value, _ *value) {
	dst := out.makeFloats()
	for i, id := range in[0].ids {
		copy(dst[i*l.dim:], l.row(id))
	}
	out.copyPadding(in[0])
}
