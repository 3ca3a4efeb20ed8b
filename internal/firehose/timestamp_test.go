package firehose

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestTimestampsAreJavas compares with testdata/timestamps.tsv, which
// testdata/Timestamps.java wrote.
func TestTimestampsAreJavas(t *testing.T) {
	table, err := os.ReadFile("testdata/timestamps.tsv")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(table)) {
		n++
		columns := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		pattern, want := columns[0], columns[3]
		instant, err := time.Parse(time.RFC3339, columns[1])
		if err != nil {
			t.Fatal(err)
		}
		zone, err := time.LoadLocation(columns[2])
		if err != nil {
			t.Fatal(err)
		}
		got := "!"
		if format, err := compileTimestamp(pattern); err == nil {
			got = string(format.append(nil, instant.In(zone)))
		}
		if got != want {
			t.Errorf("%q at %s in %s: got %q, want %q", pattern, columns[1], zone, got, want)
		}
	}
	if n < 800 {
		t.Errorf("%d lines", n)
	}
}
