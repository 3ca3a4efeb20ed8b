package text

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// savedByKeras returns the files that Tokenizer.to_json() made.
func savedByKeras(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "tokenizer_*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no saved tokenizers in testdata: %v", err)
	}
	all := make(map[string][]byte)
	for _, file := range files {
		if all[file], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestSavedTokenizersAreRead(t *testing.T) {
	var truth kerasTexts
	readTruth(t, "keras_texts.json", &truth)
	for file, data := range savedByKeras(t) {
		c, v, err := ParseJSON(data)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		// The words follow from the options: they were fitted on these texts.
		want, err := Fit(c, slices.Values(truth.Fitted[:24]))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(v.Bytes, want.Bytes) || !slices.Equal(v.Offsets, want.Offsets) {
			t.Errorf("%s: other words than those of the texts", file)
		}
		if !slices.ContainsFunc(truth.Cases, func(k struct {
			Name   string
			Config json.RawMessage
			Words  []string
			IDs    [][]int32
			Padded [][]int32
		}) bool {
			fitted, err := ParseConfig(k.Config)
			fitted.MaxLen, fitted.Padding, fitted.Truncating = c.MaxLen, c.Padding, c.Truncating
			return err == nil && fmt.Sprint(show(fitted)) == fmt.Sprint(show(c))
		}) {
			t.Errorf("%s: no case has the options %v", file, show(c))
		}
	}
}

func TestFormsOfSavedTokenizersGiveTheSameWords(t *testing.T) {
	saved, err := os.ReadFile(filepath.Join("testdata", "tokenizer_defaults.json"))
	if err != nil {
		t.Fatal(err)
	}
	c, want, err := ParseJSON(saved)
	if err != nil {
		t.Fatal(err)
	}
	var outer struct {
		Config map[string]any
	}
	if err := json.Unmarshal(saved, &outer); err != nil {
		t.Fatal(err)
	}
	marshal := func(v any) []byte {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	wordIndex := []byte(outer.Config["word_index"].(string))
	own, err := c.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	words := make([]string, want.Len())
	for id := range words {
		words[id] = string(want.Word(id))
	}
	forms := map[string][]byte{
		"to_json written by json.dump": marshal(string(saved)),
		"config alone":                 marshal(outer.Config),
		"word_index alone":             wordIndex,
		"with byte order mark":         append([]byte("\ufeff"), saved...),
		"word_index as an object":      []byte(`{"word_index":` + string(wordIndex) + `}`),
		"our own":                      slices.Concat([]byte(`{"config":`), own, []byte(`,"vocab":`), marshal(words), []byte("}")),
	}
	for name, data := range forms {
		gotConfig, got, err := ParseJSON(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !bytes.Equal(got.Bytes, want.Bytes) || !slices.Equal(got.Offsets, want.Offsets) {
			t.Errorf("%s: other words", name)
		}
		if got, want := fmt.Sprint(show(gotConfig)), fmt.Sprint(show(c)); got != want {
			t.Errorf("%s: config %s, want %s", name, got, want)
		}
	}
}

func TestWordsThatNoTextHasLeaveHoles(t *testing.T) {
	_, v, err := ParseJSON([]byte(`{"a": 1, "\ud83d": 2, "\ufffd": 3, "x\udc00\ud800": 4, "x\udc00\ud801": 7, "\\ufffd": 5, "\ud83d\ude00": 6, "<PAD>": 0}`))
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range []string{"<PAD>", "a", "", "\ufffd", "", `\ufffd`, "😀", ""} {
		if got := string(v.Word(id)); got != want {
			t.Errorf("id %d is %q, want %q", id, got, want)
		}
	}
	if _, v, err = FromFields(KerasConfig(), map[string]int64{"a": 1, "caf\xe9": 2, "café": 3}); err != nil {
		t.Fatal(err)
	}
	if id, ok := v.ID("caf\xe9"); ok || v.Len() != 4 {
		t.Errorf("%d ids; a word that is not UTF-8 has id %d", v.Len(), id)
	}
}

func TestKerasDefaultsApplyToWhatIsNotSaid(t *testing.T) {
	c, _, err := ParseJSON([]byte(`{"class_name": "Tokenizer", "config": {"nb_words": 7e3, "word_index": "{\"a\": 1}"}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := KerasConfig()
	want.NumWords = 7000
	if fmt.Sprint(show(c)) != fmt.Sprint(show(want)) {
		t.Errorf("config %v, want %v", show(c), show(want))
	}
}

func TestErrorsNameFieldAndValue(t *testing.T) {
	config := func(member string) string { return `{"word_index": "{\"a\": 1}", ` + member + `}` }
	own := `{"kind":"keras","lower":true,"filters":"","split":" ","char_level":false,"num_words":0,"oov_token":null,"maxlen":3,"padding":"pre","truncating":"pre"}`
	with := func(old, new string) string {
		if !strings.Contains(own, old) {
			t.Fatalf("%s is not in %s", old, own)
		}
		return strings.Replace(own, old, new, 1)
	}
	pieces := `{"kind":"wordpiece","clean":["posts"],"oov_token":"<unk>","maxlen":3,"padding":"post","truncating":"post"`
	tokenizer := func(s string) error { _, _, err := ParseJSON([]byte(s)); return err }
	description := func(s string) error { _, err := ParseConfig([]byte(s)); return err }
	for _, c := range []struct {
		read      func(string) error
		doc, want string
	}{
		{tokenizer, ``, `tokenizer: not valid JSON: unexpected end at byte 0`},
		{tokenizer, `[]`, `tokenizer: the vocabulary does not begin with`},
		{tokenizer, `"\"x\""`, `tokenizer: neither Tokenizer.to_json()`},
		{tokenizer, `{"a": 1`, `tokenizer: not valid JSON: unexpected end at byte 7`},
		{tokenizer, `{"a": 1} x`, `unexpected text behind the value`},
		{tokenizer, `{"version": "1.0"}`, `an array of words: word "version" has the id "1.0"`},
		{tokenizer, `{"a": 1.5}`, `word "a" has the id 1.5, want a whole number`},
		{tokenizer, `{"a": 1, "a": 2}`, `word "a" occurs twice`},
		{tokenizer, `{"a": 1, "b": 1}`, `and another word have the id 1`},
		{tokenizer, `{"a": -1}`, `word "a" has the id -1, want 0 to 1048576`},
		{tokenizer, `{"a": 99999999}`, `word "a" has the id 99999999, want 0 to 1048576`},
		{tokenizer, `{"config": {}, "vocab": []}`, `tokenizer: kind is missing`},
		{tokenizer, `{"vocab": []}`, `tokenizer: kind is "", want "keras", "wordpiece" or "textvectorization"`},
		{tokenizer, `{"vocab": [], "words": 1}`, `tokenizer: unknown field "words"`},
		{tokenizer, `{"a": 99999999999999999999}`, `word "a" has the id 99999999999999999999, want a whole number`},
		{tokenizer, `{"class_name": "TextVectorization", "config": {}}`, `class_name is "TextVectorization", want "Tokenizer"`},
		{tokenizer, `{"class_name": "Tokenizer", "config": {"lower": true}}`, `word_index is missing`},
		{tokenizer, config(`"num_words": "10"`), `num_words is "10", want a whole number`},
		{tokenizer, config(`"num_words": 10.5`), `num_words is 10.5, want a whole number`},
		{tokenizer, config(`"num_words": -1`), `num_words is -1, want a number above 0`},
		{tokenizer, config(`"lower": 1`), `lower is 1, want true or false`},
		{tokenizer, config(`"split": ""`), `split is "", want at least one character`},
		{tokenizer, config(`"split": null`), `split is null, want a string`},
		{tokenizer, config(`"filters": ["ab"]`), `filters is ["ab"], want single characters`},
		{tokenizer, config(`"oov_token": 1`), `oov_token is 1, want a string`},
		{tokenizer, config(`"oov_token": "x"`), `oov_token is "x", want a word of the vocabulary`},
		{tokenizer, config(`"oov_token": ""`), `oov_token is "", want a word of the vocabulary, or an empty word at id 1`},
		{tokenizer, config(`"analyzer": "f"`), `"analyzer" is not supported (it is "f")`},
		{tokenizer, config(`"lower": true, "lower": false`), `"lower" occurs twice`},
		{tokenizer, `{"word_index": "[1]"}`, `word_index is "[1]", want an object`},
		{tokenizer, `{"word_index": "{\"a\": 1"}`, `word_index: not valid JSON`},
		{tokenizer, `{"word_index": "{\"a\": null}"}`, `word_index: word "a" has the id null`},
		{tokenizer, `{"config":` + own + `,"vocab":["","a","a"]}`, `word "a" has two ids, 1 and 2`},
		{tokenizer, `{"config":` + own + `,"vocab":[1]}`, `vocab is 1, want a string`},
		{tokenizer, `{"config":` + pieces + `},"vocab":["","<unk>","a"]}`, `the vocabulary has no piece "##a"`},
		{tokenizer, `{"config":` + pieces + `},"vocab":["` + strings.Repeat("a", 65) + `"]}`, `want pieces of at most 64 bytes`},
		{description, `{}`, `tokenizer: kind is missing`},
		{description, with(`"lower":true,`, ``), `tokenizer: lower is missing`},
		{description, with(`"keras"`, `"bpe"`), `kind is "bpe", want "keras", "wordpiece" or "textvectorization"`},
		{description, with(`"maxlen":3`, `"maxlen":-3`), `maxlen is -3`},
		{description, with(`"maxlen":3`, `"maxlen":1048577`), `maxlen is 1048577, want a length up to 1048576`},
		{description, with(`"padding":"pre"`, `"padding":"left"`), `padding is "left", want "pre" or "post"`},
		{description, with(`"truncating":"pre"`, `"truncating":""`), `truncating is "", want "pre" or "post"`},
		{description, with(`"maxlen":3`, `"maxlen":3,"max_len":3`), `unknown field "max_len"`},
		{description, with(`"maxlen":3`, `"maxlen":3,"clean":["upper"]`), `clean is "upper", want one of delete_rt, keep_origin_chars, lower, posts, rt_to_space`},
		{description, pieces + `,"lower":true}`, `belong to kind "keras"`},
		{description, strings.Replace(pieces, `"posts"`, `"lower"`, 1) + `}`, `clean is "lower", want "posts" as the last step`},
		{description, strings.Replace(pieces, `"<unk>"`, `null`, 1) + `}`, `oov_token is missing`},
	} {
		if err := c.read(c.doc); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\n got %v\nwant %s", c.doc, err, c.want)
		}
	}
	if _, err := Cleaning("origins"); err == nil || !strings.Contains(err.Error(), `clean is "origins", want one of none, origin, origin-rt-keep, origin-rt-space`) {
		t.Errorf("got %v", err)
	}
}

func TestSmallDocumentsTakeLittleMemory(t *testing.T) {
	for _, doc := range []string{
		`{"a": 1048576}`,
		strings.Repeat("[", 100000),
		strings.Repeat(`{"a":`, 100000),
		`{"word_index": ` + strings.Repeat(`{"a":`, 300),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, err := ParseJSON([]byte(doc))
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 64<<20 {
			t.Errorf("%.40s: %d bytes allocated (%v)", doc, got, err)
		}
	}
}
