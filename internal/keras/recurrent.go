package keras

import (
	"fmt"
	"strconv"

	"coldstream/lstm"
)

// cellReads are the options of a recurrent cell that change the outputs.
const cellReads = "units activation use_bias"

// recurrentReads are those of the layer around the cell.
const recurrentReads = "return_sequences return_state go_backwards zero_output_for_mask unroll"

// cellIgnores only matter in training or choose between ways to compute the
// same.
const cellIgnores = weightOptions + " unit_forget_bias dropout recurrent_dropout implementation"

// recurrentIgnores repeat shapes or choose between ways to compute the same.
const recurrentIgnores = "input_dim input_length use_cudnn"

var recurrentFixed = []fixedOption{
	{"stateful", `[false]`, "save the model with stateful=False"},
	{"time_major", `[false]`, "save the model with time_major=False"},
	{"num_constants", `[null, 0]`, "constants as inputs are not supported"},
	noQuantization,
}

var recurrentLayers = map[string]*layerType{
	"LSTM":          recurrentType(" recurrent_activation"),
	"GRU":           recurrentType(" recurrent_activation reset_after"),
	"SimpleRNN":     recurrentType(""),
	"LSTMCell":      cellType(" recurrent_activation"),
	"GRUCell":       cellType(" recurrent_activation reset_after"),
	"SimpleRNNCell": cellType(""),
	"RNN": {
		reads:   recurrentReads + " cell",
		ignores: recurrentIgnores,
		fixed:   recurrentFixed,
		refuses: "other cells than LSTMCell, GRUCell, SimpleRNNCell and stacks of them; constants; states of a stack from or to other layers",
		mask:    ownMask,
		parts: func(p *parser, l *layer) error {
			return p.part(l, "cell", asObject(l.config["cell"]))
		},
		callArgs: callRecurrent,
	},
	"StackedRNNCells": {
		reads: "cells",
		fixed: []fixedOption{{"reverse_state_order", `[false]`, "build the cells without it"}},
		mask:  ownMask,
		parts: stackedCells,
		call:  callCell,
	},
}

func recurrentType(reads string) *layerType {
	return &layerType{
		reads:    cellReads + " " + recurrentReads + reads,
		ignores:  cellIgnores + " " + recurrentIgnores,
		fixed:    recurrentFixed,
		refuses:  "constants",
		mask:     ownMask,
		slots:    func(l *layer, v version) ([]slot, error) { return cellSlots(l, v, "cell") },
		callArgs: callRecurrent,
	}
}

func cellType(reads string) *layerType {
	return &layerType{
		reads:   cellReads + reads,
		ignores: cellIgnores,
		fixed:   []fixedOption{noQuantization},
		mask:    ownMask,
		slots:   func(l *layer, v version) ([]slot, error) { return cellSlots(l, v, "") },
		call:    callCell,
	}
}

func callCell(_ *builder, l *layer, _ []value) ([]value, error) {
	return nil, l.fail("a cell on its own is not supported; put it into an RNN layer")
}

// stackedCells reads the cells of a stack. In a .keras file their folders are
// numbered by class.
func stackedCells(p *parser, l *layer) error {
	list, _ := l.config["cells"].([]any)
	if len(list) == 0 {
		return fmt.Errorf("no cells in the config")
	}
	count := map[string]int{}
	for _, c := range list {
		entry := asObject(c)
		folder := "cells/" + snakeCase(asString(entry["class_name"]))
		k := count[folder]
		if count[folder]++; k > 0 {
			folder += "_" + strconv.Itoa(k)
		}
		if err := p.part(l, folder, entry); err != nil {
			return err
		}
	}
	return nil
}

// recurrentOps has the operation and the number of gates of each cell. The
// gates are i f c o, or z r h.
var recurrentOps = map[string]struct {
	op    lstm.Op
	gates int
}{
	"LSTM": {lstm.OpLSTM, 4}, "LSTMCell": {lstm.OpLSTM, 4}, "CuDNNLSTM": {lstm.OpLSTM, 4},
	"GRU": {lstm.OpGRU, 3}, "GRUCell": {lstm.OpGRU, 3}, "CuDNNGRU": {lstm.OpGRU, 3},
	"SimpleRNN": {lstm.OpSimpleRNN, 1}, "SimpleRNNCell": {lstm.OpSimpleRNN, 1},
}

// isRecurrent reports whether the layer walks through the steps of a sequence.
func (l *layer) isRecurrent() bool {
	return containsWord("LSTM GRU SimpleRNN RNN CuDNNLSTM CuDNNGRU", l.class)
}

// cells returns the layers with the weights of a recurrent layer, in the order
// in which a step runs through them.
func (l *layer) cells() ([]*layer, error) {
	if l.class != "RNN" {
		return []*layer{l}, nil
	}
	c := l.parts["cell"]
	cells := []*layer{c}
	if c.class == "StackedRNNCells" {
		cells = nil
		for _, role := range c.roles {
			cells = append(cells, c.parts[role])
		}
	}
	for _, c := range cells {
		if recurrentOps[c.class].gates == 0 || c.isRecurrent() {
			return nil, c.fail("a %s as a cell is not supported", c.class)
		}
	}
	return cells, nil
}

func cellSlots(l *layer, v version, folder string) ([]slot, error) {
	if v.keras1() && keras1Gates[l.class] != nil {
		return keras1Slots(l), nil
	}
	o := l.options()
	s := []slot{{name: "kernel", folder: folder}, {name: "recurrent_kernel", folder: folder}}
	if o.bool("use_bias", true) {
		s = append(s, slot{name: "bias", folder: folder})
	}
	return s, o.err
}

func callRecurrent(b *builder, l *layer, in []value, args arguments) ([]value, error) {
	if len(in) == 0 {
		return nil, l.fail("called without a tensor")
	}
	return b.recurrent(l, in[0], initial{append(in[1:len(in):len(in)], args.states...), args.masked}, l.statesUsed, func(*lstm.Node) {})
}

// initial is what a recurrent layer is called with besides its sequence.
type initial struct {
	states []value // h, and c of an LSTM; none = zeros
	masked bool    // a mask is among the arguments, not only on the sequence
}

// recurrent adds the nodes of a recurrent layer, one for each cell, and returns
// the output and, if they are used and returned, the states. adjust changes the
// last node before its options are checked against each other: a Bidirectional
// layer orders its parts' outputs.
//
// A masked step leaves the states as they are; its output is the one before
// it, or 0 with zero_output_for_mask.
func (b *builder) recurrent(l *layer, x value, from initial, statesUsed bool, adjust func(*lstm.Node)) ([]value, error) {
	o := l.options()
	last := lstm.Node{
		ReturnSequences:   o.bool("return_sequences", false),
		GoBackwards:       o.bool("go_backwards", false),
		ZeroOutputForMask: o.bool("zero_output_for_mask", false),
	}
	unroll, returnState := o.bool("unroll", false), o.bool("return_state", false)
	if o.err != nil {
		return nil, l.wrap(o.err)
	}
	x, _, err := sequence(l, []value{x})
	if err != nil {
		return nil, err
	}
	cells, err := l.cells()
	if err != nil {
		return nil, err
	}
	statesUsed = statesUsed && returnState
	if len(cells) > 1 && (statesUsed || len(from.states) > 0) {
		return nil, l.fail("the states of several cells as inputs or outputs are not supported; use one layer for each cell")
	}
	passes := x.mask // goes on with a sequence
	if len(from.states) > 0 && b.version.keras3() && !from.masked {
		x.mask = "" // Keras 3 takes no mask off a tensor then
	}
	// A cell below others gives them every step, in the order of time.
	for _, c := range cells[:len(cells)-1] {
		n := lstm.Node{ReturnSequences: true, GoBackwards: last.GoBackwards, TimeOrder: last.GoBackwards}
		mask := x.mask
		if x, err = b.cell(c, x, nil, n); err != nil {
			return nil, err
		}
		x.mask = mask
	}
	adjust(&last)
	if x.mask == "" {
		last.ZeroOutputForMask = false
	}
	// Unrolled, Keras lays the mask over the steps in the order of processing
	// without turning it round.
	misplaced := last.ZeroOutputForMask && last.ReturnSequences && last.GoBackwards && unroll
	timeOrder := last.TimeOrder
	if misplaced {
		last.ZeroOutputForMask, last.TimeOrder = false, false
	}
	cell := cells[len(cells)-1]
	y, err := b.cell(cell, x, from.states, last)
	if err != nil {
		return nil, err
	}
	if misplaced {
		y = b.add(l, lstm.Node{Op: lstm.OpFillMasked, Inputs: []string{y.node}, Mask: x.mask}, y.shape)
		if timeOrder {
			y = b.add(l, lstm.Node{Op: lstm.OpReverse, Inputs: []string{y.node}}, y.shape)
		}
	}
	if last.ReturnSequences {
		y.mask = passes
	}
	out := []value{y}
	if !statesUsed {
		return out, nil
	}
	kinds := []lstm.State{lstm.HiddenState}
	if recurrentOps[cell.class].op == lstm.OpLSTM {
		kinds = append(kinds, lstm.CellState)
	}
	for _, state := range kinds {
		v, err := b.cell(cell, x, from.states, lstm.Node{GoBackwards: last.GoBackwards, State: state})
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// cell adds the node of one cell; n says how it walks.
func (b *builder) cell(l *layer, x value, states []value, n lstm.Node) (value, error) {
	kind := recurrentOps[l.class]
	o := l.options()
	n.Op, n.Units, n.Inputs, n.Mask = kind.op, o.positive("units"), append([]string{x.node}, nodesOf(states)...), x.mask
	bias := o.bool("use_bias", true)
	if o.err != nil {
		return value{}, l.wrap(o.err)
	}
	count := 1
	if kind.op == lstm.OpLSTM {
		count = 2
	}
	if len(states) > 0 && len(states) != count {
		return value{}, l.fail("called with %d states or constants besides its sequence, expected %d", len(states), count)
	}
	for _, s := range states {
		if !equalShapes(s.shape, []int{n.Units}) {
			return value{}, l.fail("called with a state of shape %s for %d units", shapeText(s.shape), n.Units)
		}
	}
	var err error
	if n.Activation, err = b.cellActivation(l, "activation", "tanh"); err != nil {
		return value{}, l.wrap(err)
	}
	if kind.gates > 1 {
		// Keras' default has been another one in the past, but every config says.
		if _, ok := l.option("recurrent_activation"); !ok {
			return value{}, l.fail("no recurrent_activation in the config, which has had more than one default")
		}
		if n.RecurrentActivation, err = b.cellActivation(l, "recurrent_activation", ""); err != nil {
			return value{}, l.wrap(err)
		}
	}
	if kind.op == lstm.OpGRU {
		if n.ResetAfter, err = l.resetAfter(b.version); err != nil {
			return value{}, l.wrap(err)
		}
	}
	if n.Params, err = b.cellParams(l, x.shape[1], n.Units, kind.gates, bias, n.ResetAfter); err != nil {
		return value{}, err
	}
	shape := []int{n.Units}
	if n.ReturnSequences {
		shape = []int{x.shape[0], n.Units}
	}
	return b.add(l, n, shape), nil
}

func (b *builder) cellParams(l *layer, dim, units, gates int, bias, resetAfter bool) ([]string, error) {
	kernel, err := b.param(l, "kernel", dim, gates*units)
	if err != nil {
		return nil, err
	}
	recurrent, err := b.param(l, "recurrent_kernel", units, gates*units)
	if err != nil {
		return nil, err
	}
	params := []string{kernel, recurrent}
	if bias {
		shape := []int{gates * units}
		if resetAfter {
			shape = []int{2, gates * units}
		}
		name, err := b.param(l, "bias", shape...)
		if err != nil {
			return nil, err
		}
		params = append(params, name)
	}
	return params, nil
}

// resetAfter is the GRU's option, which configs up to Keras 2.1 do not have; a
// bias of two rows tells then.
func (l *layer) resetAfter(v version) (bool, error) {
	o := l.options()
	if _, ok := l.option("reset_after"); !ok {
		if t, ok := l.tensors["bias"]; ok {
			return len(t.Shape) == 2, nil
		}
		return v.resetAfterDefault(), nil
	}
	return o.bool("reset_after", l.class == "CuDNNGRU"), o.err
}
