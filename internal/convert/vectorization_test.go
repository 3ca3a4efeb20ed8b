package convert

import (
	"fmt"
	"strings"
	"testing"

	"coldstream/internal/keras"
	"coldstream/internal/sentiment"
	"coldstream/internal/text"
)

// TestVocabularyFilesOfVectorizations: what Keras keeps in a .keras file and what
// get_vocabulary() gives mean the layer with its default options.
func TestVocabularyFilesOfVectorizations(t *testing.T) {
	for _, content := range []string{"\n[UNK]\nthe\ncat\ndont", "\n[UNK]\nthe\ncat\ndont\n", "\r\n[UNK]\r\nthe\r\ncat\r\ndont", "\ufeff\n[UNK]\nthe\ncat\ndont", `["", "[UNK]", "the", "cat", "dont"]`} {
		f, err := Build(kerasModel(5), Options{Tokenizer: file(content)})
		if err != nil {
			t.Errorf("%q: %v", content, err)
			continue
		}
		c, err := sentiment.New(f, 1)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(c.IDs("The  DON'T, dog!")); got != "[2 4 1 0 0]" {
			t.Errorf("%q: ids %s", content, got)
		}
	}
	for content, want := range map[string]string{
		"\n[UNK]\nthe\nthe":                      `f: vocabulary: word "the" has two ids`,
		"\n[UNK]\nthe\n\ncat":                    "f: tokenizer: the word with the id 3 is empty",
		"\n[UNK]\na\nb\nc\nd\ne":                 `f: sentiment: the tokenizer gives ids up to 6, but layer "e" (Embedding) has only 6 rows, ids 0 to 5`,
		`["the", "cat"]`:                         `f: tokenizer: the vocabulary does not begin with ""`,
		"the\ncat":                               "f: tokenizer: neither JSON nor a pickle of a Keras Tokenizer nor a vocabulary.txt",
		"\n[UNK]":                                "f: the tokenizer gives no word an id",
		`["", "[UNK]", 3]`:                       "f: tokenizer: neither Tokenizer.to_json()",
		strings.Repeat("[", 5000):                "f: tokenizer: ",
		"\n[UNK]\nthe\nc\xe9":                    "is not UTF-8",
		`["", "[UNK]", "a", "b", "c", "d", "e"]`: "ids up to 6",
	} {
		if _, err := Build(kerasModel(5), Options{Tokenizer: file(content)}); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.40q: got error %v, want one line with %q", content, err, want)
		}
	}
	f, err := Build(kerasModel(5), Options{Tokenizer: file("\n[UNK]\na\nb\nc\nd\ne"), NumWords: 4})
	if err != nil {
		t.Fatal(err)
	}
	if c, err := sentiment.New(f, 1); err != nil || fmt.Sprint(c.IDs("a b c")) != "[2 3 1 0 0]" {
		t.Errorf("with four words: %v", err)
	}
	if _, err := Build(kerasModel(5), Options{Tokenizer: file("\n[UNK]\na"), Padding: text.Pre}); err == nil || !strings.Contains(err.Error(), "pads and cuts at the end") {
		t.Errorf("padding at the beginning: %v", err)
	}
}

// TestVectorizationsInModels: the layer is the tokenizer, and only its length may
// be open.
func TestVectorizationsInModels(t *testing.T) {
	model := func(length, words int) *keras.Model {
		m := kerasModel(max(length, -1))
		c := text.VectorizationConfig("[UNK]")
		c.MaxLen = max(length, 0)
		vocab := []string{"", "[UNK]"}
		for i := range words {
			vocab = append(vocab, string(rune('a'+i)))
		}
		c, v, err := text.FromVocabulary(c, vocab)
		if err != nil {
			t.Fatal(err)
		}
		m.Tokenizer = &keras.Tokenizer{Layer: "tv", Config: c, Vocab: v}
		return m
	}
	for _, c := range []struct {
		name          string
		length, words int
		o             Options
		want          string
	}{
		{"as it is", 4, 4, Options{}, ""},
		{"with a length", -1, 4, Options{MaxLen: 7}, ""},
		{"without a length", -1, 4, Options{}, "say with --maxlen"},
		{"other length", 4, 4, Options{MaxLen: 5}, "length 5 is asked for"},
		{"too many words", 4, 5, Options{}, "gives ids up to 6"},
		{"no words", 4, 0, Options{}, "gives no word an id"},
		{"two tokenizers", 4, 4, Options{Tokenizer: file(tokenizer)}, `layer "tv" (TextVectorization) is the model's tokenizer`},
		{"other sides", 4, 4, Options{Padding: text.Pre}, `layer "tv" (TextVectorization) is the model's tokenizer`},
		{"cleaning", 4, 4, Options{Cleaning: "origin"}, ""},
	} {
		c.o.Path = "m.keras"
		_, err := Build(model(c.length, c.words), c.o)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got error %v, want %q", c.name, err, c.want)
		}
	}
}
