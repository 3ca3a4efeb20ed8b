package bundle

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/flate"
)

// entry is one file of the zip.
type entry struct {
	name string
	mode fs.FileMode
	body []byte
}

// epoch is the date of every file, 1 January 1980, the first that a zip can
// express: years since 1980, month and day in 7, 4 and 5 bits.
const epoch = 0<<9 | 1<<5 | 1

// writeZip writes the entries in order, each deflated, or stored where that is
// shorter. Sizes stand in front of the data, so that a reader needs no second
// look, and nothing depends on the clock or the machine.
func writeZip(w io.Writer, entries []entry) error {
	z := zip.NewWriter(w)
	for _, e := range entries {
		packed, err := deflate(e.body)
		if err != nil {
			return fmt.Errorf("bundle: compress %s: %w", e.name, err)
		}
		h := &zip.FileHeader{
			Name:               e.name,
			Method:             zip.Deflate,
			CRC32:              crc32.ChecksumIEEE(e.body),
			UncompressedSize64: uint64(len(e.body)),
		}
		if len(packed) >= len(e.body) {
			h.Method, packed = zip.Store, e.body
		}
		h.CompressedSize64 = uint64(len(packed))
		h.ModifiedDate = epoch //lint:ignore SA1019 CreateRaw reads this field, not Modified
		h.SetMode(e.mode)
		out, err := z.CreateRaw(h)
		if err == nil {
			_, err = out.Write(packed)
		}
		if err != nil {
			return fmt.Errorf("bundle: write %s: %w", e.name, err)
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	return nil
}

// deflate compresses b as far as it goes. The compressor is a pinned module of
// ours, so that another Go version gives the same bytes.
func deflate(b []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Unzip writes the files of a function.zip into the folder dir, as Lambda does
// before it starts a function. The files keep their modes.
func Unzip(archive []byte, dir string) error {
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	for _, f := range z.File {
		if !filepath.IsLocal(f.Name) || filepath.Base(f.Name) != f.Name || !f.Mode().IsRegular() {
			return fmt.Errorf("bundle: the zip holds %q, which is no plain file of a function", f.Name)
		}
		if err := unzipFile(f, filepath.Join(dir, f.Name)); err != nil {
			return fmt.Errorf("bundle: unpack %s: %w", f.Name, err)
		}
	}
	return nil
}

func unzipFile(f *zip.File, path string) error {
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in) // checks the sum at the end
	return errors.Join(err, out.Close())
}
