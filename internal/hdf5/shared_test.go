package hdf5

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// TestRealKerasFilesReadLikeH5py compares everything in models made by Keras 1 to
// 3 with the digests that testdata/truth.py made with h5py:
//
//	python3 truth.py ROOT models golden import-only > shared.json
func TestRealKerasFilesReadLikeH5py(t *testing.T) {
	root := os.Getenv("COLDSTREAM_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "data")
	}
	root = filepath.Join(root, "keras")
	if _, err := os.Stat(root); err != nil {
		t.Skip("the shared Keras models are not here; set COLDSTREAM_DATA to their folder")
	}
	var truth map[string]string
	if err := json.Unmarshal(load(t, "shared.json"), &truth); err != nil {
		t.Fatal(err)
	}
	for name, want := range truth {
		t.Run(name, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
			if err != nil {
				t.Fatal(err)
			}
			f, err := Open(b)
			if err != nil {
				t.Fatal(err)
			}
			all, err := readAll(f)
			if err != nil {
				t.Fatal(err)
			}
			if sum := sha256.Sum256(canonical(t, all)); hex.EncodeToString(sum[:]) != want {
				t.Errorf("the file reads otherwise than with h5py (%d objects)", len(all))
			}
		})
	}
}
