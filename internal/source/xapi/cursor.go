package xapi

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
)

// cursor is a position as Source.Cursor gives it. Times and ids are X's.
type cursor struct {
	Kind string `json:"k"`
	Read int    `json:"read"` // posts paid for

	// Stream.
	At   int64 `json:"t,omitempty"` // Unix milliseconds; what came until then was handed out, apart from the gaps
	Gaps []gap `json:"gaps,omitempty"`

	// Search.
	Query  string `json:"q,omitempty"` // digest
	Given  int    `json:"given,omitempty"`
	Since  uint64 `json:"since,omitempty,string"`  // this id and lesser ones belong to an earlier search
	Until  uint64 `json:"until,omitempty,string"`  // least id handed out by this search, 0 = it has not begun
	Newest uint64 `json:"newest,omitempty,string"` // greatest id handed out
}

// gap is a time for which recent search has still to be asked.
type gap struct {
	Query string `json:"q"`        // digest of the search's query
	Since uint64 `json:"s,string"` // ids above it are missing
	Until uint64 `json:"u,string"` // and below this one
	nr    int    // tells gaps of one run apart
}

// maxGaps bounds the gaps that wait for recent search.
const maxGaps = 64

func readCursor(kind, text string) (cursor, error) {
	c := cursor{Kind: kind}
	if text == "" {
		return c, nil
	}
	if err := json.Unmarshal([]byte(text), &c); err != nil || c.Read < 0 || c.Given < 0 || len(c.Gaps) > maxGaps {
		return c, fmt.Errorf("%s: the cursor is broken: %.100q", kind, text)
	}
	if c.Kind != kind {
		return c, fmt.Errorf("%s: the cursor belongs to the source %.20q", kind, c.Kind)
	}
	return c, nil
}

func (c *cursor) String() string {
	// Numbers and short strings: nothing that JSON has no form for.
	b, _ := json.Marshal(c)
	return string(b)
}

// digest is a short name for a query.
func digest(query string) string {
	h := fnv.New64a()
	h.Write([]byte(query))
	return strconv.FormatUint(h.Sum64(), 36)
}
