package zst

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"coldstream/lstm"
	"coldstream/weights"
)

func sample() *weights.File {
	data := make([]float32, 12)
	for i := range data {
		data[i] = float32(i) / 7
	}
	return &weights.File{
		Graph: lstm.Graph{
			Inputs: []string{"x"}, Outputs: []string{"y"},
			Nodes: []lstm.Node{
				{Name: "x", Op: lstm.OpInput, Shape: []int{4}},
				{Name: "y", Op: lstm.OpDense, Inputs: []string{"x"}, Units: 3, Params: []string{"y/kernel"}},
			},
		},
		Params: map[string]lstm.Tensor{"y/kernel": {Shape: []int{4, 3}, Data: data}},
		Labels: []string{"a", "b", "c"},
	}
}

func encode(t testing.TB) []byte {
	t.Helper()
	b, err := Encode(sample())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRoundTrip(t *testing.T) {
	b := encode(t)
	f, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(f, sample()) {
		t.Errorf("got  %+v\nwant %+v", f, sample())
	}
	if !bytes.Equal(encode(t), b) {
		t.Error("encoding twice gives other bytes")
	}
}

func TestReadFileTakesBothForms(t *testing.T) {
	dir := t.TempDir()
	plain, err := sample().Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"compressed": encode(t), "plain": plain} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
		f, err := ReadFile(path)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(f, sample()) {
			t.Errorf("%s: got %+v", name, f)
		}
	}
}

func TestFlippedBitIsRefusedOrHarmless(t *testing.T) {
	b := encode(t)
	want, err := Unpack(b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		for bit := range 8 {
			x := bytes.Clone(b)
			x[i] ^= 1 << bit
			if got, err := Unpack(x); err == nil && !bytes.Equal(got, want) {
				t.Errorf("byte %d, bit %d: passes with other content", i, bit)
			}
		}
	}
}

func TestCutOffFileIsRefused(t *testing.T) {
	b := encode(t)
	for n := range b {
		if _, err := Decode(b[:n]); err == nil {
			t.Errorf("the first %d of %d bytes are accepted", n, len(b))
		}
	}
}

func TestSmallFileClaimsLittleMemory(t *testing.T) {
	// A frame header of 13 bytes that claims 2 GiB, one of 9 bytes that claims 24 MiB.
	for _, b := range [][]byte{
		{0x28, 0xb5, 0x2f, 0xfd, 0xe4, 0, 0, 0, 0x80, 0, 0, 0, 0, 1, 0, 0},
		{0x28, 0xb5, 0x2f, 0xfd, 0xa4, 0, 0, 0x80, 1, 1, 0, 0, 0, 0, 0, 0},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Decode(b)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("% x: accepted", b)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
			t.Errorf("% x: allocated %d bytes", b, n)
		}
	}
}

func TestForeignFilesAreNamed(t *testing.T) {
	for want, b := range map[string][]byte{
		"not a zstd file":     []byte("\x89PNG\r\n\x1a\n0123456789"),
		"skippable":           {0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 0},
		"content size":        {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, 1, 0, 0},
		"the file is cut off": encode(t)[:40],
		"the file is empty":   {},
		"2 bytes behind":      append(encode(t), "\r\n"...),
		"bytes behind":        append(encode(t), encode(t)...),
	} {
		if _, err := Decode(b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func TestDevicesAreNoModelFiles(t *testing.T) {
	if _, err := ReadFile(os.DevNull); err == nil || !strings.Contains(err.Error(), os.DevNull+" is a device or a pipe") {
		t.Errorf("got %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		if file, err := Decode(b); err == nil {
			if _, err := file.Append(nil); err != nil && !strings.HasPrefix(err.Error(), "weights: ") {
				t.Fatal(err)
			}
		}
	})
}
