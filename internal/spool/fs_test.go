package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
)

// memFS is a file layer in memory that knows what would survive a power cut.
type memFS struct {
	mu      sync.Mutex
	files   map[string]*memFile
	durable map[string]*memFile // names as of the last sync of their directory
	names   []func(map[string]*memFile)
	locked  map[string]bool
}

type memFile struct {
	fs      *memFS
	data    []byte
	synced  []byte
	changes []change // since the last sync
}

// change is a write, or a truncation if data is nil.
type change struct {
	off  int64
	data []byte
}

func (c change) apply(b []byte) []byte {
	if c.data == nil {
		b = b[:min(c.off, int64(len(b)))]
	}
	if n := c.off + int64(len(c.data)); n > int64(len(b)) {
		b = append(b, make([]byte, n-int64(len(b)))...)
	}
	copy(b[c.off:], c.data)
	return b
}

func newMemFS() *memFS {
	return &memFS{files: map[string]*memFile{}, durable: map[string]*memFile{}, locked: map[string]bool{}}
}

// kill returns what is there after the end of the process: everything.
func (m *memFS) kill() *memFS {
	m.mu.Lock()
	defer m.mu.Unlock()
	after := newMemFS()
	for name, f := range m.files {
		after.add(name, f.data)
	}
	return after
}

func (m *memFS) add(name string, data []byte) {
	f := &memFile{fs: m, data: bytes.Clone(data), synced: bytes.Clone(data)}
	m.files[name], m.durable[name] = f, f
}

// sector is what a disk writes as one. That of memFS is small, so that small
// records can be torn.
const sector = 32

// cut returns what is there after a power cut: of what was not synced, any
// sectors and any changes of names.
func (m *memFS) cut(rnd *rand.Rand) *memFS {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := maps.Clone(m.durable)
	for _, change := range m.names {
		if rnd.IntN(2) == 0 {
			change(names)
		}
	}
	after := newMemFS()
	for name, f := range names {
		data := bytes.Clone(f.synced)
		for _, c := range f.changes {
			if c.data == nil {
				if rnd.IntN(2) == 0 {
					data = c.apply(data)
				}
				continue
			}
			how := rnd.IntN(3) // all, nothing, some sectors
			for off := c.off; off < c.off+int64(len(c.data)); {
				end := min(off/sector*sector+sector, c.off+int64(len(c.data)))
				if how == 0 || how == 2 && rnd.IntN(2) == 0 {
					data = change{off, c.data[off-c.off : end-c.off]}.apply(data)
				}
				off = end
			}
		}
		after.add(name, data)
	}
	return after
}

func (m *memFS) rename(change func(map[string]*memFile)) {
	change(m.files)
	m.names = append(m.names, change)
}

func (m *memFS) MkdirAll(string) error { return nil }

func (m *memFS) ReadDir(dir string) (names []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name := range m.files {
		if filepath.Dir(name) == filepath.Clean(dir) {
			names = append(names, filepath.Base(name))
		}
	}
	return names, nil
}

func (m *memFS) Create(path string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.files[path]
	if f == nil {
		f = &memFile{fs: m}
		m.rename(func(names map[string]*memFile) { names[path] = f })
	}
	f.change(change{})
	return f, nil
}

func (m *memFS) Open(path string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f := m.files[path]; f != nil {
		return f, nil
	}
	return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
}

func (m *memFS) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.files[from]
	if f == nil {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	m.rename(func(names map[string]*memFile) {
		delete(names, from)
		names[to] = f
	})
	return nil
}

func (m *memFS) Remove(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.files[path] == nil {
		return &fs.PathError{Op: "remove", Path: path, Err: fs.ErrNotExist}
	}
	m.rename(func(names map[string]*memFile) { delete(names, path) })
	return nil
}

func (m *memFS) SyncDir(string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.durable, m.names = maps.Clone(m.files), nil
	return nil
}

func (m *memFS) Lock(path string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locked[path] {
		return nil, ErrLocked
	}
	m.locked[path] = true
	return closer(func() error {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.locked, path)
		return nil
	}), nil
}

type closer func() error

func (c closer) Close() error { return c() }

func (f *memFile) change(c change) {
	f.data = c.apply(f.data)
	f.changes = append(f.changes, c)
}

func (f *memFile) ReadAt(b []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return bytes.NewReader(f.data).ReadAt(b, off)
}

func (f *memFile) WriteAt(b []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.change(change{off, append([]byte{}, b...)})
	return len(b), nil
}

func (f *memFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return int64(len(f.data)), nil
}

func (f *memFile) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.change(change{off: size})
	return nil
}

func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	for _, c := range f.changes {
		f.synced = c.apply(f.synced)
	}
	f.changes = nil
	return nil
}

func (f *memFile) Close() error { return nil }

var errInjected = errors.New("injected fault")

// faultFS fails operations of the FS under it.
type faultFS struct {
	FS
	mu   sync.Mutex
	ops  []string                            // that were called
	fail func(n int, op string) (bool, bool) // of the n-th operation, from 0: whether it fails, and whether it does its work all the same
}

// op counts an operation that does its work by do.
func (f *faultFS) op(op, path string, do func() error) error {
	f.mu.Lock()
	n := len(f.ops)
	f.ops = append(f.ops, op)
	fails, does := false, true
	if f.fail != nil {
		if fails, does = f.fail(n, op); !fails {
			does = true
		}
	}
	f.mu.Unlock()
	var err error
	if does {
		err = do()
	}
	if fails {
		return fmt.Errorf("%s %s: %w", op, filepath.Base(path), errInjected)
	}
	return err
}

func (f *faultFS) MkdirAll(dir string) error {
	return f.op("mkdir", dir, func() error { return f.FS.MkdirAll(dir) })
}

func (f *faultFS) ReadDir(dir string) (names []string, err error) {
	err = f.op("readdir", dir, func() (err error) { names, err = f.FS.ReadDir(dir); return err })
	return names, err
}

func (f *faultFS) open(op, path string, open func(string) (File, error)) (File, error) {
	var file File
	err := f.op(op, path, func() (err error) { file, err = open(path); return err })
	if err != nil {
		if file != nil {
			file.Close()
		}
		return nil, err
	}
	return &faultFile{file, f, path}, nil
}

func (f *faultFS) Create(path string) (File, error) { return f.open("create", path, f.FS.Create) }
func (f *faultFS) Open(path string) (File, error)   { return f.open("open", path, f.FS.Open) }

func (f *faultFS) Rename(from, to string) error {
	return f.op("rename", from, func() error { return f.FS.Rename(from, to) })
}

func (f *faultFS) Remove(path string) error {
	return f.op("remove", path, func() error { return f.FS.Remove(path) })
}

func (f *faultFS) SyncDir(dir string) error {
	return f.op("syncdir", dir, func() error { return f.FS.SyncDir(dir) })
}

type faultFile struct {
	File
	fs   *faultFS
	path string
}

func (f *faultFile) ReadAt(b []byte, off int64) (n int, err error) {
	var readErr error
	err = f.fs.op("read", f.path, func() error { n, readErr = f.File.ReadAt(b, off); return nil })
	if err != nil {
		return 0, err
	}
	return n, readErr
}

func (f *faultFile) WriteAt(b []byte, off int64) (n int, err error) {
	err = f.fs.op("write", f.path, func() error { n, err = f.File.WriteAt(b, off); return err })
	if errors.Is(err, errInjected) {
		// A disk that is full takes a part.
		if short := len(b) / 2; n == 0 {
			n, _ = f.File.WriteAt(b[:short], off)
		}
	}
	return n, err
}

func (f *faultFile) Truncate(size int64) error {
	return f.fs.op("truncate", f.path, func() error { return f.File.Truncate(size) })
}

func (f *faultFile) Sync() error { return f.fs.op("sync", f.path, f.File.Sync) }

// count returns how many operations there were.
func (f *faultFS) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.ops)
}

// kinds returns which operations there were.
func (f *faultFS) kinds() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Compact(slices.Sorted(slices.Values(f.ops)))
}
