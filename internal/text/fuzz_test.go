package text

import (
	"encoding/binary"
	"runtime"
	"slices"
	"testing"
	"unicode/utf8"
)

func FuzzParseJSON(f *testing.F) {
	for _, data := range savedByKeras(f) {
		f.Add(data)
	}
	for _, tok := range tokenizers(f) {
		data, err := tok.Config().MarshalJSON()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(slices.Concat([]byte(`{"config":`), data, []byte(`,"vocab":["","<unk>","a","##a"]}`)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := ParseConfig(data); err == nil {
			again, err := c.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ParseConfig(again); err != nil {
				t.Fatalf("%s became %s: %v", data, again, err)
			}
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c, v, err := ParseJSON(data)
		runtime.ReadMemStats(&after)
		// The highest id may be sparseIDs, with a word's header for each id below.
		if n := after.TotalAlloc - before.TotalAlloc; n > uint64(64<<20+4096*len(data)) {
			t.Errorf("%d bytes allocated for a file of %d", n, len(data))
		}
		if err != nil {
			return
		}
		tok, err := New(c, v)
		if err != nil {
			t.Fatalf("a tokenizer that was read is refused: %v", err)
		}
		trimmed, err := c.Trim(v)
		if err != nil {
			t.Fatal(err)
		}
		small, err := New(c, trimmed)
		if err != nil {
			t.Fatalf("a trimmed tokenizer is refused: %v", err)
		}
		text := string(data)
		ids := checkIDs(t, tok, text)
		if got := checkIDs(t, small, text); !slices.Equal(got, ids) {
			t.Fatalf("ids %v, with the trimmed vocabulary %v", ids, got)
		}
	})
}

func FuzzEncode(f *testing.F) {
	all := tokenizers(f)
	for _, p := range posts {
		f.Add(p)
	}
	f.Add("\xff\xfeΣ\xce")
	f.Fuzz(func(t *testing.T, text string) {
		for _, tok := range all {
			checkIDs(t, tok, text)
		}
	})
}

// FuzzVocabulary: whatever a file of words holds, it is a tokenizer or an error.
func FuzzVocabulary(f *testing.F) {
	f.Add([]byte("\n[UNK]\nthe\ncat"), "The cat's", byte(0))
	f.Add([]byte("\r\n[UNK]\r\nthe cat\r\nt"), "the  cat ", byte(0xff))
	f.Add([]byte("\n[UNK]\n[UNK]\na\n"), "[UNK] a", byte(7))
	f.Fuzz(func(t *testing.T, content []byte, text string, options byte) {
		c := VectorizationConfig("[UNK]")
		c.Standardize = []string{LowerAndStrip, LowerOnly, StripOnly, ""}[options&3]
		c.Split = []string{SplitWhitespace, SplitCharacter, "", SplitWhitespace}[options>>2&3]
		if options&16 != 0 {
			c.Ngrams = []int{int(options>>5) + 1, 1}
		}
		c.NumWords = int(options>>6) * 2
		if !IsVocabulary(content) {
			return
		}
		c, v, err := FromVocabulary(c, VocabularyLines(content))
		if err != nil {
			return
		}
		tok, err := New(c, v)
		if err != nil {
			t.Fatalf("a vocabulary that was read is refused: %v", err)
		}
		checkIDs(t, tok, text)
		description, err := c.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseConfig(description)
		if err != nil {
			t.Fatalf("%s: %v", description, err)
		}
		trimmed, err := again.Trim(v)
		if err != nil {
			t.Fatal(err)
		}
		small, err := New(again, trimmed)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := small.Encode(nil, text), tok.Encode(nil, text); !slices.Equal(got, want) {
			t.Fatalf("ids %v, with the trimmed vocabulary %v", want, got)
		}
	})
}

func FuzzMapVocab(f *testing.F) {
	v := newWordPieces(f).vocab
	pack := func(words []uint32) []byte {
		var out []byte
		for _, w := range words {
			out = binary.LittleEndian.AppendUint32(out, w)
		}
		return out
	}
	f.Add(v.Bytes, pack(v.Offsets), pack(v.Index), posts[0])
	f.Add([]byte("ab"), pack([]uint32{0, 0, 1, 2}), pack([]uint32{1, 2, 3, 0xffffffff}), "b a c")
	f.Fuzz(func(t *testing.T, words, offsets, index []byte, text string) {
		unpack := func(data []byte) []uint32 {
			out := make([]uint32, len(data)/4)
			for i := range out {
				out[i] = binary.LittleEndian.Uint32(data[4*i:])
			}
			return out
		}
		m, err := MapVocab(words, unpack(offsets), unpack(index))
		if err != nil {
			return
		}
		for id := range min(m.Len(), 100) { // each may take as many steps as the index has slots
			if found, ok := m.ID(string(m.Word(id))); ok && string(m.Word(found)) != string(m.Word(id)) {
				t.Fatalf("%q was found as %q", m.Word(id), m.Word(found))
			}
		}
		c := KerasConfig()
		keras, err := New(c, m)
		if err != nil {
			t.Fatal(err)
		}
		checkIDs(t, keras, text)
		unknown := "<unk>"
		pieces, err := New(Config{Kind: KindWordPiece, Clean: []string{CleanPosts}, OOVToken: &unknown, Padding: Post, Truncating: Post}, m)
		if err == nil { // else a letter is missing
			checkIDs(t, pieces, text)
		}
	})
}

// checkIDs verifies what holds for every tokenizer and every text, and returns
// the ids.
func checkIDs(t *testing.T, tok *Tokenizer, text string) []int32 {
	t.Helper()
	ids := tok.Encode(nil, text)
	for _, id := range ids {
		if id < 0 || int(id) > tok.MaxID() {
			t.Fatalf("%q: id %d, MaxID is %d", text, id, tok.MaxID())
		}
	}
	if utf8.ValidString(text) && tok.Config().CharLevel && tok.Config().OOVToken != nil && !tok.Config().Lower && len(ids) != utf8.RuneCountInString(text) {
		t.Fatalf("%q: %d ids for its characters", text, len(ids))
	}
	row, want := make([]int32, 20), make([]int32, 20)
	tok.EncodePadded(row, text)
	if tok.pad(want, ids); !slices.Equal(row, want) {
		t.Fatalf("%q: row %v, ids %v", text, row, ids)
	}
	return ids
}
