package benchaws

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	tagtypes "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
)

// Tags of functions.
const (
	TagBench = "coldstream:bench"      // the target's name
	TagKind  = "coldstream:bench-kind" // its kind, if it is not plain from the function
	TagCopy  = "coldstream:bench-copy" // "true": the configuration may be changed
)

// A Target is a function that is measured.
type Target struct {
	Name     string // of the variant in the results
	Function string // name or ARN, without qualifier
	// Qualifier is a version or an alias. Cold starts cannot be forced on one:
	// published versions do not change.
	Qualifier string
	Kind      string // zip, container, ec2 or floor; "" = as the package type says
	Arch      string // arm64 or amd64; "" = as the function says
	// Copy marks a function that exists for measurements only: its configuration
	// may be changed while it is measured.
	Copy bool
	// UploadBytes is the size of what is uploaded, 0 = as Lambda says: of an image
	// it does not say any.
	UploadBytes int64
}

// nameForm keeps names usable as part of a benchmark's name.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

// kinds are those of measure.Variant.
var kinds = []string{"zip", "container", "ec2", "floor"}

func (t *Target) check() error {
	switch {
	case !nameForm.MatchString(t.Name):
		return fmt.Errorf("target %q: a name has letters, digits, '-', '_' and '.' only", t.Name)
	case t.Function == "":
		return fmt.Errorf("target %s has no function", t.Name)
	case t.Kind != "" && !slices.Contains(kinds, t.Kind):
		return fmt.Errorf("target %s: kind %q is none of %s", t.Name, t.Kind, strings.Join(kinds, ", "))
	case t.Arch != "" && t.Arch != "arm64" && t.Arch != "amd64":
		return fmt.Errorf("target %s: arch %q is neither arm64 nor amd64", t.Name, t.Arch)
	case t.UploadBytes < 0:
		return fmt.Errorf("target %s: upload_bytes is %d, want the size of what is uploaded", t.Name, t.UploadBytes)
	}
	return nil
}

// ParseTarget reads NAME=FUNCTION or NAME=FUNCTION:ALIAS, where FUNCTION is a
// name or an ARN.
func ParseTarget(s string) (Target, error) {
	name, function, ok := strings.Cut(s, "=")
	if !ok {
		return Target{}, fmt.Errorf("target %q is not of the form NAME=FUNCTION", s)
	}
	t := Target{Name: name}
	if err := t.setFunction(function); err != nil {
		return Target{}, err
	}
	return t, t.check()
}

// setFunction takes a qualifier off the end of a name or an ARN.
func (t *Target) setFunction(s string) error {
	function, qualifier, _ := strings.Cut(s, ":")
	if arn.IsARN(s) {
		a, err := arn.Parse(s)
		parts := strings.Split(a.Resource, ":")
		if err != nil || a.Service != "lambda" || len(parts) < 2 || len(parts) > 3 || parts[0] != "function" {
			return fmt.Errorf("target %s: %s is not the ARN of a function", t.Name, s)
		}
		function, qualifier = s, ""
		if len(parts) == 3 {
			qualifier = parts[2]
			function = strings.TrimSuffix(s, ":"+qualifier)
		}
	}
	t.Function, t.Qualifier = function, qualifier
	if strings.Contains(qualifier, ":") {
		return fmt.Errorf("target %s: %q is neither a function's name nor its ARN", t.Name, s)
	}
	return nil
}

// declared is a target as files have it.
type declared struct {
	FunctionName string `json:"function_name"`
	ARN          string `json:"arn"`
	Kind         string `json:"kind"`
	Arch         string `json:"arch"`
	Copy         bool   `json:"copy"`
	ServerURL    string `json:"server_url"`
	UploadBytes  int64  `json:"upload_bytes"`
}

// ReadTargets reads targets from what `terraform output -json` prints, where
// they are the output bench_targets, or from that output's value alone: a JSON
// object of targets by name. The order is that of the names.
func ReadTargets(b []byte) ([]Target, error) {
	var outputs struct {
		Targets *struct {
			Value json.RawMessage `json:"value"`
		} `json:"bench_targets"`
	}
	if err := json.Unmarshal(b, &outputs); err != nil {
		return nil, fmt.Errorf("not a JSON object of targets: %w", err)
	}
	if outputs.Targets != nil {
		if b = outputs.Targets.Value; b == nil {
			return nil, errors.New("the output bench_targets has no value; was terraform applied?")
		}
	}
	var all map[string]declared
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(&all); err != nil {
		return nil, fmt.Errorf("not a JSON object of targets by name: %w", err)
	}
	if len(all) == 0 {
		return nil, errors.New("holds no target; expected the output of terraform output -json with bench_targets in it")
	}
	var targets []Target
	for _, name := range slices.Sorted(maps.Keys(all)) {
		d := all[name]
		t := Target{Name: name, Kind: d.Kind, Arch: goArch(d.Arch), Copy: d.Copy, UploadBytes: d.UploadBytes}
		if t.Kind == "" && d.ServerURL != "" {
			t.Kind = "ec2"
		}
		function := d.FunctionName
		if function == "" {
			function = d.ARN
		}
		if err := t.setFunction(function); err != nil {
			return nil, err
		}
		if err := t.check(); err != nil {
			return nil, err
		}
		targets = append(targets, t)
	}
	return targets, nil
}

// goArch returns Go's name of an architecture that AWS may have named.
func goArch(s string) string {
	if s == "x86_64" {
		return "amd64"
	}
	return s
}

// maxTagged bounds the functions that Find returns.
const maxTagged = 1000

// Find returns the functions of the region that have the tag TagBench, in the
// order of their names as targets.
func (c *Client) Find(ctx context.Context) ([]Target, error) {
	var targets []Target
	pages := tagging.NewGetResourcesPaginator(c.tagging, &tagging.GetResourcesInput{
		ResourceTypeFilters: []string{"lambda:function"},
		TagFilters:          []tagtypes.TagFilter{{Key: aws.String(TagBench)}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, c.explain("functions with the tag "+TagBench, err)
		}
		for _, r := range page.ResourceTagMappingList {
			t := Target{}
			for _, tag := range r.Tags {
				switch value := aws.ToString(tag.Value); aws.ToString(tag.Key) {
				case TagBench:
					t.Name = value
				case TagKind:
					t.Kind = value
				case TagCopy:
					t.Copy = value == "true"
				}
			}
			if err := t.setFunction(aws.ToString(r.ResourceARN)); err != nil {
				return nil, err
			}
			if err := t.check(); err != nil {
				return nil, fmt.Errorf("tags of %s: %w", t.Function, err)
			}
			if targets = append(targets, t); len(targets) > maxTagged {
				return nil, fmt.Errorf("more than %d functions have the tag %s", maxTagged, TagBench)
			}
		}
	}
	if len(targets) == 0 {
		return nil, fmt.Errorf("no function in %s has the tag %s; name functions with --target or --terraform", c.region, TagBench)
	}
	slices.SortFunc(targets, func(a, b Target) int { return strings.Compare(a.Name, b.Name) })
	return targets, nil
}
