package function

import (
	"fmt"
	"path/filepath"

	"coldstream/internal/sentiment"
	"coldstream/weights"
)

// ModelFile is the name of the model, in its unpacked form, beside the
// function's program.
const ModelFile = "model.safetensors"

// Load maps the model that lies in dir and returns a Classifier that works on
// up to threads processors. The mapping stays for the life of the process.
func Load(dir string, threads int) (*sentiment.Classifier, error) {
	path := filepath.Join(dir, ModelFile)
	f, err := weights.Open(path)
	if err != nil {
		return nil, fmt.Errorf("function: %w; coldstream package puts a model beside the program", err)
	}
	c, err := sentiment.Mapped(f, threads)
	if err != nil {
		return nil, fmt.Errorf("function: %s: %w", path, err)
	}
	return c, nil
}
