package image

import (
	"encoding/json"
	"io"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// loadEntry is an image in manifest.json, by which engines before OCI find
// their way.
type loadEntry struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// writeArchive writes img as an OCI layout in a tar which has the manifest.json
// of `docker save` beside it, as Docker itself writes them since version 25:
// both ways lead to the same blobs.
func writeArchive(w io.Writer, img v1.Image, arch string, tag name.Tag) error {
	descriptor, err := partial.Descriptor(img)
	if err != nil {
		return err
	}
	descriptor.ArtifactType = "" // an image is none
	// containerd takes the name from the first, others the tag from the second.
	full := strings.Replace(tag.Name(), name.DefaultRegistry+"/", "docker.io/", 1)
	descriptor.Annotations = map[string]string{"io.containerd.image.name": full, "org.opencontainers.image.ref.name": tag.TagStr()}
	descriptor.Platform = &v1.Platform{Architecture: arch, OS: "linux"}
	index, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{*descriptor}})
	if err != nil {
		return err
	}
	blobs, load, err := readBlobs(img, descriptor.Digest)
	if err != nil {
		return err
	}
	load.RepoTags = []string{strings.TrimPrefix(strings.TrimPrefix(full, "docker.io/"), "library/")}
	manifest, err := json.Marshal([]loadEntry{load})
	if err != nil {
		return err
	}
	t := newTar(w)
	t.add(entry{name: "oci-layout", mode: 0o644, body: []byte(`{"imageLayoutVersion":"1.0.0"}`)})
	t.add(entry{name: "index.json", mode: 0o644, body: index})
	t.add(entry{name: "manifest.json", mode: 0o644, body: manifest})
	t.add(entry{name: "blobs/", mode: 0o755})
	t.add(entry{name: "blobs/sha256/", mode: 0o755})
	for _, b := range blobs {
		t.add(b)
	}
	return t.close()
}

// readBlobs returns the manifest, the configuration and the layers of img as
// files of the layout, and where manifest.json finds them.
func readBlobs(img v1.Image, digest v1.Hash) (blobs []entry, load loadEntry, err error) {
	add := func(digest v1.Hash, body []byte) string {
		path := "blobs/" + digest.Algorithm + "/" + digest.Hex
		blobs = append(blobs, entry{name: path, mode: 0o644, body: body})
		return path
	}
	manifest, err := img.RawManifest()
	if err != nil {
		return nil, load, err
	}
	add(digest, manifest)
	config, err := img.RawConfigFile()
	if err != nil {
		return nil, load, err
	}
	name, err := img.ConfigName()
	if err != nil {
		return nil, load, err
	}
	load.Config = add(name, config)
	layers, err := img.Layers()
	if err != nil {
		return nil, load, err
	}
	for _, l := range layers {
		digest, err := l.Digest()
		if err != nil {
			return nil, load, err
		}
		packed, err := l.Compressed()
		if err != nil {
			return nil, load, err
		}
		body, err := io.ReadAll(packed)
		if err != nil {
			return nil, load, err
		}
		load.Layers = append(load.Layers, add(digest, body))
	}
	return blobs, load, nil
}
