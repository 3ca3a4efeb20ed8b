package keras

import (
	"math"
	"slices"

	"coldstream/lstm"
)

// windows are the options of a layer that looks at a window of steps at a time.
type windows struct {
	size, stride, dilation int
	padding                lstm.Padding
	channelsFirst          bool
}

// paddings has the engine's names for Keras' ones.
var paddings = map[string]lstm.Padding{"valid": lstm.Valid, "same": lstm.Same, "causal": lstm.Causal}

// windows reads the options; size is the name of the window's size, whose
// default counts if it is not 0.
func (o *options) windows(size string, absent int) windows {
	w := windows{size: o.single(size, absent), dilation: o.single("dilation_rate", 1)}
	stride := 1
	if size == "pool_size" {
		stride = w.size // what None means there
	}
	if o.l.config["strides"] == nil {
		w.stride = stride
	} else {
		w.stride = o.single("strides", 0)
	}
	padding := get(o, "padding", "valid, same or causal", pointer("valid"), func(v any) (string, bool) {
		_, ok := paddings[asString(v)]
		return asString(v), ok
	})
	w.padding = paddings[padding]
	w.channelsFirst = o.channelsFirst()
	return w
}

// single returns a positive number that may stand in a list of its own, as
// (3,) does. absent is what counts without the option, 0 if it must be there.
func (o *options) single(key string, absent int) int {
	var none *int
	if absent > 0 {
		none = &absent
	}
	return get(o, key, "a positive number", none, func(v any) (int, bool) {
		if list, ok := v.([]any); ok && len(list) == 1 {
			v = list[0]
		}
		i, ok := integer(v)
		return i, ok && i > 0 && i <= math.MaxInt32
	})
}

// pair returns two numbers of steps, or one that counts twice.
func (o *options) pair(key string, absent int) [2]int {
	return get(o, key, "one or two numbers of steps", &[2]int{absent, absent}, func(v any) ([2]int, bool) {
		list, ok := v.([]any)
		if !ok {
			list = []any{v, v}
		}
		if len(list) != 2 {
			return [2]int{}, false
		}
		a, okA := integer(list[0])
		b, okB := integer(list[1])
		return [2]int{a, b}, okA && okB && a >= 0 && b >= 0 && a <= math.MaxInt32 && b <= math.MaxInt32
	})
}

// channelsFirst reads data_format: features before steps.
func (o *options) channelsFirst() bool {
	format := get(o, "data_format", "channels_last or channels_first", pointer("channels_last"), func(v any) (string, bool) {
		s := asString(v)
		return s, v == nil || s == "channels_last" || s == "channels_first"
	})
	return format == "channels_first"
}

func pointer[T any](v T) *T { return &v }

// count returns the number of windows over t steps; -1 stays -1.
func (w windows) count(l *layer, t int) (int, error) {
	if t < 0 {
		return -1, nil
	}
	if w.padding == lstm.Valid {
		reach := 1 + (w.size-1)*w.dilation
		if t < reach {
			return 0, l.fail("%d steps are too few for a window over %d", t, reach)
		}
		t -= reach - 1
	}
	return (t + w.stride - 1) / w.stride, nil
}

// sequenceOf is sequence for a layer with data_format: features before steps
// are put behind them.
func (b *builder) sequenceOf(l *layer, in []value, channelsFirst bool) (x value, dim int, err error) {
	if !channelsFirst {
		return sequence(l, in)
	}
	if x, err = one(l, in); err != nil {
		return x, 0, err
	}
	if len(x.shape) != 2 || x.shape[0] < 1 {
		return x, 0, l.fail("the input has shape %s, expected a known number of features with steps", shapeText(x.shape))
	}
	x = b.swap(l, x)
	return x, x.shape[1], nil
}

// back puts the features in front of the steps again.
func (b *builder) back(l *layer, y value, channelsFirst bool) value {
	if channelsFirst {
		return b.swap(l, y)
	}
	return y
}

// swap exchanges steps and features.
func (b *builder) swap(l *layer, x value) value {
	return b.permute(l, x, []int{1, 0})
}

// permute puts the axes in another order.
func (b *builder) permute(l *layer, x value, axes []int) value {
	shape := make([]int, len(axes))
	for i, a := range axes {
		shape[i] = x.shape[a]
	}
	if slices.IsSorted(axes) {
		return x
	}
	return b.add(l, lstm.Node{Op: lstm.OpPermute, Inputs: []string{x.node}, Axes: axes}, shape)
}
