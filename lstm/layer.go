package lstm

import (
	"fmt"
	"slices"
	"strings"

	"coldstream/lstm/internal/kernel"
)

// A layer is a node of a Graph with its weights checked: immutable, shared by
// all goroutines.
type layer interface {
	// shape appends the shape of the output to dst, given the shapes of the
	// inputs. A dimension of -1 is not known yet.
	shape(dst []int, in [][]int) ([]int, error)

	// bind returns the layer's working memory for one goroutine.
	bind() runner
}

// A runner computes a layer for the rows of a tile. out comes with its shape
// and number of rows set; the runner makes room for the elements and fills
// them. mask is nil where the node has none.
type runner interface {
	run(out *value, in []*value, mask *value)
}

// A maskedRunner has a mask for each input, nil where the node names none.
type maskedRunner interface {
	runner
	setMasks([]*value)
}

// kind says what the elements of a value are.
type kind uint8

const (
	kindValues kind = iota // float32
	kindIDs                // token ids
	kindMask               // true = a real step
	kindAny                // of an operation: what its first input is
)

func (k kind) String() string { return [...]string{"values", "token ids", "a mask", "anything"}[k] }

// An operation says which fields a node of its Op may and must have, and
// builds the layer. Each layer family's file has a list of its own.
type operation struct {
	op                   Op
	minInputs, maxInputs int    // maxInputs 0 = no limit
	in, out              kind   // of every input and of the output
	mask                 int    // noMask, mayMask or needsMask
	masks                bool   // a mask for each input: the field Masks
	fields               string // names of the node's fields it reads, besides inputs and mask
	minParams, maxParams int
	build                func(*spec) (layer, error)
}

const (
	noMask = iota
	mayMask
	needsMask
)

// findOperation returns nil for an Op that is not known. The lists are constants
// in all but name, and a search takes nothing: a map would have to be filled
// whenever a function starts.
func findOperation(op Op) *operation {
	for _, family := range [...][]operation{
		activationOperations, attentionOperations, convOperations, denseOperations, dotOperations,
		embeddingOperations, flattenOperations, foldOperations, inputOperations, maskOperations,
		mergeOperations, normOperations, poolOperations, recurrentOperations, reshapeOperations,
		reverseOperations, simpleRNNOperations, slopeOperations, windowOperations,
	} {
		for i := range family {
			if family[i].op == op {
				return &family[i]
			}
		}
	}
	return nil
}

// A spec is what an operation builds its layer from: the node, the shapes of
// its inputs without the batch axis (-1 = not known) and its weights.
type spec struct {
	*Node
	in     [][]int
	params []Tensor
	opts   *Options
	set    kernel.Set

	// producer is the layer behind the first input.
	producer layer
}

// param returns the data of the i-th weight tensor after checking its shape.
func (s *spec) param(i int, what string, shape ...int) ([]float32, error) {
	t := s.params[i]
	if !slices.Equal(t.Shape, shape) {
		return nil, fmt.Errorf("%s %q has shape %s, expected %s", what, s.Params[i], shapeString(t.Shape), shapeString(shape))
	}
	if t.Int8 != nil {
		return nil, fmt.Errorf("%s %q consists of bytes, expected float32", what, s.Params[i])
	}
	return t.floats(), nil
}

// bias returns the data of the i-th weight tensor, n numbers, nil if the node
// has no such tensor.
func (s *spec) bias(i, n int) ([]float32, error) {
	if i >= len(s.params) {
		return nil, nil
	}
	return s.param(i, "bias", n)
}

// lastDim returns the size of the first input's last axis.
func (s *spec) lastDim() (int, error) {
	in := s.in[0]
	if len(in) == 0 {
		return 0, fmt.Errorf("input %q has no axis besides the batch", s.Inputs[0])
	}
	d := in[len(in)-1]
	if d < 0 {
		return 0, fmt.Errorf("input %q has shape %s: the size of the last axis must be known", s.Inputs[0], shapeString(in))
	}
	return d, nil
}

// sequence returns the number of features of the first input, a [T][D].
func (s *spec) sequence() (dim int, err error) {
	if len(s.in[0]) != 2 {
		return 0, fmt.Errorf("input %q has shape %s, expected steps and features", s.Inputs[0], shapeString(s.in[0]))
	}
	return s.lastDim()
}

// axis returns the axis the node names, counted from 0, in a shape of the
// given rank.
func (s *spec) axis(rank int) (int, error) {
	a := s.Axis
	if a < 0 {
		a += rank
	}
	if a < 0 || a >= rank {
		return 0, fmt.Errorf("axis %d is not one of the %d axes without the batch", s.Axis, rank)
	}
	return a, nil
}

// elementwise checks an activation that works on single elements.
func (s *spec) elementwise(field string, f Activation) error {
	if elementFunction(f) == nil {
		if f == Softmax || laneFunction(f) != nil {
			return fmt.Errorf("%s %s is not supported in this operation", field, f)
		}
		return fmt.Errorf("%s %q is not known", field, f)
	}
	return nil
}

// fieldsSet returns the names of the node's fields, besides inputs and mask,
// that are not zero.
func (n *Node) fieldsSet() []string {
	var set []string
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"shape", n.Shape != nil},
		{"units", n.Units != 0},
		{"activation", n.Activation != Linear},
		{"recurrent_activation", n.RecurrentActivation != Linear},
		{"return_sequences", n.ReturnSequences},
		{"go_backwards", n.GoBackwards},
		{"time_order", n.TimeOrder},
		{"zero_output_for_mask", n.ZeroOutputForMask},
		{"reset_after", n.ResetAfter},
		{"state", n.State != ""},
		{"mask_value", n.MaskValue != 0},
		{"axis", n.Axis != 0},
		{"score", n.Score != ""},
		{"causal", n.Causal},
		{"heads", n.Heads != 0},
		{"masked_scores", n.MaskedScores != ""},
		{"size", n.Size != 0},
		{"stride", n.Stride != 0},
		{"dilation", n.Dilation != 0},
		{"padding", n.Padding != Valid},
		{"groups", n.Groups != 0},
		{"before", n.Before != 0},
		{"after", n.After != 0},
		{"axes", n.Axes != nil},
		{"epsilon", n.Epsilon != 0},
		{"center", n.Center},
		{"scale", n.Scale},
		{"alpha", n.Alpha != 0},
		{"threshold", n.Threshold != 0},
		{"max_value", n.MaxValue != 0},
	} {
		if f.set {
			set = append(set, f.name)
		}
	}
	return set
}

// check compares a node with what the operation allows, its inputs and mask
// apart.
func (o *operation) check(n *Node) error {
	if len(n.Inputs) < o.minInputs || o.maxInputs > 0 && len(n.Inputs) > o.maxInputs || o.minInputs == 0 && len(n.Inputs) > 0 {
		return fmt.Errorf("%d inputs, expected %s", len(n.Inputs), countString(o.minInputs, o.maxInputs))
	}
	if len(n.Params) < o.minParams || len(n.Params) > o.maxParams {
		return fmt.Errorf("%d weight tensors, expected %s", len(n.Params), countString(o.minParams, o.maxParams))
	}
	if n.Mask != "" && o.mask == noMask {
		return fmt.Errorf("mask %q: this operation takes no mask", n.Mask)
	}
	if n.Mask == "" && o.mask == needsMask {
		return fmt.Errorf("no mask given")
	}
	if n.Masks != nil && (!o.masks || len(n.Masks) != len(n.Inputs)) {
		return fmt.Errorf("%d masks for %d inputs of an operation that takes %s", len(n.Masks), len(n.Inputs), map[bool]string{false: "none", true: "one for each"}[o.masks])
	}
	for _, f := range n.fieldsSet() {
		if !strings.Contains(" "+o.fields+" ", " "+f+" ") {
			return fmt.Errorf("field %q has no meaning in this operation", f)
		}
	}
	return nil
}

func countString(low, high int) string {
	switch high {
	case low:
		return fmt.Sprint(low)
	case 0:
		if low > 0 {
			return fmt.Sprintf("%d or more", low)
		}
		return "0"
	}
	return fmt.Sprintf("%d to %d", low, high)
}

// shapeString formats a shape as [28 128], an unknown size as ?.
func shapeString(shape []int) string {
	return strings.ReplaceAll(fmt.Sprint(shape), "-1", "?")
}

// maxElements bounds the elements of one row of a value, so that no index
// computed from shapes overflows.
const maxElements = 1<<31 - 1

// elements returns the product of the dimensions of shape, -1 if one is not
// known.
func elements(shape []int) (int, error) {
	n, known := 1, true
	for _, d := range shape {
		if d < 0 {
			known = false
			continue
		}
		if d > 0 && n > maxElements/d {
			return 0, fmt.Errorf("shape %s has more than %d elements", shapeString(shape), maxElements)
		}
		n *= d
	}
	if !known {
		return -1, nil
	}
	return n, nil
}

// sameDim reports whether two sizes can be equal.
func sameDim(a, b int) bool { return a == b || a < 0 || b < 0 }

// positive reports whether all dimensions of shape are known and not 0.
func positive(shape []int) bool {
	for _, d := range shape {
		if d < 1 {
			return false
		}
	}
	return true
}
