// Package language tells the language of short posts, for those that declare
// none, and compares language tags.
//
// Start with New and Detect; Matches needs neither.
package language

import (
	"strings"
	"unicode/utf8"

	"github.com/RadhiFadlillah/whatlanggo"
)

const (
	// sureAbove is the library's confidence from which on an answer is given as
	// sure: of English tweets 84 % are then called English and 1.2 % something
	// else. docs/design/language.md has the other choices.
	sureAbove = 0.2
	// maxBytes of a text are looked at. Posts have some hundred; more text makes
	// the answer no better, and time goes with its length.
	maxBytes = 2000
)

// common are the languages that a text in a script of several is held against.
// Against all that the library knows, one more English tweet in fifty would be
// taken for a language that hardly anybody posts in.
const common = "ar bg bn cs da de el en es fa fi fr he hi hu id it ja ko nb nl pl pt ro ru sv ta te th tl tr uk ur vi zh"

// Detector tells languages. It may be used by several goroutines.
type Detector struct {
	options whatlanggo.Options
	tags    map[whatlanggo.Lang]string
}

// New returns a Detector.
func New() *Detector {
	d := &Detector{tags: make(map[whatlanggo.Lang]string)}
	d.options.Whitelist = make(map[whatlanggo.Lang]bool)
	wanted := make(map[string]bool)
	for tag := range strings.FieldsSeq(common) {
		wanted[tag] = true
	}
	for lang := range whatlanggo.Langs {
		tag := lang.Iso6391()
		if wanted[tag] {
			d.options.Whitelist[lang] = true
		}
		d.tags[lang] = base(tag)
	}
	return d
}

// Detect returns the likeliest language of a text as an ISO 639-1 tag, "" if
// there is none, and whether that is more than a guess. Mentions, hashtags and
// links do not count. It takes some tenths of a millisecond.
func (d *Detector) Detect(text string) (tag string, sure bool) {
	info := whatlanggo.DetectWithOptions(words(text), d.options)
	if !(info.Confidence > 0) {
		return "", false // of languages that are level the library names any
	}
	tag = d.tags[info.Lang]
	return tag, tag != "" && info.Confidence >= sureAbove
}

// words returns the words of a post that are in its language.
func words(text string) string {
	if len(text) > maxBytes {
		end := maxBytes
		for !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end]
	}
	var b strings.Builder
	for word := range strings.FieldsSeq(text) {
		entity := word[0] == '&' && word[len(word)-1] == ';'
		if word[0] == '@' || word[0] == '#' || entity || word == "RT" || strings.Contains(word, "://") {
			continue
		}
		b.WriteString(word)
		b.WriteByte(' ')
	}
	return b.String()
}
