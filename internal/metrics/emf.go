package metrics

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// Limits of the format and of CloudWatch, the smaller where both have one.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html
const (
	maxMetrics    = 100
	maxDimensions = 30
	maxName       = 250 // characters of the name of a metric, a dimension or a namespace
	maxDimension  = 1024
	maxExponent   = 360 // values lie between -2^360 and 2^360
)

// metadata is the member _aws of a line.
type metadata struct {
	Timestamp         int64 // ms since 1970
	CloudWatchMetrics []directive
}

// directive says which members of a line are metrics.
type directive struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []definition
}

type definition struct {
	Name string
	Unit string
}

// WriteEMF writes samples as one line of CloudWatch's Embedded Metric Format,
// by one call of w.Write. Where a log goes to CloudWatch Logs, as from Lambda
// and Fargate, the line becomes metrics of namespace with dimensions.
//
// CloudWatch adds up what it gets: hand it Since's samples, so that the sum of
// a counter over an hour is what happened in that hour. Labels become part of a
// metric's name (posts_total of state "sent" is posts_total_sent), the unit
// follows from the name's end. Without samples nothing is written; an error
// names the rule of the format that they break, and nothing is written either.
func WriteEMF(w io.Writer, namespace string, dimensions map[string]string, at time.Time, samples []Sample) error {
	if len(samples) == 0 {
		return nil
	}
	if err := checkNamespace(namespace); err != nil {
		return err
	}
	line := make(map[string]any, len(samples)+len(dimensions)+1)
	names, err := addDimensions(line, dimensions)
	if err != nil {
		return err
	}
	if len(samples) > maxMetrics {
		return fmt.Errorf("metrics: %d samples in one line, the format takes %d", len(samples), maxMetrics)
	}
	d := directive{Namespace: namespace, Dimensions: [][]string{names}}
	for i := range samples {
		s := &samples[i]
		name := s.flatName()
		switch _, taken := line[name]; {
		case taken:
			return fmt.Errorf("metrics: %q stands for two members of a line", name)
		case !isName(name):
			return fmt.Errorf("metrics: name %.300q of a metric: want 1 to %d printable ASCII characters, not all blank, no colon in front", name, maxName)
		case !(math.Abs(s.Value) <= math.Ldexp(1, maxExponent)):
			return fmt.Errorf("metrics: %s is %v, which CloudWatch does not take", name, s.Value)
		}
		line[name] = s.Value
		d.Metrics = append(d.Metrics, definition{name, s.unit()})
	}
	line["_aws"] = metadata{Timestamp: at.UnixMilli(), CloudWatchMetrics: []directive{d}}
	b, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

func checkNamespace(s string) error {
	switch {
	case !isName(s):
		return fmt.Errorf("metrics: namespace %.300q: want 1 to %d printable ASCII characters, not all blank, no colon in front", s, maxName)
	case strings.HasPrefix(s, "AWS/"):
		return fmt.Errorf("metrics: namespace %q: AWS/ is for the services of AWS", s)
	}
	return nil
}

// addDimensions adds the dimensions to the line and returns their names in
// order.
func addDimensions(line map[string]any, dimensions map[string]string) ([]string, error) {
	if len(dimensions) > maxDimensions {
		return nil, fmt.Errorf("metrics: %d dimensions, the format takes %d", len(dimensions), maxDimensions)
	}
	names := slices.AppendSeq([]string{}, maps.Keys(dimensions)) // [] in JSON if there are none
	slices.Sort(names)
	for _, name := range names {
		value := dimensions[name]
		if !isName(name) || name == "_aws" {
			return nil, fmt.Errorf("metrics: name %.300q of a dimension: want 1 to %d printable ASCII characters, not all blank, no colon in front", name, maxName)
		}
		if !isPrintable(value) || len(value) > maxDimension {
			return nil, fmt.Errorf("metrics: dimension %s is %.40q: want 1 to %d printable ASCII characters, not all blank", name, value, maxDimension)
		}
		line[name] = value
	}
	return names, nil
}

func isName(s string) bool { return isPrintable(s) && len(s) <= maxName && s[0] != ':' }

// isPrintable reports whether s has ASCII characters only, none that controls,
// and one that is not a space.
func isPrintable(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return strings.TrimSpace(s) != ""
}

// flatName is the name with the labels' values behind it, in the order of the
// labels' names.
func (s *Sample) flatName() string {
	name := s.Name
	for _, label := range slices.Sorted(maps.Keys(s.Labels)) {
		name += "_" + strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
				return r
			}
			return '_'
		}, s.Labels[label])
	}
	return name
}

// unit is CloudWatch's name of the unit.
func (s *Sample) unit() string {
	base := strings.TrimSuffix(s.Name, "_total")
	switch {
	case strings.HasSuffix(base, "_per_second"):
		return "Count/Second"
	case strings.HasSuffix(base, "_seconds"):
		return "Seconds"
	case strings.HasSuffix(base, "_bytes"):
		return "Bytes"
	case strings.HasSuffix(base, "_ratio"):
		return "None"
	}
	return "Count"
}

// Since returns now with each counter reduced by what it was in before: what
// was counted in between. A counter that is smaller than before began anew and
// stays as it is, as one that was not there. Gauges stay as they are.
func Since(before, now []Sample) []Sample {
	old := make(map[string]float64, len(before))
	for i := range before {
		old[before[i].key()] = before[i].Value
	}
	change := slices.Clone(now)
	for i := range change {
		s := &change[i]
		if was := old[s.key()]; s.Type == Counter && was <= s.Value {
			s.Value -= was
		}
	}
	return change
}

// key tells samples apart.
func (s *Sample) key() string {
	b := []byte(s.Name)
	for _, label := range slices.Sorted(maps.Keys(s.Labels)) {
		b = fmt.Appendf(b, "\x00%s\x00%s", label, s.Labels[label])
	}
	return string(b)
}
