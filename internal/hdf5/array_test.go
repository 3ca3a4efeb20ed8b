package hdf5

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"testing"
	"unsafe"
)

// TestContiguousFloat32IsNotCopied: such data is a part of the file, so reading a
// big model takes the memory of the file and little more. Where alignment does not
// permit it, the values are the same.
func TestContiguousFloat32IsNotCopied(t *testing.T) {
	b := load(t, "keras/01_keras2_v0.h5")
	shifted := append(make([]byte, 1, len(b)+1), b...)[1:]
	var copies [][]float32
	for i, file := range [][]byte{b, shifted} {
		f, err := Open(file)
		if err != nil {
			t.Fatal(err)
		}
		root, err := f.Root()
		if err != nil {
			t.Fatal(err)
		}
		d, err := root.Dataset("model_weights/embedding/embedding/embeddings:0")
		if err != nil {
			t.Fatal(err)
		}
		v, err := d.Float32s()
		if err != nil {
			t.Fatal(err)
		}
		at := uintptr(unsafe.Pointer(&v[0])) - uintptr(unsafe.Pointer(&file[0]))
		aligned := uintptr(unsafe.Pointer(&file[0]))%4 == 0
		if inside := at < uintptr(len(file)); inside != aligned {
			t.Errorf("file %d: aligned %v, but a part of the file %v", i, aligned, inside)
		}
		copies = append(copies, v)
	}
	if !slices.Equal(copies[0], copies[1]) {
		t.Error("the aligned and the shifted file differ")
	}
}

// TestWrongAccessorsAreRefused: elements are not decoded as something they are not.
func TestWrongAccessorsAreRefused(t *testing.T) {
	root := openRoot(t, "corner/strings_v0.h5")
	words, err := root.Dataset("words")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := words.Float32s(); !errors.Is(err, ErrType) || err.Error() != `hdf5: "/words": this holds elements of type string, not numbers` {
		t.Errorf("error %v", err)
	}
	if _, err := words.Int64s(); !errors.Is(err, ErrType) {
		t.Errorf("error %v", err)
	}
	list, err := root.Attr("list")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := list.Text(); !errors.Is(err, ErrType) || err.Error() != `hdf5: "/@list": one string expected, found 3` {
		t.Errorf("error %v", err)
	}
	numbers := openRoot(t, "corner/types_v0.h5")
	for path, ok := range map[string]bool{"le_f4": false, "le_i8": true, "be_u8": false, "be_u4": true, "enum": true} {
		d, err := numbers.Dataset(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Int64s(); ok != (err == nil) {
			t.Errorf("%s as int64: error %v", path, err)
		}
		if _, err := d.Strings(); !errors.Is(err, ErrType) {
			t.Errorf("%s as strings: error %v", path, err)
		}
	}
	// Every element type that is not decoded is named.
	refused := openRoot(t, "corner/refused_types.h5")
	for path, name := range map[string]string{
		"compound": "compound", "complex": "compound", "opaque": "opaque", "opaque2": "opaque", "array": "array",
		"longdouble": "floating point of 16 bytes with 15 bits of exponent", "references": "reference",
		"sequences": "variable-length sequence", "int12": "int12 in 2 bytes", "bits": "bit field",
	} {
		d, err := refused.Dataset(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = d.Float32s()
		wantError(t, err, ErrUnsupported, "elements of type "+name+" are not supported")
	}
}

// TestNoElementsAreNoStrings: Keras writes an empty list of names as a float64
// array without elements.
func TestNoElementsAreNoStrings(t *testing.T) {
	a, err := openRoot(t, "keras/28_empty.h5").Attr("weight_names")
	if err != nil {
		t.Fatal(err)
	}
	s, err := a.Strings()
	if err != nil || len(s) != 0 || a.Type() != "float64" {
		t.Errorf("%q of type %s, error %v", s, a.Type(), err)
	}
}

// TestShapesOfScalarsAndNulls: a scalar has an empty shape, a null dataspace none.
func TestShapesOfScalarsAndNulls(t *testing.T) {
	root := openRoot(t, "corner/types_v0.h5")
	for path, want := range map[string]struct {
		null bool
		rank int
		size int
	}{"scalar": {false, 0, 1}, "empty": {true, 0, 0}, "zero": {false, 3, 0}, "cube": {false, 3, 24}} {
		d, err := root.Dataset(path)
		if err != nil {
			t.Fatal(err)
		}
		v, err := d.Float32s()
		if err != nil {
			t.Fatal(err)
		}
		if s := d.Shape(); (s == nil) != want.null || len(s) != want.rank || d.Len() != want.size || len(v) != want.size {
			t.Errorf("%s: shape %v, Len %d, %d values", path, s, d.Len(), len(v))
		}
	}
}

// TestFloat16IsExact compares with the formula of IEEE 754 for every value.
func TestFloat16IsExact(t *testing.T) {
	for i := range 1 << 16 {
		h := uint16(i)
		exponent, mantissa := int(h>>10&31), float64(h&1023)
		var want float64
		switch {
		case exponent == 31 && mantissa != 0:
			want = math.NaN()
		case exponent == 31:
			want = math.Inf(1)
		case exponent == 0:
			want = math.Ldexp(mantissa, -24)
		default:
			want = math.Ldexp(1024+mantissa, exponent-25)
		}
		if h&0x8000 != 0 {
			want = math.Copysign(want, -1)
		}
		got := float64(float16(h))
		if same := got == want && math.Signbit(got) == math.Signbit(want); !same && !(got != got && want != want) {
			t.Fatalf("%#04x is %v, want %v", h, got, want)
		}
	}
}

// TestChecksumsOfKnownTexts: vectors from lookup3.c (driver5) and of the
// fletcher32 filter.
func TestChecksumsOfKnownTexts(t *testing.T) {
	if got := lookup3([]byte("Four score and seven years ago")); got != 0x17770551 {
		t.Errorf("lookup3 is %#x", got)
	}
	if got := lookup3(nil); got != 0xdeadbeef {
		t.Errorf("lookup3 of nothing is %#x", got)
	}
	for n, want := range map[int]uint32{0: 0, 1: 0xff00ff00, 2: 0xffffffff, 3: 0xff00ff00, 2000: 0xffffffff} {
		if got := fletcher32(bytes.Repeat([]byte{0xff}, n)); got != want {
			t.Errorf("fletcher32 of %d ones is %#x, want %#x", n, got, want)
		}
	}
}
