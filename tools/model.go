package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"coldstream/internal/sentiment"
	"coldstream/weights"
	"coldstream/weights/pretrained"
	"coldstream/weights/zst"
)

// modelFlag adds --model.
func modelFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "model", "", "model `FILE` made by coldstream convert (default: the built-in model)")
}

// loadModel reads a model file, or the built-in model if path is empty.
func loadModel(path string) (*weights.File, error) {
	if path == "" {
		return pretrained.Default()
	}
	if kind, err := kerasKind(path); err != nil {
		return nil, err
	} else if kind != "" {
		return nil, fmt.Errorf("%s is a Keras file (%s); convert it first: coldstream convert %s -o model.safetensors.zst", path, kind, path)
	}
	return zst.ReadFile(path)
}

// loadClassifier reads a model that labels texts.
func loadClassifier(path string) (*sentiment.Classifier, error) {
	c, _, err := loadClassifierOf(path)
	return c, err
}

// loadClassifierOf is loadClassifier that returns the number format of the
// weights too.
func loadClassifierOf(path string) (c *sentiment.Classifier, dtype string, err error) {
	f, err := loadModel(path)
	if err != nil {
		return nil, "", err
	}
	c, err = sentiment.New(f, runtime.GOMAXPROCS(0))
	return c, cmp.Or(f.DType, weights.F32), err
}

// kerasKind tells Keras files by their first bytes: "HDF5", "zip", or "" for
// everything else.
func kerasKind(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	head := make([]byte, 8)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return "", err
	}
	switch {
	case bytes.HasPrefix(head[:n], []byte("\x89HDF\r\n\x1a\n")):
		return "HDF5", nil
	case bytes.HasPrefix(head[:n], []byte("PK\x03\x04")):
		return "zip", nil
	}
	return "", nil
}
