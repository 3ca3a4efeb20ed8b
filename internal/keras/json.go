package keras

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf8"
)

// Bounds on a config. The largest real ones have some hundred layers, a few
// kilobytes each, and nest models three or four deep at about six levels each.
const (
	maxConfigBytes = 64 << 20
	maxConfigDepth = 200
)

// object is a JSON object.
type object = map[string]any

// decodeJSON reads one JSON value into map[string]any, []any, string,
// json.Number, bool and nil. Unlike encoding/json it refuses an object with the
// same key twice, where the last one would silently win, and deep nesting.
func decodeJSON(b []byte) (any, error) {
	if len(b) > maxConfigBytes {
		return nil, fmt.Errorf("%d bytes of JSON; at most %d are read", len(b), maxConfigBytes)
	}
	if !utf8.Valid(b) {
		return nil, errors.New("JSON that is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	v, err := decodeValue(d, 0)
	if err != nil {
		return nil, jsonError(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("more after the end of the JSON value")
	}
	return v, nil
}

func jsonError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("JSON ends early")
	}
	return err
}

func decodeValue(d *json.Decoder, depth int) (any, error) {
	if depth > maxConfigDepth {
		return nil, fmt.Errorf("JSON nested more than %d deep", maxConfigDepth)
	}
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('{'):
		return decodeObject(d, depth)
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := decodeValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, err
	}
	return t, nil
}

func decodeObject(d *json.Decoder, depth int) (any, error) {
	o := object{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		key := t.(string) // the decoder accepts nothing else here
		if _, dup := o[key]; dup {
			return nil, fmt.Errorf("JSON object with the key %q twice", key)
		}
		if o[key], err = decodeValue(d, depth+1); err != nil {
			return nil, err
		}
	}
	_, err := d.Token()
	return o, err
}

// jsonText is v as compact JSON, for messages and listings.
func jsonText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// sameJSON reports whether a and b are the same value; 1 and 1.0 are.
func sameJSON(a, b any) bool {
	x, aok := number(a)
	y, bok := number(b)
	if aok && bok {
		return x == y
	}
	return jsonText(a) == jsonText(b)
}

func number(v any) (float64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	return f, err == nil && !math.IsInf(f, 0)
}

func integer(v any) (int, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	i, err := strconv.Atoi(string(n))
	return i, err == nil
}

func asString(v any) string { s, _ := v.(string); return s }
func asObject(v any) object { o, _ := v.(object); return o }
