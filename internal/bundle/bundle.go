// Package bundle makes function.zip: the function's program and its model, as
// they are uploaded to Lambda.
//
// Zip writes one, Thin one without a model, ZipProgram one of any program, and
// Unzip unpacks them. The Builder says where the program comes from: FromSource
// builds it with the local Go; a released coldstream carries built programs and
// gives a Builder that returns those. The same target, model and program make
// the same bytes, every time and on every machine.
package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"coldstream/internal/function"
	"coldstream/internal/sentiment"
	"coldstream/weights"
)

// Target says what a function.zip is for.
type Target struct {
	Arch    string // "arm64" or "amd64"; Lambda calls the second x86_64
	Runtime string // "aws": on aws-lambda-go; "lean": on internal/lean
}

// Names that a Target may have.
var (
	Arches   = []string{"arm64", "amd64"}
	Runtimes = []string{"aws", "lean"}
)

// String returns a name for messages and files: "arm64-lean".
func (t Target) String() string { return t.Arch + "-" + t.Runtime }

func (t Target) check() error {
	if !slices.Contains(Arches, t.Arch) {
		return fmt.Errorf("bundle: architecture %q is not known; want %s", t.Arch, strings.Join(Arches, " or "))
	}
	if !slices.Contains(Runtimes, t.Runtime) {
		return fmt.Errorf("bundle: runtime %q is not known; want %s", t.Runtime, strings.Join(Runtimes, " or "))
	}
	return nil
}

// Builder returns the function's program for a target: a static Linux
// executable whose bytes depend on the target alone.
type Builder func(ctx context.Context, t Target) ([]byte, error)

// bootstrap is the name under which Lambda starts the program.
const bootstrap = "bootstrap"

// Zip writes function.zip for t with the model in f, which must be one that the
// function can serve.
func Zip(ctx context.Context, w io.Writer, t Target, f *weights.File, build Builder) error {
	if err := t.check(); err != nil {
		return err
	}
	model, err := unpacked(f)
	if err != nil {
		return err
	}
	program, err := build(ctx, t)
	if err != nil {
		return err
	}
	return writeZip(w, []entry{
		{name: bootstrap, mode: 0o755, body: program},
		{name: function.ModelFile, mode: 0o644, body: model},
	})
}

// Thin writes function.zip for t without a model, for a function that has posts
// scored by an endpoint. Its runtime must be aws: lean has no HTTP client.
func Thin(ctx context.Context, w io.Writer, t Target, build Builder) error {
	if err := t.check(); err != nil {
		return err
	}
	if t.Runtime != "aws" {
		return fmt.Errorf("bundle: runtime %s cannot reach an endpoint, so its zip needs a model; choose runtime aws", t.Runtime)
	}
	return ZipProgram(ctx, w, t, build)
}

// ZipProgram writes the zip of a function for t that has no model beside it.
func ZipProgram(ctx context.Context, w io.Writer, t Target, build Builder) error {
	if err := t.check(); err != nil {
		return err
	}
	program, err := build(ctx, t)
	if err != nil {
		return err
	}
	return writeZip(w, []entry{{name: bootstrap, mode: 0o755, body: program}})
}

// unpacked returns f in the form that the function maps.
func unpacked(f *weights.File) ([]byte, error) {
	if f == nil {
		return nil, errors.New("bundle: no model given")
	}
	if _, err := sentiment.New(f, 1); err != nil {
		return nil, fmt.Errorf("bundle: the function could not serve this model: %w", err)
	}
	own := *f
	if err := sentiment.Pack(&own); err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	b, err := own.AppendUnpacked(nil)
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	return b, nil
}
