package weights

import (
	"fmt"
	"strconv"
	"unsafe"

	"coldstream/internal/jsonscan"
	"coldstream/lstm"
)

// The JSON in the metadata is read by hand: a function reads it whenever it
// starts, and encoding/json would cost more there than all the rest of Parse.

// members calls member with every name and value of the object text.
func members(text []byte, member func(name string, v jsonscan.Value) error) error {
	s := jsonscan.New(text)
	s.Object()
	for key, ok := s.Member(); ok; key, ok = s.Member() {
		name, v := textOf(key), s.Value()
		if v.Kind == jsonscan.None {
			break
		}
		if err := member(name, v); err != nil {
			return err
		}
	}
	if !s.End() {
		return s.Err()
	}
	return nil
}

// list calls element with every value of an array.
func list(name string, v jsonscan.Value, element func(v jsonscan.Value) error) error {
	if v.Kind != jsonscan.Array {
		return fmt.Errorf("%s is %v, want an array", name, v.Kind)
	}
	s := jsonscan.New(v.Raw)
	s.Array()
	for s.Element() {
		if err := element(s.Value()); err != nil {
			return err
		}
	}
	return nil // the whole value has been checked before
}

func setText[T ~string](dst *T, name string, v jsonscan.Value) error {
	if v.Kind != jsonscan.String {
		return fmt.Errorf("%s is %v, want a string", name, v.Kind)
	}
	*dst = T(textOf(v))
	return nil
}

// textOf returns the text of a String: a view, unless something in it is
// escaped.
func textOf(v jsonscan.Value) string {
	if v.Escaped {
		return string(jsonscan.AppendString(nil, v))
	}
	return viewString(v.Raw[1 : len(v.Raw)-1])
}

// viewString returns b as a string, viewBytes s as bytes, which must not be
// written to.
func viewString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
func viewBytes(s string) []byte  { return unsafe.Slice(unsafe.StringData(s), len(s)) }

func setTexts(dst *[]string, name string, v jsonscan.Value) error {
	texts := []string{}
	err := list(name, v, func(v jsonscan.Value) error {
		texts = append(texts, "")
		return setText(&texts[len(texts)-1], "an element of "+name, v)
	})
	*dst = texts
	return err
}

func setBool(dst *bool, name string, v jsonscan.Value) error {
	if v.Kind != jsonscan.Bool {
		return fmt.Errorf("%s is %v, want true or false", name, v.Kind)
	}
	*dst = v.Raw[0] == 't'
	return nil
}

func setInt(dst *int, name string, v jsonscan.Value) (err error) {
	if v.Kind == jsonscan.Number {
		if *dst, err = strconv.Atoi(string(v.Raw)); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%s is %.40s, want a whole number", name, v.Raw)
}

func setInts(dst *[]int, name string, v jsonscan.Value) error {
	ints := []int{}
	err := list(name, v, func(v jsonscan.Value) error {
		ints = append(ints, 0)
		return setInt(&ints[len(ints)-1], "an element of "+name, v)
	})
	*dst = ints
	return err
}

func setFloat[T float32 | float64](dst *T, bits int, name string, v jsonscan.Value) error {
	if v.Kind == jsonscan.Number {
		if x, err := strconv.ParseFloat(string(v.Raw), bits); err == nil {
			*dst = T(x)
			return nil
		}
	}
	return fmt.Errorf("%s is %.40s, want a number that float%d can hold", name, v.Raw, bits)
}

// decodeGraph reads a graph. An attribute that this version does not know would
// change the numbers, so it is an error.
func decodeGraph(g *lstm.Graph, text []byte) error {
	return members(text, func(name string, v jsonscan.Value) error {
		switch name {
		case "nodes":
			g.Nodes = make([]lstm.Node, 0, 8)
			return list(name, v, func(v jsonscan.Value) error {
				g.Nodes = append(g.Nodes, lstm.Node{})
				if err := decodeNode(&g.Nodes[len(g.Nodes)-1], v); err != nil {
					return fmt.Errorf("node %d: %w", len(g.Nodes)-1, err)
				}
				return nil
			})
		case "inputs":
			return setTexts(&g.Inputs, name, v)
		case "outputs":
			return setTexts(&g.Outputs, name, v)
		}
		return unknownField(name)
	})
}

func unknownField(name string) error { return fmt.Errorf("unknown field %.60q", name) }

// decodeNode reads a node: every field of lstm.Node by its JSON name.
func decodeNode(n *lstm.Node, v jsonscan.Value) error {
	return members(v.Raw, func(name string, v jsonscan.Value) error {
		switch name {
		case "name":
			return setText(&n.Name, name, v)
		case "op":
			return setText(&n.Op, name, v)
		case "inputs":
			return setTexts(&n.Inputs, name, v)
		case "mask":
			return setText(&n.Mask, name, v)
		case "masks":
			return setTexts(&n.Masks, name, v)
		case "params":
			return setTexts(&n.Params, name, v)
		case "shape":
			return setInts(&n.Shape, name, v)
		case "activation":
			return setText(&n.Activation, name, v)
		case "recurrent_activation":
			return setText(&n.RecurrentActivation, name, v)
		case "state":
			return setText(&n.State, name, v)
		case "padding":
			return setText(&n.Padding, name, v)
		case "axes":
			return setInts(&n.Axes, name, v)
		case "score":
			return setText(&n.Score, name, v)
		case "masked_scores":
			return setText(&n.MaskedScores, name, v)
		}
		if dst := intField(n, name); dst != nil {
			return setInt(dst, name, v)
		}
		if dst := boolField(n, name); dst != nil {
			return setBool(dst, name, v)
		}
		if dst := floatField(n, name); dst != nil {
			return setFloat(dst, 32, name, v)
		}
		return unknownField(name)
	})
}

func intField(n *lstm.Node, name string) *int {
	switch name {
	case "units":
		return &n.Units
	case "axis":
		return &n.Axis
	case "size":
		return &n.Size
	case "stride":
		return &n.Stride
	case "dilation":
		return &n.Dilation
	case "groups":
		return &n.Groups
	case "before":
		return &n.Before
	case "after":
		return &n.After
	case "heads":
		return &n.Heads
	}
	return nil
}

func boolField(n *lstm.Node, name string) *bool {
	switch name {
	case "return_sequences":
		return &n.ReturnSequences
	case "go_backwards":
		return &n.GoBackwards
	case "time_order":
		return &n.TimeOrder
	case "zero_output_for_mask":
		return &n.ZeroOutputForMask
	case "reset_after":
		return &n.ResetAfter
	case "center":
		return &n.Center
	case "scale":
		return &n.Scale
	case "causal":
		return &n.Causal
	}
	return nil
}

func floatField(n *lstm.Node, name string) *float32 {
	switch name {
	case "mask_value":
		return &n.MaskValue
	case "epsilon":
		return &n.Epsilon
	case "alpha":
		return &n.Alpha
	case "threshold":
		return &n.Threshold
	case "max_value":
		return &n.MaxValue
	}
	return nil
}

// decodeLoss reads what quantisation cost.
func decodeLoss(l *Loss, text []byte) error {
	return members(text, func(name string, v jsonscan.Value) error {
		switch name {
		case "rows":
			return setInt(&l.Rows, name, v)
		case "worst":
			return setFloat(&l.Worst, 64, name, v)
		case "mean":
			return setFloat(&l.Mean, 64, name, v)
		case "changed":
			return setInt(&l.Changed, name, v)
		case "of":
			return setInt(&l.Of, name, v)
		}
		return unknownField(name)
	})
}

// decodeTexts reads an array of strings.
func decodeTexts(text []byte) ([]string, error) {
	s := jsonscan.New(text)
	v := s.Value()
	if !s.End() {
		return nil, s.Err()
	}
	var texts []string
	err := setTexts(&texts, "it", v)
	return texts, err
}
