package weights

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"coldstream/lstm"
)

// fill gives every field of v a value that is not zero.
func fill(v reflect.Value, rng *rand.Rand) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), rng)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), rng)
		fill(v.Index(1), rng)
	case reflect.String:
		v.SetString([]string{"a", "ä\n\"", "\U0001F602", "</x>", "\u2028"}[rng.IntN(5)])
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int:
		v.SetInt(rng.Int64N(1<<40) - 1<<39)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(float32(rng.NormFloat64() * 1e-7)))
	default:
		panic("a field of a kind that decode.go does not know: " + v.Kind().String())
	}
}

// TestDecodeKnowsEveryField: what encoding/json writes of a graph and of a loss
// is read again, so no field of lstm.Node is forgotten in decode.go.
func TestDecodeKnowsEveryField(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for range 50 {
		var want lstm.Graph
		fill(reflect.ValueOf(&want).Elem(), rng)
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got lstm.Graph
		if err := decodeGraph(&got, text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v\nwant %+v", got, want)
		}
		var wantLoss, loss Loss
		fill(reflect.ValueOf(&wantLoss).Elem(), rng)
		if text, err = json.Marshal(wantLoss); err != nil {
			t.Fatal(err)
		}
		if err := decodeLoss(&loss, text); err != nil || loss != wantLoss {
			t.Fatalf("%s: got %+v, %v", text, loss, err)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for text, want := range map[string]string{
		``:                              "want an object",
		`{"nodes":[{"name":"a"}]} x`:    "unexpected text",
		`{"nodes":[{"name":"a"},]}`:     "want",
		`{"nodes":{}}`:                  "nodes is an object, want an array",
		`{"nodes":[3]}`:                 "node 0: want an object",
		`{"nodes":[{},{"onits":3}]}`:    `node 1: unknown field "onits"`,
		`{"nodes":[{"units":3.0}]}`:     "units is 3.0, want a whole number",
		`{"nodes":[{"units":"3"}]}`:     `units is "3", want a whole number`,
		`{"nodes":[{"units":1e99}]}`:    "units is 1e99",
		`{"nodes":[{"alpha":1e39}]}`:    "alpha is 1e39, want a number that float32 can hold",
		`{"nodes":[{"alpha":null}]}`:    "alpha is null",
		`{"nodes":[{"scale":1}]}`:       "scale is a number, want true or false",
		`{"nodes":[{"shape":[1,"2"]}]}`: "an element of shape",
		`{"nodes":[{"inputs":[null]}]}`: "an element of inputs is null",
		`{"edges":[]}`:                  `unknown field "edges"`,
	} {
		var g lstm.Graph
		if err := decodeGraph(&g, []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, expected %q", text, err, want)
		}
	}
}

// FuzzDecodeGraph: what is accepted is what encoding/json makes of it.
func FuzzDecodeGraph(f *testing.F) {
	var g lstm.Graph
	fill(reflect.ValueOf(&g).Elem(), rand.New(rand.NewPCG(1, 1)))
	text, err := json.Marshal(g)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"nodes":[],"inputs":["a","\ud83d\ude02"],"outputs":[]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var got, want lstm.Graph
		if decodeGraph(&got, text) != nil {
			return
		}
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&want); err != nil {
			t.Fatalf("%s: accepted, but %v", text, err)
		}
		if !reflect.DeepEqual(got, want) && !repeated(text) {
			t.Errorf("%s: got %+v, want %+v", text, got, want)
		}
	})
}

// repeated reports whether a name stands twice in an object of text: then
// encoding/json mixes what was read before with what comes later.
func repeated(text []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(text))
	var seen []map[string]bool // nil in an array
	var key []bool
	for {
		t, err := dec.Token()
		if err != nil {
			return false
		}
		n := len(seen) - 1
		if name, ok := t.(string); ok && n >= 0 && seen[n] != nil && key[n] {
			if seen[n][name] {
				return true
			}
			seen[n][name], key[n] = true, false
			continue
		}
		switch t {
		case json.Delim('{'):
			seen, key = append(seen, map[string]bool{}), append(key, true)
		case json.Delim('['):
			seen, key = append(seen, nil), append(key, false)
		case json.Delim('}'), json.Delim(']'):
			seen, key = seen[:n], key[:n]
			if n > 0 {
				key[n-1] = true
			}
		default:
			if n >= 0 {
				key[n] = true
			}
		}
	}
}
