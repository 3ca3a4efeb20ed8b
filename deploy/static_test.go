package deploy

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

// sources returns the files of a folder that belong to the repository: not what
// terraform init has left there.
func sources(t *testing.T, dir string) fs.FS {
	t.Helper()
	files := make(fstest.MapFS)
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && e.Name() == ".terraform":
			return filepath.SkipDir
		case e.IsDir() || strings.Contains(e.Name(), "tfstate") || e.Name() == ".terraform.lock.hcl":
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		files[filepath.ToSlash(name)] = &fstest.MapFile{Data: b, Mode: 0o644}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// eachFile calls f with the lines of every .tf file.
func eachFile(t *testing.T, f func(path, text string)) {
	t.Helper()
	n := 0
	for _, dir := range []string{"modules", "stacks"} {
		files := sources(t, dir)
		err := fs.WalkDir(files, ".", func(path string, e fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".tf" {
				return err
			}
			n++
			b, err := fs.ReadFile(files, path)
			f(dir+"/"+path, string(b))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n < 30 {
		t.Errorf("only %d files were looked at", n)
	}
}

// TestFormat: terraform fmt has nothing to do.
func TestFormat(t *testing.T) {
	if _, err := exec.LookPath("terraform"); err != nil {
		t.Skip("NOT TESTED: the format: terraform is not on this machine")
	}
	out, err := exec.CommandContext(t.Context(), "terraform", "fmt", "-check", "-recursive", "modules").CombinedOutput()
	if err != nil {
		t.Errorf("terraform fmt would change: %s", out)
	}
	out, err = exec.CommandContext(t.Context(), "terraform", "fmt", "-check", "-recursive", "stacks").CombinedOutput()
	if err != nil {
		t.Errorf("terraform fmt would change: %s", out)
	}
}

// TestWildcards: whoever writes a "*" into a policy says why.
func TestWildcards(t *testing.T) {
	all, part := regexp.MustCompile(`"(\w+:)?\*"`), regexp.MustCompile(`(resources|arn\}|arn).*\*"`)
	eachFile(t, func(path, text string) {
		for i, line := range strings.Split(text, "\n") {
			code, why, _ := strings.Cut(line, "#")
			switch {
			case strings.Contains(code, `type        = "*"`): // identifiers follow, with the reason
			case regexp.MustCompile(`"kms:\*"|"s3:\*"`).MatchString(code):
				// All actions: of a key's owner, or of a denial. The resources follow.
			case all.MatchString(code) && !strings.Contains(why, "any: "):
				t.Errorf("%s:%d: \"*\" without a reason (# any: ...): %s", path, i+1, line)
			case part.MatchString(code) && strings.TrimSpace(why) == "":
				t.Errorf("%s:%d: a resource that ends in * without a reason: %s", path, i+1, line)
			}
		}
	})
}

// TestDescriptions: every variable says what it is and of which type, every
// output what it is; a stack has at most three variables without a default.
func TestDescriptions(t *testing.T) {
	block := regexp.MustCompile(`(?ms)^(variable|output) "(\w+)" \{\n(.*?)^\}`)
	eachFile(t, func(path, text string) {
		required := 0
		for _, b := range block.FindAllStringSubmatch(text, -1) {
			kind, name, body := b[1], b[2], b[3]
			if !regexp.MustCompile(`(?m)^  description = ".{10,}"$`).MatchString(body) {
				t.Errorf("%s: %s %s has no description", path, kind, name)
			}
			if kind == "output" {
				continue
			}
			if !regexp.MustCompile(`(?m)^  type +=`).MatchString(body) {
				t.Errorf("%s: variable %s has no type", path, name)
			}
			if !regexp.MustCompile(`(?m)^  default +=`).MatchString(body) {
				required++
			}
		}
		if strings.HasPrefix(path, "stacks/") && required > 3 {
			t.Errorf("%s: %d variables have no default, want 3 at most", path, required)
		}
	})
}

// TestValidate: terraform validate finds nothing.
func TestValidate(t *testing.T) {
	needStacks(t)
	for _, stack := range []string{"stream", "raw", "endpoint", "bench"} {
		t.Run(stack, func(t *testing.T) {
			t.Parallel()
			newWorkspace(t, stack, "").run("validate", "-no-color")
		})
	}
}

// TestRefusedVariables: values that AWS would refuse late are refused early, with
// our words.
func TestRefusedVariables(t *testing.T) {
	needStacks(t)
	url := startMoto(t).url
	zip := filepath.Join(t.TempDir(), "function.zip")
	writeZip(t, zip, "x")
	for stack, plans := range map[string][]map[string]string{ // a plan for each
		"stream": {
			{
				"buffer_mb=129":                    "a whole number of MB from 1 to 128",
				"buffer_seconds=901":               "interval is 0 to 900 seconds",
				"token= ":                          "The token is empty",
				"architecture=x86":                 "The architecture is arm64 or x86_64",
				"image_tag=a b":                    "The image's tag has letters",
				`source_arguments=["--count","1"]`: "need --source",
				"email=nobody":                     "no e-mail address",
				"memory_mb=100":                    "MB from 128 to 10240",
				"reserved_concurrency=0":           "The reserved concurrency is at least 1",
				"log_retention_days=31":            "CloudWatch Logs knows",
				"expire_days=0":                    "at least 1; null is never",
			},
			{
				"zip=" + zip + ".gone":  "The function's zip does not exist",
				"buffer_mb=0":           "a whole number of MB from 1 to 128",
				"buffer_seconds=-1":     "interval is 0 to 900 seconds",
				"name=Upper_case":       "lower case letters",
				"schedule=rate(1 hour)": "needs --count",
				"token_version=-1":      "The token's version is 0",
			},
			{"schedule=hourly": "The schedule is rate(...)"}, // its rules look at source_arguments
			{`labels=["A","B"]`: "at least 64 MB with label_partitions", "buffer_mb=63": "at least 64 MB with label_partitions"},
			{`labels=["A","A"]`: "The labels are distinct", "buffer_mb=1.5": "a whole number of MB"},
			{"token=x": "A token needs token_version"},
			{"token=": "The token is empty", "token_version=1": ""},
		},
		"raw": {
			{"format=parquet": "leave format at json"}, // refused before the modules are looked at
			{"buffer_mb=129": "a whole number of MB from 1 to 128", "buffer_seconds=901": "interval is 0 to 900 seconds", "architecture=arm": "The architecture is arm64 or x86_64"},
			{"format=csv": "format is json or parquet"},
		},
		"endpoint": {
			{"program=" + zip + ".gone": "The endpoint's program does not exist", "instance_type=large": "of the form t4g.small", "name=a-name-that-is-too-long-for-a-balancer": "2 to 22 lower case letters"},
			{"program=" + zip: "", "server=fastapi": "needs architecture x86_64"},
			{"program=" + zip: "", "server=flask": "coldstream or fastapi"},
		},
		"bench": {
			{"zip_aws=" + zip: "", "zip_lean=" + zip + ".gone": "The function's zip does not exist", "container_tag=v1": "container_tag needs container = true"},
		},
	} {
		t.Run(stack, func(t *testing.T) {
			t.Parallel()
			w := newWorkspace(t, stack, url)
			for _, refused := range plans {
				args := []string{"plan", "-no-color", "-input=false", "-refresh=false"}
				if stack != "bench" {
					args = append(args, "-var", "zip="+zip)
				}
				for value := range refused {
					args = append(args, "-var", value)
				}
				out, code := w.tryRun(args...)
				said := strings.Join(strings.Fields(strings.ReplaceAll(out, "│", "")), " ")
				for value, want := range refused {
					if code == 0 || !strings.Contains(said, want) {
						t.Errorf("%s: exit code %d, want %q in\n%s", value, code, want, out)
					}
				}
			}
		})
	}
}
