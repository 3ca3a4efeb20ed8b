package function

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"unicode/utf8"

	"coldstream/internal/jsonscan"
	"coldstream/internal/sentiment"
)

// fakeScorer takes no time. It labels a text by its length, so that tests can
// tell answers apart, and refuses batches that hold a refused text.
type fakeScorer struct {
	refuse  string // part of the texts to refuse; "" = none
	batches atomic.Int64
}

var errRefused = errors.New("refused for the test")

func (f *fakeScorer) Name() string { return `fake "model"` }

func (f *fakeScorer) Classify(dst []sentiment.Result, texts []string) ([]sentiment.Result, error) {
	f.batches.Add(1)
	for _, t := range texts {
		if !utf8.ValidString(t) {
			panic("text is not UTF-8")
		}
		if f.refuse != "" && strings.Contains(t, f.refuse) {
			return dst, errRefused
		}
		n := len(dst)
		dst = slices.Grow(dst, 1)[:n+1]
		dst[n] = sentiment.Result{Label: len(t) % 3, Score: 0.75, Probabilities: append(dst[n].Probabilities[:0], 0.75, 0.125, 0.125)}
	}
	return dst, nil
}

func (f *fakeScorer) AppendFields(dst []byte, message string, r *sentiment.Result) []byte {
	dst = jsonscan.AppendQuoted(append(dst, `"message":`...), message)
	dst = append(dst, `,"sentiment":"label`...)
	dst = strconv.AppendInt(dst, int64(r.Label), 10)
	dst = append(dst, `","score":`...)
	dst = sentiment.AppendFloat(dst, r.Score)
	return append(dst, `,"probabilities":{"label0":0.75,"label1":0.125,"label2":0.125}`...)
}

// answer is one scored post, read with encoding/json.
type answer struct {
	Message       string             `json:"message"`
	Sentiment     string             `json:"sentiment"`
	Score         float64            `json:"score"`
	Probabilities map[string]float64 `json:"probabilities"`
	Model         string             `json:"model"`
}

// TestWarmScoresOnceAndSaysNothing: no line in the log, no question to a Remote,
// and the first event is answered as without it.
func TestWarmScoresOnceAndSaysNothing(t *testing.T) {
	var logs bytes.Buffer
	scorer := &fakeScorer{}
	h, cold := NewHandler(scorer, &logs), NewHandler(&fakeScorer{}, nil)
	h.Warm()
	if n := scorer.batches.Load(); n != 1 || logs.Len() > 0 {
		t.Errorf("%d batches, log %q", n, &logs)
	}
	got, err := h.Invoke(t.Context(), transformEvent("first", "last"))
	want, _ := cold.Invoke(t.Context(), transformEvent("first", "last"))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("after it %s, %v, want %s", got, err, want)
	}
	remote := &fakeRemote{}
	if NewRemoteHandler(remote, nil).Warm(); remote.ctx != nil {
		t.Error("the remote was asked")
	}
}
