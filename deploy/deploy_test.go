// Package deploy holds Terraform, and the tests that apply it to Moto:
//
//	deploy/test
package deploy

import (
	"crypto/sha256"
	"encoding/base64"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// stacks has the tests run terraform, which takes minutes:
// go test -timeout 20m -parallel 8 ./deploy -args -stacks
var stacks = flag.Bool("stacks", false, "apply the stacks on Moto")

func needStacks(t *testing.T) {
	t.Helper()
	if !*stacks {
		t.Skip("NOT TESTED: applying the stacks on Moto takes minutes; run deploy/test, or go test with -timeout 20m -parallel 8 -args -stacks")
	}
}

// A variant is a stack with variables, which is applied and destroyed.
type variant struct {
	stack  string
	vars   []string
	zipVar string // what the zip's path follows; "" = without a function
	zipOf  string // the function that has the zip
	first  string // path of the first zip; "" = one that Moto does not start
	check  func(*testing.T, *site)
}

// A site is an applied stack and what it was made of.
type site struct {
	m       *moto
	outputs map[string]any
	zip     string // path of the function's zip
	program programs
}

// TestStacks applies every stack, demands that nothing is left to change, reads
// back what matters, sends posts through the streams that score, demands that
// another zip is an update in place, and destroys.
func TestStacks(t *testing.T) {
	needStacks(t)
	mirror(t) // before anything is built
	m := startMoto(t)
	f, address := newFront(t, m.url)
	m.url = address
	p := buildPrograms(t)
	l := newListings()
	variants := map[string]variant{
		"stream": {stack: "stream", first: p.zip, zipVar: "zip=", zipOf: "coldstream-scorer", check: checkStream,
			vars: []string{"architecture=x86_64", "image_tag=v1", `source_arguments=["--source","sample","--count","300"]`, "backfill=true", "email=ops@example.org", "private=true"}},
		"labels": {stack: "stream", first: p.zip, zipVar: "zip=", zipOf: "posts-by-label-scorer", check: checkLabels,
			vars: []string{"name=posts-by-label", "architecture=x86_64", "image_tag=v1", `labels=["Negative","Neutral","Positive"]`,
				"schedule=rate(1 hour)", `source_arguments=["--source","x-search","--query","lang:en","--count","100"]`, "token=secret", "token_version=1"}},
		"kinesis": {stack: "stream", zipVar: "zip=", zipOf: "posts-by-kinesis-scorer", check: checkKinesis,
			vars: []string{"name=posts-by-kinesis", "kinesis_source=true", "image_tag=v1"}},
		"parquet": {stack: "raw", check: checkParquet, vars: []string{"name=posts-by-column", "format=parquet", "versioned=true", "expire_days=30"}},
		"raw":     {stack: "raw", zipVar: "zip=", zipOf: "coldstream-raw-backfill", check: checkRaw},
		"endpoint": {stack: "endpoint", zipVar: "zip=", zipOf: "coldstream-ec2-thin", check: checkEndpoint,
			vars: []string{"program=" + p.coldstream}},
		"bench": {stack: "bench", zipVar: "zip_aws=", zipOf: "coldstream-bench-coldstream-aws", check: checkBench,
			vars: []string{"architecture=x86_64", "zip_lean=" + p.zip, "container=true", "container_tag=v1",
				`endpoint={zip="` + p.zip + `",program="` + p.coldstream + `",server="fastapi"}`}},
	}
	t.Run("all", func(t *testing.T) {
		for name, v := range variants {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				v.run(t, &moto{t, m.url}, p, l)
			})
		}
	})
	l.checkNothingLeft(t, m, f)
	f.report(t)
}

// run takes a variant from nothing to nothing.
func (v variant) run(t *testing.T, m *moto, p programs, l *listings) {
	w := newWorkspace(t, v.stack, m.url)
	zip := filepath.Join(t.TempDir(), "function.zip")
	if v.first == "" {
		writeZip(t, zip, "first")
	} else {
		copyFile(t, v.first, zip)
	}
	args := []string{"-no-color", "-input=false"}
	if v.zipVar != "" {
		args = append(args, "-var", v.zipVar+zip)
	}
	for _, s := range v.vars {
		args = append(args, "-var", s)
	}
	if v.stack != "bench" {
		args = append(args, "-var", "delete_objects=true")
	}
	apply := append([]string{"apply", "-auto-approve"}, args...)
	w.run(apply...)
	if out, code := w.tryRun(append([]string{"plan", "-detailed-exitcode"}, args...)...); code != 0 {
		t.Errorf("the second plan is not empty: exit code %d\n%s", code, changes(out))
	}
	outputs := w.outputs()
	if next, ok := outputs["next"].(string); !ok || next == "" {
		t.Errorf("the output next is %v: it has to print the next command", outputs["next"])
	}
	s := &site{m, outputs, zip, p}
	if v.zipVar == "" {
		v.check(t, s)
	} else {
		checkCode(t, m, v.zipOf, zip, "1")
		v.check(t, s)
		writeZip(t, zip, "second")
		if out := w.run(apply...); !regexp.MustCompile(`Resources: 0 added, \d+ changed, 0 destroyed`).MatchString(out) {
			t.Errorf("another zip is no update in place:\n%s", changes(out))
		}
		checkCode(t, m, v.zipOf, zip, "2")
	}

	l.look(m)
	w.run(append([]string{"destroy", "-auto-approve"}, args...)...)
	if left := w.run("state", "list"); left != "" {
		t.Errorf("left in the state: %s", left)
	}
}

// changes leaves out of terraform's output what says that it is at work.
func changes(out string) string {
	var kept []string
	for line := range strings.Lines(out) {
		if !strings.Contains(line, "Refreshing state") && !strings.Contains(line, "Still ") && !strings.Contains(line, "Read complete") && !strings.Contains(line, "Reading...") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// checkCode demands that the function's alias stands for the zip, as the given version.
func checkCode(t *testing.T, m *moto, function, zip, version string) {
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
	if f.Configuration.CodeSha256 != base64.StdEncoding.EncodeToString(sum[:]) || f.Configuration.Version != version {
		t.Errorf("the alias live of %s is %+v", function, f.Configuration)
	}
}
