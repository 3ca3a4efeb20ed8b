package benchreport

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/rivo/uniseg"

	"coldstream/internal/measure"
	"coldstream/internal/report"
)

// leastWidth is what a table gets at least, however narrow the terminal is.
const leastWidth = 40

// WriteText writes the report for a terminal of width columns. Tables that are
// wider go on below, with the names of their rows again.
func (r *Report) WriteText(w io.Writer, width int) error {
	t := &textWriter{w: w, width: max(width, leastWidth)}
	for i, d := range r.runs {
		if i > 0 {
			t.line("")
		}
		t.run(d)
	}
	for _, c := range r.comparisons {
		t.heading("Comparison: " + c.Title)
		t.wrapped("", c.Note)
		for _, table := range c.Tables {
			t.table(table)
		}
	}
	if r.cost != nil {
		t.cost(r.cost)
	}
	return t.err
}

// textWriter writes lines until one fails.
type textWriter struct {
	w     io.Writer
	width int
	err   error
}

func (t *textWriter) line(s string) {
	if t.err == nil {
		_, t.err = fmt.Fprintln(t.w, s)
	}
}

func (t *textWriter) heading(s string) {
	t.line("")
	t.wrapped("", s)
	t.line(strings.Repeat("=", min(t.width, uniseg.StringWidth(s))))
}

// wrapped writes text in lines that fit, the first behind head and the others
// below it.
func (t *textWriter) wrapped(head, text string) {
	for _, l := range wrap(text, t.width-len(head)) {
		t.line(head + l)
		head = strings.Repeat(" ", len(head))
	}
}

// wrap breaks text between words into lines of at most width columns, and words
// that are longer than that.
func wrap(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		for {
			switch {
			case line == "" && uniseg.StringWidth(word) <= width:
				line = word
			case line != "" && uniseg.StringWidth(line)+1+uniseg.StringWidth(word) <= width:
				line += " " + word
			case line != "":
				lines, line = append(lines, line), ""
				continue
			default:
				head := strings.TrimSuffix(clip(word, width), "…")
				lines, word = append(lines, head), strings.TrimPrefix(word, head)
				continue
			}
			break
		}
	}
	return append(lines, line)
}

// run writes all about one run.
func (t *textWriter) run(d *dataset) {
	title := d.name + ": " + d.platform()
	t.wrapped("", title)
	t.line(strings.Repeat("=", min(t.width, uniseg.StringWidth(title))))
	for _, f := range d.facts() {
		t.wrapped(fmt.Sprintf("%-8s  ", f.Name), strings.Join(f.Lines, "; "))
	}
	for _, table := range d.tables() {
		t.table(table)
	}
	if skipped := d.skipped(); len(skipped) > 0 {
		t.line("")
		t.line("Not measured")
		t.entries(skipped)
	}
	if failures, total := d.failures(); total > 0 {
		t.line("")
		t.line("Failed: " + count(total, "sample"))
		t.entries(failures)
	}
}

func (t *textWriter) entries(all []entry) {
	for _, e := range all {
		t.wrapped("  ", e.Name+": "+e.Lines[0])
		for _, l := range e.Lines[1:] {
			t.line("    " + clip(l, t.width-4))
		}
	}
}

// table writes a table, in parts if it is too wide.
func (t *textWriter) table(tb table) {
	t.line("")
	title := tb.Title
	if tb.Note != "" {
		title += " (" + tb.Note + ")"
	}
	t.wrapped("", title)
	rows := append([][]string{tb.Head}, tb.Rows...)
	for i, columns := range fit(rows, t.width) {
		if i > 0 {
			t.line("")
		}
		part := make([][]string, len(rows))
		for k, row := range rows {
			for _, c := range columns {
				part[k] = append(part[k], row[c])
			}
		}
		if t.err == nil {
			t.err = report.WriteColumns(t.w, part)
		}
	}
}

// fit cuts the columns of rows into parts that are at most width wide and begin
// with the first column.
func fit(rows [][]string, width int) (parts [][]int) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for c, s := range row {
			widths[c] = max(widths[c], uniseg.StringWidth(s))
		}
	}
	part, used := []int{0}, widths[0]
	for c := 1; c < len(widths); c++ {
		if used+2+widths[c] > width && len(part) > 1 {
			parts = append(parts, part)
			part, used = []int{0}, widths[0]
		}
		part = append(part, c)
		used += 2 + widths[c]
	}
	return append(parts, part)
}

// platform says where the run was measured.
func (d *dataset) platform() string {
	switch d.run.Platform {
	case measure.Local:
		return "local: processes on this machine, no figures of AWS"
	case measure.AWS:
		if region := d.run.Config["region"]; region != "" {
			return "AWS, " + label(region)
		}
		return "AWS"
	}
	return label(d.run.Platform)
}

// facts say how the run was measured.
func (d *dataset) facts() (all []entry) {
	add := func(name string, lines ...string) {
		for i := range lines {
			lines[i] = clip(printable(lines[i]), maxReason)
		}
		if strings.Join(lines, "") != "" {
			all = append(all, entry{name, lines})
		}
	}
	if !d.run.Date.IsZero() {
		add("date", d.run.Date.UTC().Format("2006-01-02 15:04 UTC"))
	}
	add("command", d.run.Command)
	var machine []string
	for _, k := range slices.Sorted(maps.Keys(d.run.Config)) {
		machine = append(machine, k+": "+d.run.Config[k])
	}
	add("setting", machine...)
	for _, n := range d.run.Notes {
		add("note", n)
	}
	for _, v := range d.variants {
		if n := d.starts[v]; n.twice > 0 {
			add("note", fmt.Sprintf("%s: %d of %s ran over Lambda's 10 s of init and began again; they count like the others", label(v), n.twice, count(n.all, "start")))
		}
	}
	return all
}
