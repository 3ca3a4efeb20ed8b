package zst

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"testing"

	"coldstream/lstm"
	"coldstream/weights"
)

// largeFile is a model with an embedding of n rows of 64 numbers.
func largeFile(n int) *weights.File {
	table, kernel := make([]float32, n*64), make([]float32, 64)
	x := uint32(1)
	for i := range table {
		x = x*1664525 + 1013904223
		table[i] = float32(x>>8) / (1 << 24)
	}
	return &weights.File{
		Name: "large",
		Graph: lstm.Graph{
			Nodes: []lstm.Node{
				{Name: "ids", Op: lstm.OpInput, Shape: []int{2}},
				{Name: "words", Op: lstm.OpEmbedding, Inputs: []string{"ids"}, Params: []string{"table"}},
				{Name: "y", Op: lstm.OpDense, Inputs: []string{"words"}, Params: []string{"kernel"}, Units: 1},
			},
			Inputs: []string{"ids"}, Outputs: []string{"y"},
		},
		Params: map[string]lstm.Tensor{
			"table":  {Shape: []int{n, 64}, Data: table},
			"kernel": {Shape: []int{64, 1}, Data: kernel},
		},
	}
}

// TestWriteOfALargeFile goes through in pieces: the content is that of Encode's
// file, and little memory is needed besides.
func TestWriteOfALargeFile(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: compresses 77 MB")
	}
	f := largeFile(300_000)
	var before, after runtime.MemStats
	var file bytes.Buffer
	file.Grow(80 << 20)
	runtime.ReadMemStats(&before)
	if err := Write(&file, f); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
		t.Errorf("allocated %d bytes for a file of %d", n, file.Len())
	}
	content, err := Unpack(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	want, err := f.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(content, want) {
		t.Error("the content is not that of Append")
	}
}

func TestWriteOfASmallFileIsEncode(t *testing.T) {
	f := largeFile(100)
	var file bytes.Buffer
	if err := Write(&file, f); err != nil {
		t.Fatal(err)
	}
	want, err := Encode(f)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(file.Bytes(), want) {
		t.Error("the file is not that of Encode")
	}
}

// TestWriteTellsOfAFullDisk: whatever the size.
func TestWriteTellsOfAFullDisk(t *testing.T) {
	full := errors.New("no space left")
	for _, rows := range []int{100, 300_000} {
		if rows > 100 && testing.Short() {
			continue
		}
		if err := Write(failing{full}, largeFile(rows)); !errors.Is(err, full) {
			t.Errorf("%d rows: error %v, want %v", rows, err, full)
		}
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

var _ io.Writer = failing{}
