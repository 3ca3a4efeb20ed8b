package weights

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"coldstream/internal/half"
	"coldstream/lstm"
)

// sample is a small file with everything a file can hold.
func sample(t testing.TB) *File {
	t.Helper()
	ramp := func(shape ...int) lstm.Tensor {
		n, _ := product(shape, 1, 1<<20)
		x := lstm.Tensor{Shape: shape, Data: make([]float32, n)}
		for i := range x.Data {
			x.Data[i] = float32(i%13-6) / 10
		}
		return x
	}
	f := &File{
		Name: "sample",
		Graph: lstm.Graph{
			Inputs: []string{"ids"}, Outputs: []string{"out"},
			Nodes: []lstm.Node{
				{Name: "ids", Op: lstm.OpInput, Shape: []int{4}},
				{Name: "embedding", Op: lstm.OpEmbedding, Inputs: []string{"ids"}, Params: []string{"embedding/embeddings"}},
				{Name: "mask", Op: lstm.OpMaskIDs, Inputs: []string{"ids"}},
				{Name: "lstm", Op: lstm.OpLSTM, Inputs: []string{"embedding"}, Mask: "mask", Units: 3, Activation: lstm.Tanh, RecurrentActivation: lstm.Sigmoid,
					Params: []string{"lstm/kernel", "lstm/recurrent_kernel", "lstm/bias"}},
				{Name: "out", Op: lstm.OpDense, Inputs: []string{"lstm"}, Units: 2, Activation: lstm.Softmax, Params: []string{"dense/kernel"}},
			},
		},
		Params: map[string]lstm.Tensor{
			"embedding/embeddings": ramp(5, 2), "lstm/kernel": ramp(2, 12), "lstm/recurrent_kernel": ramp(3, 12), "lstm/bias": ramp(12), "dense/kernel": ramp(3, 2),
		},
		Labels:    []string{"no", "yes <&>"},
		Tokenizer: `{"kind":"keras"}`,
		Vocab:     Vocab{Bytes: []byte("abäb"), Offsets: []uint32{0, 0, 1, 4, 5}},

		KerasVersion: "3.15.1", KerasConfig: `{"class_name":"Sequential"}`, SourceSHA256: "ab", Converter: "test",
		Notes:   map[string]string{"note": "a \"quoted\"\nnote"},
		Goldens: []Golden{{Rows: 2, Inputs: []lstm.Input{{Shape: []int{4}, IDs: []int32{0, 0, 1, 4, 0, 2, 0, 3}}}, Texts: []string{"a", "ä b"}}},
	}
	m, err := lstm.New(f.Graph, f.Params, lstm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Goldens[0].Compute(m); err != nil {
		t.Fatal(err)
	}
	return f
}

func encode(t testing.TB, f *File) []byte {
	t.Helper()
	b, err := f.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRoundTrip(t *testing.T) {
	f := sample(t)
	b := encode(t, f)
	got, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, f) {
		t.Errorf("got  %+v\nwant %+v", got, f)
	}
	if again := encode(t, got); !bytes.Equal(again, b) {
		t.Error("writing what was read gives other bytes")
	}
	if worst, err := got.Verify(); err != nil || worst != 0 {
		t.Errorf("Verify = %g, %v", worst, err)
	}
}

func TestUnpackedFormIsAlignedAndMaps(t *testing.T) {
	f := sample(t)
	if _, err := f.AppendUnpacked(nil); err == nil {
		t.Error("a vocabulary without its index was accepted")
	}
	f.Vocab.Index = []uint32{0, 1, 2, 3, 0, 0, 0, 0}
	b, err := f.AppendUnpacked(nil)
	if err != nil {
		t.Fatal(err)
	}
	head, data, err := splitHeader(b)
	if err != nil {
		t.Fatal(err)
	}
	h, err := parseHeader(head, len(data))
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range h.tensors {
		if !strings.HasPrefix(x.name, paddingPrefix) && (8+len(head)+x.begin)%alignment != 0 {
			t.Errorf("tensor %q begins at byte %d of the file", x.name, 8+len(head)+x.begin)
		}
	}
	path := filepath.Join(t.TempDir(), "model")
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	got, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	want := *f
	want.KerasConfig, want.Goldens = "", nil
	if !reflect.DeepEqual(got, &want) {
		t.Errorf("got  %+v\nwant %+v", got, &want)
	}
}

// quantised returns the sample with another number format.
func quantised(t testing.TB, dtype string) *File {
	t.Helper()
	f := sample(t)
	if err := f.Quantise(dtype); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestNumberFormats(t *testing.T) {
	plain := len(encode(t, sample(t)))
	for _, dtype := range []string{F16, Int8} {
		t.Run(dtype, func(t *testing.T) {
			f := quantised(t, dtype)
			b := encode(t, f)
			got, err := Parse(b)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, f) {
				t.Errorf("got  %+v\nwant %+v", got, f)
			}
			if again := encode(t, got); !bytes.Equal(again, b) {
				t.Error("writing what was read gives other bytes")
			}
			if worst, err := got.Verify(); err != nil || worst != 0 {
				t.Errorf("Verify = %g, %v", worst, err)
			}
			if l := got.Loss; l == nil || l.Rows != 2 || l.Of != 2 || !(l.Worst > 0 && l.Worst < .02 && l.Mean > 0 && l.Mean <= l.Worst) || l.Changed != 0 {
				t.Errorf("loss %+v", l)
			}
			if got.Goldens[0].Origin != "self, "+dtype {
				t.Errorf("origin %q", got.Goldens[0].Origin)
			}
			t.Logf("%d bytes, %d with float32; loss %+v", len(b), plain, *f.Loss)
			if err := got.Quantise(Int8); err == nil || !strings.Contains(err.Error(), "already") {
				t.Errorf("twice: %v", err)
			}
		})
	}
	if err := sample(t).Quantise("f64"); err == nil || !strings.Contains(err.Error(), `"f64" is neither f16 nor int8`) {
		t.Errorf("unknown format: %v", err)
	}
}

// TestUnpackedNumberFormats: float16 weights are float32 there, bytes for
// integers stay bytes and are used in place.
func TestUnpackedNumberFormats(t *testing.T) {
	for _, dtype := range []string{F16, Int8} {
		t.Run(dtype, func(t *testing.T) {
			f := quantised(t, dtype)
			golden := f.Goldens
			f.Vocab.Index = []uint32{0, 1, 2, 3, 0, 0, 0, 0}
			f.Params = lstm.Pack(f.Graph, f.Params)
			b, err := f.AppendUnpacked(nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Parse(b)
			if err != nil {
				t.Fatal(err)
			}
			want := *f
			want.KerasConfig, want.Goldens = "", nil
			if dtype == F16 { // rows of an embedding become float32 when they are used
				table := f.Params["embedding/embeddings"]
				halves := lstm.Tensor{Shape: table.Shape}
				for _, x := range table.Data {
					halves.Half.High, halves.Half.Low = append(halves.Half.High, byte(half.To(x)>>8)), append(halves.Half.Low, byte(half.To(x)))
				}
				want.Params = maps.Clone(f.Params)
				want.Params["embedding/embeddings"] = halves
				again, err := got.AppendUnpacked(nil)
				if err != nil || !bytes.Equal(again, b) {
					t.Errorf("written again it differs (%v)", err)
				}
			}
			if !reflect.DeepEqual(got, &want) {
				t.Errorf("got  %+v\nwant %+v", got, &want)
			}
			for name, x := range got.Params {
				if bytes := dtype == Int8 && name == "lstm/recurrent_kernel"; bytes != (x.Int8 != nil) {
					t.Errorf("%q: bytes %t", name, x.Int8 != nil)
				}
			}
			got.Goldens = golden
			if worst, err := got.Verify(); err != nil || worst != 0 {
				t.Errorf("Verify = %g, %v", worst, err)
			}
		})
	}
}

func TestWeightsBeyondFloat16AreNamed(t *testing.T) {
	f := sample(t)
	f.Params["lstm/bias"].Data[3] = -65505
	err := f.Quantise(F16)
	if want := `layer "lstm": tensor "lstm/bias" has -65505 at element 3, beyond ±65504`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one with %q", err, want)
	}
	f.Params["lstm/bias"].Data[3] = 65504
	if err := f.Quantise(F16); err != nil {
		t.Error(err)
	}
	f.Params["lstm/bias"].Data[3] = 1. / 3
	if _, err := f.Append(nil); err == nil || !strings.Contains(err.Error(), `"lstm/bias" has 0.33333334 at element 3, which is no float16`) {
		t.Errorf("writing a number that is no float16: %v", err)
	}
}

// TestScalesTakeNames: a tensor must not have the name of another one's scales.
func TestScalesTakeNames(t *testing.T) {
	f := quantised(t, Int8)
	f.Graph.Nodes[3].Params[2] = "lstm/kernel.scale"
	f.Params["lstm/kernel.scale"] = f.Params["lstm/bias"]
	delete(f.Params, "lstm/bias")
	if _, err := f.Append(nil); err == nil || !strings.Contains(err.Error(), `cannot be called "lstm/kernel.scale"`) {
		t.Errorf("error %v", err)
	}
}

func TestDamageOfNumberFormatsIsNamed(t *testing.T) {
	halves, bytes8 := encode(t, quantised(t, F16)), encode(t, quantised(t, Int8))
	for _, c := range []struct {
		name     string
		file     []byte
		old, new string
		want     string
	}{
		{"unknown format", halves, `"dtype":"f16"`, `"dtype":"f15"`, `dtype "f15" is not supported`},
		{"other format", halves, `"dtype":"f16"`, `"dtype":"int8"`, `is of type F16, want F32`},
		{"no format", bytes8, `"dtype":"int8"`, `"dtipe":"int8"`, `is of type I8, want F32`},
		{"no scales", bytes8, `"lstm/kernel.scale"`, `"lstm/kernel.skale"`, `tensor "lstm/kernel.scale" is missing (layer "lstm" needs it)`},
		{"other scales", bytes8, `"dtype":"F32","shape":[1,12]`, `"dtype":"F32","shape":[12,1]`, `has scales of shape [12 1]`},
		{"scales of another type", bytes8, `"lstm/kernel.scale":{"dtype":"F32"`, `"lstm/kernel.scale":{"dtype":"I32"`, `"lstm/kernel.scale" is of type I32, want F32`},
		{"loss", halves, `"dtype_loss":"{\"rows\":2`, `"dtype_loss":"{\"rows\":x`, `metadata dtype_loss: `},
	} {
		t.Run(c.name, func(t *testing.T) {
			head, data, err := splitHeader(c.file)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(head), c.old) {
				t.Fatalf("header has no %s: %s", c.old, head)
			}
			s := strings.TrimRight(strings.ReplaceAll(string(head), c.old, c.new), " ")
			s += strings.Repeat(" ", len(head)-len(s))
			if _, err := Parse(slices.Concat(c.file[:8], []byte(s), data)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestVerifyFindsChangedWeight(t *testing.T) {
	f := sample(t)
	f.Params["dense/kernel"].Data[0] += 0.1
	if worst, err := f.Verify(); err == nil {
		t.Errorf("Verify = %g, nil for a changed weight", worst)
	}
	f.Goldens = nil
	if _, err := f.Verify(); err == nil {
		t.Error("Verify passed without check vectors")
	}
}

// TestDamageIsNamed changes one thing in a good file each time.
func TestDamageIsNamed(t *testing.T) {
	good := encode(t, sample(t))
	// replace keeps the length of the header by taking spaces from its end.
	replace := func(old, new string) []byte {
		head, data, err := splitHeader(good)
		if err != nil {
			t.Fatal(err)
		}
		s := string(head)
		if !strings.Contains(s, old) {
			t.Fatalf("header has no %s", old)
		}
		s = strings.TrimRight(strings.Replace(s, old, new, 1), " ")
		s += strings.Repeat(" ", -(8+len(s))&(alignment-1))
		b := fmt.Appendf(nil, "%c\x00\x00\x00\x00\x00\x00\x00", 0)
		b[0], b[1], b[2] = byte(len(s)), byte(len(s)>>8), byte(len(s)>>16)
		return append(append(b, s...), data...)
	}
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "too few"},
		{"cut off", good[:len(good)-1], "bytes"},
		{"too long", append(bytes.Clone(good), 0), "tensors cover"},
		{"not ours", replace(`"format_version":"1",`, ``), "not a coldstream model"},
		{"other version", replace(`"format_version":"1"`, `"format_version":"2"`), `version "2" is not supported`},
		{"unknown type", replace(`"dtype":"F32"`, `"dtype":"F64"`), `"F64" is not supported`},
		{"wrong shape", replace(`"shape":[3,12]`, `"shape":[4,12]`), "does not fit"},
		{"huge shape", replace(`"shape":[3,12]`, `"shape":[4294967296,4294967296]`), "does not fit"},
		{"missing tensor", replace(`"lstm/bias"`, `"lstm/bios"`), `"lstm/bias" is missing (layer "lstm" needs it)`},
		{"twice", replace(`"lstm/bias":{`, `"dense/kernel":{`), "stands twice"},
		{"metadata twice", replace(`"name":"sample"`, `"converter":"sample"`), `metadata "converter" stands twice`},
		{"unknown attribute", replace(`\"units\":3`, `\"onits\":3`), "unknown field"},
		{"hole", replace(`"data_offsets":[0,`, `"data_offsets":[4,`), "does not fit"},
		{"trailing text", replace(`}}`, `}}x`), "byte"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(c.file)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestLeftOverTensorsAreRefused(t *testing.T) {
	f := sample(t)
	f.Params["other"] = lstm.Tensor{Shape: []int{1}, Data: []float32{1}}
	if _, err := f.Append(nil); err == nil || !strings.Contains(err.Error(), `"other" belongs to no layer`) {
		t.Errorf("writing: %v", err)
	}
	delete(f.Params, "other")
	b := encode(t, f)
	// Without the dense layer its kernel is left over.
	old := `\"params\":[\"dense/kernel\"]`
	b = bytes.Replace(b, []byte(old), fmt.Appendf(nil, "%-*s", len(old), `\"params\":[]`), 1)
	if _, err := Parse(b); err == nil || !strings.Contains(err.Error(), `"dense/kernel" belongs to no layer`) {
		t.Errorf("reading: %v", err)
	}
}

func TestSmallHostileFileAllocatesLittle(t *testing.T) {
	b := []byte("\x5c\x00\x00\x00\x00\x00\x00\x00" + `{"a":{"dtype":"F32","shape":[9223372036854775807,4],"data_offsets":[0,281474976710655]}}`)
	var before, after = allocated(), uint64(0)
	if _, err := Parse(b); err == nil {
		t.Error("accepted")
	}
	if after = allocated(); after-before > 1<<20 {
		t.Errorf("allocated %d bytes", after-before)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(encode(f, sample(f)))
	f.Add(encode(f, quantised(f, F16)))
	f.Add(encode(f, quantised(f, Int8)))
	packed := quantised(f, Int8)
	packed.Vocab.Index, packed.Params = make([]uint32, 8), lstm.Pack(packed.Graph, packed.Params)
	if b, err := packed.AppendUnpacked(nil); err == nil {
		f.Add(b)
	}
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		before := allocated()
		file, err := Parse(b)
		if n := allocated() - before; n > uint64(16<<20+4096*len(b)) {
			t.Errorf("%d bytes allocated for a file of %d", n, len(b))
		}
		if err != nil {
			return
		}
		again, err := file.Append(nil)
		if err != nil {
			return // a name of the format's own, or tensors that share their name with it
		}
		twice, err := Parse(again)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		third, err := twice.Append(nil)
		if err != nil || !bytes.Equal(third, again) {
			t.Fatalf("writing again gives other bytes (%v)", err)
		}
	})
}
