package benchreport

import (
	"strings"
	"testing"

	"coldstream/internal/measure"
)

// warmRun is a run of one variant: rounds of many events that hardly differ.
func warmRun(rounds ...float64) *measure.Run {
	run := &measure.Run{Platform: measure.AWS, Variants: []measure.Variant{{Name: "zip", Kind: "zip"}}}
	for i, ms := range rounds {
		for k := range 20 {
			run.Samples = append(run.Samples, measure.Sample{Variant: "zip", Case: measure.Warm, Records: 1, Round: i + 1,
				Values: map[string]float64{measure.Time: ms*1e6 + float64(k)}})
		}
	}
	return run
}

// TestComparisonCountsRounds: two processes prove nothing, however many events
// they had.
func TestComparisonCountsRounds(t *testing.T) {
	c := newReport(t, Options{}, warmRun(1, 1.1), warmRun(1.2, 1.3)).comparisons[0]
	row := c.Tables[0].Rows[0]
	if row[3] != "~" || row[5] != "2+2" {
		t.Errorf("two rounds each: %q", row)
	}
	c = newReport(t, Options{}, warmRun(1, 1.1, 1, 1.2, 1, 1.1), warmRun(2, 2.1, 2.2, 2, 2.1, 2)).comparisons[0]
	row = c.Tables[0].Rows[0]
	if row[3] == "~" || row[5] != "6+6" || len(row) != 8 || !strings.Contains(row[6], " to ") || !strings.Contains(row[7], "2.00 to 2.") {
		t.Errorf("six rounds each: %q", row)
	}
	if !strings.Contains(c.Note, "count a round as one") || strings.Contains(c.Note, "names no rounds") {
		t.Errorf("the note: %s", c.Note)
	}
	without := warmRun(1, 1.1)
	for i := range without.Samples {
		without.Samples[i].Round = 0
	}
	if c = newReport(t, Options{}, warmRun(1, 1.1), without).comparisons[0]; !strings.Contains(c.Note, "run2.jsonl names no rounds") {
		t.Errorf("the note on a run without rounds: %s", c.Note)
	}
}

// TestUnlikeVariantsAreNotCompared: the same name may be another thing.
func TestUnlikeVariantsAreNotCompared(t *testing.T) {
	for want, edit := range map[string]func(a, b *measure.Variant){
		"zip (arch arm64 and amd64)":     func(a, b *measure.Variant) { a.Arch, b.Arch = "arm64", "x86_64" },
		"zip (model default and origin)": func(a, b *measure.Variant) { a.Model, b.Model = "default", "origin" },
		"zip (memory 512 MB and 1,769 MB)": func(a, b *measure.Variant) {
			a.Versions, b.Versions = map[string]string{"memory": "512 MB"}, map[string]string{"memory": "1,769 MB"}
		},
		"": func(a, b *measure.Variant) { a.Arch, a.Model, b.Arch = "arm64", "default", "arm64" },
	} {
		a, b := warmRun(1, 2, 3), warmRun(1, 2, 3)
		edit(&a.Variants[0], &b.Variants[0])
		c := newReport(t, Options{}, a, b).comparisons[0]
		if want == "" {
			if len(c.Tables) != 1 || strings.Contains(c.Note, "Not compared") {
				t.Errorf("alike as far as is known: %+v", c)
			}
			continue
		}
		if len(c.Tables) != 0 || !strings.Contains(c.Note, "Not compared: "+want+".") {
			t.Errorf("want %s: %+v", want, c)
		}
	}
	// The samples of a sweep name their own sizes.
	a, b := sweep(), sweep()
	a.Variants = []measure.Variant{{Name: "a", Versions: map[string]string{"memory": "128 MB"}}}
	b.Variants = []measure.Variant{{Name: "a", Versions: map[string]string{"memory": "512 MB"}}}
	if c := newReport(t, Options{}, a, b).comparisons[0]; len(c.Tables) == 0 || strings.Contains(c.Note, "Not compared") {
		t.Errorf("a sweep: %+v", c)
	}
}
