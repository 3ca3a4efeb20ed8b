package hdf5

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// content describes an array as testdata/truth.py does.
type content struct {
	Float32 string    `json:"float32,omitempty"` // SHA-256 of the values
	Ints    *[]int64  `json:"ints,omitempty"`
	Shape   []int     `json:"shape"`
	Strings *[]string `json:"strings,omitempty"`
	Type    string    `json:"type"`
}

// entry describes an object as testdata/truth.py does.
type entry struct {
	Attrs map[string]content `json:"attrs,omitempty"`
	Data  *content           `json:"data,omitempty"`
	Kind  string             `json:"kind"`
}

// values is what attributes and datasets have in common.
type values interface {
	Shape() []int
	Len() int
	Type() string
	Float32s() ([]float32, error)
	Int64s() ([]int64, error)
	Strings() ([]string, error)
}

// describe reads an array in every way its type allows.
func describe(v values) (content, error) {
	c := content{Shape: v.Shape(), Type: v.Type()}
	if c.Shape == nil { // an empty dataspace
		return c, nil
	}
	if c.Type == "string" {
		s, err := v.Strings()
		c.Strings = &s
		return c, err
	}
	f, err := v.Float32s()
	if err != nil {
		return c, err
	}
	c.Float32 = digest(f)
	if strings.Contains(c.Type, "int") && v.Len() <= 64 {
		if n, err := v.Int64s(); err == nil {
			c.Ints = &n
		} else if !errors.Is(err, ErrType) {
			return c, err
		}
	}
	return c, nil
}

func digest(v []float32) string {
	h := sha256.New()
	buf := make([]byte, 0, 4096)
	for len(v) > 0 {
		buf = buf[:0]
		for _, x := range v[:min(len(v), 1024)] {
			bits := math.Float32bits(x)
			if x != x {
				bits = 0x7fc00000
			}
			buf = binary.LittleEndian.AppendUint32(buf, bits)
		}
		v = v[min(len(v), 1024):]
		h.Write(buf)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// readAll describes everything in a file, up to the first error.
func readAll(f *File) (map[string]entry, error) {
	root, err := f.Root()
	if err != nil {
		return nil, err
	}
	all := map[string]entry{}
	attrs := func(n node) (map[string]content, error) {
		names, err := n.AttrNames()
		if err != nil {
			return nil, err
		}
		m := map[string]content{}
		for _, name := range names {
			a, err := n.Attr(name)
			if err != nil {
				return nil, err
			}
			if m[name], err = describe(a); err != nil {
				return nil, err
			}
		}
		return m, nil
	}
	e := entry{Kind: "group"}
	if e.Attrs, err = attrs(root.node); err != nil {
		return nil, err
	}
	all[""] = e
	return all, root.Walk(func(path string, kind Kind) error {
		e := entry{Kind: kind.String()}
		switch kind {
		case KindGroup:
			g, err := root.Group(path)
			if err != nil {
				return err
			}
			if e.Attrs, err = attrs(g.node); err != nil {
				return err
			}
		case KindDataset:
			d, err := root.Dataset(path)
			if err != nil {
				return err
			}
			if e.Attrs, err = attrs(d.node); err != nil {
				return err
			}
			c, err := describe(d)
			if err != nil {
				return err
			}
			e.Data = &c
		}
		all[path] = e
		return nil
	})
}

// canonical is the text whose digest truth.py keeps.
func canonical(t testing.TB, all map[string]entry) []byte {
	t.Helper()
	var buf, sorted bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(all); err != nil {
		t.Fatal(err)
	}
	// Once more through a map, which sorts the keys.
	var any map[string]map[string]any
	dec := json.NewDecoder(&buf)
	dec.UseNumber()
	if err := dec.Decode(&any); err != nil {
		t.Fatal(err)
	}
	enc = json.NewEncoder(&sorted)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(any); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(sorted.Bytes())
}

// load returns a test file's content, unpacked.
func load(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(name, ".gz") {
		return b
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if b, err = io.ReadAll(z); err != nil {
		t.Fatal(err)
	}
	return b
}

// testFiles lists the committed HDF5 files.
func testFiles(t testing.TB) []string {
	t.Helper()
	var names []string
	for _, folder := range []string{"keras", "corner"} {
		entries, err := os.ReadDir(filepath.Join("testdata", folder))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, folder+"/"+e.Name())
		}
	}
	return names
}

// refusals says with which words files are refused that h5py reads. Every other
// test file must read as h5py does.
var refusals = map[string]string{
	"keras/14_chunked_resizable_latest.h5":   "chunk index type 4 (extensible array)",
	"keras/15_chunked_resizable2_latest.h5":  "chunk index type 5 (version 2 B-tree)",
	"keras/18_lzf_earliest.h5":               "filter 32000 (lzf) is not supported; run `h5repack -f NONE",
	"keras/18_lzf_latest.h5":                 "filter 32000 (lzf)",
	"corner/refused_extensible_array.h5":     "chunk index type 4 (extensible array) is not supported; run `h5repack",
	"corner/refused_chunk_btree2.h5":         "chunk index type 5 (version 2 B-tree) is not supported; run `h5repack",
	"corner/refused_paged_array.h5.gz":       "a paged fixed array",
	"corner/refused_lzf.h5":                  "filter 32000 (lzf)",
	"corner/refused_scaleoffset.h5":          "filter 6 (scaleoffset)",
	"corner/refused_nbit.h5":                 "filter 5 (nbit)",
	"corner/refused_external_link.h5":        `"x" is an external link`,
	"corner/refused_external_link_latest.h5": `"x" is an external link`,
	"corner/refused_external_data.h5":        "data in external files",
	"corner/refused_virtual.h5":              "a virtual dataset",
	"corner/refused_huge_attribute.h5.gz":    "a huge object of a fractal heap",
	"corner/refused_filtered_heap.h5":        "a filtered (compressed) fractal heap",
	"corner/refused_shared_messages.h5":      "a shared object header message (SOHM)",
	"corner/refused_never_filled.h5":         "never written",
	"corner/refused_types.h5":                "elements of type compound are not supported",
	"corner/refused_deep.h5.gz":              "groups nested deeper than 256",
	"corner/refused_cache_image.h5":          "a metadata cache image",
}

// TestFilesReadLikeH5py: every test file gives what h5py gives, or is refused with
// the name of the feature.
func TestFilesReadLikeH5py(t *testing.T) {
	var truth map[string]json.RawMessage
	if err := json.Unmarshal(load(t, "truth.json"), &truth); err != nil {
		t.Fatal(err)
	}
	for _, name := range testFiles(t) {
		t.Run(name, func(t *testing.T) {
			f, err := Open(load(t, name))
			var got map[string]entry
			if err == nil {
				got, err = readAll(f)
			}
			if name == "corner/refused_not_closed.h5" { // by h5py, too
				wantError(t, err, ErrDamaged, "did not close it")
				return
			}
			if words, ok := refusals[name]; ok {
				wantError(t, err, ErrUnsupported, words)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var sum string
			if json.Unmarshal(truth[name], &sum) == nil {
				if have := sha256.Sum256(canonical(t, got)); hex.EncodeToString(have[:]) != sum {
					t.Errorf("the file reads otherwise than with h5py (%d objects)", len(got))
				}
				return
			}
			var want map[string]entry
			if err := json.Unmarshal(truth[name], &want); err != nil {
				t.Fatal(err)
			}
			compare(t, got, want)
		})
	}
}

func compare(t *testing.T, got, want map[string]entry) {
	t.Helper()
	for path, w := range want {
		g, ok := got[path]
		if !ok {
			t.Errorf("%q is missing", path)
			continue
		}
		one := func(e entry) string { return string(canonical(t, map[string]entry{"": e})) }
		if g, w := one(g), one(w); g != w {
			t.Errorf("%q:\n got %s\nwant %s", path, g, w)
		}
	}
	for path := range got {
		if _, ok := want[path]; !ok {
			t.Errorf("%q is not there in h5py", path)
		}
	}
}

func wantError(t *testing.T, err, kind error, words string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", words)
	}
	if !errors.Is(err, kind) || !strings.Contains(err.Error(), words) || !strings.HasPrefix(err.Error(), "hdf5: ") {
		t.Fatalf("error %q, want %q with the words %q", err, kind, words)
	}
}
