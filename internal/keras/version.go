package keras

import (
	"fmt"
	"strconv"
	"strings"
)

// version is the Keras that wrote a file. Semantics changed between them, so
// every rule that did is a method here.
type version struct {
	text         string // as written: "2.2.4-tf"
	major, minor int
	orLater      bool // or any later one with this major number
	tf           bool // tensorflow.keras before its numbering joined Keras' own
}

// parseVersion reads "2.15.0", "2.2.4-tf" and the like.
func parseVersion(s string) (version, error) {
	v := version{text: s, tf: strings.HasSuffix(s, "-tf")}
	parts := strings.SplitN(s, ".", 3)
	if len(parts) >= 2 && printable(s) == s {
		var err1, err2 error
		v.major, err1 = strconv.Atoi(parts[0])
		v.minor, err2 = strconv.Atoi(parts[1])
		if err1 == nil && err2 == nil && v.major >= 1 && v.major <= 3 && v.minor >= 0 {
			return v, nil
		}
	}
	return version{}, fmt.Errorf("keras_version %q is not one this converter knows (1.x to 3.x)", s)
}

// keras3 reports whether the Keras 3 rules hold: hard_sigmoid is clip(x/6+0.5).
func (v version) keras3() bool { return v.major >= 3 }

// mergesAny reports whether merging layers join masks with "or", and look at the
// masks while they multiply or compare: Keras 3.4 and later do. Keras 2 joins
// masks with "and".
func (v version) mergesAny() bool { return v.atLeast(3, 4) }

// seesListMasks reports whether layers that are called with a list of tensors
// get to know their masks. Keras 3.0 to 3.3 looked for a mask of the list.
func (v version) seesListMasks() bool { return !v.keras3() || v.atLeast(3, 4) }

// fusesAttention reports whether a MultiHeadAttention without dropout replaces
// the scores of masked steps: Keras 3.7 and later do; others add to them.
func (v version) fusesAttention() bool { return v.atLeast(3, 7) }

// losesMasks reports whether a MultiHeadAttention takes the masks off its
// inputs, as Keras 3.8 and later do.
func (v version) losesMasks() bool { return v.atLeast(3, 8) }

// zeroesSoftmax reports whether a Softmax gives 0 for what is masked, even where
// everything is: Keras 3.10 and later do.
func (v version) zeroesSoftmax() bool { return v.atLeast(3, 10) }

// searchesBias reports whether a sum with a bias looks for an axis as long as the
// bias, the last one first and then the first after the rows, as Keras 3.7 and
// later do on TensorFlow: where that is the steps, each step gets a number of
// the bias that is meant for a feature or a head.
func (v version) searchesBias() bool { return v.atLeast(3, 7) || v.orLater }

// unsaid reports whether the version is one that a config of Keras 3 let guess.
func (v version) unsaid() bool { return v.text == "3" }

// keras1 reports whether option names and weights are those of Keras 1.
func (v version) keras1() bool { return v.major == 1 }

// zeroesBidirectional reports whether a Bidirectional layer that returns
// sequences puts zeros at masked steps: tensorflow.keras and Keras 3 do,
// the Keras of several backends (up to 2.3) did not.
func (v version) zeroesBidirectional() bool {
	return v.major >= 3 || v.tf || v.major == 2 && v.minor >= 4
}

// resetAfterDefault is what a GRU config without reset_after means.
func (v version) resetAfterDefault() bool { return v.zeroesBidirectional() }

// atLeast reports whether the version has what came with major.minor.
func (v version) atLeast(major, minor int) bool {
	return v.major > major || v.major == major && v.minor >= minor
}
