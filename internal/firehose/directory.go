package firehose

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
)

// Directory is a Sink that stores objects as files. A file appears under its
// name only when it is complete and on disk. While it is written it is a
// hidden file at the top of the directory.
type Directory struct {
	root *os.Root

	mu    sync.Mutex
	known map[string]bool // folders whose names are on disk
}

const (
	partialPrefix = ".coldstream-"
	partialSuffix = ".partial"
)

// OpenDirectory makes the directory if need be and removes what an interrupted
// run left half-written in it.
func OpenDirectory(name string) (*Directory, error) {
	if err := os.MkdirAll(name, 0o755); err != nil {
		return nil, fmt.Errorf("firehose: %w", err)
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("firehose: %w", err)
	}
	d := &Directory{root: root, known: map[string]bool{".": true}}
	if err := d.removePartial(); err != nil {
		root.Close()
		return nil, fmt.Errorf("firehose: clean %s: %w", name, err)
	}
	return d, nil
}

func (d *Directory) removePartial() error {
	f, err := d.root.Open(".")
	if err != nil {
		return err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	for _, name := range names {
		if strings.HasPrefix(name, partialPrefix) && strings.HasSuffix(name, partialSuffix) {
			err = errors.Join(err, d.root.Remove(name))
		}
	}
	return err
}

// Close releases the directory. Put must not be called after it.
func (d *Directory) Close() error { return d.root.Close() }

// Put writes the file key, with slashes for folders, and replaces an older one.
// A key that would leave the directory is refused.
func (d *Directory) Put(ctx context.Context, key string, body []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := checkKey(key); err != nil {
		return fmt.Errorf("firehose: %w", err)
	}
	name := filepath.FromSlash(path.Clean(key))
	if !filepath.IsLocal(name) || strings.HasSuffix(key, "/") {
		return fmt.Errorf("firehose: object key %q is no file name", key)
	}
	if err := d.put(name, body); err != nil {
		return fmt.Errorf("firehose: store %s: %w", key, err)
	}
	return nil
}

func (d *Directory) put(name string, body []byte) (err error) {
	partial := partialPrefix + newUUID() + partialSuffix
	f, err := d.root.OpenFile(partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			d.root.Remove(partial)
		}
	}()
	if _, err = f.Write(body); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	folder := filepath.Dir(name)
	if err = d.root.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if err = d.root.Rename(partial, name); err != nil {
		return err
	}
	return d.syncFolder(folder)
}

// syncFolder puts the names in folder on disk, and the first time those of the
// folders that lead to it.
func (d *Directory) syncFolder(folder string) error {
	for {
		f, err := d.root.Open(folder)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
		d.mu.Lock()
		known := d.known[folder]
		d.known[folder] = true
		d.mu.Unlock()
		if known {
			return nil
		}
		folder = filepath.Dir(folder)
	}
}
