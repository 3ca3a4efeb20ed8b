package weights

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"unicode/utf8"

	"coldstream/internal/jsonscan"
)

// maxHeader bounds the JSON header of a safetensors file; the format's own
// limit is 100 MB, a text model's header holds a few kilobytes and the Keras
// configuration.
const maxHeader = 64 << 20

// maxTensors bounds the number of tensors in a file. The largest Keras text
// models have a few thousand.
const maxTensors = 1 << 16

// tensorInfo is one entry of a safetensors header.
type tensorInfo struct {
	name       string
	dtype      string
	shape      []int
	begin, end int // within the data section
}

// header is the JSON part of a safetensors file.
type header struct {
	metadata map[string]string
	tensors  []tensorInfo
}

// splitHeader returns the JSON header of the safetensors file b and its data section.
func splitHeader(b []byte) (head, data []byte, err error) {
	if len(b) < 8 {
		return nil, nil, fmt.Errorf("weights: %d bytes are too few for a safetensors file", len(b))
	}
	n := binary.LittleEndian.Uint64(b)
	if n > maxHeader || n > uint64(len(b)-8) {
		return nil, nil, fmt.Errorf("weights: not a safetensors file, or cut off: its header claims %d bytes, the file has %d", n, len(b))
	}
	return b[8 : 8+n], b[8+n:], nil
}

// usualTensors is room for the tensors of most headers.
const usualTensors = 32

// parseHeader reads the flat JSON of a safetensors header. It is a parser of
// its own for two reasons: a name that stands twice must be refused, where
// encoding/json keeps the last, and it runs at the start of every function.
func parseHeader(b []byte, dataLen int) (h header, err error) {
	p := headerParser{b: b}
	h.tensors = make([]tensorInfo, 0, usualTensors)
	err = p.object(func(key string) error {
		if key == "__metadata__" {
			if h.metadata != nil {
				return fmt.Errorf("__metadata__ stands twice")
			}
			h.metadata = make(map[string]string, 16)
			return p.object(func(k string) error {
				if _, ok := h.metadata[k]; ok {
					return fmt.Errorf("metadata %q stands twice", k)
				}
				v, err := p.str()
				h.metadata[k] = v
				return err
			})
		}
		if len(h.tensors) >= maxTensors {
			return fmt.Errorf("more than %d tensors", maxTensors)
		}
		t, err := p.tensor(key, dataLen)
		if err != nil {
			return fmt.Errorf("tensor %q: %w", key, err)
		}
		h.tensors = append(h.tensors, t)
		return nil
	})
	if err == nil {
		p.space()
		if p.i != len(p.b) {
			err = fmt.Errorf("byte %d: text after the header's object", p.i)
		}
	}
	if err != nil {
		return header{}, fmt.Errorf("weights: safetensors header: %w", err)
	}
	return h, checkTiling(h.tensors, dataLen)
}

// checkTiling demands, as the format does, that the tensors cover the data
// section without holes or overlaps. Writers list them in file order.
func checkTiling(ts []tensorInfo, dataLen int) error {
	at := 0
	for _, t := range ts {
		if t.begin != at {
			return fmt.Errorf("weights: tensor %q begins at byte %d of the data, want %d (tensors must stand in file order without holes)", t.name, t.begin, at)
		}
		at = t.end
	}
	if at != dataLen {
		return fmt.Errorf("weights: tensors cover %d bytes of data, the file has %d", at, dataLen)
	}
	return nil
}

// dtypeSize is the size in bytes of one element; 0 for a type this version does not know.
func dtypeSize(dtype string) int {
	switch dtype {
	case "U8", "I8":
		return 1
	case "F16":
		return 2
	case "F32", "I32", "U32":
		return 4
	}
	return 0
}

type headerParser struct {
	b    []byte
	i    int
	ints []int // room for lists of numbers
}

func (p *headerParser) space() {
	for p.i < len(p.b) && (p.b[p.i] == ' ' || p.b[p.i] == '\n' || p.b[p.i] == '\t' || p.b[p.i] == '\r') {
		p.i++
	}
}

func (p *headerParser) expect(c byte) error {
	p.space()
	if p.i >= len(p.b) || p.b[p.i] != c {
		return fmt.Errorf("byte %d: want %q", p.i, c)
	}
	p.i++
	return nil
}

// next reports whether the next byte after white space is c, and takes it if so.
func (p *headerParser) next(c byte) bool {
	p.space()
	if p.i < len(p.b) && p.b[p.i] == c {
		p.i++
		return true
	}
	return false
}

// object reads an object and calls member with each key, with the parser at the value.
func (p *headerParser) object(member func(key string) error) error {
	if err := p.expect('{'); err != nil {
		return err
	}
	if p.next('}') {
		return nil
	}
	for {
		key, err := p.str()
		if err != nil {
			return err
		}
		if err := p.expect(':'); err != nil {
			return err
		}
		if err := member(key); err != nil {
			return err
		}
		if p.next('}') {
			return nil
		}
		if err := p.expect(','); err != nil {
			return err
		}
	}
}

// str reads a string. One without escapes is a view of the header, so that
// reading a header costs nothing in proportion to its metadata.
func (p *headerParser) str() (string, error) {
	if err := p.expect('"'); err != nil {
		return "", err
	}
	start := p.i
	escaped := false
	for p.i < len(p.b) {
		switch c := p.b[p.i]; {
		case c == '"':
			raw := p.b[start:p.i]
			p.i++
			if !escaped {
				if !utf8.Valid(raw) {
					return "", fmt.Errorf("byte %d: string is not UTF-8", start)
				}
				return viewString(raw), nil
			}
			sc := jsonscan.New(p.b[start-1 : p.i])
			v := sc.Value()
			if !sc.End() {
				return "", fmt.Errorf("byte %d: %w", start, sc.Err())
			}
			return string(jsonscan.AppendString(make([]byte, 0, len(raw)), v)), nil
		case c == '\\':
			escaped = true
			p.i += 2
		case c < ' ':
			return "", fmt.Errorf("byte %d: control character in a string", p.i)
		default:
			p.i++
		}
	}
	return "", fmt.Errorf("byte %d: string without an end", start)
}

func (p *headerParser) integer() (int, error) {
	p.space()
	start := p.i
	for p.i < len(p.b) && p.b[p.i] >= '0' && p.b[p.i] <= '9' {
		p.i++
	}
	digits := p.b[start:p.i]
	if len(digits) > 1 && digits[0] == '0' {
		return 0, fmt.Errorf("byte %d: number with a leading zero", start)
	}
	n, err := strconv.ParseInt(viewString(digits), 10, 48) // 2^47 bytes are more than any file has, and sums cannot overflow
	if err != nil {
		return 0, fmt.Errorf("byte %d: want a whole number from 0 to 2^47", start)
	}
	return int(n), nil
}

func (p *headerParser) integers(most int) (list []int, err error) {
	if err := p.expect('['); err != nil {
		return nil, err
	}
	if p.next(']') {
		return nil, nil
	}
	if cap(p.ints)-len(p.ints) < most {
		p.ints = make([]int, 0, 64)
	}
	from := len(p.ints)
	for {
		n, err := p.integer()
		if err != nil {
			return nil, err
		}
		if len(p.ints)-from >= most {
			return nil, fmt.Errorf("byte %d: more than %d numbers", p.i, most)
		}
		p.ints = append(p.ints, n)
		if p.next(']') {
			return p.ints[from:len(p.ints):len(p.ints)], nil
		}
		if err := p.expect(','); err != nil {
			return nil, err
		}
	}
}

// tensor reads one entry and checks that its type, shape and place agree.
func (p *headerParser) tensor(name string, dataLen int) (t tensorInfo, err error) {
	t.name = name
	var seen [3]bool
	once := func(i int, key string) error {
		if seen[i] {
			return fmt.Errorf("%s stands twice", key)
		}
		seen[i] = true
		return nil
	}
	err = p.object(func(key string) (err error) {
		switch key {
		case "dtype":
			if err = once(0, key); err == nil {
				t.dtype, err = p.str()
			}
		case "shape":
			if err = once(1, key); err == nil {
				t.shape, err = p.integers(8)
			}
		case "data_offsets":
			if err = once(2, key); err == nil {
				var o []int
				if o, err = p.integers(2); err == nil && len(o) != 2 {
					err = fmt.Errorf("data_offsets has %d numbers, want 2", len(o))
				} else if err == nil {
					t.begin, t.end = o[0], o[1]
				}
			}
		default:
			err = fmt.Errorf("unknown key %q", key)
		}
		return err
	})
	if err != nil {
		return t, err
	}
	if seen != [3]bool{true, true, true} {
		return t, fmt.Errorf("dtype, shape or data_offsets is missing")
	}
	size := dtypeSize(t.dtype)
	if size == 0 {
		return t, fmt.Errorf("type %q is not supported by this version", t.dtype)
	}
	if t.begin > t.end || t.end > dataLen {
		return t, fmt.Errorf("bytes %d to %d do not lie within the %d bytes of data", t.begin, t.end, dataLen)
	}
	n := t.end - t.begin
	want, ok := product(t.shape, size, n)
	if !ok || want != n {
		return t, fmt.Errorf("shape %v of %s does not fit its %d bytes", t.shape, t.dtype, n)
	}
	return t, nil
}

// product multiplies size by the dimensions; ok is false when it would exceed most.
func product(shape []int, size, most int) (n int, ok bool) {
	n = size
	for _, d := range shape {
		if d == 0 {
			return 0, true
		}
	}
	for _, d := range shape {
		if d < 0 || n > most/d {
			return 0, false
		}
		n *= d
	}
	return n, true
}
