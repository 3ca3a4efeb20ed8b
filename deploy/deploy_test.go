// Package deploy holds Terraform, and the tests that apply it to Moto:
//
//	.ci/moto && go test ./deploy
package deploy

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// stacks has the tests run terraform, which takes minutes:
// go test -timeout 20m ./deploy -args -stacks
var stacks = flag.Bool("stacks", false, "apply the stacks on Moto")

func needStacks(t *testing.T) {
	t.Helper()
	if !*stacks {
		t.Skip("NOT TESTED: applying the stacks on Moto takes minutes; run it with -timeout 20m -args -stacks")
	}
}

// TestStacks applies every stack, demands that nothing is left to change, that
// another zip is an update in place, reads back what matters, and destroys.
func TestStacks(t *testing.T) {
	needStacks(t)
	m := startMoto(t)
	files := t.TempDir()
	program := filepath.Join(files, "coldstream")
	write(t, program, "not a program: Moto starts nothing")
	zip := func(stack string) string { return filepath.Join(files, stack+".zip") }

	t.Run("all", func(t *testing.T) {
		for stack, c := range map[string]struct {
			vars  []string
			zipOf string // the function that has the zip
			check func(*testing.T, *moto, map[string]any)
		}{
			"stream": {[]string{"zip=" + zip("stream"), "image_tag=v1", "token=secret", "token_version=1", "backfill=true", "delete_objects=true"},
				"coldstream-scorer", checkStream},
			"raw": {[]string{"zip=" + zip("raw"), "delete_objects=true"}, "coldstream-raw-backfill", checkRaw},
			"endpoint": {[]string{"zip=" + zip("endpoint"), "program=" + program, "delete_objects=true"},
				"coldstream-ec2-thin", checkEndpoint},
			"bench": {[]string{"zip_aws=" + zip("bench"), "zip_lean=" + zip("bench"), "container=true", "container_tag=v1",
				`endpoint={zip="` + zip("bench") + `",program="` + program + `"}`}, "coldstream-bench-coldstream-aws", checkBench},
		} {
			t.Run(stack, func(t *testing.T) {
				t.Parallel()
				m := &moto{t, m.url}
				w := newWorkspace(t, stack, m.url)
				writeZip(t, zip(stack), "first")
				args := []string{"-no-color", "-input=false"}
				for _, v := range c.vars {
					args = append(args, "-var", v)
				}
				apply := append([]string{"apply", "-auto-approve"}, args...)
				w.run(apply...)
				if out, code := w.tryRun(append([]string{"plan", "-detailed-exitcode"}, args...)...); code != 0 {
					t.Errorf("the second plan is not empty: exit code %d\n%s", code, out)
				}
				c.check(t, m, w.outputs())

				writeZip(t, zip(stack), "second")
				if out := w.run(apply...); !regexp.MustCompile(`Resources: 0 added, \d+ changed, 0 destroyed`).MatchString(out) {
					t.Errorf("another zip is no update in place:\n%s", out)
				}
				checkCode(t, m, c.zipOf, zip(stack))

				w.run(append([]string{"destroy", "-auto-approve"}, args...)...)
				if left := w.run("state", "list"); left != "" {
					t.Errorf("left in the state: %s", left)
				}
			})
		}
	})
	checkNothingLeft(t, m)
}

// checkCode demands that the function's alias stands for the zip.
func checkCode(t *testing.T, m *moto, function, zip string) {
	t.Helper()
	b, err := os.ReadFile(zip)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	var alias struct{ FunctionVersion string }
	m.json("lambda", "GET", "/2015-03-31/functions/"+function+"/aliases/live", "", "", &alias)
	var f struct {
		Configuration struct{ CodeSha256, Version string }
	}
	m.json("lambda", "GET", "/2015-03-31/functions/"+function+"?Qualifier="+alias.FunctionVersion, "", "", &f)
	if f.Configuration.CodeSha256 != base64.StdEncoding.EncodeToString(sum[:]) || f.Configuration.Version != "2" {
		t.Errorf("the alias live of %s is %+v", function, f.Configuration)
	}
}

// A destination is what a delivery stream says about its bucket.
type destination struct {
	Prefix                  string
	ErrorOutputPrefix       string
	CompressionFormat       string
	BufferingHints          struct{ SizeInMBs, IntervalInSeconds int }
	EncryptionConfiguration struct {
		KMSEncryptionConfig struct{ AWSKMSKeyARN string }
	}
	ProcessingConfiguration struct {
		Enabled    bool
		Processors []struct {
			Type       string
			Parameters []struct{ ParameterName, ParameterValue string }
		}
	}
}

// checkDelivery reads a stream and its bucket back.
func checkDelivery(t *testing.T, m *moto, o map[string]any, prefix string, size, seconds int) destination {
	t.Helper()
	var d struct {
		DeliveryStreamDescription struct {
			DeliveryStreamEncryptionConfiguration struct{ Status, KeyType string }
			Destinations                          []struct{ ExtendedS3DestinationDescription destination }
		}
	}
	m.json("firehose", "POST", "/", "Firehose_20150804.DescribeDeliveryStream", fmt.Sprintf(`{"DeliveryStreamName":%q}`, o["stream"]), &d)
	got := d.DeliveryStreamDescription.Destinations[0].ExtendedS3DestinationDescription
	if e := d.DeliveryStreamDescription.DeliveryStreamEncryptionConfiguration; e.Status != "ENABLED" || e.KeyType != "CUSTOMER_MANAGED_CMK" {
		t.Errorf("the stream's encryption is %+v", e)
	}
	if got.BufferingHints.SizeInMBs != size || got.BufferingHints.IntervalInSeconds != seconds {
		t.Errorf("buffers are %+v, want %d MB and %d s", got.BufferingHints, size, seconds)
	}
	if got.Prefix != prefix || !strings.HasPrefix(got.ErrorOutputPrefix, "processing-failed/") || got.CompressionFormat != "GZIP" {
		t.Errorf("prefixes %q and %q, compression %s", got.Prefix, got.ErrorOutputPrefix, got.CompressionFormat)
	}
	key := got.EncryptionConfiguration.KMSEncryptionConfig.AWSKMSKeyARN
	bucket, _, _ := strings.Cut(strings.TrimPrefix(o["objects"].(string), "s3://"), "/")
	if s := m.sub(bucket, "encryption"); !strings.Contains(s, "<SSEAlgorithm>aws:kms</SSEAlgorithm>") || key == "" || !strings.Contains(s, key) {
		t.Errorf("bucket %s: encryption is %s, the stream's key %q", bucket, s, key)
	}
	public := m.sub(bucket, "publicAccessBlock")
	for _, what := range []string{"BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"} {
		if !strings.Contains(public, "<"+what+">true</"+what+">") {
			t.Errorf("bucket %s: %s is not set: %s", bucket, what, public)
		}
	}
	var tls struct {
		Statement []struct {
			Effect, Principal json.RawMessage
			Action            list
			Condition         json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(m.sub(bucket, "policy")), &tls); err != nil || len(tls.Statement) != 1 ||
		string(tls.Statement[0].Effect) != `"Deny"` || !strings.Contains(string(tls.Statement[0].Condition), "aws:SecureTransport") {
		t.Errorf("bucket %s: plain HTTP is not denied: %+v, %v", bucket, tls, err)
	}
	return got
}

func checkStream(t *testing.T, m *moto, o map[string]any) {
	d := checkDelivery(t, m, o, "posts/dt=!{timestamp:yyyy-MM-dd}/", 64, 60)
	p := d.ProcessingConfiguration
	if !p.Enabled || len(p.Processors) != 1 || p.Processors[0].Parameters[0].ParameterValue != o["function"] {
		t.Errorf("the stream's transformation is %+v, want %v", p, o["function"])
	}
	var secret struct{ SecretString string }
	m.json("secretsmanager", "POST", "/", "secretsmanager.GetSecretValue", `{"SecretId":"coldstream-producer/token"}`, &secret)
	if secret.SecretString != "secret" {
		t.Errorf("the secret is %q", secret.SecretString)
	}
	var task struct {
		TaskDefinition struct {
			NetworkMode          string
			ContainerDefinitions []struct {
				User                   string
				ReadonlyRootFilesystem bool
				StopTimeout            int
				Command                []string
			}
		}
	}
	m.json("ecs", "POST", "/", "AmazonEC2ContainerServiceV20141113.DescribeTaskDefinition", `{"taskDefinition":"coldstream-producer"}`, &task)
	c := task.TaskDefinition.ContainerDefinitions[0]
	if task.TaskDefinition.NetworkMode != "awsvpc" || c.User != "65532:65532" || !c.ReadonlyRootFilesystem || c.StopTimeout != 30 {
		t.Errorf("the task is %+v", task)
	}
	if s := strings.Join(c.Command, " "); !strings.Contains(s, "--to firehose --stream coldstream --spool /spool") || strings.Contains(s, "secret ") {
		t.Errorf("the task runs %s", s)
	}
	var repositories struct {
		Repositories []struct {
			ImageTagMutability         string
			ImageScanningConfiguration struct{ ScanOnPush bool }
		}
	}
	m.json("ecr", "POST", "/", "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories", `{"repositoryNames":["coldstream-producer"]}`, &repositories)
	if r := repositories.Repositories[0]; r.ImageTagMutability != "IMMUTABLE" || !r.ImageScanningConfiguration.ScanOnPush {
		t.Errorf("the repository is %+v", r)
	}
	checkRoles(t, m)
}

func checkRaw(t *testing.T, m *moto, o map[string]any) {
	if d := checkDelivery(t, m, o, "raw/dt=!{timestamp:yyyy-MM-dd}/", 128, 300); d.ProcessingConfiguration.Enabled {
		t.Errorf("raw posts are transformed: %+v", d)
	}
}

func checkEndpoint(t *testing.T, m *moto, o map[string]any) {
	checkDelivery(t, m, o, "posts/dt=!{timestamp:yyyy-MM-dd}/", 64, 60)
	var f struct {
		Environment struct{ Variables map[string]string }
		VpcConfig   struct{ SubnetIds, SecurityGroupIds []string }
	}
	m.json("lambda", "GET", "/2015-03-31/functions/coldstream-ec2-thin/configuration", "", "", &f)
	if f.Environment.Variables["ENDPOINT_URL"] != o["endpoint"] || len(f.VpcConfig.SubnetIds) != 2 || len(f.VpcConfig.SecurityGroupIds) != 1 {
		t.Errorf("the thin function is %+v, the endpoint %v", f, o["endpoint"])
	}
	checkRoles(t, m)
}

// anyResource are the actions that roles may do on everything.
var anyResource = map[string]string{
	"ecr:GetAuthorizationToken":      "knows no resource",
	"ec2:CreateNetworkInterface":     "Lambda demands it for a function in a VPC",
	"ec2:DeleteNetworkInterface":     "Lambda demands it for a function in a VPC",
	"ec2:DescribeNetworkInterfaces":  "Lambda demands it for a function in a VPC",
	"ec2:DescribeSubnets":            "Lambda demands it for a function in a VPC",
	"ec2:AssignPrivateIpAddresses":   "Lambda demands it for a function in a VPC",
	"ec2:UnassignPrivateIpAddresses": "Lambda demands it for a function in a VPC",
}

// checkRoles lists all statements of all roles.
func checkRoles(t *testing.T, m *moto) {
	t.Helper()
	for _, r := range m.roles() {
		if len(r.Attached) > 0 {
			t.Errorf("role %s has policies that are not ours: %+v", r.Name, r.Attached)
		}
		for _, p := range r.Policies {
			all, err := statements(p.Document)
			if err != nil {
				t.Errorf("role %s: %v", r.Name, err)
			}
			for _, s := range all {
				t.Logf("role %s: %s: %v on %v", r.Name, s.Sid, s.Action, s.Resource)
				for _, action := range s.Action {
					if strings.Contains(action, "*") {
						t.Errorf("role %s: %s allows %s", r.Name, s.Sid, action)
					}
					for _, resource := range s.Resource {
						if resource == "*" && anyResource[action] == "" {
							t.Errorf("role %s: %s allows %s on everything", r.Name, s.Sid, action)
						}
					}
				}
			}
		}
	}
}

// checkNothingLeft looks for what the stacks have made in all of Moto's state.
func checkNothingLeft(t *testing.T, m *moto) {
	t.Helper()
	status, b := m.call("s3", "GET", "/moto-api/data.json", "", "")
	var all map[string]map[string][]json.RawMessage
	if err := json.Unmarshal(b, &all); status != http.StatusOK || err != nil {
		t.Fatalf("Moto's state: status %d, %v", status, err)
	}
	for service, models := range all {
		for model, items := range models {
			for _, item := range items {
				if s := string(item); strings.Contains(s, "coldstream") && !isKept(service, model, s) {
					t.Errorf("left: %s %s: %.300s", service, model, s)
				}
			}
		}
	}
}

// isKept tells of what AWS keeps too after it was deleted.
func isKept(service, model, item string) bool {
	switch service + " " + model {
	case "kms Key": // deleted after seven days
		return strings.Contains(item, "PendingDeletion")
	case "ecs TaskDefinition": // its revisions stay, inactive
		return strings.Contains(item, "INACTIVE")
	}
	return false
}
