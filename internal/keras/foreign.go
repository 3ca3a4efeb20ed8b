package keras

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// What to do with models of other kinds.
const (
	saveAsKeras  = "load it in the program that made it and save it with model.save(\"model.keras\")"
	keepTheModel = "convert the Keras model that it was made of"
)

// foreign says what a file is that is neither HDF5 nor zip, and what to do with
// it; "" if it is not known.
func foreign(b []byte) string {
	head := b[:min(len(b), 512)]
	start := strings.ToLower(string(bytes.TrimLeft(head, " \t\r\n\ufeff")))
	switch {
	case bytes.HasPrefix(b, []byte("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19")):
		return "a PyTorch file"
	case isPickle(b) && bytes.Contains(b, []byte("keras")):
		return "a Python pickle; if it is of a Keras model, " + saveAsKeras
	case strings.HasPrefix(start, "<!doctype") || strings.HasPrefix(start, "<html"):
		return "an HTML page, as a failed download leaves it; download the file itself"
	case len(b) >= 262 && string(b[257:262]) == "ustar":
		return "a tar archive; unpack it first"
	case bytes.HasPrefix(b, []byte("\x08\x01\x12")):
		return "the saved_model.pb of a SavedModel folder, which has no weights; give the folder"
	case len(b) > 3 && b[0] == 0x08 && b[1] >= 2 && b[1] < 0x20 && (b[2] == 0x12 || b[2] == 0x3a):
		return "an ONNX model; " + keepTheModel
	case len(b) > 8 && string(b[4:8]) == "TFL3":
		return "a TensorFlow Lite model; " + keepTheModel
	case len(b) > 8 && binary.LittleEndian.Uint64(b) < 100<<20 && b[8] == '{':
		return "a safetensors file; " + keepTheModel + ", or, if it is one of ours, unpacked, use the .safetensors.zst"
	case strings.HasPrefix(start, "model_checkpoint_path:"):
		return "the list of a TensorFlow checkpoint; " + fromCheckpoint
	case len(b) >= 48 && binary.LittleEndian.Uint64(b[len(b)-8:]) == 0xdb4775248b80fb57: // the end of a table
		return "the index of a TensorFlow checkpoint; " + fromCheckpoint
	}
	return ""
}

const fromCheckpoint = "in Keras, build the model, call model.load_weights(...) and then model.save(\"model.keras\")"

func isPickle(b []byte) bool {
	return len(b) > 2 && b[0] == 0x80 && b[1] >= 2 && b[1] <= 5 || bytes.HasPrefix(b, []byte("ccopy_reg\n")) || bytes.HasPrefix(b, []byte("ccopyreg\n"))
}

// checkpointName matches the data of a TensorFlow checkpoint, which has no
// signature.
var checkpointName = regexp.MustCompile(`\.data-\d{5}-of-\d{5}$`)

// byName adds to the error about a file what its name says.
func byName(path string, err error) error {
	if errors.Is(err, ErrFormat) && checkpointName.MatchString(path) {
		return notUsable("the weights of a TensorFlow checkpoint; %s", fromCheckpoint)
	}
	return err
}

// directoryError says what to do with a folder.
func directoryError(path string) error {
	has := func(pattern string) bool {
		found, err := filepath.Glob(filepath.Join(escapeGlob(path), pattern))
		return err == nil && len(found) > 0
	}
	if _, err := os.ReadDir(path); errors.Is(err, fs.ErrPermission) {
		return err
	}
	switch {
	case has("saved_model.pb") && !has("keras_metadata.pb"), has("saved_model.pbtxt"):
		return notUsable("%s is a SavedModel folder without Keras layers in it, as model.export() writes it; save the model itself with model.save(\"model.keras\")", path)
	case has("saved_model.pb"):
		return notUsable("%s is a SavedModel folder; save it as a file: python -c \"import tensorflow as tf; tf.keras.models.load_model('%s').save('model.keras')\" (TensorFlow 2.15 or older)", path, path)
	case has("config.json") && has("model.weights.h5"):
		return notUsable("%s is an unpacked .keras archive; pack metadata.json, config.json and model.weights.h5 into a zip file", path)
	case has("*.index") && has("*.data-?????-of-?????"):
		return notUsable("%s is a folder with a TensorFlow checkpoint; %s", path, fromCheckpoint)
	}
	return notUsable("%s is a folder, not a Keras file", path)
}

// escapeGlob makes a path stand for itself in a pattern.
func escapeGlob(path string) string {
	return regexp.MustCompile(`[*?[\\]`).ReplaceAllStringFunc(path, func(s string) string { return "[" + s + "]" })
}

// aboutSubclass is why a model of another class than Sequential and Functional
// is refused.
func aboutSubclass(class string) error {
	return fmt.Errorf("the model is of class %.80q; only Sequential and Functional models are supported: a subclassed model has no graph in its file; build it with keras.Sequential or keras.Model(inputs, outputs), set its weights and save it again", class)
}
