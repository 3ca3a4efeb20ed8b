package keras

import (
	"archive/zip"
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"coldstream/lstm"
)

// bounded runs f, which reads n bytes that anyone may have written, and fails
// when it takes more memory than files of that size have any use for.
func bounded(t *testing.T, n int, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	if limit := uint64(64<<20 + 4096*n); after.TotalAlloc-before.TotalAlloc > limit {
		t.Errorf("%d bytes allocated for %d bytes of input, at most %d allowed", after.TotalAlloc-before.TotalAlloc, n, limit)
	}
}

// bomb is a .keras file whose members are deflated runs of one byte, as far as
// deflate goes.
func bomb(t *testing.T, layers string, asset string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	add := func(name, content string) {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	config := fmt.Sprintf(`{"class_name":"Sequential","config":{"name":"m","layers":[%s]}}`, layers)
	_, _, weights := goldenMembers(t, "lstm_with_mask/model.keras")
	add(metadataMember, `{"keras_version":"3.15.1"}`)
	add(configMember, config)
	add(weightsMember, weights)
	add("assets/layers/text_vectorization/vocabulary.txt", asset)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// textArchive is a model of texts that Keras saved.
func textArchive(t testing.TB) []byte {
	t.Helper()
	return archivedFile(t, "../convert/testdata/texts/keras-3.15.1.zip", "adapted/model.keras")
}

// TestHostileFilesEndSoon: small files that ask for much end, soon and within 64
// MB, whether they are read, inspected or run.
func TestHostileFilesEndSoon(t *testing.T) {
	weights := goldenFile(t, "2.15", "lstm_with_mask/weights.h5")
	vectorization := `{"class_name":"InputLayer","config":{"name":"i","batch_shape":[null,1],"dtype":"string"}},` +
		`{"class_name":"TextVectorization","config":{"name":"t","standardize":null,"split":"whitespace","ngrams":null,"output_mode":"int","output_sequence_length":%s,"vocabulary":null}}`
	sequential := func(layers string) []byte {
		return []byte(`{"class_name":"Sequential","keras_version":"2.15.0","config":{"layers":[` + layers + `]}}`)
	}
	input := `{"class_name":"InputLayer","config":{"name":"i","batch_input_shape":[null,9,2]}},`
	for name, c := range map[string]struct{ file, config []byte }{
		"models in models":                 {weights, []byte(doubled(28))},
		"a vocabulary of one endless word": {bomb(t, fmt.Sprintf(vectorization, "5"), "\n[UNK]\n"+strings.Repeat("a", 8<<20)), nil},
		"a vocabulary of empty lines":      {bomb(t, fmt.Sprintf(vectorization, "5"), "\n[UNK]"+strings.Repeat("\n", 4<<20)), nil},
		"a vocabulary of short words":      {bomb(t, fmt.Sprintf(vectorization, "5"), "\n[UNK]\n"+strings.Repeat("a\n", 1<<20)), nil},
		"a text of 2^31 words":             {bomb(t, fmt.Sprintf(vectorization, "2147483647"), "\n[UNK]\na"), nil},
		"a row of 2^31 numbers":            {weights, sequential(`{"class_name":"InputLayer","config":{"name":"i","batch_input_shape":[null,2147483647]}},{"class_name":"Activation","config":{"name":"a","activation":"relu"}}`)},
		"many layers":                      {weights, sequential(strings.TrimSuffix(strings.Repeat(`{"class_name":"Dropout","config":{"name":"d"}},`, 20), ","))},
		"a step repeated for ever":         {weights, sequential(input + `{"class_name":"UpSampling1D","config":{"name":"u","size":100000000}}`)},
		"padding for ever":                 {weights, sequential(input + `{"class_name":"ZeroPadding1D","config":{"name":"z","padding":[0,2000000000]}}`)},
		"a vector repeated for ever":       {weights, sequential(`{"class_name":"RepeatVector","config":{"name":"r","n":2000000000,"batch_input_shape":[null,5]}}`)},
		"repetitions in steps":             {weights, sequential(input + `{"class_name":"TimeDistributed","config":{"name":"t","layer":{"class_name":"RepeatVector","config":{"name":"r","n":100000000}}}}`)},
		"lists in lists":                   {weights, []byte(strings.Repeat(`{"config":`, 190) + "1" + strings.Repeat("}", 190))},
		"an HDF5 signature and nothing":    {[]byte(hdf5Signature + strings.Repeat("\x00", 1000)), nil},
	} {
		t.Run(name, func(t *testing.T) {
			// The bomb's own bytes and the weights it carries are not the hostile part.
			start := time.Now()
			bounded(t, len(c.config)+len(c.file)/4, func() {
				o := Options{Config: c.config}
				if m, err := Parse(c.file, o); err == nil {
					_, _ = lstm.New(m.Graph, m.Params, lstm.Options{})
				}
				_, _ = inspect(c.file, o)
			})
			t.Logf("took %v", time.Since(start)) // below 0.2 s on 2 idle cores
		})
	}
}

// TestInspectAcceptsWhatConvertDoes: how much a model may make of a row depends
// on the size of its file, architecture included, in both.
func TestInspectAcceptsWhatConvertDoes(t *testing.T) {
	weights := goldenFile(t, "2.15", "lstm_with_mask/weights.h5")
	const last = `{"input_shape": [null, 6]}}]}`
	config := string(goldenFile(t, "2.15", "lstm_with_mask/architecture.json"))
	if strings.Count(config, last) != 1 {
		t.Fatal("the architecture has another end")
	}
	// 3 numbers, 250,000 times.
	config = strings.Replace(config, last, strings.TrimSuffix(last, "]}")+`,{"class_name":"RepeatVector","config":{"name":"r","n":250000}}]}`, 1)
	for _, c := range []struct {
		name, config string
		accepted     bool
	}{
		{"small file", config, false},
		{"large file", config + strings.Repeat(" ", 1<<20), true},
	} {
		o := Options{Config: []byte(c.config)}
		_, err := Parse(weights, o)
		r, inspectErr := inspect(weights, o)
		if inspectErr != nil {
			t.Fatal(inspectErr)
		}
		if converts, inspects := err == nil, r.Model != nil; converts != c.accepted || inspects != c.accepted {
			t.Errorf("%s: converts %t (%v), inspect says %t (%v); expected %t", c.name, converts, err, inspects, r.Refusals, c.accepted)
		}
	}
}
