package weights

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"coldstream/internal/half"
	"coldstream/lstm"
)

// Names of the tensors that are not weights. A weight tensor must not be
// called so; Append refuses one that is.
const (
	vocabTensor   = "tokenizer.vocab"   // U8
	offsetsTensor = "tokenizer.offsets" // U32
	indexTensor   = "tokenizer.index"   // U32, unpacked form only
	goldenPrefix  = "golden."           // golden.N.input.M, golden.N.output.M, golden.N.texts
	paddingPrefix = "padding."          // padding.N: fills up to the next aligned tensor
	scaleSuffix   = ".scale"            // F32, behind the name of a weight tensor of bytes
	highSuffix    = ".high"             // U8, unpacked form only, behind the name of a weight tensor of float16
	lowSuffix     = ".low"              // U8, the same
)

// alignment of tensors in the unpacked form: a cache line, and the widest vector.
const alignment = 64

// metadata keys of the format.
var ownKeys = []string{"format_version", "name", "graph", "dtype", "dtype_loss", "labels", "tokenizer", "keras_version", "keras_config", "source_sha256", "converter"}

// Parse reads the safetensors file b. The File's tensors are views into b
// where b's alignment and the machine's byte order allow it. Every tensor must
// be one that the graph, the tokenizer or a check vector names; a missing or a
// left-over one is an error.
func Parse(b []byte) (*File, error) {
	head, data, err := splitHeader(b)
	if err != nil {
		return nil, err
	}
	h, err := parseHeader(head, len(data))
	if err != nil {
		return nil, err
	}
	f := &File{Params: make(map[string]lstm.Tensor)}
	if err := f.readMetadata(h.metadata); err != nil {
		return nil, err
	}
	byName := make(map[string]tensorInfo, len(h.tensors))
	for _, t := range h.tensors {
		if _, ok := byName[t.name]; ok {
			return nil, fmt.Errorf("weights: tensor %q stands twice", t.name)
		}
		if !strings.HasPrefix(t.name, paddingPrefix) {
			byName[t.name] = t
		}
	}
	take := func(name, dtype string) (tensorInfo, []byte, error) {
		t, ok := byName[name]
		if !ok {
			return t, nil, fmt.Errorf("weights: tensor %q is missing", name)
		}
		if t.dtype != dtype {
			return t, nil, fmt.Errorf("weights: tensor %q is of type %s, want %s", name, t.dtype, dtype)
		}
		delete(byName, name)
		return t, data[t.begin:t.end:t.end], nil
	}
	for _, n := range f.Graph.Nodes {
		for _, name := range n.Params {
			if _, ok := f.Params[name]; ok {
				continue // a shared layer's
			}
			t, err := f.readParam(name, byName, take)
			if err != nil {
				return nil, fmt.Errorf("%w (layer %q needs it)", err, n.Name)
			}
			f.Params[name] = t
		}
	}
	if f.Tokenizer != "" {
		if _, f.Vocab.Bytes, err = take(vocabTensor, "U8"); err != nil {
			return nil, err
		}
		_, raw, err := take(offsetsTensor, "U32")
		if err != nil {
			return nil, err
		}
		f.Vocab.Offsets = words[uint32](raw)
		if _, ok := byName[indexTensor]; ok {
			_, raw, err := take(indexTensor, "U32")
			if err != nil {
				return nil, err
			}
			f.Vocab.Index = words[uint32](raw)
		}
	}
	if err := f.readGoldens(h.metadata, byName, take); err != nil {
		return nil, err
	}
	if len(byName) > 0 {
		return nil, fmt.Errorf("weights: tensor %q belongs to no layer", slices.Min(slices.Collect(maps.Keys(byName))))
	}
	return f, nil
}

// readParam reads a weight tensor: float32, or what f.DType allows.
func (f *File) readParam(name string, have map[string]tensorInfo, take func(name, dtype string) (tensorInfo, []byte, error)) (lstm.Tensor, error) {
	if _, ok := have[name+highSuffix]; ok && f.DType == F16 {
		return readHalves(name, take)
	}
	dtype := "F32"
	if is := have[name].dtype; is == "F16" && f.DType == F16 || is == "I8" && f.DType == Int8 {
		dtype = is
	}
	info, raw, err := take(name, dtype)
	if err != nil {
		return lstm.Tensor{}, err
	}
	t := lstm.Tensor{Shape: info.shape}
	switch dtype {
	case "F32":
		t.Data = words[float32](raw)
	case "F16":
		t.Data = make([]float32, len(raw)/2)
		for i := range t.Data {
			t.Data[i] = half.From(binary.LittleEndian.Uint16(raw[2*i:]))
		}
	case "I8":
		t.Int8 = int8s(raw)
		scales, raw, err := take(name+scaleSuffix, "F32")
		if err != nil {
			return lstm.Tensor{}, err
		}
		t.Scale = words[float32](raw)
		if !slices.Equal(scales.shape, scaleShape(&t)) {
			t.ScaleByRow = true
			if want := scaleShape(&t); want == nil || !slices.Equal(scales.shape, want) {
				return lstm.Tensor{}, fmt.Errorf("weights: tensor %q of shape %v has scales of shape %v", name, t.Shape, scales.shape)
			}
		}
	}
	return t, nil
}

// readHalves reads a weight tensor that stands as the bytes of its float16.
func readHalves(name string, take func(name, dtype string) (tensorInfo, []byte, error)) (t lstm.Tensor, err error) {
	info, high, err := take(name+highSuffix, "U8")
	if err != nil {
		return t, err
	}
	lower, low, err := take(name+lowSuffix, "U8")
	if err != nil {
		return t, err
	}
	if !slices.Equal(info.shape, lower.shape) {
		return t, fmt.Errorf("weights: tensor %q has shape %v, its lower bytes have %v", name, info.shape, lower.shape)
	}
	return lstm.Tensor{Shape: info.shape, Half: lstm.Halves{High: high, Low: low}}, nil
}

// int8s views raw as bytes with sign.
func int8s(raw []byte) []int8 {
	if len(raw) == 0 {
		return []int8{}
	}
	return unsafe.Slice((*int8)(unsafe.Pointer(unsafe.SliceData(raw))), len(raw))
}

func (f *File) readMetadata(m map[string]string) error {
	switch v, ok := m["format_version"]; {
	case !ok:
		return fmt.Errorf("weights: a safetensors file, but not a coldstream model: metadata format_version is missing")
	case v != FormatVersion:
		return fmt.Errorf("weights: format version %q is not supported; this program reads version %s", v, FormatVersion)
	}
	for _, want := range []string{"graph"} {
		if m[want] == "" {
			return fmt.Errorf("weights: metadata %s is missing", want)
		}
	}
	if err := decodeGraph(&f.Graph, viewBytes(m["graph"])); err != nil {
		return fmt.Errorf("weights: metadata graph: %w", err)
	}
	if s := m["labels"]; s != "" {
		var err error
		if f.Labels, err = decodeTexts(viewBytes(s)); err != nil {
			return fmt.Errorf("weights: metadata labels: %w", err)
		}
	}
	if f.DType = m["dtype"]; f.DType != "" && f.DType != F16 && f.DType != Int8 {
		return fmt.Errorf("weights: metadata dtype %q is not supported; this program reads %s and %s", f.DType, F16, Int8)
	}
	if s := m["dtype_loss"]; s != "" {
		f.Loss = new(Loss)
		if err := decodeLoss(f.Loss, viewBytes(s)); err != nil {
			return fmt.Errorf("weights: metadata dtype_loss: %w", err)
		}
	}
	f.Name, f.Tokenizer = m["name"], m["tokenizer"]
	f.KerasVersion, f.KerasConfig = m["keras_version"], m["keras_config"]
	f.SourceSHA256, f.Converter = m["source_sha256"], m["converter"]
	for k, v := range m {
		if slices.Contains(ownKeys, k) || strings.HasPrefix(k, goldenPrefix) {
			continue
		}
		if f.Notes == nil {
			f.Notes = make(map[string]string)
		}
		f.Notes[k] = v
	}
	return nil
}

// readGoldens reads golden.0, golden.1, ... as long as metadata names an origin.
func (f *File) readGoldens(m map[string]string, have map[string]tensorInfo, take func(name, dtype string) (tensorInfo, []byte, error)) error {
	for n := 0; ; n++ {
		prefix := goldenPrefix + strconv.Itoa(n)
		origin, ok := m[prefix+".origin"]
		if !ok {
			return nil
		}
		g := Golden{Origin: origin, Rows: -1}
		rows := func(name string, shape []int) error {
			if len(shape) == 0 || g.Rows >= 0 && g.Rows != shape[0] {
				return fmt.Errorf("weights: tensor %q of shape %v does not have the %d rows of its check vector", name, shape, g.Rows)
			}
			g.Rows = shape[0]
			return nil
		}
		for i := range f.Graph.Inputs {
			name := prefix + ".input." + strconv.Itoa(i)
			dtype := "F32"
			if have[name].dtype == "I32" {
				dtype = "I32"
			}
			t, raw, err := take(name, dtype)
			if err != nil {
				return err
			}
			if err := rows(name, t.shape); err != nil {
				return err
			}
			in := lstm.Input{Shape: t.shape[1:]}
			if dtype == "I32" {
				in.IDs = words[int32](raw)
			} else {
				in.Values = words[float32](raw)
			}
			g.Inputs = append(g.Inputs, in)
		}
		for i := range f.Graph.Outputs {
			name := prefix + ".output." + strconv.Itoa(i)
			t, raw, err := take(name, "F32")
			if err != nil {
				return err
			}
			if err := rows(name, t.shape); err != nil {
				return err
			}
			g.Outputs = append(g.Outputs, lstm.Tensor{Shape: t.shape, Data: words[float32](raw)})
		}
		if _, ok := have[prefix+".texts"]; ok {
			_, raw, err := take(prefix+".texts", "U8")
			if err != nil {
				return err
			}
			if g.Texts, err = decodeTexts(raw); err != nil {
				return fmt.Errorf("weights: tensor %q: %w", prefix+".texts", err)
			}
			if len(g.Texts) != g.Rows {
				return fmt.Errorf("weights: tensor %q has %d texts, want %d", prefix+".texts", len(g.Texts), g.Rows)
			}
		}
		f.Goldens = append(f.Goldens, g)
	}
}

// words views raw as little-endian elements, or copies them where the machine
// cannot.
func words[T float32 | int32 | uint32 | uint16](raw []byte) []T {
	size := int(unsafe.Sizeof(T(0)))
	n := len(raw) / size
	if n == 0 {
		return []T{}
	}
	little := binary.NativeEndian.Uint16([]byte{1, 0}) == 1
	if little && uintptr(unsafe.Pointer(unsafe.SliceData(raw)))%uintptr(size) == 0 {
		return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(raw))), n)
	}
	out := make([]T, n)
	for i := range out {
		switch p := any(&out[i]).(type) {
		case *float32:
			*p = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		case *int32:
			*p = int32(binary.LittleEndian.Uint32(raw[4*i:]))
		case *uint32:
			*p = binary.LittleEndian.Uint32(raw[4*i:])
		case *uint16:
			*p = binary.LittleEndian.Uint16(raw[2*i:])
		}
	}
	return out
}
