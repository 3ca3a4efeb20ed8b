package s3objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Summary is the account of a download. When it has ended without an error,
// Listed = Stored + Present + Markers + Refused.
type Summary struct {
	Listed  int
	Stored  int
	Bytes   int64 // of those
	Present int   // were there already
	Markers int   // stand for folders, and have no content
	Refused int   // the directory cannot have a file of that name
	First   error // of those
}

// Download stores the objects in dir, which is made if it is not there, under
// their keys behind the last slash of the place's prefix. Nothing is written
// outside dir, whatever a key says: see FileName. A file appears under its name
// when it is complete and on disk, with the object's time of the last change as
// its own: what is there with the same size and time, to the second, is not
// fetched again. A key that the file system refuses, as "a" beside "a/b", is
// counted, and the others are stored. progress, which may be nil, is told of
// every object.
func (r *Reader) Download(ctx context.Context, dir string, progress func(Summary)) (Summary, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return Summary{}, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Summary{}, err
	}
	defer root.Close()
	d := &download{root: root, dir: dir, place: r.place, progress: progress}
	for o, e := range r.Objects(ctx, d.wants) {
		if err = e; err == nil {
			err = d.store(o)
		}
		if err != nil {
			break
		}
	}
	if err == nil {
		err = d.sync("")
	}
	return d.sum, err // not in the loop: what lists counts until it has ended
}

// download stores objects below root, which is opened from dir.
type download struct {
	root     *os.Root
	dir      string
	place    Place
	progress func(Summary)
	touched  string // the directory of the last file, not synced yet; "" = none

	mu  sync.Mutex // what is wanted is asked while objects are stored
	sum Summary
}

func (d *download) count(add func(*Summary)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	add(&d.sum)
	if d.progress != nil {
		d.progress(d.sum)
	}
}

// wants counts the object and reports whether it has to be fetched.
func (d *download) wants(o Info) bool {
	marker := o.Marker()
	present := !marker && d.present(o)
	d.count(func(s *Summary) {
		s.Listed++
		switch {
		case marker:
			s.Markers++
		case present:
			s.Present++
		}
	})
	return !marker && !present
}

func (d *download) present(o Info) bool {
	info, err := d.root.Lstat(d.place.FileName(o.Key))
	return err == nil && info.Mode().IsRegular() && info.Size() == o.Size &&
		info.ModTime().Truncate(time.Second).Equal(o.Modified.Truncate(time.Second))
}

// store stores an object and counts it.
func (d *download) store(o Object) error {
	name := d.place.FileName(o.Key)
	err := d.write(name, o)
	switch {
	case err == nil:
		d.count(func(s *Summary) { s.Stored++; s.Bytes += o.Size })
		return nil
	case refuses(err):
		err = fmt.Errorf("%s has no place in %s: %w", quoted("s3://"+d.place.Bucket+"/"+o.Key), d.dir, d.naming(err, name))
		d.count(func(s *Summary) {
			if s.Refused++; s.First == nil {
				s.First = err
			}
		})
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w; make room and run the command again: it goes on behind what is complete", d.naming(err, name))
	}
	return d.naming(err, name)
}

// refuses reports whether err is about a file's name and not about the disk.
func refuses(err error) bool {
	for _, e := range [...]error{syscall.ENOTDIR, syscall.EISDIR, syscall.EEXIST, syscall.ENOTEMPTY, syscall.ENAMETOOLONG, syscall.EINVAL, syscall.EILSEQ} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// naming makes an error of the file system, which knows names below the root or
// that of a temporary file, one about the file.
func (d *download) naming(err error, name string) error {
	var p *fs.PathError
	var l *os.LinkError
	switch path := filepath.Join(d.dir, name); {
	case errors.As(err, &p):
		return &fs.PathError{Op: p.Op, Path: path, Err: p.Err}
	case errors.As(err, &l):
		return &fs.PathError{Op: l.Op, Path: path, Err: l.Err}
	}
	return err
}

// write writes the object beside its name, syncs and renames.
func (d *download) write(name string, o Object) (err error) {
	folder := filepath.Dir(name)
	if err := d.root.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	// At the top: the name of a file may be as long as names can be.
	f, err := d.create()
	if err != nil {
		return err
	}
	temporary := filepath.Base(f.Name())
	defer func() {
		if err != nil {
			_ = f.Close()                // already closed, or of no use any more
			_ = d.root.Remove(temporary) // what cannot be removed was never whole
		}
	}()
	if _, err := io.Copy(f, o.Body); err != nil {
		return err
	}
	if err := d.root.Chtimes(temporary, o.Modified, o.Modified); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := d.root.Rename(temporary, name); err != nil {
		return err
	}
	return d.sync(folder)
}

// create creates a file of a new name at the top of the directory.
func (d *download) create() (*os.File, error) {
	for range 100 {
		f, err := d.root.OpenFile(fmt.Sprintf(".coldstream-%08x.tmp", rand.Uint32()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
	return nil, fmt.Errorf("%s: no free name for a temporary file", d.dir)
}

// sync brings the names in the folder of the files before to disk, once the next
// file is in another one; "" = there is none.
func (d *download) sync(folder string) error {
	before := d.touched
	d.touched = folder
	if before == "" || before == folder {
		return nil
	}
	f, err := d.root.Open(before)
	if err != nil {
		return d.naming(err, before)
	}
	_ = f.Sync() // some file systems do not know it
	return f.Close()
}
