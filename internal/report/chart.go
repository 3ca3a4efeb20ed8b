package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"github.com/rivo/uniseg"
)

// minBar is the narrowest bar that still shows a proportion.
const minBar = 10

// WriteTable writes the counts by label as a table.
func (r *Results) WriteTable(w io.Writer) error {
	rows := [][]string{{"label", "posts", "share", "mean score"}}
	for _, l := range r.Labels {
		mean := "-"
		if l.Count > 0 {
			mean = fmt.Sprintf("%.3f", l.MeanScore)
		}
		rows = append(rows, []string{Printable(l.Label), Thousands(l.Count), r.share(l.Count), mean})
	}
	rows = append(rows, []string{"total", Thousands(r.Scored), r.share(r.Scored), ""})
	return WriteColumns(w, rows)
}

// share is n's part of the scored posts.
func (r *Results) share(n int) string {
	if r.Scored == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(n)/float64(r.Scored))
}

// WriteColumns writes rows in columns two spaces apart: the first column to the
// left, the others to the right.
func WriteColumns(w io.Writer, rows [][]string) error {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], uniseg.StringWidth(cell))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-uniseg.StringWidth(cell))
			if i == 0 {
				b.WriteString(cell + pad)
			} else {
				b.WriteString("  " + pad + cell)
			}
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(b.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// WriteBars draws the counts as horizontal bars that fit into width columns,
// with block characters or, where the terminal has none, with '#'.
func (r *Results) WriteBars(w io.Writer, width int, unicodeBlocks bool) error {
	label, number, most := 0, 0, 0
	for _, l := range r.Labels {
		label = max(label, uniseg.StringWidth(Printable(l.Label)))
		number = max(number, len(Thousands(l.Count)))
		most = max(most, l.Count)
	}
	room := max(width-label-number-3, minBar)
	for _, l := range r.Labels {
		name := Printable(l.Label)
		pad := strings.Repeat(" ", label-uniseg.StringWidth(name))
		line := fmt.Sprintf("%s%s  %s %s", name, pad, bar(l.Count, most, room, unicodeBlocks), Thousands(l.Count))
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// bar draws n of most in at most room columns, in eighths of a column where the
// characters for that exist. What is not zero shows.
func bar(n, most, room int, unicodeBlocks bool) string {
	if n == 0 {
		return ""
	}
	if !unicodeBlocks {
		return strings.Repeat("#", max(1, (n*room+most/2)/most))
	}
	eighths := max(1, (n*room*8+most/2)/most)
	b := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		b += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	return b
}

// Thousands writes n with commas.
func Thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Count writes a number of things: "1 post", "2,000 posts".
func Count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return Thousands(n) + " " + thing
}

// Printable replaces what could steer a terminal: labels and ids come from
// files.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}
