package pickle

import (
	"encoding/json"
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
)

// pair is a word and a number, an array in truth.json.
type pair Word

func (p *pair) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &[]any{&p.Word, &p.N}) }

// truth is what testdata/generate.py says of a file.
type truth struct {
	Bare          bool     `json:"bare"`
	Module        string   `json:"module"`
	WordIndex     []pair   `json:"word_index"`
	IndexWord     []pair   `json:"index_word"`
	WordCounts    []pair   `json:"word_counts"`
	NumWords      *float64 `json:"num_words"`
	Filters       string   `json:"filters"`
	Lower         bool     `json:"lower"`
	Split         string   `json:"split"`
	CharLevel     bool     `json:"char_level"`
	OOVToken      *string  `json:"oov_token"`
	DocumentCount int      `json:"document_count"`
	Extra         []string `json:"extra"`
}

func (w truth) fields() *Fields {
	wordList := func(pairs []pair) []Word {
		if pairs == nil {
			return nil
		}
		out := make([]Word, len(pairs))
		for i, p := range pairs {
			out[i] = Word(p)
		}
		return out
	}
	f := &Fields{
		Bare: w.Bare, Module: w.Module,
		WordIndex: wordList(w.WordIndex), IndexWord: wordList(w.IndexWord), WordCounts: wordList(w.WordCounts),
		Filters: w.Filters, Lower: w.Lower, Split: w.Split, CharLevel: w.CharLevel,
		OOVToken: w.OOVToken, DocumentCount: w.DocumentCount,
	}
	if w.NumWords != nil {
		n := int(*w.NumWords)
		f.NumWords = &n
	}
	if len(w.Extra) > 0 {
		f.Extra = w.Extra
	}
	return f
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestFilesReadLikePython: every pickle that Python 2 and 3 wrote, in every
// protocol, holds what Python saved, in the order of its dictionaries.
func TestFilesReadLikePython(t *testing.T) {
	for _, folder := range []string{"python2", "python3"} {
		var files map[string]truth
		if err := json.Unmarshal(read(t, folder+"/truth.json"), &files); err != nil {
			t.Fatal(err)
		}
		for name, want := range files {
			t.Run(folder+"/"+name, func(t *testing.T) {
				got, err := Tokenizer(read(t, folder+"/"+name+".pickle"))
				if err != nil {
					t.Fatal(err)
				}
				if want := want.fields(); !reflect.DeepEqual(got, want) {
					t.Errorf("got  %+v\nwant %+v", got, want)
				}
			})
		}
	}
}

// refusals says with which words files are refused.
var refusals = map[string]string{
	"keras/evil_biglen":                 "bytes are announced at byte",
	"keras/evil_frame":                  "a frame of 4611686018427387904 bytes",
	"keras/evil_laugh":                  "containers nested deeper than 4",
	"keras/evil_long":                   "an integer of more than 255 bytes (LONG4)",
	"keras/evil_memo":                   "memo slot 2147483647",
	"keras/evil_reduce":                 `"posix.system" is not part of a Keras Tokenizer`,
	"python2/refused_system":            `"posix.system" is not part of a Keras Tokenizer`,
	"python2/refused_set":               `"__builtin__.set" is not part of a Keras Tokenizer`,
	"python2/refused_analyzer_function": `"__builtin__.len" is not part of a Keras Tokenizer`,
	"python2/refused_latin1":            `a word of word_index is not valid UTF-8: "caf\xe9"`,
	"python2/refused_old_class_0":       "an instance of an old-style class (INST)",
	"python2/refused_old_class_1":       "an instance of an old-style class (OBJ)",
	"python3/refused_system":            `"posix.system" is not part of a Keras Tokenizer`,
	"python3/refused_set":               `"__builtin__.set" is not part of a Keras Tokenizer`,
	"python3/refused_analyzer_function": `"__builtin__.len" is not part of a Keras Tokenizer`,
	"python3/refused_surrogate":         "a word of word_index is not valid UTF-8",
	"python3/refused_surrogate_0":       "a word of word_index is not valid UTF-8",
	"python3/refused_bytes":             "a dictionary with a key of type bytes",
	"python3/refused_bytearray":         "a bytearray is not part of a Tokenizer",
	"python3/refused_long4":             "an integer of more than 255 bytes (LONG4)",
	"refused_two":                       "the file holds 2 Tokenizers",
	"refused_none":                      "the file holds no Keras Tokenizer but a dict, and not one from words to integers",
	"refused_unfitted":                  "the Tokenizer has no attribute word_index: it has not been fitted",
	"refused_analyzer":                  "an analyzer of its own (str)",
	"refused_word_index":                "word_index is of type list instead of dict",
	"refused_lower":                     "lower is of type str instead of bool",
	"refused_split":                     "split is of type None instead of str",
	"refused_num_words":                 "num_words is of type str instead of int",
	"refused_oov_token":                 "oov_token is of type bool instead of str",
	"refused_document_count":            "document_count is -1, outside 0 to 2147483647",
	"refused_index":                     "a number of word_index is 1099511627776, outside",
	"refused_long":                      "an integer of 13 bytes is not part",
	"refused_key":                       "a dictionary with a key of type tuple",
	"refused_subclass":                  `"__main__.MyTokenizer" is not part of a Keras Tokenizer`,
}

// TestRefusalsNameTheReason: what is no Tokenizer, or not only, is refused in
// words; nothing in it is executed or allocated.
func TestRefusalsNameTheReason(t *testing.T) {
	for _, folder := range []string{"keras", "python2", "python3"} {
		entries, err := os.ReadDir(filepath.Join("testdata", folder))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			name := strings.TrimSuffix(e.Name(), ".pickle")
			if !strings.HasPrefix(name, "refused_") && !strings.HasPrefix(name, "evil_") {
				continue
			}
			t.Run(folder+"/"+name, func(t *testing.T) {
				words, ok := refusals[folder+"/"+name]
				if !ok {
					words, ok = refusals[name]
				}
				if !ok {
					t.Fatal("no words are expected for this file")
				}
				_, err := Tokenizer(read(t, folder+"/"+e.Name()))
				wantError(t, err, words)
			})
		}
	}
}

func wantError(t *testing.T, err error, words string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), words) {
		t.Fatalf("error %v, want one with %q", err, words)
	}
	if !errors.Is(err, ErrRefused) && !errors.Is(err, ErrDamaged) || !strings.HasPrefix(err.Error(), "pickle: ") {
		t.Errorf("error %q is of no documented kind", err)
	}
}

// TestKerasPickles: files of Keras 1 and Keras 3 with a few thousand words, alone
// and within other values.
func TestKerasPickles(t *testing.T) {
	var want struct {
		WordIndex map[string]int `json:"word_index"`
	}
	if err := json.Unmarshal(read(t, "keras/truth.json"), &want); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"k1_p2", "k3_p4", "wrap_tuple", "wrap_dict", "bare_word_index"} {
		f, err := Tokenizer(read(t, "keras/"+name+".pickle"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		// An OOV token takes index 1 and moves the words up.
		shift, oov := 0, ""
		if f.OOVToken != nil {
			shift, oov = 1, *f.OOVToken
		}
		got := map[string]int{}
		for _, w := range f.WordIndex {
			if w.Word != oov {
				got[w.Word] = w.N - shift
			}
		}
		if !maps.Equal(got, want.WordIndex) || len(got)+shift != len(f.WordIndex) {
			t.Errorf("%s: %d words, want %d", name, len(f.WordIndex), len(want.WordIndex))
		}
		if f.Bare != (name == "bare_word_index") {
			t.Errorf("%s: Bare is %v", name, f.Bare)
		}
	}
}

// TestRealPickle reads one found beside a model.
func TestRealPickle(t *testing.T) {
	root := os.Getenv("COLDSTREAM_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "data")
	}
	b, err := os.ReadFile(filepath.Join(root, "keras", "models", "hospital_lstm32_keras3.10.tokenizer.pkl"))
	if err != nil {
		t.Skip("the shared Keras models are not here; set COLDSTREAM_DATA to their folder")
	}
	f, err := Tokenizer(b)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.WordIndex) < 1000 || len(f.IndexWord) != len(f.WordIndex) || f.Module == "" || len(f.Extra) != 0 {
		t.Errorf("%d words, %d indices, module %q, extra %q", len(f.WordIndex), len(f.IndexWord), f.Module, f.Extra)
	}
}

// TestEveryCutIsDamaged: no beginning of a pickle passes for the pickle.
func TestEveryCutIsDamaged(t *testing.T) {
	for _, name := range []string{"python2/protocol0", "python3/protocol1", "python3/protocol5"} {
		b := read(t, name+".pickle")
		for n := range b {
			if _, err := Tokenizer(b[:n]); !errors.Is(err, ErrDamaged) {
				t.Fatalf("%s cut to %d of %d bytes: error %v", name, n, len(b), err)
			}
		}
	}
}

// TestMachineRefusals: inputs made by hand, for what picklers do not write.
func TestMachineRefusals(t *testing.T) {
	for _, c := range []struct{ name, in, words string }{
		{"empty", "", "the pickle ends early, at byte 0"},
		{"JSON", `{"config": 1}`, `this is not a pickle: it begins with "{"`},
		{"protocol 6", "\x80\x06.", "pickle protocol 6 is not known"},
		{"unknown opcode", "N\xff", "unknown opcode 0xff at byte 1"},
		{"empty stack", ".", "1 values are wanted from a stack of 0"},
		{"mark as a result", "(.", "a mark is used as a value"},
		{"no mark", "Nt.", "no mark is on the stack"},
		{"odd items", "}(Nu.", "a key without a value"},
		{"items on None", "NNNs.", "items are set on a None"},
		{"append to None", "NNa.", "items are appended to a None"},
		{"memo not written", "h\x00.", "memo slot 0 is read before it is written"},
		{"memo slot ahead", "Nq\xff.", "memo slot 255 is used at byte 3"},
		{"persistent id", "Pid\n.", "a persistent id is not part of a Tokenizer"},
		{"extension", "\x82\x01.", "an extension code is not part of a Tokenizer"},
		{"keywords", "NN}\x92.", "a call with keywords"},
		{"call of int", "c__builtin__\nint\n(I1\ntR.", `a call of "__builtin__.int" is not part`},
		{"call of a Tokenizer", "ckeras.preprocessing.text\nTokenizer\n)R.", `a call of "keras.preprocessing.text.Tokenizer" is not part`},
		{"new OrderedDict", "ccollections\nOrderedDict\n)\x81.", `a new "collections.OrderedDict" is not part`},
		{"call of a number", "I1\n)R.", "a int is called with a tuple"},
		{"state of a dict", "}}b.", "a dict with a state of type dict is not part"},
		{"no attributes", "ckeras.preprocessing.text\nTokenizer\n)\x81.", "the Tokenizer has no attributes"},
		{"another Tokenizer", "ctransformers\nTokenizer\n)\x81.", `"transformers.Tokenizer" is not part`},
		{"long name", "c" + strings.Repeat("m", 1000) + "\nf\n.", strings.Repeat("m", 100) + `..." is not part`},
		{"default of a call", "ccollections\ndefaultdict\nccollections\nOrderedDict\n\x85R.", "a defaultdict of the class"},
		{"bare with text", "}X\x01\x00\x00\x00aX\x01\x00\x00\x00bs.", "holds no Keras Tokenizer but a dict, and not one from words to integers"},
		{"bare, empty", "}.", "holds no Keras Tokenizer but a dict"},
		{"integer line", "I1x\n.", "the integer before byte 4 is malformed"},
		{"string escape", `S'\q'` + "\n.", "an unknown escape in a string"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Tokenizer([]byte(c.in))
			wantError(t, err, c.words)
		})
	}
}

// TestOpcodesBuildPythonsValues: the opcodes for plain values that the files do
// not use, and those that move values about.
func TestOpcodesBuildPythonsValues(t *testing.T) {
	for in, want := range map[string]any{
		"N.": nil, "I01\n.": true, "I00\n.": false, "\x88.": true, "\x89.": false,
		"I-7\n.": int64(-7), "L7L\n.": int64(7), "L-7L\n.": int64(-7), "K\xff.": int64(255), "M\xff\xff.": int64(65535),
		"J\xff\xff\xff\xff.": int64(-1), "\x8a\x00.": int64(0), "\x8a\x01\xff.": int64(-1), "\x8a\x02\x00\x80.": int64(-32768),
		"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f.": int64(math.MaxInt64),
		"F2.5\n.":                            2.5,
		"G\xc0\x04\x00\x00\x00\x00\x00\x00.": -2.5,
		"U\x02ab.":                           "ab", "T\x02\x00\x00\x00ab.": "ab", "X\x02\x00\x00\x00ab.": "ab", "\x8c\x02ab.": "ab",
		"\x8d\x02\x00\x00\x00\x00\x00\x00\x00ab.": "ab",
		"C\x02ab.": rawBytes("ab"), "B\x02\x00\x00\x00ab.": rawBytes("ab"),
		"\x8e\x02\x00\x00\x00\x00\x00\x00\x00ab.": rawBytes("ab"),
		"NI1\n0.": nil, "N(I1\nI2\n1.": nil, "I1\n2\x86.": &tuple{[]any{int64(1), int64(1)}},
		"(NNNt.": &tuple{[]any{nil, nil, nil}}, "NNN\x87.": &tuple{[]any{nil, nil, nil}}, ").": &tuple{},
		"(NNl.": &list{[]any{nil, nil}}, "]NaNa.": &list{[]any{nil, nil}}, "](NNe.": &list{[]any{nil, nil}},
		"I5\np0\n0g0\n.": int64(5), "I5\nq\x000h\x00.": int64(5), "I5\nr\x01\x00\x00\x000j\x01\x00\x00\x00.": int64(5),
		"(I1\nNd.": &dict{keys: []any{int64(1)}, values: []any{nil}},
	} {
		if got := load([]byte(in)); !reflect.DeepEqual(got, want) {
			t.Errorf("%q builds %#v, want %#v", in, got, want)
		}
	}
}

// TestTexts: the escapes of protocol 0.
func TestTexts(t *testing.T) {
	for in, want := range map[string]string{
		`V\u00e9\u4f60` + "\xe9": "é你é", `V\U0001f600`: "😀", `V\ud83d\ude00`: "😀", `Va\u005cb\u000ac`: "a\\b\nc",
		`S'it\'s "so" \\ \x41\t'`: "it's \"so\" \\ A\t", `S"it's"`: "it's",
	} {
		f, err := Tokenizer([]byte("}" + in + "\nI1\ns."))
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got := f.WordIndex; !slices.Equal(got, []Word{{want, 1}}) {
			t.Errorf("%s: %v, want %q", in, got, want)
		}
	}
}

// TestDictionariesKeepPythonsOrder: a key assigned again keeps its place and takes
// the new value, in small and in large dictionaries.
func TestDictionariesKeepPythonsOrder(t *testing.T) {
	for _, n := range []int{3, smallDict - 1, smallDict, 1000} {
		d := &dict{}
		for round := range 2 {
			for i := range n {
				d.set(int64(n-i), int64(round))
			}
		}
		if len(d.keys) != n || d.keys[0] != int64(n) || d.values[n-1] != int64(1) {
			t.Errorf("%d keys: %d are there, first %v, last value %v", n, len(d.keys), d.keys[0], d.values[len(d.values)-1])
		}
	}
}

func allocated(f func()) uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	before := sample[0].Value.Uint64()
	f()
	metrics.Read(sample)
	return sample[0].Value.Uint64() - before
}

// memoryPerByte bounds what a pickle allocates, beside a constant for what the
// runtime does meanwhile.
const memoryPerByte = 400

// TestMemoryIsBounded: repetitions of the opcodes that cost most per byte.
func TestMemoryIsBounded(t *testing.T) {
	const n = 1 << 18
	for name, in := range map[string]string{
		"marks":      strings.Repeat("(", n),
		"dicts":      strings.Repeat("}", n),
		"lists":      strings.Repeat("]", n),
		"tuples":     strings.Repeat(")\x85", n),
		"copies":     "]" + strings.Repeat("2", n),
		"memo":       "N" + strings.Repeat("\x94", n),
		"doubling":   "]" + strings.Repeat("2\x86", n),
		"small keys": "}(" + strings.Repeat("K\x01N", n) + "u.",
		"keys":       "}" + strings.Repeat("J\x01\x02\x03\x04Ns", n/8),
	} {
		var err error
		got := allocated(func() { _, err = Tokenizer([]byte(in)) })
		if limit := uint64(memoryPerByte * len(in)); got > limit {
			t.Errorf("%s: %d bytes allocated for %d, at most %d allowed (error %v)", name, got, len(in), limit, err)
		}
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// FuzzTokenizer: nothing panics, memory stays bounded, and what is read is
// consistent.
func FuzzTokenizer(f *testing.F) {
	for _, pattern := range []string{"python2/*.pickle", "python3/*.pickle", "keras/evil_*.pickle"} {
		files, err := filepath.Glob(filepath.Join("testdata", filepath.FromSlash(pattern)))
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range files {
			b, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var fields *Fields
		var err error
		n := allocated(func() { fields, err = Tokenizer(b) })
		if limit := uint64(16<<20 + memoryPerByte*len(b)); n > limit {
			t.Errorf("%d bytes allocated for a pickle of %d, at most %d allowed", n, len(b), limit)
		}
		if (err == nil) != (fields != nil) {
			t.Errorf("fields %v, error %v", fields, err)
		}
		if err == nil {
			seen := map[string]bool{}
			for _, w := range fields.WordIndex {
				if seen[w.Word] || w.N < 0 {
					t.Errorf("word %q twice or with index %d", w.Word, w.N)
				}
				seen[w.Word] = true
			}
		}
	})
}
