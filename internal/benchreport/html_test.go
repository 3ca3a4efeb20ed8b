package benchreport

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"coldstream/internal/measure"
)

// hostile is a run whose every text tries to be something else.
func hostile() *measure.Run {
	evil := "</title><script>alert(1)</script>\x1b[31m\"'><img src=x onerror=y>\nurl(http://evil) {{.}} | `x`"
	r := exampleRun(4, 1)
	r.Command, r.Config["cpu"], r.Config[evil], r.Notes = evil, evil, evil, []string{evil}
	r.Variants = append(r.Variants, measure.Variant{Name: evil, Title: evil, Kind: "zip", Model: evil, UploadNote: evil, UploadBytes: 1 << 20,
		Versions: map[string]string{evil: evil}}, measure.Variant{Name: evil + "2", Skipped: evil})
	for i := range 4 {
		values := map[string]float64{measure.Init: 5e6 + float64(i), measure.First: 6e6, measure.Invoke: 1e6, measure.Time: 1e6, evil: 3}
		r.Samples = append(r.Samples,
			measure.Sample{Variant: evil, Case: measure.Cold, Values: values},
			measure.Sample{Variant: evil, Case: measure.Cold, Settings: map[string]string{evil: evil}, Values: values},
			measure.Sample{Variant: evil, Case: evil, Values: values},
			measure.Sample{Variant: evil, Case: measure.Cold, Error: evil, Output: strings.Repeat(evil+"\n", 500)})
	}
	return r
}

func TestHostileTextsStayTexts(t *testing.T) {
	r := newReport(t, Options{Cost: oneCost(t)}, hostile(), hostile())
	html := htmlOf(t, r)
	wellFormed(t, html)
	for _, bad := range []string{"<script", "<img", "\x1b"} {
		if strings.Contains(html, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	if out := text(t, r, 80); strings.ContainsAny(out, "\x1b\r\x00") {
		t.Error("the text can steer the terminal")
	}
	var b bytes.Buffer
	if err := r.WriteHeadline(&b); err != nil {
		t.Fatal(err)
	}
	table, _, _ := strings.Cut(b.String(), "\n\n")
	columns := -1
	for line := range strings.Lines(table) {
		if n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|"); columns >= 0 && n != columns || strings.Contains(line, "<") {
			t.Errorf("not a row like the others: %s", line)
		} else {
			columns = n
		}
	}
}

// wellFormed checks that a page is XML, loads nothing and has no figures that
// are none.
func wellFormed(t *testing.T, html string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(html))
	d.Entity = xml.HTMLEntity
	ids := map[string]bool{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well formed: %v", err)
		}
		element, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		for _, a := range element.Attr {
			switch name := a.Name.Local; {
			case name == "src" || name == "href" || name == "srcset" || name == "data" || strings.HasPrefix(name, "on"):
				t.Errorf("<%s> has %s=%q", element.Name.Local, name, a.Value)
			case name == "id":
				if ids[a.Value] {
					t.Errorf("two elements are called %s", a.Value)
				}
				ids[a.Value] = true
			case strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf"):
				t.Errorf("<%s> has %s=%q", element.Name.Local, name, a.Value)
			}
		}
		switch element.Name.Local {
		case "script", "link", "img", "iframe", "object", "base", "image", "use":
			t.Errorf("the page has <%s>", element.Name.Local)
		}
	}
	style := html[strings.Index(html, "<style>"):strings.Index(html, "</style>")]
	if strings.Contains(style, "url(") || strings.Contains(style, "@import") || strings.Contains(style, "http") {
		t.Error("the style loads something")
	}
	// The template's own mark of what it would not print.
	if strings.Contains(html, "ZgotmplZ") {
		t.Error("the template refused a value")
	}
	if regexp.MustCompile(`>[^<]*\b(NaN|Inf)\b`).MatchString(html) {
		t.Error("the page shows NaN or Inf")
	}
}

func TestPageIsSelfContained(t *testing.T) {
	html := htmlOf(t, newReport(t, Options{Cost: exampleCost(t)}, exampleRun(24, 1), exampleRun(24, 2)))
	wellFormed(t, html)
	for _, want := range []string{"prefers-color-scheme:dark", "<desc ", "no figures of AWS", "published", "bench/variants/setup.sh node", "Failed: 2 samples", "Comparison: "} {
		if !strings.Contains(html, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if len(html) > 3<<20 {
		t.Errorf("the page has %d bytes", len(html))
	}
}
