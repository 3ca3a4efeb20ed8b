package firehose

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/itchyny/gojq"
)

// A partitionQuery is a compiled Config.PartitionQuery. The nil query makes no
// keys.
type partitionQuery struct{ code *gojq.Code }

// compileQuery returns nil for "".
func compileQuery(text string) (*partitionQuery, error) {
	if text == "" {
		return nil, nil
	}
	parsed, err := gojq.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("partition query %q: %w", text, err)
	}
	code, err := gojq.Compile(parsed)
	if err != nil {
		return nil, fmt.Errorf("partition query %q: %w", text, err)
	}
	return &partitionQuery{code}, nil
}

// keys returns the keys that the query makes from data, as text: nil where data
// is not exactly one JSON value, or where the query fails or makes anything but
// one object. Values that are neither text nor a number are left out. It ends
// with ctx.
func (q *partitionQuery) keys(ctx context.Context, data []byte) map[string]string {
	if q == nil {
		return nil
	}
	var record any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber() // an id keeps its digits
	if d.Decode(&record) != nil {
		return nil
	}
	if _, err := d.Token(); err != io.EOF {
		return nil
	}
	results := q.code.RunWithContext(ctx, record)
	first, _ := results.Next()
	object, ok := first.(map[string]any)
	if _, more := results.Next(); !ok || more {
		return nil
	}
	keys := make(map[string]string, len(object))
	for name, value := range object {
		switch v := value.(type) {
		case string:
			keys[name] = v
		case json.Number:
			keys[name] = v.String()
		case int, float64:
			keys[name] = fmt.Sprint(v)
		}
	}
	return keys
}
