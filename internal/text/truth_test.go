package text

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"coldstream/internal/csvfile"
)

// The files of testdata are what real Python and real Keras give; the command
// that writes one is its first entry.

func readTruth(t testing.TB, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func digest(s string, digits int) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])[:digits]
}

// cleaned returns the text after the steps of cleaning.
func cleaned(steps []string, text string) string {
	var s scratch
	s.prepare(text, (&Config{Clean: steps}).steps(), func(*scratch) {})
	return string(s.text)
}

func TestEveryCodePointActsAsInPython(t *testing.T) {
	// Each property appends what becomes of a text with the code point in it.
	var s scratch
	words := func(c Config) func(dst []byte, c string) []byte {
		steps, split := c.steps(), newSplitter(c)
		return func(dst []byte, c string) []byte {
			s.prepare("A"+c+"b", steps, split)
			for i, w := range s.words {
				if i > 0 {
					dst = append(dst, '|')
				}
				dst = append(dst, s.text[w.from:w.to]...)
			}
			return dst
		}
	}
	parts := strings.Split("a~b ~~~~ n~t 1~2 :~) @~ #~ &~amp;", "~")
	asWritten := KerasConfig()
	asWritten.Lower = false
	asWritten.Filters = asWritten.Filters[:10]
	of := map[string]func(dst []byte, c string) []byte{
		"lower": func(dst []byte, c string) []byte { return appendLower(dst, []byte(c)) },
		"sigma": func(dst []byte, c string) []byte {
			dst = append(appendLower(dst, []byte("A"+c+"Σ")), ' ')
			dst = append(appendLower(dst, []byte(c+"Σ")), ' ')
			dst = append(appendLower(dst, []byte("AΣ"+c)), ' ')
			return appendLower(dst, []byte("AΣ"+c+"A"))
		},
		"space": func(dst []byte, c string) []byte {
			if isSpace([]rune(c)[0]) {
				c = "_"
			}
			return append(dst, c...)
		},
		"origin": func(dst []byte, c string) []byte {
			text := appendOriginChars(nil, appendLower(nil, []byte("a"+c+"b")))
			return appendReplaced(dst, text, "rt", "")
		},
		"words":            words(KerasConfig()),
		"words_as_written": words(asWritten),
		"posts": func(dst []byte, c string) []byte {
			s.text = s.text[:0]
			for i, part := range parts {
				if i > 0 {
					s.text = append(s.text, c...)
				}
				s.text = append(s.text, part...)
			}
			s.next = appendPosts(s.next[:0], s.text)
			for _, b := range bytes.TrimPrefix(s.next, []byte(" ")) {
				if b == ' ' {
					b = '|'
				}
				dst = append(dst, b)
			}
			return dst
		},
	}

	var truth struct {
		Block   rune
		Digests []struct {
			Property string
			SHA256   []string
		}
	}
	readTruth(t, "codepoints.json", &truth)
	if len(truth.Digests) != len(of) {
		t.Fatalf("%d properties in the file, want %d", len(truth.Digests), len(of))
	}
	for _, d := range truth.Digests {
		t.Run(d.Property, func(t *testing.T) {
			property := of[d.Property]
			var all []byte
			for i, want := range d.SHA256 {
				all = all[:0]
				first := rune(i) * truth.Block
				for r := first; r < first+truth.Block; r++ {
					if r < 0xd800 || r >= 0xe000 {
						all = append(property(all, string(r)), '\n')
					}
				}
				if got := digest(string(all), len(want)); got != want {
					t.Errorf("a code point of U+%04X to U+%04X acts otherwise than in Python", first, first+truth.Block-1)
				}
			}
		})
	}
}

func TestLowerCaseIsIdempotent(t *testing.T) {
	for r := rune(0); r <= 0x10ffff; r++ {
		once := appendLower(nil, []byte(string(r)))
		if twice := appendLower(nil, once); string(twice) != string(once) {
			t.Errorf("U+%04X: %q, then %q", r, once, twice)
		}
	}
}

// kerasTexts is keras_texts.json.
type kerasTexts struct {
	Fitted, Unseen []string
	Cases          []struct {
		Name   string
		Config json.RawMessage
		Words  []string
		IDs    [][]int32
		Padded [][]int32
	}
	PadRows [][]int32 `json:"pad_rows"`
	Pads    []struct {
		Padding, Truncating string
		MaxLen              int
		Rows                [][]int32
	}
}

func TestTextsHaveTheIDsOfKeras(t *testing.T) {
	var truth kerasTexts
	readTruth(t, "keras_texts.json", &truth)
	texts := slices.Concat(truth.Fitted, truth.Unseen)
	for _, c := range truth.Cases {
		t.Run(c.Name, func(t *testing.T) {
			config, err := ParseConfig(c.Config)
			if err != nil {
				t.Fatal(err)
			}
			vocab, err := Fit(config, slices.Values(truth.Fitted))
			if err != nil {
				t.Fatal(err)
			}
			if vocab.Len() != len(c.Words) {
				t.Errorf("%d ids fitted, want %d", vocab.Len(), len(c.Words))
			}
			for id, want := range c.Words {
				if got := string(vocab.Word(id)); got != want {
					t.Fatalf("id %d is %q, want %q", id, got, want)
				}
			}
			trimmed, err := config.Trim(vocab)
			if err != nil {
				t.Fatal(err)
			}
			mapped, err := MapVocab(trimmed.Bytes, trimmed.Offsets, trimmed.Index)
			if err != nil {
				t.Fatal(err)
			}
			for name, v := range map[string]Vocab{"whole": vocab, "trimmed": mapped} {
				tok, err := New(config, v)
				if err != nil {
					t.Fatal(err)
				}
				highest := int32(0)
				row := make([]int32, config.MaxLen)
				for i, text := range texts {
					got := tok.Encode([]int32{-7}, text)
					if got[0] != -7 || !slices.Equal(got[1:], c.IDs[i]) {
						t.Fatalf("%s vocabulary, %q: ids %v, want %v", name, text, got[1:], c.IDs[i])
					}
					if tok.EncodePadded(row, text); !slices.Equal(row, c.Padded[i]) {
						t.Fatalf("%s vocabulary, %q: row %v, want %v", name, text, row, c.Padded[i])
					}
					highest = max(highest, slices.Max(append(got, 0)))
				}
				// All words that were fitted occur in the texts, so the highest id does.
				if got := tok.MaxID(); got != int(highest) {
					t.Errorf("%s vocabulary: MaxID %d, the highest id given is %d", name, got, highest)
				}
			}
		})
	}
}

func TestRowsArePaddedAndCutAsByKeras(t *testing.T) {
	var truth kerasTexts
	readTruth(t, "keras_texts.json", &truth)
	for _, p := range truth.Pads {
		tok := &Tokenizer{config: Config{Padding: p.Padding, Truncating: p.Truncating}}
		for i, ids := range truth.PadRows {
			row := make([]int32, p.MaxLen)
			if tok.pad(row, ids); !slices.Equal(row, p.Rows[i]) {
				t.Errorf("padding %s, truncating %s, maxlen %d: %v became %v, want %v", p.Padding, p.Truncating, p.MaxLen, ids, row, p.Rows[i])
			}
		}
	}
}

// corpusTexts returns the texts of the data sets, in the order of their files,
// or skips the test where the data sets are not there.
func corpusTexts(t testing.TB) map[string][]string {
	t.Helper()
	data := os.Getenv("COLDSTREAM_DATA")
	if data == "" {
		data = filepath.Join("..", "..", "..", "shared", "data")
	}
	if _, err := os.Stat(filepath.Join(data, "gop", "Sentiment.csv")); err != nil {
		t.Skipf("the data sets are not in %s; set COLDSTREAM_DATA to where they are", data)
	}
	column := func(path string) (texts []string) {
		f, err := os.Open(filepath.Join(data, path))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r, err := csvfile.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		text, err := r.Column("text")
		if err != nil {
			t.Fatal(err)
		}
		for {
			row, err := r.Read()
			if err == io.EOF {
				return texts
			}
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, row[text])
		}
	}
	lines := func(path string) []string {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	}
	files, err := filepath.Glob(filepath.Join(data, "tweets", "semeval", "*.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	var semeval []string
	for _, file := range files {
		for _, line := range lines(file) {
			if fields := strings.Split(line, "\t"); len(fields) > 2 {
				semeval = append(semeval, fields[2])
			}
		}
	}
	return map[string][]string{
		"gop":       column("gop/Sentiment.csv"),
		"airline":   column("tweets/airline_Tweets.csv"),
		"semeval":   semeval,
		"tweeteval": lines(filepath.Join(data, "tweets", "tweeteval_val_text.txt")),
	}
}

func TestEveryPostOfTheDataSetsHasTheIDsOfKeras(t *testing.T) {
	texts := corpusTexts(t)
	var truth struct {
		Rows       int
		Tokenizers []struct {
			Tokenizer   string
			Config      json.RawMessage
			Fitted      string
			Words       int
			WordsSHA256 string `json:"words_sha256"`
			FileSHA256  string `json:"file_sha256"`
			Sets        map[string][]string
		}
	}
	readTruth(t, "corpora.json", &truth)
	for _, want := range truth.Tokenizers {
		t.Run(want.Tokenizer, func(t *testing.T) {
			var row func(text string) string
			switch {
			case want.Tokenizer == "posts":
				row = func(text string) string {
					return strings.TrimPrefix(cleaned([]string{CleanPosts}, text), " ")
				}
			case want.FileSHA256 != "":
				if data, err := os.ReadFile(defaultFile); err != nil || digest(string(data), len(want.FileSHA256)) != want.FileSHA256 {
					t.Fatalf("%s is not the file that the rows were made with (%v); the command in corpora.json makes them anew", defaultFile, err)
				}
				row = paddedRows(defaultTokenizer(t))
			default:
				config, err := ParseConfig(want.Config)
				if err != nil {
					t.Fatal(err)
				}
				vocab, err := Fit(config, slices.Values(texts[want.Fitted]))
				if err != nil {
					t.Fatal(err)
				}
				var all strings.Builder
				for id := 1; id < vocab.Len(); id++ {
					all.Write(vocab.Word(id))
					all.WriteByte(0)
				}
				if got := digest(all.String(), len(want.WordsSHA256)); vocab.Len()-1 != want.Words || got != want.WordsSHA256 {
					t.Fatalf("%d words fitted with digest %s, want %d with %s", vocab.Len()-1, got, want.Words, want.WordsSHA256)
				}
				tok, err := New(config, vocab)
				if err != nil {
					t.Fatal(err)
				}
				row = paddedRows(tok)
			}
			for set, digests := range want.Sets {
				if got := (len(texts[set]) + truth.Rows - 1) / truth.Rows; got != len(digests) {
					t.Errorf("%s: %d texts make %d digests, want %d", set, len(texts[set]), got, len(digests))
					continue
				}
				for i, d := range digests {
					var rows strings.Builder
					for _, text := range texts[set][i*truth.Rows : min((i+1)*truth.Rows, len(texts[set]))] {
						rows.WriteString(row(text) + "\n")
					}
					if got := digest(rows.String(), len(d)); got != d {
						t.Errorf("%s, texts %d to %d: other ids than Keras", set, i*truth.Rows, (i+1)*truth.Rows-1)
					}
				}
			}
		})
	}
}

func TestPostsAreReadAsInTraining(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "tools", "keras", "posts_vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Text   string
		Tokens []string
		IDs    []int32
	}
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	var tok *Tokenizer
	for _, v := range vectors {
		want := strings.Join(v.Tokens, " ")
		if got := strings.TrimPrefix(cleaned([]string{CleanPosts}, v.Text), " "); got != want {
			t.Errorf("%q: tokens %s, want %s", v.Text, got, want)
		}
		if v.IDs == nil {
			continue
		}
		if tok == nil {
			tok = defaultTokenizer(t)
		}
		row := make([]int32, len(v.IDs))
		if tok.EncodePadded(row, v.Text); !slices.Equal(row, v.IDs) {
			t.Errorf("%q: ids %v, want %v", v.Text, row, v.IDs)
		}
	}
}

// defaultTokenizer returns the tokenizer of the `default` model.
func defaultTokenizer(t testing.TB) *Tokenizer {
	t.Helper()
	data, err := os.ReadFile(defaultFile)
	if err != nil {
		t.Fatal(err)
	}
	config, vocab, err := ParseJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := New(config, vocab)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

var defaultFile = filepath.Join("..", "..", "models", "default.tokenizer.json")

// paddedRows returns the padded ids of a text in decimal.
func paddedRows(tok *Tokenizer) func(string) string {
	row := make([]int32, tok.Config().MaxLen)
	return func(text string) string {
		tok.EncodePadded(row, text)
		return strings.Trim(fmt.Sprint(row), "[]")
	}
}
