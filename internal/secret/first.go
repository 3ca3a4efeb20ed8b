package secret

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Settings is what can still be used of the first version's config.json.
type Settings struct {
	Region      string
	Stream      string   // of the delivery stream
	BearerToken string   // of the X API; a secret
	Ignored     []string // fields that are of no use any more, in the order of the table below
}

// firstVersion are the fields of config.json. Those without a target are
// ignored: the keys of X's API v1.1, which is gone, and AWS credentials, which
// belong into the SDK's own files.
var firstVersion = []struct {
	name   string
	target func(*Settings) *string
}{
	{"region_name", func(s *Settings) *string { return &s.Region }},
	{"stream_name", func(s *Settings) *string { return &s.Stream }},
	{"bearer_token", func(s *Settings) *string { return &s.BearerToken }},
	{"twitter_consumer_key", nil},
	{"twitter_consumer_secret", nil},
	{"twitter_access_token", nil},
	{"twitter_access_token_secret", nil},
	{"aws_access_key_id", nil},
	{"aws_secret_access_key", nil},
}

// FirstVersion reads the config.json of the first version of this system. Fields
// that version did not have are passed over. No error contains a value.
func FirstVersion(path string) (Settings, error) {
	text, err := readFile(path)
	if err != nil {
		return Settings{}, err
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &fields) != nil {
		return Settings{}, fmt.Errorf("%s is no JSON object; want the first version's config.json", path)
	}
	var s Settings
	for _, f := range firstVersion {
		raw, ok := fields[f.name]
		if !ok {
			continue
		}
		if f.target == nil {
			s.Ignored = append(s.Ignored, f.name)
			continue
		}
		var value string
		if json.Unmarshal(raw, &value) != nil {
			return Settings{}, fmt.Errorf("%s: field %q is no string", path, f.name)
		}
		*f.target(&s) = strings.TrimSpace(value)
	}
	return s, nil
}
