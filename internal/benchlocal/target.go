// Package benchlocal measures functions on this machine: the zips as they would
// be uploaded, and the programs that they replace. Build makes the zips' targets
// and Staged finds the others; Run starts every target once per round behind a
// local Runtime API, checks its answers and returns what it measured. The
// figures are of processes on one machine, never of AWS.
package benchlocal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"coldstream/internal/measure"
)

// A Target is a program that is measured.
type Target struct {
	measure.Variant

	Bootstrap string   // the executable of the function
	Args      []string // its arguments
	Dir       string   // the function's folder; "" = that of Bootstrap
	Env       []string // KEY=VALUE

	Endpoint  *Endpoint  // that the function calls, nil if none
	Reference *Reference // what its answers are compared with; nil: the function scores nothing
}

// An Endpoint is a server that stays up while its function is measured.
type Endpoint struct {
	Command []string `json:"command"` // {port} in it stands for the port
	Dir     string   `json:"dir"`
	Env     []string `json:"env"`
	URLEnv  string   `json:"url_env"`  // the function finds the address in this variable
	PortEnv string   `json:"port_env"` // the server finds its port in this variable, if it has a name
}

// Rivals are the programs that bench/variants/setup.sh makes ready, in the order
// of reports.
var Rivals = []string{"tract", "onnxruntime", "tuned", "published", "ec2"}

// Staged returns the targets of these names that bench/variants/setup.sh has made
// ready in dir. What is not there, or cannot be used, is a Variant with the reason
// and the command that makes it. The references belong to models by name.
func Staged(dir string, names []string, references map[string]*Reference) ([]*Target, []measure.Variant) {
	var targets []*Target
	var skipped []measure.Variant
	for _, name := range names {
		t, err := staged(filepath.Join(dir, name, "variant.json"))
		if err == nil {
			if t.Reference = references[t.Model]; t.Reference == nil {
				err = fmt.Errorf("it scores with model %q, which this benchmark has no answers of", t.Model)
			}
		}
		reason := ""
		switch {
		case errors.Is(err, fs.ErrNotExist):
			reason = "not set up; bench/variants/setup.sh " + name + " does it"
		case err != nil:
			reason = err.Error() + "; bench/variants/setup.sh " + name + " makes it again"
		default:
			targets = append(targets, t)
			continue
		}
		skipped = append(skipped, measure.Variant{Name: name, Skipped: reason})
	}
	return targets, skipped
}

// staged reads what setup.sh says of a program.
func staged(path string) (*Target, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var v struct {
		measure.Variant
		Command []string  `json:"command"`
		Dir     string    `json:"dir"`
		Env     []string  `json:"env"`
		Server  *Endpoint `json:"server"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if v.Name == "" || len(v.Command) == 0 || v.Server != nil && (len(v.Server.Command) == 0 || v.Server.URLEnv == "") {
		return nil, fmt.Errorf("%s is not complete", path)
	}
	if _, err := os.Stat(v.Command[0]); err != nil {
		return nil, fmt.Errorf("a program that %s names is gone: %v", path, err)
	}
	return &Target{Variant: v.Variant, Bootstrap: v.Command[0], Args: v.Command[1:], Dir: v.Dir, Env: v.Env, Endpoint: v.Server}, nil
}

// block of a disk: what a file takes is counted in these, as du does.
const block = 4096

// folderSize returns what the regular files in a folder take.
func folderSize(ctx context.Context, dir string) (int64, error) {
	var size int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return errors.Join(err, ctx.Err())
		}
		info, err := d.Info()
		if err == nil {
			size += (info.Size() + block - 1) / block * block
		}
		return err
	})
	return size, err
}
