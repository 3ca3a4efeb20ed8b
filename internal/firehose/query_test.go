package firehose

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"
)

func TestPartitionQueries(t *testing.T) {
	for _, c := range []struct {
		query, data string
		want        map[string]string
	}{
		{"{label:.sentiment}", `{"sentiment":"Good","score":0.5}`, map[string]string{"label": "Good"}},
		{"{label:.sentiment}", `{"sentiment":"Good"}` + "\n", map[string]string{"label": "Good"}},
		{`{a:.x.y, b:(.t|strftime("%Y"))}`, `{"x":{"y":"z"},"t":1700000000}`, map[string]string{"a": "z", "b": "2023"}},
		{"{id:.id}", `{"id":12345678901234567890}`, map[string]string{"id": "12345678901234567890"}},
		{"{n:(.a|length)}", `{"a":[1,2]}`, map[string]string{"n": "2"}},
		{"{label:.sentiment}", `{"other":1}`, map[string]string{}}, // null
		{"{label:.sentiment}", `{"sentiment":["a"]}`, map[string]string{}},
		{"{label:.sentiment}", `{"sentiment":"A"}{"sentiment":"B"}`, nil}, // two posts in one record
		{"{label:.sentiment}", `not JSON`, nil},
		{"{label:.sentiment}", ``, nil},
		{"{label:.sentiment}", `[1]`, nil}, // the query fails
		{".sentiment", `{"sentiment":"Good"}`, nil},
		{"{label:.a[]}", `{"a":["x","y"]}`, nil}, // two objects
		{"empty", `{}`, nil},
	} {
		q, err := compileQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		if got := q.keys(t.Context(), []byte(c.data)); !maps.Equal(got, c.want) || (got == nil) != (c.want == nil) {
			t.Errorf("%s of %s: %v, want %v", c.query, c.data, got, c.want)
		}
	}
}

// TestAQueryEndsWithItsContext: one that never comes to an end does not keep a
// stream from closing.
func TestAQueryEndsWithItsContext(t *testing.T) {
	q, err := compileQuery("def f: f; f")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan map[string]string)
	go func() { done <- q.keys(ctx, []byte("{}")) }()
	cancel()
	if keys := <-done; keys != nil {
		t.Errorf("keys %v", keys)
	}
}

func TestQueriesAndPrefixesThatDoNotFit(t *testing.T) {
	const errors = "!{firehose:error-output-type}/"
	for _, c := range []struct{ query, prefix, want string }{
		{"{label:", "l=!{partitionKeyFromQuery:label}/", "partition query"},
		{"{label:$x}", "l=!{partitionKeyFromQuery:label}/", "partition query"},
		{"", "l=!{partitionKeyFromQuery:label}/", "there is none"},
		{"{label:.x}", "posts/", "no key of the partition query"},
		{"{label:.x}", "l=!{partitionKeyFromLambda:label}/", "comes from a transformation"},
	} {
		_, err := NewStream(Config{Name: "s", Sink: nowhere{}, PartitionQuery: c.query, Prefix: c.prefix, ErrorPrefix: errors})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("query %q, prefix %q: %v, want %q", c.query, c.prefix, err, c.want)
		}
	}
}

// TestRecordsGoWhereTheQuerySays, without a transformation; those that the query
// makes no key of go to the error output.
func TestRecordsGoWhereTheQuerySays(t *testing.T) {
	s, err := NewStream(Config{Name: "s", Sink: nowhere{}, PartitionQuery: "{label:.sentiment}",
		Prefix: "!{partitionKeyFromQuery:label}/", ErrorPrefix: "!{firehose:error-output-type}/"})
	if err != nil {
		t.Fatal(err)
	}
	s.put([][]byte{[]byte(`{"sentiment":"A"}`), []byte(`{"sentiment":"B"}`), []byte(`{"sentiment":"A"}`), []byte(`{"sentiment":"../x"}`), []byte("?")}, time.Now(), nil)
	n := map[string]int64{}
	s.mu.Lock()
	for key, o := range s.outputs {
		n[key.partition] += o.n
		if key.errors && !strings.Contains(string(o.body), `"lambdaArn":""`) {
			t.Errorf("error object %s", o.body)
		}
	}
	s.mu.Unlock()
	if want := map[string]int64{"A": 2, "B": 1, "": 2}; !maps.Equal(n, want) {
		t.Errorf("records by partition are %v, want %v", n, want)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if d := s.describe().Destinations[0].ExtendedS3DestinationDescription; len(d.ProcessingConfiguration.Processors) != 1 || !d.DynamicPartitioningConfiguration.Enabled {
		t.Errorf("described as %+v", d)
	}
}
