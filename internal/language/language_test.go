package language

import (
	"errors"
	"html"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		declared, want string
		matches        bool
	}{
		{"en", "en", true}, {"en-US", "en", true}, {"en_GB", "en-AU", true}, {"EN", "en", true}, {"en-US,ja", "en", true}, {"ja, en", "en", true},
		{"en", "de,en", true}, {"pt-BR", "de, pt", true}, {"iw", "he", true}, {"in", "ID", true}, {"nb", "no", true}, {"no", "nn-NO", true},
		{"eng", "en", false}, {"de", "en", false}, {"en", "e", false}, {"", "en", false}, {"en", "", false}, {"", "", false}, {",", ",", false}, {"-US", "-US", false},
	} {
		if got := Matches(c.declared, c.want); got != c.matches {
			t.Errorf("%q declared, %q wanted: got %v", c.declared, c.want, got)
		}
	}
}

func TestMatchesDoesNotAllocate(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { Matches("ja,en-US", "de,en") }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

// score is how answers compare with the truth.
type score struct{ texts, right, wrong, unsure int } // right and wrong of those that are sure

func (s *score) add(d *Detector, text, want string) (got string) {
	s.texts++
	tag, sure := d.Detect(text)
	switch {
	case !sure:
		s.unsure++
	case tag == want:
		s.right++
	default:
		s.wrong++
	}
	return tag
}

// percent says whether part of the texts is at least or at most a percentage.
func (s *score) percent(part int) float64 { return 100 * float64(part) / float64(s.texts) }

// TestInventedPosts holds short posts in 27 languages.
func TestInventedPosts(t *testing.T) {
	posts, err := os.ReadFile("testdata/posts.tsv")
	if err != nil {
		t.Fatal(err)
	}
	d := New()
	var s score
	for line := range strings.Lines(string(posts)) {
		want, text, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if got := s.add(d, text, want); got != want {
			t.Logf("%s for %s: %s", got, want, text)
			if _, sure := d.Detect(text); got == "en" && sure {
				t.Errorf("%s post taken for English: %s", want, text)
			}
		}
	}
	t.Logf("right %.1f %%, wrong %.1f %%, unsure %.1f %%", s.percent(s.right), s.percent(s.wrong), s.percent(s.unsure))
	if s.texts != 183 || s.percent(s.right) < 70 || s.percent(s.wrong) > 2 {
		t.Errorf("%+v", s)
	}
}

// TestEnglishTweets holds real ones, which are not part of the repository.
func TestEnglishTweets(t *testing.T) {
	path := filepath.Join("..", "..", "..", "shared", "data", "tweets", "tweeteval_val_text.txt")
	if dir := os.Getenv("COLDSTREAM_DATA"); dir != "" {
		path = filepath.Join(dir, "tweets", "tweeteval_val_text.txt")
	}
	tweets, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("the data set is not there (%v); set COLDSTREAM_DATA", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	d := New()
	var s score
	for line := range strings.Lines(string(tweets)) {
		s.add(d, html.UnescapeString(line), "en")
	}
	t.Logf("right %.1f %%, wrong %.1f %%, unsure %.1f %%", s.percent(s.right), s.percent(s.wrong), s.percent(s.unsure))
	if s.percent(s.right) < 80 || s.percent(s.wrong) > 2 {
		t.Errorf("%+v", s)
	}
}

func TestWhatHasNoLanguage(t *testing.T) {
	d := New()
	for _, text := range []string{"", "   ", "12345 :) !!!", "@someone #hashtag https://example.com/p/1", "RT @a &amp;", "\U0001F602\U0001F602", "x", strings.Repeat("é", 5000)} {
		if tag, sure := d.Detect(text); sure {
			t.Errorf("%.20q is surely %q", text, tag)
		}
	}
}

// TestAnswersAreStable, whoever asks and however often.
func TestAnswersAreStable(t *testing.T) {
	d := New()
	texts := []string{"so happy about this wonderful day at the beach", "das ist ja wohl nicht euer Ernst", "la la la", "ok", "что это такое"}
	type answer struct {
		tag  string
		sure bool
	}
	want := make([]answer, len(texts))
	for i, text := range texts {
		want[i].tag, want[i].sure = d.Detect(text)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 25 {
				for i, text := range texts {
					if tag, sure := d.Detect(text); (answer{tag, sure}) != want[i] {
						t.Errorf("%q: %q %v, before %+v", text, tag, sure, want[i])
					}
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkDetect(b *testing.B) {
	d := New()
	for name, text := range map[string]string{
		"latin":    "@example so tired of these delays, nobody tells us anything, and the next train is late as well #fail https://example.com/p/17",
		"cyrillic": "слишком устала, чтобы выходить из дома, а завтра опять рано вставать",
		"kana":     "電車がまた遅れているのに誰も何も教えてくれない",
	} {
		b.Run("script="+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d.Detect(text)
			}
		})
	}
}

func BenchmarkMatches(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Matches("ja,en-US", "en")
	}
}
