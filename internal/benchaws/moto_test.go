package benchaws

import (
	archive "archive/zip"
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"coldstream/internal/mototest"
)

// role makes an IAM role that functions can have.
func role(t *testing.T, address string) string {
	t.Helper()
	form := url.Values{
		"Action": {"CreateRole"}, "Version": {"2010-05-08"}, "RoleName": {"bench"},
		"AssumeRolePolicyDocument": {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`},
	}
	req, err := http.NewRequestWithContext(t.Context(), "POST", address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=a/20261122/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("CreateRole: %s", res.Status)
	}
	return "arn:aws:iam::123456789012:role/bench"
}

// TestManagementAgainstMoto: functions are made, found by their tags, changed
// and set back through a server that we have not written.
func TestManagementAgainstMoto(t *testing.T) {
	address := mototest.Start(t)
	c := newTestClient(t, address)
	arn := role(t, address)
	var code bytes.Buffer
	z := archive.NewWriter(&code)
	if _, err := z.Create("bootstrap"); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]struct {
		env  map[string]string
		tags map[string]string
	}{
		"copy":  {map[string]string{"MODEL": "m", "SECRET": "hunter2"}, map[string]string{TagBench: "zip", TagCopy: "true"}},
		"empty": {nil, map[string]string{TagBench: "empty", TagCopy: "true"}},
		"plain": {nil, map[string]string{TagBench: "plain"}},
	} {
		in := &lambda.CreateFunctionInput{
			FunctionName: &name, Role: &arn, Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Code: &types.FunctionCode{ZipFile: code.Bytes()},
			Architectures: []types.Architecture{types.ArchitectureArm64}, MemorySize: aws.Int32(512), Timeout: aws.Int32(60), Tags: f.tags,
		}
		if f.env != nil {
			in.Environment = &types.Environment{Variables: f.env}
		}
		if _, err := c.lambda.CreateFunction(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	read := func(name string) (env map[string]string, memory int32) {
		t.Helper()
		got, err := c.lambda.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: &name})
		if err != nil {
			t.Fatal(err)
		}
		if got.Environment != nil {
			env = maps.Clone(got.Environment.Variables)
		}
		return env, *got.MemorySize
	}

	targets, err := c.Find(t.Context())
	if err != nil || len(targets) != 3 || targets[2].Name != "zip" || !targets[2].Copy || targets[1].Copy {
		t.Fatalf("found %+v, %v", targets, err)
	}
	for _, target := range targets {
		target.Copy = false // let the tags be asked
		name := target.Function[strings.LastIndexByte(target.Function, ':')+1:]
		f, err := c.describe(t.Context(), target, true, false)
		if name == "plain" {
			if err == nil || !strings.Contains(err.Error(), "is not marked as a bench copy") {
				t.Errorf("plain: got %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if f.Arch != "arm64" || f.Kind != "zip" || f.memory != 512 || f.runtime != "provided.al2023" || f.timeout != time.Minute || f.codeSize == 0 {
			t.Errorf("%s: %+v", name, f)
		}
		before, _ := read(name)
		if err := c.forceCold(t.Context(), f, 1769); err != nil {
			t.Fatal(err)
		}
		env, memory := read(name)
		if !strings.HasPrefix(env[nonceName], "512-") || memory != 1769 || len(env) != len(before)+1 || env["SECRET"] != before["SECRET"] {
			t.Errorf("%s: changed to %v, %d MB", name, env, memory)
		}
		first := env[nonceName]
		if err := c.forceCold(t.Context(), f, 0); err != nil {
			t.Fatal(err)
		}
		if env, memory := read(name); env[nonceName] == first || memory != 512 {
			t.Errorf("%s: changed again to %v, %d MB", name, env, memory)
		}
		if err := c.restore(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		if env, memory := read(name); len(env) != len(before) || len(env) > 0 && !reflect.DeepEqual(env, before) || memory != 512 {
			t.Errorf("%s: set back to %v, %d MB; was %v", name, env, memory, before)
		}
	}

	if _, err := c.describe(t.Context(), Target{Name: "gone", Function: "gone"}, true, false); err == nil || !strings.HasPrefix(err.Error(), "target gone: function gone: does not exist in us-east-1") {
		t.Errorf("got %v", err)
	}
	now := time.Now()
	if _, err := c.Traffic(t.Context(), "/aws/lambda/gone", now.Add(-time.Hour), now); err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("log group %s: does not exist", "/aws/lambda/gone")) {
		t.Errorf("got %v", err)
	}
}
