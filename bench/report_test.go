package main

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coldstream/internal/measure"
)

// exampleResults is a made-up run.
var exampleResults = filepath.Join("..", "internal", "benchreport", "testdata", "example.jsonl")

func TestReport(t *testing.T) {
	dir := t.TempDir()
	page, picture := filepath.Join(dir, "r.html"), filepath.Join(dir, "r.png")
	out, err := bench(t.Context(), "report", exampleResults, "--html", page, "--png", picture, "--posts-per-second", "10", "--memory", "1024")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"no figures of AWS", "Overview", "published", "10 posts/s (", "us-east-1"} {
		if !strings.Contains(out, want) {
			t.Errorf("the output has no %q:\n%s", want, out)
		}
	}
	if html := readFile(t, page); !strings.HasPrefix(html, "<!DOCTYPE html>") || !strings.HasSuffix(html, "</html>\n") || !strings.Contains(html, "10 posts/s") {
		t.Errorf("not a whole page: %.80q", html)
	}
	if _, err := png.Decode(strings.NewReader(readFile(t, picture))); err != nil {
		t.Error(err)
	}
	if out, err := bench(t.Context(), "report", exampleResults, "--no-cost"); err != nil || strings.Contains(out, "posts/s (") || strings.Contains(out, "us-east-1") {
		t.Errorf("--no-cost: %v\n%s", err, out)
	}
}

// TestReportOfARegionWithoutPrices: the report of a run is not refused for what
// the user did not ask for.
func TestReportOfARegionWithoutPrices(t *testing.T) {
	run := readRun(t, exampleResults)
	run.Platform, run.Config["region"] = measure.AWS, "mars-1"
	var b bytes.Buffer
	if err := measure.Write(&b, run); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "aws.jsonl")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := bench(t.Context(), "report", path, "--posts-per-second", "1", "--memory", "1024")
	if err != nil || !strings.Contains(out, "AWS, mars-1") || !strings.Contains(out, "The prices are those of us-east-1") || strings.Contains(out, "no figures of AWS") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestReportReadsTheGoFormat: the same samples give the same headline, whichever
// way they were written, but for what the Go format does not hold.
func TestReportReadsTheGoFormat(t *testing.T) {
	run := readRun(t, exampleResults)
	var b bytes.Buffer
	if err := measure.WriteGo(&b, run); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "r.txt")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := bench(t.Context(), "report", path, "--headline")
	if err != nil || !strings.Contains(out, "| zip | 2.65 ms | 4.77 ms | 1.61x | 355 µs | 51.4 ms | 8.75 MB | - |\n") {
		t.Errorf("got %v\n%s", err, out)
	}
	out, err = bench(t.Context(), "report", exampleResults, path, "--no-cost")
	if err != nil || !strings.Contains(out, "Comparison: ") || !strings.Contains(out, "names no rounds") || strings.Contains(out, "<0.001") {
		t.Errorf("a run differs from itself: %v\n%s", err, out)
	}
}

func TestReportRefuses(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	copied := put("copy.jsonl", readFile(t, exampleResults))
	for _, c := range []struct {
		want string
		args []string
	}{
		{"RESULTS is missing", nil},
		{"no such file", []string{filepath.Join(dir, "missing")}},
		{"holds no benchmark of a variant", []string{put("other.txt", "hello\n")}},
		{"is empty", []string{put("empty", "")}},
		{"nothing was measured in", []string{put("none", `{"run":{"platform":"local"}}`+"\n")}},
		{"has no figure that a report shows", []string{put("odd", "BenchmarkCold/variant=zip 1 5 furlongs\n")}},
		{"is also an input", []string{copied, "--html", copied}},
		{"is also an input", []string{copied, "--png", filepath.Join(dir, ".", "copy.jsonl")}},
		{"name the same file", []string{copied, "--png", filepath.Join(dir, "x"), "--html", filepath.Join(dir, "x")}},
		{`baseline "zap" was not measured`, []string{copied, "--baseline", "zap", "--no-cost"}},
		{"exclude each other", []string{copied, "--region", "us-east-1", "--prices", copied}},
		{"--posts-per-second has 0", []string{copied, "--posts-per-second", "0"}},
		{"--memory has 64", []string{copied, "--memory", "64"}},
		{"us-east-1", []string{copied, "--region", "mars-1"}},
		{"prices", []string{copied, "--prices", put("prices.json", "{}")}},
		{"cost of ", []string{copied, "--burst", "0.5", "--posts-per-second", "1", "--memory", "1024"}},
		{"no/r.html", []string{copied, "--no-cost", "--html", filepath.Join(dir, "no", "r.html")}},
	} {
		out, err := bench(t.Context(), append([]string{"report"}, c.args...)...)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") || out != "" {
			t.Errorf("%q: got %v, want %q; printed %q", c.args, err, c.want, out)
		}
	}
	if after := readFile(t, copied); after != readFile(t, exampleResults) {
		t.Error("an input was overwritten")
	}
}
