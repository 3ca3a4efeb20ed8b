package keras

import (
	"fmt"
	"strings"
	"testing"
)

// architecture returns the JSON of a Sequential model of the given layers, each
// a class and its options.
func architecture(version string, layers ...string) string {
	return fmt.Sprintf(`{"class_name":"Sequential","keras_version":%q,"config":{"name":"m","layers":[%s]}}`, version, strings.Join(layers, ","))
}

// layerJSON is a layer's config; options is the inside of a JSON object.
func layerJSON(class, options string) string {
	if options != "" {
		options = "," + options
	}
	return fmt.Sprintf(`{"class_name":%q,"config":{"name":"x_%s"%s}}`, class, strings.ToLower(class), options)
}

// parseArchitecture reads a config without weights.
func parseArchitecture(text string) (*network, error) {
	f := &file{}
	if err := f.useConfig([]byte(text)); err != nil {
		return nil, err
	}
	p := &parser{version: f.version}
	return p.network(f.entry, "")
}

// TestUnsupportedOptionsAreRefused: with the name of the layer and of the
// option, its value and what to do.
func TestUnsupportedOptionsAreRefused(t *testing.T) {
	for _, c := range []struct{ class, options, want string }{
		{"LSTM", `"units":3,"stateful":true`, `layer "x_lstm" (LSTM): stateful=true is not supported; save the model with stateful=False`},
		{"LSTM", `"units":3,"time_major":true`, `time_major=true is not supported`},
		{"LSTM", `"units":3,"projection":7`, `layer "x_lstm" (LSTM): unknown option "projection" (7), which might change the outputs`},
		{"GRU", `"units":3,"quantization_config":{"mode":"int8"}`, `quantization_config=`},
		{"Dense", `"units":3,"lora_rank":4`, `unknown option "lora_rank"`},
		{"Dense", `"units":3,"dtype":"complex64"`, `dtype="complex64" is not supported`},
		{"Dense", `"units":3,"dtype":{"class_name":"QuantizedDTypePolicy","config":{"mode":"int8"}}`, `dtype=`},
		{"Embedding", `"input_dim":3,"output_dim":2,"weights":[[1]]`, `unknown option "weights"`},
		{"MaxPooling1D", `"padding":"causal"`, `padding="causal" is not supported; use valid or same`},
		{"SeparableConv1D", `"filters":2,"kernel_size":[2],"groups":2`, `groups=2 is not supported`},
		{"DepthwiseConv1D", `"kernel_size":[2],"padding":"causal"`, `padding="causal" is not supported`},
		{"Conv1D", `"filters":2,"kernel_size":[2],"lora_rank":2`, `unknown option "lora_rank"`},
		{"BatchNormalization", `"virtual_batch_size":4`, `virtual_batch_size=4 is not supported`},
		{"InputLayer", `"batch_input_shape":[null,3],"sparse":true`, `sparse=true is not supported`},
		{"InputLayer", `"batch_input_shape":[null,3],"ragged":true`, `ragged=true is not supported`},
		{"Lambda", `"function":["abc",null,null]`, `holds Python code`},
		{"mine>Layer", ``, `a custom class is not supported`},
		{"SomethingNew", ``, `layer "x_somethingnew" (SomethingNew): this class is not supported; build the model from Keras' own layers`},
		{"Bidirectional", `"layer":{"class_name":"Dense","config":{"name":"d","units":2}}`, `a Dense as its`},
		{"Bidirectional", ``, `no config of the wrapped layer`},
	} {
		_, err := parseArchitecture(architecture("2.15.0", layerJSON(c.class, c.options)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s {%s}: got error %v, expected one with %q", c.class, c.options, err, c.want)
		}
	}
}

// TestForeignModulesAreRefused: a class that only has the name of one of Keras'.
func TestForeignModulesAreRefused(t *testing.T) {
	for _, c := range []struct{ entry, want string }{
		{`{"class_name":"LSTM","module":"builtins","registered_name":"mine>LSTM","config":{"name":"a","units":2}}`, "mine>LSTM"},
		{`{"class_name":"LSTM","module":"__main__","config":{"name":"a","units":2}}`, "__main__"},
		{`{"class_name":"LSTM","module":"keras_nlp.layers","config":{"name":"a","units":2}}`, "keras_nlp.layers"},
	} {
		_, err := parseArchitecture(architecture("3.1.0", c.entry))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, expected one with %q", c.entry, err, c.want)
		}
	}
}

// TestConfigsAreReadStrictly: what cannot be read for sure is not read.
func TestConfigsAreReadStrictly(t *testing.T) {
	dense := layerJSON("Dense", `"units":3`)
	for _, c := range []struct{ text, want string }{
		{`{`, "JSON ends early"},
		{`[]`, "no class_name"},
		{`{"class_name":"Sequential","config":{}}`, "which Keras version"},
		{`{"class_name":"Sequential","keras_version":"2.15.0","config":{}}`, "no list of layers"},
		{`{"class_name":"Sequential","keras_version":"2.15.0","config":[]}`, "no layers"},
		{`{"class_name":"Sequential","keras_version":"9.0.0","config":[]}`, `keras_version "9.0.0"`},
		{`{"class_name":"Sequential","class_name":"Model","keras_version":"2.15.0","config":[]}`, `key "class_name" twice`},
		{architecture("2.15.0", dense, dense), "two layers of one model have this name"},
		{architecture("2.15.0", layerJSON("Dense", `"units":3,"units":4`)), `key "units" twice`},
		{architecture("2.15.0", `{"class_name":"Dense"}`), "no class_name or config"},
		{architecture("2.15.0", `7`), "no class_name or config"},
		{strings.Replace(architecture("2.15.0", dense), `"name":"m"`, `"name":"m","transform":1`, 1), `unknown option "transform"`},
		{`{"class_name":"Sequential","keras_version":"2.15.0","config":` + strings.Repeat("[", 300) + strings.Repeat("]", 300) + `}`, "nested more than"},
		{architecture("2.15.0", dense) + " 1", "more after the end"},
		{"{\"class_name\":\"Sequential\",\"keras_version\":\"2.15.0\",\"config\":\"\xff\"}", "not UTF-8"},
		{architecture("2.15.0", layerJSON("Masking", `"mask_value":NaN`)), "invalid character"},
		{`{"class_name":"Model","keras_version":"2.15.0","config":{"name":"m","layers":[{"class_name":"InputLayer","name":"i","config":{"batch_input_shape":[null,3]},"inbound_nodes":[]}],"input_layers":[],"output_layers":[["i",0,0]]}}`, "no input_layers"},
	} {
		_, err := parseArchitecture(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.80s: got error %v, expected one with %q", c.text, err, c.want)
		}
	}
}

// TestDefaultsOfOlderConfigs: options that a version does not write.
func TestDefaultsOfOlderConfigs(t *testing.T) {
	for _, c := range []struct {
		version string
		want    bool
	}{{"2.0.8", false}, {"2.3.1", false}, {"2.2.4-tf", true}, {"2.15.0", true}, {"3.0.5", true}} {
		v, err := parseVersion(c.version)
		if err != nil {
			t.Fatal(err)
		}
		if got := v.zeroesBidirectional(); got != c.want {
			t.Errorf("%s: zeroesBidirectional = %t, expected %t", c.version, got, c.want)
		}
	}
}

// TestSnakeCaseIsKeras: the folders that Keras makes of class names.
func TestSnakeCaseIsKeras(t *testing.T) {
	for class, want := range map[string]string{
		"LSTM": "lstm", "GRU": "gru", "SimpleRNN": "simple_rnn", "Dense": "dense", "SpatialDropout1D": "spatial_dropout1d",
		"GlobalMaxPooling1D": "global_max_pooling1d", "TimeDistributed": "time_distributed", "ReLU": "re_lu", "PReLU": "p_re_lu",
		"LeakyReLU": "leaky_re_lu", "ELU": "elu", "Conv1D": "conv1d", "InputLayer": "input_layer", "SeparableConv1D": "separable_conv1d",
		"Functional": "functional", "BatchNormalization": "batch_normalization", "MultiHeadAttention": "multi_head_attention",
	} {
		if got := snakeCase(class); got != want {
			t.Errorf("snakeCase(%q) = %q, expected %q", class, got, want)
		}
	}
}
