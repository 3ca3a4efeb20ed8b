package benchaws

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestTargetsAreParsed(t *testing.T) {
	const a = "arn:aws:lambda:eu-west-1:123456789012:function:f"
	for s, want := range map[string]Target{
		"zip=f":               {Name: "zip", Function: "f"},
		"zip=f:live":          {Name: "zip", Function: "f", Qualifier: "live"},
		"zip=" + a:            {Name: "zip", Function: a},
		"zip=" + a + ":3":     {Name: "zip", Function: a, Qualifier: "3"},
		"zip-arm64=f:$LATEST": {Name: "zip-arm64", Function: "f", Qualifier: "$LATEST"},
	} {
		if got, err := ParseTarget(s); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", s, got, err)
		}
	}
	for s, want := range map[string]string{
		"":                                "is not of the form",
		"f":                               "is not of the form",
		"=f":                              "a name has letters",
		"a/b=f":                           "a name has letters",
		"zip=":                            "has no function",
		"zip=a:b:c":                       "is neither a function's name nor its ARN",
		"zip=arn:aws:s3:::bucket":         "is not the ARN of a function",
		"zip=" + a + ":1:2":               "is not the ARN of a function",
		"zip=arn:aws:lambda:r:1:layer:x":  "is not the ARN of a function",
		"zip=arn:aws:lambda:r:1:function": "is not the ARN of a function",
		"x=" + strings.Repeat("arn:", 3):  "is neither",
		strings.Repeat("n", 65) + "=f":    "a name has letters",
	} {
		if got, err := ParseTarget(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %+v, %v; want %q", s, got, err, want)
		}
	}
}

func TestTargetsAreReadFromTerraform(t *testing.T) {
	const value = `{"zip":{"function_name":"sentiment-bench","kind":"zip","arch":"arm64","copy":true},
		"thin":{"arn":"arn:aws:lambda:us-east-1:1:function:thin:live","arch":"x86_64","server_url":"http://10.0.0.5:8000","upload_bytes":3000000000}}`
	want := []Target{
		{Name: "thin", Function: "arn:aws:lambda:us-east-1:1:function:thin", Qualifier: "live", Kind: "ec2", Arch: "amd64", UploadBytes: 3e9},
		{Name: "zip", Function: "sentiment-bench", Kind: "zip", Arch: "arm64", Copy: true},
	}
	for _, text := range []string{value, `{"bucket":{"value":"b","type":"string","sensitive":false},"bench_targets":{"sensitive":false,"type":["map","x"],"value":` + value + `}}`} {
		if got, err := ReadTargets([]byte(text)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	for text, want := range map[string]string{
		"":                     "not a JSON object",
		"[]":                   "not a JSON object",
		"{}":                   "holds no target",
		`{"bench_targets":{}}`: "has no value; was terraform applied?",
		`{"zip":"f"}`:          "not a JSON object of targets",
		`{"zip":{}}`:           "has no function",
		`{"zip":{"function_name":"f","kind":"tar"}}`:  `kind "tar"`,
		`{"zip":{"function_name":"f","arch":"s390"}}`: `arch "s390"`,
		`{"bucket":{"value":"b","type":"string"}}`:    "target bucket has no function",
	} {
		if got, err := ReadTargets([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %+v, %v; want %q", text, got, err, want)
		}
	}
}

func FuzzReadTargets(f *testing.F) {
	f.Add([]byte(`{"bench_targets":{"value":{"zip":{"function_name":"f","arch":"x86_64","copy":true}}}}`))
	f.Add([]byte(`{"zip":{"arn":"arn:aws:lambda:r:1:function:f:1"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		targets, err := ReadTargets(b)
		if err != nil {
			return
		}
		for _, x := range targets {
			if err := x.check(); err != nil || len(targets) == 0 {
				t.Errorf("%+v: %v", x, err)
			}
		}
	})
}

func TestTaggedFunctionsAreFound(t *testing.T) {
	a, b := zip("a"), zip("b")
	a.tags = map[string]string{TagBench: "z-plain"}
	b.tags = map[string]string{TagBench: "a-copy", TagCopy: "true", TagKind: "ec2"}
	f, c := newFake(t, a, b)
	f.tagged = []string{"a", "b"}
	got, err := c.Find(t.Context())
	want := []Target{{Name: "a-copy", Function: account + "b", Kind: "ec2", Copy: true}, {Name: "z-plain", Function: account + "a"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	a.tags[TagBench] = "no name"
	if _, err := c.Find(t.Context()); err == nil || !strings.Contains(err.Error(), "tags of "+account+"a: target \"no name\"") {
		t.Errorf("got %v", err)
	}
	f.tagged = nil
	if _, err := c.Find(t.Context()); err == nil || !strings.Contains(err.Error(), "no function in us-east-1 has the tag coldstream:bench") {
		t.Errorf("got %v", err)
	}
	f.fault = func(string, int) (int, string, string) { return 400, "AccessDeniedException", "no" }
	if _, err := c.Find(t.Context()); err == nil || !strings.Contains(err.Error(), "allow tag:GetResources") {
		t.Errorf("got %v", err)
	}
}

// TestPolicyNamesEveryAction that the fake was ever asked for, and permits
// changes to copies only.
func TestPolicyNamesEveryAction(t *testing.T) {
	var p struct {
		Version   string
		Statement []struct {
			Effect    string
			Action    []string
			Condition map[string]map[string]string
		}
	}
	if err := json.Unmarshal([]byte(Policy()), &p); err != nil {
		t.Fatal(err)
	}
	conditions := map[string]string{}
	for _, s := range p.Statement {
		for _, a := range s.Action {
			conditions[a] = s.Condition["StringEquals"]["aws:ResourceTag/"+TagCopy]
		}
	}
	want := map[string]string{
		"lambda:GetFunction": "", "lambda:GetFunctionConfiguration": "", "lambda:ListTags": "", "lambda:InvokeFunction": "",
		"lambda:UpdateFunctionConfiguration": "true", "logs:FilterLogEvents": "", "logs:StartQuery": "", "logs:GetQueryResults": "",
		"logs:StopQuery": "", "tag:GetResources": "",
	}
	if p.Version != "2012-10-17" || !reflect.DeepEqual(conditions, want) {
		t.Errorf("got %v", conditions)
	}
}
