package report

import (
	"io"
	"io/fs"
	"iter"
	"strings"
)

// Object is one delivered object.
type Object struct {
	Name string
	Size int64     // bytes as stored
	Body io.Reader // until the next object
}

// Objects gives objects one after the other; an error ends it.
type Objects = iter.Seq2[Object, error]

// Files gives the files under root in the order of their names, without those
// that are hidden.
func Files(root fs.FS) Objects {
	return func(yield func(Object, error) bool) {
		err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if strings.HasPrefix(d.Name(), ".") && path != "." {
				if d.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			if d.IsDir() {
				return nil
			}
			f, err := root.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			o := Object{Name: path, Body: f}
			if info, err := f.Stat(); err == nil {
				o.Size = info.Size()
			}
			if !yield(o, nil) {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil {
			yield(Object{}, err)
		}
	}
}
