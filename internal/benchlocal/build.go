package benchlocal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"coldstream/internal/bundle"
	"coldstream/internal/measure"
	"coldstream/internal/sentiment"
	"coldstream/weights"
	"coldstream/weights/pretrained"
	"coldstream/weights/zst"
)

// Zips are the targets that Build makes, in the order of reports.
var Zips = []string{"bare", "bare-lean", "zip", "lean", "zip-origin", "lean-origin", "serve"}

// originFile is a model of the size that the published system has.
const originFile = "models/origin.safetensors.zst"

// zipped says how a target of Build is made.
type zipped struct {
	title, kind, runtime string
	pkg                  string // of a function without a model
	model                string // default or origin
}

var zips = map[string]zipped{
	"bare":        {title: "Go on aws-lambda-go, no model", kind: "floor", runtime: "aws", pkg: "./bench/variants/zip/bare"},
	"bare-lean":   {title: "Go on the lean runtime, no model", kind: "floor", runtime: "lean", pkg: "./bench/variants/zip/barelean"},
	"zip":         {title: "coldstream, zip on aws-lambda-go", kind: "zip", runtime: "aws", model: "default"},
	"lean":        {title: "coldstream, zip on the lean runtime", kind: "zip", runtime: "lean", model: "default"},
	"zip-origin":  {title: "coldstream, zip, the published network", kind: "zip", runtime: "aws", model: "origin"},
	"lean-origin": {title: "coldstream, lean zip, the published network", kind: "zip", runtime: "lean", model: "origin"},
	"serve":       {title: "thin Go function calling coldstream serve", kind: "ec2", runtime: "aws", model: "default"},
}

// A Builder makes targets from the source in Root, in folders under Dir.
type Builder struct {
	Root, Dir string
	models    map[string]*weights.File
}

// Model returns the model of a name, default or origin.
func (b *Builder) Model(name string) (*weights.File, error) {
	if f := b.models[name]; f != nil {
		return f, nil
	}
	var f *weights.File
	var err error
	if name == "origin" {
		f, err = zst.ReadFile(filepath.Join(b.Root, originFile))
	} else {
		f, err = pretrained.Default()
	}
	if err != nil {
		return nil, err
	}
	if b.models == nil {
		b.models = map[string]*weights.File{}
	}
	b.models[name] = f
	return f, nil
}

// References returns what knows the right answers, by name of the model.
func (b *Builder) References() (map[string]*Reference, error) {
	refs := map[string]*Reference{}
	for _, name := range []string{"default", "origin"} {
		f, err := b.Model(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		c, err := sentiment.New(f, runtime.GOMAXPROCS(0))
		if err != nil {
			return nil, err
		}
		refs[name] = NewReference(c)
	}
	return refs, nil
}

// Build makes the zip that would be uploaded and unpacks it.
func (b *Builder) Build(ctx context.Context, name string, refs map[string]*Reference) (*Target, error) {
	z, ok := zips[name]
	if !ok {
		return nil, fmt.Errorf("benchlocal: no target %q", name)
	}
	t := &Target{Variant: measure.Variant{Name: name, Title: z.title, Kind: z.kind, Model: z.model, Arch: runtime.GOARCH, UploadNote: "zip"}, Reference: refs[z.model]}
	target := bundle.Target{Arch: runtime.GOARCH, Runtime: z.runtime}
	var archive bytes.Buffer
	var err error
	switch {
	case z.pkg != "":
		err = bundle.ZipProgram(ctx, &archive, target, bundle.FromPackage(b.Root, z.pkg))
	case z.kind == "ec2":
		if t.Endpoint, err = b.endpoint(ctx); err == nil {
			err = bundle.ZipProgram(ctx, &archive, target, bundle.FromSource(b.Root))
		}
	default:
		var f *weights.File
		if f, err = b.Model(z.model); err == nil {
			err = bundle.Zip(ctx, &archive, target, f, bundle.FromSource(b.Root))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	dir := filepath.Join(b.Dir, name)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	if err := bundle.Unzip(archive.Bytes(), dir); err != nil {
		return nil, err
	}
	t.Bootstrap, t.UploadBytes = filepath.Join(dir, "bootstrap"), int64(archive.Len())
	t.DiskBytes, err = folderSize(ctx, dir)
	return t, err
}

// endpoint builds the server that the thin function calls.
func (b *Builder) endpoint(ctx context.Context) (*Endpoint, error) {
	program := filepath.Join(b.Dir, "coldstream")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "./tools")
	cmd.Dir = b.Root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build coldstream serve: %w: %.200s", err, bytes.TrimSpace(out))
	}
	return &Endpoint{
		Command: []string{program, "serve", "--addr", "127.0.0.1:" + portMark, "--quiet"},
		URLEnv:  "ENDPOINT_URL",
	}, nil
}
