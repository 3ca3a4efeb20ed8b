package keras

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestContentDecides: a file is named for what it is, whatever it is called.
func TestContentDecides(t *testing.T) {
	for _, c := range []struct{ content, want string }{
		{"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "a PNG image, not a Keras model"},
		{"\xff\xd8\xff\xe0\x00\x10JFIF", "a JPEG image"},
		{"", "an empty file"},
		{"version https://git-lfs.github.com/spec/v1\noid sha256:abc\n", "run git lfs pull"},
		{"\n<!DOCTYPE html><html>", "an HTML page"},
		{"<!doctype HTML>", "an HTML page"},
		{"\x08\x01\x12\x05", "the saved_model.pb of a SavedModel folder"},
		{"\x08\x08\x12\x07pytorch", "an ONNX model, not a Keras model (.h5, .hdf5 or .keras); convert the Keras model"},
		{"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", "a PyTorch file"},
		{"\x80\x04\x8c\x05keras.", "a Python pickle, not a Keras model (.h5, .hdf5 or .keras); if it is of a Keras model"},
		{"\x02\x00\x00\x00\x00\x00\x00\x00{}", "a safetensors file"},
		{"model_checkpoint_path: \"m\"\n", "the list of a TensorFlow checkpoint"},
		{strings.Repeat("\x00", 40) + "\x57\xfb\x80\x8b\x24\x75\x47\xdb", "the index of a TensorFlow checkpoint"},
		{strings.Repeat("a", 257) + "ustar", "a tar archive"},
		{`{"class_name": "Sequential"}`, "an architecture without weights"},
		{"\x80\x04\x95", "a Python pickle"},
		{"\x28\xb5\x2f\xfd\x00", "a converted model"},
		{"just some words\n", "a text file"},
		{"\x1c\x00\x00\x00TFL3\x14\x00", "a TensorFlow Lite model"},
		{"\x89HDF", "the first bytes of an HDF5 file"},
		{"\x00\x01\x02\x03", "an unknown kind of file"},
		{"\x89HDF\r\n\x1a\n\x00\x00\x00\x00", "damaged or incomplete"},
		{"PK\x03\x04\x00", "a zip archive that is damaged or incomplete"},
	} {
		file := filepath.Join(t.TempDir(), "model.h5")
		if err := os.WriteFile(file, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(file, Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), file+": ") {
			t.Errorf("%.20q: got error %v, expected one with %q", c.content, err, c.want)
		}
		if !errors.Is(err, ErrFormat) {
			t.Errorf("%.20q: %v is no ErrFormat", c.content, err)
		}
	}
}

// TestFoldersSayWhatToDo: Keras has formats that are folders.
func TestFoldersSayWhatToDo(t *testing.T) {
	for want, names := range map[string][]string{
		"is a SavedModel folder":        {"saved_model.pb"},
		"an unpacked .keras archive":    {"config.json", "model.weights.h5"},
		"is a folder, not a Keras file": {"x"},
	} {
		dir := t.TempDir()
		for _, n := range names {
			if err := os.WriteFile(filepath.Join(dir, n), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, expected one with %q", err, want)
		}
	}
	if _, err := Open(os.DevNull, Options{}); err == nil || !strings.Contains(err.Error(), os.DevNull+" is a device or a pipe") {
		t.Errorf("a device gives %v", err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none.h5"), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file gives %v", err)
	}
}

// goldenFile returns a file of a golden case.
func goldenFile(t testing.TB, version, name string) []byte {
	t.Helper()
	archives, err := filepath.Glob("testdata/goldens/keras-" + version + "*.zip")
	if err != nil || len(archives) != 1 {
		t.Fatalf("golden archive of Keras %s: %q, %v", version, archives, err)
	}
	return archivedFile(t, archives[0], name)
}

// archivedFile returns a member of a zip archive.
func archivedFile(t testing.TB, archive, name string) []byte {
	t.Helper()
	z, err := zip.OpenReader(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	b, err := readZip(&z.Reader, name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readZip(z *zip.Reader, name string) ([]byte, error) {
	f, err := z.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var b bytes.Buffer
	_, err = b.ReadFrom(f)
	return b.Bytes(), err
}

// TestCutFilesAreRefused: at whatever place the file ends.
func TestCutFilesAreRefused(t *testing.T) {
	for _, name := range []string{"lstm_with_mask/model.h5", "lstm_with_mask/model.keras"} {
		b := goldenFile(t, "3", name)
		for n := 0; n < len(b); n += 1 + len(b)/97 {
			if _, err := Parse(b[:n:n], Options{}); err == nil {
				t.Errorf("%s: %d of %d bytes convert", name, n, len(b))
			} else if !errors.Is(err, ErrFormat) {
				t.Errorf("%s: %d of %d bytes: %v is no ErrFormat", name, n, len(b), err)
			}
		}
	}
}

// archive makes a zip of members, each a name and a content.
func archive(method uint16, members ...string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(members); i += 2 {
		f, err := w.CreateHeader(&zip.FileHeader{Name: members[i], Method: method})
		if err == nil {
			_, err = f.Write([]byte(members[i+1]))
		}
		if err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// keras returns the members of a golden .keras file.
func goldenMembers(t testing.TB, name string) (metadata, config, weights string) {
	t.Helper()
	b := goldenFile(t, "3", name)
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for _, m := range []string{metadataMember, configMember, weightsMember} {
		c, err := readZip(z, m)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, string(c))
	}
	return parts[0], parts[1], parts[2]
}

// TestArchivesMayBeDeflated: a .keras file that was packed again is the same
// model.
func TestArchivesMayBeDeflated(t *testing.T) {
	metadata, config, weights := goldenMembers(t, "lstm_with_mask/model.keras")
	want, err := Parse(goldenFile(t, "3", "lstm_with_mask/model.keras"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse(archive(zip.Deflate, metadataMember, metadata, configMember, config, weightsMember, weights, "__MACOSX/x", ""), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if jsonText(got.Graph) != jsonText(want.Graph) || jsonText(got.Params) != jsonText(want.Params) || got.Config != want.Config || got.Format != FormatArchive {
		t.Error("the packed file gives another model")
	}
	if got.SHA256 == want.SHA256 {
		t.Error("two files have one checksum")
	}
}

// TestArchivesAreReadStrictly: nothing is taken from an archive that may mean
// two things, lies about sizes, or is something else.
func TestArchivesAreReadStrictly(t *testing.T) {
	metadata, config, weights := goldenMembers(t, "lstm_with_mask/model.keras")
	whole := archive(zip.Store, metadataMember, metadata, configMember, config, weightsMember, weights)
	flip := func(at int) []byte {
		b := bytes.Clone(whole)
		b[at] ^= 1
		return b
	}
	// The sizes of the last member, in the central directory.
	bomb := archive(zip.Deflate, metadataMember, metadata, weightsMember, weights, configMember, config)
	entry := bytes.LastIndex(bomb, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(bomb[entry+24:], 60<<20)
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"doubled member":   {archive(zip.Store, metadataMember, metadata, configMember, config, configMember, config, weightsMember, weights), `the member "config.json" twice`},
		"no weights":       {archive(zip.Store, metadataMember, metadata, configMember, config), "without model.weights.h5"},
		"no config":        {archive(zip.Store, metadataMember, metadata, weightsMember, weights), "not a .keras file"},
		"in a folder":      {archive(zip.Store, "m/"+metadataMember, metadata, "m/"+configMember, config), "must not be in a folder"},
		"pytorch":          {archive(zip.Store, "m/data.pkl", "x"), "a PyTorch file"},
		"npz":              {archive(zip.Store, "w.npy", "x"), "a NumPy .npz file"},
		"no version":       {archive(zip.Store, metadataMember, "{}", configMember, config, weightsMember, weights), "keras_version"},
		"config not JSON":  {archive(zip.Store, metadataMember, metadata, configMember, "{", weightsMember, weights), "JSON ends early"},
		"weights not HDF5": {archive(zip.Store, metadataMember, metadata, configMember, config, weightsMember, "abc"), weightsMember},
		"claimed size":     {bomb, "more than the archive can hold"},
		"flipped config":   {flip(bytes.Index(whole, []byte(`"units"`))), "checksum"},
		"flipped weights":  {flip(bytes.LastIndex(whole, []byte("embeddings")) + 100), "checksum"},
	} {
		if _, err := Parse(c.b, Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, expected one with %q", name, err, c.want)
		}
	}
}

// TestWeightsNeedTheirArchitecture: weights alone say what is missing, and an
// architecture of another network is refused with the tensor at fault.
func TestWeightsNeedTheirArchitecture(t *testing.T) {
	for _, kind := range []struct{ version, file string }{{"2.15", "weights.h5"}, {"2.15", "model.weights.h5"}, {"3", "model.weights.h5"}} {
		weights := goldenFile(t, kind.version, "lstm_with_mask/"+kind.file)
		config := string(goldenFile(t, kind.version, "lstm_with_mask/architecture.json"))
		if _, err := Parse(weights, Options{}); err == nil || !strings.Contains(err.Error(), "weights without an architecture") {
			t.Errorf("%s of %s: got error %v", kind.file, kind.version, err)
		}
		m, err := Parse(weights, Options{Config: []byte(config)})
		if err != nil {
			t.Fatalf("%s of %s: %v", kind.file, kind.version, err)
		}
		if m.Format != FormatWeights || m.Config != config || !strings.HasPrefix(m.KerasVersion, kind.version[:1]) {
			t.Errorf("%s of %s: format %s, version %s", kind.file, kind.version, m.Format, m.KerasVersion)
		}
		for _, c := range []struct{ from, to, want string }{
			{`"units": 6`, `"units": 7`, "has shape [5 24], expected [5 28]"},
			{`"input_dim": 11`, `"input_dim": 12`, "has shape [11 5], expected [12 5]"},
			{`"class_name": "LSTM"`, `"class_name": "Dropout"`, `unknown option`},
			{`"units": 6, "activation": "tanh", "recurrent_activation": "sigmoid", "use_bias": true`, `"units": 6, "activation": "tanh", "recurrent_activation": "sigmoid", "use_bias": false`, "lstm"},
		} {
			other := strings.Replace(config, c.from, c.to, 1)
			if other == config {
				t.Fatalf("%q is not in the architecture", c.from)
			}
			_, err := Parse(weights, Options{Config: []byte(other)})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s of %s with %s: got error %v, expected one with %q", kind.file, kind.version, c.to, err, c.want)
			}
		}
	}
}

// TestInputsAreIDsOrValues: not both.
func TestInputsAreIDsOrValues(t *testing.T) {
	entry := func(class, options, from string) string {
		name := strings.ToLower(class)
		if from != "" {
			from = `[["` + from + `",0,0,{}]]`
		}
		return `{"class_name":"` + class + `","name":"` + name + `","config":{"name":"` + name + `",` + options + `},"inbound_nodes":[` + from + `]}`
	}
	config := `{"class_name":"Functional","keras_version":"2.15.0","config":{"name":"m","layers":[` + strings.Join([]string{
		entry("InputLayer", `"batch_input_shape":[null,7]`, ""),
		entry("Embedding", `"input_dim":11,"output_dim":5`, "inputlayer"),
		entry("LSTM", `"units":6,"recurrent_activation":"sigmoid"`, "embedding"),
		entry("Dense", `"units":3`, "lstm"),
		entry("Activation", `"activation":"tanh"`, "inputlayer"),
	}, ",") + `],"input_layers":[["inputlayer",0,0]],"output_layers":[["dense",0,0],["activation",0,0]]}}`
	_, err := Parse(goldenFile(t, "2.15", "lstm_with_mask/weights.h5"), Options{Config: []byte(config)})
	if want := `input "inputlayer": its token ids feed an Embedding`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got error %v, expected one with %q", err, want)
	}
}

// TestWholeModelsTakeNoArchitecture: two could disagree.
func TestWholeModelsTakeNoArchitecture(t *testing.T) {
	if _, err := Parse(goldenFile(t, "3", "lstm_with_mask/model.h5"), Options{Config: []byte("{}")}); err == nil {
		t.Error("an architecture was accepted with a whole model")
	}
}

// TestListingShowsTheModel: what inspect prints.
func TestListingShowsTheModel(t *testing.T) {
	m, err := Parse(goldenFile(t, "2.15", "bidirectional_concat_sequences_lstm/model.h5"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	total := 0
	for _, l := range m.Layers {
		got = append(got, l.Class+shapeText(l.Shape))
		total += l.Params
	}
	if s := strings.Join(got, " "); s != "InputLayer[7] Embedding[7 5] Bidirectional[7 10] LSTM[7 5] LSTM[7 5] GlobalMaxPooling1D[10] Dense[3]" {
		t.Errorf("layers: %s", s)
	}
	if want := 11*5 + 2*(5*20+5*20+20) + 10*3 + 3; total != want {
		t.Errorf("%d parameters, expected %d", total, want)
	}
	if m.NumClasses != 3 || len(m.Inputs) != 1 || m.Inputs[0].VocabSize != 11 || len(m.SHA256) != 64 || m.Backend != "tensorflow" {
		t.Errorf("classes %d, inputs %v, backend %q", m.NumClasses, m.Inputs, m.Backend)
	}
	if m.Layers[1].Options["mask_zero"] != "true" {
		t.Errorf("options of the Embedding: %v", m.Layers[1].Options)
	}
}
