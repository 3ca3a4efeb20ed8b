package image

import (
	"archive/tar"
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	roots "golang.org/x/crypto/x509roots/fallback/bundle"
)

// entry is one file or folder of a layer.
type entry struct {
	name  string // without a slash in front; a folder's has one behind
	mode  int64
	owner int // user and group
	body  []byte
}

// system is what a program expects around it, and no more: there is no shell
// and no library. Of the root file system, which may be mounted read-only, the
// user may write to the spool and to /tmp, if something is mounted there.
func system(certificates []byte) []entry {
	return []entry{
		{name: "etc/", mode: 0o755},
		{name: "etc/group", mode: 0o644, body: fmt.Appendf(nil, "root:x:0:\nnonroot:x:%d:\n", user)},
		{name: "etc/passwd", mode: 0o644, body: fmt.Appendf(nil, "root:x:0:0:root:/:/sbin/nologin\nnonroot:x:%d:%d:nonroot:/%s:/sbin/nologin\n", user, user, spool)},
		{name: "etc/ssl/", mode: 0o755},
		{name: "etc/ssl/certs/", mode: 0o755},
		{name: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, body: certificates},
		{name: spool + "/", mode: 0o755, owner: user},
		{name: "tmp/", mode: 0o1777},
	}
}

// certificates returns Mozilla's roots for TLS servers as PEM. Roots that are
// trusted with reservations (for certificates up to a date) are left out,
// because a file cannot express the reservation.
func certificates() ([]byte, error) {
	var b bytes.Buffer
	for root := range roots.Roots() {
		if root.Constraint != nil {
			continue
		}
		if err := pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			return nil, err
		}
	}
	if b.Len() == 0 {
		return nil, errors.New("no CA certificates in golang.org/x/crypto/x509roots")
	}
	return b.Bytes(), nil
}

// layer is a v1.Layer in memory.
type layer struct {
	plain, packed  []byte // the tar, and its gzip
	diffID, digest v1.Hash
}

// newLayer packs entries, in order. The compressor is a pinned module, so that
// another Go version gives the same bytes.
func newLayer(entries []entry) (*layer, error) {
	var plain, packed bytes.Buffer
	t := newTar(&plain)
	for _, e := range entries {
		t.add(e)
	}
	if err := t.close(); err != nil {
		return nil, err
	}
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(plain.Bytes()); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	l := &layer{plain: plain.Bytes(), packed: packed.Bytes()}
	if l.diffID, _, err = v1.SHA256(bytes.NewReader(l.plain)); err != nil {
		return nil, err
	}
	if l.digest, _, err = v1.SHA256(bytes.NewReader(l.packed)); err != nil {
		return nil, err
	}
	return l, nil
}

// The methods of v1.Layer.

func (l *layer) Digest() (v1.Hash, error)             { return l.digest, nil }
func (l *layer) DiffID() (v1.Hash, error)             { return l.diffID, nil }
func (l *layer) Size() (int64, error)                 { return int64(len(l.packed)), nil }
func (l *layer) MediaType() (types.MediaType, error)  { return types.OCILayer, nil }
func (l *layer) Compressed() (io.ReadCloser, error)   { return reader(l.packed), nil }
func (l *layer) Uncompressed() (io.ReadCloser, error) { return reader(l.plain), nil }

func reader(b []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(b)) }

// tarWriter writes entries whose headers depend on nothing but them. It keeps
// the first error.
type tarWriter struct {
	w   *tar.Writer
	err error
}

func newTar(w io.Writer) *tarWriter { return &tarWriter{w: tar.NewWriter(w)} }

func (t *tarWriter) add(e entry) {
	if t.err != nil {
		return
	}
	h := &tar.Header{
		Typeflag: tar.TypeReg, Name: e.name, Mode: e.mode, Uid: e.owner, Gid: e.owner,
		Size: int64(len(e.body)), ModTime: epoch, Format: tar.FormatUSTAR,
	}
	if e.name[len(e.name)-1] == '/' {
		h.Typeflag = tar.TypeDir
	}
	if t.err = t.w.WriteHeader(h); t.err == nil {
		_, t.err = t.w.Write(e.body)
	}
}

func (t *tarWriter) close() error {
	return errors.Join(t.err, t.w.Close())
}
