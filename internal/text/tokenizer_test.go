package text

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
)

// posts are invented; they have what posts usually have.
var posts = []string{
	"RT @someone_there: The debate tonight was sooooo long, I can't believe they talked about art for 2 hours!!! #debate2015 https://t.co/AbCdEf123",
	"Good morning everyone :) coffee first, then the news... what a day it's going to be &amp; no complaints",
	"@airline my flight was cancelled AGAIN, third time this month. Nobody answers the phone 😡😡😡 never again",
	"Just saw the new trailer — it’s not bad at all, maybe the best one yet? Can’t wait 🎬",
	"El café estaba cerrado, así que fuimos a otro sitio ¡y fue mejor! #viajes",
}

// tokenizers returns one tokenizer of each make, with words of the posts.
func tokenizers(t testing.TB) map[string]*Tokenizer {
	t.Helper()
	origin := KerasConfig()
	origin.NumWords, origin.MaxLen = 2000, 28
	var err error
	if origin.Clean, err = Cleaning("origin"); err != nil {
		t.Fatal(err)
	}
	oov := "<OOV>"
	general := KerasConfig()
	general.OOVToken, general.Split, general.Filters, general.MaxLen = &oov, "||", " !.,#é", 40
	characters := KerasConfig()
	characters.CharLevel, characters.MaxLen = true, 140
	plain := KerasConfig()
	plain.MaxLen = 40

	all := make(map[string]*Tokenizer)
	for name, c := range map[string]Config{"origin": origin, "keras": plain, "general": general, "characters": characters} {
		v, err := Fit(c, slices.Values(posts))
		if err != nil {
			t.Fatal(err)
		}
		if all[name], err = New(c, v); err != nil {
			t.Fatal(err)
		}
	}
	all["wordpiece"] = newWordPieces(t)
	maps.Copy(all, vectorizations(t))
	return all
}

// newWordPieces returns a tokenizer of word pieces: all letters, and some words
// and endings of the posts.
func newWordPieces(t testing.TB) *Tokenizer {
	t.Helper()
	words := []string{"", "<unk>"}
	for c := 'a'; c <= 'z'; c++ {
		words = append(words, string(c), "##"+string(c))
	}
	words = append(words, strings.Fields(`<url> <user> <hash> <num> <elong> !! ! ? . ... :) 's n't , 😡 the debate tonight was so long i can
		believe they talked about art for hours good morning everyone coffee first then new what a day it is going to be no
		com ##pla ##int ##ints ##ed my flight cancel ##led third time this month no ##body answer never again just saw trail ##er not bad at all
		may ##be best one yet`)...)
	slices.Sort(words[2:])
	unknown := "<unk>"
	v, err := NewVocab(slices.Compact(words))
	if err != nil {
		t.Fatal(err)
	}
	tok, err := New(Config{Kind: KindWordPiece, Clean: []string{CleanPosts}, OOVToken: &unknown, MaxLen: 36, Padding: Post, Truncating: Post}, v)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestWordsAreCutIntoTheLongestPieces(t *testing.T) {
	tok := newWordPieces(t)
	for text, want := range map[string]string{
		"complaints":             "com ##pla ##ints",
		"Nobody ANSWERED me":     "no ##body answer ##ed m ##e",
		"maybe maybes":           "may ##be may ##be ##s",
		"#debate can't":          "<hash> debate can n't",
		"☃ ☂ the ☃☃☃ ☂":          "<unk> the <unk> <elong> <unk>",
		"":                       "",
		strings.Repeat("xy", 40): "x ##y" + strings.Repeat(" ##x ##y", 39),
	} {
		var got []string
		for _, id := range tok.Encode(nil, text) {
			got = append(got, string(tok.vocab.Word(int(id))))
		}
		if got := strings.Join(got, " "); got != want {
			t.Errorf("%q: pieces %s, want %s", text, got, want)
		}
	}
}

func TestUnknownPiecesBeforeTheTextAreNotItsOwn(t *testing.T) {
	tok := newWordPieces(t)
	if got, want := tok.Encode([]int32{1}, "☃"), []int32{1, 1}; !slices.Equal(got, want) {
		t.Errorf("ids %v, want %v", got, want)
	}
}

func TestEncodeDoesNotAllocate(t *testing.T) {
	for name, tok := range tokenizers(t) {
		ids, row := make([]int32, 0, 1000), make([]int32, tok.Config().MaxLen)
		allocs := testing.AllocsPerRun(100, func() {
			for _, p := range posts {
				ids = tok.Encode(ids[:0], p)
				tok.EncodePadded(row, p)
			}
		})
		if allocs != 0 && !raceEnabled {
			t.Errorf("%s: %v allocations for %d posts, want none", name, allocs, len(posts))
		}
	}
}

func TestTokenizersAreSharedByGoroutines(t *testing.T) {
	for name, tok := range tokenizers(t) {
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				random := rand.New(rand.NewPCG(1, uint64(g)))
				row := make([]int32, 20)
				for range 200 {
					text := posts[random.IntN(len(posts))]
					ids := tok.Encode(nil, text)
					tok.EncodePadded(row, text)
					want := make([]int32, 20)
					if tok.pad(want, ids); !slices.Equal(row, want) {
						t.Errorf("%s: %q: row %v, ids %v", name, text, row, ids)
						return
					}
				}
			})
		}
		wg.Wait()
	}
}

func TestConfigSurvivesJSON(t *testing.T) {
	for name, tok := range tokenizers(t) {
		data, err := tok.Config().MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		c, err := ParseConfig(data)
		if err != nil {
			t.Fatalf("%s: %s: %v", name, data, err)
		}
		if got, want := fmt.Sprintf("%+v", show(c)), fmt.Sprintf("%+v", show(tok.Config())); got != want {
			t.Errorf("%s: %s became %s, want %s", name, data, got, want)
		}
	}
}

// show returns the config with its OOV token readable.
func show(c Config) any {
	oov := "none"
	if c.OOVToken != nil {
		oov, c.OOVToken = fmt.Sprintf("%q", *c.OOVToken), nil
	}
	return []any{c, oov}
}

func BenchmarkEncodePadded(b *testing.B) {
	all := tokenizers(b)
	all["default"] = defaultTokenizer(b)
	for name, tok := range all {
		b.Run("tokenizer="+name, func(b *testing.B) {
			row := make([]int32, tok.Config().MaxLen)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				tok.EncodePadded(row, posts[i%len(posts)])
			}
		})
	}
}
