package keras

import (
	"archive/zip"
	"fmt"
	"strings"
	"testing"

	"coldstream/lstm"
)

// FuzzArchitecture: whatever a config says, reading it and building its graph
// ends in a model that the engine takes, or in an error.
func FuzzArchitecture(f *testing.F) {
	weights := goldenFile(f, "2.15", "lstm_with_mask/weights.h5")
	f.Add(goldenFile(f, "2.15", "lstm_with_mask/architecture.json"))
	f.Add(goldenFile(f, "3", "lstm_with_mask/architecture.json"))
	f.Add([]byte(architecture("2.15.0", layerJSON("Masking", `"batch_input_shape":[null,3,2]`), layerJSON("Dropout", `"rate":0.1`), layerJSON("Flatten", ``), layerJSON("Activation", `"activation":"softmax"`))))
	f.Add([]byte(doubled(4)))
	f.Add([]byte(architecture("3.0.0", layerJSON("ReLU", `"batch_input_shape":[null,null,4],"max_value":2.0,"negative_slope":0.1`), layerJSON("MaxPooling1D", `"pool_size":[2],"strides":[1],"padding":"same"`),
		layerJSON("UpSampling1D", `"size":3`), layerJSON("ZeroPadding1D", `"padding":[1,2],"data_format":"channels_last"`), layerJSON("Cropping1D", `"cropping":[2,0]`),
		layerJSON("UnitNormalization", `"axis":[1,2]`), layerJSON("Permute", `"dims":[2,1]`), layerJSON("Softmax", `"axis":1`))))
	f.Add([]byte(architecture("3.0.0", layerJSON("AveragePooling1D", `"batch_input_shape":[null,5,4],"pool_size":[2],"data_format":"channels_first"`), layerJSON("Reshape", `"target_shape":[-1,2]`),
		layerJSON("LayerNormalization", `"axis":[2,1],"center":false,"scale":false`), layerJSON("GroupNormalization", `"groups":2,"center":false,"scale":false`),
		layerJSON("Activation", `"activation":"glu"`), layerJSON("GlobalMaxPooling1D", `"keepdims":false`), layerJSON("RepeatVector", `"n":3`), layerJSON("Flatten", `"data_format":"channels_first"`))))
	for _, name := range []string{"concatenated_sequences", "masking_functional", "nested_functional", "masking_pooled", "explicit_mask"} {
		_, config, _ := goldenMembers(f, name+"/model.keras")
		f.Add([]byte(config))
	}
	f.Add([]byte(architecture("3.15.1", `{"class_name":"InputLayer","config":{"name":"i","batch_shape":[null,1],"dtype":"string"}}`,
		`{"class_name":"TextVectorization","config":{"name":"t","ngrams":[1,2],"output_sequence_length":3,"split":"character","vocabulary":["a","b"],"vocabulary_size":4}}`)))
	f.Fuzz(func(t *testing.T, config []byte) {
		bounded(t, len(config), func() {
			if m, err := Parse(weights, Options{Config: config}); err == nil {
				if _, err := lstm.New(m.Graph, m.Params, lstm.Options{}); err != nil {
					t.Errorf("the engine refuses what was converted: %v", err)
				}
			}
			_, _ = inspect(weights, Options{Config: config})
		})
		// Without weights too: networks of layers that have none.
		n, err := parseArchitecture(string(config))
		if err != nil {
			return
		}
		b := newBuilder(version{text: "3.0.0", major: 3})
		in, err := b.modelInputs(n)
		if err != nil {
			return
		}
		out, err := b.run(n, in)
		if err != nil || len(out) == 0 || out[0].truth != nil || b.checkInputs() != nil {
			return
		}
		b.graph.Outputs = []string{out[0].node}
		if _, err := lstm.New(b.graph, b.params, lstm.Options{}); err != nil {
			t.Fatalf("the engine refuses what was converted: %v", err)
		}
	})
}

// FuzzArchive: no .keras archive makes the reader panic or hang.
func FuzzArchive(f *testing.F) {
	for _, name := range []string{"lstm_with_mask/model.keras", "nested_sequential/model.keras"} {
		metadata, config, weights := goldenMembers(f, name)
		f.Add(archive(zip.Store, metadataMember, metadata, configMember, config, weightsMember, weights))
		f.Add(archive(zip.Deflate, metadataMember, metadata, configMember, config, weightsMember, weights))
	}
	f.Add(archive(zip.Store, metadataMember, `{"keras_version":"3.0.0"}`, configMember, `{}`, weightsMember, ""))
	f.Add(textArchive(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		bounded(t, len(b), func() {
			if m, err := Parse(b, Options{}); err == nil {
				if _, err := lstm.New(m.Graph, m.Params, lstm.Options{}); err != nil {
					t.Errorf("the engine refuses what was converted: %v", err)
				}
			}
			_, _ = inspect(b, Options{})
		})
	})
}

// doubled is a model that uses a model inside it twice, which does the same, to
// the given depth.
func doubled(depth int) string {
	config := `{"class_name":"Dropout","name":"d","config":{"name":"d","rate":0.1},"inbound_nodes":[[["i",0,0,{}]]]}`
	last := `["d",0,0]`
	for range depth {
		config = fmt.Sprintf(`{"class_name":"Functional","name":"m","config":{"name":"m","layers":[`+
			`{"class_name":"InputLayer","name":"i","config":{"name":"i","batch_input_shape":[null,3]},"inbound_nodes":[]},%s],`+
			`"input_layers":[["i",0,0]],"output_layers":[%s]},"inbound_nodes":[[["i",0,0,{}]],[["m",0,0,{}]]]}`, config, last)
		last = `["m",1,0]`
	}
	return strings.Replace(config, `"class_name"`, `"keras_version":"2.15.0","class_name"`, 1)
}

// TestModelsOfModelsEnd: a small file cannot ask for an endless graph.
func TestModelsOfModelsEnd(t *testing.T) {
	n, err := parseArchitecture(doubled(4))
	if err != nil {
		t.Fatal(err)
	}
	run := func(n *network) error {
		b := newBuilder(version{text: "2.15.0", major: 2, minor: 15})
		in, err := b.modelInputs(n)
		if err == nil {
			_, err = b.run(n, in)
		}
		return err
	}
	if err := run(n); err != nil {
		t.Error(err)
	}
	if n, err = parseArchitecture(doubled(28)); err != nil {
		t.Fatal(err)
	}
	if err := run(n); err == nil || !strings.Contains(err.Error(), "uses its layers more than") {
		t.Errorf("got error %v", err)
	}
}
