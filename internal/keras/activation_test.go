package keras

import (
	"strings"
	"testing"

	"coldstream/lstm"
)

// callLayer runs one layer on a sequence of steps and features.
func callLayer(t *testing.T, version, backend, class, options string, shape ...int) ([]value, *builder, error) {
	t.Helper()
	n, err := parseArchitecture(architecture(version, layerJSON(class, options)))
	if err != nil {
		return nil, nil, err
	}
	v, err := parseVersion(version)
	if err != nil {
		t.Fatal(err)
	}
	b := newBuilder(v)
	b.backend = backend
	out, err := b.apply(n.layers[0], []value{b.input("x", shape)})
	return out, b, err
}

// TestActivationsByVersion: the same name may be a function of Keras' own in one
// version and the user's in another.
func TestActivationsByVersion(t *testing.T) {
	for _, c := range []struct {
		version, option string
		want            lstm.Activation
		refused         string
	}{
		{"2.15.0", `"hard_sigmoid"`, lstm.HardSigmoidKeras2, ""},
		{"3.0.5", `"hard_sigmoid"`, lstm.HardSigmoidKeras3, ""},
		{"2.4.0", `"gelu"`, lstm.GELU, ""},
		{"2.2.4-tf", `"gelu"`, "", "it is no function of Keras 2.2.4-tf, so a custom one"},
		{"2.2.4", `"swish"`, "", "so a custom one"},
		{"2.12.0", `"mish"`, "", "so a custom one"},
		{"2.15.0", `"hard_silu"`, "", "so a custom one"},
		{"3.0.5", `"hard_silu"`, lstm.HardSiLU, ""},
		{"3.0.5", `"mine>wave"`, "", `activation="mine>wave" is not supported`},
		{"3.0.5", `"threshold"`, "", `activation="threshold" is not supported`}, // cannot run without arguments
		{"3.0.5", `7`, "", "activation is 7, expected a name"},
		{"3.0.5", `{"class_name":"function","module":"builtins","config":"swish","registered_name":"function"}`, lstm.SiLU, ""},
		{"3.0.5", `{"class_name":"function","module":"builtins","config":"softmax_v2","registered_name":"function"}`, lstm.Softmax, ""},
		{"3.0.5", `{"class_name":"function","module":"builtins","config":"wave","registered_name":"function"}`, "", `activation="wave" is not supported`},
		{"3.0.5", `{"class_name":"function","module":"mine","config":"relu","registered_name":"mine>relu"}`, "", "is an object"},
		{"3.0.5", `{"class_name":"ReLU","module":"keras.layers","config":{"name":"r","max_value":6}}`, lstm.ReLU6, ""},
		{"3.0.5", `{"class_name":"ReLU","module":"keras.layers","registered_name":"mine>ReLU","config":{"name":"r"}}`, "", "custom class"},
		{"3.0.5", `{"class_name":"ReLU","module":"mine","config":{"name":"r"}}`, "", `from module "mine"`},
		{"3.0.5", `{"class_name":"ReLU","config":{"name":"r","gain":2}}`, "", `unknown option "gain"`},
		{"3.0.5", `{"class_name":"ReLU","config":{"name":"r","max_value":0}}`, "", "max_value=0 is not supported"},
		{"3.0.5", `{"class_name":"ReLU","config":{"name":"r","threshold":1e60}}`, "", "beyond float32"},
		{"3.0.5", `{"class_name":"LeakyReLU","config":{"name":"r","alpha":0.1,"negative_slope":0.2}}`, "", "mean the same"},
		{"3.0.5", `{"class_name":"PReLU","config":{"name":"r"}}`, "", `is an object ("PReLU")`},
		{"3.0.5", `{"class_name":"Activation","config":{"name":"r","activation":{"class_name":"ELU","config":{"name":"e"}}}}`, lstm.ELU, ""},
	} {
		out, b, err := callLayer(t, c.version, "", "Activation", `"activation":`+c.option, 3, 4)
		if c.refused != "" {
			if err == nil || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("%s %s: got error %v, expected one with %q", c.version, c.option, err, c.refused)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s %s: %v", c.version, c.option, err)
			continue
		}
		if n := b.graph.Nodes[len(b.graph.Nodes)-1]; n.Activation != c.want || n.Name != out[0].node {
			t.Errorf("%s %s: got %q, expected %q", c.version, c.option, n.Activation, c.want)
		}
	}
}

// TestShapesThatCannotBe: refused with the layer's name, whatever the config
// says.
func TestShapesThatCannotBe(t *testing.T) {
	for _, c := range []struct{ class, options, want string }{
		{"Conv1D", `"filters":2,"kernel_size":[9]`, "5 steps are too few for a window over 9"},
		{"Conv1D", `"filters":2,"kernel_size":[0]`, "kernel_size is [0], expected a positive number"},
		{"Conv1D", `"filters":2,"kernel_size":[3,3]`, "kernel_size is [3,3]"},
		{"Conv1D", `"filters":2,"kernel_size":2147483647,"dilation_rate":2147483647`, "too few"},
		{"Conv1D", `"filters":4,"kernel_size":1,"groups":3`, "do not divide 4 features"},
		{"Conv1D", `"filters":4,"kernel_size":1,"padding":"full"`, `padding is "full"`},
		{"Conv1D", `"filters":4,"kernel_size":1,"data_format":"sideways"`, `data_format is "sideways"`},
		{"Conv1D", `"filters":4,"kernel_size":1`, "the file has no kernel"},
		{"Conv1D", `"filters":-4,"kernel_size":1`, "filters is -4"},
		{"DepthwiseConv1D", `"kernel_size":1,"depth_multiplier":0`, "depth_multiplier is 0"},
		{"MaxPooling1D", `"pool_size":[2],"strides":[0]`, "strides is [0]"},
		{"Reshape", `"target_shape":[3,-1]`, "does not fit target_shape=[3 ?]"},
		{"Reshape", `"target_shape":[-1,-1]`, "at most one -1"},
		{"Reshape", `"target_shape":[2147483647,2147483647]`, "too large"},
		{"Reshape", `"target_shape":[]`, "expected sizes"},
		{"Reshape", `"target_shape":[null]`, "expected sizes"},
		{"Permute", `"dims":[1,1]`, "expected different axes"},
		{"Permute", `"dims":[2]`, "does not have every axis"},
		{"Permute", `"dims":[0,1]`, "behind the batch"},
		{"RepeatVector", `"n":3`, "expected a known number of features"},
		{"UpSampling1D", `"size":0`, "size is 0"},
		{"UpSampling1D", `"size":2147483647`, "too many"},
		{"ZeroPadding1D", `"padding":[1,-1]`, "padding is [1,-1]"},
		{"ZeroPadding1D", `"padding":[2147483647,1]`, "too many steps"},
		{"Cropping1D", `"cropping":[3,2]`, "leaves nothing of 5 steps"},
		{"BatchNormalization", `"axis":[1,2]`, "only one axis"},
		{"BatchNormalization", `"axis":0`, "behind the batch"},
		{"BatchNormalization", `"axis":3`, "behind the batch"},
		{"BatchNormalization", `"epsilon":1e99`, "beyond float32"},
		{"LayerNormalization", `"axis":[]`, "names no axis"},
		{"LayerNormalization", `"axis":"last"`, "expected an axis"},
		{"GroupNormalization", `"groups":3`, "do not divide the 4 features"},
		{"RMSNormalization", `"axis":1`, "only the last axes"},
		{"Softmax", `"axis":[1,2]`, "only one axis"},
		{"PReLU", `"shared_axes":[0]`, "behind the batch"},
	} {
		_, _, err := callLayer(t, "3.0.5", "", c.class, c.options, 5, 4)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "("+c.class+")") {
			t.Errorf("%s {%s}: got error %v, expected one with %q", c.class, c.options, err, c.want)
		}
	}
}

// TestTheanoKernelsAreRefused: that backend keeps them the other way round.
func TestTheanoKernelsAreRefused(t *testing.T) {
	_, _, err := callLayer(t, "2.2.4", "theano", "Conv1D", `"filters":2,"kernel_size":[2]`, 5, 4)
	if err == nil || !strings.Contains(err.Error(), "Theano") {
		t.Errorf("got error %v", err)
	}
}
