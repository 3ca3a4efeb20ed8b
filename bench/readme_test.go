package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// Markers of the README's table, and the command that writes it.
const (
	tableBegin = "<!-- go run ./bench report bench/results/local.jsonl --headline -->\n"
	tableEnd   = "<!-- end -->"
)

// TestREADMETableIsTheResults: the README's table is what the command between
// its markers prints of the results beside it.
func TestREADMETableIsTheResults(t *testing.T) {
	readme := readFile(t, filepath.Join("..", "README.md"))
	_, rest, begins := strings.Cut(readme, tableBegin)
	shown, _, ends := strings.Cut(rest, tableEnd)
	if !begins || !ends {
		t.Fatalf("README.md has no table between %q and %q", tableBegin, tableEnd)
	}
	want, err := bench(t.Context(), "report", filepath.Join("results", "local.jsonl"), "--headline")
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(shown) != strings.TrimSpace(want) {
		t.Errorf("README.md shows\n%s\nbut the results are\n%s", shown, want)
	}
}
