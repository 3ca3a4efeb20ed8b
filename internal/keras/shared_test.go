package keras

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coldstream/internal/hdf5"
	"coldstream/lstm"
)

// sharedData returns a folder of the data sets that are kept beside the
// repository, or skips the test.
func sharedData(t *testing.T, folder string) string {
	t.Helper()
	root := os.Getenv("COLDSTREAM_DATA")
	if root == "" {
		root = "../../../shared/data"
	}
	dir := filepath.Join(root, folder)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the shared data set %s is not here; set COLDSTREAM_DATA to its folder", folder)
	}
	return dir
}

// realFiles are files from all over the world, with what becomes of each: the
// Keras version and the classes of what is converted, or the refusal.
var realFiles = map[string]struct{ version, inputs, refused string }{
	"models/dga_lstm128_keras2.0.2.h5":                                   {version: "2.0.2", inputs: "[256] ids < 100"},
	"models/gop2_lstm196_keras2.2.4_untrained.h5":                        {version: "2.2.4", inputs: "[28] ids < 2000"},
	"models/gop3_lstm196_keras2.3.1.h5":                                  {version: "2.3.1", inputs: "[28] ids < 2000"},
	"models/hospital_lstm32_keras3.10.h5":                                {version: "3.10.0", inputs: "[150] ids < 5000"},
	"models/imdb_bigru16_keras2.2.4tf.h5":                                {version: "2.2.4-tf", inputs: "[?] ids < 5000"},
	"models/imdb_gru16_keras2.2.4tf.h5":                                  {version: "2.2.4-tf", inputs: "[?] ids < 5000"},
	"models/imdb_lstm32_keras2.2.4tf.h5":                                 {version: "2.2.4-tf", inputs: "[?] ids < 5000"},
	"models/hospital_lstm32_keras3.10.tokenizer.pkl":                     {refused: "a Python pickle, not a Keras model"},
	"import-only/bidirectional_lstm_no_return_sequences_tensorflow_2.h5": {version: "2.1.3", inputs: "[4 10] values"},
	"import-only/bidirectional_lstm_tensorflow_1.h5":                     {version: "1.2.2", inputs: "[4 10] values"},
	"import-only/bidirectional_lstm_tensorflow_2.h5":                     {version: "2.1.3", inputs: "[4 10] values"},
	"import-only/embedding_conv1d_extended_tensorflow_2.h5":              {version: "2.1.3", inputs: "[10] ids < 200"},
	"import-only/embedding_lstm_tensorflow_1.h5":                         {version: "1.2.2", inputs: "[10] ids < 4"},
	"import-only/embedding_lstm_tensorflow_2.h5":                         {version: "2.1.3", inputs: "[10] ids < 4"},
	"import-only/lstm_functional_tf_keras_2.h5":                          {version: "2.0.8", inputs: "[10 4] values"},
	"import-only/lstm_tensorflow_1.h5":                                   {version: "1.2.2", inputs: "[4 1] values"},
	"import-only/lstm_tensorflow_2.h5":                                   {version: "2.1.3", inputs: "[4 1] values"},
	"import-only/lstm_theano_2.h5":                                       {version: "2.1.3", inputs: "[4 1] values"},
	"import-only/masking_zero_lstm.h5":                                   {version: "2.2.0", inputs: "[10 42] values"},
	"import-only/simple_lstm_tf_keras_2.0.6.h5":                          {version: "2.0.6", inputs: "[1 1] values"},
	"import-only/tfkeras_rnn_4.h5":                                       {version: "2.2.4-tf", inputs: "[3 4] values"},
	"import-only/tfkeras_rnn_12.h5":                                      {version: "2.2.4-tf", inputs: "[3 4] values"},
	"import-only/tfkeras_rnn_13.h5":                                      {version: "2.2.4-tf", inputs: "[3 4] values"},
	"import-only/tfkeras_rnn_28.h5":                                      {version: "2.2.4-tf", inputs: "[3 4] values"},
}

// TestRealFiles: every real file converts, or is refused for the reason that
// stands in the table.
func TestRealFiles(t *testing.T) {
	root := sharedData(t, "keras")
	for _, folder := range []string{"models", "import-only"} {
		files, err := filepath.Glob(filepath.Join(root, folder, "*"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", folder, len(files), err)
		}
		for _, file := range files {
			name := folder + "/" + filepath.Base(file)
			t.Run(name, func(t *testing.T) {
				want, ok := realFiles[name]
				if !ok {
					t.Fatal("the table of real files does not have it")
				}
				m, err := Open(file, Options{})
				if want.refused != "" {
					if err == nil || !strings.Contains(err.Error(), want.refused) {
						t.Fatalf("got error %v, expected one with %q", err, want.refused)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if m.KerasVersion != want.version || describe(m.Inputs) != want.inputs {
					t.Errorf("got version %s and inputs %s, expected %s and %s", m.KerasVersion, describe(m.Inputs), want.version, want.inputs)
				}
				if _, err := lstm.New(m.Graph, m.Params, lstm.Options{}); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestPublishedPredictions compares with the predictions that are published
// beside the models.
func TestPublishedPredictions(t *testing.T) {
	root := filepath.Join(sharedData(t, "keras"), "golden", "dl4j")
	models, err := filepath.Glob(filepath.Join(root, "*", "*_model.h5"))
	if err != nil || len(models) == 0 {
		t.Fatalf("%d models, %v", len(models), err)
	}
	for _, file := range models {
		name := strings.TrimSuffix(filepath.Base(file), "_model.h5")
		t.Run(name, func(t *testing.T) {
			m, err := Open(file, Options{})
			if err != nil {
				t.Fatal(err)
			}
			inputs := published(t, strings.TrimSuffix(file, "model.h5")+"inputs_and_outputs.h5", "inputs")
			want := published(t, strings.TrimSuffix(file, "model.h5")+"inputs_and_outputs.h5", "predictions")
			g := golden{Rows: inputs.Shape[0]}
			in := goldenInput{Kind: "values", Shape: inputs.Shape[1:]}
			for _, v := range inputs.Data {
				in.Data = append(in.Data, float64(v))
			}
			g.Inputs = []goldenInput{in}
			got, err := g.run(m.Graph, m.Params, lstm.Options{})
			if err != nil {
				t.Fatal(err)
			}
			expected := goldenTensor{Shape: want.Shape[1:]}
			for _, v := range want.Data {
				x := float64(v)
				expected.Data = append(expected.Data, &x)
			}
			tolerance := 1e-6
			if strings.HasPrefix(name, "simple_lstm_") {
				// Sums of 50 terms of up to 2 that cancel. From exact arithmetic
				// (float64) the published numbers are up to 1.1e-6 away, relative
				// to their size where it is above 1, and any order of adding up
				// float32 about as much: gonum's 1.5e-6, the kernels' 1.4e-6.
				tolerance = 2.5e-6
			}
			if err := expected.compare(got[0], tolerance); err != nil {
				t.Error(err)
			}
		})
	}
}

// published reads the only dataset of a group.
func published(t *testing.T, file, group string) lstm.Tensor {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f, err := hdf5.Open(b)
	if err != nil {
		t.Fatal(err)
	}
	root, err := f.Root()
	if err != nil {
		t.Fatal(err)
	}
	g, err := root.Group(group)
	if err != nil || len(g.Names()) != 1 {
		t.Fatalf("%s: %v", group, err)
	}
	d, err := g.Dataset(g.Names()[0])
	if err != nil {
		t.Fatal(err)
	}
	data, err := d.Float32s()
	if err != nil {
		t.Fatal(err)
	}
	return lstm.Tensor{Shape: d.Shape(), Data: data}
}

func describe(inputs []Input) string {
	var s []string
	for _, i := range inputs {
		kind := " values"
		if i.VocabSize > 0 {
			kind = " ids < " + jsonText(i.VocabSize)
		}
		s = append(s, shapeText(i.Shape)+kind)
	}
	return strings.Join(s, ", ")
}
