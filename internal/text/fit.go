package text

import (
	"cmp"
	"iter"
	"slices"
	"strconv"
)

// Fit returns the vocabulary that Keras' Tokenizer has after fit_on_texts: the
// words by how often they occur, of equally frequent ones the first seen first,
// from id 1 on; OOVToken, where there is one, comes before them. The vocabulary
// is whole: NumWords limits the ids, not the words (see Config.Trim).
func Fit(c Config, texts iter.Seq[string]) (Vocab, error) {
	if err := c.check(); err != nil {
		return Vocab{}, err
	}
	if c.Kind != KindKeras {
		return Vocab{}, fieldError("kind", strconv.Quote(c.Kind), strconv.Quote(KindKeras)+": other kinds are not fitted")
	}
	type word struct {
		text  string
		count int
	}
	var words []word // in order of appearance
	ids := make(map[string]int)
	split, steps := newSplitter(c), c.steps()
	var s scratch
	for text := range texts {
		s.prepare(text, steps, split)
		for _, w := range s.words {
			id, ok := ids[string(s.text[w.from:w.to])]
			if !ok {
				id = len(words)
				words = append(words, word{text: string(s.text[w.from:w.to])})
				ids[words[id].text] = id
			}
			words[id].count++
		}
	}
	slices.SortStableFunc(words, func(a, b word) int { return cmp.Compare(b.count, a.count) })

	list := make([]string, 1, len(words)+2) // id 0 is padding
	if c.OOVToken != nil {
		list = append(list, *c.OOVToken)
	}
	for _, w := range words {
		if c.OOVToken != nil && w.text == *c.OOVToken {
			list[1] = "" // a token that occurs in the texts keeps its later id
		}
		list = append(list, w.text)
	}
	return NewVocab(list)
}
