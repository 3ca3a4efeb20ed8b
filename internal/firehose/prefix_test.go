package firehose

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"coldstream/internal/runtimeapi"
)

type nowhere struct{}

func (nowhere) Put(context.Context, string, []byte) error { return nil }

func testConfig() Config {
	return Config{Name: "s", Sink: nowhere{}, Transform: &Transform{Invoke: func(context.Context, []byte) (runtimeapi.Result, error) {
		return runtimeapi.Result{}, nil
	}}}
}

func TestPrefixesAreEvaluatedAsTheServiceDoes(t *testing.T) {
	at := time.Date(2026, 11, 2, 3, 4, 5, 6, time.FixedZone("east", 7200)) // 01:04:05 in UTC
	const suffix = `s-1-2026-11-02-01-04-05-[0-9a-f-]{36}`
	for _, c := range []struct{ prefix, errorPrefix, want, wantError string }{
		{"", "", `2026/11/02/01/`, `processing-failed/2026/11/02/01/`},
		{"scored/", "", `scored/2026/11/02/01/`, `scored/processing-failed/2026/11/02/01/`},
		{"scored", "", `scored2026/11/02/01/`, `scoredprocessing-failed/2026/11/02/01/`},
		{"", "bad/", `2026/11/02/01/`, `bad/`},
		{"dt=!{timestamp:yyyy-MM-dd}/", "bad/!{firehose:error-output-type}/!{timestamp:HH}/", `dt=2026-11-02/`, `bad/processing-failed/01/`},
		{"!{timestamp:yyyy}/!{timestamp:DDD}/x", "!{firehose:error-output-type}", `2026/306/x`, `processing-failed`},
		{"!{firehose:random-string}/", "!{firehose:error-output-type}/!{firehose:random-string}/", `[0-9a-f-]{11}/2026/11/02/01/`, `processing-failed/[0-9a-f-]{11}/`},
		{"label=!{partitionKeyFromLambda:label}/!{partitionKeyFromLambda:lang}/", "!{firehose:error-output-type}/", `label=Good/en/`, `processing-failed/`},
		{"!{partitionKeyFromLambda:lang}!{partitionKeyFromLambda:lang}/!{timestamp:MM}/", "!{firehose:error-output-type}/", `enen/11/`, `processing-failed/`},
		{"!/}$%", "", `!/}\$%2026/11/02/01/`, `!/}\$%processing-failed/2026/11/02/01/`},
	} {
		config := testConfig()
		config.Prefix, config.ErrorPrefix = c.prefix, c.errorPrefix
		s, err := NewStream(config)
		if err != nil {
			t.Errorf("%q, %q: %v", c.prefix, c.errorPrefix, err)
			continue
		}
		values, ok := s.prefix.values(map[string]string{"label": "Good", "lang": "en", "more": "x"}, nil)
		if !ok {
			t.Errorf("%q: no values", c.prefix)
		}
		for p, want := range map[*prefix]string{s.prefix: c.want, s.errorPrefix: c.wantError} {
			got := p.objectKey(&s.config, at, values)
			if !regexp.MustCompile("^" + want + suffix + "$").MatchString(got) {
				t.Errorf("%q, %q: got %s, want %s", c.prefix, c.errorPrefix, got, want)
			}
		}
	}
}

func TestRandomStringsDiffer(t *testing.T) {
	p, err := compilePrefix("!{firehose:random-string}!{firehose:random-string}")
	if err != nil {
		t.Fatal(err)
	}
	got := string(p.evaluate(&prefixInput{}))
	if len(got) != 22 || got[:11] == got[11:] || got == string(p.evaluate(&prefixInput{})) {
		t.Errorf("got %q", got)
	}
}

func TestFileExtensionAndTimeZone(t *testing.T) {
	config := testConfig()
	config.GZIP, config.FileExtension = true, ".jsonl.gz"
	config.TimeZone = time.FixedZone("UTC+14", 14*3600)
	s, err := NewStream(config)
	if err != nil {
		t.Fatal(err)
	}
	got := s.prefix.objectKey(&s.config, time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC), nil)
	if !strings.HasPrefix(got, "2027/01/01/13/s-1-2027-01-01-13-00-00-") || !strings.HasSuffix(got, ".jsonl.gz") {
		t.Errorf("got %s", got)
	}
}

func TestWhatTheServiceRefusesIsRefused(t *testing.T) {
	const errors = "!{firehose:error-output-type}/"
	for _, c := range []struct {
		change func(*Config)
		words  string
	}{
		{func(c *Config) { c.Name = "" }, "name"},
		{func(c *Config) { c.Name = "a/b" }, "name"},
		{func(c *Config) { c.Sink = nil }, "no sink"},
		{func(c *Config) { c.Prefix, c.ErrorPrefix = "!{timestamp:yyyy}/", "" }, "error prefix must be given"},
		{func(c *Config) { c.Prefix, c.ErrorPrefix = "!{timestamp:yyyy}/", "!{timestamp:yyyy}/" }, "one of them must be"},
		{func(c *Config) { c.Prefix, c.ErrorPrefix = errors, errors }, "error prefix only"},
		{func(c *Config) { c.Prefix, c.ErrorPrefix = "!{stage:x}/", errors }, "unknown expression !{stage:x}"},
		{func(c *Config) { c.Prefix, c.ErrorPrefix = "!{firehose:random}/", errors }, "unknown expression"},
		{func(c *Config) { c.Prefix, c.ErrorPrefix = "!{partitionKeyFromLambda:}/", errors }, "unknown expression"},
		{func(c *Config) { c.Prefix, c.ErrorPrefix = "!{partitionKeyFromQuery:k}/", errors }, "there is none"},
		{func(c *Config) { c.Prefix, c.ErrorPrefix = "!{partitionKeyFromLambda:k}/", errors; c.Transform = nil }, "there is none"},
		{func(c *Config) { c.ErrorPrefix = errors + "!{partitionKeyFromLambda:k}/" }, "have no partition keys"},
		{func(c *Config) { c.Prefix, c.ErrorPrefix = "!{timestamp:yyyy/", errors }, "not closed"},
		{func(c *Config) { c.Prefix, c.ErrorPrefix = "!{timestamp:T}/", errors }, "single quotes"},
		{func(c *Config) { c.Prefix, c.ErrorPrefix = "!{timestamp:}/", errors }, "empty"},
		{func(c *Config) { c.ErrorPrefix = "!{firehose:error-output-type}!{" }, "not closed"},
		{func(c *Config) { c.Prefix = "../up/" }, `".."`},
		{func(c *Config) { c.Prefix = "a/./b/" }, `"."`},
		{func(c *Config) { c.Prefix = "/a/" }, "begins with a slash"},
		{func(c *Config) { c.Prefix = "a\x00" }, "cannot be stored"},
		{func(c *Config) { c.Prefix = strings.Repeat("ab/", 180) }, "at most 512"},
		{func(c *Config) { c.Prefix = strings.Repeat("a", 300) + "/" }, "between slashes"},
		{func(c *Config) { c.FileExtension = "gz" }, "file extension"},
		{func(c *Config) { c.Buffer = Buffer{1<<20 - 1, 0} }, "delivery buffer"},
		{func(c *Config) { c.Buffer = Buffer{128<<20 + 1, 0} }, "delivery buffer"},
		{func(c *Config) { c.Buffer = Buffer{1 << 20, 901 * time.Second} }, "interval"},
		{func(c *Config) { c.Buffer = Buffer{1 << 20, -1} }, "interval"},
		{func(c *Config) { c.Transform.Buffer = Buffer{199_999, 0} }, "transformation buffer"},
		{func(c *Config) { c.Transform.Buffer = Buffer{3<<20 + 1, 0} }, "transformation buffer"},
		{func(c *Config) { c.Transform.Invoke = nil }, "no function"},
		{func(c *Config) { c.Transform.Concurrency = -1 }, "concurrency"},
		{func(c *Config) { c.MaxBuffered = 1 << 20 }, "buffered"},
	} {
		config := testConfig()
		c.change(&config)
		if _, err := NewStream(config); err == nil || !strings.Contains(err.Error(), c.words) || !strings.HasPrefix(err.Error(), "firehose: stream ") {
			t.Errorf("prefix %q, error prefix %q: got %v, want %q", config.Prefix, config.ErrorPrefix, err, c.words)
		}
	}
}

// FuzzPrefix: whatever a prefix is, it is refused or makes keys that stay in
// their folder, whatever the partition value.
func FuzzPrefix(f *testing.F) {
	f.Add("scored/", "", "v")
	f.Add("dt=!{timestamp:yyyy-MM-dd'T'HH}/", "!{firehose:error-output-type}/", "v")
	f.Add("label=!{partitionKeyFromLambda:k}/", "!{firehose:error-output-type}/", "../..")
	f.Add("!{partitionKeyFromLambda:k}!{timestamp:[yyyy]''}", "x!{firehose:error-output-type}!{firehose:random-string}", ".")
	f.Fuzz(func(t *testing.T, prefix, errorPrefix, value string) {
		config := testConfig()
		config.Prefix, config.ErrorPrefix = prefix, errorPrefix
		s, err := NewStream(config)
		if err != nil {
			return
		}
		now := time.Now()
		if key := s.errorPrefix.objectKey(&s.config, now, nil); checkKey(key) != nil {
			t.Errorf("error key %q", key)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		keys := map[string]string{}
		for _, k := range s.prefix.keys {
			keys[k.name] = value
		}
		s.stats.Accepted++
		s.appendRecord(record{id: "1", arrival: now}, nil, keys, keys)
		for _, o := range s.outputs {
			if !o.key.errors {
				if key := s.prefix.objectKey(&s.config, now, o.values); checkKey(key) != nil {
					t.Errorf("key %q", key)
				}
			}
		}
		s.sealOutputs()
	})
}
