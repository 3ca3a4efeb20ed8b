package text

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestEveryWordIsFoundAndNoOther(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 7, 8, 9, 1000, 70000} {
		words := make([]string, n)
		for id := range words {
			if id%5 != 3 { // holes
				words[id] = fmt.Sprintf("w%dé", id)
			}
		}
		v, err := NewVocab(words)
		if err != nil {
			t.Fatal(err)
		}
		if v.Len() != n {
			t.Fatalf("Len %d, want %d", v.Len(), n)
		}
		for id, w := range words {
			if got := string(v.Word(id)); got != w {
				t.Fatalf("id %d of %d is %q, want %q", id, n, got, w)
			}
			if got, ok := v.ID(w); w != "" && (!ok || got != id) {
				t.Fatalf("word %q of %d has id %d, %v, want %d", w, n, got, ok, id)
			}
		}
		for _, w := range []string{"", "w", "w0", "w0é ", "é", fmt.Sprintf("w%dé", n), "w3é", strings.Repeat("w", 5000)} {
			if id, ok := v.ID(w); ok && (id >= n || words[id] != w) {
				t.Errorf("%q has id %d of %d", w, id, n)
			}
		}
		for _, id := range []int{-1, n, n + 1, math.MaxInt, math.MinInt} {
			if w := v.Word(id); w != nil {
				t.Errorf("id %d of %d has word %q", id, n, w)
			}
		}
	}
}

func TestWordsThatOccurTwiceAreRefused(t *testing.T) {
	_, err := NewVocab([]string{"", "a", "b", "a"})
	if want := `vocabulary: word "a" has two ids, 1 and 3`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestMapVocabChecksLengths(t *testing.T) {
	bytes, offsets, index := []byte("ab"), []uint32{0, 0, 1, 2}, []uint32{0, 0, 0, 0}
	if _, err := MapVocab(bytes, offsets, index); err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]Vocab{
		"no offsets":        {bytes, nil, index},
		"first offset":      {bytes, []uint32{1, 2}, index},
		"words too short":   {bytes[:1], offsets, index},
		"words too long":    {append(slices.Clone(bytes), 'c'), offsets, index},
		"no index":          {bytes, offsets, nil},
		"three index slots": {bytes, offsets, index[:3]},
	} {
		if _, err := MapVocab(v.Bytes, v.Offsets, v.Index); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A damaged index must neither hang a lookup nor lead it out of the slices.
func TestDamagedVocabulariesAreSafe(t *testing.T) {
	words := []string{"", "one", "two", "three", "four", "five"}
	v, err := NewVocab(words)
	if err != nil {
		t.Fatal(err)
	}
	fill := func(entry func(slot int) uint32) []uint32 {
		index := make([]uint32, len(v.Index))
		for slot := range index {
			index[slot] = entry(slot)
		}
		return index
	}
	damaged := map[string]Vocab{
		"full of ones":       {v.Bytes, v.Offsets, fill(func(int) uint32 { return 1 })},
		"all bits":           {v.Bytes, v.Offsets, fill(func(int) uint32 { return math.MaxUint32 })},
		"tags only":          {v.Bytes, v.Offsets, fill(func(slot int) uint32 { return v.Index[slot]&^7 | 0x80000000 })},
		"next id":            {v.Bytes, v.Offsets, fill(func(slot int) uint32 { return v.Index[slot] + 1 })},
		"falling offsets":    {v.Bytes, []uint32{0, 9, 3, 200, 1, 0, uint32(len(v.Bytes))}, v.Index},
		"offsets far beyond": {v.Bytes, []uint32{0, math.MaxUint32, math.MaxUint32, 5, 6, 7, uint32(len(v.Bytes))}, v.Index},
	}
	for name, d := range damaged {
		m, err := MapVocab(d.Bytes, d.Offsets, d.Index)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, w := range append(words, "six") {
			if id, ok := m.ID(w); ok && string(m.Word(id)) != w {
				t.Errorf("%s: %q has id %d, which is %q", name, w, id, m.Word(id))
			}
		}
	}
}
