package remote

import (
	"errors"
	"fmt"

	"coldstream/internal/jsonscan"
)

// maxNumber bounds the digits of a number, which are passed on as they came.
const maxNumber = 64

// Errors about answers hold none of their text, which may repeat a post.
var (
	errNoJSON = errors.New("the answer is not the JSON it should be")
	errFields = errors.New(`an answer has no "sentiment" (a string) and "score" (a number), or has a broken "probabilities" or "model"`)
)

// readAnswers returns the objects that answer for n texts: the document itself
// for the single form, the elements of its "results" for the batch form.
func readAnswers(body []byte, n int, single bool) ([]jsonscan.Value, error) {
	sc := jsonscan.New(body)
	v := sc.Value()
	if !sc.End() || v.Kind != jsonscan.Object {
		return nil, errNoJSON
	}
	if single {
		return []jsonscan.Value{v}, nil
	}
	var results jsonscan.Value
	eachMember(v, func(key, v jsonscan.Value) {
		if key.Is("results") {
			results = v
		}
	})
	if results.Kind != jsonscan.Array {
		return nil, errors.New(`the answer has no array "results"; an endpoint that knows {"text"} alone needs ` + BatchVariable + `=1`)
	}
	answers := make([]jsonscan.Value, 0, n)
	sc = jsonscan.New(results.Raw)
	sc.Array()
	for sc.Element() {
		if v := sc.Value(); len(answers) < n {
			answers = append(answers, v)
			continue
		}
		return nil, fmt.Errorf("more answers than the %d texts asked for", n)
	}
	if len(answers) < n {
		return nil, fmt.Errorf("%d answers for %d texts", len(answers), n)
	}
	return answers, nil
}

// appendFields appends the members of v that answer for a text, in the order
// and the spelling in which the function writes its own: "sentiment", "score",
// and "probabilities" and "model" if they are there. Numbers keep their digits.
// On an error dst comes back as it was.
func appendFields(dst []byte, v jsonscan.Value) ([]byte, error) {
	if v.Kind != jsonscan.Object {
		return dst, errFields
	}
	var sentiment, score, probabilities, model jsonscan.Value
	eachMember(v, func(key, v jsonscan.Value) {
		switch {
		case key.Is("sentiment"):
			sentiment = v
		case key.Is("score"):
			score = v
		case key.Is("probabilities"):
			probabilities = v
		case key.Is("model"):
			model = v
		}
	})
	if sentiment.Kind != jsonscan.String || !isNumber(score) || model.Kind != jsonscan.None && model.Kind != jsonscan.String {
		return dst, errFields
	}
	out := appendText(append(dst, `"sentiment":`...), sentiment)
	out = append(append(out, `,"score":`...), score.Raw...)
	if probabilities.Kind != jsonscan.None {
		if probabilities.Kind != jsonscan.Object {
			return dst, errFields
		}
		out = append(out, `,"probabilities":{`...)
		first, valid := true, true
		eachMember(probabilities, func(key, v jsonscan.Value) {
			if valid = valid && isNumber(v); !valid {
				return
			}
			if !first {
				out = append(out, ',')
			}
			first = false
			out = append(append(appendText(out, key), ':'), v.Raw...)
		})
		if !valid {
			return dst, errFields
		}
		out = append(out, '}')
	}
	if model.Kind == jsonscan.String {
		out = appendText(append(out, `,"model":`...), model)
	}
	return out, nil
}

// isNumber reports whether v is a number, or null, which stands for one that
// JSON has no word for.
func isNumber(v jsonscan.Value) bool {
	return v.Kind == jsonscan.Null || v.Kind == jsonscan.Number && len(v.Raw) <= maxNumber
}

// appendText appends a string in this project's spelling.
func appendText(dst []byte, v jsonscan.Value) []byte {
	if !v.Escaped {
		return jsonscan.AppendQuoted(dst, v.Raw[1:len(v.Raw)-1])
	}
	return jsonscan.AppendQuoted(dst, jsonscan.AppendString(nil, v))
}

// eachMember calls f with the members of v, an object that is known to be
// valid.
func eachMember(v jsonscan.Value, f func(key, v jsonscan.Value)) {
	sc := jsonscan.New(v.Raw)
	sc.Object()
	for key, ok := sc.Member(); ok; key, ok = sc.Member() {
		f(key, sc.Value())
	}
}
