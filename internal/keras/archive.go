package keras

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
)

// Members of a .keras archive.
const (
	metadataMember = "metadata.json"
	configMember   = "config.json"
	weightsMember  = "model.weights.h5"
)

// Bounds on archives. Deflate shrinks by at most a factor of 1032, so a member
// that claims more is refused before room is made for it.
const (
	maxMembers    = 100000
	maxMetadata   = 1 << 20
	maxAsset      = 256 << 20
	maxExpansion  = 1032
	expansionRest = 1 << 10
)

// readArchive reads a .keras file.
func readArchive(b []byte) (*file, error) {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, notUsable("a zip archive that is damaged or incomplete (%v)", err)
	}
	if len(z.File) > maxMembers {
		return nil, notUsable("a zip archive of %d members, which no .keras file has", len(z.File))
	}
	members := map[string]*zip.File{}
	for _, m := range z.File {
		if members[m.Name] != nil {
			return nil, notUsable("a zip archive with the member %q twice", m.Name)
		}
		members[m.Name] = m
	}
	if members[configMember] == nil || members[metadataMember] == nil {
		return nil, notUsable("%s", otherArchive(members))
	}
	if members[weightsMember] == nil {
		return nil, notUsable("a .keras archive without %s; save the model again with Keras 2.12 or newer", weightsMember)
	}
	metadata, err := readMember(b, members[metadataMember], maxMetadata)
	if err != nil {
		return nil, err
	}
	v, err := decodeJSON(metadata)
	if err != nil {
		return nil, notUsable("%s: %v", metadataMember, err)
	}
	f := &file{format: FormatArchive}
	if f.version, err = parseVersion(asString(asObject(v)["keras_version"])); err != nil {
		return nil, fmt.Errorf("%s: %w", metadataMember, err)
	}
	if f.config, err = readMember(b, members[configMember], maxConfigBytes); err != nil {
		return nil, err
	}
	weights, err := readMember(b, members[weightsMember], 1<<40)
	if err != nil {
		return nil, err
	}
	f.asset = func(name string) ([]byte, error) {
		if members[name] == nil {
			return nil, fmt.Errorf("the file has no %s; save the model again with Keras 2.13 or newer", name)
		}
		return readMember(b, members[name], maxAsset)
	}
	f.weights, err = openWeights(weights, weightsMember)
	return f, err
}

// otherArchive says what a zip archive is that is no .keras file.
func otherArchive(members map[string]*zip.File) string {
	for name := range members {
		switch {
		case strings.HasSuffix(name, "/data.pkl"):
			return "a PyTorch file, not a Keras model"
		case strings.HasSuffix(name, ".npy"):
			return "a NumPy .npz file, not a Keras model"
		case strings.HasSuffix(name, "saved_model.pb"):
			return "a zipped SavedModel folder; unpack it, load it in TensorFlow 2.15 or older and save it as .keras"
		case strings.HasSuffix(name, "/"+configMember):
			return "a zip archive with a .keras model in a folder; the members must not be in a folder"
		}
	}
	return "a zip archive without " + configMember + " and " + metadataMember + ", not a .keras file"
}

// readMember returns the content of a member of at most limit bytes: a part of
// b itself if the member is stored, as Keras does it.
func readMember(b []byte, m *zip.File, limit uint64) ([]byte, error) {
	n := m.UncompressedSize64
	switch {
	case m.Flags&1 != 0:
		return nil, notUsable("the member %s is encrypted", m.Name)
	case m.Method != zip.Store && m.Method != zip.Deflate:
		return nil, notUsable("the member %s is compressed with method %d; only stored and deflated ones are read", m.Name, m.Method)
	case n > limit:
		return nil, notUsable("the member %s says it has %d bytes; at most %d are read", m.Name, n, limit)
	case m.CompressedSize64 > uint64(len(b)), n > maxExpansion*m.CompressedSize64+expansionRest:
		return nil, notUsable("the member %s says it has %d bytes, more than the archive can hold", m.Name, n)
	}
	if m.Method == zip.Store {
		start, err := m.DataOffset()
		if err != nil {
			return nil, notUsable("the member %s is damaged (%v)", m.Name, err)
		}
		if n != m.CompressedSize64 || start < 0 || uint64(start) > uint64(len(b)) || n > uint64(len(b))-uint64(start) {
			return nil, notUsable("the member %s is cut short", m.Name)
		}
		data := b[start:][:n:n]
		if crc32.ChecksumIEEE(data) != m.CRC32 {
			return nil, notUsable("the member %s is damaged (checksum)", m.Name)
		}
		return data, nil
	}
	r, err := m.Open()
	if err != nil {
		return nil, notUsable("the member %s is damaged (%v)", m.Name, err)
	}
	defer r.Close()
	data := make([]byte, n)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, notUsable("the member %s is damaged (%v)", m.Name, err)
	}
	// Reading to the end compares the checksum.
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		return nil, notUsable("the member %s is damaged (%v)", m.Name, err)
	}
	return data, nil
}
