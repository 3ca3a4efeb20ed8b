package weights

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"

	"coldstream/lstm"
)

// chunk is one tensor on its way into a file.
type chunk struct {
	name  string
	dtype string
	shape []int
	size  int
	put   func(dst []byte) []byte
}

// elementSize is the size in bytes of one element.
func (c *chunk) elementSize() int { return dtypeSize(c.dtype) }

func chunkOf[T float32 | int32 | uint32](name, dtype string, shape []int, data []T) chunk {
	return chunk{name, dtype, shape, 4 * len(data), func(dst []byte) []byte {
		for _, v := range data {
			var u uint32
			switch v := any(v).(type) {
			case float32:
				u = math.Float32bits(v)
			case int32:
				u = uint32(v)
			case uint32:
				u = v
			}
			dst = binary.LittleEndian.AppendUint32(dst, u)
		}
		return dst
	}}
}

func halfChunk(name string, shape []int, data []float32) (chunk, error) {
	for i, x := range data {
		if back := fromHalf(toHalf(x)); math.Float32bits(back) != math.Float32bits(x) {
			return chunk{}, fmt.Errorf("weights: tensor %q has %v at element %d, which is no float16", name, x, i)
		}
	}
	return chunk{name, "F16", shape, 2 * len(data), func(dst []byte) []byte {
		for _, x := range data {
			dst = binary.LittleEndian.AppendUint16(dst, toHalf(x))
		}
		return dst
	}}, nil
}

func int8Chunk(name string, shape []int, data []int8) chunk {
	return chunk{name, "I8", shape, len(data), func(dst []byte) []byte {
		for _, x := range data {
			dst = append(dst, byte(x))
		}
		return dst
	}}
}

func bytesChunk(name string, data []byte) chunk {
	return chunk{name, "U8", []int{len(data)}, len(data), func(dst []byte) []byte { return append(dst, data...) }}
}

// Append appends f as a safetensors file: the content of the compressed form.
// The bytes depend on f alone.
func (f *File) Append(dst []byte) ([]byte, error) {
	cs, err := f.paramChunks(f.DType == F16)
	if err != nil {
		return nil, err
	}
	m := f.metadata()
	if f.Tokenizer != "" {
		cs = append(cs, chunkOf(offsetsTensor, "U32", []int{len(f.Vocab.Offsets)}, f.Vocab.Offsets))
	}
	var texts []chunk
	for i, g := range f.Goldens {
		prefix := goldenPrefix + strconv.Itoa(i)
		m[prefix+".origin"] = g.Origin
		for j, in := range g.Inputs {
			name, shape := prefix+".input."+strconv.Itoa(j), append([]int{g.Rows}, in.Shape...)
			if in.IDs != nil {
				cs = append(cs, chunkOf(name, "I32", shape, in.IDs))
			} else {
				cs = append(cs, chunkOf(name, "F32", shape, in.Values))
			}
		}
		for j, out := range g.Outputs {
			cs = append(cs, chunkOf(prefix+".output."+strconv.Itoa(j), "F32", out.Shape, out.Data))
		}
		if g.Texts != nil {
			b, err := json.Marshal(g.Texts)
			if err != nil {
				return nil, fmt.Errorf("weights: check vector %d: %w", i, err)
			}
			texts = append(texts, bytesChunk(prefix+".texts", b))
		}
	}
	if f.Tokenizer != "" {
		cs = append(cs, bytesChunk(vocabTensor, f.Vocab.Bytes))
	}
	cs = append(cs, texts...)
	// Small elements come last, so that every larger one before them is aligned.
	slices.SortStableFunc(cs, func(a, b chunk) int { return b.elementSize() - a.elementSize() })
	return appendSafetensors(dst, m, cs)
}

// AppendUnpacked appends the unpacked form of f: no check vectors, no Keras
// configuration, every tensor at a multiple of 64 bytes, float16 weights as
// float32. f.Vocab.Index must be set if there is a tokenizer.
func (f *File) AppendUnpacked(dst []byte) ([]byte, error) {
	cs, err := f.paramChunks(false)
	if err != nil {
		return nil, err
	}
	m := f.metadata()
	delete(m, "keras_config")
	if f.Tokenizer != "" {
		if len(f.Vocab.Index) == 0 {
			return nil, fmt.Errorf("weights: the vocabulary has no index")
		}
		cs = append(cs,
			chunkOf(offsetsTensor, "U32", []int{len(f.Vocab.Offsets)}, f.Vocab.Offsets),
			chunkOf(indexTensor, "U32", []int{len(f.Vocab.Index)}, f.Vocab.Index),
			bytesChunk(vocabTensor, f.Vocab.Bytes))
	}
	return appendSafetensors(dst, m, aligned(cs))
}

// aligned puts a filling tensor behind each one that does not end at a
// multiple of the alignment: the format allows no holes.
func aligned(cs []chunk) []chunk {
	var out []chunk
	for _, c := range cs {
		out = append(out, c)
		if hole := -c.size & (alignment - 1); hole > 0 {
			out = append(out, bytesChunk(paddingPrefix+strconv.Itoa(len(out)), make([]byte, hole)))
		}
	}
	return out
}

// paramChunks lists the weight tensors, largest first (small ones then share
// pages), those of float32 as float16 if half.
func (f *File) paramChunks(half bool) ([]chunk, error) {
	used := make(map[string]bool)
	for _, n := range f.Graph.Nodes {
		for _, name := range n.Params {
			used[name] = true
		}
	}
	var cs []chunk
	for name := range used {
		t, ok := f.Params[name]
		if !ok {
			return nil, fmt.Errorf("weights: tensor %q is missing", name)
		}
		if n, ok := product(t.Shape, 1, t.Size()); !ok || n != t.Size() {
			return nil, fmt.Errorf("weights: tensor %q has %d values, its shape is %v", name, t.Size(), t.Shape)
		}
		if strings.HasPrefix(name, goldenPrefix) || strings.HasPrefix(name, paddingPrefix) || strings.HasPrefix(name, "tokenizer.") || name == "__metadata__" {
			return nil, fmt.Errorf("weights: a weight tensor cannot be called %q: the format uses that name", name)
		}
		switch {
		case t.Int8 != nil:
			shape := scaleShape(&t)
			if n, ok := product(shape, 1, len(t.Scale)); !ok || n != len(t.Scale) || t.Data != nil {
				return nil, fmt.Errorf("weights: tensor %q of shape %v has %d scales", name, t.Shape, len(t.Scale))
			}
			if used[name+scaleSuffix] {
				return nil, fmt.Errorf("weights: a weight tensor cannot be called %q: the scales of %q are", name+scaleSuffix, name)
			}
			cs = append(cs, int8Chunk(name, t.Shape, t.Int8), chunkOf(name+scaleSuffix, "F32", shape, t.Scale))
		case half:
			c, err := halfChunk(name, t.Shape, t.Data)
			if err != nil {
				return nil, err
			}
			cs = append(cs, c)
		default:
			cs = append(cs, chunkOf(name, "F32", t.Shape, t.Data))
		}
	}
	for name := range f.Params {
		if !used[name] {
			return nil, fmt.Errorf("weights: tensor %q belongs to no layer", name)
		}
	}
	sort.Slice(cs, func(i, j int) bool {
		if cs[i].size != cs[j].size {
			return cs[i].size > cs[j].size
		}
		return cs[i].name < cs[j].name
	})
	return cs, nil
}

// scaleShape returns the shape of the scales of bytes: times them, the bytes are
// the matrix, in every program that broadcasts as NumPy does. It is nil for
// bytes that are no matrix.
func scaleShape(t *lstm.Tensor) []int {
	switch {
	case len(t.Shape) == 2 && t.ScaleByRow:
		return []int{t.Shape[0], 1}
	case len(t.Shape) == 2:
		return []int{1, t.Shape[1]}
	case len(t.Shape) == 3 && t.Shape[0] == 1: // of lstm.Pack
		return []int{1, 2, t.Shape[2]}
	}
	return nil
}

func (f *File) metadata() map[string]string {
	m := make(map[string]string)
	maps.Copy(m, f.Notes)
	graph, err := json.Marshal(f.Graph)
	if err != nil {
		panic("weights: " + err.Error()) // a Graph holds strings, numbers and booleans only; NaN is refused by lstm.New
	}
	labels, err := json.Marshal(f.Labels)
	if err != nil {
		panic("weights: " + err.Error())
	}
	m["format_version"] = FormatVersion
	m["graph"] = string(graph)
	for k, v := range map[string]string{
		"name": f.Name, "dtype": f.DType, "tokenizer": f.Tokenizer, "keras_version": f.KerasVersion, "keras_config": f.KerasConfig,
		"source_sha256": f.SourceSHA256, "converter": f.Converter,
	} {
		if v != "" {
			m[k] = v
		}
	}
	if len(f.Labels) > 0 {
		m["labels"] = string(labels)
	}
	if f.Loss != nil {
		loss, err := json.Marshal(f.Loss)
		if err != nil {
			panic("weights: " + err.Error()) // finite numbers: measure and Parse see to it
		}
		m["dtype_loss"] = string(loss)
	}
	return m
}

// appendSafetensors appends length, header and data. The header is filled up
// with spaces so that the data begin at a multiple of the alignment.
func appendSafetensors(dst []byte, metadata map[string]string, cs []chunk) ([]byte, error) {
	head := []byte(`{"__metadata__":`)
	meta, err := json.Marshal(metadata) // sorted by key
	if err != nil {
		return nil, fmt.Errorf("weights: metadata: %w", err)
	}
	head = append(head, meta...)
	at := 0
	for _, c := range cs {
		name, err := json.Marshal(c.name)
		if err != nil {
			return nil, fmt.Errorf("weights: name of tensor %q: %w", c.name, err)
		}
		shape, err := json.Marshal(append([]int{}, c.shape...)) // a scalar's shape is [], not null
		if err != nil {
			return nil, fmt.Errorf("weights: shape of tensor %q: %w", c.name, err)
		}
		head = append(head, ',')
		head = append(head, name...)
		head = fmt.Appendf(head, `:{"dtype":%q,"shape":%s,"data_offsets":[%d,%d]}`, c.dtype, shape, at, at+c.size)
		at += c.size
	}
	head = append(head, '}')
	for (8+len(head))%alignment != 0 {
		head = append(head, ' ')
	}
	if len(head) > maxHeader {
		return nil, fmt.Errorf("weights: header of %d bytes exceeds the limit of %d", len(head), maxHeader)
	}
	dst = slices.Grow(dst, 8+len(head)+at)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(len(head)))
	dst = append(dst, head...)
	for _, c := range cs {
		dst = c.put(dst)
	}
	return dst, nil
}
