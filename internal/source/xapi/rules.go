package xapi

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

const (
	rulesPath = "/2/tweets/search/stream/rules"
	// ruleTag marks the rules that are ours to delete.
	ruleTag = "coldstream"
	// ruleBatch is how many rules one request adds or deletes.
	ruleBatch = 100
	// maxRulePages bounds the list of rules, which X limits to some thousands.
	maxRulePages = 100
)

// rule is a rule of the filtered stream.
type rule struct {
	ID    string `json:"id,omitempty"`
	Value string `json:"value"`
	Tag   string `json:"tag,omitempty"`
}

// rulesAnswer is the answer to reading and changing rules.
type rulesAnswer struct {
	Data   []rule    `json:"data"`
	Errors []problem `json:"errors"`
	Meta   struct {
		NextToken string `json:"next_token"`
	} `json:"meta"`
}

// setRules makes the queries the rules of the stream and returns the ids of
// those. Rules outlast connections and programs, so that most often there is
// nothing to change.
func (c *client) setRules(ctx context.Context, queries []string) (map[string]bool, error) {
	wanted := make(map[string]bool, len(queries)) // false = not there yet
	for _, q := range queries {
		wanted[strings.TrimSpace(q)] = false
	}
	known := make(map[string]bool, len(queries))
	rules, err := c.rules(ctx)
	if err != nil {
		return nil, err
	}
	var unwanted []string
	foreign := 0
	for _, r := range rules {
		value := strings.TrimSpace(r.Value)
		if _, ok := wanted[value]; ok {
			wanted[value], known[r.ID] = true, true
		} else if r.Tag == ruleTag {
			unwanted = append(unwanted, r.ID)
		} else {
			foreign++
		}
	}
	if foreign > 0 {
		c.tell("rules", "the app has %d rules that are not ours; what they match is paid for too and left out", foreign)
	}
	// Deleting comes first: their number is limited.
	for len(unwanted) > 0 {
		n := min(ruleBatch, len(unwanted))
		body := map[string]any{"delete": map[string]any{"ids": unwanted[:n]}}
		if err := c.call(ctx, http.MethodPost, rulesPath, nil, body, nil); err != nil {
			return nil, err
		}
		c.Add("rules_deleted", n)
		unwanted = unwanted[n:]
	}
	var missing []rule
	for _, q := range queries {
		if q = strings.TrimSpace(q); !wanted[q] {
			wanted[q] = true
			missing = append(missing, rule{Value: q, Tag: ruleTag})
		}
	}
	for len(missing) > 0 {
		n := min(ruleBatch, len(missing))
		if err := c.addRules(ctx, missing[:n], known); err != nil {
			return nil, err
		}
		missing = missing[n:]
	}
	return known, nil
}

// rules returns all rules.
func (c *client) rules(ctx context.Context) ([]rule, error) {
	var rules []rule
	query := url.Values{}
	for range maxRulePages {
		var page rulesAnswer
		if err := c.call(ctx, http.MethodGet, rulesPath, query, nil, &page); err != nil {
			return nil, err
		}
		rules = append(rules, page.Data...)
		if page.Meta.NextToken == "" {
			break
		}
		query.Set("pagination_token", page.Meta.NextToken)
	}
	return rules, nil
}

// addRules adds rules and notes their ids as known.
func (c *client) addRules(ctx context.Context, rules []rule, known map[string]bool) error {
	var answer rulesAnswer
	if err := c.call(ctx, http.MethodPost, rulesPath, nil, map[string]any{"add": rules}, &answer); err != nil {
		return err
	}
	for _, r := range answer.Data {
		known[r.ID] = true
		c.Count("rules_added")
	}
	for _, p := range answer.Errors {
		// Somebody was faster, which is as good.
		if p.Title == "DuplicateRule" {
			known[p.ID] = true
			continue
		}
		text := c.clean(fmt.Sprintf("X refused a rule: %s; correct the query", p.text()))
		return &statusError{status: http.StatusBadRequest, text: text, problem: p}
	}
	return nil
}
