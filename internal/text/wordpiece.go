package text

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	continuation = "##" // in front of a piece that continues a word
	maxPiece     = 64   // letters of the longest piece that is looked for, continuation not counted
)

// continuationHash is the state of the hash before a continuation's letters.
var continuationHash = hashOf(continuation)

// checkWordPiece reports the first field that a tokenizer of word pieces cannot
// have.
func (c *Config) checkWordPiece() error {
	if c.Lower || c.Filters != "" || c.Split != "" || c.CharLevel || c.NumWords != 0 {
		return errors.New("tokenizer: lower, filters, split, char_level and num_words belong to kind \"keras\", not to \"wordpiece\"")
	}
	if len(c.Clean) == 0 || c.Clean[len(c.Clean)-1] != CleanPosts {
		return fieldError("clean", strconv.Quote(strings.Join(c.Clean, ", ")), strconv.Quote(CleanPosts)+" as the last step before word pieces")
	}
	if c.OOVToken == nil || *c.OOVToken == "" {
		return fieldError("oov_token", "missing", "the entry for unknown tokens")
	}
	return nil
}

// checkLetters reports a letter that is not in the vocabulary both as a piece
// and as a continuation: without it a word could not be cut to its end.
func checkLetters(v *Vocab) error {
	for c := 'a'; c <= 'z'; c++ {
		for _, piece := range [...]string{string(c), continuation + string(c)} {
			if _, ok := v.ID(piece); !ok {
				return fmt.Errorf("tokenizer: the vocabulary has no piece %s; every letter must be one, alone and behind %s", strconv.Quote(piece), continuation)
			}
		}
	}
	return nil
}

// appendPieces appends the ids of a token. A word, which is of the letters a to
// z, is cut greedily: the longest piece at its beginning, then the longest
// continuation, to its end. Every other token is looked up whole. Of unknown
// tokens in a row, counted from dst[start:], one id is kept.
func (t *Tokenizer) appendPieces(dst []int32, start int, token []byte) []int32 {
	id := t.vocab.lookup(token)
	if id < 0 {
		if isLetter(token[0]) && string(token) != "n't" {
			return t.appendCut(dst, token)
		}
		id = t.oov
	}
	if id == t.oov && len(dst) > start && dst[len(dst)-1] == id {
		return dst
	}
	return append(dst, id)
}

// appendCut appends the ids of the pieces of a word that is no piece itself.
func (t *Tokenizer) appendCut(dst []int32, word []byte) []int32 {
	prefix, h := "", hashStart
	var hashes [maxPiece]hash // of the first 1, 2, ... letters
	for len(word) > 0 {
		n := min(len(word), maxPiece)
		for i, c := range word[:n] {
			h = h.add(c)
			hashes[i] = h
		}
		id := int32(-1)
		for ; n > 0; n-- {
			if id = t.vocab.find(hashes[n-1], prefix, word[:n]); id >= 0 {
				break
			}
		}
		if id < 0 { // not a letter, or a damaged vocabulary
			return append(dst, t.oov)
		}
		dst = append(dst, id)
		word = word[n:]
		prefix, h = continuation, continuationHash
	}
	return dst
}
