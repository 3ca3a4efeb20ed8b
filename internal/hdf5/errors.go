package hdf5

import (
	"errors"
	"fmt"
)

// The reasons a call can fail; test with errors.Is. The error's text names the
// object and the feature or the damage.
var (
	// ErrFormat: the bytes are not an HDF5 file at all.
	ErrFormat = errors.New("not an HDF5 file")
	// ErrDamaged: the file contradicts itself or the format, or is cut short.
	ErrDamaged = errors.New("damaged HDF5 file")
	// ErrUnsupported: the file is sound but uses a feature this package does not read.
	ErrUnsupported = errors.New("unsupported HDF5 feature")
	// ErrLimit: the file asks for far more work or memory than its size
	// justifies. The allowance is for the life of one File.
	ErrLimit = errors.New("HDF5 file exceeds the reader's limits")
	// ErrNotExist: no such group, dataset or attribute.
	ErrNotExist = errors.New("no such HDF5 object")
	// ErrType: the object exists but is of another kind or type than asked for.
	ErrType = errors.New("HDF5 object of another type")
)

// failure is the package's only error type. Parsing code panics with one, and
// the exported functions turn it into their error result: the format nests
// deeply, and every read can fail.
type failure struct {
	path   string // of the object at fault, "" while it is not known
	reason string
	kind   error // one of the Err variables
}

func (e *failure) Error() string {
	if e.path == "" {
		return "hdf5: " + e.reason
	}
	return fmt.Sprintf("hdf5: %q: %s", e.path, e.reason)
}

func (e *failure) Unwrap() error { return e.kind }

func fail(kind error, format string, args ...any) {
	panic(&failure{kind: kind, reason: fmt.Sprintf(format, args...)})
}

func damaged(format string, args ...any)     { fail(ErrDamaged, format, args...) }
func unsupported(format string, args ...any) { fail(ErrUnsupported, format, args...) }

// catch makes a panicking failure the error result of the deferring function;
// path names the object that was being read. Any other panic goes on.
func catch(err *error, path string) {
	switch r := recover().(type) {
	case nil:
	case *failure:
		if r.path == "" {
			r.path = path
		}
		*err = r
	default:
		panic(r)
	}
}

// What a refusal advises: how to turn the file into one that can be read. The
// h5repack commands were tried on the files in testdata; it leaves some features
// as they are, and without the plugin of a foreign filter it drops the dataset.
const (
	repack           = "run `h5repack IN OUT`"
	repackContiguous = "run `h5repack -l CONTI IN OUT`"
	repackUnfiltered = "run `h5repack -f NONE IN OUT`"
	writeAgain       = "write the file again with h5py's default options"
)
