package keras

import (
	"maps"
	"slices"
)

// layerType is what the converter knows about a Keras layer class. A class is
// added by one entry in the table of the file it belongs to.
type layerType struct {
	// The options of a config, as lists of keys: those that call or slots read,
	// and those that change nothing at inference. fixed are those of which only
	// some values are supported. Any other key is refused.
	reads   string
	ignores string
	fixed   []fixedOption

	// refuses says what else is refused, for the table of docs/keras-support.md.
	refuses string

	mask maskRule

	// parts reads the layers inside a wrapper; nil if the class wraps none.
	parts func(*parser, *layer) error

	// slots lists the variables in the order Keras saves them; nil if the class
	// has none.
	slots func(*layer, version) ([]slot, error)

	// call adds the nodes of one use of the layer to the graph and returns its
	// outputs. in are the tensors of the first argument.
	call func(b *builder, l *layer, in []value) ([]value, error)

	// callArgs is call for a class that takes further arguments.
	callArgs func(b *builder, l *layer, in []value, args arguments) ([]value, error)
}

// maskRule says what becomes of the mask of a layer's input.
type maskRule int

const (
	dropMask maskRule = iota // the output has none: the layer does not support masks, or uses it up
	keepMask                 // the output has the mask of the first input
	ownMask                  // call sets it
)

// layerTypes has every class, by its name in configs. (Filled by init because
// wrappers look up classes in it.)
var layerTypes = map[string]*layerType{}

func init() {
	for _, table := range []map[string]*layerType{
		coreLayers, identityLayers, recurrentLayers, wrapperLayers, poolingLayers, mergingLayers,
		attentionLayers, timeDistributedLayers, cudnnLayers, textLayers,
		advancedLayers, convolutionLayers, reshapingLayers, normalizationLayers,
	} {
		for _, class := range slices.Sorted(maps.Keys(table)) {
			if layerTypes[class] != nil {
				panic("keras: two entries for class " + class)
			}
			layerTypes[class] = table[class]
		}
	}
}

// one returns the only tensor a layer is called with.
func one(l *layer, in []value) (value, error) {
	if len(in) != 1 {
		return value{}, l.fail("called with %d tensors, expected 1", len(in))
	}
	return in[0], nil
}

// sequence returns the only tensor, which must be steps with features.
func sequence(l *layer, in []value) (x value, dim int, err error) {
	if x, err = one(l, in); err != nil {
		return x, 0, err
	}
	if len(x.shape) != 2 || x.shape[1] < 1 {
		return x, 0, l.fail("the input has shape %s, expected steps with a known number of features", shapeText(x.shape))
	}
	return x, x.shape[1], nil
}

// single is the result of a call with one output.
func single(v value, err error) ([]value, error) {
	if err != nil {
		return nil, err
	}
	return []value{v}, nil
}
