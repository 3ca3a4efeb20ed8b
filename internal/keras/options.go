package keras

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// fixedOption is an option that may stand in a config with some values only.
type fixedOption struct {
	key    string
	values string // the values, as a JSON list
	advice string // what to do about any other one
}

// freeOptions never change what a layer computes at inference: names, and what
// only matters while weights are made or trained.
const freeOptions = "name trainable batch_input_shape batch_shape input_dtype " +
	"activity_regularizer autocast"

// checkOptions compares the keys of the layer's config with those its class
// may have.
func (l *layer) checkOptions() error { return l.checkEachOption(nil) }

// checkEachOption is checkOptions that notes all options that are refused, not
// only the first, which is the error.
func (l *layer) checkEachOption(r *refusals) error {
	var first error
	for _, k := range sortedKeys(l.config) {
		err := l.checkOption(k)
		if err != nil && first == nil {
			first = err
		} else if err != nil {
			r.add(l.wrap(err))
		}
	}
	return first
}

func (l *layer) checkOption(k string) error {
	switch {
	case k == "dtype" && l.takesText() && asString(l.config[k]) == "string":
		return nil
	case k == "dtype":
		_, err := dtypePolicy(l.config[k])
		return err
	case l.kind.isFixed(k):
		return l.checkFixed(k)
	case containsWord(freeOptions, k), containsWord(l.kind.ignores, k), containsWord(l.kind.reads, k):
		return nil
	}
	return l.checkFixed(k)
}

func (l *layer) checkFixed(key string) error {
	for _, f := range l.kind.fixed {
		if f.key != key {
			continue
		}
		if !f.allows(l.config[key]) {
			return fmt.Errorf("%s=%.60s is not supported; %s", key, shownOption(l.config[key]), f.advice)
		}
		return nil
	}
	return fmt.Errorf("unknown option %q (%.60s), which might change the outputs", key, jsonText(l.config[key]))
}

// shownOption is an option as messages have it: a function by its name.
func shownOption(v any) string {
	if name := asString(asObject(v)["config"]); name != "" {
		return strconv.Quote(name)
	}
	if s, ok := v.(string); ok {
		return strconv.Quote(s) // without the escapes for HTML
	}
	return jsonText(v)
}

func (f *fixedOption) allows(v any) bool {
	list, err := decodeJSON([]byte(f.values))
	if err != nil {
		panic("keras: values of option " + f.key + " are no JSON list")
	}
	return slices.ContainsFunc(list.([]any), func(want any) bool { return sameJSON(v, want) })
}

// dtypePolicy returns the name of a dtype or dtype policy, "" for none. Weights
// are converted to float32 and computed with in float32 whatever the policy.
func dtypePolicy(v any) (string, error) {
	switch d := v.(type) {
	case nil:
		return "", nil
	case string:
		if containsWord("float16 bfloat16 float32 float64 mixed_float16 mixed_bfloat16 int8 int16 int32 int64 uint8 bool", d) {
			return d, nil
		}
	case object: // Keras 3: {"class_name": "DTypePolicy", "config": {"name": "float32"}}
		class := asString(d["class_name"])
		if class == "DTypePolicy" || class == "Policy" || class == "FloatDTypePolicy" {
			return dtypePolicy(asObject(d["config"])["name"])
		}
	}
	return "", fmt.Errorf("dtype=%.80s is not supported; save the model with an ordinary float32 policy", jsonText(v))
}

// lowPrecision reports whether Keras computes the layer with less than float32.
func (l *layer) lowPrecision() string {
	d, _ := dtypePolicy(l.config["dtype"])
	if containsWord("float16 bfloat16 mixed_float16 mixed_bfloat16", d) {
		return d
	}
	return ""
}

// computeDtype is the type in which Keras computes the layer, "" if its config
// does not say.
func (l *layer) computeDtype() string {
	d, _ := dtypePolicy(l.config["dtype"])
	return strings.TrimPrefix(d, "mixed_")
}

// losesMaskByCast reports whether Keras casts x for the layer, and loses its mask
// with it. Keras 3.4 to 3.14 do so.
func (b *builder) losesMaskByCast(l *layer, x value) bool {
	if x.mask == "" || x.dtype == "" || l.kind == nil || !b.version.atLeast(3, 4) || b.version.atLeast(3, 15) {
		return false
	}
	to := l.computeDtype()
	return to != "" && to != x.dtype && l.config["autocast"] != false
}

// options reads the values of a layer's config. The first failure is kept in
// err; later reads return zero values.
type options struct {
	l   *layer
	err error
}

func (l *layer) options() *options { return &options{l: l} }

// get returns the value under key, or absent if there is none.
func get[T any](o *options, key, what string, absent *T, read func(any) (T, bool)) T {
	var zero T
	if o.err != nil {
		return zero
	}
	v, ok := o.l.config[key]
	if !ok && absent != nil {
		return *absent
	}
	x, valid := read(v)
	if !valid {
		o.err = fmt.Errorf("%s is %.60s, expected %s", key, jsonText(v), what)
		return zero
	}
	return x
}

// positive returns a number that must be there, as units does.
func (o *options) positive(key string) int {
	return get(o, key, "a positive number", nil, func(v any) (int, bool) {
		i, ok := integer(v)
		return i, ok && i > 0 && i <= 1<<31-1
	})
}

func (o *options) integer(key string, absent int) int {
	return get(o, key, "a whole number", &absent, integer)
}

func (o *options) float(key string, absent float64) float64 {
	return get(o, key, "a number", &absent, number)
}

func (o *options) bool(key string, absent bool) bool {
	return get(o, key, "true or false", &absent, func(v any) (bool, bool) { b, ok := v.(bool); return b, ok })
}

func (o *options) has(key string) bool { _, ok := o.l.config[key]; return ok }

// shape reads a list of sizes with the batch first, and returns it without the
// batch; an unknown size is -1.
func readShape(v any) ([]int, bool) {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return nil, false
	}
	shape := make([]int, 0, len(list)-1)
	for _, e := range list[1:] {
		d, isInt := integer(e)
		switch {
		case e == nil:
			d = -1
		case !isInt || d < 1 || d > 1<<31-1:
			return nil, false
		}
		shape = append(shape, d)
	}
	return shape, true
}

// isFixed reports whether only some values of an option are supported.
func (k *layerType) isFixed(key string) bool {
	return slices.ContainsFunc(k.fixed, func(f fixedOption) bool { return f.key == key })
}
