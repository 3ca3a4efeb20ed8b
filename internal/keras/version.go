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

// keras3 reports whether the Keras 3 rules hold: hard_sigmoid is clip(x/6+0.5),
// and merging layers combine masks with "or".
func (v version) keras3() bool { return v.major >= 3 }

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
