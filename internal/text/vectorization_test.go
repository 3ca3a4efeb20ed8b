package text

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// vectorizations returns a tokenizer of each way to split, for the tests of all
// tokenizers.
func vectorizations(t testing.TB) map[string]*Tokenizer {
	t.Helper()
	all := make(map[string]*Tokenizer)
	for name, change := range map[string]func(*Config){
		"vectorization":            func(*Config) {},
		"vectorization/ngrams":     func(c *Config) { c.Ngrams, c.NumWords = []int{2, 1}, 12 },
		"vectorization/characters": func(c *Config) { c.Split, c.Standardize = SplitCharacter, LowerOnly },
		"vectorization/whole":      func(c *Config) { c.Split, c.Standardize = "", StripOnly },
	} {
		c := VectorizationConfig("[UNK]")
		c.MaxLen = 40
		change(&c)
		c, v, err := FromVocabulary(c, adapt(c, posts, 100))
		if err != nil {
			t.Fatal(err)
		}
		if all[name], err = New(c, v); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// adapt returns the vocabulary that TextVectorization.adapt learns: words by how
// often they occur, of equally frequent ones the greater bytes first.
func adapt(c Config, texts []string, most int) []string {
	counts := make(map[string]int)
	split, steps := newSplitter(c), c.steps()
	var s scratch
	for _, text := range texts {
		s.prepare(text, steps, split)
		for _, w := range s.words {
			counts[string(s.text[w.from:w.to])]++
		}
	}
	delete(counts, "")
	delete(counts, *c.OOVToken)
	var words []string
	for w := range counts {
		words = append(words, w)
	}
	slices.SortFunc(words, func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(b, a))
	})
	words = words[:min(len(words), most-2)]
	return append([]string{"", *c.OOVToken}, words...)
}

// vectorizationTruth is what real Keras gives.
type vectorizationTruth struct {
	Rows       int
	Texts      []string
	Vocabulary []string
	Cases      []struct {
		Config json.RawMessage
		IDs    []string
	}
	Corpora []struct {
		Config      json.RawMessage
		Words       int
		WordsSHA256 string `json:"words_sha256"`
		Sets        map[string][]string
	}
}

func TestVectorizationGivesTheIDsOfKeras(t *testing.T) {
	var truth vectorizationTruth
	readTruth(t, "vectorization.json", &truth)
	if len(truth.Cases) < 10 || len(truth.Texts) < 150 {
		t.Fatalf("%d cases of %d texts", len(truth.Cases), len(truth.Texts))
	}
	for _, c := range truth.Cases {
		config, err := ParseConfig(c.Config)
		if err != nil {
			t.Fatal(err)
		}
		config, v, err := FromVocabulary(config, append([]string{"", "[UNK]"}, truth.Vocabulary...))
		if err != nil {
			t.Fatal(err)
		}
		tok, err := New(config, v)
		if err != nil {
			t.Fatal(err)
		}
		row := paddedRows(tok)
		for i, text := range truth.Texts {
			got := row(text)
			for strings.HasSuffix(got, " 0") {
				got = strings.TrimSuffix(got, " 0")
			}
			if got == "0" {
				got = ""
			}
			if got != c.IDs[i] {
				t.Errorf("%s: %.60q became %s, in Keras %s", c.Config, text, got, c.IDs[i])
			}
		}
	}
}

func TestVectorizationOfEveryPostOfTheDataSets(t *testing.T) {
	texts := corpusTexts(t)
	var truth vectorizationTruth
	readTruth(t, "vectorization.json", &truth)
	compared := 0
	for _, want := range truth.Corpora {
		config, err := ParseConfig(want.Config)
		if err != nil {
			t.Fatal(err)
		}
		words := adapt(config, texts["gop"], 4000)
		if got := digest(strings.Join(words, "\x00")+"\x00", len(want.WordsSHA256)); len(words) != want.Words || got != want.WordsSHA256 {
			t.Errorf("%s: %d words with digest %s, want %d with %s", want.Config, len(words), got, want.Words, want.WordsSHA256)
			continue
		}
		config, v, err := FromVocabulary(config, words)
		if err != nil {
			t.Fatal(err)
		}
		tok, err := New(config, v)
		if err != nil {
			t.Fatal(err)
		}
		row := paddedRows(tok)
		for set, digests := range want.Sets {
			for i, d := range digests {
				var rows strings.Builder
				part := texts[set][i*truth.Rows : min((i+1)*truth.Rows, len(texts[set]))]
				for _, text := range part {
					rows.WriteString(row(text) + "\n")
				}
				if got := digest(rows.String(), len(d)); got != d {
					t.Errorf("%s: %s, texts %d to %d: other ids than Keras", want.Config, set, i*truth.Rows, (i+1)*truth.Rows-1)
				}
				compared += len(part)
			}
		}
	}
	if compared < 20000 {
		t.Errorf("%d texts compared", compared)
	}
}

func TestVectorizationsThatAreRefused(t *testing.T) {
	for _, c := range []struct{ change, want string }{
		{`"standardize":"upper"`, "standardize"},
		{`"split":" "`, "split"},
		{`"ngrams":[0]`, "ngrams is 0"},
		{`"ngrams":[17]`, "ngrams is 17"},
		{`"ngrams":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]`, "ngrams is 17 widths"},
		{`"ngrams":2`, "an array of whole numbers"},
		{`"num_words":1`, "num_words is 1"},
		{`"padding":"pre"`, "pads and cuts at the end"},
		{`"oov_token":null`, "oov_token"},
		{`"lower":true`, "lower"},
		{`"clean":["soap"]`, "clean"},
	} {
		fields := map[string]string{
			"kind": `"textvectorization"`, "standardize": "null", "split": "null", "ngrams": "null", "num_words": "0",
			"oov_token": `"[UNK]"`, "maxlen": "3", "padding": `"post"`, "truncating": `"post"`,
		}
		name, value, _ := strings.Cut(c.change, ":")
		fields[strings.Trim(name, `"`)] = value
		var b bytes.Buffer
		for k, v := range fields {
			b.WriteString(`,"` + k + `":` + v)
		}
		_, err := ParseConfig([]byte("{" + b.String()[1:] + "}"))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", c.change, err, c.want)
		}
	}
	for _, c := range []struct {
		words []string
		want  string
	}{
		{nil, "does not begin with"},
		{[]string{"", ""}[:1], "does not begin with"},
		{[]string{"the", "cat"}, "does not begin with"},
		{[]string{"", "[UNK]", "a", ""}, "id 3 is empty"},
		{[]string{"", "[UNK]", "a", "a"}, `"a" has two ids`},
		{[]string{"", "[UNK]", "\xff"}, "not UTF-8"},
	} {
		if _, _, err := FromVocabulary(VectorizationConfig("[UNK]"), c.words); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got error %v, want one with %q", c.words, err, c.want)
		}
	}
}

// TestUnknownTokenAsAWord: Keras looks the token for unknown words up like any
// other word when the vocabulary has it a second time.
func TestUnknownTokenAsAWord(t *testing.T) {
	c := VectorizationConfig("[UNK]")
	c.Standardize = ""
	for _, x := range []struct {
		words []string
		want  []int32
	}{
		{[]string{"", "[UNK]", "a"}, []int32{2, 1, 1}},
		{[]string{"", "[UNK]", "a", "[UNK]"}, []int32{2, 3, 1}},
	} {
		c, v, err := FromVocabulary(c, x.words)
		if err != nil {
			t.Fatal(err)
		}
		tok, err := New(c, v)
		if err != nil {
			t.Fatal(err)
		}
		if got := tok.Encode(nil, "a [UNK] b"); !slices.Equal(got, x.want) {
			t.Errorf("%q: ids %v, want %v", x.words, got, x.want)
		}
	}
}
