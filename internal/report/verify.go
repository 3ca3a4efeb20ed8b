package report

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
)

// Verification compares the sent ids with the received ones, as multisets: an
// id that was sent twice has to arrive twice.
type Verification struct {
	Sent     int
	Received int // scored posts

	Missing []IDCount // sent, neither received nor reported as failed
	Doubled []IDCount // received more often than sent
	Failed  []IDCount // sent, and stored by the stream as failed

	Unknown   int // received or failed, never sent
	Anonymous int // received or failed without an id

	Results *Results
}

// IDCount is an id and how often it is missing, doubled or failed.
type IDCount struct {
	ID    string
	Count int
}

// OK reports whether every sent id was received as often as it was sent and
// everything received could be read.
func (v *Verification) OK() bool {
	return len(v.Missing) == 0 && len(v.Doubled) == 0 && len(v.Failed) == 0 && v.Results.Bad == 0
}

// Verify compares as VerifyObjects does, with the files that Read reads.
func Verify(ctx context.Context, sent io.Reader, objects fs.FS) (*Verification, error) {
	return VerifyObjects(ctx, sent, Files(objects))
}

// VerifyObjects reads the sent ids, one JSON object with "id" per line, and the
// objects, and compares them. Posts that were received but never sent are
// counted, not complained about: a directory may hold several runs.
func VerifyObjects(ctx context.Context, sent io.Reader, objects Objects) (*Verification, error) {
	wanted := make(map[string]int)
	v := new(Verification)
	lines := bufio.NewScanner(sent)
	lines.Buffer(make([]byte, 0, 1<<16), maxLine)
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var post struct {
			ID json.RawMessage `json:"id"`
		}
		if err := json.Unmarshal(lines.Bytes(), &post); err != nil {
			if lines.Err() != nil { // and the line is what was read before it
				return nil, lines.Err()
			}
			return nil, fmt.Errorf("line %d: not a JSON object: %w", n, err)
		}
		id := scalar(post.ID)
		if id == "" {
			return nil, fmt.Errorf("line %d: no id", n)
		}
		wanted[id]++
		v.Sent++
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if v.Sent == 0 {
		return nil, errors.New("no sent ids; it takes one JSON object with an id per line, as producer --sent writes them")
	}

	got, failed := make(map[string]int), make(map[string]int)
	results, err := ReadObjects(objects, func(l Line) error {
		switch {
		case l.ID == "":
			v.Anonymous++
		case wanted[l.ID] == 0:
			v.Unknown++
		case l.Failed:
			failed[l.ID]++
		default:
			got[l.ID]++
		}
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	v.Results, v.Received = results, results.Scored
	for id, want := range wanted {
		lost := want - got[id]
		if lost < 0 {
			v.Doubled = append(v.Doubled, IDCount{id, -lost})
			continue
		}
		known := min(lost, failed[id])
		if known > 0 {
			v.Failed = append(v.Failed, IDCount{id, known})
		}
		if lost > known {
			v.Missing = append(v.Missing, IDCount{id, lost - known})
		}
	}
	for _, list := range [][]IDCount{v.Missing, v.Doubled, v.Failed} {
		slices.SortFunc(list, func(a, b IDCount) int { return strings.Compare(a.ID, b.ID) })
	}
	return v, nil
}

// Total returns the sum of the counts.
func Total(list []IDCount) int {
	n := 0
	for _, c := range list {
		n += c.Count
	}
	return n
}
