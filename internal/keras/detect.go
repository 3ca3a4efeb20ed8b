package keras

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"coldstream/internal/hdf5"
)

const hdf5Signature = "\x89HDF\r\n\x1a\n"

// readFile finds out by its content what b is, and reads all but the weights.
func readFile(b []byte, o Options) (*file, error) {
	var f *file
	var err error
	switch {
	case bytes.HasPrefix(b, []byte("PK\x03\x04")), bytes.HasPrefix(b, []byte("PK\x05\x06")):
		f, err = readArchive(b)
	case isHDF5(b):
		f, err = readHDF5(b)
	default:
		what, advice, _ := strings.Cut(whatItIs(b), "; ")
		if advice != "" {
			advice = "; " + advice
		}
		return nil, notUsable("%s, not a Keras model (.h5, .hdf5 or .keras)%s", what, advice)
	}
	if err != nil {
		return nil, err
	}
	f.size = len(b) + len(o.Config)
	sum := sha256.Sum256(b)
	f.sha256 = hex.EncodeToString(sum[:])
	if f.config == nil {
		if len(o.Config) == 0 {
			return nil, notUsable("weights without an architecture; also give the JSON of model.to_json() (--config architecture.json), or save the whole model with model.save(\"model.keras\")")
		}
		return f, f.useConfig(o.Config)
	}
	if len(o.Config) > 0 {
		return nil, errors.New("the file has an architecture of its own, so none may be given with it")
	}
	v, err := decodeJSON(f.config)
	if err != nil {
		return nil, notUsable("the model's config: %v", err)
	}
	f.entry = asObject(v)
	return f, nil
}

// isHDF5 looks for the signature where a superblock may be: at 0, or behind a
// user block of 512 bytes or a power of two times that.
func isHDF5(b []byte) bool {
	for at := 0; at < len(b); at = max(512, 2*at) {
		if bytes.HasPrefix(b[at:], []byte(hdf5Signature)) {
			return true
		}
	}
	return false
}

// readHDF5 reads a whole model, or weights on their own.
func readHDF5(b []byte) (*file, error) {
	w, err := openWeights(b, "")
	if err != nil {
		return nil, err
	}
	f := &file{format: FormatH5, weights: w}
	config, err := text(w.root, "model_config")
	if err != nil {
		return nil, err
	}
	if kind, err := w.root.Kind("model_weights"); err == nil && kind == hdf5.KindGroup {
		f.base = "model_weights"
	}
	g := w.root
	if f.base != "" {
		if g, err = w.root.Group(f.base); err != nil {
			return nil, unreadable("", err)
		}
	}
	if _, f.legacy, err = names(g, "layer_names"); err != nil {
		return nil, err
	}
	v, err := text(w.root, "keras_version")
	if v == "" && err == nil {
		v, err = text(g, "keras_version")
	}
	if err != nil {
		return nil, err
	}
	if f.backend, err = text(w.root, "backend"); f.backend == "" && err == nil {
		f.backend, err = text(g, "backend")
	}
	if err != nil {
		return nil, err
	}
	if v != "" {
		if f.version, err = parseVersion(v); err != nil {
			return nil, err
		}
	}
	if config == "" {
		f.format = FormatWeights
		if !f.legacy && !w.hasLayers() {
			return nil, notUsable("an HDF5 file without a Keras model (no model_config, no layer_names, no layers)")
		}
		return f, nil
	}
	if !f.legacy {
		return nil, notUsable("a Keras model without its list of layers (no layer_names in model_weights)")
	}
	if v == "" { // as Keras itself decides
		f.version = version{text: "1", major: 1}
	}
	f.config = trimJSON(config)
	return f, nil
}

// hasLayers reports whether a file is one of .weights.h5.
func (w *weightFile) hasLayers() bool {
	for _, name := range []string{layersGroup, oldLayersGroup} {
		if k, err := w.root.Kind(name); err == nil && k == hdf5.KindGroup {
			return true
		}
	}
	return false
}

// useConfig takes the architecture of weights on their own from JSON.
func (f *file) useConfig(config []byte) error {
	v, err := decodeJSON(trimJSON(string(config)))
	if err != nil {
		return notUsable("the architecture: %v", err)
	}
	f.config, f.entry = config, asObject(v)
	if f.entry == nil || f.entry["class_name"] == nil {
		return notUsable("the architecture is not the JSON of model.to_json(): it has no class_name")
	}
	var said version
	if s := asString(f.entry["keras_version"]); s != "" {
		if said, err = parseVersion(s); err != nil {
			return fmt.Errorf("the architecture: %w", err)
		}
	} else if writtenByKeras3(f.entry) {
		said = version3Of(f.entry)
	}
	switch {
	case said.major == 0 && f.version.major == 0:
		return errors.New("neither the architecture nor the weights say which Keras version they are from; add \"keras_version\" to the JSON")
	case said.major == 0:
	case f.version.major == 0:
		f.version = said
	case said.major != f.version.major:
		return fmt.Errorf("the architecture is from Keras %s, but the weights are from Keras %s; write both with one version", said.text, f.version.text)
	case f.entry["keras_version"] != nil:
		f.version = said
	}
	if f.backend == "" {
		f.backend = asString(f.entry["backend"])
	}
	return nil
}

// writtenByKeras3 reports whether a config has marks of Keras 3, whose
// to_json() leaves out the version.
func writtenByKeras3(v any) bool {
	return anyObject(v, func(o object) bool {
		return o["class_name"] == "DTypePolicy" || o["class_name"] == "__keras_tensor__" || o["batch_shape"] != nil
	})
}

// version3Of tells as much about the version of a config of Keras 3 as its
// layers do: since 3.4 they name their policies by class, and since 3.13 they
// have options of quantization.
func version3Of(v any) version {
	has := func(key string) bool {
		return anyObject(v, func(o object) bool { _, ok := o[key]; return ok })
	}
	switch {
	case has("quantization_config"), has("use_gate"):
		return version{text: "3", major: 3, minor: 13}
	case anyObject(v, func(o object) bool { return o["class_name"] == "DTypePolicy" }):
		return version{text: "3", major: 3, minor: 4, orLater: true}
	}
	return version{text: "3", major: 3}
}

// anyObject reports whether an object in v, which may be v, passes the test.
func anyObject(v any, test func(object) bool) bool {
	switch v := v.(type) {
	case object:
		if test(v) {
			return true
		}
		for _, e := range v {
			if anyObject(e, test) {
				return true
			}
		}
	case []any:
		for _, e := range v {
			if anyObject(e, test) {
				return true
			}
		}
	}
	return false
}

// signatures of files that people take for Keras models.
var signatures = []struct{ magic, what string }{
	{"\x89PNG", "a PNG image"},
	{"\xff\xd8\xff", "a JPEG image"},
	{"GIF8", "a GIF image"},
	{"%PDF", "a PDF document"},
	{"\x1f\x8b", "a gzip file; unpack it first"},
	{"\x28\xb5\x2f\xfd", "a zstd file (a converted model?)"},
	{"BZh", "a bzip2 file; unpack it first"},
	{"\xfd7zXZ", "an xz file; unpack it first"},
	{"7z\xbc\xaf", "a 7z archive; unpack it first"},
	{"Rar!", "a RAR archive; unpack it first"},
	{"version https://git-lfs", "a Git LFS pointer in place of the file; run git lfs pull"},
	{"\x93NUMPY", "a NumPy array"},
	{"GGUF", "a GGUF model"},
	{"\x80\x02", "a Python pickle"},
	{"\x80\x03", "a Python pickle"},
	{"\x80\x04", "a Python pickle"},
	{"\x80\x05", "a Python pickle"},
	{"\x7fELF", "a program"},
	{"<?xml", "an XML document"},
	{"{", "JSON text (an architecture without weights?)"},
	{"[", "JSON text"},
}

// whatItIs names the kind of a file that is neither HDF5 nor zip.
func whatItIs(b []byte) string {
	if len(b) == 0 {
		return "an empty file"
	}
	if what := foreign(b); what != "" {
		return what
	}
	head := bytes.TrimLeft(b[:min(len(b), 512)], " \t\r\n\ufeff")
	for _, s := range signatures {
		if bytes.HasPrefix(head, []byte(s.magic)) {
			return s.what
		}
	}
	switch {
	case len(b) < len(hdf5Signature) && bytes.HasPrefix([]byte(hdf5Signature), b):
		return "the first bytes of an HDF5 file"
	case isText(b[:min(len(b), 512)]):
		return "a text file"
	}
	return "an unknown kind of file"
}

func isText(b []byte) bool {
	for _, c := range b {
		if c < 0x20 && c != '\t' && c != '\n' && c != '\r' {
			return false
		}
	}
	return true
}
