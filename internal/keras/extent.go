package keras

import (
	"fmt"

	"coldstream/lstm"
)

// A model of a few bytes can ask for any amount of work: a layer that repeats
// its input needs no weights. So the numbers that a row of input becomes are
// counted, layer by layer, and there may be no more than freeNumbers and one
// for each byte of the file. A text model has far fewer: each of its words has
// a vector in the file.
const freeNumbers = 1 << 19

// unknownSteps stands for a length that the model leaves open.
const unknownSteps = 64

// count adds what the node makes of a row. shape is that of its output.
func (b *builder) count(n *lstm.Node, shape []int) {
	cost := extent(shape)
	switch n.Op {
	case lstm.OpAttention, lstm.OpMultiHeadAttention:
		// Every step of the query meets every step of the value.
		cost += extent(b.shapes[n.Inputs[0]][:1]) * extent(b.shapes[n.Inputs[1]][:1]) / 8
	case lstm.OpDot:
		cost += cost * extent(b.shapes[n.Inputs[0]][n.Axes[0]:][:1]) / 64
	}
	b.numbers += cost * b.folded
	b.shapes[n.Name] = shape
}

// extent is the number of elements of a shape.
func extent(shape []int) float64 {
	n := 1.0
	for _, d := range shape {
		if d < 0 {
			d = unknownSteps
		}
		n *= float64(d)
	}
	return n
}

// checkExtent refuses a model that makes more of a row than the file's size
// allows.
func (b *builder) checkExtent(size int) error {
	if limit := float64(freeNumbers + size); b.numbers > limit {
		return fmt.Errorf("the model makes about %.2g numbers of one row of input, which is refused for a file of %d bytes (at most %.2g); this is no text model", b.numbers, size, limit)
	}
	return nil
}
