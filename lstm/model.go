package lstm

import (
	"fmt"
	"slices"
	"strings"

	"coldstream/lstm/internal/kernel"
)

// Tensor is an array of float32 in row-major order, the last axis contiguous.
// len(Data) is the product of Shape.
//
// A matrix may have bytes in place of Data, each times the scale of its column,
// or of its row: see Quantise. Their number is the product of Shape then.
type Tensor struct {
	Shape []int
	Data  []float32

	Int8       []int8    // from -127 to 127
	Scale      []float32 // [Shape[1]], or [Shape[0]] if ScaleByRow; from 0 on. In the form of Pack [2][Shape[2]]: factors and offsets
	ScaleByRow bool

	// Half has float16 in place of Data. An Embedding keeps it and makes rows
	// float32 when it needs them, everything else makes all of it so in New.
	Half Halves
}

// Size returns the number of elements that t holds.
func (t *Tensor) Size() int { return len(t.Data) + len(t.Int8) + t.Half.Len() }

// Halves are float16 numbers, the upper byte of each (sign, exponent and two
// bits of the fraction) apart from the lower one, which is close to noise: apart
// they compress better. Both have as many bytes as there are numbers.
type Halves struct{ High, Low []byte }

// Len returns how many numbers there are, -1 if the parts differ.
func (h *Halves) Len() int {
	if len(h.High) != len(h.Low) {
		return -1
	}
	return len(h.High)
}

// At returns the bits of number i.
func (h *Halves) At(i int) uint16 { return uint16(h.High[i])<<8 | uint16(h.Low[i]) }

// present reports whether there are numbers in this form.
func (h *Halves) present() bool { return h.High != nil || h.Low != nil }

// Options are settings of a Model. The zero value is right for nearly all
// uses. The switches turn off shortcuts which change the time and nothing
// else: with and without them a Model gives the same bits.
type Options struct {
	NoFold    bool // multiply each token's embedding by the kernel every time, instead of keeping the products of recent tokens
	NoPadSkip bool // compute leading padding (id 0) in every row, instead of starting from kept states
	NoDedupe  bool // compute equal rows of a batch each for itself
	NoSort    bool // leave rows in the order of the batch, instead of putting rows with as many steps together

	// CacheBytes bounds the memory, per goroutine at work, for the products of
	// recent tokens. 0 = 8 MB.
	CacheBytes int

	// TrustParams leaves out the search for NaN and infinite weights, which
	// reads every weight once. For weights that have been checked before.
	TrustParams bool

	// Kernels names the implementation of the arithmetic, one of Kernels().
	// "" = the first of them.
	Kernels string
}

// Kernels returns the implementations that run on this processor, the fastest
// first: of "avx512", "avx2" and "neon" those it has, "gonum", and "go". All
// give the same bits but gonum, which rounds products before it adds them. go
// is the plain twin of those in assembly and there to compare with.
func Kernels() []string {
	var names []string
	for _, s := range kernel.Sets() {
		if s == kernel.Go {
			names = append(names, gonumKernels)
		}
		names = append(names, s.String())
	}
	return names
}

const gonumKernels = "gonum"

// kernels returns the set that Options.Kernels names.
func (o *Options) kernels() (kernel.Set, error) {
	switch o.Kernels {
	case "":
		return kernel.Best(), nil
	case gonumKernels:
		return kernel.None, nil
	}
	for _, s := range kernel.Sets() {
		if s.String() == o.Kernels {
			return s, nil
		}
	}
	return 0, fmt.Errorf("kernels %q do not run here, of these do %s", o.Kernels, strings.Join(Kernels(), ", "))
}

const defaultCacheBytes = 8 << 20

func (o *Options) cacheBytes() int {
	if o.CacheBytes > 0 {
		return o.CacheBytes
	}
	return defaultCacheBytes
}

// Model is a network with its weights, ready to run. It is immutable: any
// number of goroutines may use it, each with a Scratch of its own.
type Model struct {
	options Options
	nodes   []node
	inputs  []int // indices of nodes, as Graph.Inputs names them
	outputs []int
	run     []int // indices of the nodes to compute, in order, inputs apart
	teams   bool  // a layer has a matrix for which a team pays
}

// node is a compiled Node.
type node struct {
	*Node
	kind  kind
	layer layer
	shape []int // without the batch axis, -1 = as long as the caller's input
	in    []int // nodes that stand for the inputs in shapes
	args  []int // nodes whose values the layer reads, as it may see through an embedding
	mask  int   // node, -1 = none
	masks []int // likewise for each input; nil = none at all
	folds int   // FoldSteps nodes that made its rows

	sources []int // inputs and masks
	live    bool  // an output needs it
	vocab   int   // Input of ids: ids from vocab on are in no embedding table
}

// New checks a graph and its weights and returns the Model. The weights are
// used in place: they must not change afterwards. params must hold the tensors
// that the nodes name and no others.
//
// An error names the node at fault.
func New(g Graph, params map[string]Tensor, o Options) (*Model, error) {
	set, err := o.kernels()
	if err != nil {
		return nil, fmt.Errorf("lstm: %w", err)
	}
	c := compiler{model: &Model{options: o}, params: params, index: map[string]int{}, used: map[string]bool{}, set: set}
	if err := c.compile(g); err != nil {
		return nil, fmt.Errorf("lstm: %w", err)
	}
	return c.model, nil
}

// OutputShapes returns the shapes of the outputs, without the batch axis, for
// inputs of the given shapes. nil stands for the shape the graph gives an
// input, if no size in it is variable.
func (m *Model) OutputShapes(inputShapes [][]int) ([][]int, error) {
	if len(inputShapes) != len(m.inputs) {
		return nil, m.inputCountError(len(inputShapes))
	}
	shapes := make([][]int, len(m.nodes))
	for k, i := range m.inputs {
		if err := m.setInput(shapes, i, inputShapes[k]); err != nil {
			return nil, err
		}
	}
	if _, err := m.infer(shapes, nil); err != nil {
		return nil, err
	}
	out := make([][]int, len(m.outputs))
	for k, i := range m.outputs {
		out[k] = shapes[i]
	}
	return out, nil
}

func (m *Model) inputCountError(n int) error {
	return fmt.Errorf("lstm: %d inputs, the model takes %d", n, len(m.inputs))
}

// setInput sets shapes[i], of the Input node i, to the shape the caller gives
// it.
func (m *Model) setInput(shapes [][]int, i int, shape []int) error {
	n := &m.nodes[i]
	if shape == nil {
		shape = n.shape
		if !positive(shape) {
			return fmt.Errorf("lstm: input %q has no shape: it is needed, as the model takes any %s", n.Name, shapeString(shape))
		}
	}
	if !slices.EqualFunc(shape, n.shape, sameDim) || !positive(shape) {
		return fmt.Errorf("lstm: input %q has shape %s, the model takes %s", n.Name, shapeString(shape), shapeString(n.shape))
	}
	if _, err := elements(shape); err != nil {
		return fmt.Errorf("lstm: input %q: %w", n.Name, err)
	}
	shapes[i] = append(shapes[i][:0], shape...)
	return nil
}

// sameSteps makes sure that a mask has the steps of a value.
func sameSteps(name string, mask, shape []int) error {
	if len(mask) == 0 || len(mask) > len(shape) || !slices.EqualFunc(mask, shape[:len(mask)], sameDim) {
		return fmt.Errorf("mask %q has shape %s, the input has %s", name, shapeString(mask), shapeString(shape))
	}
	return nil
}

// infer sets the shapes of all nodes but inputs, whose shapes are set. It
// takes and returns a slice to work with.
func (m *Model) infer(shapes, in [][]int) ([][]int, error) {
	for i := range m.nodes {
		n := &m.nodes[i]
		if n.Op == OpInput {
			continue
		}
		in = in[:0]
		for _, k := range n.in {
			in = append(in, shapes[k])
		}
		var err error
		if shapes[i], err = n.layer.shape(shapes[i][:0], in); err == nil {
			_, err = elements(shapes[i])
		}
		if err == nil && n.mask >= 0 {
			err = sameSteps(n.Mask, shapes[n.mask], in[0])
		}
		for k, at := range n.masks {
			if err == nil && at >= 0 {
				err = sameSteps(n.Masks[k], shapes[at], in[k])
			}
		}
		if err != nil {
			return in, fmt.Errorf("lstm: node %q (%s): %w", n.Name, n.Op, err)
		}
	}
	return in, nil
}
