package benchreport

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"coldstream/internal/measure"
)

// maxHeadline is how many variants the README's table has at most.
const maxHeadline = 12

// WriteHeadline writes the README's table: the medians of the first run in
// Markdown, the fastest variant first. Functions without a model are left out
// before others if there are too many; the line below the table counts them.
func (r *Report) WriteHeadline(w io.Writer) error {
	d := r.runs[0]
	shown := slices.Clone(d.variants)
	for i := len(shown) - 1; i >= 0 && len(shown) > maxHeadline; i-- {
		if d.variant(shown[i]).Kind == "floor" && shown[i] != d.baseline {
			shown = slices.Delete(shown, i, i+1)
		}
	}
	shown = shown[:min(len(shown), maxHeadline)]
	cold, events := d.cold(), d.headlineEvents()
	t := table{Head: []string{"variant", "model", "upload", "init p50", "first answer p50", d.factorHead()}}
	for _, g := range events {
		t.Head = append(t.Head, "warm, "+count(g.Records, "post"))
	}
	t.Head = append(t.Head, "peak memory", endpointMemory)
	for _, v := range shown {
		row := []string{label(v), d.model(v), bytesOf(d.variant(v).UploadBytes), human(d.summary(cold, v, measure.Init).P50, times), human(d.summary(cold, v, measure.First).P50, times), factor(d.factor(v))}
		for _, g := range events {
			row = append(row, human(d.summary(g, v, measure.Time).P50, times))
		}
		t.Rows = append(t.Rows, append(row, human(d.summary(cold, v, measure.Peak).P50, sizes), human(d.endpoint(v).P50, sizes)))
	}
	t.dropEmpty()
	var b strings.Builder
	writeRow := func(row []string) {
		for _, c := range row {
			b.WriteString("| " + markdown(c) + " ")
		}
		b.WriteString("|\n")
	}
	writeRow(t.Head)
	b.WriteString("|---" + strings.Repeat("|---:", len(t.Head)-1) + "|\n")
	for _, row := range t.Rows {
		writeRow(row)
	}
	b.WriteString("\n" + markdown(upper(d.platform())))
	if !d.run.Date.IsZero() {
		b.WriteString("; " + d.run.Date.UTC().Format("2006-01-02"))
	}
	if cpu := d.run.Config["cpu"]; cpu != "" {
		b.WriteString("; " + markdown(label(cpu)))
	}
	if n := len(d.variants) - len(shown); n > 0 {
		b.WriteString("; " + count(n, "variant") + " more in the full report")
	}
	_, err := fmt.Fprintln(w, b.String()+".")
	return err
}

// headlineEvents returns the smallest warm event and that of 500 records, or
// else the largest.
func (d *dataset) headlineEvents() []group {
	warm := d.warm()
	if len(warm) < 2 {
		return warm
	}
	large := warm[len(warm)-1]
	for _, g := range warm[1:] {
		if g.Records == 500 {
			large = g
		}
	}
	return []group{warm[0], large}
}

// markdown escapes what would be markup in a cell.
func markdown(s string) string {
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, "`", "\\`", "*", `\*`, "_", `\_`, "<", "&lt;", ">", "&gt;", "[", `\[`, "]", `\]`, "&", "&amp;").Replace(s)
}

// upper begins s with a capital letter.
func upper(s string) string {
	first, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[n:]
}
