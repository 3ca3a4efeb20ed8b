package weights

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"

	"coldstream/internal/half"
	"coldstream/lstm"
)

// chunk is one tensor on its way into a file.
type chunk struct {
	name  string
	dtype string
	shape []int
	size  int
	// put appends the elements from up to but not including to.
	put func(dst []byte, from, to int) []byte
}

// elementSize is the size in bytes of one element.
func (c *chunk) elementSize() int { return dtypeSize(c.dtype) }

func chunkOf[T float32 | int32 | uint32](name, dtype string, shape []int, data []T) chunk {
	return chunk{name, dtype, shape, 4 * len(data), func(dst []byte, from, to int) []byte {
		for _, v := range data[from:to] {
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

// checkHalves demands that data is float16 already.
func checkHalves(name string, data []float32) error {
	for i, x := range data {
		if back := half.From(half.To(x)); math.Float32bits(back) != math.Float32bits(x) {
			return fmt.Errorf("weights: tensor %q has %v at element %d, which is no float16", name, x, i)
		}
	}
	return nil
}

// toHalves returns data as float16, in parts.
func toHalves(name string, data []float32) (lstm.Halves, error) {
	h := lstm.Halves{High: make([]byte, len(data)), Low: make([]byte, len(data))}
	for i, x := range data {
		u := half.To(x)
		h.High[i], h.Low[i] = byte(u>>8), byte(u)
	}
	return h, checkHalves(name, data)
}

func halfChunk(name string, shape []int, data []float32) (chunk, error) {
	if err := checkHalves(name, data); err != nil {
		return chunk{}, err
	}
	return chunk{name, "F16", shape, 2 * len(data), func(dst []byte, from, to int) []byte {
		for _, x := range data[from:to] {
			dst = binary.LittleEndian.AppendUint16(dst, half.To(x))
		}
		return dst
	}}, nil
}

func int8Chunk(name string, shape []int, data []int8) chunk {
	return chunk{name, "I8", shape, len(data), func(dst []byte, from, to int) []byte {
		for _, x := range data[from:to] {
			dst = append(dst, byte(x))
		}
		return dst
	}}
}

func bytesChunk(name string, data []byte) chunk {
	return chunk{name, "U8", []int{len(data)}, len(data), func(dst []byte, from, to int) []byte { return append(dst, data[from:to]...) }}
}

// Append appends f as a safetensors file: the content of the compressed form.
// The bytes depend on f alone.
func (f *File) Append(dst []byte) ([]byte, error) {
	m, cs, err := f.chunks()
	if err != nil {
		return nil, err
	}
	return appendSafetensors(dst, m, cs)
}

// Write gives to w what Append appends, in pieces. Before the first one it
// calls begin with the number of bytes that there will be.
func (f *File) Write(w io.Writer, begin func(size int64) error) error {
	m, cs, err := f.chunks()
	if err != nil {
		return err
	}
	head, data, err := safetensorsHead(m, cs)
	if err != nil {
		return err
	}
	if err := begin(int64(len(head) + data)); err != nil {
		return err
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	const piece = 1 << 16 // elements
	var b []byte
	for _, c := range cs {
		n := c.size / c.elementSize()
		for from := 0; from < n; from += piece {
			b = c.put(b[:0], from, min(from+piece, n))
			if _, err := w.Write(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// chunks lists the metadata and the tensors of the compressed form.
func (f *File) chunks() (map[string]string, []chunk, error) {
	cs, err := f.paramChunks(func(string) bool { return f.DType == F16 }, func(string) bool { return false })
	if err != nil {
		return nil, nil, err
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
				return nil, nil, fmt.Errorf("weights: check vector %d: %w", i, err)
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
	return m, cs, nil
}

// AppendUnpacked appends the unpacked form of f: no check vectors, no Keras
// configuration, every tensor at a multiple of 64 bytes, float16 weights as
// float32 but for embeddings, whose rows are made float32 when they are used:
// they are two tensors of bytes, see lstm.Halves. f.Vocab.Index must be set if
// there is a tokenizer.
func (f *File) AppendUnpacked(dst []byte) ([]byte, error) {
	embeddings := f.embeddings()
	cs, err := f.paramChunks(func(string) bool { return false }, func(name string) bool { return f.DType == F16 && embeddings[name] })
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

// embeddings returns the weight tensors that are tables of embeddings and
// nothing else.
func (f *File) embeddings() map[string]bool {
	is := make(map[string]bool)
	for _, n := range f.Graph.Nodes {
		for _, name := range n.Params {
			if before, ok := is[name]; !ok || before {
				is[name] = n.Op == lstm.OpEmbedding
			}
		}
	}
	return is
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
// pages), those of float32 that are to be halved as float16, or as the two bytes
// of each float16 apart.
func (f *File) paramChunks(halved, planes func(name string) bool) ([]chunk, error) {
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
		case t.Half.High != nil || planes(name):
			if used[name+highSuffix] || used[name+lowSuffix] {
				return nil, fmt.Errorf("weights: a weight tensor cannot be called %q or %q: the bytes of %q are", name+highSuffix, name+lowSuffix, name)
			}
			h := t.Half
			if h.High == nil {
				var err error
				if h, err = toHalves(name, t.Data); err != nil {
					return nil, err
				}
			}
			high, low := bytesChunk(name+highSuffix, h.High), bytesChunk(name+lowSuffix, h.Low)
			high.shape, low.shape = t.Shape, t.Shape
			cs = append(cs, high, low)
		case halved(name):
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

// appendSafetensors appends length, header and data.
func appendSafetensors(dst []byte, metadata map[string]string, cs []chunk) ([]byte, error) {
	head, data, err := safetensorsHead(metadata, cs)
	if err != nil {
		return nil, err
	}
	dst = slices.Grow(dst, len(head)+data)
	dst = append(dst, head...)
	for _, c := range cs {
		dst = c.put(dst, 0, c.size/c.elementSize())
	}
	return dst, nil
}

// safetensorsHead returns length and header, and the number of bytes of data
// behind them. The header is filled up with spaces so that the data begin at a
// multiple of the alignment.
func safetensorsHead(metadata map[string]string, cs []chunk) (head []byte, data int, err error) {
	head = append(make([]byte, 8), `{"__metadata__":`...)
	meta, err := json.Marshal(metadata) // sorted by key
	if err != nil {
		return nil, 0, fmt.Errorf("weights: metadata: %w", err)
	}
	head = append(head, meta...)
	at := 0
	for _, c := range cs {
		name, err := json.Marshal(c.name)
		if err != nil {
			return nil, 0, fmt.Errorf("weights: name of tensor %q: %w", c.name, err)
		}
		shape, err := json.Marshal(append([]int{}, c.shape...)) // a scalar's shape is [], not null
		if err != nil {
			return nil, 0, fmt.Errorf("weights: shape of tensor %q: %w", c.name, err)
		}
		head = append(head, ',')
		head = append(head, name...)
		head = fmt.Appendf(head, `:{"dtype":%q,"shape":%s,"data_offsets":[%d,%d]}`, c.dtype, shape, at, at+c.size)
		at += c.size
	}
	head = append(head, '}')
	for len(head)%alignment != 0 {
		head = append(head, ' ')
	}
	if len(head)-8 > maxHeader {
		return nil, 0, fmt.Errorf("weights: header of %d bytes exceeds the limit of %d", len(head)-8, maxHeader)
	}
	binary.LittleEndian.PutUint64(head, uint64(len(head)-8))
	return head, at, nil
}
