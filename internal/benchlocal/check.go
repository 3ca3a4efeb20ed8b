package benchlocal

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"coldstream/internal/sentiment"
)

// tolerance of a score: other engines sum in another order.
const tolerance = 1e-5

// A Reference knows the right answers of a model. It keeps the answers to the
// events it has seen, and is not safe for concurrent use.
type Reference struct {
	classifier *sentiment.Classifier
	answers    map[string][]sentiment.Result
}

// NewReference returns the reference of a model.
func NewReference(c *sentiment.Classifier) *Reference {
	return &Reference{c, map[string][]sentiment.Result{}}
}

// results returns the right answers to the texts of an event.
func (r *Reference) results(e Event) ([]sentiment.Result, error) {
	if len(e.Texts) == 0 {
		return nil, nil
	}
	key := fmt.Sprint(len(e.Texts), e.Texts[0])
	if known, ok := r.answers[key]; ok {
		return known, nil
	}
	results, err := r.classifier.Classify(nil, e.Texts)
	if err == nil {
		r.answers[key] = results
	}
	return results, err
}

// Check compares the answer to an event with the right one: every record is
// there, in order, with its text, the label and, within 1e-5, the score.
func (r *Reference) Check(e Event, answer []byte) error {
	var got struct {
		Records []struct {
			RecordID string `json:"recordId"`
			Result   string `json:"result"`
			Data     string `json:"data"`
		} `json:"records"`
	}
	if err := json.Unmarshal(answer, &got); err != nil {
		return fmt.Errorf("the answer is not JSON: %w: %.80q", err, answer)
	}
	if len(got.Records) != len(e.Texts) {
		return fmt.Errorf("%d records answered, expected %d: %.120q", len(got.Records), len(e.Texts), answer)
	}
	want, err := r.results(e)
	if err != nil {
		return err
	}
	labels := r.classifier.Labels()
	for i, g := range got.Records {
		if id := fmt.Sprintf("%056d", i+1); g.RecordID != id || g.Result != "Ok" {
			return fmt.Errorf("record %d: id %.60q, result %.20q, expected %s and Ok", i, g.RecordID, g.Result, id)
		}
		data, err := base64.StdEncoding.DecodeString(g.Data)
		if err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
		var a struct {
			Message   *string  `json:"message"`
			Sentiment string   `json:"sentiment"`
			Score     *float64 `json:"score"`
		}
		if err := json.Unmarshal(bytes.TrimSpace(data), &a); err != nil || a.Score == nil || a.Message == nil {
			return fmt.Errorf("record %d: no message, label and score in %.120q", i, data)
		}
		if *a.Message != e.Texts[i] {
			return fmt.Errorf("record %d: message %.80q, expected %.80q", i, *a.Message, e.Texts[i])
		}
		w := want[i]
		k := slices.Index(labels, a.Sentiment) // of two equal probabilities either may be the label
		if k < 0 || !(math.Abs(*a.Score-float64(w.Probabilities[k])) <= tolerance && float64(w.Score-w.Probabilities[k]) <= tolerance) {
			return fmt.Errorf("record %d: %.20s %.6f, expected %s %.6f", i, a.Sentiment, *a.Score, labels[w.Label], w.Score)
		}
	}
	return nil
}
