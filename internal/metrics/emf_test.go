package metrics

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

var at = time.UnixMilli(1_795_000_000_123)

func TestALineHasTheDocumentedForm(t *testing.T) {
	var b bytes.Buffer
	err := WriteEMF(&b, "coldstream/producer", map[string]string{"Stream": "posts", "Source": "sample"}, at, []Sample{
		{Name: "posts_total", Type: Counter, Labels: map[string]string{"state": "dead-lettered", "reason": "too big"}, Value: 3},
		{Name: "posts_total", Type: Counter, Labels: map[string]string{"state": "delivered"}, Value: 1e6},
		{Name: "sent_bytes_total", Type: Counter, Value: 12},
		{Name: "lag_seconds", Type: Gauge, Value: .5},
		{Name: "posts_per_second", Type: Gauge, Value: 50_000},
		{Name: "spool_used_ratio", Type: Gauge, Value: -0.25},
	})
	want := `{"Source":"sample","Stream":"posts","_aws":{"Timestamp":1795000000123,"CloudWatchMetrics":[{"Namespace":"coldstream/producer","Dimensions":[["Source","Stream"]],"Metrics":[` +
		`{"Name":"posts_total_too_big_dead_lettered","Unit":"Count"},{"Name":"posts_total_delivered","Unit":"Count"},{"Name":"sent_bytes_total","Unit":"Bytes"},` +
		`{"Name":"lag_seconds","Unit":"Seconds"},{"Name":"posts_per_second","Unit":"Count/Second"},{"Name":"spool_used_ratio","Unit":"None"}]}]},` +
		`"lag_seconds":0.5,"posts_per_second":50000,"posts_total_delivered":1000000,"posts_total_too_big_dead_lettered":3,"sent_bytes_total":12,"spool_used_ratio":-0.25}` + "\n"
	if err != nil || b.String() != want {
		t.Errorf("%v\n%swant\n%s", err, b.String(), want)
	}
	b.Reset()
	if err := WriteEMF(&b, "n", nil, at, []Sample{{Name: "x", Type: Gauge}}); err != nil || !strings.Contains(b.String(), `"Dimensions":[[]]`) {
		t.Errorf("without dimensions: %s, %v", b.String(), err)
	}
	b.Reset()
	if err := WriteEMF(&b, "n", nil, at, nil); err != nil || b.Len() != 0 {
		t.Errorf("without samples: %s, %v", b.String(), err)
	}
}

// gauges makes n samples.
func gauges(n int) []Sample {
	list := make([]Sample, n)
	for i := range list {
		list[i] = Sample{Name: fmt.Sprint("gauge_", i), Type: Gauge, Value: float64(i)}
	}
	return list
}

func dimensions(n int) map[string]string {
	d := make(map[string]string)
	for i := range n {
		d[fmt.Sprint("dimension_", i)] = strings.Repeat("v", maxDimension)
	}
	return d
}

// TestTheLargestLineHoldsTheRules checks a line of full size against the
// published schema's rules, read with encoding/json.
func TestTheLargestLineHoldsTheRules(t *testing.T) {
	list := gauges(maxMetrics)
	for i := range list {
		list[i].Name += strings.Repeat("x", maxName-len(list[i].Name))
		list[i].Value = -math.Ldexp(1, maxExponent)
	}
	w := &writes{}
	if err := WriteEMF(w, strings.Repeat("n", maxName), dimensions(maxDimensions), at, list); err != nil {
		t.Fatal(err)
	}
	if w.n != 1 || w.b.Len() > 256<<10 || bytes.IndexByte(w.b.Bytes(), '\n') != w.b.Len()-1 {
		t.Errorf("%d bytes in %d writes", w.b.Len(), w.n)
	}
	var root map[string]any
	var doc struct {
		AWS struct {
			Timestamp         int64
			CloudWatchMetrics []struct {
				Namespace  string
				Dimensions [][]string
				Metrics    []struct{ Name, Unit string }
			}
		} `json:"_aws"`
	}
	if err := errors.Join(json.Unmarshal(w.b.Bytes(), &root), json.Unmarshal(w.b.Bytes(), &doc)); err != nil {
		t.Fatal(err)
	}
	if doc.AWS.Timestamp != at.UnixMilli() || len(doc.AWS.CloudWatchMetrics) != 1 {
		t.Fatalf("metadata %+v", doc.AWS)
	}
	d := doc.AWS.CloudWatchMetrics[0]
	if len(d.Namespace) > 255 || len(d.Dimensions) != 1 || len(d.Dimensions[0]) != 30 || len(d.Metrics) != 100 || len(root) != 131 {
		t.Errorf("%d dimensions, %d metrics, %d members", len(d.Dimensions[0]), len(d.Metrics), len(root))
	}
	for _, name := range d.Dimensions[0] {
		if v, ok := root[name].(string); !ok || len(v) != maxDimension {
			t.Errorf("dimension %s is %v", name, root[name])
		}
	}
	for _, m := range d.Metrics {
		if v, ok := root[m.Name].(float64); !ok || v != -math.Ldexp(1, maxExponent) || m.Unit != "Count" {
			t.Errorf("metric %s is %v %s", m.Name, root[m.Name], m.Unit)
		}
	}
}

// writes counts calls of Write.
type writes struct {
	b bytes.Buffer
	n int
}

func (w *writes) Write(p []byte) (int, error) {
	w.n++
	return w.b.Write(p)
}

func TestWhatBreaksTheRulesIsRefused(t *testing.T) {
	value := func(v float64) []Sample { return []Sample{{Name: "x", Type: Gauge, Value: v}} }
	name := func(s string) []Sample { return []Sample{{Name: s, Type: Gauge}} }
	for _, c := range []struct {
		want       string
		namespace  string
		dimensions map[string]string
		samples    []Sample
	}{
		{"101 samples in one line, the format takes 100", "n", nil, gauges(101)},
		{"31 dimensions, the format takes 30", "n", dimensions(31), gauges(1)},
		{`namespace ""`, "", nil, gauges(1)},
		{`namespace " "`, " ", nil, gauges(1)},
		{`namespace ":n"`, ":n", nil, gauges(1)},
		{"AWS/ is for the services", "AWS/Firehose", nil, gauges(1)},
		{"namespace", strings.Repeat("n", 251), nil, gauges(1)},
		{`name "" of a dimension`, "n", map[string]string{"": "v"}, gauges(1)},
		{`name "_aws" of a dimension`, "n", map[string]string{"_aws": "v"}, gauges(1)},
		{`name "caf\u00e9" of a dimension`, "n", map[string]string{"caf\u00e9": "v"}, gauges(1)},
		{`dimension d is ""`, "n", map[string]string{"d": ""}, gauges(1)},
		{`dimension d is "a\nb"`, "n", map[string]string{"d": "a\nb"}, gauges(1)},
		{"dimension d is", "n", map[string]string{"d": strings.Repeat("v", 1025)}, gauges(1)},
		{`"gauge_0" stands for two`, "n", map[string]string{"gauge_0": "v"}, gauges(1)},
		{`"gauge_0" stands for two`, "n", nil, append(gauges(1), gauges(1)...)},
		{`name "" of a metric`, "n", nil, name("")},
		{`of a metric`, "n", nil, name(strings.Repeat("x", 251))},
		{`of a metric`, "n", nil, name("a\tb")},
		{"x is NaN", "n", nil, value(math.NaN())},
		{"x is +Inf", "n", nil, value(math.Inf(1))},
		{"x is 1e+300", "n", nil, value(1e300)},
	} {
		var b bytes.Buffer
		if err := WriteEMF(&b, c.namespace, c.dimensions, at, c.samples); err == nil || b.Len() > 0 || !strings.HasPrefix(err.Error(), "metrics: ") || !strings.Contains(err.Error(), strings.ReplaceAll(c.want, `\u00e9`, "\u00e9")) {
			t.Errorf("%v and %d bytes, want %s", err, b.Len(), c.want)
		}
	}
	broken := errors.New("broken")
	if err := WriteEMF(failing{broken}, "n", nil, at, gauges(1)); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestSinceCountsWhatHappenedInBetween(t *testing.T) {
	state := func(s string) map[string]string { return map[string]string{"state": s} }
	before := []Sample{
		{Name: "posts_total", Type: Counter, Labels: state("delivered"), Value: 10},
		{Name: "posts_total", Type: Counter, Labels: state("filtered"), Value: 7},
		{Name: "lag_seconds", Type: Gauge, Value: 5},
		{Name: "gone_total", Type: Counter, Value: 1},
	}
	now := []Sample{
		{Name: "posts_total", Type: Counter, Labels: state("delivered"), Value: 25},
		{Name: "posts_total", Type: Counter, Labels: state("filtered"), Value: 2}, // began anew
		{Name: "posts_total", Type: Counter, Labels: state("spooled"), Value: 4},
		{Name: "lag_seconds", Type: Gauge, Value: 6},
	}
	var got []float64
	for _, s := range Since(before, now) {
		got = append(got, s.Value)
	}
	if want := []float64{15, 2, 4, 6}; !reflect.DeepEqual(got, want) || now[0].Value != 25 {
		t.Errorf("got %v, want %v", got, want)
	}
}
