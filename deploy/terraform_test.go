package deploy

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mirror returns a folder of providers in the form of a filesystem mirror. The
// registry is not asked. Without it, or without terraform, the test is skipped.
func mirror(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("terraform"); err != nil {
		t.Skip("NOT TESTED: the stacks: terraform is not on this machine")
	}
	places := []string{os.Getenv("TF_PLUGIN_MIRROR"), "/usr/share/terraform/plugins", "/usr/local/share/terraform/plugins"}
	if home, err := os.UserHomeDir(); err == nil {
		places = append(places, filepath.Join(home, ".terraform.d", "plugins"), filepath.Join(home, ".local", "share", "terraform", "plugins"))
	}
	inOpt, _ := filepath.Glob("/opt/*/registry.terraform.io")
	for _, p := range inOpt {
		places = append(places, filepath.Dir(p))
	}
	for _, p := range places {
		if found, _ := filepath.Glob(filepath.Join(p, "registry.terraform.io", "hashicorp", "aws", "*")); p != "" && len(found) > 0 {
			return p
		}
	}
	t.Skip("NOT TESTED: the stacks: no mirror of the AWS provider on this machine; make one with terraform providers mirror DIR and set TF_PLUGIN_MIRROR=DIR")
	return ""
}

// inMoto is what only tests have: the provider's address, and one override for
// each thing that Moto does not do as AWS does.
var inMoto = map[string]string{
	"stacks/*/moto_override.tf": `provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  s3_use_path_style           = true
}
`,
	// DescribeServices does not return the setting.
	"modules/producer/moto_override.tf": `resource "aws_ecs_service" "producer" {
  lifecycle {
    ignore_changes = [availability_zone_rebalancing]
  }
}
`,
	// ListTagsForStream does not return the tags of a data stream.
	"modules/stream/moto_override.tf": `resource "aws_kinesis_stream" "source" {
  lifecycle {
    ignore_changes = [tags, tags_all]
  }
}
`,
	// GetFunction returns an ImageConfig that nobody set.
	"modules/container/moto_override.tf": `resource "aws_lambda_function" "function" {
  lifecycle {
    ignore_changes = [image_config]
  }
}
`,
	// Conditions of bucket policies are not looked at: what denies plain HTTP denies
	// everything, the upload of the program too. Stack stream has the same policy.
	// The tags of a template come back as some of what it starts, and rules that name
	// a group or a prefix list lose their description.
	"modules/endpoint/moto_override.tf": `resource "aws_s3_bucket_policy" "program" {
  count = 0
}
resource "aws_launch_template" "endpoint" {
  lifecycle {
    ignore_changes = [tag_specifications]
  }
}
` + withoutDescription("egress", "function", "balancer", "instance") + withoutDescription("ingress", "balancer", "instance"),
}

// withoutDescription ignores the descriptions of rules of security groups.
func withoutDescription(direction string, names ...string) string {
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, "resource \"aws_vpc_security_group_%s_rule\" %q {\n  lifecycle {\n    ignore_changes = [description]\n  }\n}\n", direction, name)
	}
	return b.String()
}

// A workspace is a copy of the modules and one stack.
type workspace struct {
	t   *testing.T
	dir string
	env []string
}

// newWorkspace copies this folder and initialises stack in the copy. endpoint is
// Moto's address, "" where nothing is applied.
func newWorkspace(t *testing.T, stack, endpoint string) *workspace {
	t.Helper()
	providers := mirror(t)
	root := t.TempDir()
	for _, dir := range []string{"modules", filepath.Join("stacks", stack)} {
		if err := os.CopyFS(filepath.Join(root, dir), sources(t, dir)); err != nil {
			t.Fatal(err)
		}
	}
	for pattern, text := range inMoto {
		dirs, _ := filepath.Glob(filepath.Join(root, filepath.Dir(pattern)))
		for _, dir := range dirs {
			write(t, filepath.Join(dir, filepath.Base(pattern)), text)
		}
	}
	rc := filepath.Join(root, "terraform.tfrc")
	write(t, rc, `provider_installation {
  filesystem_mirror {
    path    = "`+providers+`"
    include = ["registry.terraform.io/*/*"]
  }
}
`)
	w := &workspace{t: t, dir: filepath.Join(root, "stacks", stack)}
	w.env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+rc, "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_ENDPOINT_URL="+endpoint)
	w.run("init", "-no-color", "-input=false")
	return w
}

// tryRun runs terraform and returns what it printed and its exit code.
func (w *workspace) tryRun(args ...string) (string, int) {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), "terraform", args...)
	cmd.Dir, cmd.Env = w.dir, w.env
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// run runs terraform, which has to succeed.
func (w *workspace) run(args ...string) string {
	w.t.Helper()
	out, code := w.tryRun(args...)
	if code != 0 {
		w.t.Fatalf("terraform %v: exit code %d\n%s", args, code, out)
	}
	return out
}

// outputs returns the stack's outputs.
func (w *workspace) outputs() map[string]any {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), "terraform", "output", "-json")
	cmd.Dir, cmd.Env = w.dir, w.env
	b, err := cmd.Output()
	if err != nil {
		w.t.Fatal(err)
	}
	var all map[string]struct{ Value any }
	if err := json.Unmarshal(b, &all); err != nil {
		w.t.Fatal(err)
	}
	values := make(map[string]any)
	for name, o := range all {
		values[name] = o.Value
	}
	return values
}

// writeZip writes a zip whose only file holds text. Moto does not start it.
func writeZip(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := zip.NewWriter(f)
	b, err := z.Create("bootstrap")
	if err == nil {
		_, err = b.Write([]byte(text))
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
