package main

import (
	"bytes"
	"encoding/xml"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"coldstream/internal/cost"
	"coldstream/internal/measure"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func measured(t *testing.T) *measure.Run {
	t.Helper()
	const path = "../../bench/results/local.jsonl"
	r, err := measure.Read(strings.NewReader(read(t, path)), path)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestREADMEHasTheTables(t *testing.T) {
	readme := read(t, "../README.md")
	want, err := replace(readme, measured(t))
	if err != nil {
		t.Fatal(err)
	}
	if readme != want {
		t.Error("the tables in deploy/README.md are not those of the prices, the stacks and the run: go generate ./deploy")
	}
	for _, without := range []string{strings.Replace(readme, begin, "", 1), strings.ReplaceAll(readme, end, "")} {
		if _, err := replace(without, measured(t)); err == nil {
			t.Error("a README without a place for the tables is no error")
		}
	}
}

// TestQuantitiesAreThoseOfTheStacks compares what stands in the Terraform.
func TestQuantitiesAreThoseOfTheStacks(t *testing.T) {
	number := func(file, pattern string, want float64) {
		t.Helper()
		m := regexp.MustCompile(pattern).FindStringSubmatch(read(t, "../"+file))
		if m == nil {
			t.Errorf("%s has nothing like %s", file, pattern)
			return
		}
		if got, err := strconv.ParseFloat(m[1], 64); err != nil || got != want {
			t.Errorf("%s has %s, the table %v", file, m[0], want)
		}
	}
	initial := func(name string) string { return `variable "` + name + `" \{[^}]*?default\s+= ([0-9.]+)` }
	number("modules/producer/variables.tf", initial("cpu"), 1024*taskVCPU)
	number("modules/producer/variables.tf", initial("memory_mb"), 1024*taskGB)
	number("modules/network/variables.tf", initial("zones"), zones)
	number("modules/scorer/variables.tf", initial("memory_mb"), scorerMB)
	number("stacks/stream/variables.tf", initial("memory_mb"), scorerMB)
	number("stacks/endpoint/main.tf", `memory_mb\s+= ([0-9]+)`, thinMB)
	number("modules/endpoint/main.tf", `volume_size\s+= var.server == "fastapi" \? [0-9]+ : ([0-9]+)`, volumeGB)
	number("stacks/stream/variables.tf", `base_rpu = optional\(number, ([0-9]+)\)`, baseRPU)
	number("modules/endpoint/variables.tf", `default\s+= \{ min = ([0-9]+), max`, 1)
	if !strings.Contains(read(t, "../modules/endpoint/main.tf"), `"arm64" ? "`+instanceType+`"`) {
		t.Errorf("the endpoint's instances are no %s", instanceType)
	}
	endpoints := regexp.MustCompile(`interface_endpoints = !var.private \? \[\] : \[([^\]]*)\]`).FindStringSubmatch(read(t, "../stacks/stream/main.tf"))
	if endpoints == nil || len(regexp.MustCompile(`"[a-z.-]+"(?: : "[a-z-]+")?,`).FindAllString(endpoints[1]+",", -1)) != 5 {
		t.Errorf("the private stream's interface endpoints are %q, the table has 5", endpoints)
	}

	// Alarms, by the condition that each stands under.
	counts := make(map[string]int)
	for _, m := range regexp.MustCompile(`when\s+= (.*)\n\s+text\s+=`).FindAllStringSubmatch(read(t, "../modules/observe/main.tf"), -1) {
		counts[m[1]]++
	}
	got := [...]int{counts["true"], counts["var.function_name != null"] + counts["var.function_name != null && var.function_log_group != null"],
		counts["var.producer"] + counts["var.producer && var.lag_seconds != null"], counts["var.kinesis_source"]}
	if want := [...]int{alarmsOfStream, alarmsOfFunction, alarmsOfProducer, 1}; got != want || len(counts) != 6 {
		t.Errorf("module observe has alarms %v, the table %v", counts, want)
	}

	// The producer's metrics: each counter and gauge of the account, filtered
	// posts once for each reason.
	watch := read(t, "../../producer/watch.go")
	metrics := strings.Count(watch, "\t\tcounter(\"") + len(regexp.MustCompile(`\{Name: "coldstream_producer_(unsent|lag)`).FindAllString(watch, -1))
	reasons := regexp.MustCompile(`\[\]string\{(.*)\} \{\n\s+s := counter\("filtered_total"`).FindStringSubmatch(watch)
	if reasons == nil || metrics+strings.Count(reasons[1], ",")+1 != taskMetrics {
		t.Errorf("the producer has %d metrics and those of %q, the table %d", metrics, reasons, taskMetrics)
	}
}

func TestMissingPricesAreNamed(t *testing.T) {
	prices, err := cost.ForRegion(region)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"kms_key_month", "secret_month", "redshift_rpu_hour"} {
		p := prices
		p.Deployment = make(map[string]float64)
		for k, v := range prices.Deployment {
			if k != name {
				p.Deployment[k] = v
			}
		}
		if _, _, err := stacks(p); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
	if _, err := times(&measure.Run{}, "lean"); err == nil || !strings.Contains(err.Error(), "variant=lean") {
		t.Errorf("without a run: %v", err)
	}
}

func TestDollars(t *testing.T) {
	for x, want := range map[float64]string{0: "$0", 1.005e-5: "under $0.0001", .00123: "$0.0012", .0123: "$0.012", .123: "$0.12", 12.3: "$12.30", -.5: "-$0.50"} {
		if got := dollars(x); got != want {
			t.Errorf("%v: %s, want %s", x, got, want)
		}
	}
}

// TestWalkThrough: every flag in the README's commands is one of the program's,
// and every output and variable one of the stack's.
func TestWalkThrough(t *testing.T) {
	_, rest, _ := strings.Cut(read(t, "../README.md"), "```sh\n")
	block, _, closed := strings.Cut(rest, "```")
	if !closed || !strings.Contains(block, "terraform") {
		t.Fatal("the README has no walk-through")
	}
	dir := t.TempDir()
	help := func(program string, args ...string) string {
		t.Helper()
		path := filepath.Join(dir, program)
		if _, err := os.Stat(path); err != nil {
			if out, err := exec.Command("go", "build", "-o", path, "../../"+program).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		}
		out, err := exec.Command(path, append(args, "--help")...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s %q: %v", program, args, err)
		}
		return string(out)
	}
	variables, outputs := read(t, "../stacks/stream/variables.tf"), read(t, "../stacks/stream/outputs.tf")
	flags := regexp.MustCompile(`(?:^| )(--?[a-z][a-z-]*)`)
	seen := 0
	for line := range strings.Lines(block) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "  #")
		for _, m := range regexp.MustCompile(`output -raw ([a-z_]+)`).FindAllStringSubmatch(line, -1) {
			seen++
			if !strings.Contains(outputs, `output "`+m[1]+`"`) {
				t.Errorf("%s: the stack has no output %s", line, m[1])
			}
		}
		for _, m := range regexp.MustCompile(`(?:TF_VAR_|-var )([a-z_]+)=`).FindAllStringSubmatch(line, -1) {
			seen++
			if !strings.Contains(variables, `variable "`+m[1]+`"`) {
				t.Errorf("%s: the stack has no variable %s", line, m[1])
			}
		}
		words := strings.Fields(regexp.MustCompile(`"\$\(.*?\)"`).ReplaceAllString(line, "VALUE"))
		var text string
		switch {
		case len(words) > 1 && words[0] == "./coldstream":
			sub := words[1:2]
			if words[1] == "image" {
				sub = words[1:3]
			}
			text = help("tools", sub...)
		case len(words) > 0 && words[0] == "./producer.bin":
			text = help("producer")
		default:
			continue
		}
		for _, m := range flags.FindAllStringSubmatch(strings.Join(words, " "), -1) {
			seen++
			if !regexp.MustCompile(`(?m)^ +(-[a-z], )? *`+m[1]+` `).MatchString(text) && !strings.Contains(text, m[1]+", --") {
				t.Errorf("%s: there is no %s", line, m[1])
			}
		}
	}
	if seen < 15 {
		t.Errorf("only %d flags, outputs and variables were found", seen)
	}
}

// TestPicture: the picture is whole and needs nothing else, and the README shows
// it.
func TestPicture(t *testing.T) {
	text := read(t, "../architecture.svg")
	var words []string
	d := xml.NewDecoder(bytes.NewReader([]byte(text)))
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			for _, a := range e.Attr {
				if a.Name.Local == "href" || e.Name.Local == "script" || e.Name.Local == "image" {
					t.Errorf("<%s %s> loads or runs something", e.Name.Local, a.Name.Local)
				}
			}
		case xml.CharData:
			words = append(words, strings.TrimSpace(string(e)))
		}
	}
	stacks, err := filepath.Glob("../stacks/*")
	if err != nil || len(stacks) == 0 {
		t.Fatal(stacks, err)
	}
	for _, s := range stacks {
		if !slices.Contains(words, filepath.Base(s)) {
			t.Errorf("the picture does not have stack %s", filepath.Base(s))
		}
	}
	if !strings.Contains(read(t, "../README.md"), "](architecture.svg)") {
		t.Error("the README does not show the picture")
	}
}
