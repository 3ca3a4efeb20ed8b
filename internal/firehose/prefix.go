package firehose

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// A prefix is literal text with expressions !{namespace:value}.
// https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html
type prefix struct {
	parts []part
	keys  []partitionKey // in the order of their first use
}

// A partitionKey is a name and where its value comes from: the function's
// answer, or Config.PartitionQuery.
type partitionKey struct {
	name  string
	query bool
}

// part appends its text to dst.
type part func(dst []byte, in *prefixInput) []byte

// prefixInput is what a prefix is evaluated on.
type prefixInput struct {
	at     time.Time // arrival of the object's oldest record, in the stream's time zone
	values []string  // of prefix.keys
}

const (
	maxEvaluated = 512  // characters of a prefix once evaluated
	maxKey       = 1024 // bytes of an object key
	maxSegment   = 255  // bytes between two slashes: what file systems take
	errorOutput  = "processing-failed"

	defaultTimestamp = "!{timestamp:yyyy/MM/dd/HH/}"
	errorOutputType  = "!{firehose:error-output-type}"
)

// newPrefixes compiles both prefixes of c by the rules of the service: without
// a timestamp or partition key the hour is appended to Prefix; without an
// ErrorPrefix, which only a Prefix of plain text allows, errors go to Prefix,
// processing-failed/ and the hour.
func newPrefixes(c *Config) (objects, failures *prefix, err error) {
	text, errorText := c.Prefix, c.ErrorPrefix
	if strings.Contains(text, errorOutputType) {
		return nil, nil, fmt.Errorf("prefix %q: %s belongs into the error prefix only", text, errorOutputType)
	}
	expressions := strings.Contains(text, "!{")
	if errorText == "" {
		if expressions {
			return nil, nil, fmt.Errorf("prefix %q has expressions: the error prefix must be given too, for example %q",
				text, errorOutputType+"/"+defaultTimestamp)
		}
		errorText = text + errorOutputType + "/" + defaultTimestamp
	} else if strings.Contains(errorText, "!{") && !strings.Contains(errorText, errorOutputType) {
		return nil, nil, fmt.Errorf("error prefix %q has expressions: one of them must be %s", errorText, errorOutputType)
	}
	if !strings.Contains(text, "!{timestamp:") && !strings.Contains(text, "!{partitionKeyFrom") {
		text += defaultTimestamp
	}

	if objects, err = compilePrefix(text); err == nil {
		err = objects.checkSample(c)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("prefix %q: %w", c.Prefix, err)
	}
	for _, key := range objects.keys {
		switch {
		case key.query && c.PartitionQuery == "":
			return nil, nil, fmt.Errorf("prefix %q: partition key %q comes from a query, and there is none", c.Prefix, key.name)
		case !key.query && c.Transform == nil:
			return nil, nil, fmt.Errorf("prefix %q: partition key %q comes from a transformation, and there is none", c.Prefix, key.name)
		}
	}
	if c.PartitionQuery != "" && !slices.ContainsFunc(objects.keys, func(k partitionKey) bool { return k.query }) {
		return nil, nil, fmt.Errorf("prefix %q: it uses no key of the partition query %q", c.Prefix, c.PartitionQuery)
	}
	if failures, err = compilePrefix(errorText); err == nil && len(failures.keys) > 0 {
		err = errors.New("failed records have no partition keys")
	}
	if err == nil {
		err = failures.checkSample(c)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("error prefix %q: %w", c.ErrorPrefix, err)
	}
	return objects, failures, nil
}

func compilePrefix(text string) (*prefix, error) {
	p := &prefix{}
	for text != "" {
		literal, rest, found := strings.Cut(text, "!{")
		p.literal(literal)
		if !found {
			break
		}
		expression, rest, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, fmt.Errorf("expression %q is not closed by \"}\"", "!{"+expression)
		}
		if err := p.expression(expression); err != nil {
			return nil, err
		}
		text = rest
	}
	return p, nil
}

func (p *prefix) literal(s string) {
	if s != "" {
		p.parts = append(p.parts, func(dst []byte, _ *prefixInput) []byte { return append(dst, s...) })
	}
}

func (p *prefix) expression(s string) error {
	namespace, value, _ := strings.Cut(s, ":")
	switch {
	case namespace == "timestamp":
		format, err := compileTimestamp(value)
		if err != nil {
			return fmt.Errorf("!{%s}: %w", s, err)
		}
		p.parts = append(p.parts, func(dst []byte, in *prefixInput) []byte { return format.append(dst, in.at) })
	case s == "firehose:error-output-type":
		p.literal(errorOutput)
	case s == "firehose:random-string":
		// Eleven characters, new ones for every use.
		p.parts = append(p.parts, func(dst []byte, _ *prefixInput) []byte { return append(dst, newUUID()[:11]...) })
	case (namespace == "partitionKeyFromLambda" || namespace == "partitionKeyFromQuery") && value != "":
		key := partitionKey{name: value, query: namespace == "partitionKeyFromQuery"}
		at := slices.Index(p.keys, key)
		if at < 0 {
			at = len(p.keys)
			p.keys = append(p.keys, key)
		}
		p.parts = append(p.parts, func(dst []byte, in *prefixInput) []byte { return append(dst, in.values[at]...) })
	default:
		return fmt.Errorf("unknown expression !{%s}", s)
	}
	return nil
}

func (p *prefix) evaluate(in *prefixInput) []byte {
	var dst []byte
	for _, part := range p.parts {
		dst = part(dst, in)
	}
	return dst
}

// values picks the values that the prefix uses from those of the function's
// answer and of the query; ok is false when one is missing or empty.
func (p *prefix) values(answered, queried map[string]string) (values []string, ok bool) {
	for _, key := range p.keys {
		from := answered
		if key.query {
			from = queried
		}
		v := from[key.name]
		if v == "" {
			return nil, false
		}
		values = append(values, v)
	}
	return values, true
}

// objectKey names an object: prefix, stream, version of its configuration, time
// of the oldest record, a random part.
func (p *prefix) objectKey(c *Config, first time.Time, values []string) string {
	in := prefixInput{at: first.In(c.TimeZone), values: values}
	key := p.evaluate(&in)
	key = append(key, c.Name...)
	key = append(key, "-1-"...)
	key = in.at.AppendFormat(key, "2006-01-02-15-04-05-")
	key = append(key, newUUID()...)
	return string(append(key, c.extension()...))
}

func (c *Config) extension() string {
	if c.FileExtension == "" && c.GZIP {
		return ".gz"
	}
	return c.FileExtension
}

// check says why an object for these values could not be named.
func (p *prefix) check(c *Config, at time.Time, values []string) error {
	if n := utf8.RuneCount(p.evaluate(&prefixInput{at: at.In(c.TimeZone), values: values})); n > maxEvaluated {
		return fmt.Errorf("it has %d characters once evaluated; at most %d", n, maxEvaluated)
	}
	return checkKey(p.objectKey(c, at, values))
}

// checkSample checks with the shortest values and the longest names of month
// and day.
func (p *prefix) checkSample(c *Config) error {
	values := make([]string, len(p.keys))
	for i := range values {
		values[i] = "x"
	}
	return p.check(c, time.Date(2026, time.September, 30, 22, 33, 44, 0, time.UTC), values)
}

// checkKey refuses keys that are no safe relative path: a sink may be a folder.
func checkKey(key string) error {
	switch {
	case len(key) > maxKey:
		return fmt.Errorf("object key of %d bytes; at most %d", len(key), maxKey)
	case !utf8.ValidString(key) || strings.ContainsAny(key, "\x00\\"):
		return fmt.Errorf("object key %q has a character that cannot be stored", key)
	}
	for i, segment := range strings.Split(key, "/") {
		switch {
		case segment == "." || segment == "..":
			return fmt.Errorf("object key %q: %q is not allowed in it", key, segment)
		case segment == "" && i == 0:
			return fmt.Errorf("object key %q begins with a slash", key)
		case len(segment) > maxSegment:
			return fmt.Errorf("object key with a part of %d bytes between slashes; at most %d", len(segment), maxSegment)
		}
	}
	return nil
}
