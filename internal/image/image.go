// Package image makes the producer's container image: an OCI image of a static
// program on no base image, written without a container engine.
//
// Producer makes one, Image.Save writes it into a file that `docker load`, podman,
// skopeo, crane and containerd take, Image.Push puts it into a registry. The same options and program make the same bytes, every time
// and on every machine.
package image

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"coldstream/internal/bundle"
)

// Places in the image.
const (
	program = "producer"
	spool   = "spool" // a mount: all that the program writes lies there
	user    = 65532   // of no rights, by the number that other images without a shell use
)

// epoch is the date of everything in the image, that of the function's zip.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// Options say what image to make. Arch and Version are required.
type Options struct {
	Arch       string // one of bundle.Arches
	Tag        string // name under which the image is loaded: coldstream-producer:latest
	Version    string // of this project, as a label says it
	Repository string // where the image is pushed; Tag is then one in it, "" = one that is made of the digest
}

// Image is a finished image.
type Image struct {
	image  v1.Image
	digest v1.Hash
	arch   string
	tag    name.Tag
}

// Producer makes the image of the producer. build returns the producer's
// program.
func Producer(ctx context.Context, o Options, build bundle.Builder) (*Image, error) {
	if !slices.Contains(bundle.Arches, o.Arch) {
		return nil, fmt.Errorf("image: architecture %q is not known; want %s", o.Arch, strings.Join(bundle.Arches, " or "))
	}
	tag, err := parseTag(o)
	if err != nil {
		return nil, err
	}
	// Runtime lean means no build tags; the producer has no runtime to choose.
	binary, err := build(ctx, bundle.Target{Arch: o.Arch, Runtime: "lean"})
	if err != nil {
		return nil, err
	}
	img, err := makeImage(o, binary)
	if err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	digest, err := img.Digest()
	if err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	if o.Repository != "" && o.Tag == "" {
		tag = tag.Repository.Tag("sha-" + digest.Hex[:tagDigits])
	}
	return &Image{image: img, digest: digest, arch: o.Arch, tag: tag}, nil
}

// tagDigits is how much of the digest a tag that is made of it has: as much as
// engines show.
const tagDigits = 12

// Digest is what a registry knows the image by: sha256:...
func (i *Image) Digest() string { return i.digest.String() }

// Tag is the image's full name.
func (i *Image) Tag() string { return i.tag.String() }

// Save writes the image to w, as one file.
func (i *Image) Save(w io.Writer) error {
	if err := writeArchive(w, i.image, i.arch, i.tag); err != nil {
		return fmt.Errorf("image: %w", err)
	}
	return nil
}

// makeImage puts the layers and their configuration together. The program has a
// layer of its own, so that a new version is all that a registry has to take.
func makeImage(o Options, binary []byte) (v1.Image, error) {
	certificates, err := certificates()
	if err != nil {
		return nil, err
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, part := range []struct {
		comment string
		entries []entry
	}{
		{"users, folders and CA certificates", system(certificates)},
		{"the producer", []entry{{name: program, mode: 0o755, body: binary}}},
	} {
		l, err := newLayer(part.entries)
		if err != nil {
			return nil, err
		}
		history := v1.History{Created: v1.Time{Time: epoch}, CreatedBy: "coldstream image", Comment: part.comment}
		if img, err = mutate.Append(img, mutate.Addendum{Layer: l, History: history, MediaType: types.OCILayer}); err != nil {
			return nil, err
		}
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.Architecture, config.OS, config.Created = o.Arch, "linux", v1.Time{Time: epoch}
	config.Config = v1.Config{
		User:       fmt.Sprintf("%d:%d", user, user),
		Entrypoint: []string{"/" + program},
		WorkingDir: "/" + spool,
		Volumes:    map[string]struct{}{"/" + spool: {}},
		StopSignal: "SIGTERM",
		Labels: map[string]string{
			"org.opencontainers.image.title":       "coldstream producer",
			"org.opencontainers.image.description": "Sends posts from live sources into a delivery stream, nothing lost, every post accounted for",
			"org.opencontainers.image.version":     o.Version,
			"org.opencontainers.image.licenses":    "Apache-2.0",
		},
	}
	return mutate.ConfigFile(img, config)
}
