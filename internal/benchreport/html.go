package benchreport

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
)

//go:embed report.html.tmpl
var pageText string

//go:embed report.css
var pageStyle string

var page = template.Must(template.New("report").Parse(pageText))

// What the page is made of. All texts in it have been made printable; the
// template escapes them.
type (
	pageData struct {
		Title       string
		Palette     template.CSS
		Style       template.CSS
		Runs        []pageRun
		Comparisons []comparison
		Cost        *pageCost
	}
	pageRun struct {
		Name, Platform    string
		Notes             []string
		Overview          table
		Charts            []pageChart
		Tables            []table
		Skipped, Failures []entry
		Failed            string // how many samples, "" if none
		Facts             []entry
		Variants          *table
	}
	pageChart struct {
		Wide, Narrow template.HTML
		Caption      string
	}
	pageCost struct {
		Source   string
		Basis    []string
		Inputs   []entry
		Measured *table
		Note     string
		Charts   []pageChart
		Tables   []table
		Warnings []entry
		Bills    []table
		Full     []table
	}
)

// WriteHTML writes the report as one file that loads nothing.
func (r *Report) WriteHTML(w io.Writer) error {
	p := pageData{Title: "Benchmark of a function that labels posts", Palette: paletteCSS(), Style: template.CSS(pageStyle), Comparisons: r.comparisons}
	charts := 0
	put := func(all []figureSet) (out []pageChart) {
		for _, c := range all {
			charts++
			out = append(out, pageChart{c.Wide.svg(fmt.Sprintf("c%dw", charts)), c.Narrow.svg(fmt.Sprintf("c%dn", charts)), c.Caption})
		}
		return out
	}
	for _, d := range r.runs {
		tables := d.tables()
		run := pageRun{Name: d.name, Platform: upper(d.platform()), Overview: tables[0], Tables: tables[1:], Charts: put(r.charts(d)), Skipped: d.skipped(), Variants: d.versions()}
		for _, f := range d.facts() {
			if f.Name == "note" {
				run.Notes = append(run.Notes, upper(f.Lines[0]))
			} else {
				run.Facts = append(run.Facts, f)
			}
		}
		var failed int
		if run.Failures, failed = d.failures(); failed > 0 {
			run.Failed = count(failed, "sample")
		}
		p.Runs = append(p.Runs, run)
	}
	if c := r.cost; c != nil {
		p.Cost = &pageCost{Source: c.source, Basis: c.basis, Inputs: c.inputs(), Note: estimatesNote}
		if len(c.all) > 0 {
			measured := c.measured()
			p.Cost.Measured, p.Cost.Charts, p.Cost.Tables = &measured, put(c.charts(r.fonts)), c.tables()
			p.Cost.Warnings, p.Cost.Bills = c.warnings(), c.bills()
			for _, rate := range c.in.PostsPerSecond {
				p.Cost.Full = append(p.Cost.Full, c.full(rate))
			}
		}
	}
	return page.Execute(w, p)
}

// versions says what each variant is; nil if nothing is known.
func (d *dataset) versions() *table {
	t := &table{Title: "Variants", Head: []string{"variant", "what", "kind", "model", "versions", "upload is"}, Words: true}
	for _, v := range d.run.Variants {
		var versions []string
		for _, k := range slices.Sorted(maps.Keys(v.Versions)) {
			versions = append(versions, k+" "+v.Versions[k])
		}
		row := []string{label(v.Name)}
		for _, s := range []string{v.Title, v.Kind, v.Model, strings.Join(versions, ", "), v.UploadNote} {
			if s = clip(printable(s), maxReason); s == "" {
				s = missing
			}
			row = append(row, s)
		}
		t.Rows = append(t.Rows, row)
	}
	if t.dropEmpty(); len(t.Head) < 2 || len(t.Rows) == 0 {
		return nil
	}
	return t
}
